"""Intervals that cover whatever the mean function, so long as its second derivative stays within a bound.

Kolesár and Rothe (2018), doi:10.1257/aer.20160945; Armstrong and Kolesár (2018), doi:10.3982/ECTA14434, and
(2020), doi:10.3982/QE1199. They hold with few distinct scores, where no bandwidth shrinks.
"""

from __future__ import annotations

import numpy as np

from causalsig.estimation.threshold_columns import Columns, adjust_sides
from causalsig.estimation.threshold_inference import jump_covariance, root
from causalsig.estimation.threshold_local import Kernel
from causalsig.estimation.threshold_request import ThresholdRequest
from causalsig.estimation.threshold_results import HonestInterval
from causalsig.estimation.threshold_side import Fit, Side
from causalsig.estimation.threshold_variance import Weighted
from causalsig.results import Floats

CANDIDATES = 60
"""Bandwidths tried for the shortest interval; the length is flat around its best."""
BISECTIONS = 60
"""Halvings of an interval of length about ten: below the last digit of a double."""


def largest_bias(distance: Floats, weights: Floats) -> float:
    """Largest bias of a weighted sum over functions with ``|f''| <= 1`` on one side.

    With ``f(t) = ∫ (t - s)₊ f''(s) ds`` beyond its tangent at the cutoff, which the sum must leave out, the
    bias is ``∫ f''(s) k(s) ds`` with ``k(s) = Σ_{t > s} w (t - s)``; the largest is ``∫ |k|``, here exactly:
    k is linear between distances.

    Parameters
    ----------
    distance : (V,) ascending, from the cutoff
    weights : (V,) of each value: of one episode, times how many there are
    """
    knots = np.concatenate([[0.0], distance])
    total = np.cumsum((weights * distance)[::-1])[::-1]
    mass = np.cumsum(weights[::-1])[::-1]
    start = np.append(total - knots[:-1] * mass, 0.0)[:-1]
    end = total - knots[1:] * mass
    width = np.diff(knots)
    same = start * end >= 0.0
    area = 0.5 * width * np.abs(start + end)
    apart = np.where(same, 1.0, np.abs(start) + np.abs(end))
    return float(np.where(same, area, 0.5 * width * (start**2 + end**2) / apart).sum())


def critical_value(ratio: float, level: float) -> float:
    """Quantile of ``|N(ratio, 1)|``; `ratio` is the largest bias in standard errors."""
    from scipy.special import ndtr, ndtri

    low, high = ratio, ratio + float(ndtri(0.5 + level / 2.0)) + 1.0
    if ratio == 0.0:
        return float(ndtri(0.5 + level / 2.0))
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        covered = float(ndtr(middle - ratio) - ndtr(-middle - ratio))
        low, high = (middle, high) if covered < level else (low, middle)
    return 0.5 * (low + high)


def honest_interval(sides: tuple[Side, Side], columns: Columns, request: ThresholdRequest) -> HonestInterval:
    """Give the honest interval of the outcome's jump: local linear, one bandwidth for both sides.

    Raises
    ------
    EstimationError
        ``estimation-few-scores``.
    """
    assert request.curvature_bound is not None
    bound = request.curvature_bound
    columns = columns.sharp()
    if isinstance(request.bandwidth, str):
        h = _shortest(sides, columns, request, bound)
    else:
        h = request.bandwidth[0]
    fits = _fits(sides, h, request.kernel)
    combinations = adjust_sides(sides, [side.local(h, 1, request.kernel)[2] for side in sides], columns)
    left, right = fits
    estimate = float((right.coefficients[0] - left.coefficients[0]) @ combinations[:, 0])
    weighted = tuple(Weighted(fit.weights[:, 0], fit, 2) for fit in fits)
    covariance = jump_covariance(sides, (weighted[0], weighted[1]), combinations, request.variance)
    error = root(covariance[0, 0])
    bias = bound * sum(_bias(side, fit) for side, fit in zip(sides, fits, strict=True))
    below, above = (int(side.moments.counts[: fit.rows].sum()) for side, fit in zip(sides, fits, strict=True))
    return _interval(estimate, error, bias, h, bound, request.level, (below, above))


def _interval(
    estimate: float,
    error: float,
    bias: float,
    h: float,
    bound: float,
    level: float,
    effective_n: tuple[int, int],
) -> HonestInterval:
    from scipy.special import ndtr

    ratio = bias / error if error > 0.0 else float("nan")
    c = critical_value(ratio, level) if error > 0.0 else float("nan")
    size = abs(estimate) / error if error > 0.0 else float("nan")
    p_value = float(ndtr(ratio - size) + ndtr(-ratio - size))
    return HonestInterval(
        estimate, error, bias, c, estimate - c * error, estimate + c * error, p_value, h, bound, effective_n
    )


def _fits(sides: tuple[Side, Side], h: float, kernel: Kernel) -> tuple[Fit, Fit]:
    return sides[0].fit(h, 1, kernel), sides[1].fit(h, 1, kernel)


def _bias(side: Side, fit: Fit) -> float:
    return largest_bias(side.distance[: fit.rows], fit.weights[:, 0] * side.moments.counts[: fit.rows])


def _shortest(sides: tuple[Side, Side], columns: Columns, request: ThresholdRequest, bound: float) -> float:
    """Bandwidth of the shortest interval, were the outcome's variance one constant a side.

    With a constant the choice hardly depends on the outcomes, so it does not spoil the interval.
    """
    spread = [_mean_square(side, columns.outcome) for side in sides]
    best, found = np.inf, float("nan")
    for h in _candidates(sides, request.kernel):
        fits = _fits(sides, h, request.kernel)
        bias = bound * sum(_bias(side, fit) for side, fit in zip(sides, fits, strict=True))
        variance = sum(
            s2 * float(side.moments.counts[: fit.rows] @ fit.weights[:, 0] ** 2)
            for s2, side, fit in zip(spread, sides, fits, strict=True)
        )
        error = np.sqrt(variance)
        length = critical_value(bias / error, request.level) * error if error > 0.0 else bias
        if length < best:
            best, found = length, float(h)
    return found


def _mean_square(side: Side, column: int) -> float:
    return float(side.residuals[:, column, column].sum()) / side.episodes


def _candidates(sides: tuple[Side, Side], kernel: Kernel) -> Floats:
    """Bandwidths just beyond a distance: from two values on both sides to all of both."""
    distances = np.unique(np.concatenate([side.distance for side in sides]))
    first = max(float(side.distance[1]) for side in sides)
    usable = distances[distances >= first]
    if len(usable) > CANDIDATES:
        usable = usable[np.unique(np.linspace(0, len(usable) - 1, CANDIDATES).astype(int))]
    if kernel == "uniform":
        return np.asarray(usable)
    # A value at the bandwidth has no weight: halfway to the next it has.
    ends = np.append(usable[1:], usable[-1] * 2.0 if len(usable) == 1 else 2.0 * usable[-1] - usable[-2])
    return np.concatenate([0.5 * (usable + ends), [1.5 * float(usable[-1]), 2.0 * float(usable[-1])]])
