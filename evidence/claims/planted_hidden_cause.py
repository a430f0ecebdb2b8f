"""A hidden cause of known strength: the robustness value says that much at most, at sites and in pools."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache, partial
from typing import Any

import numpy as np

from causalsig.diagnosed import SensitivityRow
from evidence.claim import Verdict
from evidence.context import Context
from evidence.montecarlo import rate_figures

CLAIM = """Where no arm has an effect and a hidden cause of known strength makes the difference, the
robustness value of the one-sided 95 % interval exceeds that strength in at most 5 % of runs: at sites of
600 and 3,000 households for ATE, ATT and ATO, with two and three arms, from what such a site releases on
its grids, and in the pool of twelve sites, whose scales differ by a third, by the study's own choices,
made of nothing but their releases. That of the estimate itself exceeds it in about half. For ATE and ATO
the cause works in the worst way it can (its bias is the bound of its two shares, which the cells of the
population say); for the ATT its bias is 0.7 of that, and the strength is that of a cause which gives
this bias in the worst way. The side is that of the estimate: where neither an effect nor a hidden cause
is, twice 5 % say more than nothing."""
ISSUE = 7
COVERS = (
    "causalsig/estimation/sensitivity*.py",
    "causalsig/estimation/augmented.py",
    "causalsig/estimation/design.py",
    "causalsig/estimation/propensity.py",
    "causalsig/pooling/robustness.py",
    "causalsig/pooling/lineup.py",
    "causalsig/pooling/pool.py",
    "causalsig/meta/univariate.py",
    "causalsig/meta/weights.py",
    "causalsig/release/beside.py",
    "causalsig/release/build.py",
    "causalsig/release/grid.py",
    "causalsig/results.py",
)

BATCH = 50
SITES = 1000
POOLS = 1000
AT_MOST = (0.0, 0.05)
SHARP = (0.35, 0.65)
"""Half, but for the skewness of a ratio at 600 households."""
ESTIMANDS: dict[str, Any] = {"ATE": "ATE", "ATT": ("ATT", 1), "ATO": "ATO"}
SIZES = (600, 3000)
POOLED_SIZES = tuple(np.geomspace(400, 3000, 12).round().astype(int).tolist())
POOL_BATCH = 5
ARMS = {1: "home_visit", 0: "letter"}
"""Arms of a world as the study names them: a release knows no others."""


@dataclass(frozen=True, slots=True)
class World:
    """Chances given the hidden cause u = 0 or 1, which half of the households have.

    Attributes
    ----------
    arm : of arm 1, and of arm 0 in a world of two arms; a third arm takes `third` whatever u is
    risk : of the outcome, whatever the arm
    """

    arm: tuple[float, float] = (0.38, 0.62)
    risk: tuple[float, float] = (0.2, 0.34)
    third: float = 0.0


WORLDS = {2: World(), 3: World(third=0.3)}
SMALL_RISK, LARGE_RISK = 0.45, 0.12
"""Risk without the hidden cause at the smallest and at the largest site of a pool."""
WORST = 1e-9


def run(context: Context) -> Verdict:
    """Replicate sites and pools."""
    rows = []
    for arms in WORLDS:
        for name in ESTIMANDS:
            truth, worst = planted(WORLDS[arms], name), correlation(WORLDS[arms], name)
            for size in SIZES:
                batches = context.replicate(
                    partial(sites, arms, name, size), range(SITES // BATCH), part=f"{arms}-{name}-{size}"
                )
                found = np.array([row for batch in batches for row in batch])
                rows += _rows(f"site, {arms} arms, {name}, {size} households", found, truth, worst)
    batches = context.replicate(pools, range(POOLS // POOL_BATCH), part="pools")
    found = np.array([row for batch in batches for row in batch])
    worlds = pool_worlds()
    truth, worst = planted(worlds[-1], "ATO"), min(correlation(world, "ATO") for world in worlds)
    rows += _rows("pool of 12 releases, 2 arms, ATO", found[:, :2], truth, worst)
    rows += _rows(f"release of a site of {POOLED_SIZES[-1]}, 2 arms, ATO", found[:, 2:], truth, worst)
    sharp = all(row["correlation"] > 1.0 - WORST for row in rows if "ATT" not in row["what"])
    scales = [_cells(world, "ATO").scale for world in worlds]
    return {
        "passed": sharp and all(row["passed"] for row in rows),
        "figures": {"rates": rows, "largest over smallest scale in a pool": max(scales) / min(scales)},
        "replications": min(row["replications"] for row in rows),
    }


def _rows(what: str, found: Any, truth: float, worst: float) -> list[dict[str, Any]]:
    return [
        {
            "what": f"{what}: {name}",
            "planted": round(truth, 4),
            "correlation": round(worst, 12),
            "mean": round(float(values.mean()), 4),
        }
        | rate_figures(int(np.sum(values > truth)), len(values), band)
        for name, values, band in (
            ("of the interval", found[:, 1], AT_MOST),
            ("of the estimate", found[:, 0], SHARP),
        )
    ]


@dataclass(frozen=True, slots=True)
class Cells:
    """A world in population figures, exact, from its cells.

    Attributes
    ----------
    scale : S, root of the mean squared outcome residual times the mean squared weight
    bias : of the contrast, without its sign
    largest : bias of causes with the same two shares at the most: S C_Y C_A
    """

    scale: float
    bias: float
    largest: float


def planted(world: World, estimand: str) -> float:
    """Share r, equal on both sides, that gives the bias of the world."""
    from causalsig.estimation.sensitivity import share_of

    cells = _cells(world, estimand)
    return float(share_of(cells.bias / cells.scale))


def correlation(world: World, estimand: str) -> float:
    """How near the hidden cause's bias is to the largest that its two shares allow."""
    cells = _cells(world, estimand)
    return cells.bias / cells.largest


