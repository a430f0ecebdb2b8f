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
from causalsig.results import Arm, ArmMeans, Contrast, Floats, Scale, satterthwaite_df, t_inference

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


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Several estimates whose intervals hold together, arrays (M,).

    Attributes
    ----------
    estimates, std_errors, df : (M,)
        Each for itself.
    conf_low, conf_high, p_values : (M,)
        Adjusted for all of them.
    level, level_each : float
        As `Simultaneous`.
    correlation : (M, M)
    """

    estimates: Floats
    std_errors: Floats
    df: Floats
    conf_low: Floats
    conf_high: Floats
    p_values: Floats
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
    estimates, errors = (np.array([getattr(c, name) for c in alone]) for name in ("estimate", "std_error"))
    joint = joint_inference(estimates, errors, sums, level, seed)
    contrasts = tuple(
        replace(one, conf_low=float(low), conf_high=float(high), p_value=float(p), level=level)
        for one, low, high, p in zip(alone, joint.conf_low, joint.conf_high, joint.p_values, strict=True)
    )
    return Simultaneous(contrasts, tuple(j for j, _ in places), level, joint.level_each, joint.correlation)


def joint_inference(
    estimates: Floats, std_errors: Floats, sums: Floats, level: float, seed: int = 0
) -> Joint:
    """Give estimates intervals and p-values that hold for all of them.

    Parameters
    ----------
    estimates, std_errors : (M,)
    sums : (M, G)
        Centred influence of each by household; tells correlation and degrees of freedom.
    level : float
    seed : of the draws the joint quantile is read from
    """
    correlation = _correlation(sums)
    smallest = _smallest_p_values(correlation, seed)
    each = 1.0 - float(np.quantile(smallest, 1.0 - level))
    df = satterthwaite_df(sums)
    low, high, alone = t_inference(estimates, std_errors, df, each)
    # At least the p-value alone, which the draws may miss by their own error.
    joint = np.maximum(np.searchsorted(smallest, alone, side="right") / len(smallest), alone)
    return Joint(estimates, std_errors, df, low, high, joint, level, each, correlation)


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
