"""Counting items by cell together with the households behind them, in one pass however many the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN = -1
"""In place of a household or a cell: the item has none."""


def households_of(keys: pd.Series) -> NDArray[np.int64]:
    """Give each household a number, shape (n,); ``UNKNOWN`` where there is no key."""
    codes, _ = pd.factorize(keys, use_na_sentinel=True)
    return codes.astype(np.int64)


def distinct(cell: NDArray[np.int64], household: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Count distinct households in each of ``size`` cells; items without household or cell count for none."""
    known = (cell >= 0) & (household >= 0)
    if not known.any():
        return np.zeros(size, np.int64)
    span = int(household.max()) + 1
    pairs = pd.unique(cell[known] * span + household[known])  # by hashing: five times as fast as sorting
    return np.bincount(pairs // span, minlength=size)


def items(cell: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Count items in each of ``size`` cells."""
    return np.bincount(cell[cell >= 0], minlength=size)


def largest_two(
    cell: NDArray[np.int64], household: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Items of the household with the most in each cell, and of the two with the most together."""
    largest, both = np.zeros(size, np.int64), np.zeros(size, np.int64)
    known = (cell >= 0) & (household >= 0)
    if not known.any():
        return largest, both
    span = int(household.max()) + 1
    pairs, counts = np.unique(cell[known] * span + household[known], return_counts=True)
    of = pairs // span
    order = np.lexsort((-counts, of))
    of, counts = of[order], counts[order]
    first = np.concatenate([[True], of[1:] != of[:-1]])
    second = np.concatenate([[False], first[:-1]]) & ~first
    largest[of[first]] = counts[first]
    both += largest
    both[of[second]] += counts[second]
    return largest, both


def seen_before(
    month: NDArray[np.int64],
    household: NDArray[np.int64],
    months: NDArray[np.int64],
    households: NDArray[np.int64],
    span: int,
) -> NDArray[np.bool_]:
    """Whether the household of each episode has an item in the ``span`` months before its own, shape (m,).

    ``month`` and ``household`` (m,) are the episodes', ``months`` and ``households`` (n,) those of all items;
    months are numbered from any one, and may lie before it.
    """
    known = (households >= 0) & (months > np.iinfo(np.int64).min)  # a missing date is the lowest number
    if not known.any() or not len(month):
        return np.zeros(len(month), np.bool_)
    first = min(int(months[known].min()), int(month.min())) - span
    width = max(int(months[known].max()), int(month.max())) - first + 1
    there = np.unique(households[known] * width + months[known] - first)
    own = household * width + month - first
    before = np.searchsorted(there, own)
    last = there[np.maximum(before - 1, 0)]
    return (before > 0) & (last >= own - span)


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the items of each cell, how many; all shape (size,). Attributes as of ``counts.ShareCount``."""

    numerator: NDArray[np.int64]
    denominator: NDArray[np.int64]
    households: NDArray[np.int64]
    households_with: NDArray[np.int64]
    households_without: NDArray[np.int64]


def shares(
    cell: NDArray[np.int64], household: NDArray[np.int64], yes: NDArray[np.bool_], size: int
) -> Shares:
    """Count each cell's items, those that say yes, and the households of all, of these and of the others."""
    with_it, without = np.where(yes, cell, UNKNOWN), np.where(yes, UNKNOWN, cell)
    return Shares(
        numerator=items(with_it, size),
        denominator=items(cell, size),
        households=distinct(cell, household, size),
        households_with=distinct(with_it, household, size),
        households_without=distinct(without, household, size),
    )