def _cells(world: World, estimand: str) -> Cells:
    """Work the world out; nothing is recorded that matters, so m and the propensities average over u."""
    from causalsig.estimation.tilting import tilt

    arms = 2 if world.third == 0.0 else 3
    p_u = np.array([_chances(world, u) for u in (0, 1)])
    g = np.array(world.risk)
    joint = 0.5 * p_u  # (u, arm)
    p, m = joint.sum(axis=0), joint.T @ g / joint.sum(axis=0)
    labels, asked = tuple(range(arms)), ESTIMANDS[estimand]
    h = float(tilt(p[None], asked, labels)[0][0])
    h_u = tilt(p_u, asked, labels)[0] if estimand == "ATT" else np.array([h, h])
    sign = np.array([-1.0, 1.0, 0.0])[:arms]
    alpha, alpha_u = sign / p, (h_u / h)[:, None] * sign / p_u
    two = joint * np.abs(sign)
    gap = g[:, None] - m
    sigma2 = float(np.sum(two * (gap**2 + (g * (1.0 - g))[:, None])))
    nu2 = float(np.sum(p * alpha**2))
    bias = abs(float(np.sum(two * gap * (alpha_u - alpha))))
    largest = float(np.sqrt(np.sum(two * gap**2) * np.sum(two * (alpha_u - alpha) ** 2)))
    return Cells(float(np.sqrt(sigma2 * nu2)), bias, largest)


@cache
def pool_worlds() -> tuple[World, ...]:
    """Worlds of a pool's sites, smallest site first: one strength of the hidden cause, other scales."""
    from scipy.optimize import brentq

    usual = World()
    wanted = planted(usual, "ATO")
    worlds = []
    for risk in np.linspace(SMALL_RISK, LARGE_RISK, len(POOLED_SIZES)):
        more = brentq(lambda d, risk=risk: planted(World(risk=(risk, risk + d)), "ATO") - wanted, 0.01, 0.4)
        worlds.append(World(risk=(float(risk), float(risk + more))))
    return tuple(worlds)


def _chances(world: World, u: int) -> list[float]:
    """Chance of every arm given u."""
    rest = 1.0 - world.third
    first = [rest * (1.0 - world.arm[u]), rest * world.arm[u]]
    return first if world.third == 0.0 else [*first, world.third]


def _drawn(r: np.random.Generator, world: World, size: int) -> tuple[Any, Any, Any, Any]:
    """Covariates, arms, outcomes and propensity of one site; what is recorded says nothing."""
    from causalsig.estimation import fit_propensity

    arms = 2 if world.third == 0.0 else 3
    u = (r.random(size) < 0.5).astype(int)
    edges = np.cumsum([_chances(world, 0), _chances(world, 1)], axis=1)[u]
    codes = (r.random(size)[:, None] > edges[:, :-1]).sum(axis=1)
    y = (r.random(size) < np.array(world.risk)[u]).astype(float)
    x = r.normal(size=(size, 2))
    return x, codes, y, fit_propensity(x, codes, arms=range(arms), households=np.arange(size))


