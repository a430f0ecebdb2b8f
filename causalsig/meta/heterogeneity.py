"""Estimators of tau², the variance of true effects between sites: a batch of data sets at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.gls import (
    Basis,
    fit_with_weights,
    plain_rss,
    trace_p,
    trace_psps,
    weighted_fit,
    y_pp_y,
)
from causalsig.meta.maximum import maximum_likelihood
from causalsig.meta.only_maximum import Evaluator
from causalsig.meta.options import Tau2Method
from causalsig.meta.roots import falling_roots
from causalsig.meta.sums import Room

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tau2Fits:
    """Estimates of tau² of a batch, each (B,).

    Attributes
    ----------
    tau2 : float
        On the squared scale of the effects.
    std_error : float
        nan for ``EE``, where not estimable, and for likelihood methods, whose error comes with the score.
    boundary : bool
        The estimate is zero because it may not be negative.
    maxima : int
        Local maxima of the (restricted) likelihood on tau² ≥ 0, the one at zero included; 1 for methods that
        maximise nothing.
    q, trace_p : float, optional
        y'Py and tr P at zero, where the estimator came past them.
    data : Evaluator, optional
        What evaluates the likelihood.
    """

    tau2: FloatArray
    std_error: FloatArray
    boundary: NDArray[np.bool_]
    maxima: NDArray[np.int_]
    q: FloatArray | None = None
    trace_p: FloatArray | None = None
    data: Evaluator | None = None


def estimate_tau2(
    y: FloatArray, v: FloatArray, basis: Basis, method: Tau2Method, room: Room | None = None
) -> Tau2Fits:
    """Estimate tau² of effects y (B, k) with variances v (B, k) around the span of `basis`, with k > p."""
    if method == "EE":
        zero = np.zeros(len(y))
        return _fits(zero, np.full_like(zero, np.nan), np.zeros(len(y), np.bool_))
    if method in ("REML", "ML"):
        tau2, maxima, met = maximum_likelihood(y, v, basis, restricted=method == "REML", room=room)
        nothing = np.full(tau2.shape, np.nan)
        return Tau2Fits(tau2, nothing, tau2 == 0.0, maxima, met.q, met.trace_p, met.data)
    if method in ("PM", "EB"):
        return _paule_mandel(y, v, basis)
    return _MOMENTS[method](y, v, basis)


def generalised_q_roots(y: FloatArray, v: FloatArray, basis: Basis, target: FloatArray | float) -> FloatArray:
    """Solve y'P(t)y = target for t ≥ 0 (B,); nan where the statistic is below the target already at t = 0."""
    target = np.broadcast_to(np.asarray(target, dtype=np.float64), len(y))
    found = np.full(len(y), np.nan)
    rows = np.flatnonzero(weighted_fit(y, v, basis, 0.0).rss >= target)
    if not rows.size:
        return found
    y, v, basis, target = y[rows], v[rows], basis.rows(rows), target[rows]

    def excess(tau2: FloatArray, which: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        every = which.size == len(y)
        ys, vs, bs = (y, v, basis) if every else (y[which], v[which], basis.rows(which))
        fit = weighted_fit(ys, vs, bs, tau2)
        # 1/Q is nearly linear in tau², so Newton on it hardly needs its bracket.
        ratio = target[which] / fit.rss
        return np.asarray(1.0 - ratio), np.asarray(-ratio * y_pp_y(fit) / fit.rss)

    # SSE/(t + v_max) ≤ y'Py ≤ SSE/(t + v_min) brackets the root; a hair wider for rounding.
    level = plain_rss(y, basis) / target
    low = np.maximum(0.0, (1.0 - 1e-9) * level - v.max(axis=1))
    high = np.maximum(low, (1.0 + 1e-9) * level - v.min(axis=1))
    found[rows] = falling_roots(excess, low, high, v.min(axis=1))
    return found


def _fits(tau2: FloatArray, std_error: FloatArray, boundary: NDArray[np.bool_]) -> Tau2Fits:
    """Estimates that maximise nothing."""
    return Tau2Fits(tau2, std_error, boundary, np.ones(tau2.shape, dtype=np.int_))


def _paule_mandel(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fits:
    """Generalised Q equal to its degrees of freedom (Paule & Mandel 1982, doi:10.6028/jres.087.022).

    The same root as empirical Bayes (Morris 1983, doi:10.1080/01621459.1983.10477920), whose standard error
    this is.
    """
    k, p = basis.k, basis.p
    root = generalised_q_roots(y, v, basis, float(k - p))
    boundary = np.isnan(root)
    tau2 = np.where(boundary, 0.0, root)
    weights = 1.0 / (v + tau2[:, None])
    return _fits(tau2, np.sqrt(2.0 * k**2 / (k - p)) / weights.sum(axis=1), boundary)


def _moment_fits(
    raw: FloatArray, weights: FloatArray, v: FloatArray, basis: Basis, divisor: FloatArray | float
) -> Tau2Fits:
    """Truncate moment estimates at zero; the standard error is that of y'Py/divisor under normality."""
    tau2 = np.maximum(0.0, raw)
    std_error = np.sqrt(2.0 * trace_psps(weights, basis, v + tau2[:, None])) / divisor
    return _fits(tau2, std_error, raw <= 0.0)


def _dersimonian_laird(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fits:
    """DerSimonian & Laird (1986), doi:10.1016/0197-2456(86)90046-2."""
    fit = weighted_fit(y, v, basis, 0.0)
    divisor = trace_p(fit, basis)
    return _moment_fits((fit.rss - (basis.k - basis.p)) / divisor, fit.weights, v, basis, divisor)


def _hedges(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fits:
    """Unweighted moments (Hedges & Olkin 1985)."""
    df = float(basis.k - basis.p)
    ones = np.ones_like(y)
    fit = fit_with_weights(y, basis, ones)
    expected = (v * (1.0 - (basis.q**2).sum(axis=-1))).sum(axis=-1)
    return _moment_fits((fit.rss - expected) / df, ones, v, basis, df)


def _hunter_schmidt(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fits:
    """Hunter & Schmidt, as in Viechtbauer (2005), doi:10.3102/10769986030003261."""
    fit = weighted_fit(y, v, basis, 0.0)
    divisor = fit.weights.sum(axis=-1)
    return _moment_fits((fit.rss - basis.k) / divisor, fit.weights, v, basis, divisor)


def _sidik_jonkman(y: FloatArray, v: FloatArray, basis: Basis) -> Tau2Fits:
    """Two steps from the crude variance of the effects (Sidik & Jonkman 2005).

    doi:10.1111/j.1467-9876.2005.00489.x. Never zero unless all effects are equal.
    """
    df = float(basis.k - basis.p)
    crude = y.var(axis=1)
    same = crude == 0.0
    scale = np.where(same, 1.0, crude)[:, None]
    weights = scale / (v + scale)
    raw = np.where(same, 0.0, fit_with_weights(y, basis, weights).rss / df)
    fits = _moment_fits(raw, weights, v, basis, df)
    fits.std_error[same] = np.nan
    return fits


_MOMENTS: dict[str, Callable[[FloatArray, FloatArray, Basis], Tau2Fits]] = {
    "DL": _dersimonian_laird,
    "HE": _hedges,
    "HS": _hunter_schmidt,
    "SJ": _sidik_jonkman,
}
