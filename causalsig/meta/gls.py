"""Weighted least squares with known variances plus tau², and its likelihood: arrays only.

Notation: y effects, v sampling variances, t = tau², w = 1/(v + t), W = diag(w), X the design, Q an
orthonormal basis of its columns, P = W - W X (X'WX)⁻¹ X'W. Effects and variances are (..., k), tau² is (...),
and they broadcast: a grid of tau² for one set of sites is as much one call as many sets with one tau² each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.sums import trace_of_p, trace_of_square

FloatArray = NDArray[np.float64]

# Columns are scaled to length one first, so this is about directions, not units.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Basis(ComparedByValue):
    """``X = q @ r``: ``q`` (..., k, p) with orthonormal columns, ``r`` (..., p, p) invertible.

    Fitting in ``q`` keeps the normal equations well conditioned whatever the units of the moderators (a
    calendar year beside an intercept), and makes log|Q'WQ| equal to log|X'WX| - log|X'X|. ``constant`` says
    that the design is an intercept alone, for which sums suffice.
    """

    q: FloatArray
    r: FloatArray
    constant: bool = False

    @property
    def k(self) -> int:
        """Sites."""
        return int(self.q.shape[-2])

    @property
    def p(self) -> int:
        """Coefficients."""
        return int(self.q.shape[-1])

    def rows(self, which: NDArray[np.intp]) -> Basis:
        """Return the bases of some members of a batch; a basis they share stays shared."""
        return self if self.q.ndim == 2 else Basis(self.q[which], self.r[which], self.constant)

    def member(self, row: int) -> Basis:
        """Return the basis of one member of a batch."""
        return self if self.q.ndim == 2 else Basis(self.q[row], self.r[row], self.constant)

    def spread(self) -> Basis:
        """Return the basis with an axis for a grid of tau² behind the batch's."""
        return self if self.q.ndim == 2 else Basis(self.q[:, None], self.r[:, None], self.constant)


@dataclass(frozen=True, slots=True, eq=False)
class WeightedFit(ComparedByValue):
    """One weighted fit for each value of tau²; ``...`` are the axes of effects and tau² together.

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
    weighted_residuals : (..., k)
        w (y - fitted).
    rss : (...)
        Weighted residual sum of squares y'Py, the generalised Q statistic at tau².
    """

    weights: FloatArray
    gram_inverse: FloatArray
    coefficients: FloatArray
    residuals: FloatArray
    weighted_residuals: FloatArray
    rss: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Score(ComparedByValue):
    """The parts of the derivative of the log-likelihood to tau², each (...).

    The score is ``(y_pp_y - trace)/2``; its derivative ``trace_square/2 - y_ppp_y``; the expected information
    ``trace_square/2``. All four are positive and fall in tau².
    """

    y_pp_y: FloatArray
    trace: FloatArray
    y_ppp_y: FloatArray
    trace_square: FloatArray

    @property
    def value(self) -> FloatArray:
        """The score."""
        return np.asarray(0.5 * (self.y_pp_y - self.trace))


@lru_cache(maxsize=64)
def constant_basis(k: int) -> Basis:
    """Return the basis of an intercept alone, read-only."""
    root = np.sqrt(float(k))
    basis = Basis(np.full((k, 1), 1.0 / root), np.full((1, 1), root), True)
    basis.q.setflags(write=False)
    basis.r.setflags(write=False)
    return basis


def orthonormal_basis(design: FloatArray) -> Basis | None:
    """QR of the design (..., k, p) with k ≥ p, or None when the columns are linearly dependent in any."""
    scale = np.sqrt((design**2).sum(axis=-2))
    if not np.all(scale > 0.0):
        return None
    q, r = np.linalg.qr(design / scale[..., None, :])
    if np.linalg.svd(r, compute_uv=False)[..., -1].min() < RANK_TOLERANCE:
        return None
    return Basis(q, r * scale[..., None, :])


def weighted_fit(y: FloatArray, v: FloatArray, basis: Basis, tau2: FloatArray | float) -> WeightedFit:
    """Fit y on the basis with weights 1/(v + tau²)."""
    return fit_with_weights(y, basis, _weights(v, tau2))


