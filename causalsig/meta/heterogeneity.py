"""Estimators of tau², the variance of true effects between sites: arrays in, one number and its story out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.gls import (
    Basis,
    fit_with_weights,
    likelihood,
    trace_p,
    trace_psps,
    weighted_fit,
    y_pp_y,
)
from causalsig.meta.options import Tau2Method

FloatArray = NDArray[np.float64]

# The scan's step on log(tau² + smallest variance). The likelihood is a function of tau² + v, so two maxima
# closer than a tenth on this scale would need v's that differ by less than that, and then there is one.
SCAN_STEP = 0.1
SCAN_POINTS = 33
# |score| times the standard error of tau²: how far the estimate is from the root, in standard errors.
SCORE_TOLERANCE = 1e-8
# Relative to tau² + smallest variance; a few roundings of a float, the most a root can be resolved to.
ROOT_TOLERANCE = 1e-15 * 4
MAX_STEPS = 200


@dataclass(frozen=True, slots=True)
class Tau2Fit:
    """An estimate of tau².

    Attributes
    ----------
    tau2, std_error : float
        On the squared scale of the effects; nan where not estimable (one site), and for ``EE``, which has no
        standard error.
    score : float
        Derivative of the (restricted) log-likelihood at the estimate; nan for methods without a likelihood.
    converged, boundary : bool
        Boundary: the estimate is zero because it may not be negative.
    maxima : int
        Local maxima of the (restricted) likelihood on tau² ≥ 0, the one at zero included; 1 for methods that
        maximise nothing.
    """

    tau2: float
    std_error: float
    score: float
    converged: bool
    boundary: bool
    maxima: int


def estimate_tau2(y: FloatArray, v: FloatArray, basis: Basis, method: Tau2Method) -> Tau2Fit:
    """Estimate tau² of effects y (k,) with variances v (k,) around the span of `basis`, with k > p."""
    if method == "EE":
        return Tau2Fit(0.0, np.nan, np.nan, True, False, 1)
    if method in ("REML", "ML"):
        return _maximum_likelihood(y, v, basis, restricted=method == "REML")
    if method in ("PM", "EB"):
        return _paule_mandel(y, v, basis)
    return _MOMENTS[method](y, v, basis)


def falling_root(
    function: Callable[[float], tuple[float, float]], low: float, high: float, unit: float
) -> float:
    """Root of a function that is ≥ 0 at `low` and ≤ 0 at `high`, by Newton kept inside a shrinking bracket.

    Parameters
    ----------
    function : callable
        Returns value and derivative.
    unit : float
        Positive scale below which differences in the argument do not matter beyond rounding.
    """
    point, last_step = low, high - low
    for _ in range(MAX_STEPS):
        value, slope = function(point)
        if value == 0.0:
            break
        low, high = (point, high) if value > 0.0 else (low, point)
        new = point - value / slope if slope < 0.0 else np.nan
        # Steps that do not halve mean Newton creeps along one side or cycles; halve the bracket instead.
        if not (low <= new <= high and abs(new - point) <= 0.5 * last_step):
            new = 0.5 * (low + high)
        last_step = abs(new - point)
        point = float(new)
        if last_step <= ROOT_TOLERANCE * (point + unit):
            break
    return point


def _maximum_likelihood(y: FloatArray, v: FloatArray, basis: Basis, *, restricted: bool) -> Tau2Fit:
    grid = _scan_grid(y, v, basis, restricted=restricted)
    scores = likelihood(y, v, basis, grid, restricted=restricted).score

    def score(tau2: float) -> tuple[float, float]:
        terms = likelihood(y, v, basis, tau2, restricted=restricted)
        return float(terms.score), float(terms.curvature)

    candidates = [0.0] if scores[0] <= 0.0 else []
    for index in np.flatnonzero((scores[:-1] > 0.0) & (scores[1:] <= 0.0)):
        candidates.append(falling_root(score, float(grid[index]), float(grid[index + 1]), float(v.min())))
    terms = likelihood(y, v, basis, np.array(candidates), restricted=restricted)
    best = int(np.argmax(terms.log_likelihood))
    boundary = candidates[best] == 0.0
    std_error = float(terms.information[best] ** -0.5)
    at_best = float(terms.score[best])
    converged = (at_best <= 0.0 if boundary else False) or abs(at_best) * std_error <= SCORE_TOLERANCE
    return Tau2Fit(candidates[best], std_error, at_best, converged, boundary, len(candidates))


def _scan_grid(y: FloatArray, v: FloatArray, basis: Basis, *, restricted: bool) -> FloatArray:
    """Values of tau² from 0 to beyond the last stationary point, equally spaced in log(tau² + min v).

    y'PPy ≤ SSE/(t + v_min)² and tr P ≥ (k - p)/(t + v_max) with SSE the unweighted residual sum of
    squares, so the score is negative once (t + v_min)² > s (t + v_max), s = SSE/(k - p); for ML k replaces
    k - p.
    """
    k, p = basis.q.shape
    s = float(fit_with_weights(y, basis, np.ones_like(y)).rss) / (k - p if restricted else k)
    v_min, v_max = float(v.min()), float(v.max())
    # Larger root of z² - s z - s (v_max - v_min) = 0 in z = t + v_min.
    z = 0.5 * (s + np.sqrt(s * s + 4.0 * s * (v_max - v_min)))
    log_range = np.log(max(1.1 * z / v_min, 1.1))
    points = max(SCAN_POINTS, int(np.ceil(log_range / SCAN_STEP)) + 1)
    return np.asarray(v_min * np.expm1(np.linspace(0.0, log_range, points)))


def _paule_mandel(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fit:
    """Generalised Q equal to its degrees of freedom (Paule & Mandel 1982, doi:10.6028/jres.087.022).

    The same root as empirical Bayes (Morris 1983, doi:10.1080/01621459.1983.10477920), whose standard error
    this is.
    """
    k, p = basis.q.shape
    tau2 = generalised_q_root(y, v, basis, float(k - p))
    boundary = tau2 is None
    value = 0.0 if tau2 is None else tau2
    weights = 1.0 / (v + value)
    std_error = float(np.sqrt(2.0 * k**2 / (k - p)) / weights.sum())
    return Tau2Fit(value, std_error, np.nan, True, boundary, 1)


def generalised_q_root(y: FloatArray, v: FloatArray, basis: Basis, target: float) -> float | None:
    """Solve y'P(t)y = target for t ≥ 0; None when the statistic is below the target already at t = 0."""

    def excess(tau2: float) -> tuple[float, float]:
        fit = weighted_fit(y, v, basis, tau2)
        return float(fit.rss) - target, -float(y_pp_y(fit))

    if excess(0.0)[0] < 0.0:
        return None
    # SSE/(t + v_max) ≤ y'Py ≤ SSE/(t + v_min) brackets the root; a hair wider for rounding.
    level = float(fit_with_weights(y, basis, np.ones_like(y)).rss) / target
    low = max(0.0, (1.0 - 1e-9) * level - float(v.max()))
    high = max(low, (1.0 + 1e-9) * level - float(v.min()))
    return falling_root(excess, low, high, float(v.min()))


