"""Roots of many falling functions at once: Newton kept inside a shrinking bracket."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Rows = NDArray[np.intp]
Falling = Callable[[FloatArray, Rows], tuple[FloatArray, FloatArray]]

# A Newton step this small, relative to the argument, leaves an error of about its square.
QUADRATIC = 1e-7
# A few roundings of a float, the most a root can be resolved to.
ROUNDING = 1e-15 * 4
MAX_STEPS = 200


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def falling_roots(
    function: Falling,
    low: FloatArray,
    high: FloatArray,
    unit: FloatArray,
    start: FloatArray | None = None,
) -> FloatArray:
    """Root of each function, which is ≥ 0 at `low` and ≤ 0 at `high`.

    Parameters
    ----------
    function : callable
        Of points (m,) and the rows (m,) they belong to; returns values and derivatives (m,). A row's values
        may depend on its own point only, so that its root does not depend on what else is in the batch.
    low, high : (n,)
        Brackets.
    unit : (n,)
        Positive scale below which differences in the argument do not matter beyond rounding; points plus
        their unit are positive, and where Newton fails the bracket is halved on the log scale of that sum.
    start : (n,), optional
        First points, inside the brackets; `low` when not given.

    Returns
    -------
    (n,) array
    """
    if low.size == 1:
        begin = low if start is None else start
        return np.array([_one_root(function, float(low[0]), float(high[0]), float(unit[0]), float(begin[0]))])
    point = np.array(low if start is None else start, dtype=np.float64)
    found = point.copy()
    rows = np.arange(point.size)
    last = high - low
    for _ in range(MAX_STEPS):
        value, slope = function(point, rows)
        above = value > 0.0
        low, high = np.where(above, point, low), np.where(above, high, point)
        new = point - value / slope
        step = np.abs(new - point)
        # Steps that do not halve mean that Newton creeps along one side or cycles.
        newton = (slope < 0.0) & (new >= low) & (new <= high) & (step <= 0.5 * last)
        if not newton.all():
            middle = np.sqrt((low + unit) * (high + unit)) - unit
            new = np.where(newton, new, np.clip(middle, low, high))
            step = np.abs(new - point)
        size = point + unit
        done = (newton & (step <= QUADRATIC * size)) | (step <= ROUNDING * size)
        if done.all():
            found[rows] = new
            break
        point, last = new, step
        if done.any():
            found[rows[done]] = new[done]
            going = ~done
            rows, point, last = rows[going], point[going], last[going]
            low, high, unit = low[going], high[going], unit[going]
    else:
        found[rows] = point
    return found


def _one_root(function: Falling, low: float, high: float, unit: float, point: float) -> float:
    """Find a single root: the same steps in the same arithmetic, without the cost of arrays of one."""
    rows, at = np.zeros(1, dtype=np.intp), np.empty(1)
    last = high - low
    for _ in range(MAX_STEPS):
        at[0] = point
        values, slopes = function(at, rows)
        value, slope = float(values[0]), float(slopes[0])
        low, high = (point, high) if value > 0.0 else (low, point)
        new = point - value / slope if slope < 0.0 else np.nan
        newton = low <= new <= high and abs(new - point) <= 0.5 * last
        if not newton:
            new = min(max(math.sqrt((low + unit) * (high + unit)) - unit, low), high)
        step, size = abs(new - point), point + unit
        if (newton and step <= QUADRATIC * size) or step <= ROUNDING * size:
            return new
        point, last = new, step
    return point
