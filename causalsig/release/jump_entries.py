"""An estimate and a width as they leave: on the grid of a standard error, and in two significant digits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from causalsig.release import grid
from causalsig.release.value_types import Closed, DecimalExponent, Digits, Steps

BinaryExponent = Annotated[int, Field(ge=-40, le=40)]


class JumpEntry(Closed):
    """A jump at the cutoff, on the grid of its standard error."""

    estimate: Steps
    estimate_exponent: BinaryExponent
    std_error: Digits
    std_error_exponent: DecimalExponent

    @model_validator(mode="after")
    def _declared_grid(self) -> JumpEntry:
        if self.estimate_exponent != grid.step_exponent(self.error):
            raise ValueError("a jump is not on the grid its standard error declares")
        return self

    @property
    def error(self) -> float:
        """Standard error."""
        return grid.from_two_digits(self.std_error, self.std_error_exponent)

    @property
    def value(self) -> float:
        """Estimate."""
        return grid.from_steps(self.estimate, self.estimate_exponent)


class WidthEntry(Closed):
    """A positive number of two significant digits: a bandwidth, a cutoff, a bound of bias."""

    digits: Digits
    exponent: DecimalExponent

    @property
    def value(self) -> float:
        """The number."""
        return grid.from_two_digits(self.digits, self.exponent)
