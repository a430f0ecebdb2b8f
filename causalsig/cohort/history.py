"""Events of households on one time axis, so that "how many in this window" is two binary searches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SPAN = 1_000_000
"""Days a household's stretch of the joint axis is long; more than any date in days since 1970."""
UNDATED = int(np.iinfo(np.int64).min)
"""What `to_days` makes of a missing date."""


@dataclass(frozen=True, slots=True)
class History:
    """Dated events of households, sorted by household and day.

    Attributes
    ----------
    keys : (m,) int
        ``household * SPAN + day``, ascending.
    totals : (m + 1,) float
        Running sum of the events' weights. Weights are whole numbers (counts, cents), so that sums are exact
        and the order of the source changes none of them.
    """

    keys: Integers
    totals: Floats

    @classmethod
    def of(cls, households: Integers, days: Integers, weights: Floats | None = None) -> History:
        """Sort events; ``weights`` (m,) default to one each. Events with a negative household are dropped."""
        known = np.flatnonzero(households >= 0)
        keys = households[known] * SPAN + days[known]
        if weights is None:
            return cls.of_sorted(np.sort(keys))
        order = np.argsort(keys, kind="stable")
        return cls.of_sorted(keys[order], weights[known][order])

    @classmethod
    def of_sorted(cls, keys: Integers, weights: Floats | None = None) -> History:
        """Take events whose keys ascend already."""
        totals = np.arange(len(keys) + 1, dtype=np.float64)
        if weights is not None:
            np.cumsum(weights, out=totals[1:])
        return cls(keys, totals)

    def between(self, households: Integers, first: Integers, last: Integers) -> Floats:
        """Sum of weights of each household's events on days ``first <= day < last``, shape (n,)."""
        low = np.searchsorted(self.keys, households * SPAN + first, side="left")
        high = np.searchsorted(self.keys, households * SPAN + last, side="left")
        sums: Floats = self.totals[high] - self.totals[low]
        return sums

    def days_until(self, households: Integers, first: Integers, last: Integers) -> Integers:
        """Days from ``first`` to each household's first event on ``first <= day < last``, shape (n,).

        ``last - first`` where there is none: the window ends before anything happened.
        """
        length = last - first
        if not len(self.keys):
            return length
        place = np.searchsorted(self.keys, households * SPAN + first, side="left")
        following = self.keys[np.minimum(place, len(self.keys) - 1)] - (households * SPAN + first)
        there = (place < len(self.keys)) & (following < length)
        days: Integers = np.where(there, following, length)
        return days


def to_days(dates: NDArray[np.datetime64]) -> Integers:
    """Days since 1970-01-01; a missing date becomes `UNDATED`."""
    return dates.astype("datetime64[D]").astype(np.int64)
