"""What leaves of groups and of a rule: floors for every group and for the rest of its family, then grids.

A family parts the households, and the question's own block stands beside it: the effect of groups that are
held back follows, nearly, from what is released. So not only a group must hold the floors, but also what is
left of the households when it is taken out, alone or with others of its family.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from causalsig.grouped import ReleasedGroups
from causalsig.release import grid
from causalsig.release.beside import Beside, condition_entry
from causalsig.release.grouped_entries import (
    FamilyEntry,
    GainEntry,
    GroupEffectEntry,
    GroupsEntry,
    LeafEntry,
    RuleEntry,
)
from causalsig.release.registry import rule as registered
from causalsig.release.rules import smallest_arm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.grouped import FamilyRest, GroupBlock, GroupEffect, RuleBehind, RuleBlock
    from causalsig.release.documents import EstimatesDocument
    from causalsig.release.rules import Limits


@dataclass(frozen=True, slots=True)
class Number:
    """A number on the grid of its standard error, as four integers."""

    steps: int
    exponent: int
    digits: int
    decimal: int

    def fields(self) -> dict[str, int]:
        """Name them as an entry does."""
        return {
            "estimate": self.steps,
            "estimate_exponent": self.exponent,
            "std_error": self.digits,
            "std_error_exponent": self.decimal,
        }


@registered(
    "groups",
    "release-cell-floor",
    "10 households: ESSnet/DwB, ABS, acro",
    ("min_households_cell",),
)
def groups_entry(block: GroupBlock, limits: Limits) -> Beside:
    """Write the effects of the groups that hold every floor, themselves and by what is left."""
    families = []
    for family, kept in _kept(block, limits).items():
        numbers = [number_of(block.effects[at].estimate, block.effects[at].std_error) for at in kept]
        if not kept or None in numbers:
            continue
        covariance = np.array(block.covariance)[np.ix_(kept, kept)]
        families.append(
            FamilyEntry(
                family=family,  # type: ignore[arg-type]  # pydantic checks it against the code list
                effects=tuple(
                    GroupEffectEntry(
                        group=block.effects[at].group,
                        households=grid.band(min(block.effects[at].households)),  # type: ignore[arg-type]
                        **number.fields(),
                    )
                    for at, number in zip(kept, numbers, strict=True)
                    if number is not None
                ),
                correlations=grid.correlations_on_grid(covariance),
            )
        )
    # One code, whether anything was held or not: which group is too small would else be told.
    codes = ("release-cell-floor",)
    if not families:
        return Beside((), codes)
    entry = GroupsEntry(
        outcome=block.outcome,
        estimand=block.estimand,  # type: ignore[arg-type]
        estimator=block.estimator,
        arm=block.arm,  # type: ignore[arg-type]
        reference=block.reference,  # type: ignore[arg-type]
        families=tuple(families),
    )
    return Beside((entry,), codes)


def _kept(block: GroupBlock, limits: Limits) -> dict[str, list[int]]:
    """Places of the groups of each family that may leave.

    Those that hold the floors; of these the smallest go, one by one, until whatever can be told by taking
    released groups out of the question's own block is nobody or holds the floors too, and until no two sets
    of released groups differ by a few households only.
    """
    kept: dict[str, list[int]] = {one.family: [] for one in block.effects}
    for at, effect in enumerate(block.effects):
        if _holds(effect, limits):
            kept[effect.family].append(at)
    while (worst := _worst(block, kept, limits)) is not None:
        kept[block.effects[worst].family].remove(worst)
    return kept


def _worst(block: GroupBlock, kept: dict[str, list[int]], limits: Limits) -> int | None:
    """Place of the group to take out next; None when the rest may leave together."""

    def smallest(places: list[int]) -> int:
        return min(places, key=lambda at: min(block.effects[at].households))

    for rest in block.rests:
        places = kept[rest.family]
        if places and not _rests_hold(rest, [block.effects[at].group for at in places], limits):
            return smallest(places)
    of = {block.effects[at].group: at for places in kept.values() for at in places}
    for one, other in block.close:
        if {*one, *other} <= set(of):
            return smallest([of[name] for name in {*one, *other}])
    return None


def _holds(effect: GroupEffect, limits: Limits) -> bool:
    """Say whether a group holds every floor that an arm of a block does."""
    floors = limits.disclosure
    return (
        min(effect.households) >= smallest_arm(floors)
        and effect.fewest >= floors.min_households_cell
        and effect.effective_size >= limits.min_effective_size
        and effect.largest_share <= floors.max_largest_weight
        and effect.two_largest_share <= floors.max_two_largest_weight
    )


def _rests_hold(rest: FamilyRest, kept: Sequence[str], limits: Limits) -> bool:
    """Say whether the rest holds the floors, or is nobody, whichever of the released groups are taken out."""
    floors, bits = limits.disclosure, [1 << rest.groups.index(name) for name in kept]
    for size in range(1, len(bits) + 1):
        for out in combinations(bits, size):
            arm, cell = rest.arms[sum(out)], rest.cells[sum(out)]
            enough = arm >= floors.min_households_arm and cell >= floors.min_households_cell
            if arm >= 0 and not enough:
                return False
    return True


def number_of(estimate: float, std_error: float) -> Number | None:
    """Put an estimate on the grid; None where it has no error or asks for more digits than the grid has."""
    if not (math.isfinite(estimate) and math.isfinite(std_error) and std_error > 0.0):
        return None
    digits, decimal = grid.two_digits_up(std_error)
    exponent = grid.step_exponent(grid.from_two_digits(digits, decimal))
    steps = grid.to_steps(estimate, exponent)
    inside = grid.MIN_SE_EXPONENT <= decimal <= grid.MAX_SE_EXPONENT and abs(steps) <= grid.MAX_MEAN_STEPS
    return Number(steps, exponent, digits, decimal) if inside else None


def rests_on_enough(behind: RuleBehind, limits: Limits) -> bool:
    """Say whether what a rule's gains rest on holds every floor.

    As an arm is admitted: by households, so many that the floor of classes holds nearly always. Were that
    floor the one that decides, rules would leave where many return and stay where few do.
    """
    floors = limits.disclosure
    return (
        behind.arm >= smallest_arm(floors)
        and behind.cell >= floors.min_households_cell
        and behind.largest_share <= floors.max_largest_weight
        and behind.two_largest_share <= floors.max_two_largest_weight
        and behind.effective_size >= limits.min_effective_size
    )


@registered(
    "rule",
    "release-cell-floor",
    "10 households: ESSnet/DwB, ABS, acro",
    ("min_households_cell",),
)
def rule_entry(block: RuleBlock, limits: Limits) -> Beside:
    """Write a rule that was found, or that none was, and nothing else of it.

    The floor is listed whether it held anything or not, so that a rule that is held back and none that was
    looked for look the same.
    """
    held = ("release-cell-floor",)
    none = RuleEntry(outcome=block.outcome, found=False, leaves=(), gains=())
    if not block.found:
        return Beside((none,), held)
    gains = [(gain.over, number_of(gain.estimate, gain.std_error)) for gain in block.gains]
    conditions = [[condition_entry(one) for one in leaf.conditions] for leaf in block.leaves]
    named = all(one is not None for leaf in conditions for one in leaf)
    large = all(leaf.households >= limits.disclosure.min_households_arm for leaf in block.leaves)
    enough = rests_on_enough(block.behind, limits) and named and large
    if not enough or any(number is None for _, number in gains):
        return Beside((), held)
    leaves = tuple(
        LeafEntry(
            conditions=tuple(one for one in asked if one is not None),
            arm=leaf.arm,  # type: ignore[arg-type]
            households=grid.band(leaf.households),  # type: ignore[arg-type]
        )
        for leaf, asked in zip(block.leaves, conditions, strict=True)
    )
    told = tuple(
        GainEntry(over=over, **number.fields())  # type: ignore[arg-type]
        for over, number in gains
        if number is not None
    )
    return Beside((RuleEntry(outcome=block.outcome, found=True, leaves=leaves, gains=told),), held)


def released_groups(document: EstimatesDocument) -> tuple[ReleasedGroups, ...]:
    """Decode the effects of groups of every question, a family each."""
    return tuple(
        _decoded(document.site_code, question.question, entry, family)
        for question in document.questions
        for entry in question.groups
        for family in entry.families
    )


def _decoded(site: str, question: str, entry: GroupsEntry, family: FamilyEntry) -> ReleasedGroups:
    errors = np.array([grid.from_two_digits(one.std_error, one.std_error_exponent) for one in family.effects])
    size = len(errors)
    correlation = np.eye(size)
    for row in range(size):
        for column in range(row):
            value = family.correlations[grid.pair_index(row, column)] / grid.CORRELATION_STEPS
            correlation[row, column] = correlation[column, row] = value
    covariance = correlation * np.outer(errors, errors)
    return ReleasedGroups(
        site=site,
        question=question,
        outcome=entry.outcome,
        estimand=entry.estimand,
        estimator=entry.estimator,
        arm=entry.arm,
        reference=entry.reference,
        family=family.family,
        groups=tuple(one.group for one in family.effects),
        estimates=tuple(grid.from_steps(one.estimate, one.estimate_exponent) for one in family.effects),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        steps=tuple(grid.from_steps(1, one.estimate_exponent) for one in family.effects),
        households=tuple(grid.band_limits(one.households) for one in family.effects),
    )
