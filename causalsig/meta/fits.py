"""The fit itself, for a batch of data sets with one number of sites: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import (
    Basis,
    Score,
    in_units_of_design,
    score_of_fit,
    trace_p,
    weighted_fit,
)
from causalsig.meta.heterogeneity import Tau2Fits, estimate_tau2
from causalsig.meta.intervals import chi_square_upper_tail, critical_value, two_sided_p
from causalsig.meta.maximum import CHUNK, PART
from causalsig.meta.options import IntervalMethod, Tau2Method
from causalsig.meta.sums import Room

FloatArray = NDArray[np.float64]

# |score| times the standard error of tau²: how far the estimate is from the root, in standard errors.
SCORE_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Fits(ComparedByValue):
    """A batch of fitted models; the fields of `RandomEffects` with a leading axis B."""

    coefficients: FloatArray
    covariance: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    df: float | FloatArray
    tau2: FloatArray
    tau2_std_error: FloatArray
    score: FloatArray
    converged: NDArray[np.bool_]
    boundary: NDArray[np.bool_]
    maxima: NDArray[np.int_]
    i2: FloatArray
    h2: FloatArray
    q: FloatArray
    q_p_value: FloatArray
    weights: FloatArray
    factor: FloatArray
    interval: IntervalMethod


class _AtEstimate(NamedTuple):
    """The weighted fit at the estimate of tau², in units of the design."""

    coefficients: FloatArray  # (B, p)
    covariance: FloatArray  # (B, p, p), without an interval method's factor
    rss: FloatArray
    weights: FloatArray  # (B, k)
    total: FloatArray
    score: Score | None  # of the likelihood, where one was maximised


def fit_batch(
    y: FloatArray, v: FloatArray, basis: Basis, method: Tau2Method, interval: IntervalMethod, level: float
) -> Fits:
    """Fit checked data: effects and variances (B, k), a basis that is shared or has the same leading axis."""
    # A part of the batch at a time, so that what every step passes through stays in the cache.
    size = max(16, PART // basis.k)
    if len(y) <= size:
        return _fit_part(y, v, basis, method, interval, level)
    parts, weights = [], np.empty_like(y)
    room = Room.of(size, basis.k) if basis.constant else None
    for begin in range(0, len(y), size):
        part = slice(begin, begin + size)
        some = basis.rows(np.arange(begin, min(begin + size, len(y))))
        fits = _fit_part(y[part], v[part], some, method, interval, level, room)
        weights[part] = fits.weights
        parts.append(replace(fits, weights=weights[part]))
    columns = {each.name: [getattr(part, each.name) for part in parts] for each in fields(Fits)}
    columns["weights"] = [weights]
    whole: dict[str, Any] = {
        name: np.concatenate(values) if len(values) > 1 and isinstance(values[0], np.ndarray) else values[0]
        for name, values in columns.items()
    }
    return Fits(**whole)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _fit_part(
    y: FloatArray,
    v: FloatArray,
    basis: Basis,
    method: Tau2Method,
    interval: IntervalMethod,
    level: float,
    room: Room | None = None,
) -> Fits:
    k, p = basis.k, basis.p
    if k == 1:
        return _alone(y, v, method, level)
    tau2 = estimate_tau2(y, v, basis, method, room)
    fitted = _at_estimate(y, v, basis, method, tau2)
    coefficients, plain = fitted.coefficients, fitted.covariance
    factor, df = _interval_factor(interval, method, fitted.rss, k - p)
    covariance = factor[:, None, None] * plain
    std_errors = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    if interval == "mixture" and method != "EE":
        low, high, p_values = _mixture_interval(y, v, basis, level)
    else:
        half = critical_value(level, df) * std_errors
        low, high = coefficients - half, coefficients + half
        # Knapp-Hartung gives a standard error of zero when all effects are equal: the statistic is then
        # infinite, or, at an effect of zero, absent.
        p_values = two_sided_p(coefficients / std_errors, df)
    q, i2, h2 = _heterogeneity(y, v, basis, method, tau2)
    score, std_error, converged = _story(fitted.score, tau2)
    return Fits(
        coefficients,
        covariance,
        std_errors,
        low,
        high,
        p_values,
        np.nan if interval == "mixture" and method != "EE" else df,
        tau2.tau2,
        std_error,
        score,
        converged,
        tau2.boundary,
        tau2.maxima,
        i2,
        h2,
        q,
        chi_square_upper_tail(q, k - p),
        fitted.weights / fitted.total[:, None],
        factor,
        interval,
    )


def _at_estimate(
    y: FloatArray, v: FloatArray, basis: Basis, method: Tau2Method, tau2: Tau2Fits
) -> _AtEstimate:
    sums = tau2.data.sums if tau2.data is not None else None
    if tau2.data is None or sums is None:
        fitted = weighted_fit(y, v, basis, tau2.tau2)
        likely = method in ("REML", "ML")
        return _AtEstimate(
            *in_units_of_design(fitted, basis),
            fitted.rss,
            fitted.weights,
            fitted.weights.sum(axis=1),
            score_of_fit(fitted, basis, restricted=method == "REML") if likely else None,
        )
    terms = tau2.data.at(tau2.tau2)
    covariance = (1.0 / terms.total)[:, None, None]
    coefficients = (sums.centre + terms.mean)[:, None]
    weights = sums.powers[0]
    return _AtEstimate(coefficients, covariance, terms.rss, weights, terms.total, Score(*terms[:4]))


def _alone(y: FloatArray, v: FloatArray, method: Tau2Method, level: float) -> Fits:
    """One site: the identity, to the bit, without rounding through weights."""
    nothing = np.full(len(y), np.nan)
    tau2 = np.zeros(len(y)) if method == "EE" else nothing
    yes, ones = np.ones(len(y), np.bool_), np.ones(len(y), np.int_)
    std_errors = np.sqrt(v)
    half = critical_value(level, np.inf) * std_errors
    p_values = two_sided_p(y / std_errors, np.inf)
    zero, one = np.zeros(len(y)), np.ones(len(y))
    low, high, weights = y - half, y + half, np.ones((len(y), 1))
    return Fits(
        y, v[:, :, None], std_errors, low, high, p_values, np.inf,
        tau2, nothing, nothing, yes, ~yes, ones, nothing, nothing, zero, nothing, weights, one, "wald",
    )  # fmt: skip


def _interval_factor(
    interval: IntervalMethod, method: Tau2Method, rss: FloatArray, df: int
) -> tuple[FloatArray, float]:
    """Factor (B,) of the covariance and degrees of freedom of an interval method."""
    if interval in ("wald", "mixture"):
        return np.ones_like(rss), np.inf
    if interval == "t":
        return np.ones_like(rss), float(df)
    factor = rss / df
    return (factor if interval == "knapp-hartung" else np.maximum(1.0, factor)), float(df)


def _mixture_interval(
    y: FloatArray, v: FloatArray, basis: Basis, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bounds and p-values (B, p) of the coefficients."""
    from causalsig.meta.mixture import mixture_of_coefficients

    functionals, tail, parts = np.eye(basis.p), 0.5 * (1.0 - level), []
    for ys, vs, some in _parts(y, v, basis):
        mixed = mixture_of_coefficients(ys, vs, some, functionals)
        below = mixed.below(0.0)
        parts.append((*mixed.quantiles((tail, 1.0 - tail)), 2.0 * np.minimum(below, 1.0 - below)))
    low, high, p_values = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return low, high, p_values


