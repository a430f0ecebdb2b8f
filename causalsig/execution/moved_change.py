"""A threshold of a site that really changed: the episodes of both periods, and what they say of a band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.covariates import covariate_of
from causalsig.cohort.crossing import CrossingCohort, Pivotal, facts_beside
from causalsig.cohort.handling import pairs_at
from causalsig.errors import EstimationError
from causalsig.estimation.moving import Answer, ask_route
from causalsig.estimation.moving_band import changed_band
from causalsig.estimation.moving_jumps import BothEnds, jumps_at_both_ends, jumps_over_band
from causalsig.estimation.moving_request import Change

if TYPE_CHECKING:
    from causalsig.estimation.moving_results import BandEffect

Floats = NDArray[np.float64]
EARLIER = ("signals_m1_m3", "earlier_contacts", "earlier_reach", "earlier_acceptance")
"""Facts settled before the score, the one nearest to the outcome first: the first that varies is asked."""


@dataclass(frozen=True, eq=False)
class Changed:
    """Episodes that one cutoff decides on by the rules of two successive periods, n of them.

    Attributes
    ----------
    score, outcome, month : (n,) float
        Month of time zero.
    households : (n,) int
    came_back : (n,) bool
    places : (n,) int, of the cohort's episodes
    change : Change
    earlier : (n,) float or None
        A fact settled before.
    effect_curvature, drift_bound : float
    """

    score: Floats
    outcome: Floats
    month: Floats
    households: NDArray[np.int64]
    came_back: NDArray[np.bool_]
    places: NDArray[np.int64]
    change: Change
    earlier: Floats | None
    effect_curvature: float
    drift_bound: float

    @property
    def comparison(self) -> tuple[float, float]:
        """Scores beside the band, always handled as the band was before; as wide in logarithms as it is."""
        low, high = self.change.band
        return (low**2 / high, low) if self.change.after < self.change.before else (high, high**2 / low)

    def holds(self, band: tuple[float, float]) -> bool:
        """Whether the handling of a band really changed."""
        low, high = self.change.band
        return low <= band[0] and band[1] <= high

    def by_band(self, band: tuple[float, float]) -> Answer:
        """Answer by difference in differences on the band."""
        place = {"changed": self.change.month, "before": self.change.before, "after": self.change.after}
        return ask_route(changed_band, **self._told, **place, **self._beside, band=band)

    @property
    def _beside(self) -> dict[str, Any]:
        return {"comparison": self.comparison, "drift_bound": self.drift_bound}

    def by_jumps(self, band: tuple[float, float]) -> Answer:
        """Answer by the jumps at both ends of what changed."""
        refusal = ask_route(self.change.check_band, band)
        ends = self._ends if refusal is None else refusal
        if isinstance(ends, EstimationError):
            return ends
        return ask_route(jumps_over_band, ends, band, effect_curvature=self.effect_curvature)

    @cached_property
    def _ends(self) -> BothEnds | EstimationError:
        told = {"change": self.change, "earlier": self.earlier, "scale": "log"}
        return ask_route(jumps_at_both_ends, **self._told, **told)

    @property
    def _told(self) -> dict[str, Any]:
        return {
            "score": self.score,
            "outcome": self.outcome,
            "month": self.month,
            "households": self.households,
        }

    def inside(self, effect: BandEffect) -> NDArray[np.int64]:
        """Places in the cohort of the band's episodes that the answer is of."""
        return self.places[(self.score >= effect.low) & (self.score < effect.high)]

    def parts(self, effect: BandEffect) -> Iterator[Floats]:
        """Weights (n,) of the episodes in each part that an answer compares: a period of a band or a side."""
        late = self.month >= self.change.month
        if effect.route == "changed_band":
            for low, high in ((effect.low, effect.high), self.comparison):
                inside = (self.score >= low) & (self.score < high)
                yield from ((inside & period).astype(np.float64) for period in (late, ~late))
            return
        places = ((self.change.after, self.change.before), (self.change.before, self.change.after))
        widths = (effect.bandwidths[:2], effect.bandwidths[2:])
        for (here, other), (left, right) in zip(places, widths, strict=True):
            distance = np.log(self.score / here)
            # Beyond the other cutoff outcomes jump too, so nothing there takes part.
            near = self.score >= other if other < here else self.score < other
            for side, h in ((distance < 0.0, left), (distance >= 0.0, right)):
                weights = np.maximum(1.0 - np.abs(distance) / h, 0.0) * (side & near)
                yield from (weights * period for period in (late, ~late))


