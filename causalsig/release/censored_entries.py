"""A block as it leaves where an arm has too few households with an outcome, or without it, to tell its mean.

The other arms leave as ever. Of that arm leaves which of both classes is below the floor of a cell, and how
many households it has; its mean, standard error and correlations stay. The pool reads it as an
interval-censored count (:mod:`causalsig.pooling.censored`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.arm_entries import ArmEntry
from causalsig.release.value_types import ArmCode, Closed, Correlation, HalfDoublings
from causalsig.study.models import Estimand, Horizon, Slug


class ArmClassEntry(Closed):
    """An arm of which one class is below the floor; ``size`` is of its households."""

    arm: ArmCode
    small: Literal["with", "without"]
    size: HalfDoublings
    effective_size: HalfDoublings

    @model_validator(mode="after")
    def _weights_add_no_household(self) -> ArmClassEntry:
        if self.effective_size > self.size:
            raise ValueError("an arm has a larger effective size than it has households")
        return self


class CensoredBlockEntry(Closed):
    """The arms of a block that may leave, and the classes of those that may not."""

    outcome: Slug
    estimand: Estimand
    estimator: Estimator
    kind: Literal["any"]
    months: Horizon
    reference: ArmCode
    primary: bool
    arms: tuple[ArmEntry, ...] = Field(max_length=7)
    correlations: tuple[Correlation, ...]
    classes: tuple[ArmClassEntry, ...] = Field(min_length=1, max_length=8)

    @model_validator(mode="after")
    def _holds_together(self) -> CensoredBlockEntry:
        names = [*(entry.arm for entry in self.arms), *(entry.arm for entry in self.classes)]
        size = len(self.arms)
        if len(set(names)) != len(names) or not 2 <= len(names) <= 8:
            raise ValueError("an arm is listed twice, or there is nothing to compare")
        if self.reference not in names:
            raise ValueError("the reference arm is not among the arms")
        if len(self.correlations) != size * (size - 1) // 2:
            raise ValueError("the correlations are not a lower triangle of the arms")
        if not grid.positive_definite_on_grid(self.correlations, size):
            raise ValueError("the correlations are not positive definite on the grid")
        return self


def censored_numbers(entry: CensoredBlockEntry) -> int:
    """Count free numbers: those of the arms that leave, and the size of each that does not."""
    arms = len(entry.arms)
    return 2 * arms + arms * (arms - 1) // 2 + len(entry.classes)
