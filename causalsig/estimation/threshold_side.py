"""One side of a cutoff: distances, moments, local fits as weights, and variances of weighted sums.

On either side the distance to the cutoff grows from zero, so that every bandwidth is a first stretch of the
arrays. Only coefficients of odd order change sign on the left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_table import Members, Moments, ScoreTable
from causalsig.results import Floats, Integers

Flags: TypeAlias = NDArray[np.bool_]
Kernel = Literal["triangular", "epanechnikov", "uniform"]
Variance = Literal["nn", "cluster", "cluster_across"]
Scale = Literal["linear", "log"]
MATCHES = 3
"""Neighbours a residual is taken from, as in Calonico, Cattaneo and Titiunik (2014)."""
TIE = float(np.sqrt(np.finfo(np.float64).eps))
"""Two distances this close, relatively, are equal: neighbours on both sides are then taken."""
EDGE = 4 * MATCHES
"""Values at the end of a window whose neighbourhoods may reach beyond it, generously."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A weighted polynomial in ``u = distance / bandwidth`` as weights of episodes.

    Attributes
    ----------
    rows : int, values within the bandwidth
    bandwidth : float
    weights : (rows, degree + 1)
        Row v, column j: what one episode at value v adds to the coefficient of ``u**j``.
    coefficients : (degree + 1, m), of every column of the table
    """

    rows: int
    bandwidth: float
    weights: Floats
    coefficients: Floats

    def at(self, distance: Floats) -> Floats:
        """Fitted values (rows, m) at distances, also beyond the bandwidth."""
        return powers(distance / self.bandwidth, len(self.coefficients) - 1) @ self.coefficients

    def order(self, j: int) -> tuple[Floats, Floats]:
        """Weights (rows,) and coefficients (m,) of the plain power ``distance**j``."""
        scale = self.bandwidth**j
        return self.weights[:, j] / scale, self.coefficients[j] / scale


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of a cutoff.

    Attributes
    ----------
    sign : -1 left, 1 right
    distance : (V,) from the cutoff, ascending
    moments : Moments, in that order
    residuals : (V, m, m)
        Sums of ``e eᵀ`` with e an episode's nearest-neighbour residual, the whole side as window.
    reach : (V,) int, first value after each neighbourhood
    alone, members : as in `ScoreTable`, in the order of `distance`
    """

    sign: int
    distance: Floats
    moments: Moments
    residuals: Floats = field(repr=False)
    reach: Integers = field(repr=False)
    alone: Moments | None = None
    members: Members | None = None

    @property
    def episodes(self) -> int:
        """Episodes on this side."""
        return int(self.moments.counts.sum())

    def within(self, bandwidth: float, kernel: Kernel) -> int:
        """Values with a positive weight."""
        if kernel == "uniform":
            return int(np.searchsorted(self.distance, bandwidth, side="right"))
        return int(np.searchsorted(self.distance, bandwidth, side="left"))

    def fit(self, bandwidth: float, degree: int, kernel: Kernel) -> Fit:
        """Fit a polynomial by weighted least squares.

        Raises
        ------
        EstimationError
            ``estimation-few-scores`` when fewer distinct scores than coefficients have weight.
        """
        rows = self.within(bandwidth, kernel)
        if rows <= degree:
            refuse_few_scores(degree + 1, f"{rows} within the bandwidth on one side")
        u = self.distance[:rows] / bandwidth
        design = powers(u, degree)
        weighted = design * kernel_weights(u, kernel)[:, None]
        gram = (weighted * self.moments.counts[:rows, None]).T @ design
        try:
            weights = weighted @ np.asarray(np.linalg.inv(gram), dtype=np.float64)
        except np.linalg.LinAlgError:
            refuse_few_scores(degree + 1, "fewer that differ by more than rounding")
            raise
        return Fit(rows, bandwidth, weights, weights.T @ self.moments.sums[:rows])

    def neighbour_residuals(self, rows: int) -> Floats:
        """Residual moments (rows, m, m) as if the side ended after `rows` values."""
        if rows >= len(self.distance):
            return self.residuals
        start = max(0, rows - EDGE)
        begin = max(0, start - EDGE)
        late = np.flatnonzero(self.reach[start:rows] > rows) + start
        if not len(late):
            return self.residuals[:rows]
        mended = self.residuals[:rows].copy()
        edge, _ = neighbour_moments(self.distance[begin:rows], self.moments.part(slice(begin, rows)))
        mended[late] = edge[late - begin]
        return mended

    def households_within(self, rows: int) -> int:
        """Distinct households among the first `rows` values; episodes where none were given."""
        if self.alone is None or self.members is None:
            return int(self.moments.counts[:rows].sum())
        inside = self.members.household[: int(np.searchsorted(self.members.value, rows))]
        seen = np.zeros(int(inside.max(initial=-1)) + 1, dtype=bool)
        seen[inside] = True
        return int(self.alone.counts[:rows].sum()) + int(seen.sum())


def refuse_few_scores(wanted: int, found: str) -> None:
    """Say that a side has too few distinct scores."""
    raise EstimationError(
        "estimation-few-scores",
        expected=f"at least {wanted} distinct scores on each side of the cutoff",
        found=found,
        mend="With so few there is no curve to follow: compare means at the cutoff with local_randomisation.",
        where="score",
    )


