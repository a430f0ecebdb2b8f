"""Scores collapsed to one row a distinct value: counts, sums and products of all that was measured there.

Local polynomials at a cutoff weigh an episode by its score alone, so estimates and nearest-neighbour
variances follow from (n, Σ d, Σ d dᵀ) of every distinct value exactly. Amounts are rounded, so there are far
fewer values than episodes; after this one pass other bandwidths, donuts and cutoffs cost next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import check_aligned, code_households, read_numbers
from causalsig.results import Floats, Integers

COUNTING_RANGE = 8
"""Whole scores are counted in place, without sorting, while their range is below this many times the rows."""
FARTHEST = 1e4
"""Standard deviations that the mean of a column may lie from zero: its squares then keep eight digits."""
ROUNDED_AWAY = 1e-12
"""A spread below this part of the mean is that of a constant, by rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over the episodes of every distinct score.

    Attributes
    ----------
    counts : (V,) episodes
    sums : (V, m) of every column
    products : (V, m, m) of every pair of columns
    """

    counts: Floats
    sums: Floats
    products: Floats

    def part(self, rows: slice) -> Moments:
        """Give the moments of some of the values, in the order of `rows`."""
        return Moments(self.counts[rows], self.sums[rows], self.products[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Sums a distinct score and household, of households with several episodes: for clustered variances.

    Attributes
    ----------
    value : (r,) int, position of the score among the distinct ones, ascending
    household : (r,) int, 0 to H - 1
    counts : (r,) episodes
    sums : (r, m)
    """

    value: Integers
    household: Integers
    counts: Floats
    sums: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """Everything a threshold estimator needs, one row a distinct score. Never leaves the process.

    Attributes
    ----------
    values : (V,) distinct scores, ascending
    all : Moments of all episodes; columns are the outcomes, the treatment taken up, the covariates
    outcomes : int, how many outcomes come first
    taken_up : bool, whether one column of treatment follows them
    covariates : int, how many covariates come last
    alone : Moments or None
        Of the households with one episode, where households were given.
    members : Members or None
        Of the other households.
    households : int, distinct households, or episodes where none were given
    single : bool, whether the outcome was given as a vector
    """

    values: Floats
    all: Moments
    outcomes: int
    taken_up: bool
    covariates: int
    alone: Moments | None = None
    members: Members | None = field(default=None, repr=False)
    households: int = 0
    single: bool = True

    @property
    def episodes(self) -> int:
        """How many episodes the table holds."""
        return int(self.all.counts.sum())


def restrict_scores(table: ScoreTable, low: float = -np.inf, high: float = np.inf) -> ScoreTable:
    """Keep the scores from `low` up to, not with, `high`, as a table of its own."""
    first, last = (int(v) for v in np.searchsorted(table.values, (low, high)))
    rows = slice(first, last)
    members = None
    if table.members is not None:
        begin, end = np.searchsorted(table.members.value, (first, last))
        own = slice(int(begin), int(end))
        members = Members(
            table.members.value[own] - first,
            table.members.household[own],
            table.members.counts[own],
            table.members.sums[own],
        )
    return replace(
        table,
        values=table.values[rows],
        all=table.all.part(rows),
        alone=None if table.alone is None else table.alone.part(rows),
        members=members,
    )


def only_outcome(table: ScoreTable, outcome: int) -> ScoreTable:
    """Keep one outcome with the treatment and the covariates: work grows with the square of the columns."""
    width = table.all.sums.shape[1]
    kept = [outcome, *range(table.outcomes, width)]
    if len(kept) == width:
        return table
    members = table.members
    if members is not None:
        members = replace(members, sums=members.sums[:, kept])
    return replace(
        table,
        all=_columns_of(table.all, kept),
        outcomes=1,
        alone=None if table.alone is None else _columns_of(table.alone, kept),
        members=members,
    )


def _columns_of(moments: Moments, kept: list[int]) -> Moments:
    return Moments(moments.counts, moments.sums[:, kept], moments.products[:, kept][:, :, kept])


