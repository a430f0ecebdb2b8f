"""Bandwidths that minimise the mean squared error, or the error of coverage, of a jump at a cutoff.

Three plug-in steps, each a bandwidth ``(V / (B² + R))^(1 / (2 o + 3))`` for the polynomial of the next:
Calonico, Cattaneo and Titiunik (2014), doi:10.3982/ECTA11757; with covariates Calonico, Cattaneo, Farrell and
Titiunik (2019), doi:10.1162/rest_a_00760; for coverage Calonico, Cattaneo and Farrell (2020),
doi:10.1093/ectj/utz022. With rounded scores the pilot counts distinct values, and no bandwidth has fewer than
ten of them on a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_columns import adjust
from causalsig.estimation.threshold_local import LocalFits, LocalMoments, alike
from causalsig.estimation.threshold_neighbours import TIE, Flags
from causalsig.estimation.threshold_recipe import Recipe, Refusals
from causalsig.estimation.threshold_variance import WeightedRows, covariances
from causalsig.estimation.threshold_windows import Stretches
from causalsig.results import Floats, Integers

Selector = Literal["mserd", "msetwo", "cerrd", "certwo"]
PILOT = {"triangular": 2.576, "epanechnikov": 2.34, "uniform": 1.843}
"""Silverman's rule of thumb for each kernel, for a normal density."""
ROUNDED = 0.2
"""From this share of repeated scores on a side on, the smallest bandwidth is bounded from below."""
FEWEST_VALUES = 10
PENALTY = 3.0
"""Regularisation of a squared bias by three times its variance (Imbens and Kalyanaraman 2012)."""


@dataclass(frozen=True, slots=True)
class Bandwidths:
    """Bandwidths a side, in the unit of the analysis: the score's own, or of its logarithm.

    Attributes
    ----------
    left, right : float, of the estimate (h)
    bias_left, bias_right : float, of the estimate of its bias (b)
    method : str, the selector, "given", or "honest" where scores are too few to choose
    """

    left: float
    right: float
    bias_left: float
    bias_right: float
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """Variance V, bias B and regularisation R of every side (R, 2), and the exponent of their ratio."""

    variance: Floats
    bias: Floats
    penalty: Floats
    rate: float


@dataclass(frozen=True, slots=True, eq=False)
class _Pilot:
    """What every step shares: windows (2 R,) at the pilot's bandwidth, and which of them are fuzzy."""

    rows: Integers
    bandwidth: Floats
    moments: LocalMoments
    fuzzy: Flags


def select_bandwidths(
    recipe: Recipe, selectors: Sequence[Selector], fuzzy: Flags, refusals: Refusals
) -> Floats:
    """Choose bandwidths by plug-in: (R, 4), of the estimate left and right, of its bias left and right.

    Parameters
    ----------
    recipe : Recipe, of R analyses
    selectors : R of them
    fuzzy : (R,) bool, whether the treatment takes part in the choice
    refusals : Refusals
        Takes ``estimation-bandwidth`` where the scores or the outcome vary too little for one; such a row has
        no meaning.
    """
    cuts, index, degree = recipe.stretches, recipe.index, recipe.degree
    size = cuts.size[index].reshape(-1, 2)
    largest = cuts.distance[index, cuts.size[index] - 1].reshape(-1, 2)
    smallest = _smallest(recipe, size)
    ends = largest.max(axis=1), smallest.max(axis=1)
    h = np.repeat(np.maximum(np.minimum(_pilot_bandwidth(recipe), ends[0]), ends[1]), 2)
    rows = cuts.within(index, h, recipe.kernel)
    pilot = _Pilot(rows, h, cuts.moments(index, rows, h, degree + 2, recipe.kernel), np.repeat(fuzzy, 2))
    together = np.array([selector in ("mserd", "cerrd") for selector in selectors])
    found = largest * (1.0 + TIE)
    chosen = []
    for order, derivative in ((degree + 2, degree + 2), (degree + 1, degree + 1), (degree, 0)):
        step = _step(recipe, pilot, order, derivative, found.ravel(), order < degree + 2, refusals)
        optimal = np.where(together[:, None], _joint(step), _optimal(step))
        refusals.where(any_side(~(optimal > 0.0)), _does_not_vary)
        top = np.where(together[:, None], ends[0][:, None], largest)
        found = np.minimum(np.where(optimal > 0.0, optimal, top), top)
        if order == degree + 2:
            # Only the first choice is bounded from below: the others already stand on its points.
            found = np.maximum(found, np.where(together[:, None], ends[1][:, None], smallest))
        chosen.append(found)
    shrink = [
        _coverage_factor(recipe, r) if selector.startswith("cer") else 1.0
        for r, selector in enumerate(selectors)
    ]
    return np.hstack([chosen[2] * np.array(shrink)[:, None], chosen[1]])


