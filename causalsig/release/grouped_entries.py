"""Effects of groups and a rule as they leave: names of code lists, numbers on grids, counts in bands."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, model_validator

from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.beside_entries import ConditionEntry, answered_apart, contradict
from causalsig.release.value_types import (
    ArmBand,
    ArmCode,
    Closed,
    Correlation,
    DecimalExponent,
    Digits,
    Steps,
)
from causalsig.study.models import Estimand, Slug

FamilyCode = Literal["creditor", "age_band", "n_creditors", "first_or_repeated", "amount_band"]
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "creditor": ("creditor_rent", "creditor_energy", "creditor_water", "creditor_health_insurance"),
        "age_band": ("age_18_26", "age_27_45", "age_46_65", "age_66_up"),
        "n_creditors": ("creditors_1", "creditors_2", "creditors_3_up"),
        "first_or_repeated": ("first", "repeated"),
        "amount_band": ("amount_below_250", "amount_250_500", "amount_500_1000", "amount_1000_up"),
    }
)
"""Groups of every family; a test holds them to the cohort's."""


class OnItsGrid(Closed):
    """An estimate on the grid that its standard error declares."""

    estimate: Steps
    estimate_exponent: Annotated[int, Field(ge=-40, le=40)]
    std_error: Digits
    std_error_exponent: DecimalExponent

    @model_validator(mode="after")
    def _declared_grid(self) -> OnItsGrid:
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.estimate_exponent != grid.step_exponent(std_error):
            raise ValueError("an effect or a gain is not on the grid its standard error declares")
        return self


class GroupEffectEntry(OnItsGrid):
    """Effect of the question's primary contrast in one group."""

    group: Slug
    households: ArmBand


class FamilyEntry(Closed):
    """Effects of one family's groups, and their correlations as twentieths, the lower triangle row by row."""

    family: FamilyCode
    effects: tuple[GroupEffectEntry, ...] = Field(min_length=1, max_length=8)
    correlations: tuple[Correlation, ...]

    @model_validator(mode="after")
    def _of_its_family(self) -> FamilyEntry:
        names = [entry.group for entry in self.effects]
        if len(set(names)) != len(names) or not set(names) <= set(GROUPS[self.family]):
            raise ValueError("a group is listed twice, or is not of its family")
        if len(self.correlations) != len(names) * (len(names) - 1) // 2:
            raise ValueError("the correlations are not a lower triangle of the groups")
        if not grid.positive_definite_on_grid(self.correlations, len(names)):
            raise ValueError("the correlations are not positive definite on the grid")
        return self


class GroupsEntry(Closed):
    """Effects of groups, beside the primary block or the doubly robust one that stands in for it."""

    outcome: Slug
    estimand: Estimand
    estimator: Estimator
    arm: ArmCode
    reference: ArmCode
    families: tuple[FamilyEntry, ...] = Field(min_length=1, max_length=5)

    @model_validator(mode="after")
    def _once(self) -> GroupsEntry:
        names = [entry.family for entry in self.families]
        if len(set(names)) != len(names):
            raise ValueError("a family is listed twice")
        if self.arm == self.reference:
            raise ValueError("an arm is compared with itself")
        return self


class LeafEntry(Closed):
    """For whom the rule uses an arm: all conditions hold."""

    conditions: tuple[ConditionEntry, ...] = Field(max_length=2)
    arm: ArmCode
    households: ArmBand

    @model_validator(mode="after")
    def _can_hold_a_household(self) -> LeafEntry:
        if contradict(self.conditions):
            raise ValueError("a leaf's conditions contradict each other")
        return self

    def apart_from(self, other: LeafEntry) -> bool:
        """Say whether one question was answered with yes here and no there."""
        return answered_apart(self.conditions, other.conditions)


class GainEntry(OnItsGrid):
    """What the rule gains over something else, in euros an episode."""

    over: Literal["best_single", "now"]


class RuleEntry(Closed):
    """A rule that beats the best single arm, or that none was found: then it has no leaves."""

    outcome: Slug
    found: bool
    leaves: tuple[LeafEntry, ...] = Field(max_length=4)
    gains: tuple[GainEntry, ...] = Field(max_length=2)

    @model_validator(mode="after")
    def _found_or_not(self) -> RuleEntry:
        if self.found != bool(self.leaves):
            raise ValueError("a rule that was not found has leaves, or one that was has none")
        if bool(self.gains) != self.found or len({entry.over for entry in self.gains}) != len(self.gains):
            raise ValueError("a gain is listed twice, or of no rule, or a rule has none")
        if self.found and len({leaf.arm for leaf in self.leaves}) < 2:
            raise ValueError("a rule uses one arm for everybody")
        if any(not one.apart_from(other) for one, other in combinations(self.leaves, 2)):
            raise ValueError("two leaves share households")
        return self


def groups_numbers(entry: GroupsEntry) -> int:
    """Count free numbers: an effect and its error a group, and the correlations."""
    return sum(2 * len(family.effects) + len(family.correlations) for family in entry.families)


def rule_numbers(entry: RuleEntry) -> int:
    """Count free numbers: a gain and its error each; what a leaf asks is of a fixed list."""
    return 2 * len(entry.gains) + len(entry.leaves)
