"""What a study declares about what nobody records: moving, errors of coding, and an instrument.

None of it changes an answer. It says how far the answer may be off, in ``site.json``, which stays there.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from causalsig.study.base import Closed

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, le=1)]


class Moving(Closed):
    """Households that move: returns are counted at the address."""

    yearly_turnover: tuple[Rate, Rate] = Field(
        description="Range of the yearly rate at which addresses change occupants; 0.9 % a month is 0.108."
    )
    occupants_return: tuple[Share, Share] = Field(
        default=(0.0, 1.0), description="Range of the share of new occupants with a signal in the window."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Moving:
        _in_order(yearly_turnover=self.yearly_turnover, occupants_return=self.occupants_return)
        return self


class Coding(Closed):
    """Accepted help that is recorded with errors, which have nothing to do with the outcome."""

    sensitivity: tuple[Share, Share] = Field(
        description="Range of the share of truly accepted help that is recorded as such."
    )
    specificity: tuple[Share, Share] = Field(
        description="Range of the share of the others that is recorded as not accepted."
    )

    @model_validator(mode="after")
    def _telling(self) -> Coding:
        _in_order(sensitivity=self.sensitivity, specificity=self.specificity)
        if self.sensitivity[0] + self.specificity[0] < 1.05:
            raise ValueError(
                "the lowest sensitivity and specificity together tell nothing; raise one of them"
            )
        return self


class Instrument(Closed):
    """Capacity of the month as an instrument for accepted help."""

    season: Literal["harmonic", "month_of_year"] = Field(
        default="harmonic", description="Waves of a year and half a year, or a level for each month."
    )
    trend: int = Field(default=1, ge=0, le=3, description="Degree of the polynomial in time.")


class Hidden(Closed):
    """Bounds and an instrument; each is left out unless it is declared."""

    moving: Moving | None = None
    coding: Coding | None = None
    instrument: Instrument | None = None


def _in_order(**ranges: tuple[float, float]) -> None:
    for name, (low, high) in ranges.items():
        if low > high:
            raise ValueError(f"{name} goes from high to low; write the lower one first")
