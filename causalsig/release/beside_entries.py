"""What stands beside estimates in a release: hidden causes, balance, and where an arm is not used.

Covariates have names from a code list (:data:`causalsig.release.vocabulary.COVARIATES`), cut points are those
of the list too: no value of the data, and no name of a place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.value_types import (
    ArmBand,
    ArmCode,
    Closed,
    DecimalExponent,
    Digits,
    Month,
    Steps,
)
from causalsig.release.vocabulary import CUT_POINTS, check_covariate
from causalsig.study.models import Estimand

CovariateCode = Annotated[str, AfterValidator(check_covariate)]
Exponent = Annotated[int, Field(ge=-40, le=40)]
MAX_CORRELATION = grid.CORRELATION_STEPS - 1
"""Of a contrast with its scale, as of arms: with one of 1 either would follow from the other."""
MIN_NOISE, MAX_NOISE = -8, 20
"""Noise from 16 down to 2^-10, which takes two million households."""
MAX_DIFFERENCE = 8.0
NoiseSteps = Annotated[int, Field(ge=MIN_NOISE, le=MAX_NOISE)]
_ONE_OF = ("age-", "minor_children-")
_FROM = "-from-"


class SensitivityEntry(Closed):
    """How a hidden cause could move one contrast of a block: arm minus the block's reference.

    The bias of a cause of strength f is at most f times the scale. With the contrast itself, which follows
    from the block, these are what a robustness value is made of.
    """

    arm: ArmCode
    scale: Annotated[int, Field(ge=1, le=grid.MAX_MEAN_STEPS)]
    scale_exponent: Exponent
    std_error: Digits
    std_error_exponent: DecimalExponent
    correlation: Annotated[int, Field(ge=-MAX_CORRELATION, le=MAX_CORRELATION)]

    @model_validator(mode="after")
    def _declared_grid(self) -> SensitivityEntry:
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.scale_exponent != grid.step_exponent(std_error):
            raise ValueError("a scale is not on the grid its standard error declares")
        return self


class DifferenceEntry(Closed):
    """Weighted standardised difference of one covariate.

    Its noise is ``2^(-noise/2)``, and its step the smallest power of two that is at least a quarter of that.
    """

    covariate: CovariateCode
    difference: Steps
    noise: NoiseSteps

    @model_validator(mode="after")
    def _of_a_size(self) -> DifferenceEntry:
        if not fits(self.difference, self.noise):
            raise ValueError("a difference is larger than any of covariates is")
        return self


def noise_step(noise: int) -> int:
    """Return e, with ``2^e`` the step of a difference of this noise."""
    return grid.step_exponent(2.0 ** (-noise / 2.0))


def fits(difference: int, noise: int) -> bool:
    """Say whether a difference, in the steps of its noise, may be one of covariates."""
    inside = MIN_NOISE <= noise <= MAX_NOISE and abs(difference) <= grid.MAX_MEAN_STEPS
    return inside and abs(grid.from_steps(difference, noise_step(noise))) <= MAX_DIFFERENCE


class BalanceEntry(Closed):
    """Balance of a question's primary contrast under its primary estimand, arm minus reference."""

    estimator: Estimator
    estimand: Estimand
    arm: ArmCode
    reference: ArmCode
    differences: tuple[DifferenceEntry, ...] = Field(min_length=1, max_length=60)

    @model_validator(mode="after")
    def _once(self) -> BalanceEntry:
        if len({row.covariate for row in self.differences}) != len(self.differences):
            raise ValueError("a covariate is listed twice")
        if self.arm == self.reference:
            raise ValueError("an arm is compared with itself")
        return self


class ConditionEntry(Closed):
    """One question on the way to a region and its answer: at least a cut point, in a month, or a fact."""

    question: CovariateCode | Literal["amount", "months", "calendar_month"]
    value: int | None
    month: Month | None
    holds: bool

    @model_validator(mode="after")
    def _of_the_list(self) -> ConditionEntry:
        if self.value not in CUT_POINTS.get(self.question, (None,)):
            raise ValueError("a cut point is not of the list")
        if (self.month is not None) != (self.question == "calendar_month"):
            raise ValueError("a month stands with another question, or is missing")
        return self


class RegionEntry(Closed):
    """Where an arm is (almost) never used: 30 households or more in it, and as many that are not."""

    arm: ArmCode
    conditions: tuple[ConditionEntry, ...] = Field(min_length=1, max_length=3)
    households: ArmBand

    @model_validator(mode="after")
    def _can_hold_a_household(self) -> RegionEntry:
        asked = [(one.question, one.value, one.month) for one in self.conditions]
        if len(set(asked)) != len(asked):
            raise ValueError("a region asks one question twice")
        if _contradict(self.conditions):
            raise ValueError("a region's conditions contradict each other")
        return self

    def apart_from(self, other: RegionEntry) -> bool:
        """Say whether one question was answered with yes here and no there, as with two leaves of a tree."""
        here = {(one.question, one.value, one.month, one.holds) for one in self.conditions}
        return any((o.question, o.value, o.month, not o.holds) in here for o in other.conditions)


def _contradict(conditions: Iterable[ConditionEntry]) -> bool:
    """Say whether no episode can answer so: at least 500 but not 250, in two months, of two ages."""
    lowest: dict[str, int] = {}
    highest: dict[str, int] = {}
    of_one: list[str] = []
    for one in conditions:
        name, least, number = one.question.partition(_FROM)
        value = int(number) if least else one.value
        if value is not None and one.holds:
            lowest[name] = max(value, lowest.get(name, value))
        elif value is not None:
            highest[name] = min(value, highest.get(name, value))
        elif one.holds:
            of_one += [group for group in (*_ONE_OF, "calendar_month") if name.startswith(group)]
    return len(set(of_one)) != len(of_one) or any(lowest[name] >= highest.get(name, 10**9) for name in lowest)
