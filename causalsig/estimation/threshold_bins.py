"""Scores in bins filled outward from a cutoff: a table from which the same estimates follow, nearly.

Bins of a fixed width are empty where few are and coarse where many are. Filled outward, none straddles the
cutoff and each is closed as soon as it holds as many households as must be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.option_numbers import read_number
from causalsig.estimation.threshold_table import Moments, ScoreTable
from causalsig.results import Floats, Integers

SMALLEST = 10
"""Households a bin holds at least, unless a study asks for more."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreBins:
    """Bins of scores, ascending. Their moments still are exact: rounding is the release's.

    Attributes
    ----------
    low, high : (B,) smallest and largest score in each
    score : (B,) mean score
    moments : Moments, (B,) in each
    households : (B,) int, distinct ones; episodes where none were given
    cutoff : float
    left : int, how many bins lie below the cutoff
    table : ScoreTable
        The bins as a table: for `effect_at_cutoff` and `threshold_gate`, with nearest-neighbour variances.
    """

    low: Floats
    high: Floats
    score: Floats
    moments: Moments
    households: Integers
    cutoff: float
    left: int
    table: ScoreTable


def fill_bins(
    table: ScoreTable, cutoff: float, *, smallest: int = SMALLEST, growth: float = 0.0
) -> ScoreBins:
    """Fill bins outward from a cutoff.

    A bin is closed when it has enough households and its outcomes and treatment vary (one value for all would
    tell everybody's); what is left over at the ends joins the last bin.

    Parameters
    ----------
    table : from `collapse_scores`
    cutoff : float, within the scores
    smallest : int, households a bin
    growth : float
        Each bin needs this share more households than the one before it, outward: weights of a local line
        change fastest at the cutoff, so that is where a fine bin is worth most.

    Raises
    ------
    EstimationError
        ``estimation-few-scores`` when a side cannot fill one bin; ``estimation-option`` for a cutoff that is
        no number.
    """
    cutoff = read_number(cutoff, "cutoff")
    middle = int(np.searchsorted(table.values, cutoff))
    named = _households_by_value(table)
    left = _fill(table, range(middle - 1, -1, -1), named, smallest, growth)
    right = _fill(table, range(middle, len(table.values)), named, smallest, growth)
    if not left or not right:
        raise EstimationError(
            "estimation-few-scores",
            expected=f"at least one bin of {smallest} households on each side of the cutoff",
            found=f"{len(left)} below and {len(right)} from it on",
            mend="Nothing of this threshold can be shown: release the effect alone, or nothing.",
            where="score",
        )
    spans = [(end, start) for start, end in reversed(left)] + right
    starts = np.array([min(span) for span in spans])
    ends = np.array([max(span) for span in spans]) + 1
    moments = Moments(*(_sum_spans(part, starts) for part in _parts(table.all)))
    score = _sum_spans(table.values * table.all.counts, starts) / moments.counts
    households = np.array([_count(table, named, int(a), int(b)) for a, b in zip(starts, ends, strict=True)])
    return ScoreBins(
        low=table.values[starts],
        high=table.values[ends - 1],
        score=score,
        moments=moments,
        households=households,
        cutoff=cutoff,
        left=len(left),
        table=replace(table, values=score, all=moments, alone=None, members=None),
    )


def _parts(moments: Moments) -> tuple[Floats, Floats, Floats]:
    return moments.counts, moments.sums, moments.products


def _sum_spans(values: Floats, starts: Integers) -> Floats:
    return np.asarray(np.add.reduceat(values, starts, axis=0), dtype=np.float64)


def _households_by_value(table: ScoreTable) -> tuple[Floats, Integers]:
    """Households with one episode a value, and where each value's other households begin."""
    alone = table.all.counts if table.alone is None else table.alone.counts
    value = np.zeros(0, dtype=np.int64) if table.members is None else table.members.value
    return alone, np.searchsorted(value, np.arange(len(table.values) + 1)).astype(np.int64)


def _count(table: ScoreTable, named: tuple[Floats, Integers], start: int, end: int) -> int:
    """Distinct households among the values from `start` up to `end`."""
    alone, begins = named
    total = int(alone[start:end].sum())
    if table.members is not None:
        total += len(set(table.members.household[begins[start] : begins[end]].tolist()))
    return total


def _fill(
    table: ScoreTable, order: range, named: tuple[Floats, Integers], smallest: int, growth: float
) -> list[tuple[int, int]]:
    """Bins of one side as (first, last) values in the order outward."""
    alone, begins = named
    shown = table.outcomes + table.taken_up
    bins: list[tuple[int, int]] = []
    first, single, several = -1, 0.0, set[int]()
    least, most = np.full(shown, np.inf), np.full(shown, -np.inf)
    for v in order:
        first = v if first < 0 else first
        single += alone[v]
        if table.members is not None:
            several.update(table.members.household[begins[v] : begins[v + 1]].tolist())
        low, high = _range(table.all, v, shown)
        least, most = np.minimum(least, low), np.maximum(most, high)
        if single + len(several) >= smallest * (1.0 + growth) ** len(bins) and (most > least).all():
            bins.append((first, v))
            first, single, several = -1, 0.0, set()
            least, most = np.full(shown, np.inf), np.full(shown, -np.inf)
    if first >= 0 and bins:
        bins[-1] = (bins[-1][0], order[-1])
    return bins


def _range(moments: Moments, v: int, shown: int) -> tuple[Floats, Floats]:
    """Bounds that differ when the columns vary within a value: its mean, less and more its spread."""
    n = moments.counts[v]
    mean = moments.sums[v, :shown] / n
    squares = np.diagonal(moments.products[v])[:shown] / n - mean**2
    spread = np.where(squares > 1e-12 * (mean**2 + 1.0), np.sqrt(np.maximum(squares, 0.0)), 0.0)
    return mean - spread, mean + spread