def powers(u: Floats, degree: int) -> Floats:
    """Columns ``u**0`` to ``u**degree``."""
    found = np.ones((len(u), degree + 1))
    for j in range(1, degree + 1):
        np.multiply(found[:, j - 1], u, out=found[:, j])
    return found


def kernel_weights(u: Floats, kernel: Kernel) -> Floats:
    """Kernel at ``u`` in [0, 1], up to a factor that no estimate depends on."""
    if kernel == "uniform":
        return np.ones_like(u)
    return 1.0 - u if kernel == "triangular" else 1.0 - u**2


def neighbour_moments(distance: Floats, moments: Moments) -> tuple[Floats, Integers]:
    """Sum ``e eᵀ`` a value, and say where each neighbourhood ends.

    An episode's residual is ``√(J / (J + 1)) (d - mean of its J nearest)``; all episodes at its own score
    come first, then whole neighbouring values until there are three (Abadie and Imbens 2006,
    doi:10.1111/j.1468-0262.2006.00655.x). With N = J + 1 in the neighbourhood and its mean μ the sum over a
    value is ``N / J Σ (d - μ)(d - μ)ᵀ``, which needs sums only.
    """
    counts, sums = moments.counts, moments.sums
    size = len(distance)
    wanted = min(MATCHES, int(counts.sum()) - 1)
    low, high = np.arange(size), np.arange(1, size + 1)
    inside, total = counts.copy(), sums.copy()
    open_ = np.flatnonzero(inside - 1 < wanted)
    while len(open_):
        upper, lower = _nearer(distance, low[open_], high[open_], open_)
        up, down = open_[upper], open_[lower]
        for at, place in ((up, high[up]), (down, low[down] - 1)):
            inside[at] += counts[place]
            total[at] += sums[place]
        high[up] += 1
        low[down] -= 1
        open_ = open_[inside[open_] - 1 < wanted]
    mean = total / inside[:, None]
    cross = sums[:, :, None] * mean[:, None, :]
    spread = moments.products - cross - np.swapaxes(cross, 1, 2)
    spread += counts[:, None, None] * (mean[:, :, None] * mean[:, None, :])
    factor = inside / np.maximum(inside - 1.0, 1.0)
    return factor[:, None, None] * spread, high


def _nearer(distance: Floats, low: Integers, high: Integers, at: Integers) -> tuple[Flags, Flags]:
    """Which way each open neighbourhood grows: two masks, both true at a tie."""
    last = len(distance)
    below = np.where(low > 0, distance[at] - distance[np.maximum(low - 1, 0)], np.inf)
    above = np.where(high < last, distance[np.minimum(high, last - 1)] - distance[at], np.inf)
    finite = np.isfinite(below) & np.isfinite(above)
    slack = np.zeros(len(at))
    slack[finite] = TIE * np.maximum(below, above)[finite]
    return above - slack <= below, below - slack <= above


def cut(
    table: ScoreTable, cutoff: float, *, scale: Scale = "linear", donut: float = 0.0
) -> tuple[Side, Side]:
    """Cut a table at a cutoff; a score equal to it has crossed.

    Parameters
    ----------
    scale : "linear" or "log"
        Distance in the score's own unit, or ``log(score / cutoff)``.
    donut : float
        Scores within this distance of the cutoff are left out, in the score's own unit; 0 leaves out none.
    """
    left = int(np.searchsorted(table.values, cutoff - donut, side="left"))
    right = int(np.searchsorted(table.values, cutoff + donut, side="right" if donut > 0 else "left"))
    distance = table.values - cutoff if scale == "linear" else np.log(table.values / cutoff)
    size = len(table.values)
    below = slice(left - 1, None, -1) if left else slice(0, 0)
    return (
        _side(table, -1, -distance[below], below, (0, left)),
        _side(table, 1, distance[right:], slice(right, size), (right, size)),
    )


def _side(table: ScoreTable, sign: int, distance: Floats, rows: slice, span: tuple[int, int]) -> Side:
    moments = table.all.part(rows)
    residuals, reach = neighbour_moments(distance, moments)
    alone = None if table.alone is None else table.alone.part(rows)
    return Side(sign, distance, moments, residuals, reach, alone, _members(table.members, sign, span))


def _members(members: Members | None, sign: int, span: tuple[int, int]) -> Members | None:
    if members is None:
        return None
    first, last = np.searchsorted(members.value, span)
    if sign > 0:
        return Members(
            members.value[first:last] - span[0],
            members.household[first:last],
            members.counts[first:last],
            members.sums[first:last],
        )
    return Members(
        (span[1] - 1 - members.value[first:last])[::-1],
        members.household[first:last][::-1],
        members.counts[first:last][::-1],
        members.sums[first:last][::-1],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """A weighted sum over one side: (rows,) weights an episode, and the fit residuals are taken from."""

    weights: Floats
    fit: Fit
    parameters: int


def side_covariance(side: Side, weighted: Weighted, combinations: Floats, variance: Variance) -> Floats:
    """Covariance (c, c) of weighted sums of combinations (m, c) of the columns.

    Nearest neighbours: ``Σ ω² e eᵀ``. Clustered by household: residuals of the fit, summed by household,
    times ``(n - 1) / (n - k) G / (G - 1)``, both counted within the window.
    """
    rows = len(weighted.weights)
    if variance == "nn":
        meat = np.einsum("v,vij->ij", weighted.weights**2, side.neighbour_residuals(rows))
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
