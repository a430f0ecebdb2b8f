"""Funnel and Egger: an alarm for effects that go together with their variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import constant_basis, weighted_fit
from causalsig.meta.inputs import check_effects, freeze
from causalsig.meta.intervals import critical_value
from causalsig.meta.options import IntervalMethod, Tau2Method, check_level, check_option
from causalsig.meta.univariate import random_effects

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EggerTest:
    """Regression of the effects on their standard errors.

    Attributes
    ----------
    slope, std_error, p_value : float
        Change of the effect for one unit of standard error; the null hypothesis is that there is none. Here
        all municipalities are in, so a slope is no publication bias: it says that estimates and variances are
        correlated, and weights by variance therefore biased (see ``rescale_covariances``).
    df : float
        inf for the normal.
    limit, limit_low, limit_high : float
        The effect at a standard error of zero, with its interval.
    """

    slope: float
    std_error: float
    p_value: float
    df: float
    limit: float
    limit_low: float
    limit_high: float


@dataclass(frozen=True, slots=True, eq=False)
class Funnel(ComparedByValue):
    """A funnel plot: points (k,), the pool, and pseudo limits at a ladder of standard errors (51,)."""

    estimates: FloatArray
    std_errors: FloatArray
    centre: float
    ladder: FloatArray
    low: FloatArray
    high: FloatArray


def egger(
    estimates: Any,
    variances: Any,
    *,
    model: Literal["random", "multiplicative"] = "random",
    tau2: Tau2Method = "REML",
    interval: IntervalMethod = "knapp-hartung-floored",
    level: float = 0.95,
) -> EggerTest:
    """Test whether effects change with their standard errors.

    Parameters
    ----------
    estimates, variances : (k,) array-like
        k ≥ 3, variances not all equal.
    model : {"random", "multiplicative"}
        ``random``: meta-regression on the standard error. ``multiplicative``: weighted least squares with a
        free scale and t with k - 2 degrees of freedom (Egger et al. 1997, doi:10.1136/bmj.315.7109.629).
    tau2, interval, level
        Of the meta-regression.

    Raises
    ------
    MetaError
        As `random_effects`.
    """
    check_option("model", model, Literal["random", "multiplicative"])
    y, v = check_effects(estimates, variances, 1)
    if model == "multiplicative":
        tau2, interval = "EE", "knapp-hartung"
    result = random_effects(y, v, moderators=np.sqrt(v), tau2=tau2, interval=interval, level=level)
    (limit, slope), (low, _), (high, _) = result.coefficients, result.conf_low, result.conf_high
    numbers = (slope, result.std_errors[1], result.p_values[1], result.df, limit, low, high)
    return EggerTest(*(float(each) for each in numbers))


def funnel(estimates: Any, variances: Any, *, level: float = 0.95) -> Funnel:
    """Numbers of a funnel plot around the inverse-variance pool.

    Raises
    ------
    MetaError
        As `random_effects`.
    """
    level = check_level(level)
    y, v = check_effects(estimates, variances, 1)
    fitted = weighted_fit(y, v, constant_basis(len(y)), 0.0)
    centre = float(fitted.weights @ y / fitted.weights.sum())
    ladder = np.linspace(0.0, float(np.sqrt(v.max())), 51)
    half = critical_value(level, np.inf) * ladder
    return Funnel(
        freeze(y), freeze(np.sqrt(v)), centre, freeze(ladder), freeze(centre - half), freeze(centre + half)
    )
