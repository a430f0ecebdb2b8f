"""The effect at a cutoff: robust bias-corrected local polynomials on collapsed scores.

Calonico, Cattaneo and Titiunik (2014), doi:10.3982/ECTA11757; covariates: Calonico, Cattaneo, Farrell and
Titiunik (2019), doi:10.1162/rest_a_00760; honest intervals: Kolesár and Rothe (2018),
doi:10.1257/aer.20160945, Armstrong and Kolesár (2020), doi:10.3982/QE1199.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.confidence_sets import anderson_rubin
from causalsig.estimation.threshold_bandwidth import ROUNDED, Bandwidths, select_bandwidths
from causalsig.estimation.threshold_columns import Columns, adjust, columns_of
from causalsig.estimation.threshold_honest import honest_interval
from causalsig.estimation.threshold_inference import jump, jump_covariance, root
from causalsig.estimation.threshold_request import ThresholdRequest, check_sides, read_request
from causalsig.estimation.threshold_results import JumpInTreatment, Jumps, ThresholdResult
from causalsig.estimation.threshold_side import Fit, Side, Weighted, cut
from causalsig.estimation.threshold_table import ScoreTable, collapse_scores, only_outcome
from causalsig.results import Floats

NORMAL = 1e12
"""Degrees of freedom that make a t-quantile normal to the last digit."""
ROUNDING = 1e-12
"""A share, or its variance, below this is zero and left by rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class _Half:
    """Estimates of one side: weighted sums of every column (m,), and what their variances need."""

    side: Side
    plain: Fit
    conventional: Weighted
    corrected: Weighted

    def level(self, weighted: Weighted) -> Floats:
        """Weighted sums (m,) of the columns: their limits at the cutoff."""
        return weighted.weights @ self.side.moments.sums[: len(weighted.weights)]


def threshold_effect(
    score: Any,
    outcome: Any,
    cutoff: float,
    *,
    taken_up: Any = None,
    households: Any = None,
    covariates: Any = None,
    kernel: str = "triangular",
    bandwidth: Any = "mserd",
    degree: int = 1,
    donut: float = 0.0,
    curvature_bound: float | None = None,
    variance: str = "nn",
    scale: str = "linear",
    level: float = 0.95,
) -> ThresholdResult:
    """Estimate the effect of crossing a cutoff on those at it.

    Parameters
    ----------
    score : (n,) numbers
        An episode with a score of `cutoff` or more has crossed.
    outcome : (n,) numbers
    cutoff : float, within the scores
    taken_up : (n,) numbers or None
        Treatment that crossing makes likelier: the result is then its effect on those whom crossing moves.
    households : (n,) labels or None; needed for clustered variances
    covariates : (n, p) numbers or None
        Facts from before the score; they make the estimate more precise and must not jump themselves.
    kernel : "triangular", "epanechnikov" or "uniform"
    bandwidth : "mserd", "msetwo", "cerrd", "certwo", a number h, or (h, b)
        Smallest mean squared error or error of coverage, one bandwidth for both sides or one each. A number
        is used for the estimate and its bias; in the unit of the analysis, see `scale`.
    degree : 1 (linear) or 2 (quadratic)
    donut : float
        Scores this close to the cutoff are left out; in the score's own unit. 0 leaves out none.
    curvature_bound : float or None
        Largest second derivative of the mean outcome, in units of the analysis: adds `honest`, whose own
        bandwidth is the best one for its length unless a number was given. Declare it, do not estimate it.
    variance : "nn", "cluster" or "cluster_across"
        Nearest neighbours; by household within each side; or also across the sides, for households with
        episodes on both.
    scale : "linear" or "log"
        Distances in the score's own unit, or ``log(score / cutoff)`` (positive scores only).
    level : float

    Returns
    -------
    ThresholdResult

    Raises
    ------
    EstimationError
        ``estimation-cutoff``, ``estimation-few-scores``, ``estimation-bandwidth``,
        ``estimation-first-stage``, ``estimation-option``, and those of `collapse_scores`.
    """
    table = collapse_scores(score, outcome, taken_up=taken_up, households=households, covariates=covariates)
    if not table.single:
        raise EstimationError(
            "estimation-shape",
            expected="one outcome",
            found=f"a table of {table.outcomes}",
            mend="Collapse once with collapse_scores, then call effect_at_cutoff for each outcome.",
            where="outcome",
        )
    return effect_at_cutoff(
        table,
        cutoff,
        kernel=kernel,
        bandwidth=bandwidth,
        degree=degree,
        donut=donut,
        curvature_bound=curvature_bound,
        variance=variance,
        scale=scale,
        level=level,
    )


