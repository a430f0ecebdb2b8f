"""Effects of crossing a cutoff over sites: one pair of handlings, one estimand and one outcome at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from causalsig.crossed_pooled import CurvePoint, PooledCurve, PooledThresholdRow
from causalsig.errors import MetaError, PoolError
from causalsig.meta import cutoff_curve, honest_effects, random_effects
from causalsig.pooling.pool import FEW_SITES, reasons_to_hold
from causalsig.pooling.threshold_weights import bins_of_cutoffs, network_variances

Released = TypeVar("Released", "ReleasedThreshold", "ReleasedMove")

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.crossed import ReleasedThreshold
    from causalsig.moved import ReleasedMove
    from causalsig.study.models import Pooling

    Floats = NDArray[np.float64]
    Weighed = Sequence[tuple[ReleasedThreshold, float]]

GATE = "pool-threshold-gate"
NO_ERROR = "release-no-variance"
ROUND_CUTOFFS = (
    *(50.0, 75.0, 100.0, 125.0, 150.0, 200.0, 250.0, 300.0, 350.0, 400.0, 450.0, 500.0, 600.0, 700.0),
    *(750.0, 800.0, 900.0, 1000.0, 1250.0, 1500.0, 1750.0, 2000.0, 2500.0, 3000.0, 4000.0, 5000.0),
)
"""Amounts a curve is told at: sites' own cutoffs are not, and the ends of the line are nobody's."""
NO_SPREAD = 1e-9
"""Of what chance alone would give: a line through effects that lie on it to the last digit has no error."""
SITES_BEYOND = 3
"""Sites with a cutoff at or beyond either end of a line: none ends at the one site that is farthest out."""


@dataclass(frozen=True, slots=True)
class PooledThresholds:
    """All that the sites' thresholds say together.

    Attributes
    ----------
    rows : tuple of PooledThresholdRow
        Robust estimates and honest ones apart.
    curves : tuple of PooledCurve
        Of amounts only, and of robust estimates.
    left_out : tuple of (site code, reason code)
        For the statistician.
    """

    rows: tuple[PooledThresholdRow, ...]
    curves: tuple[PooledCurve, ...]
    left_out: tuple[tuple[str, str], ...]


def thresholds_of_sites(
    blocks: Iterable[ReleasedThreshold], choices: Pooling, *, without: str | None = None
) -> PooledThresholds:
    """Pool released thresholds.

    A site whose gate failed is left out. Of a site with several cutoffs the pool takes their mean,
    by precision, and a curve the cutoff that is known best. Variances are the network's, see
    :func:`network_variances`; rounding to the grid adds a twelfth of a squared step to each.

    Parameters
    ----------
    blocks : iterable of ReleasedThreshold
        Of one wave a site.
    choices : Pooling
        The study's: level, interval, estimator of tau², and what may be shown.
    without : str, optional
        Site code: the pool of the others. The pool of all is publishable only where it still is of enough
        sites without any one of them.

    Raises
    ------
    PoolError
        ``pool-site-twice``: one cutoff of a site twice.
    MetaError
        As `random_effects`.
    """
    some = (block for block in blocks if block.site != without)
    given = sorted(some, key=lambda block: (*_key(block), block.site, block.period))
    spare = 1 if without is None else 0
    bins = bins_of_cutoffs(given)
    left_out = [(b.site, GATE if not b.admitted else NO_ERROR) for b in given if not _usable(b)]
    rows, curves = [], []
    for _, family in groupby(filter(_usable, given), key=_key):
        own = list(family)
        _refuse_twice(own)
        weighed = tuple(zip(own, network_variances(own, bins).tolist(), strict=True))
        rows.append(_row(weighed, choices, spare))
        if own[0].cutoff_eur is not None and own[0].bias_bound is None:
            curves.append(_curve(weighed, choices, spare))
    return PooledThresholds(tuple(rows), tuple(curves), tuple(dict.fromkeys(left_out)))


def last_wave_of_each(waves: Iterable[Sequence[Released]]) -> tuple[Released, ...]:
    """Take the last wave of each site that has an effect at all: it holds the earlier ones' episodes.

    Each element is what one release of one site says, in the order of the waves.
    """
    last = {wave[0].site: wave for wave in waves if len(wave)}
    return tuple(block for wave in last.values() for block in wave)


def _key(block: ReleasedThreshold) -> tuple[Any, ...]:
    asked = (block.question, block.outcome, block.estimand, block.below, block.above, block.score)
    return (*asked, block.bias_bound is not None)


def _usable(block: ReleasedThreshold) -> bool:
    return block.admitted and np.isfinite(block.estimate) and block.std_error > 0.0


def _refuse_twice(blocks: list[ReleasedThreshold]) -> None:
    # One period of a rule may have several cutoffs, or one for a total and one for the largest signal.
    if len({(b.site, b.period, b.cutoff, b.estimate, b.std_error) for b in blocks}) < len(blocks):
        raise PoolError(
            "pool-site-twice",
            expected="each cutoff of a site once",
            found="one effect of a site at one cutoff, twice",
            mend="Keep one release a site: the older one was replaced or copied.",
            where=f"{blocks[0].question}, {blocks[0].outcome}",
        )


def _named(block: ReleasedThreshold) -> dict[str, Any]:
    names = ("question", "outcome", "estimand", "kind", "months", "below", "above", "score")
    return {name: getattr(block, name) for name in names}


def _by_site(blocks: Weighed) -> tuple[Floats, Floats, Floats]:
    """Estimates, variances and bounds of bias, (k,) each: a site's cutoffs by their precision."""
    found = []
    for _, own in groupby(blocks, key=lambda pair: pair[0].site):
        some, variances = zip(*own, strict=True)
        weights = 1.0 / np.array(variances)
        shares = weights / weights.sum()
        estimate = shares @ [block.estimate for block in some]
        bias = shares @ [block.bias_bound or 0.0 for block in some]
        found.append((estimate, 1.0 / weights.sum(), bias))
    estimates, totals, biases = (np.array(column, dtype=np.float64) for column in zip(*found, strict=True))
    return estimates, totals, biases