def fit_with_weights(y: FloatArray, basis: Basis, weights: FloatArray) -> WeightedFit:
    """Fit y on the basis with the given weights (..., k)."""
    if basis.constant:
        total = weights.sum(axis=-1)
        # From the effect of the site of the largest weight, so that its residual keeps its digits.
        centre = _pick(y, weights.argmax(axis=-1))
        residuals = np.asarray(y - centre)
        mean = _dot(weights, residuals) / total
        residuals -= mean[..., None]
        weighted = weights * residuals
        rss = _dot(weighted, residuals)
        root = basis.r[0, 0]
        inverse = (root * root / total)[..., None, None]
        coefficients = (centre + mean[..., None]) * root
        return WeightedFit(weights, inverse, coefficients, residuals, weighted, rss)
    gram_inverse: FloatArray = np.asarray(np.linalg.inv(_gram(basis.q, weights)))
    coefficients = _apply(gram_inverse, _project(basis.q, weights * y))
    residuals = np.asarray(y - _apply(basis.q, coefficients))
    weighted = weights * residuals
    rss = _dot(weighted, residuals)
    return WeightedFit(weights, gram_inverse, coefficients, residuals, weighted, rss)


def plain_rss(y: FloatArray, basis: Basis) -> FloatArray:
    """Unweighted residual sum of squares (...)."""
    if basis.constant:
        residuals = y - (y.sum(axis=-1) / basis.k)[..., None]
    else:
        residuals = np.asarray(y - _apply(basis.q, _project(basis.q, y)))
    return _dot(residuals, residuals)


def in_units_of_design(fit: WeightedFit, basis: Basis) -> tuple[FloatArray, FloatArray]:
    """Coefficients (..., p) and their covariance (..., p, p) for the design's own columns."""
    if basis.constant:
        root = basis.r[0, 0]
        return fit.coefficients / root, fit.gram_inverse / (root * root)
    r_inverse = np.linalg.inv(basis.r)
    covariance = r_inverse @ fit.gram_inverse @ np.swapaxes(r_inverse, -1, -2)
    return _apply(np.asarray(r_inverse), fit.coefficients), np.asarray(covariance)


def trace_p(fit: WeightedFit, basis: Basis) -> FloatArray:
    """Trace of P (...)."""
    w = fit.weights
    if basis.constant:
        apart, others = _without_largest(w)
        return np.asarray(trace_of_p(apart, others.sum(axis=-1), _dot(others, others)))
    return np.asarray(w.sum(axis=-1) - _trace(fit.gram_inverse @ _gram(basis.q, w**2)))


def y_pp_y(fit: WeightedFit) -> FloatArray:
    """Y'PPy (...), minus the derivative of y'Py to tau²."""
    return _dot(fit.weighted_residuals, fit.weighted_residuals)


def trace_psps(weights: FloatArray, basis: Basis, s: FloatArray) -> FloatArray:
    """Trace of P S P S for P built from `weights` and S = diag(s): var(y'Py)/2 when cov(y) = S."""
    if basis.constant:
        apart, others = _without_largest(weights)
        scale = _pick(s, weights.argmax(axis=-1))[..., 0]
        ws = others * s
        sums = others.sum(axis=-1), _dot(others, ws), _dot(ws, ws), _dot(others, ws * ws)
        return np.asarray(trace_of_square(apart, *sums, scale))
    gram_inverse = np.linalg.inv(_gram(basis.q, weights))
    cross = gram_inverse @ _gram(basis.q, weights**2 * s)
    once = gram_inverse @ _gram(basis.q, weights**3 * s**2)
    return np.asarray(_dot(weights * s, weights * s) - 2.0 * _trace(once) + _trace(cross @ cross))


def score_terms(
    y: FloatArray, v: FloatArray, basis: Basis, tau2: FloatArray | float, *, restricted: bool
) -> Score:
    """Score and curvature of the (restricted) log-likelihood of tau²."""
    return score_of_fit(weighted_fit(y, v, basis, tau2), basis, restricted=restricted)


