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
from causalsig.pooling.pool import reasons_to_hold

if TYPE_CHECKING:
    from causalsig.diagnosed import ReleasedBalance
    from causalsig.study.models import Study

Floats = NDArray[np.float64]


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
    weights : (k, C)
        Of the sites in each mean, 0 for one that lacks the covariate.
    """

    differences: Floats
    conf_low: Floats
    conf_high: Floats
    between: Floats
    sites: NDArray[np.int_]
    balanced: NDArray[np.bool_]
    weights: Floats


def pooled_balance(differences: Any, noise: Any, *, limit: float) -> PooledBalance:
    """Pool standardised mean differences, covariate by covariate.

    Parameters
    ----------
    differences : (k, C) array-like
        Weighted differences of each site, with their signs; nan for a covariate a site does not have.
    noise : (k, C) array-like
        Standard deviation that sampling alone gives each (``BalanceRow.noise``).
    limit : float
        Largest pooled difference that counts as balance: the study's ``max_smd``, as in the design gate.

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
    weights = np.zeros_like(values)
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
        weights[rows, column] = pooled.weights
    mean, low, high, between = found
    balanced = np.abs(mean) <= limit
    return PooledBalance(mean, low, high, between, present.sum(axis=0), balanced, weights)


def balance_of_sites(blocks: Iterable[ReleasedBalance], study: Study) -> tuple[PooledBalanceRow, ...]:
    """Pool what sites released of their balance: one row a question, estimand, estimator and contrast.

    Covariates whose mean may not be shown, of fewer sites than the study asks for or with one or two that
    carry it, are left to those that may, unless there is none; such a row is not publishable. Waves of a site
    are taken together by their precision.
    """
    groups: dict[tuple[str, ...], dict[str, dict[str, list[tuple[float, float]]]]] = {}
    for block in blocks:
        key = (block.question, block.estimand, block.arm, block.reference, block.estimator)
        for covariate, difference, noise in block.rows:
            found = groups.setdefault(key, {}).setdefault(covariate, {})
            found.setdefault(block.site, []).append((difference, noise))
    return tuple(_row_of(key, sites, study) for key, sites in groups.items())


def _row_of(
    key: tuple[str, ...], found: dict[str, dict[str, list[tuple[float, float]]]], study: Study
) -> PooledBalanceRow:
    names, sites = list(found), sorted(set().union(*found.values()))
    differences, noise = np.full((2, len(sites), len(names)), np.nan)
    for column, name in enumerate(names):
        for site, waves in found[name].items():
            row = sites.index(site)
            precision = np.array([1.0 / wave[1] ** 2 for wave in waves])
            differences[row, column] = precision @ [wave[0] for wave in waves] / precision.sum()
            noise[row, column] = precision.sum() ** -0.5
    pooled = pooled_balance(differences, noise, limit=study.diagnostics.max_smd)
    behind = [
        weights[~np.isnan(column)] for weights, column in zip(pooled.weights.T, differences.T, strict=True)
    ]
    enough = [at for at, weights in enumerate(behind) if not reasons_to_hold(weights, study.pooling)]
    used = enough or list(range(len(names)))
    size = np.abs(pooled.differences[used])
    worst = used[int(size.argmax())]
    question, estimand, arm, reference, estimator = key
    return PooledBalanceRow(
        question=question,
        estimand=estimand,
        arm=arm,
        reference=reference,
        sites=int((~np.isnan(differences[:, used])).any(axis=1).sum()),
        covariates=len(used),
        balanced=int(pooled.balanced[used].sum()),
        covariate=names[worst],
        largest=float(np.abs(pooled.differences[worst])),
        publishable=bool(enough),
        estimator="clone_censor_weight" if estimator == "clone_censor_weight" else "doubly_robust",
    )
