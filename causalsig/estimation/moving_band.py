"""Route 1: the threshold really moved. The band it moved over, against a band whose handling stayed.

Difference in differences by score: Card and Krueger (1994); Angrist and Pischke (2009), chapter 5. That a
passing test of earlier trends proves little: Roth (2022), doi:10.1257/aeri.20210236. Worst
case over bounded drifts, and the smallest that takes the answer away: Rambachan and Roth (2023),
doi:10.1093/restud/rdad018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import check_aligned, read_numbers
from causalsig.estimation.moving_request import Change, read_level, read_range
from causalsig.estimation.moving_results import BandEffect, Check, band_effect, check_within
from causalsig.estimation.option_numbers import read_number
from causalsig.estimation.threshold_table import codes_of
from causalsig.results import Floats, Integers

FEWEST_EPISODES = 50
"""In the band and beside it, before and after: as the gate asks of each side of a threshold."""
FEWEST_MONTHS = 3
"""Before the change: fewer show no trend."""
HALVINGS = 60
"""Of the range in which the breakdown drift lies: below the last digit of a double."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The n episodes of both bands; `month` is a place in `months`, ascending."""

    outcome: Floats
    month: Integers
    months: Floats
    inside: Integers
    household: Integers

    def chosen(self, keep: Any) -> _Rows:
        """Keep some of the episodes; months and households keep their places."""
        return _Rows(
            self.outcome[keep], self.month[keep], self.months, self.inside[keep], self.household[keep]
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Coefficient:
    """A coefficient, its error, and the weights (months,) of the band's means in it."""

    value: float
    error: float
    weights: Floats


def changed_band(
    score: Any,
    outcome: Any,
    month: Any,
    *,
    changed: float,
    before: float,
    after: float,
    comparison: tuple[float, float],
    band: tuple[float, float] | None = None,
    households: Any = None,
    drift_bound: float = 0.0,
    level: float = 0.95,
) -> BandEffect:
    """Estimate what a threshold that moved did to the scores it moved over.

    Assumption: had the threshold stayed, the mean outcome of the band would have moved, month by month, as
    that of the comparison band did. It fails when something else befell one of the two at the same time. The
    test of the months before sees bands that drift apart; it does not see what came with the change.

    With m the month, ``E[Y] = a_band + g_m + β band (m >= changed)`` by least squares; β is the effect where
    the threshold came down (the band got the handling above it) and minus the effect where it went up.

    Parameters
    ----------
    score, outcome : (n,) numbers
    month : (n,) numbers, ascending in time, such as ``12 * year + month``
    changed : float, first month under the new threshold
    before, after : float, the threshold until then and since
    comparison : (low, high)
        Scores from `low` up to `high`, which both thresholds handle alike. Choose it next to the band, on the
        side that was always handled as the band was before.
    band : (low, high) or None
        A part of the scores between the two thresholds; None is all of them.
    households : (n,) labels or None; episodes of one household may go together
    drift_bound : float
        By how much a month, in the outcome's unit, the band may drift from its comparison, either way and not
        always as fast. The interval covers for every such drift. Declare it; the months before can only
        refute it. 0 takes them to go together exactly.
    level : float

    Returns
    -------
    BandEffect
        With one check, ``estimation-trends-differ``: the band's drift a month against the comparison's,
        beyond the bound. `breakdown` is the smallest drift bound at which the interval holds zero.

    Raises
    ------
    EstimationError
        ``estimation-band-not-changed``, ``estimation-comparison-changed``, ``estimation-few-periods``,
        ``estimation-band-empty``, and those of bad input.
    """
    change = Change.read(changed, before, after)
    level = read_level(level)
    drift_bound = read_number(drift_bound, "drift_bound", lowest=0.0)
    band = change.band if band is None else read_range(band, "band")
    comparison = read_range(comparison, "comparison")
    change.check_band(band)
    change.check_comparison(comparison)
    rows = _read(score, outcome, month, households, band, comparison)
    late = rows.months >= change.month
    _check_cells(rows, late)
    fit = _interaction(rows, late.astype(np.float64))
    bias = _bias_of_drift(fit.weights, rows.months)
    episodes = float((late[rows.month] & (rows.inside == 1)).sum())
    return band_effect(
        "changed_band",
        band,
        fit.value if change.after < change.before else -fit.value,
        fit.error,
        level=level,
        episodes=episodes,
        largest_bias=drift_bound * bias,
        checks=(_trend(rows, late, drift_bound),),
        breakdown=_breakdown(fit.value, fit.error, bias, level),
    )


def _bias_of_drift(weights: Floats, months: Floats) -> float:
    """Largest bias of ``Σ w_m δ_m`` over paths δ that change by at most 1 a month.

    The weights sum to zero, so by parts it is ``Σ |w_1 + … + w_m| (m' - m)``, m' the next month.
    """
    return float(np.abs(np.cumsum(weights)[:-1]) @ np.diff(months))


def _breakdown(estimate: float, error: float, bias: float, level: float) -> float:
    """Smallest drift a month with which the interval holds zero; 0 where it does without any."""
    from causalsig.estimation.threshold_honest import critical_value

    low, high = 0.0, abs(estimate) / bias
    if not error > 0.0 or critical_value(0.0, level) * error >= abs(estimate):
        return 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        holds_zero = critical_value(middle * bias / error, level) * error >= abs(estimate)
        low, high = (low, middle) if holds_zero else (middle, high)
    return high


def _read(
    score: Any,
    outcome: Any,
    month: Any,
    households: Any,
    band: tuple[float, float],
    comparison: tuple[float, float],
) -> _Rows:
    check_aligned(score=score, outcome=outcome, month=month, households=households)
    n = len(score)
    x, y, m = (
        read_numbers(value, name, n, ndim=1)
        for value, name in ((score, "score"), (outcome, "outcome"), (month, "month"))
    )
    codes = np.arange(n) if households is None else codes_of(households, n)[0]
    inside = (x >= band[0]) & (x < band[1])
    beside = (x >= comparison[0]) & (x < comparison[1])
    keep = inside | beside
    months, place = np.unique(m[keep], return_inverse=True)
    return _Rows(y[keep], place.astype(np.int64), months, inside[keep].astype(np.int64), codes[keep])


def _check_cells(rows: _Rows, late: Any) -> None:
    after = late[rows.month]
    cells = [int(((rows.inside == i) & (after == a)).sum()) for i in (1, 0) for a in (False, True)]
    if min(cells) < FEWEST_EPISODES:
        raise EstimationError(
            "estimation-band-empty",
            expected=f"at least {FEWEST_EPISODES} episodes in the band and beside it, before and after",
            found=f"{min(cells)} in one of the four",
            mend="Take a wider comparison band or wait; this route has no answer now.",
            where="score",
        )
    early = [len(np.unique(rows.month[(rows.inside == i) & ~after])) for i in (1, 0)]
    if min(early) < FEWEST_MONTHS:
        raise EstimationError(
            "estimation-few-periods",
            expected=f"episodes in at least {FEWEST_MONTHS} months before the change",
            found=f"{min(early)}",
            mend="Without them nothing can show that the bands went together: this route has no answer.",
            where="month",
        )


def _trend(rows: _Rows, late: Any, bound: float) -> Check:
    """Drift of the band against its comparison, a month, before the change."""
    early = rows.chosen(~late[rows.month])
    drift = _interaction(early, rows.months - rows.months[~late].mean())
    return check_within("estimation-trends-differ", drift.value, drift.error, bound)


def _interaction(rows: _Rows, factor: Floats) -> _Coefficient:
    """Coefficient of ``band × factor(month)`` beside the band and every month; error clustered by household.

    Frisch and Waugh: the factor less its part along the others is one number a cell, band by month.
    """
    m = len(rows.months)
    cell = rows.inside * m + rows.month
    n = np.bincount(cell, minlength=2 * m).astype(np.float64)
    sums = np.bincount(cell, weights=rows.outcome, minlength=2 * m)
    inside = np.repeat([0.0, 1.0], m)
    others = np.column_stack([inside, np.vstack([np.eye(m), np.eye(m)])])
    wanted = inside * np.tile(factor, 2)
    root = np.sqrt(n)[:, None]
    targets = np.column_stack([wanted, np.divide(sums, n, out=np.zeros_like(sums), where=n > 0.0)])
    along = np.linalg.lstsq(root * others, root * targets, rcond=None)[0]
    left = targets - others @ along
    z = left[:, 0]
    below = float(n @ z**2)
    beta = float((n * z) @ left[:, 1]) / below
    fitted = targets[:, 1] - left[:, 1] + beta * z
    scores = np.bincount(rows.household, weights=z[cell] * (rows.outcome - fitted[cell]))
    groups = len(np.unique(rows.household))
    parameters = np.linalg.matrix_rank(root * others) + 1
    factor_ = groups / (groups - 1.0) * (n.sum() - 1.0) / (n.sum() - parameters)
    error = float(np.sqrt(factor_ * (scores @ scores))) / below
    return _Coefficient(beta, error, (n * z)[m:] / below)
