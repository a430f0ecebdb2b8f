"""What another cutoff would do at a site: contacts counted, and the effect by the strongest route of its own.

Routes by other sites are asked where sites are pooled; here they are passed as routes without data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.crossing import CrossingCohort, Pivotal
from causalsig.crossed import ThresholdBlock
from causalsig.errors import EstimationError
from causalsig.estimation.moving import Answer, ask_route, moved_threshold, strongest
from causalsig.estimation.moving_continuation import bounded_continuation, honest_reach
from causalsig.estimation.threshold_table import collapse_scores
from causalsig.execution.crossed_block import CrossedSite, members_of, options_of, scored_of
from causalsig.execution.crossed_numbers import Scored, came_back, largest_shares, within_bandwidths
from causalsig.execution.moved_change import Changed, changed, changes_of
from causalsig.moved import BandRow, BasisRow, CostRow, MovedRow, PassedRoute

if TYPE_CHECKING:
    from causalsig.estimation.moving import CostPerAvoided, MovedThreshold
    from causalsig.estimation.moving_results import BandEffect, Route

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Band = tuple[float, float]


def with_moves(
    blocks: Sequence[ThresholdBlock], pivotals: Sequence[Pivotal], cohort: CrossingCohort, made: CrossedSite
) -> tuple[ThresholdBlock, ...]:
    """Add to every admitted threshold on amounts what the study's other cutoffs would do.

    Parameters
    ----------
    blocks, pivotals : of one length and order
    cohort : CrossingCohort
        Of the window of the primary outcome, which all of it is about.
    made : CrossedSite
    """
    known = _Changes(tuple(pivotals), tuple(block.donut for block in blocks), cohort, made, {}, [])
    return tuple(
        replace(block, moved=_rows(block, pivotal, known))
        if block.effects and block.score == "amount"
        else block
        for block, pivotal in zip(blocks, pivotals, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Changes:
    """Thresholds of a site by the rules of two periods, each looked up once for both its places."""

    pivotals: tuple[Pivotal, ...]
    donuts: tuple[float, ...]
    cohort: CrossingCohort
    made: CrossedSite
    found: dict[tuple[object, ...], Changed | None]
    told: list[NDArray[np.int64]]

    def apart(self, inside: NDArray[np.int64]) -> int | None:
        """Count the fewest households that tell these episodes from those of an earlier answer; note them."""
        others = (np.setxor1d(inside, one, assume_unique=True) for one in self.told)
        counts = [len(np.unique(self.cohort.households[rows])) for rows in others if len(rows)]
        self.told.append(inside)
        return min(counts, default=None)

    @property
    def outcome(self) -> Floats:
        """The primary outcome of every episode."""
        return self.cohort.outcomes[self.made.asked.primary_outcome]

    @property
    def came_back(self) -> Mask:
        """Whether each episode has it at least once."""
        return came_back(self.made.study.outcome(self.made.asked.primary_outcome), self.outcome)

    def of(self, pivotal: Pivotal) -> tuple[Changed, ...]:
        """Give all changes of one threshold, the latest first."""
        told = []
        for place, first, second in changes_of(pivotal, self.pivotals):
            key = (place, first.cutoff, first.total, first.below, first.above)
            if key not in self.found:
                both = zip(self.pivotals, self.donuts, strict=True)
                sizes = [donut for one, donut in both if one is first or one is second]
                self.found[key] = changed(
                    place,
                    first,
                    second,
                    self.cohort,
                    self.outcome,
                    self.came_back,
                    donut=max(sizes),
                    effect_curvature=self.made.asked.moving.effect_curvature,
                    drift_bound=self.made.asked.moving.drift_bound,
                )
            told.append(self.found[key])
        return tuple(one for one in told if one is not None)


@dataclass(frozen=True, eq=False)
class _Continued:
    """One pivotal set, without the scores that its block leaves out, to be continued beyond the cutoff."""

    scored: Scored
    outcome: Floats
    came_back: Mask
    places: NDArray[np.int64]
    bound: float | None
    options: dict[str, Any]

    @property
    def households(self) -> NDArray[np.int64]:
        """Of every episode, (n,)."""
        return self.scored.households

    @cached_property
    def _table(self) -> Any:
        return collapse_scores(self.scored.values, self.outcome, households=self.scored.households)

    @cached_property
    def _reach(self) -> float | EstimationError:
        told = {"curvature_bound": self.bound, **self.options}
        return ask_route(honest_reach, self._table, self.scored.cutoff, **told)

    def to(self, place: float) -> Answer | None:
        """Answer for a cutoff at `place`; None without a bound."""
        if self.bound is None:
            return None
        reach = self._reach
        if isinstance(reach, EstimationError):
            return reach
        told = {"curvature_bound": self.bound, "reach": reach, **self.options}
        return ask_route(bounded_continuation, self._table, self.scored.cutoff, place, **told)

    def inside(self, effect: BandEffect) -> NDArray[np.int64]:
        """Places in the cohort of the band's episodes that the answer is of."""
        return self.places[(self.scored.values >= effect.low) & (self.scored.values < effect.high)]

    def parts(self, effect: BandEffect) -> Iterator[Floats]:
        """Weights (n,) of the band, and of the line that is carried into it."""
        own, distance = self.scored, self.scored.distance
        yield ((own.values >= effect.low) & (own.values < effect.high)).astype(np.float64)
        far = own.above if effect.low < own.cutoff else ~own.above
        yield np.maximum(1.0 - np.abs(distance) / effect.bandwidths[0], 0.0) * far