def _moment_fit(raw: float, weights: FloatArray, v: FloatArray, basis: Basis, divisor: float) -> Tau2Fit:
    """Truncate a moment estimator at zero; its standard error is that of y'Py/divisor under normality."""
    tau2 = max(0.0, raw)
    std_error = float(np.sqrt(2.0 * trace_psps(weights, basis, v + tau2))) / divisor
    return Tau2Fit(tau2, std_error, np.nan, True, raw <= 0.0, 1)


def _dersimonian_laird(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fit:
    """DerSimonian & Laird (1986), doi:10.1016/0197-2456(86)90046-2."""
    k, p = basis.q.shape
    fit = weighted_fit(y, v, basis, 0.0)
    divisor = float(trace_p(fit, basis))
    return _moment_fit((float(fit.rss) - (k - p)) / divisor, fit.weights, v, basis, divisor)


def _hedges(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fit:
    """Unweighted moments (Hedges & Olkin 1985)."""
    k, p = basis.q.shape
    ones = np.ones_like(y)
    fit = fit_with_weights(y, basis, ones)
    expected = float((v * (1.0 - (basis.q**2).sum(axis=1))).sum())
    return _moment_fit((float(fit.rss) - expected) / (k - p), ones, v, basis, float(k - p))


def _hunter_schmidt(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fit:
    """Hunter & Schmidt, as in Viechtbauer (2005), doi:10.3102/10769986030003261."""
    fit = weighted_fit(y, v, basis, 0.0)
    divisor = float(fit.weights.sum())
    return _moment_fit((float(fit.rss) - len(y)) / divisor, fit.weights, v, basis, divisor)


def _sidik_jonkman(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fit:
    """Two steps from the crude variance of the effects (Sidik & Jonkman 2005).

    doi:10.1111/j.1467-9876.2005.00489.x. Never zero unless all effects are equal.
    """
    k, p = basis.q.shape
    crude = float(y.var())
    if crude == 0.0:
        return Tau2Fit(0.0, np.nan, np.nan, True, True, 1)
    weights = crude / (v + crude)
    raw = float(fit_with_weights(y, basis, weights).rss) / (k - p)
    return _moment_fit(raw, weights, v, basis, float(k - p))


_MOMENTS: dict[str, Callable[[FloatArray, FloatArray, Basis], Tau2Fit]] = {
    "DL": _dersimonian_laird,
    "HE": _hedges,
    "HS": _hunter_schmidt,
    "SJ": _sidik_jonkman,
}