def mixture_bounds(
    y: FloatArray, v: FloatArray, basis: Basis, method: Tau2Method, level: float
) -> tuple[FloatArray, FloatArray]:
    """Mixture prediction bounds (B,) of a new site where the design is an intercept."""
    from causalsig.meta.mixture import known_tau2, mixture_of_coefficients

    if basis.k == 1:
        return np.full(len(y), np.nan), np.full(len(y), np.nan)
    tail, parts = 0.5 * (1.0 - level), []
    for ys, vs, some in _parts(y, v, basis):
        given = known_tau2(np.zeros(len(ys))) if method == "EE" else None
        mixed = mixture_of_coefficients(ys, vs, some, np.eye(1), new_site=True, given=given)
        parts.append(mixed.quantiles((tail, 1.0 - tail)))
    low, high = (np.concatenate(columns)[:, 0] for columns in zip(*parts, strict=True))
    return low, high


def _parts(y: FloatArray, v: FloatArray, basis: Basis) -> Iterator[tuple[FloatArray, FloatArray, Basis]]:
    """Cut a batch so that a part's arrays over the mixture's nodes stay in the cache."""
    size = max(1, 4 * CHUNK // (basis.k * 64))
    for begin in range(0, len(y), size):
        part = slice(begin, begin + size)
        yield y[part], v[part], basis.rows(np.arange(begin, min(begin + size, len(y))))


def _story(terms: Score | None, tau2: Tau2Fits) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Score at the estimate, standard error of tau², and whether a likelihood's maximum was reached."""
    if terms is None:
        return np.full(tau2.tau2.shape, np.nan), tau2.std_error, np.ones(tau2.tau2.shape, np.bool_)
    score, std_error = terms.value, np.sqrt(2.0 / terms.trace_square)
    converged = tau2.boundary & (score <= 0.0)
    return score, std_error, converged | (np.abs(score) * std_error <= SCORE_TOLERANCE)


def _heterogeneity(
    y: FloatArray, v: FloatArray, basis: Basis, method: Tau2Method, fits: Tau2Fits
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Q, I² (per cent) and H²; Higgins & Thompson (2002), doi:10.1002/sim.1186."""
    df, tau2, q, trace = basis.k - basis.p, fits.tau2, fits.q, fits.trace_p
    if q is None or trace is None:
        at_zero = weighted_fit(y, v, basis, 0.0)
        q, trace = at_zero.rss, trace_p(at_zero, basis)
    if method == "EE":
        h2 = q / df
        return q, 100.0 * np.maximum(0.0, 1.0 - 1.0 / np.where(h2 > 0.0, h2, 1.0)), h2
    typical_variance = df / trace
    return q, 100.0 * tau2 / (tau2 + typical_variance), tau2 / typical_variance + 1.0
