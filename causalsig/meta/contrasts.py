"""Linear functions of the coefficients of a meta-regression, and joint tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.inputs import as_floats, freeze
from causalsig.meta.intervals import chi_square_upper_tail, critical_value, two_sided_p
from causalsig.meta.options import IntervalMethod

if TYPE_CHECKING:
    from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JointTest:
    """Test that several linear functions of the coefficients are all zero.

    Attributes
    ----------
    statistic : float
        Chi-square, or F (already divided by `df`).
    df : int
        Linearly independent functions tested.
    df_residual : float
        Denominator degrees of freedom of F; inf for the chi-square.
    p_value : float
    interval : str
        Whose covariance and degrees of freedom were used. The mixture has no joint test, so its results use
        the floored Knapp-Hartung one.
    """

    statistic: float
    df: int
    df_residual: float
    p_value: float
    interval: IntervalMethod


@dataclass(frozen=True, slots=True, eq=False)
class Contrasts(ComparedByValue):
    """Linear functions of the coefficients, arrays of shape (m,), on the scale of the effects."""

    estimates: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    joint: JointTest


def contrasts(result: RandomEffects, multipliers: Any) -> Contrasts:
    """Estimate linear functions ``multipliers @ coefficients`` with their intervals and joint test."""
    rows = np.atleast_2d(as_floats("multipliers", multipliers))
    if rows.ndim != 2 or rows.shape[1] != len(result.names) or not np.all(np.isfinite(rows)):
        raise MetaError(
            "meta-shape",
            expected=f"multipliers of shape ({len(result.names)},) or (m, {len(result.names)})",
            found=f"{rows.shape}, or a missing value",
            mend="Give one finite multiplier a coefficient, the intercept's first.",
        )
    estimates = rows @ result.coefficients
    std_errors = np.sqrt(np.einsum("mp,pq,mq->m", rows, result.covariance, rows))
    if result.interval == "mixture" and result.method != "EE":
        low, high, p_values = _mixture(result, rows)
    else:
        half = critical_value(result.level, result.df) * std_errors
        low, high = estimates - half, estimates + half
        with np.errstate(divide="ignore", invalid="ignore"):
            p_values = two_sided_p(estimates / std_errors, result.df)
    return Contrasts(
        estimates=freeze(estimates),
        std_errors=freeze(std_errors),
        conf_low=freeze(low),
        conf_high=freeze(high),
        p_values=freeze(p_values),
        joint=_joint(result, rows),
    )


def omnibus(result: RandomEffects) -> JointTest:
    """Test of all coefficients but the intercept's, or of the intercept's where it is the only one."""
    rows = np.eye(len(result.names))
    return _joint(result, rows[1:] if result.inputs.intercept and len(rows) > 1 else rows)


def _joint(result: RandomEffects, rows: FloatArray) -> JointTest:
    covariance, df, interval = result.covariance, result.df, result.interval
    if interval == "mixture" and result.method != "EE":
        from causalsig.meta.gls import weighted_fit

        data = result.inputs
        rss = float(weighted_fit(data.estimates, data.variances, data.basis, result.tau2).rss)
        interval, df = "knapp-hartung-floored", float(result.q_df)
        covariance = covariance * max(1.0, rss / result.q_df)
    estimate, spread = rows @ result.coefficients, rows @ covariance @ rows.T
    rank = int(np.linalg.matrix_rank(rows, rtol=1e-10))
    statistic = float(estimate @ np.linalg.pinv(spread, rtol=1e-12, hermitian=True) @ estimate)
    if np.isinf(df):
        return JointTest(
            statistic, rank, df, float(chi_square_upper_tail(np.array(statistic), rank)), interval
        )
    statistic /= rank
    return JointTest(statistic, rank, df, float(special.fdtrc(rank, df, statistic)), interval)


def _mixture(result: RandomEffects, rows: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    from causalsig.meta.mixture import mixture_of_coefficients

    data = result.inputs
    mixed = mixture_of_coefficients(data.estimates[None], data.variances[None], data.basis, rows)
    tail = 0.5 * (1.0 - result.level)
    low, high = mixed.quantiles((tail, 1.0 - tail))
    below = mixed.below(0.0)[0]
    return low[0], high[0], 2.0 * np.minimum(below, 1.0 - below)
