"""Both sides of many cutoffs of one table as padded arrays: every window is a first stretch of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from causalsig.estimation.threshold_local import Kernel, LocalFits, LocalMoments, local_moments
from causalsig.estimation.threshold_neighbours import EDGE, Matching, match
from causalsig.estimation.threshold_table import ScoreTable
from causalsig.results import Floats, Integers

Scale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table is cut.

    Attributes
    ----------
    cutoff, donut : float
    low, high : float
        Only scores from `low` up to, not with, `high` take part.
    """

    cutoff: float
    donut: float = 0.0
    low: float = -np.inf
    high: float = np.inf

    def spans(self, values: Floats) -> tuple[int, int, int, int]:
        """Positions of the first value and the one after the last, left and right; a cutoff has crossed."""
        ends = (self.low, self.high, self.cutoff - self.donut)
        first, last, left = (int(v) for v in np.searchsorted(values, ends))
        side: Literal["left", "right"] = "right" if self.donut > 0 else "left"
        right = int(np.searchsorted(values, self.cutoff + self.donut, side=side))
        return first, max(first, left), min(last, right), last


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """The sides of C cutoffs, S = 2 C rows: left and right of the first, of the second, and so on.

    Attributes
    ----------
    matching : Matching, of the whole table
    sign : (S,) int, -1 left, 1 right
    first, last : (S,) int, position in the table of the lowest value, and the one after the highest
    start : (S,) int, position of the value nearest the cutoff
    size : (S,) int, values
    distance, counts : (S, V), from the cutoff outward; zero where a row has ended
    sums : (S, V, m); residuals : (S, V, m, m), as in `Matching` with the side as window
    beyond : (S, V) int
        First value after each neighbourhood, counted from the cutoff.
    products : (S, V, m, m) or None, where covariates need them
    """

    matching: Matching
    sign: Integers
    first: Integers
    last: Integers
    start: Integers
    size: Integers
    distance: Floats
    counts: Floats
    sums: Floats
    residuals: Floats = field(repr=False)
    beyond: Integers = field(repr=False)
    products: Floats | None = field(default=None, repr=False)

    def table_rows(self, s: int) -> slice:
        """Positions in the table of a row's values, in their order."""
        first, last = int(self.first[s]), int(self.last[s])
        if self.sign[s] > 0 or first == last:
            return slice(first, last)
        return slice(last - 1, first - 1 if first else None, -1)

    def episodes(self, index: Integers, rows: Integers) -> Floats:
        """Episodes among the first `rows` (Q,) values of rows `index` (Q,)."""
        first, last = self._ends(index, rows)
        upto = self.matching.upto
        return np.asarray(upto[last] - upto[first])

    def within(self, index: Integers, bandwidth: Floats, kernel: Kernel) -> Integers:
        """How many values (Q,) have a positive weight."""
        side: Literal["left", "right"] = "right" if kernel == "uniform" else "left"
        found = [
            self.distance[s, : self.size[s]].searchsorted(h, side=side)
            for s, h in zip(index, bandwidth, strict=True)
        ]
        return np.array(found, dtype=np.int64)

    def moments(
        self, index: Integers, rows: Integers, bandwidth: Floats, degree: int, kernel: Kernel
    ) -> LocalMoments:
        """Weighted moments of windows: row, values within, and bandwidth of each (Q,)."""
        width = max(int(rows.max()), 1)
        distance, counts, sums = (
            _pick(part, index, width) for part in (self.distance, self.counts, self.sums)
        )
        return local_moments(distance, counts, sums, bandwidth, degree, kernel)

    def partialled(self, index: Integers, fits: LocalFits) -> Floats | None:
        """Weighted products (Q, m, m) less their part along each fit; None without covariates."""
        if self.products is None:
            return None
        return fits.moments.partialled(_pick(self.products, index, fits.moments.kernel.shape[1]), fits)

    def neighbour_meat(self, index: Integers, rows: Integers, weights: Floats) -> Floats:
        """Sum ``ω² e eᵀ`` (Q, m, m) over windows, `weights` (Q, L); residuals as if sides ended there."""
        count, width = weights.shape
        m = self.sums.shape[2]
        squared = weights**2
        residuals = _pick(self.residuals, index, width).reshape(count, width, m * m)
        meat = (squared[:, None, :] @ residuals).reshape(count, m, m)
        window, value, gap = self._cut_off(index, rows)
        if len(window):
            np.add.at(meat, window, squared[window, value, None, None] * gap)
        return np.asarray(meat)

    def _cut_off(self, index: Integers, rows: Integers) -> tuple[Integers, Integers, Floats]:
        """Find the neighbourhoods that a window's end cuts off.

        Returns
        -------
        window, value : (r,) int
        gap : (r, m, m), what ending there adds to the value's residual moments
        """
        late = rows[:, None] - 1 - np.arange(EDGE)
        reach = self.beyond[index[:, None], np.maximum(late, 0)]
        hit = (late >= 0) & (reach > rows[:, None]) & (rows < self.size[index])[:, None]
        window, place = np.nonzero(hit)
        if not len(window):
            return window, place, np.zeros((0, *self.residuals.shape[2:]))
        value = late[window, place]
        own = index[window]
        first, last = self._ends(own, rows[window])
        mended, _, _ = self.matching.within(self.start[own] + self.sign[own] * value, first, last)
        return window, value, mended - self.residuals[own, value]

    def _ends(self, index: Integers, rows: Integers) -> tuple[Integers, Integers]:
        """First and last position, the last not with it, of windows in the table."""
        start = self.start[index]
        left = self.sign[index] < 0
        return np.where(left, start - rows + 1, start), np.where(left, start + 1, start + rows)


