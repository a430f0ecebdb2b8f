"""Q3: what crossing a site's own threshold does, and the gates that decide whether that may be believed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from causalsig.study.base import Closed, Slug
from causalsig.study.moving import Moving


class ThresholdGates(Closed):
    """Thresholds of the gate of a threshold; the same for every site."""

    smallest_n: int = Field(default=50, ge=50, description="Episodes a side within the bandwidth, at least.")
    low_n: int = Field(default=200, ge=50, description="Below this the effect stands, with a warning.")
    fewest_values: int = Field(default=3, ge=3, description="Distinct scores a side, at least.")
    smallest_f: float = Field(
        default=10.0, ge=1, description="First stage: below it only the Anderson-Rubin set is read."
    )
    largest_heap: float = Field(
        default=3.0, gt=0, le=10, description="Standard errors that scores at the cutoff may exceed."
    )
    donut_eur: float = Field(
        default=2.0, gt=0, le=50, description="Left out around the cutoff where there is a heap."
    )
    error_rate: float = Field(default=0.05, gt=0, le=0.2)


class Curvature(Closed):
    """How curved the mean outcome may be: largest second derivative, a squared unit of the score.

    It cannot be learnt from the data. Without it a threshold on that score is refused.
    """

    months: float | None = Field(default=None, gt=0, le=100)
    signals: float | None = Field(default=None, gt=0, le=100)
    creditors: float | None = Field(default=None, gt=0, le=100)
    age: float | None = Field(default=None, gt=0, le=100)


class Threshold(Closed):
    """Q3: crossing a site's own cutoff, among those for whom it alone decides; returns for everyone alike."""

    outcomes: tuple[Slug, ...] = Field(min_length=1)
    primary_outcome: Slug
    grace_days: int = Field(
        default=14, ge=1, le=60, description="The first attempt by this day is how an episode was handled."
    )
    follow_up_from_day: int = Field(default=14, ge=0, le=120)
    kernel: Literal["triangular", "epanechnikov", "uniform"] = "triangular"
    bandwidth: Literal["mserd", "cerrd"] = Field(
        default="mserd", description="Smallest mean squared error, or smallest error of coverage."
    )
    degree: Literal[1, 2] = 1
    candidates: tuple[float, ...] = Field(
        default=(0.5, 0.75, 1.5, 2.0),
        max_length=8,
        description="Other cutoffs: their contacts, and what they would do, as parts of the site's own.",
    )
    accepted_help: bool = Field(
        default=True, description="Also: crossing as an instrument for accepted help; it stays at the site."
    )
    gates: ThresholdGates = ThresholdGates()
    curvature: Curvature = Curvature()
    moving: Moving = Moving()

    @field_validator("candidates")
    @classmethod
    def _others(cls, candidates: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0.1 <= one <= 10.0 or one == 1.0 for one in candidates):
            raise ValueError("a candidate is not a part of the cutoff; give 0.1 to 10, and not 1")
        if any(abs(100.0 * one - round(100.0 * one)) > 1e-9 for one in candidates):
            raise ValueError("candidates are told in whole per cent; give at most two decimals")
        if list(candidates) != sorted(set(candidates)):
            raise ValueError("candidates are not in order, or one is twice; give each once, the lowest first")
        return candidates

    @model_validator(mode="after")
    def _consistent(self) -> Threshold:
        if self.primary_outcome not in self.outcomes:
            raise ValueError("primary_outcome is not among the question's outcomes; add it there")
        return self
