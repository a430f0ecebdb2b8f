"""Residuals from nearest neighbours: searched once a table, and again only where a window cuts them off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalsig.estimation.threshold_table import Moments
from causalsig.results import Floats, Integers

Flags: TypeAlias = NDArray[np.bool_]
MATCHES = 3
"""Neighbours a residual is taken from, as in Calonico, Cattaneo and Titiunik (2014)."""
TIE = float(np.sqrt(np.finfo(np.float64).eps))
"""Two distances this close, relatively, are equal: neighbours on both sides are then taken."""
EDGE = 4 * MATCHES
"""Values at the end of a window whose neighbourhoods may reach beyond it, generously."""


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Neighbourhoods of every value of a table, and what they make of its moments.

    Attributes
    ----------
    place : (V,) values on the scale of the analysis, ascending
    moments : Moments, of the table
    upto : (V + 1,) episodes before each value
    residuals : (V, m, m), sums of ``e eᵀ`` with e an episode's residual, the whole table as window
    low, high : (V,) int, first value of each neighbourhood and the one after its last
    """

    place: Floats
    moments: Moments
    upto: Floats
    residuals: Floats = field(repr=False)
    low: Integers = field(repr=False)
    high: Integers = field(repr=False)

    def within(self, at: Integers, first: Integers, last: Integers) -> tuple[Floats, Integers, Integers]:
        """Residual moments (r, m, m), `low` and `high` of values `at`, the table from `first` to `last`."""
        return _search(self.place, self.moments, self.upto, at, first, last)


def match(place: Floats, moments: Moments) -> Matching:
    """Search the neighbours of every value."""
    size = len(place)
    upto = np.concatenate([[0.0], np.cumsum(moments.counts)])
    ends = np.broadcast_to(0, size), np.broadcast_to(size, size)
    residuals, low, high = _search(place, moments, upto, np.arange(size), *ends)
    return Matching(place, moments, upto, residuals, low, high)


def _search(
    place: Floats, moments: Moments, upto: Floats, at: Integers, first: Integers, last: Integers
) -> tuple[Floats, Integers, Integers]:
    """Sum ``e eᵀ`` a value, and say from where to where each neighbourhood goes.

    An episode's residual is ``√(J / (J + 1)) (d - mean of its J nearest)``; all episodes at its own score
    come first, then whole neighbouring values until there are three (Abadie and Imbens 2006,
    doi:10.1111/j.1468-0262.2006.00655.x). With N = J + 1 in the neighbourhood and its mean μ the sum over a
    value is ``N / J Σ (d - μ)(d - μ)ᵀ``, which needs sums only.
    """
    counts, sums = moments.counts, moments.sums
    wanted = np.minimum(MATCHES, upto[last] - upto[first] - 1.0)
    low, high = at.copy(), at + 1
    own, own_sums = counts[at], sums[at]
    inside, total = own.copy(), own_sums.copy()
    open_ = np.flatnonzero(inside - 1.0 < wanted)
    while len(open_):
        ends = low[open_], high[open_], at[open_]
        upper, lower = _nearer(place, *ends, first[open_], last[open_])
        up, down = open_[upper], open_[lower]
        for grown, added in ((up, high[up]), (down, low[down] - 1)):
            inside[grown] += counts[added]
            total[grown] += sums[added]
        high[up] += 1
        low[down] -= 1
        open_ = open_[inside[open_] - 1.0 < wanted[open_]]
    mean = total / inside[:, None]
    cross = own_sums[:, :, None] * mean[:, None, :]
    spread = moments.products[at] - cross - np.swapaxes(cross, 1, 2)
    spread += own[:, None, None] * (mean[:, :, None] * mean[:, None, :])
    spread *= (inside / np.maximum(inside - 1.0, 1.0))[:, None, None]
    return spread, low, high


def _nearer(
    place: Floats, low: Integers, high: Integers, at: Integers, first: Integers, last: Integers
) -> tuple[Flags, Flags]:
    """Which way each open neighbourhood grows: two masks, both true at a tie."""
    below = np.where(low > first, place[at] - place[np.maximum(low - 1, 0)], np.inf)
    above = np.where(high < last, place[np.minimum(high, len(place) - 1)] - place[at], np.inf)
    gap = np.maximum(below, above)
    slack = TIE * np.where(np.isfinite(gap), gap, 0.0)
    return above - slack <= below, below - slack <= above