def effect_at_cutoff(
    table: ScoreTable, cutoff: float, *, outcome: int = 0, **options: Any
) -> ThresholdResult:
    """Estimate the effect from collapsed scores: the same table serves every outcome, bandwidth and cutoff.

    Parameters
    ----------
    table : from `collapse_scores`
    outcome : int, which of the table's outcomes
    options : those of `threshold_effect`

    Returns
    -------
    ThresholdResult
    """
    request = read_request(table, cutoff, outcome, options)
    table = only_outcome(table, request.outcome)
    sides = cut(table, request.cutoff, scale=request.scale, donut=request.donut)
    check_sides(sides, request)
    columns = columns_of(table, 0)
    honest = None
    if request.curvature_bound is not None:
        honest = honest_interval(sides, columns, request)
    bandwidths = _bandwidths(sides, columns, request, None if honest is None else honest.bandwidth)
    left = _half(sides[0], bandwidths.left, bandwidths.bias_left, request)
    right = _half(sides[1], bandwidths.right, bandwidths.bias_right, request)
    combinations = adjust(((left.side, left.plain), (right.side, right.plain)), columns, request.kernel)
    found = _estimates((left, right), combinations, request)
    notes = _notes(sides, request)
    rows = [half.plain.rows for half in (left, right)]
    return ThresholdResult(
        **_effects(found, request.level),
        bandwidths=bandwidths,
        n=(sides[0].episodes, sides[1].episodes),
        effective_n=_pair(int(s.moments.counts[:r].sum()) for s, r in zip(sides, rows, strict=True)),
        households=_pair(s.households_within(r) for s, r in zip(sides, rows, strict=True)),
        distinct=(len(sides[0].distance), len(sides[1].distance)),
        honest=honest,
        cutoff=request.cutoff,
        donut=request.donut,
        scale=request.scale,
        kernel=request.kernel,
        variance=request.variance,
        degree=request.degree,
        level=request.level,
        notes=notes,
    )


def _pair(two: Iterable[int]) -> tuple[int, int]:
    left, right = two
    return left, right


def _notes(sides: tuple[Side, Side], request: ThresholdRequest) -> tuple[str, ...]:
    rounded = any(1.0 - len(s.distance) / s.episodes >= ROUNDED for s in sides)
    return ("estimation-rounded-scores",) if rounded and request.curvature_bound is None else ()


def _bandwidths(
    sides: tuple[Side, Side], columns: Columns, request: ThresholdRequest, fallback: float | None
) -> Bandwidths:
    """Bandwidths that were given, or chosen; else the honest interval's, where that was asked for."""
    if not isinstance(request.bandwidth, str):
        h, b = request.bandwidth
        return Bandwidths(h, h, b, b, "given")
    try:
        return select_bandwidths(
            sides,
            _moving(sides, columns),
            degree=request.degree,
            kernel=request.kernel,
            variance=request.variance,
            selector=request.bandwidth,
        )
    except EstimationError as error:
        if fallback is None or error.code != "estimation-bandwidth":
            raise
        return Bandwidths(fallback, fallback, fallback, fallback, "honest")


def _moving(sides: tuple[Side, Side], columns: Columns) -> Columns:
    """Leave the treatment out of the choice where all, or none, of one side take it up."""
    if columns.taken_up is None:
        return columns
    at = columns.taken_up
    for side in sides:
        moments = side.moments
        n, total = moments.counts.sum(), moments.sums[:, at].sum()
        if moments.products[:, at, at].sum() - total**2 / n <= ROUNDING * max(total, n):
            return columns.sharp()
    return columns


