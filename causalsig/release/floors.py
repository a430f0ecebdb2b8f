"""The floors that a release says were applied, and what a reader of it can hold against them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from causalsig.release import grid
from causalsig.release.censored_entries import CensoredBlockEntry, censored_numbers
from causalsig.release.contact_entries import contact_numbers
from causalsig.release.given_entries import given_numbers
from causalsig.release.grouped_entries import groups_numbers, rule_numbers
from causalsig.release.value_types import Closed
from causalsig.study.models import Disclosure

if TYPE_CHECKING:
    from causalsig.release.beside_entries import BalanceEntry
    from causalsig.release.contact_entries import GroupContactEntry
    from causalsig.release.documents import AnalysisEntry, ArmEntry, QuestionEntry
    from causalsig.release.private_entries import PrivateBlockEntry


class AppliedFloors(Closed):
    """The floors that were applied, as integers; looser ones than the house's cannot be written down."""

    min_households_cell: int = Field(ge=10, le=10_000)
    min_households_arm: int = Field(ge=30, le=10_000)
    min_expected_class: int = Field(ge=20, le=10_000)
    expected_risk_per_mille: int = Field(ge=1, le=999)
    max_largest_weight_per_mille: int = Field(ge=1, le=500)
    max_two_largest_weight_per_mille: int = Field(ge=1, le=670)
    max_parameter_share_per_mille: int = Field(ge=1, le=100)
    min_residual_df: int = Field(ge=10, le=10_000)
    min_effective_size: int = Field(ge=30, le=10_000)


def per_mille(share: float) -> int:
    """Write a share not to be exceeded in whole thousandths, rounded to the stricter side; 1 at least."""
    return max(int(share * 1000 + 1e-9), 1)


def applied_floors(disclosure: Disclosure, min_effective_size: float) -> AppliedFloors:
    """Write the study's floors as integers, rounded to the stricter side."""
    return AppliedFloors(
        min_households_cell=disclosure.min_households_cell,
        min_households_arm=disclosure.min_households_arm,
        min_expected_class=disclosure.min_expected_class,
        expected_risk_per_mille=min(max(round(disclosure.expected_risk * 1000), 1), 999),
        max_largest_weight_per_mille=per_mille(disclosure.max_largest_weight),
        max_two_largest_weight_per_mille=per_mille(disclosure.max_two_largest_weight),
        max_parameter_share_per_mille=per_mille(disclosure.max_parameter_share),
        min_residual_df=disclosure.min_residual_df,
        min_effective_size=max(30, -int(-min_effective_size // 1)),
    )


def released_numbers(arms: int, sensitivities: int = 0) -> int:
    """Return how many free numbers a block of K arms releases: means, standard errors, correlations.

    Each contrast with a sensitivity adds its scale, the error of that, and their correlation.
    """
    return 2 * arms + arms * (arms - 1) // 2 + 3 * sensitivities


def balance_numbers(entry: BalanceEntry) -> int:
    """Count free numbers: every difference, and every noise that is told."""
    return len(entry.differences) + len({row.noise for row in entry.differences})


def check_block(block: AnalysisEntry, floors: AppliedFloors) -> None:
    """Refuse a block whose bands cannot be true under the floors it says were applied."""
    _check_arms(block.arms, floors)
    most = floors.max_parameter_share_per_mille * _most_households(block.arms)
    if released_numbers(len(block.arms), len(block.sensitivity)) * 1000 > most:
        raise ValueError("a block releases more numbers than its households allow")


def _check_arms(arms: Iterable[ArmEntry], floors: AppliedFloors) -> None:
    for entry in arms:
        highest = grid.band_limits(entry.households)[1]
        if highest is not None and highest < floors.min_households_arm:
            raise ValueError("an arm lies below the floor of households")
        if grid.half_doublings(floors.min_effective_size) > entry.effective_size:
            raise ValueError("an arm lies below the floor of the effective size")


def check_private(block: PrivateBlockEntry, floors: AppliedFloors) -> None:
    """Refuse a private block with an arm below the floors; its sizes carry noise, and are held to them."""
    _check_arms(block.arms, floors)


def smallest_admitted(floors: AppliedFloors) -> int:
    """Households that an arm needs before its outcomes are looked at, by the floors that were applied."""
    rarer = min(floors.expected_risk_per_mille, 1000 - floors.expected_risk_per_mille)
    return max(floors.min_households_arm, -(-floors.min_expected_class * 1000 // rarer))


def check_censored(block: CensoredBlockEntry, floors: AppliedFloors) -> None:
    """Refuse a block with classes that cannot be true under the floors it says were applied."""
    _check_arms(block.arms, floors)
    least = grid.half_doublings(floors.min_effective_size)
    if any(entry.effective_size < least for entry in block.classes):
        raise ValueError("an arm lies below the floor of the effective size")
    if any(entry.size < grid.half_doublings(smallest_admitted(floors)) for entry in block.classes):
        raise ValueError("an arm of which a class leaves is smaller than one that is admitted")


def check_question(question: QuestionEntry, floors: AppliedFloors) -> None:
    """Refuse a question whose numbers together, or whose regions, cannot be true under the floors."""
    bands = [region.households for region in question.regions]
    bands += [one.households for entry in question.groups for f in entry.families for one in f.effects]
    bands += [leaf.households for entry in question.rule for leaf in entry.leaves]
    bands += [part.households for entry in question.contacts for part in entry.parts()]
    for band in bands:
        highest = grid.band_limits(band)[1]
        if highest is not None and highest < floors.min_households_arm:
            raise ValueError("a region, a group or a leaf lies below the floor of households")
    totals = [_most_households(block.arms) for block in question.analyses]
    totals += [_most_households([one.everybody]) for one in question.contacts]
    totals += [_most_households(one.arms) + _most_of_classes(one) for one in question.censored]
    most = max(totals, default=0)
    if question_numbers(question) * 1000 > floors.max_parameter_share_per_mille * most:
        raise ValueError("a question releases more numbers than its households allow")


def question_numbers(question: QuestionEntry) -> int:
    """Count the free numbers of a question: its blocks, and all that stands beside them."""
    numbers = sum(released_numbers(len(block.arms), len(block.sensitivity)) for block in question.analyses)
    numbers += sum(map(balance_numbers, question.balance)) + sum(map(censored_numbers, question.censored))
    numbers += sum(map(groups_numbers, question.groups)) + sum(map(rule_numbers, question.rule))
    return numbers + sum(map(contact_numbers, question.contacts)) + sum(map(given_numbers, question.given))


def _most_of_classes(block: CensoredBlockEntry) -> float:
    """Return the most households that the sizes of its classes allow: a quarter of a doubling above each."""
    return sum(float(2.0 ** ((entry.size + 0.5) / 2.0)) for entry in block.classes)


def _most_households(parts: Iterable[ArmEntry | GroupContactEntry]) -> float:
    """Return the most households that the bands of a block allow; an open one has no end."""
    highest = [grid.band_limits(part.households)[1] for part in parts]
    return sum(math.inf if one is None else one for one in highest)
