"""Weighted least squares with known variances plus tau², and its likelihood: arrays only.

Notation: y effects, v sampling variances, t = tau², w = 1/(v + t), W = diag(w), X the design, Q an
orthonormal basis of its columns, P = W - W X (X'WX)⁻¹ X'W. Everything that depends on tau² takes ``tau2``
with any leading axes and broadcasts, so a grid of values is one call.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Columns are scaled to length one first, so this is about directions, not units.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Basis:
    """``X = q @ r``: ``q`` (k, p) with orthonormal columns, ``r`` (p, p) invertible.

    Fitting in ``q`` keeps the normal equations well conditioned whatever the units of the moderators (a
    calendar year beside an intercept), and makes log|Q'WQ| equal to log|X'WX| - log|X'X|.
    """

    q: FloatArray
    r: FloatArray


@dataclass(frozen=True, slots=True)
class WeightedFit:
    """One weighted fit for each value of tau²; ``...`` are the axes of tau².

    Attributes
    ----------
    weights : (..., k)
        w, not normalised.
    gram_inverse : (..., p, p)
        (Q'WQ)⁻¹, the covariance of the coefficients in the basis.
    coefficients : (..., p)
        Coefficients in the basis.
    residuals : (..., k)
        y - fitted.
    rss : (...)
        Weighted residual sum of squares y'Py, the generalised Q statistic at tau².
    """

    weights: FloatArray
    gram_inverse: FloatArray
    coefficients: FloatArray
    residuals: FloatArray
    rss: FloatArray


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Log-likelihood of tau² with the coefficients profiled out, each field shaped as tau².

    ``information`` is the expected information of tau²; ``curvature`` the second derivative.
    """

    log_likelihood: FloatArray
    score: FloatArray
    curvature: FloatArray
    information: FloatArray


def orthonormal_basis(design: FloatArray) -> Basis | None:
    """QR of the design (k, p) with k ≥ p, or None when its columns are linearly dependent."""
    scale = np.sqrt((design**2).sum(axis=0))
    if not np.all(scale > 0.0):
        return None
    q, r = np.linalg.qr(design / scale)
    if np.linalg.svd(r, compute_uv=False)[-1] < RANK_TOLERANCE:
        return None
    return Basis(q, r * scale)


def weighted_fit(y: FloatArray, v: FloatArray, basis: Basis, tau2: FloatArray | float) -> WeightedFit:
    """Fit y on the basis with weights 1/(v + tau²)."""
    weights = 1.0 / (v + np.asarray(tau2, dtype=np.float64)[..., None])
    return fit_with_weights(y, basis, weights)


def fit_with_weights(y: FloatArray, basis: Basis, weights: FloatArray) -> WeightedFit:
    """Fit y on the basis with the given weights (..., k)."""
    gram_inverse: FloatArray = np.asarray(np.linalg.inv(_gram(basis.q, weights)))
    coefficients = (gram_inverse @ ((weights * y) @ basis.q)[..., None])[..., 0]
    residuals = np.asarray(y - coefficients @ basis.q.T)
    rss = np.asarray((weights * residuals**2).sum(axis=-1))
    return WeightedFit(weights, gram_inverse, coefficients, residuals, rss)


def trace_p(fit: WeightedFit, basis: Basis) -> FloatArray:
    """Trace of P, shaped as tau²."""
    w = fit.weights
    return np.asarray(w.sum(axis=-1) - _trace(fit.gram_inverse @ _gram(basis.q, w**2)))


def y_pp_y(fit: WeightedFit) -> FloatArray:
    """y'PPy, minus the derivative of y'Py to tau²."""
    return np.asarray(((fit.weights * fit.residuals) ** 2).sum(axis=-1))


def trace_psps(weights: FloatArray, basis: Basis, s: FloatArray) -> float:
    """Trace of P S P S for P built from `weights` (k,) and S = diag(s): var(y'Py)/2 when cov(y) = S."""
    gram_inverse = np.linalg.inv(_gram(basis.q, weights))
    cross = gram_inverse @ _gram(basis.q, weights**2 * s)
    once = gram_inverse @ _gram(basis.q, weights**3 * s**2)
    return float(((weights * s) ** 2).sum() - 2.0 * _trace(once) + _trace(cross @ cross))


def likelihood(
    y: FloatArray, v: FloatArray, basis: Basis, tau2: FloatArray | float, *, restricted: bool
) -> Likelihood:
    """Log-likelihood of tau² (restricted: REML), its score, curvature and information.

    Source: Harville (1977), doi:10.1080/01621459.1977.10480998; Viechtbauer (2005),
    doi:10.3102/10769986030003261. The restricted form is that of error contrasts from an orthonormal basis,
    so it does not depend on the units of the moderators.
    """
    k, p = basis.q.shape
    fit = weighted_fit(y, v, basis, tau2)
    w, a = fit.weights, fit.gram_inverse
    wr = w * fit.residuals
    u = (w * wr) @ basis.q
    y_ppp_y = (w * wr**2).sum(axis=-1) - (u * (a @ u[..., None])[..., 0]).sum(axis=-1)
    y_pp = (wr**2).sum(axis=-1)
    trace, trace_square = w.sum(axis=-1), (w**2).sum(axis=-1)
    log_likelihood = 0.5 * (np.log(w).sum(axis=-1) - fit.rss - (k - p * restricted) * np.log(2.0 * np.pi))
    if restricted:
        b = a @ _gram(basis.q, w**2)
        c = a @ _gram(basis.q, w**3)
        trace = trace - _trace(b)
        trace_square = trace_square - 2.0 * _trace(c) + _trace(b @ b)
        log_likelihood = log_likelihood + 0.5 * np.linalg.slogdet(a)[1]
    return Likelihood(log_likelihood, 0.5 * (y_pp - trace), 0.5 * trace_square - y_ppp_y, 0.5 * trace_square)


def _gram(q: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray((q.T * weights[..., None, :]) @ q)


def _trace(matrix: FloatArray) -> FloatArray:
    return np.asarray(np.trace(matrix, axis1=-2, axis2=-1))
