"""Quantiles and p-values: arrays and numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

FloatArray = NDArray[np.float64]


def critical_value(level: float, df: float) -> float:
    """Two-sided critical value of t with `df` degrees of freedom (inf: the normal)."""
    upper = 0.5 * (1.0 + level)
    return float(special.ndtri(upper) if np.isinf(df) else special.stdtrit(df, upper))


def two_sided_p(statistic: FloatArray, df: float) -> FloatArray:
    """Two-sided p-value of a t (inf: normal) statistic of any shape."""
    below = -np.abs(statistic)
    return np.asarray(2.0 * (special.ndtr(below) if np.isinf(df) else special.stdtr(df, below)))


def chi_square_upper_tail(statistic: FloatArray, df: float) -> FloatArray:
    """P(chi-square with `df` degrees of freedom > statistic)."""
    return np.asarray(special.gammaincc(0.5 * df, 0.5 * statistic))


def chi_square_quantile(upper_tail: float, df: float) -> float:
    """Value that a chi-square with `df` degrees of freedom exceeds with probability `upper_tail`."""
    return 2.0 * float(special.gammainccinv(0.5 * df, upper_tail))
