"""The score of tau² on a grid, quickly: for its signs and for starting points, not for the answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.gls import Basis, Score, score_terms
from causalsig.meta.sums import terms_of_sums

FloatArray = NDArray[np.float64]

# Elements of one intermediate array, so that the three of a part of the batch stay in the processor's cache.
PART = 65_536


def scan_terms(y: FloatArray, v: FloatArray, basis: Basis, grid: FloatArray, *, restricted: bool) -> Score:
    """`score_terms` for effects (B, k) on a grid (B, T) of tau², to rounding of its largest part."""
    size = max(1, PART // (y.shape[1] * grid.shape[1]))
    if len(y) <= size:
        return _terms(y, v, basis, grid, restricted=restricted)
    parts = []
    for begin in range(0, len(y), size):
        part = slice(begin, begin + size)
        some = basis.rows(np.arange(begin, min(begin + size, len(y))))
        parts.append(_terms(y[part], v[part], some, grid[part], restricted=restricted))
    fields = ("y_pp_y", "trace", "y_ppp_y", "trace_square")
    return Score(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def _terms(y: FloatArray, v: FloatArray, basis: Basis, grid: FloatArray, *, restricted: bool) -> Score:
    if not basis.constant:
        return score_terms(y[:, None], v[:, None], basis.spread(), grid, restricted=restricted)
    # As `sums.Sums`, with an axis for the grid.
    b, k = y.shape
    rows, apart = np.arange(b), v.argmin(axis=1)
    columns = np.ones((b, k, 3))
    columns[rows, apart, 0] = 0.0
    np.subtract(y, y[rows, apart][:, None], out=columns[:, :, 1])
    np.multiply(columns[:, :, 1], columns[:, :, 1], out=columns[:, :, 2])
    # v + tau² as a product of matrices, which is three times as quick as adding by broadcast.
    left, right = np.ones((b, grid.shape[1], 2)), np.ones((b, 2, k))
    left[:, :, 1], right[:, 0] = grid, v
    w = left @ right
    np.reciprocal(w, out=w)
    ww = w * w
    sums = [w @ columns, ww @ columns, np.multiply(ww, w, out=w) @ columns]
    apart_weight = 1.0 / (v[rows, apart][:, None] + grid)
    parts = [[each[..., power] for power in range(3)] for each in sums]
    return Score(*terms_of_sums(parts, apart_weight, restricted)[:4])
