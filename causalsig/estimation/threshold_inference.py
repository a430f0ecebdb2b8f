"""From an estimate and its variance to an interval, and variances of a jump from those of its sides."""

from __future__ import annotations

import numpy as np

from causalsig.estimation.threshold_results import Jump
from causalsig.estimation.threshold_side import Side, Variance
from causalsig.estimation.threshold_variance import (
    Weighted,
    household_scores,
    side_covariance,
    small_sample_factor,
)
from causalsig.results import Floats


def jump(estimate: float, std_error: float, level: float) -> Jump:
    """Infer normally. Without a standard error there is no interval either: NaN."""
    from scipy.special import ndtr, ndtri

    half = float(ndtri(0.5 + level / 2.0)) * std_error
    statistic = estimate / std_error if std_error > 0.0 else float("nan")
    p_value = 2.0 * float(ndtr(-abs(statistic)))
    return Jump(estimate, std_error, statistic, p_value, estimate - half, estimate + half)


def root(variance: float) -> float:
    """Take the standard error; a variance that rounding left just below zero is zero."""
    return float(np.sqrt(max(float(variance), 0.0)))


def jump_covariance(
    sides: tuple[Side, Side],
    weighted: tuple[Weighted, Weighted],
    combinations: Floats,
    variance: Variance,
) -> Floats:
    """Covariance (c, c) of right less left.

    The sides share no episode. They may share households: "cluster" leaves that out, as is usual, and is too
    large when a household's outcomes go together; "cluster_across" takes their covariance off.
    """
    parts = [side_covariance(s, w, combinations, variance) for s, w in zip(sides, weighted, strict=True)]
    total = parts[0] + parts[1]
    if variance != "cluster_across":
        return total
    return np.asarray(total - across(sides, weighted, combinations))


def across(sides: tuple[Side, Side], weighted: tuple[Weighted, Weighted], combinations: Floats) -> Floats:
    """Twice the symmetric covariance (c, c) of both sides, by the households that are on both."""
    scores = [household_scores(s, w, combinations)[1] for s, w in zip(sides, weighted, strict=True)]
    both = min(len(one) for one in scores)
    cross = scores[0][:both].T @ scores[1][:both]
    factors = [small_sample_factor(s, w) for s, w in zip(sides, weighted, strict=True)]
    return np.asarray(np.sqrt(factors[0] * factors[1]) * (cross + cross.T))
