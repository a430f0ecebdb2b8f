"""One effect a site: random-effects meta-analysis and meta-regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.gls import trace_p, weighted_fit
from causalsig.meta.heterogeneity import Tau2Fit, estimate_tau2
from causalsig.meta.inputs import MetaInputs, check_inputs, freeze
from causalsig.meta.intervals import chi_square_upper_tail, critical_value, two_sided_p
from causalsig.meta.options import (
    DEFAULT_INTERVAL,
    NOTE_NOT_CONVERGED,
    NOTE_ONE_SITE,
    NOTE_SEVERAL_MAXIMA,
    NOTE_TWO_SITES,
    IntervalMethod,
    Tau2Method,
    check_level,
    check_option,
)
from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]


def random_effects(
    estimates: Any,
    variances: Any,
    *,
    moderators: Any = None,
    intercept: bool = True,
    tau2: Tau2Method = "REML",
    interval: IntervalMethod = DEFAULT_INTERVAL,
    level: float = 0.95,
) -> RandomEffects:
    """Pool estimates of one quantity under ``y_i ~ N(x_i'β, v_i + tau²)``.

    Parameters
    ----------
    estimates : (k,) array-like
        One effect a site, on one scale, log for ratios.
    variances : (k,) array-like
        Their sampling variances, positive, taken as known.
    moderators : (k,) or (k, q) array-like, optional
        Meta-regression. A frame's column names are kept.
    intercept : bool
        Put a column of ones before the moderators. Without it the model is exactly the moderators: tau² and Q
        come from that same design, where R's metafor (3.8) centres the effects first.
    tau2 : {"REML", "ML", "DL", "HE", "HS", "SJ", "PM", "EB", "EE"}
        Estimator of tau². ``EE`` fixes it at zero (equal effects, inverse-variance pooling).
    interval : {"wald", "t", "knapp-hartung", "knapp-hartung-floored"}
        ``wald``: normal. ``t``: k - p degrees of freedom. ``knapp-hartung``: t, and the covariance times
        y'Py/(k - p) (Knapp & Hartung 2003, doi:10.1002/sim.1482). ``knapp-hartung-floored``: that factor is
        at least one, so that the interval is never narrower than ``t`` (Jackson et al. 2017,
        doi:10.1002/sim.7411).
    level : float
        Confidence level of all intervals.

    Returns
    -------
    RandomEffects
        With one site the pool is that site's estimate with its normal interval, tau² is nan (zero for
        ``EE``) and the note ``meta-one-site`` says so. Two sites are pooled with the note ``meta-two-sites``.

    Raises
    ------
    MetaError
        An unknown name, a level outside (0, 1), shapes that do not fit, a missing or infinite number, a
        variance of zero or less, moderators that are too many or collinear.
    """
    check_option("tau2", tau2, Tau2Method)
    check_option("interval", interval, IntervalMethod)
    return fit(
        check_inputs(estimates, variances, moderators, bool(intercept)), tau2, interval, check_level(level)
    )


def fit(data: MetaInputs, method: Tau2Method, interval: IntervalMethod, level: float) -> RandomEffects:
    """Fit checked data; `random_effects` and leave-one-out share it."""
    k, p = data.design.shape
    alone = k == 1
    if alone:
        interval = "wald"
        tau2_fit = Tau2Fit(0.0 if method == "EE" else np.nan, np.nan, np.nan, True, False, 1)
        # The identity, to the bit: no rounding through weights.
        coefficients, covariance, df = data.estimates, data.variances.reshape(1, 1), np.inf
        weights: FloatArray = np.ones(1)
    else:
        tau2_fit = estimate_tau2(data.estimates, data.variances, data.basis, method)
        coefficients, covariance, df, weights = _coefficients(data, tau2_fit.tau2, interval)
    std_errors = np.sqrt(np.diag(covariance))
    half = critical_value(level, df) * std_errors
    q, i2, h2 = _heterogeneity(data, method, tau2_fit.tau2)
    return RandomEffects(
        coefficients=freeze(coefficients),
        covariance=freeze(covariance),
        std_errors=freeze(std_errors),
        conf_low=freeze(coefficients - half),
        conf_high=freeze(coefficients + half),
        p_values=freeze(_p_values(coefficients, std_errors, df)),
        df=df,
        tau2=tau2_fit.tau2,
        tau2_std_error=tau2_fit.std_error,
        i2=i2,
        h2=h2,
        q=q,
        q_df=k - p,
        q_p_value=np.nan if alone else chi_square_upper_tail(q, k - p),
        weights=freeze(weights / weights.sum()),
        score=tau2_fit.score,
        converged=tau2_fit.converged,
        boundary=tau2_fit.boundary,
        maxima=tau2_fit.maxima,
        k=k,
        method=method,
        interval=interval,
        level=level,
        notes=_notes(k, tau2_fit),
        names=data.names,
        inputs=data,
    )


def _coefficients(
    data: MetaInputs, tau2: float, interval: IntervalMethod
) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    """Coefficients (p,), covariance (p, p), degrees of freedom and weights (k,) at a given tau²."""
    k, p = data.design.shape
    fitted = weighted_fit(data.estimates, data.variances, data.basis, tau2)
    factor, df = _interval_factor(interval, float(fitted.rss), k - p)
    r_inverse = np.linalg.inv(data.basis.r)
    covariance = factor * r_inverse @ fitted.gram_inverse @ r_inverse.T
    return np.asarray(r_inverse @ fitted.coefficients), np.asarray(covariance), df, fitted.weights


def _interval_factor(interval: IntervalMethod, rss: float, df: int) -> tuple[float, float]:
    """Factor of the covariance and degrees of freedom of an interval method."""
    if interval == "wald":
        return 1.0, np.inf
    if interval == "t":
        return 1.0, float(df)
    factor = rss / df
    return (factor if interval == "knapp-hartung" else max(1.0, factor)), float(df)


def _p_values(coefficients: FloatArray, std_errors: FloatArray, df: float) -> FloatArray:
    # Knapp-Hartung gives a standard error of zero when all effects are equal: the statistic is then infinite,
    # or, at an effect of zero, absent.
    with np.errstate(divide="ignore", invalid="ignore"):
        return two_sided_p(coefficients / std_errors, df)


def _heterogeneity(data: MetaInputs, method: Tau2Method, tau2: float) -> tuple[float, float, float]:
    """Q, I² (per cent) and H²; Higgins & Thompson (2002), doi:10.1002/sim.1186."""
    k, p = data.design.shape
    if k == 1:
        return 0.0, np.nan, np.nan
    fit_at_zero = weighted_fit(data.estimates, data.variances, data.basis, 0.0)
    q = float(fit_at_zero.rss)
    if method == "EE":
        h2 = q / (k - p)
        return q, 100.0 * max(0.0, 1.0 - 1.0 / h2) if h2 > 0.0 else 0.0, h2
    typical_variance = (k - p) / float(trace_p(fit_at_zero, data.basis))
    return q, 100.0 * tau2 / (tau2 + typical_variance), tau2 / typical_variance + 1.0


def _notes(k: int, tau2_fit: Tau2Fit) -> tuple[str, ...]:
    found = (
        (NOTE_ONE_SITE, k == 1),
        (NOTE_TWO_SITES, k == 2),
        (NOTE_SEVERAL_MAXIMA, tau2_fit.maxima > 1),
        (NOTE_NOT_CONVERGED, not tau2_fit.converged),
    )
    return tuple(code for code, holds in found if holds)
