"""Random pools, and what the handbook says of them: enough sites, none too heavy, no few shown to others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from causalsig.contacted import PooledContactRow
from causalsig.diagnosed import PooledBalanceRow, RobustnessRow
from causalsig.grouped import PooledGain, PooledGroupRow, PooledRule
from causalsig.pooling import pool_arms, pool_of_others
from causalsig.records import PooledContrast, PooledMean, PoolResult, ReleasedArms
from evidence.claims._payload_judged import Judged, _rounded_up
from evidence.claims._payload_oracle import SITES

if TYPE_CHECKING:
    from random import Random

    from causalsig.study.models import Study

ARMS: Final = ("letter", "message", "phone", "home_visit", "none")
METHOD: Final = "REML, knapp-hartung-floored"
DIGEST: Final = "d" * 64
MARGIN: Final = 0.01
"""Of a weight: the pool adds what rounding to a grid adds to each variance, which this oracle leaves out."""


def random_pool(draw: Random) -> PoolResult:
    """Draw what a pool could say, publishable or not, of few sites or many."""
    others = draw.random() < 0.6
    contrasts = tuple(_contrast(draw, arm) for arm in draw.sample(ARMS[1:], draw.randint(1, 3)))
    means = tuple(_mean(draw, arm) for arm in draw.sample(ARMS, draw.randint(1, 3)))
    first = contrasts[0]
    kind: Any = "others" if others else "all"
    return PoolResult(
        DIGEST,
        kind,
        METHOD,
        0.95,
        draw.randint(0, 40),
        contrasts,
        means,
        tuple((f"{n:064x}", "pool-no-estimate") for n in range(draw.randint(0, 2))),
        False,
        robustness=tuple(_robustness(draw, one) for one in contrasts if draw.random() < 0.5),
        balance=tuple(_balance(draw, one) for one in contrasts if draw.random() < 0.5),
        groups=tuple(_group(draw, first, name) for name in ("first", "repeated") if draw.random() < 0.6),
        rules=tuple(_rule(draw, name) for name in ("rule-1",) if draw.random() < 0.5),
        contacts=tuple(_contact(draw, name) for name in ("first", "repeated") if draw.random() < 0.6),
    )


def _sites(draw: Random) -> int:
    return draw.choice((1, 3, 5, 6, 7, 9, 40))


def _interval(draw: Random) -> dict[str, Any]:
    estimate, error = draw.gauss(0.0, 0.1), 10 ** draw.uniform(-4.0, -1.0)
    if draw.random() < 0.05:
        error = draw.choice((0.0, math.nan, 1e-14))
    ends = {"conf_low": estimate - 2 * error, "conf_high": estimate + 2.1 * error}
    return {"estimate": estimate, "std_error": error} | ends


def _contrast(draw: Random, arm: str) -> PooledContrast:
    numbers = _interval(draw)
    low, high = numbers["conf_low"], numbers["conf_high"]
    tau2 = draw.choice((0.0, 10 ** draw.uniform(-6.0, -2.0)))
    return PooledContrast(
        "contact_method", "any_new_arrears_3m", "ATO", "any", 3, arm, "letter", draw.random() < 0.7,
        _sites(draw),
        **numbers, df=draw.choice((None, 7.0)), p_value=draw.random(), tau2=tau2,
        tau2_interval=draw.choice(((0.0, tau2 * 4), (0.0, math.inf), (math.nan, math.nan))),
        i2=100 * draw.random(), q=draw.uniform(0.0, 90.0), q_p_value=draw.random(),
        prediction_low=low * 2 - high, prediction_high=2 * high - low, publishable=draw.random() < 0.7,
        reasons=draw.choice(((), ("pool-too-few-sites",))),
    )  # fmt: skip


def _mean(draw: Random, arm: str) -> PooledMean:
    numbers = _interval(draw)
    del numbers["std_error"]
    return PooledMean("contact_method", "any_new_arrears_3m", "ATO", "any", 3, arm, _sites(draw), **numbers)


def _robustness(draw: Random, of: PooledContrast) -> RobustnessRow:
    value = draw.random()
    return RobustnessRow(
        of.question, of.outcome, of.estimand, of.arm, of.reference, max(_sites(draw), 1), value,
        value * draw.random(), draw.random() < 0.7,
    )  # fmt: skip


def _balance(draw: Random, of: PooledContrast) -> PooledBalanceRow:
    return PooledBalanceRow(
        of.question, of.estimand, of.arm, of.reference, _sites(draw), 9, 8, "creditor-rent", draw.random(),
        draw.random() < 0.7,
    )  # fmt: skip


def _group(draw: Random, of: PooledContrast, name: str) -> PooledGroupRow:
    return PooledGroupRow(
        of.question, of.outcome, of.estimand, of.estimator, of.arm, of.reference, "first_or_repeated", name,
        _sites(draw), **_interval(draw), p_of_family=draw.choice((None, draw.random())),
        publishable=draw.random() < 0.7,
    )  # fmt: skip


def _rule(draw: Random, name: str) -> PooledRule:
    gains = tuple(
        PooledGain(over, _sites(draw), **_interval(draw), publishable=draw.random() < 0.7)
        for over in ("best_single", "now", "letter")
    )
    beats = all(
        one.publishable and one.conf_low > 0 and one.sites > SITES for one in gains if one.over != "now"
    )
    return PooledRule(name, "contact_method", "any_new_arrears_3m", gains, beats)


def _contact(draw: Random, name: str) -> PooledContactRow:
    return PooledContactRow(
        "contact_method", "first_or_repeated", name, "letter", _sites(draw), draw.random(), draw.random(),
        draw.random() < 0.7,
    )  # fmt: skip


def judge_pool(result: PoolResult, document: Mapping[str, Any]) -> Judged:
    """Hold a pool's document against what was pooled."""
    told, others = Judged(), result.kind == "others"
    for row, shown in zip(result.contrasts, document["contrasts"], strict=True):
        told.check("sites", row.sites >= SITES, others and shown["numbers"] is not None)
        told.check(
            "publishable", row.publishable, (others and shown["numbers"] is not None) or shown["publishable"]
        )
        told.check("sites", row.sites >= SITES, shown["publishable"])
        numbers = shown["numbers"]
        if numbers is not None:
            told.wrong += _outward(row, numbers)
    names = {one.arm: one.sites for one in result.means}
    seen = [c for c in result.contrasts if c.publishable and c.sites >= SITES]
    allowed = {c.arm for c in seen} | {c.reference for c in seen}
    for mean in document["means"]:
        told.check("levels", mean["arm"] in allowed and names[mean["arm"]] >= SITES, others)
    told.check("left-out", not result.left_out, bool(others and document["left_out"]))
    for name in ("robustness", "balance", "groups", "contacts"):
        rows = getattr(result, name)
        for row in rows:
            few = row.sites < SITES or not row.publishable
            alike = [one for one in document[name] if one["sites"] == row.sites and one["publishable"]]
            told.check(f"{name}-of-few", not few, bool(alike) and not _another(rows, row))
    if others and any(document[name] for name in ("balance", "rules", "controls", "calibrated", "curves")):
        told.wrong.append("held: a part that is not for others")
    return told


