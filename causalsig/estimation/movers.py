"""What moving can do to returns that are counted at an address: bounds for arm means and their contrast.

A return is a later signal at the address. Some households have moved before the window ends: a signal of the
new occupants then counts for them, and a signal at their new address does not. Nobody records who moved, but
how many addresses change occupants in a year is known well enough to declare. With a yearly rate λ a share
``m = 1 - exp(-λ d / 365.25)`` has moved by day d. Let ψ be the mean at the address and μ that of the
households that were matched; ρ is the share of returns at addresses that changed occupants.

- ``anything`` (Horowitz and Manski 1995, doi:10.2307/2951627, corrupted sampling): movers may be the ones who
  would have returned, or the ones who would not. ``max(0, ψ - m) <= μ <= min(1, ψ + m)``. Bounds are as wide
  as they are, and for a contrast twice that.
- ``unrelated`` (the same, contaminated sampling): in each arm those who move would have returned as often as
  those who stay. Then ``ψ = (1 - m) μ + m ρ`` and ``μ = (ψ - m ρ) / (1 - m)``, with ρ in a declared range.
- ``same_occupants``: moreover m and ρ are the same in both arms, because help for one household changes
  neither who moves nor how the next one pays. Then m ρ cancels: ``μ_1 - μ_0 = (ψ_1 - ψ_0) / (1 - m)``, and
  moving only makes an effect look smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.identified_sets import (
    IdentifiedSet,
    contrast_error,
    identified_set,
    read_number,
    read_range,
)
from causalsig.results import Arm, ArmMeans, Floats

Moving = Literal["anything", "unrelated", "same_occupants"]
YEAR = 365.25
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class MoverBounds:
    """Bounds of returns of the households themselves.

    Attributes
    ----------
    arms : tuple, length K
    means : tuple of IdentifiedSet, length K
    arm, reference : object
    contrast : IdentifiedSet
        Difference `arm` minus `reference`.
    moved : (float, float)
        Share of households that has moved by the end of the window, at the declared range of rates.
    moving : {"anything", "unrelated", "same_occupants"}
    """

    arms: tuple[Arm, ...]
    means: tuple[IdentifiedSet, ...]
    arm: Arm
    reference: Arm
    contrast: IdentifiedSet
    moved: Range
    moving: Moving


def share_moved(yearly_rate: float, days: float) -> float:
    """Share of addresses with other occupants after so many days, when a constant rate a year holds."""
    return float(-np.expm1(-yearly_rate * days / YEAR))


def mover_bounds(
    result: ArmMeans,
    arm: Arm,
    reference: Arm,
    *,
    yearly_turnover: Range,
    until_day: float,
    moving: Moving = "anything",
    occupants_return: Range = (0.0, 1.0),
    level: float = 0.95,
) -> MoverBounds:
    """Bound arm means and a difference, given how many addresses change occupants in a year.

    Parameters
    ----------
    result : ArmMeans
        Of one outcome that is a share (any return).
    arm, reference : labels of `result.arms`
    yearly_turnover : (low, high)
        Changes of occupants an address and year; 0.9 % a month is 0.108 a year.
    until_day : float
        Last day of the window, from time zero.
    moving : {"anything", "unrelated", "same_occupants"}
        What is assumed of movers; see the module.
    occupants_return : (low, high)
        Share of addresses with new occupants that have a signal in the window; used when `moving` is not
        "anything".
    level : float

    Returns
    -------
    MoverBounds
        Intervals are Imbens and Manski's. The declared ranges are taken as known.

    Raises
    ------
    EstimationError
        ``estimation-one-outcome``, ``estimation-unknown-arm``; ``estimation-bounds`` when the outcome is
        not a share, a range is not one, or more households move than stay.
    """
    _check(result, moving)
    rates, occupants = (
        read_range(yearly_turnover, "yearly_turnover"),
        read_range(occupants_return, "occupants_return", 1.0),
    )
    days = read_number(until_day, "until_day", 0.0, np.inf)
    level = read_number(level, "level", 0.0, 1.0)
    moved = (share_moved(rates[0], days), share_moved(rates[1], days))
    if moved[1] >= 0.5:
        _refuse("fewer households that move than stay", "more", "Take a shorter window or a lower rate.")
    corners = _corners(moved, moving, occupants)
    units = np.eye(len(result.means))
    singles = tuple(
        _bounded(
            [_at(result, k, one) for one in corners], [units[k] * one[0] for one in corners], result, level
        )
        for k in range(len(units))
    )
    a, b = result.position(arm), result.position(reference)
    # Where both arms share their movers and occupants, a corner of one arm is that of the other.
    pairs = [(c, c) for c in corners] if moving == "same_occupants" else list(product(corners, corners))
    free = moving == "same_occupants"
    values = [_at(result, a, c, free) - _at(result, b, d, free) for c, d in pairs]
    slopes = [units[a] * c[0] - units[b] * d[0] for c, d in pairs]
    contrast = _bounded(values, slopes, result, level)
    return MoverBounds(result.arms, singles, arm, reference, contrast, moved, moving)


def _corners(moved: Range, moving: Moving, occupants: Range) -> list[Range]:
    """Scale and shift of ``μ = scale ψ + shift`` at the ends of every range; between them it is monotone."""
    if moving == "anything":
        return [(1.0, -moved[1]), (1.0, moved[1])]
    return [(1.0 / (1.0 - m), -m * rho / (1.0 - m)) for m in moved for rho in occupants]


def _at(result: ArmMeans, k: int, corner: Range, free: bool = False) -> float:
    """Mean of arm k at a corner; a share, unless only differences of it are asked for."""
    value = corner[0] * float(result.means[k]) + corner[1]
    return value if free else min(max(value, 0.0), 1.0)


def _bounded(values: list[float], slopes: list[Floats], result: ArmMeans, level: float) -> IdentifiedSet:
    low, high = int(np.argmin(values)), int(np.argmax(values))
    errors = [contrast_error(slopes[at], result.covariance) for at in (low, high)]
    return identified_set(values[low], values[high], errors[0], errors[1], level)


def _check(result: ArmMeans, moving: str) -> None:
    if result.means.ndim != 1:
        raise EstimationError(
            "estimation-one-outcome",
            expected="a result of one outcome",
            found="several outcomes",
            mend="Take one with `.outcome(index)`.",
        )
    if not isinstance(moving, str) or moving not in get_args(Moving):
        _refuse(f"moving out of {', '.join(get_args(Moving))}", "another word", "Choose one of these.")
    if result.means.min() < 0.0 or result.means.max() > 1.0:
        _refuse(
            "means of a share, between 0 and 1", "others", "Use the outcome `any`, not a number or amount."
        )


def _refuse(expected: str, found: str, mend: str) -> None:
    raise EstimationError("estimation-bounds", expected=expected, found=found, mend=mend)
