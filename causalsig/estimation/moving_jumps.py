"""Route 2: the threshold really moved. Jumps at the same score while it was there, and while it was not.

Difference in discontinuities: Grembi, Nannicini and Troiano (2016), doi:10.1257/app.20150076.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import check_aligned, read_numbers
from causalsig.estimation.moving_request import Change, read_level, read_number, read_range
from causalsig.estimation.moving_results import ERROR_RATE, BandEffect, Check, band_effect, check_within
from causalsig.estimation.moving_weights import boundary_limit
from causalsig.estimation.threshold import effect_at_cutoff
from causalsig.estimation.threshold_bandwidth import Bandwidths
from causalsig.estimation.threshold_inference import jump, root
from causalsig.estimation.threshold_results import Jump
from causalsig.estimation.threshold_table import codes_of, collapse_scores
from causalsig.estimation.threshold_windows import Scale
from causalsig.results import Floats, Integers

STOPPED = "estimation-jump-moved"
"""The check that a jump stood still while the threshold did."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    score: Floats
    outcome: Floats
    month: Floats
    household: Integers
    total: int

    def chosen(self, keep: Any) -> _Rows:
        return _Rows(self.score[keep], self.outcome[keep], self.month[keep], self.household[keep], self.total)


@dataclass(frozen=True, slots=True, eq=False)
class _Estimate:
    """A jump, or a combination of jumps, and what every household adds to its error (G,)."""

    value: float
    scores: Floats

    def __add__(self, other: _Estimate) -> _Estimate:
        return _Estimate(self.value + other.value, self.scores + other.scores)

    def __mul__(self, factor: float) -> _Estimate:
        return _Estimate(factor * self.value, factor * self.scores)

    def __sub__(self, other: _Estimate) -> _Estimate:
        return self + other * -1.0

    @property
    def error(self) -> float:
        return root(float(self.scores @ self.scores))


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How a jump is estimated at one threshold, in every period alike."""

    cutoff: float
    bandwidths: Bandwidths
    scale: Scale
    donut: float


@dataclass(frozen=True, slots=True)
class JumpChange:
    """A jump at one score while the threshold was there, less the jump there while it was not.

    Attributes
    ----------
    difference : Jump, the effect of crossing for episodes at that score
    there, away : Jump
    checks : tuple of Check, ``estimation-jump-moved``
    """

    difference: Jump
    there: Jump
    away: Jump
    checks: tuple[Check, ...]


def difference_in_discontinuities(
    score: Any,
    outcome: Any,
    month: Any,
    *,
    changed: float,
    before: float,
    after: float,
    at: str = "before",
    earlier: Any = None,
    households: Any = None,
    bandwidth: Any = "cerrd",
    scale: str = "linear",
    donut: float = 0.0,
    level: float = 0.95,
) -> JumpChange:
    """Estimate the effect of crossing a threshold that something else shares its score with.

    Assumption: whatever else jumps at that score (another rule, habits of rounding) jumps by as much while
    the threshold is there as while it is not, and adds to its effect. The jump is compared within the months
    on either side of the change; a jump that came with the change is not seen.

    Parameters
    ----------
    score, outcome, month, changed, before, after, households, level : as in `changed_band`
    at : "before" or "after"
        At which of the two thresholds.
    earlier : (n,) numbers or None
        A fact settled before the score, such as earlier signals: its jump may not have changed either.
    bandwidth, scale, donut : as in `threshold_effect`
        Robust bias-corrected lines; the bandwidths are chosen once, from both periods together.

    Returns
    -------
    JumpChange
        Errors clustered by household over both periods and both sides.

    Raises
    ------
    EstimationError
        ``estimation-band-not-changed``, and those of `threshold_effect`.
    """
    change = Change.read(changed, before, after)
    if at not in ("before", "after"):
        raise EstimationError(
            "estimation-option",
            expected="before or after",
            found="something else",
            mend="Say at which of the two thresholds.",
            where="at",
        )
    rows = _read(score, outcome, month, households)
    options = {"bandwidth": bandwidth, "scale": scale, "donut": donut}
    recipes = {at: _recipe(rows, change, at, options)}
    there, away = _apart(rows, change, at, recipes[at])
    checks = [_stood_still(rows, change, recipes)]
    if earlier is not None:
        checks.append(_earlier(rows, earlier, change, recipes))
    level = read_level(level)
    difference, with_, without = (jump(one.value, one.error, level) for one in (there - away, there, away))
    return JumpChange(difference, with_, without, tuple(checks))


def changed_jumps(
    score: Any,
    outcome: Any,
    month: Any,
    *,
    changed: float,
    before: float,
    after: float,
    band: tuple[float, float] | None = None,
    effect_curvature: float = 0.0,
    earlier: Any = None,
    households: Any = None,
    bandwidth: Any = "cerrd",
    scale: str = "linear",
    donut: float = 0.0,
    level: float = 0.95,
) -> BandEffect:
    """Estimate what a threshold that moved did to the scores it moved over, from the jumps at both its ends.

    Assumption: that of `difference_in_discontinuities` at both thresholds; and in between the effect changes
    along a line, from the one to the other, or strays from it no more than `effect_curvature` allows.

    The effect of the band is ``(1 - s) τ(after) + s τ(before)``, with s the mean place of its episodes
    between the two. An effect with a second derivative of at most κ strays from that line by at most
    ``κ / 2`` times the mean of the product of both distances.

    Parameters
    ----------
    score, outcome, month, changed, before, after, band, households, level : as in `changed_band`
    effect_curvature : float
        Largest second derivative of the effect itself, in outcome units a squared unit of the analysis.
    earlier, bandwidth, scale, donut : as in `difference_in_discontinuities`

    Returns
    -------
    BandEffect
        With the check ``estimation-jump-moved``, once for the outcome and once for `earlier`.

    Raises
    ------
    EstimationError
        ``estimation-band-not-changed``, ``estimation-band-empty``, and those of `threshold_effect`.
    """
    change = Change.read(changed, before, after)
    band = change.band if band is None else read_range(band, "band")
    change.check_band(band)
    curvature = read_number(effect_curvature, "effect_curvature", lowest=0.0)
    rows = _read(score, outcome, month, households)
    options = {"bandwidth": bandwidth, "scale": scale, "donut": donut}
    recipes = {at: _recipe(rows, change, at, options) for at in ("after", "before")}
    ends = []
    for at, recipe in recipes.items():
        there, away = _apart(rows, change, at, recipe)
        ends.append(there - away)
    inside = rows.score[(rows.score >= band[0]) & (rows.score < band[1]) & (rows.month >= change.month)]
    if not len(inside):
        raise EstimationError(
            "estimation-band-empty",
            expected="episodes in the band since the change",
            found="none",
            mend="Take a wider band, or wait.",
            where="band",
        )
    x, first, last = (
        _unit(np.asarray(v, dtype=np.float64), scale) for v in (inside, change.after, change.before)
    )
    place = (x - first) / (last - first)
    s = float(place.mean())
    found = ends[0] * (1.0 - s) + ends[1] * s
    checks = [_stood_still(rows, change, recipes)]
    if earlier is not None:
        checks.append(_earlier(rows, earlier, change, recipes))
    return band_effect(
        "changed_jumps",
        band,
        found.value,
        found.error,
        level=read_level(level),
        episodes=float(len(inside)),
        largest_bias=0.5 * curvature * float(np.abs((x - first) * (last - x)).mean()),
        checks=tuple(checks),
    )


def _unit(values: Any, scale: str) -> Any:
    return np.log(values) if scale == "log" else values


def _read(score: Any, outcome: Any, month: Any, households: Any) -> _Rows:
    check_aligned(score=score, outcome=outcome, month=month, households=households)
    n = len(score)
    x, y, m = (
        read_numbers(value, name, n, ndim=1)
        for value, name in ((score, "score"), (outcome, "outcome"), (month, "month"))
    )
    codes, total = (np.arange(n), n) if households is None else codes_of(households, n)
    return _Rows(x, y, m, codes, total)


def _recipe(rows: _Rows, change: Change, at: str, options: dict[str, Any]) -> _Recipe:
    """Choose the bandwidths at one threshold from both periods together: bends in common then cancel."""
    near = rows.chosen(_this_side(rows, change, at))
    _check_periods(near, change)
    place = change.after if at == "after" else change.before
    found = effect_at_cutoff(collapse_scores(near.score, near.outcome), place, **options)
    return _Recipe(place, found.bandwidths, found.scale, found.donut)


def _check_periods(rows: _Rows, change: Change) -> None:
    late = int((rows.month >= change.month).sum())
    if not 0 < late < len(rows.month):
        raise EstimationError(
            "estimation-band-empty",
            expected="episodes before and since the change",
            found="none in one of the two",
            mend="Give the month of the change in the unit of the months.",
            where="changed",
        )


def _apart(rows: _Rows, change: Change, at: str, recipe: _Recipe) -> tuple[_Estimate, _Estimate]:
    """Jumps at one threshold while it was there and while it was not, up to the other threshold only."""
    late = rows.month >= change.month
    own = late if at == "after" else ~late
    near = _this_side(rows, change, at)
    return _jump(rows.chosen(own & near), recipe), _jump(rows.chosen(~own & near), recipe)


def _this_side(rows: _Rows, change: Change, at: str) -> Any:
    """Leave out what lies beyond the other threshold: outcomes jump there too."""
    here, other = (change.after, change.before) if at == "after" else (change.before, change.after)
    return rows.score >= other if other < here else rows.score < other


def _jump(rows: _Rows, recipe: _Recipe) -> _Estimate:
    """Robust bias-corrected jump, with the households' parts of its error."""
    raw = rows.score - recipe.cutoff
    x = raw if recipe.scale == "linear" else np.log(rows.score / recipe.cutoff)
    right = raw > recipe.donut if recipe.donut > 0.0 else raw >= 0.0
    widths = recipe.bandwidths
    value, scores = 0.0, np.zeros(rows.total)
    for sign, side, h, b in (
        (-1.0, raw < -recipe.donut, widths.left, widths.bias_left),
        (1.0, right, widths.right, widths.bias_right),
    ):
        limit = boundary_limit(sign * x[side], rows.outcome[side], h, b)
        value += sign * limit.value
        household = rows.household[side][limit.rows]
        groups = len(np.unique(household))
        factor = groups / (groups - 1.0) if groups > 1 else np.nan
        parts = sign * np.sqrt(factor) * limit.weights * limit.residuals
        scores += np.bincount(household, weights=parts, minlength=rows.total)
    return _Estimate(value, scores)


