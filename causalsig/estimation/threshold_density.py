"""Do scores heap on one side of a cutoff: the density just below against just above.

Cattaneo, Jansson and Ma (2020), doi:10.1080/01621459.2019.1635480: local polynomials through the empirical
distribution function, whose slope at the cutoff is the density; jackknife variance; bandwidths of smallest
mean squared error, the middle one of three. On counts a distinct score.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_local import Kernel, kernel_weights, powers
from causalsig.estimation.threshold_request import ThresholdRequest, read_request
from causalsig.estimation.threshold_table import ScoreTable, collapse_scores
from causalsig.results import Floats

FEWEST = 20
"""Episodes, and distinct scores, a bandwidth keeps on a side beyond the coefficients of its polynomial."""


@dataclass(frozen=True, slots=True)
class DensityTest:
    """The density of the scores on both sides of a cutoff.

    Attributes
    ----------
    statistic, p_value : float
        Of the same density on both sides: a normal statistic, positive when it is higher above.
    densities, std_errors : (left, right), shares an unit of score
    difference, difference_error : float
    bandwidths, n, effective_n, distinct : (left, right)
    degree : int, of the polynomial the test takes; bandwidths are best for one less
    cutoff : float
    """

    statistic: float
    p_value: float
    densities: tuple[float, float]
    std_errors: tuple[float, float]
    difference: float
    difference_error: float
    bandwidths: tuple[float, float]
    n: tuple[int, int]
    effective_n: tuple[int, int]
    distinct: tuple[int, int]
    degree: int
    cutoff: float


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """Distances (V,) from the cutoff, ascending and signed, how many each, and the distribution function."""

    x: Floats
    counts: Floats
    below: Floats

    @property
    def n(self) -> int:
        return int(self.counts.sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Slopes:
    """Coefficients of one power on both sides (2,), and their covariance (2, 2)."""

    values: Floats
    covariance: Floats


def density_test(
    score: Any,
    cutoff: float,
    *,
    kernel: str = "triangular",
    bandwidth: float | tuple[float, float] | None = None,
    degree: int = 2,
    scale: str = "linear",
) -> DensityTest:
    """Test that the density of the scores is the same on both sides of a cutoff.

    At a round amount it is not, with no one sorting: there the test is advice, and heaping has its own gate.

    Parameters
    ----------
    score : (n,) numbers, or a `ScoreTable`
    cutoff : float, within the scores
    kernel : "triangular", "epanechnikov" or "uniform"
    bandwidth : None (chosen), one for both sides, or (left, right)
    degree : 1 or 2, that bandwidths are chosen for; the test takes one more
    scale : "linear" or "log", as in `threshold_effect`

    Raises
    ------
    EstimationError
        ``estimation-cutoff``, ``estimation-few-scores``, ``estimation-option``, and those of
        `collapse_scores`.
    """
    table = score if isinstance(score, ScoreTable) else collapse_scores(score, np.zeros(np.shape(score)))
    options: dict[str, Any] = {"kernel": kernel, "degree": degree, "scale": scale}
    if bandwidth is not None:
        options["bandwidth"] = bandwidth
    request = read_request(table, cutoff, 0, options)
    scores = _read(table, request)
    h = _bandwidths(scores, request) if isinstance(request.bandwidth, str) else request.bandwidth
    slopes = _slopes(scores, h, degree + 1, 1, request.kernel)
    return _result(scores, slopes, h, request)


def _read(table: ScoreTable, request: ThresholdRequest) -> _Scores:
    x = table.values - request.cutoff
    if request.scale == "log":
        x = np.log(table.values / request.cutoff)
    counts = table.all.counts
    left = int((x < 0.0).sum())
    wanted = request.degree + 3
    if min(left, len(x) - left) < wanted:
        _refuse(wanted, f"{min(left, len(x) - left)} on one side")
    # Of equal scores all have the highest rank among them.
    return _Scores(x, counts, (np.cumsum(counts) - 1.0) / (counts.sum() - 1.0))


def _result(
    scores: _Scores, slopes: _Slopes, h: tuple[float, float], request: ThresholdRequest
) -> DensityTest:
    from scipy.special import ndtr

    contrast = np.array([-1.0, 1.0])
    difference = float(contrast @ slopes.values)
    error = float(np.sqrt(max(contrast @ slopes.covariance @ contrast, 0.0)))
    statistic = difference / error if error > 0.0 else float("nan")
    errors = np.sqrt(np.diagonal(slopes.covariance))
    left = scores.x < 0.0
    inside = [left & (scores.x >= -h[0]), ~left & (scores.x <= h[1])]
    return DensityTest(
        statistic=statistic,
        p_value=2.0 * float(ndtr(-abs(statistic))),
        densities=(float(slopes.values[0]), float(slopes.values[1])),
        std_errors=(float(errors[0]), float(errors[1])),
        difference=difference,
        difference_error=error,
        bandwidths=h,
        n=(int(scores.counts[left].sum()), int(scores.counts[~left].sum())),
        effective_n=(int(scores.counts[inside[0]].sum()), int(scores.counts[inside[1]].sum())),
        distinct=(int(left.sum()), int((~left).sum())),
        degree=request.degree + 1,
        cutoff=request.cutoff,
    )


def _slopes(scores: _Scores, h: tuple[float, float], degree: int, order: int, kernel: Kernel) -> _Slopes:
    """Fit the distribution function on both sides: coefficients of ``x**order``, and the jackknife.

    An episode counts in the function at every later score, so with weighted design rows r its part is the sum
    of the rows after its own, ``L = Σ_{later} r / (n - 1)``; of equal scores all but itself count.
    """
    inside = (scores.x >= -h[0]) & (scores.x <= h[1])
    x, counts, below = scores.x[inside], scores.counts[inside], scores.below[inside]
    left = int((x < 0.0).sum())
    width = degree + 1
    rows = np.zeros((len(x), 2 * width))
    values = np.empty(2)
    pick = np.zeros((2, 2 * width))
    for k, (part, bandwidth) in enumerate(((slice(0, left), h[0]), (slice(left, None), h[1]))):
        u = x[part] / bandwidth
        design = powers(u, degree).T
        weighted = design * kernel_weights(np.abs(u), kernel)[:, None]
        gram = (weighted * counts[part, None]).T @ design
        if int((weighted[:, 0] > 0.0).sum()) < width:
            _refuse(width, "fewer within the bandwidth on one side")
        inverse = np.linalg.inv(gram)
        own = slice(k * width, (k + 1) * width)
        values[k] = (inverse @ (weighted.T @ (counts[part] * below[part])))[order] / bandwidth**order
        pick[k, own] = inverse[order] / bandwidth**order
        rows[part, own] = weighted
    later = np.cumsum((rows * counts[:, None])[::-1], axis=0)[::-1] - rows
    parts = later @ pick.T / (scores.n - 1.0)
    return _Slopes(values, np.asarray((parts * counts[:, None]).T @ parts))


def _bandwidths(scores: _Scores, request: ThresholdRequest) -> tuple[float, float]:
    """Choose bandwidths: of each side, of the difference and of the sum, the middle one."""
    p, kernel, n = request.degree, request.kernel, scores.n
    widest = float(np.abs(scores.x).max())
    pilots = [_pilot(scores, p + 2, p + 1), _pilot(scores, p, 1)]
    keep = [_reach(scores, FEWEST + p + 3), _reach(scores, FEWEST + p + 1)]
    bias_h, variance_h = (max(min(h, widest), *low) for h, low in zip(pilots, keep, strict=True))
    top = _slopes(scores, (bias_h, bias_h), p + 2, p + 1, kernel).values
    spread = _slopes(scores, (variance_h, variance_h), p, 1, kernel).covariance
    constant = _bias_constant(p, 1, kernel)
    bias = top * constant * np.array([(-1.0) ** p, 1.0])
    contrasts = (np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([-1.0, 1.0]), np.array([1.0, 1.0]))
    found = [
        (variance_h * float(c @ spread @ c) / (2.0 * p * float(c @ bias) ** 2)) ** (1.0 / (2 * p + 1))
        for c in contrasts
    ]
    low = _reach(scores, FEWEST + p + 1)
    left = max(min(found[0], -float(scores.x[0])), low[0])
    right = max(min(found[1], float(scores.x[-1])), low[1])
    both = [max(min(h, widest), *low) for h in found[2:]]
    if not np.isfinite([left, right, *both]).all() or n < 2:
        _refuse(p + 3, "scores that do not vary")
    return float(np.median([left, *both])), float(np.median([right, *both]))


def _reach(scores: _Scores, wanted: int) -> tuple[float, float]:
    """How far a bandwidth must reach to hold so many distinct scores on each side, or all of them."""
    left = -scores.x[scores.x < 0.0][::-1]
    right = scores.x[scores.x >= 0.0]
    return float(left[min(wanted, len(left)) - 1]), float(right[min(wanted, len(right)) - 1])


def _pilot(scores: _Scores, degree: int, order: int) -> float:
    """Bandwidth best for a normal density, at the edge of a uniform kernel."""
    n = scores.n
    mean = float(scores.counts @ scores.x) / n
    sd = float(np.sqrt(scores.counts @ (scores.x - mean) ** 2 / (n - 1.0)))
    z = mean / sd
    density = float(np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi))
    slope = float(np.polynomial.hermite_e.hermeval(z, np.eye(degree + 1)[degree])) * density
    # Where a normal density has no slope nothing speaks against the widest bandwidth there is.
    if slope == 0.0:
        return float("inf")
    ratio = density / slope**2
    constant = factorial(degree + 1) ** 2 * _variance_constant(degree, order)
    constant /= _bias_constant(degree, order, "uniform") ** 2
    share = (2 * order - 1) / (2.0 * (degree + 1 - order))
    return float(sd * (share * ratio * constant / n) ** (1.0 / (2 * degree + 1)))


def _moment(j: int, kernel: Kernel) -> float:
    """``∫ k(u) u^j du`` over [0, 1], up to the factor of `kernel_weights`."""
    if kernel == "uniform":
        return 1.0 / (j + 1)
    return 1.0 / ((j + 1) * (j + 2)) if kernel == "triangular" else 2.0 / ((j + 1) * (j + 3))


def _bias_constant(degree: int, order: int, kernel: Kernel) -> float:
    size = range(degree + 1)
    gram = np.array([[_moment(i + j, kernel) for j in size] for i in size])
    return float(np.linalg.solve(gram, [_moment(i + degree + 1, kernel) for i in size])[order])


def _variance_constant(degree: int, order: int) -> float:
    """Of the uniform kernel: ``∫∫ min(u, v) u^i v^j`` between the inverses of its moments."""
    size = range(degree + 1)
    inverse = np.linalg.inv([[_moment(i + j, "uniform") for j in size] for i in size])
    both = [
        [1.0 / ((i + 2) * (i + j + 3)) + (1.0 / (i + 1)) * (1.0 / (j + 2) - 1.0 / (i + j + 3)) for j in size]
        for i in size
    ]
    return float((inverse @ np.array(both) @ inverse)[order, order])


def _refuse(wanted: int, found: str) -> None:
    raise EstimationError(
        "estimation-few-scores",
        expected=f"at least {wanted} distinct scores on each side of the cutoff",
        found=found,
        mend="A density needs a score with many values: look at the counts themselves.",
        where="score",
    )
