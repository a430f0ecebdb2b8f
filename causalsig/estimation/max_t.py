"""Several contrasts at once: intervals that all hold together, by the joint distribution of their statistics.

The correlation of the contrasts comes from their influence, summed by household, over arms and outcomes
alike. With ``z ~ N(0, R)`` the level of one interval is the α-quantile of ``min_j 2 Φ(-|z_j|)``: Šidák's when
the contrasts are independent, less strict the more they share. Every contrast keeps its own degrees of
freedom.
Hothorn, Bretz and Westfall (2008), doi:10.1002/bimj.200810425.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from causalsig.errors import EstimationError
from causalsig.results import Arm, ArmMeans, Contrast, Floats, Scale, t_inference

DRAWS = 2**17
"""The level of one interval is then known to about 1 % of itself: the third digit of a width."""


@dataclass(frozen=True, slots=True, eq=False)
class Simultaneous:
    """Contrasts whose intervals hold together.

    Attributes
    ----------
    contrasts : tuple of Contrast
        Intervals and p-values adjusted for all of them; pairs within outcomes, in the order asked.
    outcomes : tuple of int
        Outcome of each contrast; 0 when the result holds one.
    level : float
        Probability that all intervals hold.
    level_each : float
        Level of every single interval that gives it.
    correlation : (M, M)
    """

    contrasts: tuple[Contrast, ...]
    outcomes: tuple[int, ...]
    level: float
    level_each: float
    correlation: Floats


def simultaneous_contrasts(
    means: ArmMeans,
    pairs: Sequence[tuple[Arm, Arm]] | None = None,
    *,
    scale: Scale = "difference",
    level: float | None = None,
    seed: int = 0,
) -> Simultaneous:
    """Compare several pairs of arms, on every outcome, with max-t intervals.

    Parameters
    ----------
    means : ArmMeans
    pairs : (arm, reference) each; default every pair
    scale : as in `ArmMeans.contrast`
    level : default that of the result
    seed : of the draws the joint quantile is read from

    Returns
    -------
    Simultaneous

    Raises
    ------
    EstimationError
        ``estimation-unknown-arm``, ``estimation-scale``, ``estimation-level``.
    """
    level = means.level if level is None else level
    if not 0.0 < level < 1.0:
        raise EstimationError(
            "estimation-level", expected="a level between 0 and 1", found="another", mend="Use 0.95."
        )
    chosen = [(b, a) for a, b in combinations(means.arms, 2)] if pairs is None else list(pairs)
    results = [means] if means.means.ndim == 1 else [means.outcome(j) for j in range(len(means.means))]
    places = [(j, pair) for j in range(len(results)) for pair in chosen]
    alone = [results[j].contrast(*pair, scale) for j, pair in places]
    sums = np.stack([results[j].contrast_influence(*pair, scale) for j, pair in places])
    correlation = _correlation(sums)
    smallest = _smallest_p_values(correlation, seed)
    each = 1.0 - float(np.quantile(smallest, 1.0 - level))
    contrasts = tuple(_adjust(one, each, smallest, level) for one in alone)
    return Simultaneous(contrasts, tuple(j for j, _ in places), level, each, correlation)


def _correlation(sums: Floats) -> Floats:
    """Correlation (M, M) of contrasts from their household sums (M, G)."""
    product = sums @ sums.T
    size = np.sqrt(np.diagonal(product))
    size = np.where(size > 0, size, 1.0)
    correlation = product / np.outer(size, size)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(np.clip(correlation, -1.0, 1.0))


def _smallest_p_values(correlation: Floats, seed: int) -> Floats:
    """Draw the smallest two-sided p-value of M standard normal statistics: sorted."""
    from scipy.special import ndtr

    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.default_rng(seed).standard_normal((DRAWS, len(correlation)))
    largest = np.abs(normal @ root.T).max(axis=1)
    return np.sort(2.0 * ndtr(-largest))


def _adjust(one: Contrast, each: float, smallest: Floats, level: float) -> Contrast:
    """Give a contrast its joint interval and p-value."""
    estimate, error, df = (np.asarray(v) for v in (one.estimate, one.std_error, one.df))
    low, high, p_value = t_inference(estimate, error, df, each)
    # At least the p-value alone, which the draws may miss by their own error.
    joint = max(np.searchsorted(smallest, float(p_value), side="right") / len(smallest), float(p_value))
    return replace(one, conf_low=float(low), conf_high=float(high), p_value=float(joint), level=level)
