"""Events of households on one time axis, so that "how many in this window" is two binary searches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SPAN = 1_000_000
"""Days a household's stretch of the joint axis is long; more than any date in days since 1970."""


@dataclass(frozen=True, slots=True)
class History:
    """Dated events of households, sorted by household and day.

    Attributes
    ----------
    keys : (m,) int
        ``household * SPAN + day``, ascending.
    totals : (m + 1,) float
        Running sum of the events' weights.
    """

    keys: Integers
    totals: Floats

    @classmethod
    def of(cls, households: Integers, days: Integers, weights: Floats | None = None) -> History:
        """Sort events; ``weights`` (m,) default to one each. Events with a negative household are dropped."""
        weight = np.ones(len(days)) if weights is None else np.asarray(weights, dtype=np.float64)
        known = households >= 0
        keys = households[known] * SPAN + days[known]
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], np.concatenate([[0.0], np.cumsum(weight[known][order])]))

    def between(self, households: Integers, first: Integers, last: Integers) -> Floats:
        """Sum of weights of each household's events on days ``first <= day < last``, shape (n,)."""
        low = np.searchsorted(self.keys, households * SPAN + first, side="left")
        high = np.searchsorted(self.keys, households * SPAN + last, side="left")
        sums: Floats = self.totals[high] - self.totals[low]
        return sums


def to_days(dates: NDArray[np.datetime64]) -> Integers:
    """Days since 1970-01-01; a missing date becomes the smallest integer."""
    return dates.astype("datetime64[D]").astype(np.int64)
