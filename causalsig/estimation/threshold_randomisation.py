"""Close to a cutoff as if by lot: means on both sides, and what other lots would have given.

Cattaneo, Frandsen and Titiunik (2015), doi:10.1515/jci-2013-0010. For few distinct scores, such as months,
where there is no curve to follow. It holds when within the window the score itself says nothing about the
outcome, which is stronger than what `threshold_effect` needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.confidence_sets import ConfidenceSet, anderson_rubin
from causalsig.estimation.inputs import check_aligned, read_numbers
from causalsig.estimation.option_numbers import read_number
from causalsig.estimation.threshold_inference import jump
from causalsig.estimation.threshold_results import Jump
from causalsig.estimation.threshold_table import codes_of
from causalsig.results import Floats, Integers

NORMAL = 1e12
CATEGORIES = 60
"""Up to so many kinds of household a lot is drawn by kind, which is faster than household by household."""
TIE = 1e-12
"""Of a difference: a lot this close to what was found counts as at least as large."""


@dataclass(frozen=True, slots=True)
class LocalRandomisation:
    """Means above less below a cutoff, within a window.

    Attributes
    ----------
    effect : Jump
        Difference in means, clustered by household where given; its p-value is the normal one.
    permutation_p_value : float
        Of no effect on anybody: the share of lots with a difference at least as large, the found one among
        them.
    first_stage : Jump or None
        The same of the treatment taken up.
    confidence_set : ConfidenceSet or None
        Anderson and Rubin's, of the effect of the treatment.
    n, households, distinct : (left, right)
    fixed : int
        Households with episodes on both sides: lots leave them where they are.
    window : float; cutoff : float; permutations, seed : int; level : float
    """

    effect: Jump
    permutation_p_value: float
    first_stage: Jump | None
    confidence_set: ConfidenceSet | None
    n: tuple[int, int]
    households: tuple[int, int]
    distinct: tuple[int, int]
    fixed: int
    window: float
    cutoff: float
    permutations: int
    seed: int
    level: float


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """Episodes in the window: columns (n, 1 or 2), side, household codes."""

    score: Floats
    columns: Floats
    crossed: Any
    households: Integers


def local_randomisation(
    score: Any,
    outcome: Any,
    cutoff: float,
    *,
    window: float,
    taken_up: Any = None,
    households: Any = None,
    permutations: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> LocalRandomisation:
    """Compare means on both sides of a cutoff as if who crossed had been drawn by lot.

    Parameters
    ----------
    score, outcome : (n,) numbers; cutoff : float; a score equal to it has crossed
    window : float
        Scores from ``cutoff - window`` to ``cutoff + window`` take part. Choose it before looking at
        outcomes, for instance by the balance of earlier signals.
    taken_up : (n,) numbers or None
    households : (n,) labels or None; the lot then falls on households
    permutations : int, lots drawn

    Raises
    ------
    EstimationError
        ``estimation-cutoff`` when a side of the window holds fewer than two households, and those of the
        inputs.
    """
    check_aligned(score=score, outcome=outcome, taken_up=taken_up, households=households)
    options = _options(cutoff, window, permutations, seed, level)
    n = len(np.shape(score)) and np.shape(score)[0]
    x = read_numbers(score, "score", n, ndim=1) - options[0]
    columns = [read_numbers(outcome, "outcome", n, ndim=1)]
    if taken_up is not None:
        columns.append(read_numbers(taken_up, "taken_up", n, ndim=1))
    codes = np.arange(n) if households is None else codes_of(households, n)[0]
    inside = np.abs(x) <= options[1] * (1.0 + TIE)
    data = _Window(x[inside], np.column_stack(columns)[inside], x[inside] >= 0.0, codes[inside])
    return _compare(data, options[0], options[1], permutations, seed, level)


def _options(cutoff: Any, window: Any, permutations: Any, seed: Any, level: Any) -> tuple[float, float]:
    for name, value, lowest in (("permutations", permutations, 1), ("seed", seed, 0)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < lowest:
            expected = f"a whole number of at least {lowest}"
            _refuse(expected, "another" if isinstance(value, int | np.integer) else "none", name)
    if read_number(level, "level", lowest=0.0, strict=True) >= 1.0:
        _refuse("a level between 0 and 1, such as 0.95", "1 or more", "level")
    return read_number(cutoff, "cutoff"), read_number(window, "window", lowest=0.0)


def _refuse(expected: str, found: str, where: str) -> None:
    raise EstimationError(
        "estimation-option", expected=expected, found=found, mend="See local_randomisation.", where=where
    )


def _compare(
    data: _Window, cutoff: float, window: float, permutations: int, seed: int, level: float
) -> LocalRandomisation:
    parts = [~data.crossed, data.crossed]
    households = [len(np.unique(data.households[part])) for part in parts]
    if min(households) < 2:
        raise EstimationError(
            "estimation-cutoff",
            expected="at least two households on each side within the window",
            found=f"{households[0]} below and {households[1]} from the cutoff on",
            mend="Take a wider window, or another cutoff.",
            where="window",
        )
    means = [data.columns[part].mean(axis=0) for part in parts]
    covariance = _covariance(data, parts[0]) + _covariance(data, parts[1])
    difference = means[1] - means[0]
    errors = np.sqrt(np.diagonal(covariance))
    several = data.columns.shape[1] > 1
    p_value, fixed = _lots(data, permutations, seed)
    return LocalRandomisation(
        effect=jump(float(difference[0]), float(errors[0]), level),
        permutation_p_value=p_value,
        first_stage=jump(float(difference[1]), float(errors[1]), level) if several else None,
        confidence_set=anderson_rubin(difference, covariance, NORMAL, level) if several else None,
        n=(int(parts[0].sum()), int(parts[1].sum())),
        households=(households[0], households[1]),
        distinct=(len(np.unique(data.score[parts[0]])), len(np.unique(data.score[parts[1]]))),
        fixed=fixed,
        window=window,
        cutoff=cutoff,
        permutations=permutations,
        seed=seed,
        level=level,
    )


def _covariance(data: _Window, part: Any) -> Floats:
    """Covariance of one side's means, clustered by household; for one episode each it is ``s² / n``."""
    columns = data.columns[part] - data.columns[part].mean(axis=0)
    _, codes = np.unique(data.households[part], return_inverse=True)
    groups = int(codes.max()) + 1
    sums = np.array([np.bincount(codes, weights=column, minlength=groups) for column in columns.T])
    return np.asarray(groups / (groups - 1.0) * sums @ sums.T / len(columns) ** 2)


