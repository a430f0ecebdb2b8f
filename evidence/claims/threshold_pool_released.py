"""Pools of released thresholds cover: of crossing, of the handling it brings, and of honest estimates."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from evidence.claim import Verdict
from evidence.claims.threshold_pool_power import COVERED_APART, analytic_power
from evidence.context import Context
from evidence.montecarlo import mean_and_error, observed_figures

if TYPE_CHECKING:
    from causalsig.crossed import ReleasedThreshold

CLAIM = """Twenty municipalities of 2,000 to 16,000 episodes, four in ten of a household that comes more than
once, release their thresholds as a site does: clustered errors, jumps, first stage and its correlation on
their grids, the gate of a weak first stage, bins under the floors. The pool's interval covers the mean effect
of crossing (E1) and that of the handling (E2: the ratio of jumps, municipalities follow their rule in 35 to
80 of 100 and their effects differ by a standard deviation of 0.03) as often as the planner's formula says,
within 2 points; the pool of honest estimates, of a threshold on whole months where the mean is as curved as
declared, covers at least 93 %. The pooled ratio's bias is at most a fifth of its error's spread."""
ISSUE = 9
COVERS = (
    "causalsig/crossed*.py",
    "causalsig/estimation/threshold*.py",
    "causalsig/execution/crossed_numbers.py",
    "causalsig/meta/*.py",
    "causalsig/pooling/threshold*.py",
    "causalsig/release/crossed*.py",
    "causalsig/release/grid.py",
    "evidence/claims/threshold_pool_power.py",
)

SITES, REPLICATIONS, BATCH = 20, 400, 5
SIZES = (2000, 4000, 8000, 16_000)
AMOUNTS, MONTHS = (250.0, 400.0, 500.0, 750.0), (4.0, 6.0)
SPREAD, EFFECT, CURVED = 0.03, -0.08, 0.004
"""Between municipalities; of the handling on the risk of a return; second derivative a squared month."""
SMALLEST_F = 10.0
CONSERVATIVE, LARGEST_BIAS = (0.93, 1.0), 0.2
KINDS = {"amounts": ("E1", "E2"), "months": ("honest",)}


def run(context: Context) -> Verdict:
    """Replicate both worlds, and judge what the pools cover."""
    covers = 1.0 - analytic_power(0.0, SITES)
    exact = (covers - COVERED_APART, covers + COVERED_APART)
    figures: dict[str, Any] = {"sites": SITES, "analytic coverage": covers}
    passed = True
    for world, kinds in KINDS.items():
        batches = context.replicate(partial(_batch, world), range(REPLICATIONS // BATCH), part=world)
        rows = [row for batch in batches for row in batch]
        for kind in kinds:
            own = [row[kind] for row in rows]
            bias, error = mean_and_error([one["error"] for one in own])
            spread = error * len(own) ** 0.5
            hits = sum(one["covered"] for one in own)
            band = exact if kind != "honest" else CONSERVATIVE
            figures[kind] = cell = {
                "bias": bias,
                "bias over spread": bias / spread,
                "mean standard error over spread": sum(one["std_error"] for one in own) / len(own) / spread,
                "municipalities pooled": sum(one["sites"] for one in own) / len(own),
                "covered": observed_figures(hits, len(own), band),
            }
            passed = passed and bool(cast(dict[str, Any], cell["covered"])["passed"])
            passed = passed and (kind == "honest" or abs(bias / spread) <= LARGEST_BIAS)
    return {"passed": bool(passed), "figures": figures, "replications": REPLICATIONS, "seed": 0}


def _batch(world: str, batch: int) -> list[dict[str, Any]]:
    return [_one(world, batch * BATCH + k) for k in range(BATCH)]


def _one(world: str, seed: int) -> dict[str, Any]:
    from causalsig.pooling.thresholds import thresholds_of_sites
    from causalsig.study.models import Pooling

    rng = np.random.default_rng([9, 7, list(KINDS).index(world), seed])
    blocks: list[ReleasedThreshold] = []
    for place in range(SITES):
        own = EFFECT + SPREAD * rng.standard_normal()
        followed = rng.uniform(0.35, 0.8)
        blocks += _site(world, place, own, followed, rng)
    mean_crossing = EFFECT * (0.35 + 0.8) / 2.0
    found: dict[str, Any] = {}
    for row in thresholds_of_sites(blocks, Pooling()).rows:
        kind = "honest" if row.honest else row.estimand
        true = EFFECT if kind == "E2" else mean_crossing
        found[kind] = {
            "error": row.estimate - true,
            "std_error": row.std_error,
            "covered": row.conf_low <= true <= row.conf_high,
            "sites": row.sites,
        }
    return found


def _site(
    world: str, place: int, effect: float, followed: float, rng: np.random.Generator
) -> tuple[ReleasedThreshold, ...]:
    """Draw a municipality, and give its threshold as it is read from its release."""
    from causalsig.crossed import ThresholdBlock, ThresholdFindings
    from causalsig.estimation import collapse_scores
    from causalsig.execution.crossed_numbers import bin_rows, crossing_effect
    from causalsig.release.crossed import thresholds_entry
    from causalsig.release.crossed_read import released_thresholds
    from causalsig.release.rules import Limits
    from causalsig.study.read import DEFAULT_STUDY, read_study

    study = read_study(DEFAULT_STUDY)
    asked = study.questions.threshold
    assert asked is not None
    outcome = next(one for one in study.outcomes if one.id == asked.primary_outcome)
    n = SIZES[place % len(SIZES)]
    cutoffs = AMOUNTS if world == "amounts" else MONTHS
    cutoff = cutoffs[place // len(SIZES) % len(cutoffs)]
    scored, values = _drawn(world, n, cutoff, effect, followed, rng)
    table = collapse_scores(scored.values, values, households=scored.households)
    options = {
        "kernel": asked.kernel,
        "bandwidth": asked.bandwidth,
        "degree": asked.degree,
        "variance": "cluster_across",
        "scale": scored.scale,
        "curvature_bound": None if world == "amounts" else CURVED,
        "donut": 0.0,
    }
    found = crossing_effect(scored, table, 0, outcome, values, options, primary=True, smallest_f=SMALLEST_F)
    sides = [scored.above == above for above in (False, True)]
    households = [len(np.unique(scored.households[side])) for side in sides]
    limits = Limits.of(study)
    numbers = limits.disclosure.max_parameter_share * sum(households) - 40
    block = ThresholdBlock(
        period=1, valid_from=None, valid_to=None, score="amount" if world == "amounts" else "months",
        total=True, scale=scored.scale, cutoff=cutoff, below="letter", above="home_visit",
        episodes=(int(sides[0].sum()), int(sides[1].sum())), households=(households[0], households[1]),
        followed=(0.9, 0.1 + followed), one_pair=True, verdicts=(), donut=0.0, admitted=True, low=False,
        effects=(found,), accepted=None, bands=(), refusals=(),
        bins=bin_rows(scored, values, 0.0, smallest=limits.disclosure.min_households_cell, numbers=numbers),
    )  # fmt: skip
    entry = thresholds_entry(ThresholdFindings("estimated", (), (), (block,), ()), limits)
    document: Any = SimpleNamespace(site_code=f"{place:064d}", thresholds=(entry,))
    return released_thresholds(document)


def _drawn(
    world: str, n: int, cutoff: float, effect: float, followed: float, rng: np.random.Generator
) -> tuple[Any, Any]:
    """Draw episodes: whole amounts with heaps, or whole months where the mean is as curved as declared."""
    from causalsig.execution.crossed_numbers import Scored

    if world == "amounts":
        values = np.rint(np.exp(rng.normal(6.3, 1.0, n))).clip(20.0, 12_000.0)
        heaped = rng.random(n) < 0.1
        values[heaped] = np.maximum(50.0 * np.rint(values[heaped] / 50.0), 50.0)
        distance = np.log(values / cutoff)
        risk = 0.35 + 0.06 * distance - 0.02 * distance**2
    else:
        values = rng.poisson(rng.gamma(2.0, 2.5, n)).clip(1, 24).astype(np.float64)
        distance = values - cutoff
        # On either side its own way, which is the worst for a straight line.
        risk = 0.45 + 0.01 * distance + np.where(distance < 0.0, -1.0, 1.0) * CURVED * distance**2 / 2.0
    # Four in ten episodes share a household, and what a household has in common.
    alone = rng.random(n) < 0.6
    households = np.where(alone, np.arange(n), n + rng.integers(0, max(n // 5, 1), n))
    common = np.where(alone, rng.standard_normal(n), rng.standard_normal(n // 5 + n)[households - n])
    handled = (rng.random(n) < np.where(values >= cutoff, 0.1 + followed, 0.1)).astype(float)
    chance = np.clip(risk + effect * handled + 0.05 * common, 0.0, 1.0)
    return (
        Scored(values, cutoff, "log" if world == "amounts" else "linear", households, handled),
        (rng.random(n) < chance).astype(float),
    )