def changes_of(pivotal: Pivotal, pivotals: Sequence[Pivotal]) -> tuple[tuple[int, Pivotal, Pivotal], ...]:
    """Tell when a threshold was put elsewhere, with the same score and pair of handlings: the latest first.

    Returns
    -------
    tuple of (place of the rule before, threshold before, threshold after)
    """
    found = []
    for other in pivotals:
        if not _same_but_for_its_place(pivotal, other):
            continue
        found += [(k, pivotal, other) for k in pivotal.periods if k + 1 in other.periods]
        found += [(k, other, pivotal) for k in other.periods if k + 1 in pivotal.periods]
    return tuple(sorted(found, key=lambda one: -one[0]))


def _same_but_for_its_place(one: Pivotal, other: Pivotal) -> bool:
    keys = [(p.cutoff.score, p.total, p.below, p.above) for p in (one, other)]
    return keys[0] == keys[1] and one.cutoff.value != other.cutoff.value


def changed(
    place: int,
    first: Pivotal,
    second: Pivotal,
    cohort: CrossingCohort,
    outcome: Floats,
    came_back: NDArray[np.bool_],
    *,
    donut: float,
    effect_curvature: float,
    drift_bound: float = 0.0,
) -> Changed | None:
    """Collect the episodes for whom the threshold decides by the rule before and by the rule after.

    Parameters
    ----------
    place : int
        Of the rule before; the one after follows it.
    first, second : Pivotal
    cohort : CrossingCohort, of m episodes
    outcome : (m,) float
    came_back : (m,) bool
    donut : float
        Scores this close to either place of the threshold are left out.
    effect_curvature, drift_bound : float

    Returns
    -------
    Changed or None
        None where a period has no episodes at all.
    """
    months = cohort.time_zero.astype("datetime64[D]").astype("datetime64[M]").astype(np.float64)
    late, early = cohort.rule == place + 1, cohort.rule == place
    if not late.any() or not early.any():
        return None
    month = float(months[late].min())
    keep = late | (early & (months < month))
    for number, one in ((place, first), (place + 1, second)):
        pairs = pairs_at(cohort.rules[number], one.cutoff, cohort.scores)
        keep &= pairs.get((one.below, one.above), np.zeros(cohort.size, dtype=bool))
    values = cohort.scores.of(first.cutoff.score, cohort.rules[place])
    keep &= values > 0.0
    if donut:
        for one in (first, second):
            keep &= np.abs(values - one.cutoff.value) > donut
    return Changed(
        score=values[keep],
        outcome=outcome[keep],
        month=months[keep],
        households=cohort.households[keep],
        came_back=came_back[keep],
        places=np.flatnonzero(keep),
        change=Change.read(month, first.cutoff.value, second.cutoff.value),
        earlier=_earlier(cohort, first, keep),
        effect_curvature=effect_curvature,
        drift_bound=drift_bound,
    )


def _earlier(cohort: CrossingCohort, pivotal: Pivotal, keep: NDArray[np.bool_]) -> Floats | None:
    """Take a fact settled before the score, of the episodes kept."""
    beside = np.flatnonzero(facts_beside(cohort, pivotal))
    names = {covariate_of(cohort.before_names[column]): column for column in beside[::-1].tolist()}
    column = next((names[name] for name in EARLIER if name in names), None)
    return None if column is None else cohort.before[keep, column]