def stretch(
    matching: Matching, values: Floats, places: Sequence[Place], scale: Scale, *, covariates: bool = False
) -> Stretches:
    """Lay out both sides of every place; `values` are the table's own."""
    spans = np.array([place.spans(values) for place in places], dtype=np.int64)
    first, last = spans[:, [0, 2]].ravel(), spans[:, [1, 3]].ravel()
    last = np.maximum(first, last)
    size = last - first
    sign = np.tile([-1, 1], len(places))
    start = np.where(sign < 0, last - 1, first)
    rows, width, m = len(size), max(int(size.max()), 1), matching.moments.sums.shape[1]
    found = Stretches(
        matching=matching,
        sign=sign,
        first=first,
        last=last,
        start=start,
        size=size,
        distance=np.zeros((rows, width)),
        counts=np.zeros((rows, width)),
        sums=np.zeros((rows, width, m)),
        residuals=np.zeros((rows, width, m, m)),
        beyond=np.zeros((rows, width), dtype=np.int64),
        products=np.zeros((rows, width, m, m)) if covariates else None,
    )
    for s in range(rows):
        own, n = found.table_rows(s), int(size[s])
        cutoff = places[s // 2].cutoff
        away = values[own] - cutoff if scale == "linear" else np.log(values[own] / cutoff)
        np.multiply(away, sign[s], out=found.distance[s, :n])
        found.counts[s, :n] = matching.moments.counts[own]
        found.sums[s, :n] = matching.moments.sums[own]
        found.residuals[s, :n] = matching.residuals[own]
        if found.products is not None:
            found.products[s, :n] = matching.moments.products[own]
        if sign[s] < 0:
            np.subtract(last[s], matching.low[own], out=found.beyond[s, :n])
        else:
            np.subtract(matching.high[own], first[s], out=found.beyond[s, :n])
    _mend_ends(found)
    return found


def match_scores(table: ScoreTable, scale: Scale) -> Matching:
    """Match the neighbours of a table on the scale of the analysis."""
    if scale == "linear":
        return match(table.values, table.all)
    # Scores without a logarithm take no part; they keep their place.
    return match(np.log(np.maximum(table.values, np.finfo(np.float64).tiny)), table.all)


def _mend_ends(found: Stretches) -> None:
    """Search again for the values whose neighbourhoods reach beyond their side."""
    first, last, steps = found.first, found.last, np.arange(EDGE)
    near = np.concatenate([first[:, None] + steps, last[:, None] - 1 - steps], axis=1)
    inside = (near >= first[:, None]) & (near < last[:, None])
    inside[:, EDGE:] &= near[:, EDGE:] >= first[:, None] + EDGE
    own = np.clip(near, 0, len(found.matching.place) - 1)
    low, high = found.matching.low[own], found.matching.high[own]
    inside &= (low < first[:, None]) | (high > last[:, None])
    side, column = np.nonzero(inside)
    if not len(side):
        return
    at = near[side, column]
    value = np.abs(at - found.start[side])
    residuals, low, high = found.matching.within(at, first[side], last[side])
    found.residuals[side, value] = residuals
    found.beyond[side, value] = np.where(found.sign[side] < 0, last[side] - low, high - first[side])


def _pick(part: Floats, index: Integers, width: int) -> Floats:
    """First `width` values of some rows; without a copy where they are all rows in their order."""
    if len(index) == len(part) and bool((index == np.arange(len(part))).all()):
        return part[:, :width]
    return part[index, :width]
