"""Pooling estimates whose sampling errors go together by a known covariance, as where sites lend their data.

``y ~ N(1μ + b, S + tau² I)`` with S known and ``|b_i| <= B_i``. Turned to the eigenvectors of S the effects
are independent: ``U'y`` has variances ``s + tau²`` and one moderator, ``U'1``. So tau², its confidence
distribution and Knapp and Hartung's factor ``y'P(tau²)y / (k - 1)`` are those of a meta-regression, exactly.

The mean is not that regression's. Generalised least squares sets errors off against each other: sites that
lean on one donor get weights below zero, a bet on S that a wrong S loses, and for which "no site has more
than half of the weight" means nothing. Weights here are those of independent estimates,
``w_i ∝ 1 / (v_i + tau²)``, and what they leave of the errors is counted in full: ``Var = w'(S + tau² I) w``.
The mean is unbiased whatever S is, and never surer than generalised least squares would have it (Gauss and
Markov). Hedges, Tipton and Johnson (2010), doi:10.1002/jrsm.5, split working weights and variance likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.honest import check_biases
from causalsig.meta.inputs import as_floats, freeze
from causalsig.meta.mixture import confidence_distribution
from causalsig.meta.options import DEFAULT_INTERVAL, IntervalMethod, Tau2Method
from causalsig.meta.results import RandomEffects
from causalsig.meta.shifted import Components
from causalsig.meta.univariate import random_effects

FloatArray = NDArray[np.float64]

SMALLEST = 1e-9
"""Of the largest eigenvalue: below it two estimates are one, told twice."""


@dataclass(frozen=True, slots=True, eq=False)
class OverlappingPool(ComparedByValue):
    """A pooled effect of estimates whose errors go together.

    Attributes
    ----------
    estimate, std_error : float
        Weighted mean, and its standard error with tau² in it (and the factor of the interval method).
    largest_bias : float
        ``Σ w_i B_i``.
    conf_low, conf_high : float
        For every bias within the bounds.
    prediction_low, prediction_high : float
        Of one more site's effect, by the mixture; nan with one site, and with biases.
    weights : (k,) array, above zero, add to one
    tau2 : float, nan with one site
    df : float, of t; inf for the normal and the mixture
    k : int
    level : float
    """

    estimate: float
    std_error: float
    largest_bias: float
    conf_low: float
    conf_high: float
    prediction_low: float
    prediction_high: float
    weights: FloatArray
    tau2: float
    df: float
    k: int
    level: float


def overlapping_effects(
    estimates: Any,
    covariance: Any,
    largest_biases: Any = None,
    *,
    weighting: Any = None,
    tau2: Tau2Method = "REML",
    interval: IntervalMethod = DEFAULT_INTERVAL,
    level: float = 0.95,
) -> OverlappingPool:
    """Pool estimates of one quantity whose sampling errors have a known covariance.

    Parameters
    ----------
    estimates : (k,) array-like
    covariance : (k, k) array-like
        S of their sampling errors; positive definite.
    largest_biases : (k,) array-like, optional
        B, zero or more.
    weighting : (k,) array-like, optional
        Variances v the weights are of, where those of S lean on the outcomes; default the diagonal of S.
    tau2, interval, level
        As `random_effects`. With a diagonal S and no biases the result is that of `random_effects`.

    Raises
    ------
    MetaError
        As `random_effects` and `honest_effects`; ``meta-covariance`` for one that is none.
    """
    y, s = as_floats("estimates", estimates), as_floats("covariance", covariance)
    sizes, turned = _eigen(s, y)
    biases = check_biases(np.zeros(len(y)) if largest_biases is None else largest_biases, len(y))
    v = np.diag(s) if weighting is None else as_floats("weighting", weighting)
    if v.shape != y.shape or not (v > 0.0).all():
        raise _refuse("a variance above zero for every estimate's weight", "others")
    if len(y) == 1:
        fitted = random_effects(y, s[0], tau2=tau2, interval=interval, level=level)
    else:
        moderators = turned.sum(axis=0)
        fitted = random_effects(
            turned.T @ y,
            sizes,
            moderators=moderators,
            intercept=False,
            tau2=tau2,
            interval=interval,
            level=level,
        )
    at = np.nan_to_num(np.array([fitted.tau2]))
    w = _weights(v, at)[0]
    total = s + at * np.eye(len(y))
    # What the interval's method makes of the variance of a mean by generalised least squares.
    factor = float(fitted.covariance[0, 0] * np.linalg.inv(total).sum())
    spread = float(np.sqrt(factor * (w @ total @ w)))
    one = np.ones(1)
    told = Components(one, one * (w @ y), one * spread, one * (w @ biases), float(fitted.df))
    mixed = None if len(y) == 1 else _mixed(fitted, y, s, v, biases)
    if fitted.interval == "mixture" and mixed is not None:
        told = mixed[0]
    centre = told.centre(level)
    half = told.half_length(centre, level) if spread > 0.0 else float(w @ biases)
    prediction = (np.nan, np.nan) if biases.any() else _prediction(mixed, level)
    return OverlappingPool(
        estimate=float(w @ y),
        std_error=spread,
        largest_bias=float(w @ biases),
        conf_low=centre - half,
        conf_high=centre + half,
        prediction_low=prediction[0],
        prediction_high=prediction[1],
        weights=freeze(w),
        tau2=fitted.tau2,
        df=float(told.df),
        k=len(y),
        level=fitted.level,
    )


def _eigen(s: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    if y.ndim != 1 or s.shape != (len(y), len(y)) or not len(y):
        raise _refuse(f"a covariance of {len(y)} by {len(y)}", f"one of shape {s.shape}")
    if not np.isfinite(s).all() or not np.allclose(s, s.T, rtol=1e-9, atol=0.0):
        raise _refuse("a covariance that is finite and symmetric", "another")
    sizes, turned = np.linalg.eigh(0.5 * (s + s.T))
    if sizes[0] <= SMALLEST * sizes[-1]:
        raise _refuse("a covariance that is positive definite", "one in which an estimate repeats others")
    return sizes, turned


def _refuse(expected: str, found: str) -> MetaError:
    return MetaError(
        "meta-covariance",
        expected=expected,
        found=found,
        mend="Leave out what follows from the rest.",
    )


def _weights(v: FloatArray, tau2: FloatArray) -> FloatArray:
    """Weights (N, k) of independent estimates, for each tau²."""
    raw = 1.0 / (v + tau2[:, None])
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def _mixed(
    fitted: RandomEffects, y: FloatArray, s: FloatArray, v: FloatArray, biases: FloatArray
) -> tuple[Components, FloatArray]:
    """Give the normals of the mean for every tau² (N,) that the data allow, and those tau²."""
    data = fitted.inputs
    found = confidence_distribution(data.estimates[None], data.variances[None], data.basis)
    at = found.tau2[0]
    rows = _weights(v, at)
    variances = np.einsum("ni,ij,nj->n", rows, s, rows) + at * (rows**2).sum(axis=1)
    return Components(found.mass[0], rows @ y, np.sqrt(variances), rows @ biases, np.inf), at


def _prediction(mixed: tuple[Components, FloatArray] | None, level: float) -> tuple[float, float]:
    if mixed is None:
        return np.nan, np.nan
    mean, at = mixed
    new = Components(mean.mass, mean.means, np.sqrt(mean.std_devs**2 + at), mean.bias, np.inf)
    tail = 0.5 * (1.0 - level)
    return new.quantile(tail), new.quantile(1.0 - tail)