def _joint(step: _Step) -> Floats:
    """One bandwidth for both sides (R, 2)."""
    bias = step.bias[:, 1] - step.bias[:, 0]
    both = _Step(step.variance.sum(axis=1), bias, step.penalty.sum(axis=1), step.rate)
    return np.repeat(_optimal(both)[:, None], 2, axis=1)


def _optimal(step: _Step) -> Floats:
    with np.errstate(all="ignore"):
        return np.asarray((step.variance / (step.bias**2 + step.penalty)) ** step.rate)


def _step(
    recipe: Recipe,
    pilot: _Pilot,
    order: int,
    derivative: int,
    bias_bandwidth: Floats,
    penalised: bool,
    refusals: Refusals,
) -> _Step:
    """Variance and bias of a derivative at the cutoff, estimated from each side by itself."""
    cuts, index, h = recipe.stretches, recipe.index, pilot.bandwidth
    fits = _solve(pilot.moments, pilot.rows, order, refusals)
    combinations = _combinations(recipe, fits, derivative, pilot, refusals)
    weights = fits.weights(derivative) / h[:, None] ** derivative
    weighted = WeightedRows(cuts, recipe.sides, index, pilot.rows, weights, fits, order + 1)
    spread = covariances(weighted, combinations, recipe.variance)[:, 0, 0]
    rows = cuts.within(index, bias_bandwidth, recipe.kernel)
    beyond = _solve(
        cuts.moments(index, rows, bias_bandwidth, order + 1, recipe.kernel), rows, order + 1, refusals
    )
    scale = bias_bandwidth ** (order + 1)
    constant = fits.of_next_power(derivative)
    penalty = np.zeros(len(index))
    if penalised:
        top = beyond.weights(order + 1) / scale[:, None]
        weighted = WeightedRows(cuts, recipe.sides, index, rows, top, beyond, order + 2)
        noise = covariances(weighted, combinations, recipe.variance)
        penalty = PENALTY * constant**2 * noise[:, 0, 0]
    terms = 2.0 * (order + 1 - derivative)
    coefficient = (beyond.coefficients[:, order + 1] / scale[:, None] * combinations[:, :, 0]).sum(axis=1)
    # Odd derivatives change sign on the left, where distances grow to the other side.
    bias = cuts.sign[index] ** derivative * np.sqrt(terms) * constant * coefficient
    variance = (2 * derivative + 1) * h ** (2 * derivative + 1) * spread
    return _Step(
        variance.reshape(-1, 2),
        bias.reshape(-1, 2),
        terms * penalty.reshape(-1, 2),
        1.0 / (2 * order + 3),
    )


def _solve(moments: LocalMoments, rows: Integers, degree: int, refusals: Refusals) -> LocalFits:
    few = rows < degree + 1
    fits = moments.solve(degree, few)
    refusals.where(any_side(few), lambda _: _too_few_scores(degree))
    refusals.where(any_side(fits.singular), lambda _: alike(degree))
    return fits


def _combinations(
    recipe: Recipe, fits: LocalFits, derivative: int, pilot: _Pilot, refusals: Refusals
) -> Floats:
    """Combine the columns (2 R, m, 1) so that the error is that of the estimate: a ratio's by its slope.

    The ratio is that of each side alone, as the published selector has it.
    """
    cuts, index = recipe.stretches, recipe.index
    parts = adjust(cuts.partialled(index, fits), recipe.columns)
    parts = np.broadcast_to(parts, (len(index), *parts.shape[1:]))
    if recipe.columns.taken_up is None or not pilot.fuzzy.any():
        return parts[:, :, :1]
    ratios = fits.coefficients[:, derivative] / (pilot.bandwidth**derivative)[:, None]
    signed = (cuts.sign[index] ** derivative)[:, None] * (ratios[:, None, :] @ parts)[:, 0]
    outcome, taken_up = signed[:, 0], signed[:, 1]
    flat = pilot.fuzzy & (taken_up == 0.0)
    refusals.where(any_side(flat), _share_does_not_vary)
    below = np.where(taken_up == 0.0, 1.0, taken_up)
    slopes = np.stack([1.0 / below, -outcome / below**2], axis=1)
    return np.where(pilot.fuzzy[:, None, None], parts @ slopes[:, :, None], parts[:, :, :1])


