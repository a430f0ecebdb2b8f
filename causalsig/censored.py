"""An arm of which only a class is known: its number of households with an outcome is interval-censored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["with", "without"]


@dataclass(frozen=True, slots=True)
class ArmClass:
    """An arm with fewer than `below` households with the outcome, or fewer than that without it.

    Attributes
    ----------
    arm : str
    side : {"with", "without"}
        Which households are few.
    below : int
        The floor: 0 to ``below - 1`` households are of that side.
    size_steps : int
        Households n of the arm, known as ``2^(size_steps/2)`` to the nearest such power.
    least : int
        Smallest n that is admitted before outcomes are looked at.
    effective_size : float
        Of the arm's weights, as a released arm's.
    """

    arm: str
    side: Side
    below: int
    size_steps: int
    least: int
    effective_size: float
