"""One arm of a released block: its mean on the grid of its standard error, and how a number gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from causalsig.release import grid
from causalsig.release.value_types import (
    ArmBand,
    ArmCode,
    Closed,
    DecimalExponent,
    Digits,
    HalfDoublings,
    Steps,
)

if TYPE_CHECKING:
    from causalsig.results import ArmMeans


class ArmEntry(Closed):
    """One arm of a block."""

    arm: ArmCode
    households: ArmBand
    effective_size: HalfDoublings
    mean: Steps
    mean_exponent: Annotated[int, Field(ge=-40, le=40)]
    std_error: Digits
    std_error_exponent: DecimalExponent

    @model_validator(mode="after")
    def _declared_grid(self) -> ArmEntry:
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.mean_exponent != grid.step_exponent(std_error):
            raise ValueError("the mean is not on the grid its standard error declares")
        return self


def arm_entry(result: ArmMeans, place: int) -> ArmEntry:
    """Write one arm of a result on its grid."""
    digits, exponent = grid.two_digits_up(float(result.std_errors[place]))
    step = grid.step_exponent(grid.from_two_digits(digits, exponent))
    values: dict[str, Any] = {
        "arm": str(result.arms[place]),
        "households": grid.band(int(result.households[place])),
        "effective_size": grid.half_doublings(float(result.effective_sample_size[place])),
        "mean": grid.to_steps(float(result.means[place]), step),
        "mean_exponent": step,
        "std_error": digits,
        "std_error_exponent": exponent,
    }
    return ArmEntry(**values)
