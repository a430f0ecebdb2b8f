"""Bandwidths that minimise the mean squared error, or the error of coverage, of a jump at a cutoff.

Three plug-in steps, each a bandwidth ``(V / (B² + R))^(1 / (2 o + 3))`` for the polynomial of the next:
Calonico, Cattaneo and Titiunik (2014), doi:10.3982/ECTA11757; with covariates Calonico, Cattaneo, Farrell and
Titiunik (2019), doi:10.1162/rest_a_00760; for coverage Calonico, Cattaneo and Farrell (2020),
doi:10.1093/ectj/utz022. With rounded scores the pilot counts distinct values, and no bandwidth has fewer than
ten of them on a side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_columns import Columns, adjust
from causalsig.estimation.threshold_side import TIE, Fit, Kernel, Side, Variance, Weighted, side_covariance
from causalsig.results import Floats

Selector = Literal["mserd", "msetwo", "cerrd", "certwo"]
PILOT = {"triangular": 2.576, "epanechnikov": 2.34, "uniform": 1.843}
"""Silverman's rule of thumb for each kernel, for a normal density."""
ROUNDED = 0.2
"""From this share of repeated scores on a side on, the smallest bandwidth is bounded from below."""
FEWEST_VALUES = 10
PENALTY = 3.0
"""Regularisation of a squared bias by three times its variance (Imbens and Kalyanaraman 2012)."""


@dataclass(frozen=True, slots=True)
class Bandwidths:
    """Bandwidths a side, in the unit of the analysis: the score's own, or of its logarithm.

    Attributes
    ----------
    left, right : float, of the estimate (h)
    bias_left, bias_right : float, of the estimate of its bias (b)
    method : str, the selector, or "given"
    """

    left: float
    right: float
    bias_left: float
    bias_right: float
    method: str


@dataclass(frozen=True, slots=True)
class _Step:
    """Variance V, bias B and regularisation R of one side, and the exponent of their ratio."""

    variance: float
    bias: float
    penalty: float
    rate: float


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Largest and smallest bandwidth of the left and the right side."""

    largest: tuple[float, float]
    smallest: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Pilot:
    """What every step shares: the pilot's bandwidth and the recipe of estimation."""

    bandwidth: float
    columns: Columns
    kernel: Kernel
    variance: Variance


def select_bandwidths(
    sides: tuple[Side, Side],
    columns: Columns,
    *,
    degree: int,
    kernel: Kernel,
    variance: Variance,
    selector: Selector,
) -> Bandwidths:
    """Choose bandwidths by plug-in.

    Parameters
    ----------
    sides : left and right of the cutoff
    columns : which of the table's columns take part
    degree : of the polynomial of the estimate; the bias takes one more

    Raises
    ------
    EstimationError
        ``estimation-bandwidth`` when the scores or the outcome vary too little for one.
    """
    bounds = _bounds(sides)
    pilot = _Pilot(_pilot_bandwidth(sides, kernel, bounds), columns, kernel, variance)
    together = selector in ("mserd", "cerrd")
    reach = tuple(float(side.distance[-1]) * (1.0 + TIE) for side in sides)
    third = _choose(sides, pilot, degree + 2, degree + 2, reach, bounds, together, penalised=False)
    second = _choose(sides, pilot, degree + 1, degree + 1, third, bounds, together)
    first = _choose(sides, pilot, degree, 0, second, bounds, together)
    shrink = _coverage_factor(sides, degree, variance) if selector.startswith("cer") else 1.0
    return Bandwidths(first[0] * shrink, first[1] * shrink, second[0], second[1], selector)


def _choose(
    sides: tuple[Side, Side],
    pilot: _Pilot,
    order: int,
    derivative: int,
    bias_bandwidths: tuple[float, ...],
    bounds: _Bounds,
    together: bool,
    *,
    penalised: bool = True,
) -> tuple[float, float]:
    """One step: the bandwidths, equal or one a side, for a derivative of a polynomial of some order."""
    steps = [
        _step(side, pilot, order, derivative, bandwidth, penalised)
        for side, bandwidth in zip(sides, bias_bandwidths, strict=True)
    ]
    # Only the first choice is bounded from below: the others already stand on its points.
    lowest = bounds.smallest if not penalised else (0.0, 0.0)
    if together:
        left, right = steps
        joint = _Step(
            left.variance + right.variance, right.bias - left.bias, left.penalty + right.penalty, left.rate
        )
        h = max(min(_optimal(joint), max(bounds.largest)), *lowest)
        return h, h
    found = [
        max(min(_optimal(step), largest), low)
        for step, largest, low in zip(steps, bounds.largest, lowest, strict=True)
    ]
    return found[0], found[1]


def _optimal(step: _Step) -> float:
    below = step.bias**2 + step.penalty
    with np.errstate(divide="ignore", invalid="ignore"):
        found = float((np.float64(step.variance) / below) ** step.rate)
    if not found > 0.0:
        _refuse("an outcome that varies near the cutoff, beyond what the score explains")
    return found


