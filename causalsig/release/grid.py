"""Numbers as integers on grids: what a float could smuggle out, an integer on a declared grid cannot.

A mean leaves as an integer ``k`` with ``value = k · 2^e``, where ``2^e`` is the smallest power of two that
is at least a quarter of the **rounded** standard error; the standard error itself as two significant
digits, rounded up; correlations as twentieths, positive definite on the grid; counts of households as bands;
effective sizes as the power of √2 nearest to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BANDS: tuple[str, ...] = ("under-10", "10-29", "30-99", "100-299", "300-999", "1000-2999", "3000+")
"""Bands of household counts. The top one is open and low on purpose: an open band must hold at least ten
sites, and a higher top would single out the few large cities."""

_LOWER: tuple[int, ...] = (0, 10, 30, 100, 300, 1000, 3000)
MAX_MEAN_STEPS = 10_000
"""Largest |k|: a mean 2,500 standard errors from zero has digits no household count here can carry."""
MAX_SE_EXPONENT, MIN_SE_EXPONENT = 6, -9
CORRELATION_STEPS = 20
"""Steps of a correlation of one: the grid is 0.05."""
_MIN_EIGENVALUE_INVERSE = 5
"""5·C - I positive definite, with C = 20·R, says that every eigenvalue of R exceeds 0.01: contrasts of arms
then keep a variance that a meta-analysis can invert."""
_ROUNDING = 1e-9
"""Relative slack before a standard error is rounded up: 0.012 must stay 12, not become 13 by binary noise."""


def band(households: float) -> str:
    """Return the band code of a count of households; 0 to 9 is ``under-10``."""
    position = sum(households >= lower for lower in _LOWER) - 1
    return BANDS[max(position, 0)]


def band_limits(code: str) -> tuple[int, int | None]:
    """Return the inclusive limits of a band; None: open."""
    position = BANDS.index(code)
    upper = None if position + 1 == len(BANDS) else _LOWER[position + 1] - 1
    return _LOWER[position], upper


def half_doublings(size: float) -> int:
    """Return k with ``2^(k/2)`` nearest to an effective size in ratio; it is off by 19 % at most.

    The pool weights sites by it, so a band, three times as wide at its end as at its beginning, costs
    precision. It says no more than the standard error does, which is known to two digits.
    """
    return round(2.0 * math.log2(size))


def from_half_doublings(steps: int) -> float:
    """Return ``2^(steps/2)``."""
    return float(2.0 ** (steps / 2.0))


def two_digits_up(value: float) -> tuple[int, int]:
    """Return ``(digits, exponent)`` with ``digits · 10^exponent >= value``: the smallest, digits 10 to 99.

    Raises
    ------
    ValueError
        The value is not a positive finite number.
    """
    if not (math.isfinite(value) and value > 0):
        raise ValueError("only a positive finite number has two significant digits")
    exponent = math.floor(math.log10(value)) - 1
    digits = math.ceil(value / 10.0**exponent * (1.0 - _ROUNDING))
    if digits >= 100:  # 99.5 rounds up to 100 = 10 · 10
        return 10, exponent + 1
    if digits < 10:  # log10 may land one too high just below a power of ten
        return math.ceil(value / 10.0 ** (exponent - 1) * (1.0 - _ROUNDING)), exponent - 1
    return digits, exponent


def two_digits_down(value: float) -> tuple[int, int]:
    """Return the largest ``(digits, exponent)`` that is not above a positive value."""
    digits, exponent = two_digits_up(value)
    if from_two_digits(digits, exponent) <= value * (1.0 + _ROUNDING):
        return digits, exponent
    return (99, exponent - 1) if digits == 10 else (digits - 1, exponent)


def from_two_digits(digits: int, exponent: int) -> float:
    """Return ``digits · 10^exponent`` as the nearest float, the same on every machine."""
    return float(f"{digits}e{exponent}")


def step_exponent(std_error: float) -> int:
    """Return e, with ``2^e`` the smallest power of two that is at least a quarter of the standard error."""
    fraction, exponent = math.frexp(std_error / 4.0)
    return exponent - 1 if fraction == 0.5 else exponent


def to_steps(value: float, exponent: int) -> int:
    """Return the integer k nearest to ``value / 2^exponent``; the error is at most half a step."""
    return round(math.ldexp(value, -exponent))


def from_steps(steps: int, exponent: int) -> float:
    """Return ``steps · 2^exponent``, exactly."""
    return math.ldexp(float(steps), exponent)


def pair_index(row: int, column: int) -> int:
    """Return the place of (row, column), row > column, in a lower triangle stored row by row."""
    return row * (row - 1) // 2 + column


def correlations_on_grid(covariance: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the correlations in twentieths, the lower triangle row by row, positive definite on the grid.

    Rounding may break positive definiteness. Then the correlations are shrunk to zero together until the
    rounded matrix is positive definite (it is at the latest at zero), and every entry is moved back, step
    by step, as far towards its own rounding as positive definiteness allows.

    Parameters
    ----------
    covariance : (K, K)
        With a positive diagonal.
    """
    size = len(covariance)
    scale = np.sqrt(np.diagonal(covariance))
    correlation = np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)
    rows, columns = np.tril_indices(size, -1)
    exact = correlation[rows, columns] * CORRELATION_STEPS
    target = [round(value) for value in exact.tolist()]
    if positive_definite_on_grid(target, size):
        return tuple(target)
    for shrinkage in range(1, 101):
        found = [round(value * (1.0 - shrinkage / 100.0)) for value in exact.tolist()]
        if positive_definite_on_grid(found, size):
            break
    return tuple(_moved_back(found, target, size))


def _moved_back(found: list[int], target: list[int], size: int) -> list[int]:
    for place, goal in enumerate(target):
        while found[place] != goal:
            step = 1 if goal > found[place] else -1
            found[place] += step
            if not positive_definite_on_grid(found, size):
                found[place] -= step
                break
    return found


def positive_definite_on_grid(twentieths: Sequence[int], size: int) -> bool:
    """Say whether every eigenvalue of the correlation matrix exceeds 0.01, decided exactly in integers.

    Sylvester's criterion by fraction-free elimination (Bareiss 1968, doi:10.1090/S0025-5718-1968-0226829-0)
    on ``5·C - I`` with ``C = 20·R``: no float, so signer and reader never disagree.
    """
    scale = _MIN_EIGENVALUE_INVERSE
    matrix = [[0] * size for _ in range(size)]
    for row in range(size):
        matrix[row][row] = scale * CORRELATION_STEPS - 1
        for column in range(row):
            value = scale * twentieths[pair_index(row, column)]
            matrix[row][column] = matrix[column][row] = value
    previous = 1
    for pivot in range(size):
        head = matrix[pivot][pivot]
        if head <= 0:
            return False
        for row in range(pivot + 1, size):
            for column in range(pivot + 1, size):
                product = matrix[row][column] * head - matrix[row][pivot] * matrix[pivot][column]
                matrix[row][column] = product // previous
        previous = head
    return True


def covariance_from_grid(std_errors: Sequence[float], twentieths: Sequence[int]) -> list[list[float]]:
    """Rebuild the (K, K) covariance from standard errors and correlations in twentieths."""
    size = len(std_errors)
    matrix = [[0.0] * size for _ in range(size)]
    for row in range(size):
        matrix[row][row] = std_errors[row] ** 2
        for column in range(row):
            correlation = twentieths[pair_index(row, column)] / CORRELATION_STEPS
            value = correlation * std_errors[row] * std_errors[column]
            matrix[row][column] = matrix[column][row] = value
    return matrix
