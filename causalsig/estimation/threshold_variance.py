"""Covariances of weighted sums over the sides of cutoffs: nearest neighbours, or clustered by household."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from causalsig.estimation.threshold_local import LocalFits
from causalsig.estimation.threshold_side import Curve, Side, Variance
from causalsig.estimation.threshold_windows import Stretches
from causalsig.results import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class WeightedRows:
    """Weighted sums over Q windows of the sides of cutoffs.

    Attributes
    ----------
    stretches : Stretches
    sides : (left, right) of every cutoff; not needed for nearest neighbours
    index : (Q,) int, which side; rows : (Q,) int, values within
    weights : (Q, L) of an episode
    fits : LocalFits, whose curves residuals are taken from
    parameters : int
    """

    stretches: Stretches
    sides: Sequence[Side]
    index: Integers
    rows: Integers
    weights: Floats
    fits: LocalFits
    parameters: int

    def one(self, q: int) -> tuple[Side, Weighted]:
        """Give one of them."""
        curve = Curve(float(self.fits.moments.bandwidth[q]), self.fits.coefficients[q])
        return self.sides[self.index[q]], Weighted(self.weights[q, : self.rows[q]], curve, self.parameters)


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """A weighted sum over one side: (rows,) weights an episode, and the curve residuals are taken from."""

    weights: Floats
    fit: Curve
    parameters: int


def side_covariance(side: Side, weighted: Weighted, combinations: Floats, variance: Variance) -> Floats:
    """Covariance (c, c) of weighted sums of combinations (m, c) of the columns.

    Nearest neighbours: ``Σ ω² e eᵀ``. Clustered by household: residuals of the fit, summed by household,
    times ``(n - 1) / (n - k) G / (G - 1)``, both counted within the window.
    """
    if variance == "nn":
        place = np.array([side.row]), np.array([len(weighted.weights)])
        meat = side.stretches.neighbour_meat(*place, weighted.weights[None])[0]
        return np.asarray(combinations.T @ meat @ combinations)
    alone, by_household = household_scores(side, weighted, combinations)
    meat = alone + by_household.T @ by_household
    return small_sample_factor(side, weighted) * meat


def small_sample_factor(side: Side, weighted: Weighted) -> float:
    """Factor of a clustered variance; NaN with a single household."""
    rows = len(weighted.weights)
    n = float(side.moments.counts[:rows].sum())
    groups = side.households_within(rows)
    if groups < 2 or n <= weighted.parameters:
        return float("nan")
    return (n - 1.0) / (n - weighted.parameters) * groups / (groups - 1.0)


def household_scores(side: Side, weighted: Weighted, combinations: Floats) -> tuple[Floats, Floats]:
    """Sum ``ω e`` by household.

    Returns
    -------
    meat : (c, c), of the households with one episode in the table
    scores : (H, c), of the others; zero for who has none in this window
    """
    rows, w = len(weighted.weights), weighted.weights
    fitted = weighted.fit.at(side.distance[:rows])
    moments = (side.moments if side.alone is None else side.alone).part(slice(0, rows))
    cross = moments.sums[:, :, None] * fitted[:, None, :]
    spread = moments.products - cross - np.swapaxes(cross, 1, 2)
    spread += moments.counts[:, None, None] * (fitted[:, :, None] * fitted[:, None, :])
    meat = np.asarray(combinations.T @ np.einsum("v,vij->ij", w**2, spread) @ combinations)
    if side.members is None or not len(side.members.value):
        return meat, np.zeros((0, combinations.shape[1]))
    inside = int(np.searchsorted(side.members.value, rows))
    value = side.members.value[:inside]
    expected = side.members.counts[:inside, None] * fitted[value]
    errors = (side.members.sums[:inside] - expected) @ combinations * w[value, None]
    household = side.members.household[:inside]
    total = int(side.members.household.max()) + 1
    scores = [np.bincount(household, weights=column, minlength=total) for column in errors.T]
    return meat, np.asarray(scores, dtype=np.float64).T


def covariances(weighted: WeightedRows, combinations: Floats, variance: Variance) -> Floats:
    """Covariances (Q, c, c) of weighted sums of combinations (Q, m, c), as `side_covariance`."""
    if variance == "nn":
        meat = weighted.stretches.neighbour_meat(weighted.index, weighted.rows, weighted.weights)
        return np.asarray(np.swapaxes(combinations, 1, 2) @ meat @ combinations)
    found = [side_covariance(*weighted.one(q), c, variance) for q, c in enumerate(combinations)]
    return np.array(found)