def _step(
    side: Side, pilot: _Pilot, order: int, derivative: int, bias_bandwidth: float, penalised: bool
) -> _Step:
    """Variance and bias of a derivative at the cutoff, estimated from one side."""
    kernel, h = pilot.kernel, pilot.bandwidth
    fit = _fit(side, h, order, kernel)
    combination = _combination(side, fit, derivative, pilot)
    weights, _ = fit.order(derivative)
    spread = side_covariance(side, Weighted(weights, fit, order + 1), combination, pilot.variance)
    u = side.distance[: fit.rows] / h
    counts = side.moments.counts[: fit.rows]
    constant = float((fit.weights[:, derivative] * counts) @ u ** (order + 1))
    beyond = _fit(side, bias_bandwidth, order + 1, kernel)
    top, coefficient = beyond.order(order + 1)
    penalty = 0.0
    if penalised:
        noise = side_covariance(side, Weighted(top, beyond, order + 2), combination, pilot.variance)
        penalty = PENALTY * constant**2 * float(noise[0, 0])
    terms = 2.0 * (order + 1 - derivative)
    # Odd derivatives change sign on the left, where distances grow to the other side.
    bias = side.sign**derivative * np.sqrt(terms) * constant * float(coefficient @ combination[:, 0])
    variance = (2 * derivative + 1) * h ** (2 * derivative + 1) * float(spread[0, 0])
    return _Step(variance, float(bias), terms * penalty, 1.0 / (2 * order + 3))


def _fit(side: Side, bandwidth: float, degree: int, kernel: Kernel) -> Fit:
    if side.within(bandwidth, kernel) < degree + 1:
        _refuse(f"at least {degree + 1} distinct scores a side within the first, widest, bandwidth")
    return side.fit(bandwidth, degree, kernel)


def _combination(side: Side, fit: Fit, derivative: int, pilot: _Pilot) -> Floats:
    """Linear combination (m, 1) of the columns whose error is that of the estimate: a ratio's by its slope.

    The ratio is that of this side alone, as the published selector has it.
    """
    parts = adjust(((side, fit),), pilot.columns, pilot.kernel)
    if pilot.columns.taken_up is None:
        return parts
    _, coefficients = fit.order(derivative)
    outcome, taken_up = side.sign**derivative * (coefficients @ parts)
    if taken_up == 0.0:
        _refuse("a share taken up that varies with the score")
    return np.asarray(parts @ np.array([[1.0 / taken_up], [-outcome / taken_up**2]]))


def _bounds(sides: tuple[Side, Side]) -> _Bounds:
    largest = tuple(float(side.distance[-1]) for side in sides)
    rounded = any(1.0 - len(s.distance) / s.episodes >= ROUNDED for s in sides)
    smallest = tuple(
        float(s.distance[min(FEWEST_VALUES, len(s.distance)) - 1]) * (1.0 + TIE) if rounded else 0.0
        for s in sides
    )
    return _Bounds((largest[0], largest[1]), (smallest[0], smallest[1]))


def _pilot_bandwidth(sides: tuple[Side, Side], kernel: Kernel, bounds: _Bounds) -> float:
    """Rule of thumb from the spread of the scores: the smaller of standard deviation and quartile range."""
    left, right = sides
    x = np.concatenate([-left.distance[::-1], right.distance])
    counts = np.concatenate([left.moments.counts[::-1], right.moments.counts])
    n = counts.sum()
    mean = float(counts @ x) / n
    deviation = np.sqrt(float(counts @ (x - mean) ** 2) / (n - 1.0))
    quartiles = (_quantile(x, counts, 0.75) - _quantile(x, counts, 0.25)) / 1.349
    found = PILOT[kernel] * min(deviation, quartiles) * len(x) ** -0.2
    return float(max(min(found, max(bounds.largest)), *bounds.smallest))


def _quantile(x: Floats, counts: Floats, share: float) -> float:
    """Quantile as the mean of the two order statistics where it falls between (Hyndman and Fan's type 2)."""
    upto = np.cumsum(counts)
    place = upto[-1] * share
    lower = int(np.searchsorted(upto, np.ceil(place)))
    if place != np.floor(place):
        return float(x[lower])
    return float(0.5 * (x[lower] + x[int(np.searchsorted(upto, place, side="right"))]))


def _coverage_factor(sides: tuple[Side, Side], degree: int, variance: Variance) -> float:
    """Shrink a bandwidth to the rate that is best for the error of coverage."""
    n = sum(side.episodes for side in sides)
    if variance != "nn":
        n = sum(side.households_within(len(side.distance)) for side in sides)
    return float(n ** (-degree / ((3.0 + degree) * (3.0 + 2.0 * degree))))


def _refuse(expected: str) -> None:
    raise EstimationError(
        "estimation-bandwidth",
        expected=expected,
        found="too little to choose a bandwidth from",
        mend="Give a bandwidth, or a curvature_bound for intervals that need no choice.",
        where="bandwidth",
    )
