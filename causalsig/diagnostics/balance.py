"""Balance of covariates between every pair of arms, with the noise that sampling alone gives."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from causalsig.records import BalanceRow

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def standardised_differences(
    covariates: Floats, codes: Integers, weights: Floats, total: int
) -> tuple[Floats, Floats]:
    """Standardised mean differences of every covariate between every pair of arms.

    The difference of weighted means is divided by ``sqrt((s_a² + s_b²) / 2)`` of the unweighted arms (Austin
    and Stuart 2015, doi:10.1002/sim.6607). A covariate that does not vary in either arm gives 0.

    Parameters
    ----------
    covariates : (n, p)
    codes : (n,)
        Arm of each episode as a position 0 to ``total - 1``.
    weights : (n,)
        Weight of each episode for its own arm; ones give the unweighted differences.
    total : int
        Number of arms K.

    Returns
    -------
    differences : (K (K - 1) / 2, p)
        First arm minus second, pairs in the order of ``itertools.combinations``.
    means : (K, p)
        Weighted means.
    """
    means = np.empty((total, covariates.shape[1]))
    variances = np.empty_like(means)
    for k in range(total):
        rows = codes == k
        x, w = covariates[rows], weights[rows]
        means[k] = w @ x / w.sum()
        variances[k] = x.var(axis=0, ddof=1) if len(x) > 1 else 0.0
    pairs = list(combinations(range(total), 2))
    differences = np.empty((len(pairs), covariates.shape[1]))
    for row, (a, b) in enumerate(pairs):
        scale = np.sqrt((variances[a] + variances[b]) / 2.0)
        gap = means[a] - means[b]
        differences[row] = np.divide(gap, scale, out=np.zeros_like(gap), where=scale > 0)
    return differences, means


def balance_table(
    covariates: Floats,
    names: tuple[str, ...],
    codes: Integers,
    arms: tuple[str, ...],
    weights: Floats,
    effective_sizes: Floats,
) -> tuple[BalanceRow, ...]:
    """One row a covariate and pair of arms, before and after weighting.

    ``effective_sizes`` (K,) are households; the noise of a difference is ``sqrt(1/ESS_a + 1/ESS_b)``.
    """
    before, _ = standardised_differences(covariates, codes, np.ones(len(codes)), len(arms))
    after, _ = standardised_differences(covariates, codes, weights, len(arms))
    rows: list[BalanceRow] = []
    for row, (a, b) in enumerate(combinations(range(len(arms)), 2)):
        noise = float(np.sqrt(1.0 / effective_sizes[a] + 1.0 / effective_sizes[b]))
        rows.extend(
            BalanceRow(name, arms[a], arms[b], float(before[row, j]), float(after[row, j]), noise)
            for j, name in enumerate(names)
        )
    return tuple(rows)


def largest_excess(rows: tuple[BalanceRow, ...], level: float = 0.95) -> float:
    """Largest |SMD| beyond sampling noise, ``max(|SMD| - z · noise)``, 0 without rows.

    z is the two-sided family-wise (Bonferroni) quantile over all rows, so that a site where arms were drawn
    at random fails the gate in at most ``1 - level`` of cases however many covariates and arms it has.
    """
    if not rows:
        return 0.0
    z = float(norm.isf((1.0 - level) / 2.0 / len(rows)))
    return max(0.0, max(abs(row.weighted) - z * row.noise for row in rows))
