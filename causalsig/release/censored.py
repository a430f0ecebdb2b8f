"""Blocks of which an arm has a class below the floor: what of them may leave.

A rule that holds such a block back looks at its outcome: towns whose small arm happens to have few returns
would be missing from the pool, which is then too high. So the arm leaves as what the floor is about, "fewer
than ten households returned", and the rest of its block as ever. A block takes all its free numbers from the
budget either way, so the budget does not look at outcomes.

Outcomes that are no risk (a number of signals, days, euro) have no such count: their blocks are held back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.censored import ArmClass
from causalsig.release import grid
from causalsig.release.arm_entries import arm_entry
from causalsig.release.censored_entries import ArmClassEntry, CensoredBlockEntry
from causalsig.release.floors import smallest_admitted
from causalsig.release.registry import rule as registered
from causalsig.release.rules import CLASS_FLOOR, Limits, broken_rules, small_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.records import Analysis
    from causalsig.release.floors import AppliedFloors
    from causalsig.results import ArmMeans

OF_OUTCOMES = frozenset({CLASS_FLOOR, "release-dominance", "release-no-variance", "release-grid"})
"""Rules on what an arm's outcomes are: of an arm of which only its class leaves nothing of that does."""


@dataclass(frozen=True, slots=True)
class Censored:
    """A block with the places of the arms of which only a class leaves."""

    analysis: Analysis
    places: tuple[int, ...]


@registered("classes", CLASS_FLOOR, "own: a class leaves, not its number", ("min_households_cell",))
def censored_block(analysis: Analysis, codes: Sequence[str], limits: Limits) -> Censored | None:
    """Say which arms of a block leave as classes only; None where that does not make the block pass.

    Parameters
    ----------
    analysis : Analysis
    codes : sequence of str
        The rules that hold the whole block back.
    limits : Limits
    """
    if analysis.kind != "any" or CLASS_FLOOR not in codes or not set(codes) <= OF_OUTCOMES:
        return None
    floor = limits.disclosure.min_households_cell
    size = len(analysis.result.arms)
    places = tuple(place for place in range(size) if small_class(analysis, place, floor))
    kept = [place for place in range(size) if place not in places]
    if kept and broken_rules(_of_arms(analysis, kept), limits):
        return None
    return Censored(analysis, places)


def told_codes(codes: Sequence[str]) -> tuple[str, ...]:
    """Give the rules to be listed: that an arm has no variance would say that none of the few returned."""
    hidden = OF_OUTCOMES - {CLASS_FLOOR} if CLASS_FLOOR in codes else frozenset()
    return tuple(code for code in codes if code not in hidden)


def censored_entry(one: Censored) -> CensoredBlockEntry:
    """Write such a block."""
    analysis, result = one.analysis, one.analysis.result
    kept = [place for place in range(len(result.arms)) if place not in one.places]
    values: dict[str, Any] = {
        "outcome": analysis.outcome,
        "estimand": analysis.estimand,
        "estimator": analysis.estimator,
        "kind": analysis.kind,
        "months": analysis.months,
        "reference": analysis.reference,
        "primary": analysis.primary,
        "arms": tuple(arm_entry(result, place) for place in kept),
        "correlations": grid.correlations_on_grid(result.covariance[np.ix_(kept, kept)]) if kept else (),
        "classes": tuple(_class(analysis, place) for place in one.places),
    }
    return CensoredBlockEntry(**values)


def decode_classes(block: CensoredBlockEntry, floors: AppliedFloors) -> tuple[ArmClass, ...]:
    """Decode the classes of a block, with the floors they are of."""
    return tuple(
        ArmClass(
            entry.arm,
            entry.small,
            floors.min_households_cell,
            entry.size,
            smallest_admitted(floors),
            grid.from_half_doublings(entry.effective_size),
        )
        for entry in block.classes
    )


def _class(analysis: Analysis, place: int) -> ArmClassEntry:
    result = analysis.result
    size = grid.half_doublings(float(result.households[place]))
    effective = grid.half_doublings(float(result.effective_sample_size[place]))
    few = analysis.households_with[place] < analysis.households_without[place]
    values: dict[str, Any] = {
        "arm": str(result.arms[place]),
        "small": "with" if few else "without",
        "size": size,
        # Kish's size counts by household and is at most their number.
        "effective_size": min(effective, size),
    }
    return ArmClassEntry(**values)


def _of_arms(analysis: Analysis, kept: list[int]) -> Analysis:
    """Leave some arms of a block, for the rules."""
    result: ArmMeans = analysis.result
    part = replace(
        result,
        arms=tuple(result.arms[place] for place in kept),
        means=result.means[kept],
        covariance=result.covariance[np.ix_(kept, kept)],
        n=result.n[kept],
        households=result.households[kept],
        followed=result.followed[kept],
        effective_sample_size=result.effective_sample_size[kept],
        influence=result.influence[..., kept],
        largest_share=result.largest_share[kept],
        two_largest_share=result.two_largest_share[kept],
    )
    return replace(
        analysis,
        result=part,
        households_with=tuple(analysis.households_with[place] for place in kept),
        households_without=tuple(analysis.households_without[place] for place in kept),
    )