def collapse_scores(
    score: Any, outcome: Any, *, taken_up: Any = None, households: Any = None, covariates: Any = None
) -> ScoreTable:
    """Collapse episodes to one row a distinct score.

    Parameters
    ----------
    score : (n,) numbers
        Euro, cents, months, signals; logarithms are taken later, after collapsing.
    outcome : (n,) or (n, J) numbers
    taken_up : (n,) numbers or None
        The treatment that crossing the cutoff makes likelier.
    households : (n,) labels or None
    covariates : (n, p) numbers or None

    Raises
    ------
    EstimationError
        ``estimation-length``, ``estimation-dtype``, ``estimation-missing``, ``estimation-magnitude``,
        ``estimation-shape``, ``estimation-index``.
    """
    check_aligned(
        score=score, outcome=outcome, taken_up=taken_up, households=households, covariates=covariates
    )
    shape = np.shape(score)
    if len(shape) != 1 or not shape[0]:
        raise EstimationError(
            "estimation-shape",
            expected="a vector with one score an episode",
            found=f"{len(shape)} dimensions" if len(shape) != 1 else "no episodes",
            mend="Give one row an episode.",
            where="score",
        )
    n = shape[0]
    x = read_numbers(score, "score", n, ndim=1)
    y = read_numbers(outcome, "outcome", n, ndim=None)
    parts = [y[:, None] if y.ndim == 1 else y]
    if taken_up is not None:
        parts.append(read_numbers(taken_up, "taken_up", n, ndim=1)[:, None])
    count = parts[0].shape[1]
    z = np.zeros((n, 0)) if covariates is None else read_numbers(covariates, "covariates", n, ndim=2)
    columns = np.hstack([*parts, z]) if len(parts) > 1 or z.shape[1] else parts[0]
    homes = None if households is None else codes_of(households, n)
    values, place = _distinct(x)
    if not _whole(columns):
        # Sums of broken numbers depend on the order of adding: it is settled by what is added.
        settled = np.lexsort((*columns.T[::-1], place))
        place, columns = place[settled], columns[settled]
        homes = None if homes is None else (homes[0][settled], homes[1])
    moments = _moments(place, columns, len(values))
    _check_spread(moments, columns, count)
    alone, members, total = _by_household(homes, place, columns, len(values))
    return ScoreTable(
        values=values,
        all=moments,
        outcomes=count,
        taken_up=taken_up is not None,
        covariates=z.shape[1],
        alone=alone,
        members=members,
        households=total,
        single=y.ndim == 1,
    )


def _check_spread(moments: Moments, columns: Floats, outcomes: int) -> None:
    """Refuse a column that lies so far from zero that its squares say little of its spread."""
    n = moments.counts.sum()
    mean = moments.sums.sum(axis=0) / n
    left = np.einsum("vmm->m", moments.products) / n - mean**2
    for at in np.flatnonzero(left < (1.5 * np.abs(mean) / FARTHEST) ** 2):
        spread = float(np.std(columns[:, at] - mean[at]))
        if ROUNDED_AWAY * abs(mean[at]) < spread < abs(mean[at]) / FARTHEST:
            raise EstimationError(
                "estimation-magnitude",
                expected=f"values within {FARTHEST:,.0f} standard deviations of zero",
                found="a column that lies further away",
                mend="Take a constant from all of them, such as their mean: no jump changes by it.",
                where="outcome" if at < outcomes else "taken_up or covariates",
            )


def _whole(numbers: Floats) -> bool:
    return bool((numbers == np.rint(numbers)).all())


def _distinct(x: Floats) -> tuple[Floats, Integers]:
    """Distinct values, ascending, and the place of every score among them."""
    low, high = x.min(), x.max()
    if high - low < COUNTING_RANGE * len(x) and _whole(x):
        offset = (x - low).astype(np.int64)
        seen = np.zeros(int(high - low) + 1, dtype=bool)
        seen[offset] = True
        rank = np.cumsum(seen) - 1
        return np.flatnonzero(seen) + low, rank[offset]
    values, place = np.unique(x, return_inverse=True)
    return values, place.astype(np.int64)


def _moments(place: Integers, columns: Floats, size: int) -> Moments:
    counts = np.bincount(place, minlength=size).astype(np.float64)
    m = columns.shape[1]
    sums = np.empty((size, m))
    products = np.empty((size, m, m))
    for i in range(m):
        sums[:, i] = np.bincount(place, weights=columns[:, i], minlength=size)
        for j in range(i + 1):
            cross = np.bincount(place, weights=columns[:, i] * columns[:, j], minlength=size)
            products[:, i, j] = products[:, j, i] = cross
    return Moments(counts, sums, products)


def _by_household(
    homes: tuple[Integers, int] | None, place: Integers, columns: Floats, size: int
) -> tuple[Moments | None, Members | None, int]:
    """Split the episodes in those of households with one, and the others by household; see `codes_of`."""
    if homes is None:
        return None, None, len(place)
    codes, total = homes
    several = (np.bincount(codes, minlength=total) > 1)[codes]
    rows = np.flatnonzero(several)
    key = place[rows] * total + codes[rows]
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    counts = np.diff(np.append(first, len(key))).astype(np.float64)
    sums = np.add.reduceat(columns[rows[order]], first) if len(first) else np.zeros((0, columns.shape[1]))
    present = np.zeros(total, dtype=np.int64)
    present[codes[rows]] = 1
    numbered = (np.cumsum(present) - 1)[key[first] % total]
    alone = _moments(place[~several], columns[~several], size)
    return alone, Members(key[first] // total, numbered, counts, sums), total


def codes_of(households: Any, n: int) -> tuple[Integers, int]:
    """Code households 0 to G - 1; whole numbers without the detour over text."""
    array = np.asarray(households)
    if array.ndim == 1 and array.dtype.kind in "iu" and len(array) == n:
        distinct, codes = np.unique(array, return_inverse=True)
        return codes.astype(np.int64), len(distinct)
    codes, ids = code_households(households, n)
    return codes, len(ids)