def _rows(block: ThresholdBlock, pivotal: Pivotal, known: _Changes) -> tuple[MovedRow, ...]:
    made, cohort = known.made, known.cohort
    rows = members_of(pivotal)
    scored = scored_of(pivotal, cohort)
    kept = scored.outside(block.donut)
    options = options_of(pivotal, made)
    continued = _Continued(
        Scored(
            scored.values[kept], scored.cutoff, scored.scale, scored.households[kept], scored.taken_up[kept]
        ),
        known.outcome[rows][kept],
        known.came_back[rows][kept],
        np.flatnonzero(rows)[kept],
        made.asked.moving.curvature,
        {name: options[name] for name in ("kernel", "variance", "scale")},
    )
    each, years = _contacts_each(block, scored), _years(pivotal, cohort)
    # Amounts are in cents, and so is a threshold.
    places = [(part, round(part * scored.cutoff, 2)) for part in made.asked.candidates]
    found = [
        _row(part, place, block, scored, continued, known, known.of(pivotal), (each, years))
        # The nearest first: of two that may not both be told, that one is.
        for part, place in sorted(places, key=lambda one: abs(one[1] - scored.cutoff))
        if place not in (0.0, scored.cutoff)
    ]
    return tuple(sorted(found, key=lambda row: row.part))


def _row(
    part: float,
    place: float,
    block: ThresholdBlock,
    scored: Scored,
    continued: _Continued,
    known: _Changes,
    changes: Sequence[Changed],
    counted: tuple[float, float],
) -> MovedRow:
    made = known.made
    band = (min(place, scored.cutoff), max(place, scored.cutoff))
    inside = (scored.values >= band[0]) & (scored.values < band[1])
    each, years = counted
    change = next((one for one in changes if one.holds(band)), next(iter(changes), None))
    answers = _answers(place, band, continued, change)
    asked = made.asked
    found = moved_threshold(
        scored.cutoff,
        place,
        answers,
        episodes=float(inside.sum()) / years,
        contacts_each=each,
        contact_cost=made.study.price_of_moving(block.below, block.above),
        capacity=asked.moving.capacity,
    )
    outcome = made.study.outcome(asked.primary_outcome)
    return MovedRow(
        part=part,
        to=place,
        outcome=outcome.id,
        kind=outcome.kind,
        months=outcome.months,
        episodes=int(inside.sum()),
        households=len(np.unique(scored.households[inside])),
        years=years,
        contacts_each=each,
        extra_contacts=found.extra_contacts,
        band=None if found.effect is None else _band(found.effect),
        **_changes(found),
        passed=tuple(PassedRoute(one.route, one.code) for one in found.passed),
        code=found.code,
        over_capacity=found.over_capacity,
        cost=None if found.cost is None else _cost(found.cost),
        basis=None if found.effect is None else _basis(found.effect, change, continued, known),
    )