def _site(r: np.random.Generator, arms: int, estimand: str, size: int) -> Any:
    """Sensitivity of one site."""
    from causalsig.estimation import hidden_cause_sensitivity

    x, codes, y, fitted = _drawn(r, WORLDS[arms], size)
    [found] = hidden_cause_sensitivity(
        x, codes, y, propensity=fitted, contrasts=[(1, 0)], estimand=ESTIMANDS[estimand]
    )
    return found


def sites(arms: int, estimand: str, size: int, batch: int) -> list[list[float]]:
    """Robustness value of the estimate and of the interval, a site."""
    rows = []
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        r = np.random.default_rng([arms, list(ESTIMANDS).index(estimand), size, seed])
        one = _site(r, arms, estimand, size)
        rows.append([one.robustness_value(), one.robustness_value_of_interval()])
    return rows


def pools(batch: int) -> list[list[float]]:
    """Give both robustness values of a pool, and those of its largest site's release."""
    from causalsig.pooling import pool_arms, site_robustness

    study = two_arms()
    rows = []
    for seed in range(batch * POOL_BATCH, (batch + 1) * POOL_BATCH):
        r = np.random.default_rng([99, seed])
        tried = [
            released(r, world, size, f"{place:064d}", study)
            for place, (size, world) in enumerate(zip(POOLED_SIZES, pool_worlds(), strict=True))
        ]
        blocks = [block for block in tried if block is not None]
        [pooled] = pool_arms(blocks, study, "0" * 64).robustness
        last = blocks[-1]
        a, b = last.arms.index(ARMS[1]), last.arms.index(ARMS[0])
        v = np.asarray(last.covariance) + np.diag(np.square(last.steps) / 12.0)
        error = float(np.sqrt(v[a, a] + v[b, b] - 2.0 * v[a, b]))
        alone = site_robustness(last.means[a] - last.means[b], error, last.sensitivity[0])
        rows.append([pooled.value, pooled.value_of_interval, alone.value, alone.value_of_interval])
    return rows


def two_arms() -> Any:
    """Give the default study, asking about two arms, with the risk of this world declared."""
    from causalsig.study.read import read_study

    study = read_study("vroegsignalering")
    asked = study.questions.contact_method
    assert asked is not None
    fewer = asked.model_copy(update={"arms": tuple(ARMS[code] for code in (0, 1))})
    return study.model_copy(
        update={
            "questions": study.questions.model_copy(update={"contact_method": fewer}),
            "disclosure": study.disclosure.model_copy(update={"expected_risk": LARGE_RISK}),
        }
    )


def released(r: np.random.Generator, world: World, size: int, site: str, study: Any) -> Any:
    """Analyse one site of two arms and send it through the release: what comes out is on the grids.

    None where an arm is too small to be admitted, which is decided before outcomes.
    """
    from causalsig.estimation import doubly_robust, hidden_cause_sensitivity
    from causalsig.records import Analysis, QuestionResult, SiteResult
    from causalsig.release.build import ReleaseIdentity, build_release, released_arms
    from causalsig.study.digest import study_digest

    x, codes, y, fitted = _drawn(r, world, size)
    means = doubly_robust(x, codes, y, propensity=fitted, estimand="ATO")
    [hidden] = hidden_cause_sensitivity(x, codes, y, propensity=fitted, contrasts=[(1, 0)], estimand="ATO")
    named = replace(means, arms=tuple(ARMS[arm] for arm in means.arms))
    row = SensitivityRow(
        ARMS[1],
        ARMS[0],
        **asdict(hidden.components()),
        robustness_value=hidden.robustness_value(),
        robustness_value_of_interval=hidden.robustness_value_of_interval(),
    )
    returned = [int(y[codes == arm].sum()) for arm in means.arms]
    analysis = Analysis(
        question="contact_method",
        outcome="any_new_arrears_3m",
        estimand="ATO",
        kind="any",
        months=3,
        reference=ARMS[0],
        primary=True,
        result=named,
        unadjusted=named,
        households_with=tuple(returned),
        households_without=tuple(int(n) - k for n, k in zip(means.households, returned, strict=True)),
        sensitivity=(row,),
    )
    question = QuestionResult("contact_method", "estimated", (), (), (), (analysis,), ())
    found = SiteResult("9001", study_digest(study), date(2026, 6, 30), (question,), ())
    identity = ReleaseIdentity(site, "b" * 64, "0.1.0", "c" * 64)
    blocks = released_arms(build_release(found, study=study, identity=identity).document)
    return blocks[0] if blocks else None
