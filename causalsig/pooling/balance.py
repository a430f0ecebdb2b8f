"""Balance over all sites: what one site cannot tell from noise, the pool can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import PoolError
from causalsig.meta import random_effects

Floats = NDArray[np.float64]
LARGEST = 0.1
"""Pooled standardised mean difference that still counts as balance, as in the design gate."""


@dataclass(frozen=True, slots=True)
class PooledBalance:
    """Standardised mean differences of C covariates over the sites, arrays (C,); nan where no site has one.

    Attributes
    ----------
    differences, conf_low, conf_high : (C,)
    between : (C,)
        Standard deviation of true differences between sites: sites off in opposite directions cancel in the
        mean and show here.
    sites : (C,) int
    balanced : (C,) bool
        Mean within the limit, nan not.
    """

    differences: Floats
    conf_low: Floats
    conf_high: Floats
    between: Floats
    sites: NDArray[np.int_]
    balanced: NDArray[np.bool_]


def pooled_balance(differences: Any, noise: Any, *, limit: float = LARGEST) -> PooledBalance:
    """Pool standardised mean differences, covariate by covariate.

    Parameters
    ----------
    differences : (k, C) array-like
        Weighted differences of each site, with their signs; nan for a covariate a site does not have.
    noise : (k, C) array-like
        Standard deviation that sampling alone gives each (``BalanceRow.noise``).
    limit : float

    Raises
    ------
    PoolError
        ``pool-shape``.
    MetaError
        Noise of zero or less where there is a difference.
    """
    values, errors = np.asarray(differences, dtype=np.float64), np.asarray(noise, dtype=np.float64)
    if values.ndim != 2 or errors.shape != values.shape:
        raise PoolError(
            "pool-shape",
            expected="differences and noise of one shape (sites, covariates)",
            found=f"{values.shape} and {errors.shape}",
            mend="Give one row a site; nan where a site lacks a covariate.",
        )
    found = np.full((4, values.shape[1]), np.nan)
    present = ~np.isnan(values)
    for column in np.flatnonzero(present.any(axis=0)):
        rows = present[:, column]
        pooled = random_effects(values[rows, column], errors[rows, column] ** 2)
        found[:, column] = (
            pooled.coefficients[0],
            pooled.conf_low[0],
            pooled.conf_high[0],
            np.sqrt(pooled.tau2),
        )
    mean, low, high, between = found
    return PooledBalance(mean, low, high, between, present.sum(axis=0), np.abs(mean) <= limit)