def _lots(data: _Window, permutations: int, seed: int) -> tuple[float, int]:
    """Draw lots: the p-value, and how many households stay on both sides."""
    _, codes = np.unique(data.households, return_inverse=True)
    counts = np.bincount(codes).astype(np.float64)
    sums = np.bincount(codes, weights=data.columns[:, 0])
    above = np.bincount(codes, weights=data.crossed)
    moves = (above == 0.0) | (above == counts)
    crossed = moves & (above > 0.0)
    fixed = ~moves[codes]
    stay = np.array([(fixed & data.crossed).sum(), data.columns[fixed & data.crossed, 0].sum()])
    total = np.array([counts.sum(), data.columns[:, 0].sum()])
    pairs = np.column_stack([counts[moves], sums[moves]])
    drawn = _draw(pairs, int(crossed.sum()), permutations, np.random.default_rng(seed)) + stay
    found = np.array([counts[crossed].sum(), sums[crossed].sum()]) + stay
    differences = np.abs(_difference(drawn, total))
    size = float(np.abs(_difference(found[None], total))[0])
    extreme = int((differences >= size * (1.0 - TIE)).sum())
    return (1.0 + extreme) / (1.0 + permutations), int((~moves).sum())


def _difference(above: Floats, total: Floats) -> Floats:
    """Mean above less mean below, from counts and sums (…, 2) above and in all."""
    below = total - above
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above[..., 1] / above[..., 0] - below[..., 1] / below[..., 0])


def _draw(pairs: Floats, wanted: int, permutations: int, generator: np.random.Generator) -> Floats:
    """Draw `wanted` households without replacement: their counts and sums, (permutations, 2)."""
    kinds, sizes = np.unique(pairs, axis=0, return_counts=True)
    if len(kinds) <= CATEGORIES:
        drawn = generator.multivariate_hypergeometric(sizes, wanted, size=permutations, method="marginals")
        return np.asarray(drawn @ kinds)
    ordered = np.repeat(kinds, sizes, axis=0)  # by content, so that the order of the rows does not matter
    found = np.empty((permutations, 2))
    for i in range(permutations):
        found[i] = ordered[generator.permutation(len(ordered))[:wanted]].sum(axis=0)
    return found
