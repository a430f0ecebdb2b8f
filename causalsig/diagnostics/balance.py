"""Balance of covariates between every pair of arms, with the noise that sampling alone gives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from causalsig.records import BalanceRow

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
NESTED = (
    ("n_creditors>=3", "n_creditors>=2"),
    ("n_new_arrears>=2", "n_new_arrears>=1"),
    ("earlier_attempts>=3", "earlier_attempts>=1"),
    ("rent_or_crisis", "creditor=rent"),
    ("rent_or_crisis", "crisis"),
)
"""Facts of which one holds the other; the first stays where too few have one only."""


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
    clusters: Integers | None = None,
) -> tuple[BalanceRow, ...]:
    """One row a covariate and pair of arms, before and after weighting.

    Parameters
    ----------
    covariates, codes, weights : as `standardised_differences`
    names : tuple of str, length p
    arms : tuple of str, length K
    effective_sizes : (K,)
        Households each arm is worth; the noise of a difference is ``sqrt(1/ESS_a + 1/ESS_b)``.
    clusters : (n,), optional
        Household of each episode. With them the noise is at least the standard error of this covariate's own
        difference: the weighted mean of a fact that three households of an arm have rests on those three.
    """
    before, _ = standardised_differences(covariates, codes, np.ones(len(codes)), len(arms))
    after, _ = standardised_differences(covariates, codes, weights, len(arms))
    own = (
        np.zeros_like(after)
        if clusters is None
        else own_noise(covariates, codes, weights, clusters, len(arms))
    )
    rows: list[BalanceRow] = []
    for row, (a, b) in enumerate(combinations(range(len(arms)), 2)):
        noise = float(np.sqrt(1.0 / effective_sizes[a] + 1.0 / effective_sizes[b]))
        rows.extend(
            BalanceRow(
                name,
                arms[a],
                arms[b],
                float(before[row, j]),
                float(after[row, j]),
                max(noise, float(own[row, j])),
            )
            for j, name in enumerate(names)
        )
    return tuple(rows)


def own_noise(covariates: Floats, codes: Integers, weights: Floats, clusters: Integers, total: int) -> Floats:
    """Give the standard error of every standardised difference, clustered: (K (K - 1) / 2, p).

    Of a weighted mean ``G/(G-1) Σ_g (Σ_{i in g} w_i (x_i - mean))² / (Σ w)²``, weights taken as known.
    """
    errors, variances = np.empty((2, total, covariates.shape[1]))
    for k in range(total):
        rows = np.flatnonzero(codes == k)
        rows = rows[np.argsort(clusters[rows], kind="stable")]
        x, w = covariates[rows], weights[rows]
        starts = np.flatnonzero(np.diff(clusters[rows], prepend=-1))
        sums = np.add.reduceat(w[:, None] * (x - w @ x / w.sum()), starts, axis=0)
        errors[k] = len(starts) / max(len(starts) - 1, 1) * np.sum(sums**2, axis=0) / w.sum() ** 2
        variances[k] = x.var(axis=0, ddof=1) if len(x) > 1 else 0.0
    pairs = np.array(list(combinations(range(total), 2)))
    scale = variances[pairs].mean(axis=1)
    error = errors[pairs].sum(axis=1)
    return np.asarray(np.sqrt(np.divide(error, scale, out=np.zeros_like(error), where=scale > 0)))


def largest_excess(rows: tuple[BalanceRow, ...], level: float = 0.95) -> float:
    """Largest |SMD| beyond sampling noise, ``max(|SMD| - z · noise)``, 0 without rows.

    z is the two-sided family-wise (Bonferroni) quantile over all rows, so that a site where arms were drawn
    at random fails the gate in at most ``1 - level`` of cases however many covariates and arms it has.
    """
    if not rows:
        return 0.0
    z = float(norm.isf((1.0 - level) / 2.0 / len(rows)))
    return max(0.0, max(abs(row.weighted) - z * row.noise for row in rows))


@dataclass(frozen=True, slots=True)
class LargestDifference:
    """The difference that is furthest from chance among all covariates and pairs of arms.

    Attributes
    ----------
    row : BalanceRow
    statistic : float
        ``|SMD| / noise``.
    critical : float
        What the largest of so many stays under with chance `level` where arms were drawn at random.
    p_value : float
        Bonferroni, over all rows.
    """

    row: BalanceRow
    statistic: float
    critical: float
    p_value: float


def largest_difference(rows: tuple[BalanceRow, ...], level: float = 0.95) -> LargestDifference | None:
    """Find the weighted difference furthest from chance; None without rows."""
    if not rows:
        return None
    row = max(rows, key=lambda one: abs(one.weighted) / one.noise)
    statistic = abs(row.weighted) / row.noise
    critical = float(norm.isf((1.0 - level) / 2.0 / len(rows)))
    return LargestDifference(row, statistic, critical, min(1.0, 2.0 * len(rows) * float(norm.sf(statistic))))


def variance_ratios(covariates: Floats, codes: Integers, weights: Floats, total: int) -> Floats:
    """Ratios of the weighted variances of every two arms, the first arm over the second.

    nan for a column of 0 and 1, whose variance its mean determines, and where an arm does not vary. A ratio
    beyond 0.5 to 2 is notable (Rubin 2001, doi:10.1023/A:1020363010465).

    Parameters
    ----------
    covariates, codes, weights, total : as `standardised_differences`

    Returns
    -------
    (K (K - 1) / 2, p)
    """
    variances = np.empty((total, covariates.shape[1]))
    for k in range(total):
        rows = codes == k
        x, w = covariates[rows], weights[rows] / weights[rows].sum()
        # Weights that count households stand for 1/Σw² of them.
        variances[k] = w @ (x - w @ x) ** 2 / max(1.0 - float(w @ w), 1e-300)
    varies = ~np.isin(covariates, (0.0, 1.0)).all(axis=0)
    ratios = np.full((total * (total - 1) // 2, covariates.shape[1]), np.nan)
    for row, (a, b) in enumerate(combinations(range(total), 2)):
        known = varies & (variances[a] > 0.0) & (variances[b] > 0.0)
        ratios[row, known] = variances[a, known] / variances[b, known]
    return ratios


@dataclass(frozen=True, slots=True)
class LoveRow:
    """One line of a Love plot: the largest absolute difference of a covariate over all pairs of arms.

    ``limit`` is what the gate allows the pair with the largest weighted difference, noise and all.
    """

    covariate: str
    unweighted: float
    weighted: float
    limit: float


def love_plot(rows: tuple[BalanceRow, ...], max_smd: float = 0.1, level: float = 0.95) -> tuple[LoveRow, ...]:
    """Give the lines of a Love plot, the largest unweighted difference first (ties by name)."""
    if not rows:
        return ()
    z = float(norm.isf((1.0 - level) / 2.0 / len(rows)))
    found: dict[str, list[BalanceRow]] = {}
    for row in rows:
        found.setdefault(row.covariate, []).append(row)
    lines = []
    for name, own in found.items():
        worst = max(own, key=lambda row: abs(row.weighted))
        before = max(abs(row.unweighted) for row in own)
        lines.append(LoveRow(name, before, abs(worst.weighted), max_smd + z * worst.noise))
    return tuple(sorted(lines, key=lambda line: (-line.unweighted, line.covariate)))


@dataclass(frozen=True, slots=True, eq=False)
class BalanceComponents:
    """What the pool needs of one site's balance: signed differences and their noise, arrays (C,), by key.

    A key is (covariate, arm, reference). Sites are lined up by key, nan where a site lacks one, and stacked
    for `pooling.pooled_balance`.
    """

    keys: tuple[tuple[str, str, str], ...]
    differences: Floats
    noise: Floats


def balance_components(rows: tuple[BalanceRow, ...], contrast: tuple[str, str]) -> BalanceComponents:
    """Give the weighted differences of one pair of arms, so that they can be pooled over sites.

    Parameters
    ----------
    contrast : (arm, reference)
        Either order; signs are those of arm minus reference.
    """
    found = []
    for row in rows:
        if {row.arm, row.reference} == set(contrast):
            sign = 1.0 if row.arm == contrast[0] else -1.0
            found.append(((row.covariate, *contrast), sign * row.weighted, row.noise))
    return BalanceComponents(
        tuple(key for key, _, _ in found),
        np.array([value for _, value, _ in found], dtype=np.float64),
        np.array([noise for _, _, noise in found], dtype=np.float64),
    )


def fewest_households(covariates: Floats, codes: Integers, households: NDArray[Any], total: int) -> Integers:
    """Give the households that each covariate's difference rests on, in the arm that has fewest: (p,).

    Of a fact those with it, or without it, whichever are fewer; of a number those that are off the value most
    episodes of the arm have, which is what an unknown one is set to. Both arms must hold the floor: who knows
    one arm's mean reads the other's count off the difference.

    Parameters
    ----------
    covariates : (n, p)
    codes : (n,)
        Arm of each episode as a position 0 to ``total - 1``.
    households : (n,)
    total : int
    """
    found = np.empty((total, covariates.shape[1]), dtype=np.int64)
    for k in range(total):
        rows = codes == k
        x, owners = covariates[rows], households[rows]
        for j in range(x.shape[1]):
            values, counts = np.unique(x[:, j], return_counts=True)
            if not len(values):
                found[k, j] = 0
                continue
            usual = x[:, j] == values[counts.argmax()]
            off = len(np.unique(owners[~usual]))
            fact = np.isin(values, (0.0, 1.0)).all()
            found[k, j] = min(off, len(np.unique(owners[usual]))) if fact else off
    return np.asarray(found.min(axis=0), dtype=np.int64)


def fewest_by_covariate(
    covariates: Floats, names: tuple[str, ...], codes: Integers, households: NDArray[Any], total: int
) -> dict[str, int]:
    """Give :func:`fewest_households` by name, with what subtracting nested facts would tell.

    Of two nested facts the first counts as no more than the households that have one and not the other.
    """
    found = fewest_households(covariates, codes, households, total)
    fewest = dict(zip(names, found.tolist(), strict=True))
    for held, other in (pair for pair in NESTED if set(pair) <= fewest.keys()):
        apart = np.abs(covariates[:, names.index(held)] - covariates[:, names.index(other)])
        between = int(fewest_households(apart[:, None], codes, households, total)[0])
        fewest[held] = min(fewest[held], between)
    return fewest