def any_side(sides: Flags) -> Flags:
    """Whether one side, or both, of every analysis (R,) is flagged; `sides` (2 R,) or (R, 2)."""
    return np.asarray(sides.reshape(-1, 2).any(axis=1))


def is_rounded(cuts: Stretches, index: Integers) -> Flags:
    """Whether so many scores (Q,) of a side are repeated that its distinct values count."""
    size = cuts.size[index]
    return np.asarray(1.0 - size / cuts.episodes(index, size) >= ROUNDED)


def _smallest(recipe: Recipe, size: Integers) -> Floats:
    """Smallest bandwidths (R, 2)."""
    cuts, index = recipe.stretches, recipe.index
    rounded = any_side(is_rounded(cuts, index))
    fewest = cuts.distance[index, np.minimum(FEWEST_VALUES, size).ravel() - 1].reshape(-1, 2)
    return np.where(rounded[:, None], fewest * (1.0 + TIE), 0.0)


def _pilot_bandwidth(recipe: Recipe) -> Floats:
    """Rule of thumb (R,) from the spread of the scores: the smaller of two, by deviation and by quartiles."""
    cuts = recipe.stretches
    left, own = np.unique(recipe.index[::2], return_inverse=True)
    rows = np.stack([left, left + 1], axis=1).ravel()
    x, counts = cuts.distance[rows] * cuts.sign[rows, None], cuts.counts[rows]
    n = cuts.episodes(rows, cuts.size[rows]).reshape(-1, 2).sum(axis=1)
    mean = np.repeat((counts * x).sum(axis=1).reshape(-1, 2).sum(axis=1) / n, 2)
    squares = (counts * (x - mean[:, None]) ** 2).sum(axis=1).reshape(-1, 2).sum(axis=1)
    quartiles = (_quantiles(cuts, left, n, 0.75) - _quantiles(cuts, left, n, 0.25)) / 1.349
    found = np.minimum(np.sqrt(squares / (n - 1.0)), quartiles)
    found *= PILOT[recipe.kernel] * cuts.size[rows].reshape(-1, 2).sum(axis=1) ** -0.2
    return np.asarray(found[own])


def _quantiles(cuts: Stretches, left: Integers, n: Floats, share: float) -> Floats:
    """Quantiles (C,): means of two order statistics where they fall between (Hyndman and Fan's type 2)."""
    place = n * share
    between = place == np.floor(place)
    lower = _order_statistics(cuts, left, np.ceil(place))
    return 0.5 * (lower + _order_statistics(cuts, left, np.where(between, place + 1.0, np.ceil(place))))


def _order_statistics(cuts: Stretches, left: Integers, rank: Floats) -> Floats:
    """Find the scores (C,) of ranks, from one on, as signed distances from the cutoff."""
    upto, below = cuts.matching.upto, cuts.episodes(left, cuts.size[left])
    beyond = rank > below
    row = left + beyond
    target = upto[cuts.first[row]] + np.where(beyond, rank - below, rank)
    found = np.minimum(np.searchsorted(upto, target) - 1, cuts.last[row] - 1)
    return np.asarray(cuts.sign[row] * cuts.distance[row, np.abs(found - cuts.start[row])])


def _coverage_factor(recipe: Recipe, r: int) -> float:
    """Shrink a bandwidth to the rate that is best for the error of coverage."""
    index, degree = recipe.index[2 * r : 2 * r + 2], recipe.degree
    n = float(recipe.stretches.episodes(index, recipe.stretches.size[index]).sum())
    if recipe.variance != "nn":
        n = sum(recipe.sides[s].households_within(len(recipe.sides[s].distance)) for s in index)
    return float(n ** (-degree / ((3.0 + degree) * (3.0 + 2.0 * degree))))


def _too_few_scores(degree: int) -> EstimationError:
    return _refusal(f"at least {degree + 1} distinct scores a side within the first, widest, bandwidth")


def _does_not_vary(_: int) -> EstimationError:
    return _refusal("an outcome that varies near the cutoff, beyond what the score explains")


def _share_does_not_vary(_: int) -> EstimationError:
    return _refusal("a share taken up that varies with the score")


def _refusal(expected: str) -> EstimationError:
    return EstimationError(
        "estimation-bandwidth",
        expected=expected,
        found="too little to choose a bandwidth from",
        mend="Give a bandwidth, or a curvature_bound for intervals that need no choice.",
        where="bandwidth",
    )
