"""Balance over all sites: what one site cannot tell from noise, the pool can."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.diagnosed import PooledBalanceRow
from causalsig.errors import PoolError
from causalsig.meta import random_effects

if TYPE_CHECKING:
    from causalsig.diagnosed import ReleasedBalance
    from causalsig.study.models import Pooling

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


def balance_of_sites(blocks: Iterable[ReleasedBalance], choices: Pooling) -> tuple[PooledBalanceRow, ...]:
    """Pool what sites released of their balance: one row a question, estimand, estimator and contrast.

    Covariates that fewer sites than the study asks for released are left to those that did, unless no
    covariate has more; such a row is not publishable. Waves of a site are taken together by their precision.
    """
    groups: dict[tuple[str, ...], dict[str, dict[str, list[tuple[float, float]]]]] = {}
    for block in blocks:
        key = (block.question, block.estimand, block.arm, block.reference, block.estimator)
        for covariate, difference, noise in block.rows:
            found = groups.setdefault(key, {}).setdefault(covariate, {})
            found.setdefault(block.site, []).append((difference, noise))
    return tuple(_row_of(key, sites, choices) for key, sites in groups.items())


def _row_of(
    key: tuple[str, ...], found: dict[str, dict[str, list[tuple[float, float]]]], choices: Pooling
) -> PooledBalanceRow:
    enough = {name: sites for name, sites in found.items() if len(sites) >= choices.min_sites}
    used = enough or found
    names, sites = list(used), sorted(set().union(*used.values()))
    differences, noise = np.full((2, len(sites), len(names)), np.nan)
    for column, name in enumerate(names):
        for site, waves in used[name].items():
            row = sites.index(site)
            precision = np.array([1.0 / wave[1] ** 2 for wave in waves])
            differences[row, column] = precision @ [wave[0] for wave in waves] / precision.sum()
            noise[row, column] = precision.sum() ** -0.5
    pooled = pooled_balance(differences, noise)
    worst = int(np.abs(pooled.differences).argmax())
    question, estimand, arm, reference, estimator = key
    return PooledBalanceRow(
        question=question,
        estimand=estimand,
        arm=arm,
        reference=reference,
        sites=len(sites),
        covariates=len(names),
        balanced=int(pooled.balanced.sum()),
        covariate=names[worst],
        largest=float(np.abs(pooled.differences[worst])),
        publishable=bool(enough),
        estimator="clone_censor_weight" if estimator == "clone_censor_weight" else "doubly_robust",
    )