def score_of_fit(fit: WeightedFit, basis: Basis, *, restricted: bool) -> Score:
    """Score and curvature of the (restricted) log-likelihood of tau² at a fit.

    Source: Harville (1977), doi:10.1080/01621459.1977.10480998; Viechtbauer (2005),
    doi:10.3102/10769986030003261.
    """
    if basis.constant:
        return _score_of_mean(fit, restricted=restricted)
    w, wr = fit.weights, fit.weighted_residuals
    ww, wwr = w * w, w * wr
    trace, trace_square = w.sum(axis=-1), _dot(w, w)
    y_pp = _dot(wr, wr)
    a = fit.gram_inverse
    projected = _project(basis.q, wwr)
    y_ppp_y = _dot(wwr, wr) - _dot(projected, _apply(a, projected))
    if restricted:
        b = a @ _gram(basis.q, ww)
        trace = trace - _trace(b)
        trace_square = trace_square - 2.0 * _trace(a @ _gram(basis.q, ww * w)) + _trace(b @ b)
    return Score(y_pp, np.asarray(trace), np.asarray(y_ppp_y), np.asarray(trace_square))


def _score_of_mean(fit: WeightedFit, *, restricted: bool) -> Score:
    """`score_of_fit` for an intercept alone, with the site of the largest weight kept apart."""
    w, wr = fit.weights, fit.weighted_residuals
    y_pp, total = _dot(wr, wr), w.sum(axis=-1)
    apart, others = _without_largest(w)
    from_apart = wr - _pick(wr, w.argmax(axis=-1))
    weighted = others * from_apart
    u = weighted.sum(axis=-1)
    y_ppp_y = np.asarray(_dot(weighted, from_apart) - u * u / total)
    if not restricted:
        return Score(y_pp, total, y_ppp_y, _dot(w, w))
    ww = others * others
    first, square, cube = others.sum(axis=-1), ww.sum(axis=-1), _dot(ww, others)
    trace = np.asarray(trace_of_p(apart, first, square))
    return Score(y_pp, trace, y_ppp_y, np.asarray(trace_of_square(apart, first, square, square, cube)))


def log_likelihood(
    y: FloatArray, v: FloatArray, basis: Basis, tau2: FloatArray | float, *, restricted: bool
) -> FloatArray:
    """Log-likelihood of tau² (...) with the coefficients profiled out (restricted: REML).

    The restricted form is that of error contrasts from an orthonormal basis, so it does not depend on the
    units of the moderators.
    """
    fit = weighted_fit(y, v, basis, tau2)
    constant = (basis.k - basis.p * restricted) * np.log(2.0 * np.pi)
    value = 0.5 * (np.log(fit.weights).sum(axis=-1) - fit.rss - constant)
    if restricted:
        value = value + 0.5 * np.linalg.slogdet(fit.gram_inverse)[1]
    return np.asarray(value)


def _weights(v: FloatArray, tau2: FloatArray | float) -> FloatArray:
    total = v + np.asarray(tau2, dtype=np.float64)[..., None]
    return np.asarray(np.reciprocal(total, out=total))


def _pick(values: FloatArray, place: NDArray[np.intp]) -> FloatArray:
    """Value (..., 1) at a place (...) of each row of `values` (..., k), which broadcast."""
    if values.ndim == 1:
        return np.asarray(values[place])[..., None]
    place = place.reshape((1,) * (values.ndim - 1 - place.ndim) + (*place.shape, 1))
    return np.take_along_axis(values, place, axis=-1)


def _without_largest(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Largest weight of each row (...), and the rows with zero in its place."""
    others = weights.copy()
    rows = others.reshape(-1, others.shape[-1])
    place = np.arange(len(rows)), rows.argmax(axis=1)
    apart = rows[place].reshape(weights.shape[:-1])
    rows[place] = 0.0
    return apart, others


def _einsum_dot(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("...k,...k->...", left, right))


# numpy 2 has the product of rows as one function with a tenth of einsum's overhead.
_dot: Callable[[FloatArray, FloatArray], FloatArray] = getattr(np, "vecdot", _einsum_dot)


def _gram(q: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray((np.swapaxes(q, -1, -2) * weights[..., None, :]) @ q)


def _project(q: FloatArray, values: FloatArray) -> FloatArray:
    return np.asarray((values[..., None, :] @ q)[..., 0, :])


def _apply(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    return np.asarray((matrix @ vector[..., None])[..., 0])


def _trace(matrix: FloatArray) -> FloatArray:
    return np.asarray(np.trace(matrix, axis1=-2, axis2=-1))
