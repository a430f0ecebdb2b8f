"""What a pool's document is made of: numbers on their grids, contrasts, levels, and who was left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import Field, model_validator

from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.value_types import ArmCode, Closed, Code, Digits, Hash, QuestionCode
from causalsig.study.models import Estimand, Horizon, OutcomeKind, Slug

PoolSteps = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
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


class PooledNumbers(Closed):
    """The numbers of one pooled contrast. Steps are in units of ``2^exponent``; None: not defined."""

    exponent: Exponent
    estimate: PoolSteps
    std_error: Digits
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

    @model_validator(mode="after")
    def _declared_grid(self) -> PooledNumbers:
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.exponent != grid.step_exponent(std_error):
            raise ValueError("the estimate is not on the grid its standard error declares")
        return self


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
