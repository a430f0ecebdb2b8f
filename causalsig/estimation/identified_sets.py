"""Intervals for an effect of which only bounds are known.

Imbens and Manski (2004), doi:10.1111/j.1468-0262.2004.00555.x: the interval covers the effect itself,
wherever it lies between the bounds, with the level asked for; it is shorter than one that covers both bounds
at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.results import Floats

TOLERANCE = 1e-12
"""Of the critical value; the standard errors it multiplies are known to three digits at most."""


@dataclass(frozen=True, slots=True)
class IdentifiedSet:
    """Everything the data and what was declared leave possible, and its interval.

    Attributes
    ----------
    low, high : float
        Estimated bounds, on the outcome's own scale.
    low_error, high_error : float
        Their standard errors.
    conf_low, conf_high : float
        Covers the effect, not both bounds, with `level`.
    level : float
    """

    low: float
    high: float
    low_error: float
    high_error: float
    conf_low: float
    conf_high: float
    level: float = 0.95

    def __contains__(self, effect: float) -> bool:
        """Whether the interval holds an effect."""
        return self.conf_low <= effect <= self.conf_high


def identified_set(
    low: float, high: float, low_error: float, high_error: float, level: float = 0.95
) -> IdentifiedSet:
    """Put an interval around two estimated bounds.

    Its critical value c solves ``Φ(c + (high - low) / max(errors)) - Φ(-c) = level``: the two-sided one where
    both bounds agree, the one-sided one where they lie far apart.

    Raises
    ------
    EstimationError
        ``estimation-bounds``: bounds in the wrong order, errors below 0, or something that is no number.
    """
    values = np.array([low, high, low_error, high_error], dtype=np.float64)
    if not np.isfinite(values).all() or high < low or low_error < 0.0 or high_error < 0.0:
        raise EstimationError(
            "estimation-bounds",
            expected="a lower bound that is not above the upper one, and errors from 0",
            found="something else",
            mend="Give the lower bound first.",
        )
    c = critical_value(high - low, max(low_error, high_error), level)
    ends = (low - c * low_error, high + c * high_error)
    return IdentifiedSet(low, high, low_error, high_error, float(ends[0]), float(ends[1]), level)


def read_range(value: Any, where: str, largest: float = np.inf) -> tuple[float, float]:
    """Read a declared range (low, high), from 0 up to `largest`.

    Raises
    ------
    EstimationError
        ``estimation-bounds``.
    """
    try:
        ends = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        ends = np.empty(0)
    if ends.shape != (2,) or not np.isfinite(ends).all() or not 0.0 <= ends[0] <= ends[1] <= largest:
        raise EstimationError(
            "estimation-bounds",
            expected="a range from low to high, from 0" + ("" if largest == np.inf else f" to {largest:g}"),
            found="something else",
            mend="Give (low, high); both may be the same.",
            where=where,
        )
    return float(ends[0]), float(ends[1])


def read_number(value: Any, where: str, low: float, high: float) -> float:
    """Read one number strictly between two others.

    Raises
    ------
    EstimationError
        ``estimation-bounds``.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not low < float(value) < high:
        raise EstimationError(
            "estimation-bounds",
            expected=f"a number between {low:g} and {high:g}",
            found="something else",
            mend="Give one number.",
            where=where,
        )
    return float(value)


def critical_value(length: float, error: float, level: float) -> float:
    """Solve Imbens and Manski's equation by bisection between the one-sided and the two-sided quantile."""
    from scipy.special import ndtr, ndtri

    small, large = float(ndtri(level)), float(ndtri(0.5 + level / 2.0))
    if error <= 0.0:
        return small if length > 0.0 else large
    while large - small > TOLERANCE:
        middle = (small + large) / 2.0
        reached = ndtr(middle + length / error) - ndtr(-middle) >= level
        small, large = (small, middle) if reached else (middle, large)
        if middle in (small, large) and large - small <= np.spacing(large):
            break
    return large


def contrast_error(slope: Floats, covariance: Floats) -> float:
    """Give the standard error of ``slope · means``; rounding may leave less than nothing."""
    return float(np.sqrt(max(float(slope @ covariance @ slope), 0.0)))