def _row(blocks: Weighed, choices: Pooling, spare: int) -> PooledThresholdRow:
    estimates, variances, biases = _by_site(blocks)
    head = blocks[0][0]
    honest = head.bias_bound is not None
    level = choices.level
    pooled = random_effects(estimates, variances, tau2=choices.tau2, interval=choices.interval, level=level)
    common: dict[str, Any] = _named(head) | {
        "honest": honest,
        "sites": len(estimates),
        "tau2": float(pooled.tau2),
    }
    reasons = _reasons(pooled.weights, choices, spare)
    common |= {"publishable": not reasons, "reasons": reasons}
    if honest:
        named, mixed = (
            honest_effects(estimates, variances, biases, tau2=choices.tau2, interval=interval, level=level)
            for interval in (choices.interval, "mixture")
        )
        return PooledThresholdRow(
            **common,
            estimate=named.estimate,
            std_error=named.std_error,
            conf_low=named.conf_low,
            conf_high=named.conf_high,
            mixture_low=mixed.conf_low,
            mixture_high=mixed.conf_high,
            p_value=None,
            largest_bias=named.largest_bias,
            prediction_low=float("nan"),
            prediction_high=float("nan"),
        )
    default = random_effects(estimates, variances, tau2=choices.tau2, interval="mixture", level=level)
    prediction = pooled.prediction_interval()
    return PooledThresholdRow(
        **common,
        estimate=float(pooled.coefficients[0]),
        std_error=float(pooled.std_errors[0]),
        conf_low=float(pooled.conf_low[0]),
        conf_high=float(pooled.conf_high[0]),
        mixture_low=float(default.conf_low[0]),
        mixture_high=float(default.conf_high[0]),
        p_value=float(pooled.p_values[0]),
        largest_bias=None,
        prediction_low=float(prediction.low),
        prediction_high=float(prediction.high),
    )


def _reasons(weights: Floats, choices: Pooling, spare: int) -> tuple[str, ...]:
    """Codes why a pool may not be shown: also when without so many sites it would rest on too few."""
    reasons = reasons_to_hold(weights, choices)
    few = len(weights) - spare < choices.min_sites and FEW_SITES not in reasons
    return (FEW_SITES, *reasons) if few else reasons


def _curve(blocks: Weighed, choices: Pooling, spare: int) -> PooledCurve:
    best = [
        min(own, key=lambda pair: (pair[1], -pair[0].period))
        for _, own in groupby(blocks, key=lambda pair: pair[0].site)
    ]
    cutoffs = np.array([block.cutoff for block, _ in best])
    named: dict[str, Any] = _named(blocks[0][0]) | {"sites": len(best)}
    at = _told_at(cutoffs)
    try:
        curve = cutoff_curve(
            [block.estimate for block, _ in best],
            [variance for _, variance in best],
            cutoffs,
            at=at or None,
            tau2=choices.tau2,
            level=choices.level,
        )
        alike = curve.fit.q < NO_SPREAD * (len(best) - 2)
        refusal = "meta-no-spread" if alike else None if at else "meta-few-cutoffs"
    except MetaError as error:
        if error.code not in ("meta-few-cutoffs", "meta-collinear"):
            raise
        refusal = "meta-few-cutoffs"
    if refusal is not None:
        nothing: dict[str, Any] = dict.fromkeys(
            ("doubling", "doubling_error", "doubling_low", "doubling_high", "p_value"), float("nan")
        )
        return PooledCurve(
            **named, points=(), **nothing, publishable=False, reasons=(refusal,), refusal=refusal
        )
    slope = curve.fit.contrasts([0.0, np.log(2.0)])
    shares = np.abs(curve.leverages) / np.abs(curve.leverages).sum(axis=1, keepdims=True)
    reasons = tuple(dict.fromkeys(code for row in shares for code in _reasons(row, choices, spare)))
    columns = (curve.cutoffs, curve.estimates, curve.std_errors, curve.conf_low, curve.conf_high)
    return PooledCurve(
        **named,
        points=tuple(CurvePoint(*(float(v) for v in point)) for point in zip(*columns, strict=True)),
        doubling=float(slope.estimates[0]),
        doubling_error=float(slope.std_errors[0]),
        doubling_low=float(slope.conf_low[0]),
        doubling_high=float(slope.conf_high[0]),
        p_value=float(slope.p_values[0]),
        publishable=not reasons,
        reasons=reasons,
    )


def _told_at(cutoffs: Floats) -> list[float]:
    """Round amounts with enough sites' cutoffs at or beyond them on either side; two at least, or none."""
    ordered = np.sort(cutoffs)
    if len(ordered) < SITES_BEYOND:
        return []
    low, high = ordered[SITES_BEYOND - 1], ordered[-SITES_BEYOND]
    found = [amount for amount in ROUND_CUTOFFS if low <= amount <= high]
    return found if len(found) > 1 else []
