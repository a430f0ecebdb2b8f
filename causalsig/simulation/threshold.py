"""The truth about a site's own rule: what crossing its cutoff does, at the cutoff and if it were moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import SimulationError
from causalsig.simulation.rules import rule_on
from causalsig.simulation.switches import ThresholdRule
from causalsig.simulation.tables import household_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from causalsig.simulation.calendar import Calendar
    from causalsig.simulation.clones import Clones
    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.sites import SiteSpec

SHORTEST = "any_all_3m"
"""An outcome of the shortest window: every episode with any outcome has this one."""
AT_THE_CUTOFF = 0.10
"""Half-width, in log amount, of what counts as at the cutoff: within about 10 % of it."""


@dataclass(frozen=True, slots=True)
class CrossingTruth:
    """What being taken up does to some episodes of the pivotal set.

    Attributes
    ----------
    not_crossing, crossing : float
        Mean potential outcomes when left alone, and when taken up with usual care.
    episodes : int
        Those followed to the end of the outcome's window; the means are over them.
    extra_contacts : int
        Episodes that the rule in force left alone and the moved one takes up (negative: the other way round);
        0 at the cutoff. The same for every outcome: those followed for three months.
    """

    not_crossing: float
    crossing: float
    episodes: int
    extra_contacts: int

    @property
    def difference(self) -> float:
        """Effect of crossing."""
        return self.crossing - self.not_crossing


@dataclass(frozen=True, slots=True)
class ThresholdTruth:
    """Potential outcomes of n episodes of the pivotal set near the cutoff: those the amount alone decides on.

    Attributes
    ----------
    household_key : (n,) object
    matched_on : (n,) datetime64[D]
    cents : (n,) float64
        Total arrears.
    cutoff_cents : (n,) float64
        Amount of the rule that was valid.
    received : (n,) int64
        1 when taken up in fact.
    potential : mapping of outcome to (n, 2) float64
        Left alone, taken up; NaN where the extract ends before the window does.
    band : float
        Largest distance from the cutoff, on the log scale, of episodes whose truth is kept.
    """

    household_key: NDArray[np.object_]
    matched_on: NDArray[np.datetime64]
    cents: NDArray[np.float64]
    cutoff_cents: NDArray[np.float64]
    received: NDArray[np.int64]
    potential: Mapping[str, NDArray[np.float64]]
    band: float

    def at_the_cutoff(self, outcome: str, within: float = AT_THE_CUTOFF) -> CrossingTruth:
        """Effect of crossing among episodes within ``within`` of the cutoff on the log scale.

        Raises
        ------
        SimulationError
            ``simulation-truth``: wider than the band that is kept, nobody there, or an unknown outcome.
        """
        self._is_kept(within)
        log_distance = np.log(self.cents / self.cutoff_cents)
        return self._mean(outcome, np.abs(log_distance) <= within, 0)

    def moved_to(self, factor: float, outcome: str) -> CrossingTruth:
        """Effect on the episodes that a cutoff ``factor`` times as high (or low) treats otherwise.

        Raises
        ------
        SimulationError
            ``simulation-truth``: no episode lies between the two cutoffs, the other one lies outside the
            band that is kept, or an unknown outcome.
        """
        self._is_kept(abs(float(np.log(factor))))
        between = (self.cents >= np.minimum(self.cutoff_cents, factor * self.cutoff_cents)) & (
            self.cents < np.maximum(self.cutoff_cents, factor * self.cutoff_cents)
        )
        return self._mean(outcome, between, 1 if factor < 1.0 else -1)

    def _is_kept(self, distance: float) -> None:
        """Refuse what is wider than the band: a part of it would pass for the whole."""
        if distance > self.band:
            raise _error(
                f"a distance from the cutoff within the band, {self.band:g} on the log scale",
                "one beyond it, of which only a part is kept",
            )

    def _mean(self, outcome: str, chosen: NDArray[np.bool_], sign: int) -> CrossingTruth:
        if outcome not in self.potential:
            raise _error(f"an outcome out of {', '.join(self.potential)}", "another name")
        values = self.potential[outcome]
        rows = np.flatnonzero(chosen & ~np.isnan(values).any(axis=1))
        if not len(rows):
            raise _error("at least one episode there, followed to the end of the window", "none")
        left, taken = values[rows].mean(axis=0)
        followed = ~np.isnan(self.potential[SHORTEST]).any(axis=1)
        contacts = sign * int((chosen & followed).sum())
        return CrossingTruth(float(left), float(taken), len(rows), contacts)


def kept_band(scenario: Scenario) -> float:
    """Distance from a cutoff, on the log scale, within which the truth is kept."""
    law = scenario.traps.threshold_rule
    return ThresholdRule().band if law is None else law.band


def threshold_truth(
    clones: Clones, calendar: Calendar, spec: SiteSpec, band: float, key: int
) -> ThresholdTruth:
    """Gather the tallies of the clones born at the rule's cutoff."""
    from causalsig.simulation.truth import outcomes_of

    births = clones.crossings
    cutoffs = []
    for birth in births:
        rule = rule_on(spec.cutoffs, calendar.time_zero(birth.month))
        assert rule is not None
        cutoffs.append(np.full(len(birth.zero), rule.amount_cents))
    return ThresholdTruth(
        household_key=household_keys(key, np.concatenate([b.facts.household for b in births])),
        matched_on=np.concatenate([b.zero for b in births]).astype("datetime64[D]"),
        cents=np.concatenate([b.facts.cents for b in births]),
        cutoff_cents=np.concatenate(cutoffs),
        received=np.concatenate([b.received["threshold"] for b in births]),
        potential=outcomes_of(clones, births, "threshold", calendar.extract),
        band=band,
    )


def _error(expected: str, found: str) -> SimulationError:
    return SimulationError(
        "simulation-truth",
        expected=expected,
        found=found,
        mend="Use a scenario with a threshold rule, and an outcome and a move it can show.",
    )