def _stood_still(rows: _Rows, change: Change, recipes: dict[str, _Recipe]) -> Check:
    """Compare the jumps of the earlier and the later half of the months on either side of the change."""
    found = []
    for part in (rows.month < change.month, rows.month >= change.month):
        own = rows.chosen(part)
        middle = float(np.median(np.unique(own.month)))
        for at, recipe in recipes.items():
            halves = _halves(own.chosen(_this_side(own, change, at)), middle, recipe)
            if halves is not None:
                found.append(check_within(STOPPED, halves.value, halves.error))
    return _smallest(found)


def _halves(rows: _Rows, middle: float, recipe: _Recipe) -> _Estimate | None:
    """Change of the jump from the one half to the other; None where a half has too little."""
    late = rows.month > middle
    try:
        return _jump(rows.chosen(late), recipe) - _jump(rows.chosen(~late), recipe)
    except EstimationError:
        return None


def _earlier(rows: _Rows, earlier: Any, change: Change, recipes: dict[str, _Recipe]) -> Check:
    """Ask of a fact from before the score whether its jump changed with the threshold."""
    y = read_numbers(earlier, "earlier", len(rows.score), ndim=1)
    other = _Rows(rows.score, y, rows.month, rows.household, rows.total)
    found = []
    for at, recipe in recipes.items():
        there, away = _apart(other, change, at, recipe)
        gap = there - away
        found.append(check_within(STOPPED, gap.value, gap.error))
    return _smallest(found)


def _smallest(found: list[Check]) -> Check:
    """One check for several: the smallest p-value times their number (Holm's first step)."""
    if not found:
        return Check(STOPPED, float("nan"), float("nan"), float("nan"), False)
    least = min(found, key=lambda one: one.p_value)
    p_value = min(1.0, least.p_value * len(found))
    return Check(STOPPED, least.estimate, least.std_error, p_value, p_value >= ERROR_RATE)