def _half(side: Side, h: float, b: float, request: ThresholdRequest) -> _Half:
    """Fit one side: the estimate's polynomial within h, the next order's within b.

    The corrected weights take off ``Σ ω t^(p+1)`` times the estimate of the coefficient of order p + 1.
    """
    p, kernel = request.degree, request.kernel
    plain, beyond = side.fit(h, p, kernel), side.fit(b, p + 1, kernel)
    conventional = np.zeros(max(plain.rows, beyond.rows))
    conventional[: plain.rows] = plain.weights[:, 0]
    u = side.distance[: plain.rows] / b
    left_over = float((plain.weights[:, 0] * side.moments.counts[: plain.rows]) @ u ** (p + 1))
    corrected = conventional.copy()
    corrected[: beyond.rows] -= left_over * beyond.weights[:, p + 1]
    return _Half(side, plain, Weighted(conventional, plain, p + 1), Weighted(corrected, beyond, p + 2))


@dataclass(frozen=True, slots=True, eq=False)
class _Estimates:
    """Jumps (c,) of the outcome and, where given, the treatment, with their covariances (c, c)."""

    conventional: Floats
    corrected: Floats
    covariance: Floats
    robust_covariance: Floats


def _estimates(halves: tuple[_Half, _Half], combinations: Floats, request: ThresholdRequest) -> _Estimates:
    left, right = halves
    plain = (right.level(right.conventional) - left.level(left.conventional)) @ combinations
    corrected = (right.level(right.corrected) - left.level(left.corrected)) @ combinations
    sides = (left.side, right.side)
    return _Estimates(
        plain,
        corrected,
        jump_covariance(sides, (left.conventional, right.conventional), combinations, request.variance),
        jump_covariance(sides, (left.corrected, right.corrected), combinations, request.variance),
    )


def _effects(found: _Estimates, level: float) -> dict[str, Any]:
    """Give the estimates of a result: of the outcome's jump, or of the ratio of two jumps."""
    outcome = _jumps(found, 0, level)
    if len(found.conventional) == 1:
        return {
            "conventional": outcome.conventional,
            "bias_corrected": outcome.bias_corrected,
            "robust": outcome.robust,
            "first_stage": None,
            "reduced_form": None,
            "covariance": None,
            "confidence_set": None,
        }
    y, t = (float(v) for v in found.conventional)
    if abs(t) <= ROUNDING:
        raise EstimationError(
            "estimation-first-stage",
            expected="a share taken up that jumps at the cutoff",
            found="no jump at all",
            mend="Leave taken_up out: only the effect of crossing itself can be told.",
            where="taken_up",
        )
    slope = np.array([1.0 / t, -y / t**2])
    ratio = y / t
    corrected = ratio - float(slope @ (found.conventional - found.corrected))
    errors = [root(slope @ c @ slope) for c in (found.covariance, found.robust_covariance)]
    share = _jumps(found, 1, level)
    f = (share.robust.estimate / share.robust.std_error) ** 2 if share.robust.std_error > 0.0 else np.inf
    return {
        "conventional": jump(ratio, errors[0], level),
        "bias_corrected": jump(corrected, errors[0], level),
        "robust": jump(corrected, errors[1], level),
        "first_stage": JumpInTreatment(share.conventional, share.bias_corrected, share.robust, float(f)),
        "reduced_form": outcome,
        "covariance": found.robust_covariance,
        "confidence_set": anderson_rubin(found.corrected, found.robust_covariance, NORMAL, level),
    }


def _jumps(found: _Estimates, at: int, level: float) -> Jumps:
    plain, corrected = float(found.conventional[at]), float(found.corrected[at])
    error, robust = root(found.covariance[at, at]), root(found.robust_covariance[at, at])
    return Jumps(jump(plain, error, level), jump(corrected, error, level), jump(corrected, robust, level))
