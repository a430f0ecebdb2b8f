"""Jumps at one score in two periods: how they are estimated alike, and whether they stood still.

Calonico, Cattaneo and Titiunik (2014), doi:10.3982/ECTA11757, episode by episode, so that it
is known which households stand in both periods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import check_aligned, read_numbers
from causalsig.estimation.moving_request import Change
from causalsig.estimation.moving_results import ERROR_RATE, Check, check_within
from causalsig.estimation.moving_weights import boundary_limit
from causalsig.estimation.threshold import effect_at_cutoff
from causalsig.estimation.threshold_bandwidth import Bandwidths
from causalsig.estimation.threshold_inference import root
from causalsig.estimation.threshold_table import codes_of, collapse_scores
from causalsig.estimation.threshold_windows import Scale
from causalsig.results import Floats, Integers

STOPPED = "estimation-jump-moved"
"""The check that a jump stood still while the threshold did."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The n episodes; ``household`` are places among ``total``."""

    score: Floats
    outcome: Floats
    month: Floats
    household: Integers
    total: int

    def chosen(self, keep: Any) -> Rows:
        """Keep some of the episodes; households keep their places."""
        return Rows(self.score[keep], self.outcome[keep], self.month[keep], self.household[keep], self.total)


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A jump, or a combination of jumps, and what every household adds to its error (G,)."""

    value: float
    scores: Floats

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.value + other.value, self.scores + other.scores)

    def __mul__(self, factor: float) -> Estimate:
        return Estimate(factor * self.value, factor * self.scores)

    def __sub__(self, other: Estimate) -> Estimate:
        return self + other * -1.0

    @property
    def error(self) -> float:
        """Standard error."""
        return root(float(self.scores @ self.scores))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a jump is estimated at one threshold, in every period alike."""

    cutoff: float
    bandwidths: Bandwidths
    scale: Scale
    donut: float


def read_rows(score: Any, outcome: Any, month: Any, households: Any) -> Rows:
    """Check and encode the episodes.

    Raises
    ------
    EstimationError
        ``estimation-length``, ``estimation-missing``, ``estimation-option``.
    """
    check_aligned(score=score, outcome=outcome, month=month, households=households)
    n = len(score)
    x, y, m = (
        read_numbers(value, name, n, ndim=1)
        for value, name in ((score, "score"), (outcome, "outcome"), (month, "month"))
    )
    codes, total = (np.arange(n), n) if households is None else codes_of(households, n)
    return Rows(x, y, m, codes, total)


def recipe_at(rows: Rows, change: Change, at: str, options: dict[str, Any]) -> Recipe:
    """Choose the bandwidths at one threshold from both periods together: bends in common then cancel."""
    near = rows.chosen(_this_side(rows, change, at))
    _check_periods(near, change)
    place = change.after if at == "after" else change.before
    found = effect_at_cutoff(collapse_scores(near.score, near.outcome), place, **options)
    return Recipe(place, found.bandwidths, found.scale, found.donut)


def _check_periods(rows: Rows, change: Change) -> None:
    late = int((rows.month >= change.month).sum())
    if not 0 < late < len(rows.month):
        raise EstimationError(
            "estimation-band-empty",
            expected="episodes before and since the change",
            found="none in one of the two",
            mend="Give the month of the change in the unit of the months.",
            where="changed",
        )


def apart(rows: Rows, change: Change, at: str, recipe: Recipe) -> tuple[Estimate, Estimate]:
    """Jumps at one threshold while it was there and while it was not, up to the other threshold only."""
    late = rows.month >= change.month
    own = late if at == "after" else ~late
    near = _this_side(rows, change, at)
    return _jump(rows.chosen(own & near), recipe), _jump(rows.chosen(~own & near), recipe)


def _this_side(rows: Rows, change: Change, at: str) -> Any:
    """Leave out what lies beyond the other threshold: outcomes jump there too."""
    here, other = (change.after, change.before) if at == "after" else (change.before, change.after)
    return rows.score >= other if other < here else rows.score < other


def _jump(rows: Rows, recipe: Recipe) -> Estimate:
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
    return Estimate(value, scores)


def stood_still(rows: Rows, change: Change, recipes: dict[str, Recipe]) -> Check:
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


def _halves(rows: Rows, middle: float, recipe: Recipe) -> Estimate | None:
    """Change of the jump from the one half to the other; None where a half has too little."""
    late = rows.month > middle
    try:
        return _jump(rows.chosen(late), recipe) - _jump(rows.chosen(~late), recipe)
    except EstimationError:
        return None


def earlier_stood_still(rows: Rows, earlier: Any, change: Change, recipes: dict[str, Recipe]) -> Check:
    """Ask of a fact from before the score whether its jump changed with the threshold."""
    y = read_numbers(earlier, "earlier", len(rows.score), ndim=1)
    other = Rows(rows.score, y, rows.month, rows.household, rows.total)
    found = []
    for at, recipe in recipes.items():
        there, away = apart(other, change, at, recipe)
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