def _another(rows: Any, row: Any) -> bool:
    return any(one is not row and one.sites == row.sites and one.publishable for one in rows)


def _outward(row: PooledContrast, numbers: Mapping[str, Any]) -> list[str]:
    step = 2.0 ** numbers["exponent"]
    found = ["grid: an error of a pool"] * (
        not _rounded_up(row.std_error, numbers["std_error"], numbers["std_error_exponent"])
    )
    slack = 1e-6 * step
    if abs(row.estimate - numbers["estimate"] * step) > step / 2 + slack:
        found.append("grid: an estimate of a pool")
    if (
        numbers["conf_low"] * step > row.conf_low + slack
        or numbers["conf_high"] * step < row.conf_high - slack
    ):
        found.append("grid: an interval that was rounded inward")
    if numbers["p_value"] / 1000 < row.p_value - ROUNDED:
        found.append("grid: a p-value that was rounded down")
    return found


ROUNDED: Final = 1e-9


def heavy_sites(draw: Random) -> tuple[list[ReleasedArms], list[float]]:
    """Draw sites that agree, so that their weights are their effective sizes; some are heavy."""
    count = draw.randint(2, 10)
    halves = [draw.choice((12, 12, 13, 14, 16, 18, 20)) for _ in range(count)]
    sizes = [2.0 ** (half / 2.0) for half in halves]
    return [_site(number, size) for number, size in enumerate(sizes)], sizes


def _site(number: int, size: float) -> ReleasedArms:
    variance = 0.16 / size
    return ReleasedArms(
        site=f"{number:064x}", question="contact_method", outcome="any_new_arrears_3m", estimand="ATE",
        kind="any", months=3, arms=ARMS[:2], reference="letter", primary=True, means=(0.2, 0.19),
        covariance=((variance, 0.0), (0.0, variance)), steps=(1e-9, 1e-9),
        household_bands=((100, 299), (100, 299)), effective_sizes=(size, size),
    )  # fmt: skip


def pool_heavy(draw: Random, study: Study) -> tuple[PoolResult, list[float]]:
    """Pool sites of which one or two may be heavy; of all, or of the others of one."""
    blocks, sizes = heavy_sites(draw)
    if draw.random() < 0.5:
        return pool_of_others(blocks, blocks[0].site, study, DIGEST), sizes[1:]
    return pool_arms(blocks, study, DIGEST), sizes


def judge_weights(result: PoolResult, sizes: list[float], document: Mapping[str, Any]) -> Judged:
    """Hold a pool against the weights of its sites."""
    told = Judged()
    shares = sorted((size / sum(sizes) for size in sizes), reverse=True)
    one, two = shares[0], sum(shares[:2])
    for shown in document["contrasts"]:
        said = shown["publishable"] or (result.kind == "others" and shown["numbers"] is not None)
        told.check("sites", len(sizes) >= SITES, said)
        told.check("largest", one <= 0.5 + MARGIN, said)
        told.check("two-largest", two <= 0.67 + MARGIN, said)
        if len(sizes) >= SITES and one < 0.5 - MARGIN and two < 0.67 - MARGIN and not said:
            told.wrong.append("weights: a pool that holds every rule is not shown")
    return told
