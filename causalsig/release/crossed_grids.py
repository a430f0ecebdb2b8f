"""Numbers of thresholds on their grids, and the floors that hold for every estimate beside one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from causalsig.release import grid
from causalsig.release.jump_entries import JumpEntry, WidthEntry

if TYPE_CHECKING:
    from causalsig.release.rules import Limits


def broken_floor(
    limits: Limits,
    *,
    households: int,
    fewest_of_a_kind: int,
    shares: tuple[float, float],
    std_error: float,
) -> str | None:
    """Return the code of the first floor that an estimate does not hold.

    Parameters
    ----------
    limits : Limits
    households : int
        Fewest behind a side, or a part, that the estimate compares.
    fewest_of_a_kind : int
        Fewest of a side with the outcome, or without it.
    shares : (largest, two largest)
        Of the weights of a side that one household has, and two.
    std_error : float
    """
    floors = limits.disclosure
    if households < floors.min_households_arm:
        return "release-arm-floor"
    if fewest_of_a_kind < floors.min_households_cell:
        return "release-class-floor"
    if shares[0] > floors.max_largest_weight or shares[1] > floors.max_two_largest_weight:
        return "release-dominance"
    if not (math.isfinite(std_error) and std_error > 0.0):
        return "release-no-variance"
    return None


def jump_entry(estimate: float, std_error: float) -> JumpEntry | None:
    """Put an estimate on the grid of its standard error; None where its digits do not fit."""
    if not (math.isfinite(estimate) and math.isfinite(std_error) and std_error > 0.0):
        return None
    digits, decimal = grid.two_digits_up(std_error)
    exponent = grid.step_exponent(grid.from_two_digits(digits, decimal))
    steps = grid.to_steps(estimate, exponent)
    if not grid.MIN_SE_EXPONENT <= decimal <= grid.MAX_SE_EXPONENT or abs(steps) > grid.MAX_MEAN_STEPS:
        return None
    return JumpEntry(estimate=steps, estimate_exponent=exponent, std_error=digits, std_error_exponent=decimal)


def nearest(value: float) -> tuple[int, int]:
    """Two significant digits, the nearest."""
    up, down = grid.two_digits_up(value), grid.two_digits_down(value)
    return min((up, down), key=lambda pair: abs(grid.from_two_digits(*pair) - value))


def width_entry(value: float, *, up: bool = False) -> WidthEntry:
    """Write a positive number with two significant digits, the nearest or not below it."""
    digits, exponent = grid.two_digits_up(value) if up else nearest(value)
    return WidthEntry(digits=digits, exponent=exponent)
