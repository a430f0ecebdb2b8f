"""Jumps at many cutoffs and bandwidths at once, with what their variances need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_bandwidth import any_side
from causalsig.estimation.threshold_columns import adjust
from causalsig.estimation.threshold_inference import across
from causalsig.estimation.threshold_local import LocalFits, alike, few_within
from causalsig.estimation.threshold_recipe import Recipe, Refusals
from causalsig.estimation.threshold_variance import WeightedRows, covariances
from causalsig.results import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Jumps of the outcome and, where given, the treatment, of R analyses.

    Attributes
    ----------
    rows : (R, 2) int, values within the bandwidth of the estimate
    conventional, corrected : (R, c)
    covariance, robust_covariance : (R, c, c)
    """

    rows: Integers
    conventional: Floats
    corrected: Floats
    covariance: Floats
    robust_covariance: Floats


def estimate_jumps(recipe: Recipe, bandwidths: Floats, refusals: Refusals) -> Estimates:
    """Fit both sides: the estimate's polynomial within h, the next order's within b.

    The corrected weights take off ``Σ ω t^(p+1)`` times the estimate of the coefficient of order p + 1.

    Parameters
    ----------
    recipe : Recipe, of R analyses
    bandwidths : (R, 4), h left and right, b left and right
    refusals : Refusals
        Takes ``estimation-few-scores``; such a row has no meaning.
    """
    cuts, index, p = recipe.stretches, recipe.index, recipe.degree
    h, b = bandwidths[:, :2].ravel(), bandwidths[:, 2:].ravel()
    rows, plain = _fits(recipe, h, p, refusals)
    wide, beyond = _fits(recipe, b, p + 1, refusals)
    left_over = plain.of_next_power(0) * (h / b) ** (p + 1)
    narrow, top = plain.weights(0), beyond.weights(p + 1)
    conventional = np.zeros((len(h), max(narrow.shape[1], top.shape[1])))
    conventional[:, : narrow.shape[1]] = narrow
    corrected = conventional.copy()
    corrected[:, : top.shape[1]] -= left_over[:, None] * top
    combinations = _combinations(recipe, plain)
    levels = plain.coefficients[:, 0], beyond.coefficients[:, p + 1]
    # Both residuals are those of the wider window, as published: the estimate's has no weight beyond its own.
    both = np.maximum(rows, wide)
    return Estimates(
        rows.reshape(-1, 2),
        _jumps(levels[0], combinations),
        _jumps(levels[0] - left_over[:, None] * levels[1], combinations),
        _covariances(
            recipe,
            WeightedRows(cuts, recipe.sides, index, both, conventional, plain, p + 1),
            combinations,
        ),
        _covariances(
            recipe,
            WeightedRows(cuts, recipe.sides, index, both, corrected, beyond, p + 2),
            combinations,
        ),
    )


def _fits(recipe: Recipe, bandwidth: Floats, degree: int, refusals: Refusals) -> tuple[Integers, LocalFits]:
    cuts, index = recipe.stretches, recipe.index
    rows = cuts.within(index, bandwidth, recipe.kernel)
    few = rows <= degree
    fits = cuts.moments(index, rows, bandwidth, degree, recipe.kernel).solve(degree, few)
    fewest = rows.reshape(-1, 2)

    def too_few(r: int) -> EstimationError:
        reach = cuts.distance[index[2 * r : 2 * r + 2], degree].max()
        return few_within(int(fewest[r][fewest[r] <= degree][0]), degree, round_up(float(reach)))

    refusals.where(any_side(few), too_few)
    refusals.where(any_side(fits.singular), lambda _: alike(degree))
    return rows, fits


def round_up(number: float) -> float:
    """Smallest number of one significant digit above a positive one."""
    digit = 10.0 ** np.floor(np.log10(number))
    return float((np.floor(number / digit) + 1.0) * digit)


def _combinations(recipe: Recipe, fits: LocalFits) -> Floats:
    """Combine the columns (R, m, c); slopes of covariates are in common to both sides."""
    crosses = recipe.stretches.partialled(recipe.index, fits)
    if crosses is not None:
        crosses = crosses[::2] + crosses[1::2]
    found = adjust(crosses, recipe.columns)
    return np.broadcast_to(found, (len(recipe.index) // 2, *found.shape[1:]))


def _jumps(levels: Floats, combinations: Floats) -> Floats:
    """Limits from above less limits from below, (R, c)."""
    return np.asarray(((levels[1::2] - levels[::2])[:, None, :] @ combinations)[:, 0])


def _covariances(recipe: Recipe, weighted: WeightedRows, combinations: Floats) -> Floats:
    """Covariances (R, c, c) of right less left, as `jump_covariance`."""
    parts = covariances(weighted, np.repeat(combinations, 2, axis=0), recipe.variance)
    total = parts[::2] + parts[1::2]
    if recipe.variance == "cluster_across":
        for r, own in enumerate(combinations):
            (left, below), (right, above) = weighted.one(2 * r), weighted.one(2 * r + 1)
            total[r] -= across((left, right), (below, above), own)
    return total
