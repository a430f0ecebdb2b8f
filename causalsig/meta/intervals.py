"""Quantiles, p-values and the Q-profile interval: arrays and numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from causalsig.meta.gls import Basis
from causalsig.meta.heterogeneity import generalised_q_root

FloatArray = NDArray[np.float64]


def critical_value(level: float, df: float) -> float:
    """Two-sided critical value of t with `df` degrees of freedom (inf: the normal)."""
    upper = 0.5 * (1.0 + level)
    return float(special.ndtri(upper) if np.isinf(df) else special.stdtrit(df, upper))


def two_sided_p(statistic: FloatArray, df: float) -> FloatArray:
    """Two-sided p-value of a t (inf: normal) statistic of any shape."""
    below = -np.abs(statistic)
    return np.asarray(2.0 * (special.ndtr(below) if np.isinf(df) else special.stdtr(df, below)))


def chi_square_upper_tail(statistic: float, df: int) -> float:
    """P(chi-square with `df` degrees of freedom > statistic)."""
    return float(special.gammaincc(0.5 * df, 0.5 * statistic))


def q_profile(y: FloatArray, v: FloatArray, basis: Basis, level: float) -> tuple[float, float]:
    """Values of tau² whose generalised Q lies between its chi-square quantiles; (nan, nan) for none.

    Source: Viechtbauer (2007), doi:10.1002/sim.2514. Q falls strictly in tau², so each bound is one root.
    """
    k, p = basis.q.shape
    tail = 0.5 * (1.0 - level)
    small = 2.0 * float(special.gammaincinv(0.5 * (k - p), tail))
    large = 2.0 * float(special.gammainccinv(0.5 * (k - p), tail))
    high = generalised_q_root(y, v, basis, small)
    if high is None:
        return np.nan, np.nan
    low = generalised_q_root(y, v, basis, large)
    return (0.0 if low is None else low), high
