"""What a pool's document is made of: numbers on their grids, contrasts, levels, and who was left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.value_types import (
    ArmCode,
    Closed,
    Code,
    DecimalExponent,
    Digits,
    Hash,
    QuestionCode,
)
from causalsig.study.models import Estimand, Horizon, OutcomeKind, Slug

MIN_SITES = 6
"""Fewest sites behind a number that a municipality sees; the study may ask for more, never fewer."""
MAX_STEPS = 1_000_000
PoolSteps = Annotated[int, Field(ge=-MAX_STEPS, le=MAX_STEPS)]
Exponent = Annotated[int, Field(ge=-60, le=60)]
PerMille = Annotated[int, Field(ge=0, le=1000)]


def in_steps(value: float, factor: float, rounding: Callable[[float], int]) -> int:
    """Write a number in steps of one over `factor`, rounded by ``math.floor``, ``math.ceil`` or ``round``."""
    # The slack keeps a value that is on the grid already where it is.
    slack = 1e-9 if rounding is math.floor else -1e-9 if rounding is math.ceil else 0.0
    return int(rounding(value * factor + slack))


def interval_exponent(conf_low: float, conf_high: float, level: float) -> int:
    """Give the step of an estimate that has an interval and no error of its own: that of its half width."""
    half = (conf_high - conf_low) / 2.0
    return grid.step_exponent(
        grid.from_two_digits(*grid.two_digits_up(half / NormalDist().inv_cdf(0.5 + level / 2.0)))
    )


class ComparedEntry(Closed):
    """Which contrast an entry beside the pooled ones is about."""

    question: QuestionCode
    outcome: Slug
    estimand: Estimand
    estimator: Estimator
    arm: ArmCode
    reference: ArmCode


COMPARED = tuple(ComparedEntry.model_fields)
"""Names that such entries and their records share."""


class TwoDigits(Closed):
    """A number of two significant digits, ``digits · 10^exponent``; 0 is 0 digits."""

    digits: Annotated[int, Field(ge=0, le=99)]
    exponent: Annotated[int, Field(ge=-30, le=30)]

    @model_validator(mode="after")
    def _one_form(self) -> TwoDigits:
        if self.digits < 10 and (self.digits, self.exponent) != (0, 0):
            raise ValueError("two digits have one form: 10 to 99, or zero")
        return self


def two_digits(value: float | None, *, down: bool = False) -> TwoDigits | None:
    """Write a number of zero or more, rounded up or `down`; None stays None, as does what is not defined."""
    if value is None or not math.isfinite(value) or value < 0.0:
        return None
    if value < 1e-28:
        return TwoDigits(digits=0, exponent=0)
    digits, exponent = (grid.two_digits_down if down else grid.two_digits_up)(value)
    return TwoDigits(digits=digits, exponent=exponent)


def from_pair(number: TwoDigits | None) -> float | None:
    """Give the number that two digits stand for."""
    return None if number is None else grid.from_two_digits(number.digits, number.exponent)


def per_mille_up(p_value: float | None) -> int | None:
    """Write a p-value, rounded up; None where it is not defined."""
    defined = p_value is not None and math.isfinite(p_value)
    return in_steps(p_value, 1000.0, math.ceil) if defined and p_value is not None else None


class GridEstimate(Closed):
    """An estimate on the grid that its standard error declares, in steps of ``2^exponent``."""

    exponent: Exponent
    estimate: PoolSteps
    std_error: Digits
    std_error_exponent: DecimalExponent

    @model_validator(mode="after")
    def _declared_grid(self) -> GridEstimate:
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.exponent != grid.step_exponent(std_error):
            raise ValueError("the estimate is not on the grid its standard error declares")
        return self


class IntervalOnGrid(GridEstimate):
    """An estimate with its interval, whose ends are rounded outward."""

    conf_low: PoolSteps
    conf_high: PoolSteps


def on_grid(one: Any) -> dict[str, Any]:
    """Put what has an estimate, a standard error and an interval on the grid of that error."""
    digits, decimal = grid.two_digits_up(one.std_error)
    exponent = grid.step_exponent(grid.from_two_digits(digits, decimal))
    return {
        "exponent": exponent,
        "estimate": grid.to_steps(one.estimate, exponent),
        "std_error": digits,
        "std_error_exponent": decimal,
        "conf_low": in_steps(one.conf_low, 2.0**-exponent, math.floor),
        "conf_high": in_steps(one.conf_high, 2.0**-exponent, math.ceil),
    }


def off_grid(entry: IntervalOnGrid) -> dict[str, Any]:
    """Give the numbers that an entry stands for."""
    steps = {name: getattr(entry, name) for name in ("estimate", "conf_low", "conf_high")}
    numbers = {name: grid.from_steps(value, entry.exponent) for name, value in steps.items()}
    return numbers | {"std_error": grid.from_two_digits(entry.std_error, entry.std_error_exponent)}


def fits_grid(one: Any) -> bool:
    """Whether an estimate with its interval has a place on a grid.

    It has none where it is not defined, or where its error is nothing beside it: sites that agree to the
    last digit have no error by Knapp and Hartung, or one of rounding alone.
    """
    numbers = (one.estimate, one.std_error, one.conf_low, one.conf_high)
    if not all(map(math.isfinite, numbers)) or one.std_error <= 0.0:
        return False
    if not grid.MIN_SE_EXPONENT <= grid.two_digits_up(one.std_error)[1] <= grid.MAX_SE_EXPONENT:
        return False
    written = on_grid(one)
    return all(abs(written[name]) <= MAX_STEPS for name in ("estimate", "conf_low", "conf_high"))


class PooledNumbers(GridEstimate):
    """The numbers of one pooled contrast. Steps are in units of ``2^exponent``; None: not defined."""

    std_error_exponent: Annotated[int, Field(ge=-30, le=30)]
    df_tenths: Annotated[int, Field(ge=0, le=10_000_000)] | None
    conf_low: PoolSteps | None
    conf_high: PoolSteps | None
    prediction_low: PoolSteps | None
    prediction_high: PoolSteps | None
    p_value: PerMille | None
    tau2: TwoDigits | None
    tau2_low: TwoDigits | None
    tau2_high: TwoDigits | None
    tau2_interval: Literal["closed", "open", "empty"]
    i2_percent: Annotated[int, Field(ge=0, le=100)] | None
    q: TwoDigits | None
    q_p_value: PerMille | None


class PooledContrastEntry(Closed):
    """One pooled contrast; without numbers when it may not be shown or is not defined."""

    question: QuestionCode
    outcome: Slug
    estimand: Estimand
    estimator: Estimator = "doubly_robust"
    kind: OutcomeKind
    months: Horizon
    arm: ArmCode
    reference: ArmCode
    primary: bool
    sites: Annotated[int, Field(ge=0, le=1000)]
    publishable: bool
    reasons: tuple[Code, ...]
    numbers: PooledNumbers | None

    @model_validator(mode="after")
    def _of_enough_sites(self) -> PooledContrastEntry:
        if self.publishable and self.sites < MIN_SITES:
            raise ValueError("a contrast of too few sites is called publishable")
        return self


class PooledMeanEntry(Closed):
    """The pooled level of one arm. The step is a quarter of the interval's half width over 1.96."""

    question: QuestionCode
    outcome: Slug
    estimand: Estimand
    estimator: Estimator = "doubly_robust"
    kind: OutcomeKind
    months: Horizon
    arm: ArmCode
    sites: Annotated[int, Field(ge=0, le=1000)]
    exponent: Exponent
    estimate: PoolSteps
    conf_low: PoolSteps
    conf_high: PoolSteps


class LeftOutEntry(Closed):
    """A site that gave nothing, and why."""

    site_code: Hash
    reason: Code