def _answers(place: float, band: Band, continued: _Continued, change: Changed | None) -> dict[Route, Answer]:
    """Ask the site's own routes, the strongest first, until one holds: a weaker one changes nothing."""
    asked: list[tuple[Route, Callable[[], Answer | None]]] = [("continuation", lambda: continued.to(place))]
    if change is not None:
        own = change
        asked = [
            ("changed_band", lambda: own.by_band(band)),
            ("changed_jumps", lambda: own.by_jumps(band)),
            *asked,
        ]
    answers: dict[Route, Answer] = {}
    for route, ask in asked:
        answer = ask()
        if answer is not None:
            answers[route] = answer
        if strongest(answers)[0] is not None:
            break
    return answers


def _contacts_each(block: ThresholdBlock, scored: Scored) -> float:
    """Contacts more above than below: share with the handling above; where that is none, with that below."""
    sides = within_bandwidths(scored, block.effects[0].bandwidths[:2], block.donut)
    below, above = (float(scored.taken_up[side].mean()) if side.any() else 0.0 for side in sides)
    return below - above if block.above == "none" else above - below


def _years(pivotal: Pivotal, cohort: CrossingCohort) -> float:
    """Length of the periods in which the threshold was there, by months with episodes."""
    days = cohort.time_zero[np.isin(cohort.rule, pivotal.periods)]
    return len(np.unique(days.astype("datetime64[D]").astype("datetime64[M]"))) / 12.0


def _changes(found: MovedThreshold) -> dict[str, float | None]:
    told = found.effect is not None
    return {
        "change": found.change if told else None,
        "change_low": found.conf_low if told else None,
        "change_high": found.conf_high if told else None,
    }


def _band(effect: BandEffect) -> BandRow:
    return BandRow(
        effect.route,
        effect.estimate,
        effect.std_error,
        effect.largest_bias,
        effect.conf_low,
        effect.conf_high,
    )


def _cost(cost: CostPerAvoided) -> CostRow | None:
    """Write a cost down; none where not a thing is avoided or added."""
    if not np.isfinite(cost.estimate):
        return None
    low, high = cost.interval.low, cost.interval.high
    return CostRow(
        spent=cost.spent,
        estimate=cost.estimate,
        set_kind=cost.interval.kind,
        set_low=low if np.isfinite(low) else None,
        set_high=high if np.isfinite(high) else None,
        code=cost.code,
    )


def _basis(effect: BandEffect, change: Changed | None, continued: _Continued, known: _Changes) -> BasisRow:
    """Find the weakest of the parts that an answer compares, and how few tell it from another answer."""
    own = continued if change is None or effect.route == "continuation" else change
    found = basis_of(own.parts(effect), own.households, own.came_back)
    return replace(found, apart=known.apart(own.inside(effect)))


def basis_of(parts: Iterable[Floats], households: NDArray[np.int64], came_back: Mask) -> BasisRow:
    """Count who is behind the weakest of several parts.

    Parameters
    ----------
    parts : iterable of (n,) weights
    households : (n,) int
    came_back : (n,) bool
    """
    counts, shares = [], []
    for weights in parts:
        inside = weights > 0.0
        groups = [inside, inside & came_back]
        found = [len(np.unique(households[rows])) for rows in groups]
        counts.append((found[0], found[1], found[0] - found[1]))
        shares.append(largest_shares(households[inside], weights[inside]))
    fewest = [min(column) for column in zip(*counts, strict=True)]
    largest = [max(column) for column in zip(*shares, strict=True)]
    return BasisRow(fewest[0], fewest[1], fewest[2], largest[0], largest[1])
