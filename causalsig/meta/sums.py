"""With an intercept alone everything about tau² is a sum of w^a y^b, and such sums are matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Terms(NamedTuple):
    """Parts of the score at t, as in `gls.Score`, y'Py and tr P; (B,), or plain numbers for one data set."""

    y_pp_y: Any
    trace: Any
    y_ppp_y: Any
    trace_square: Any
    rss: Any
    trace_p: Any


@dataclass(frozen=True, slots=True)
class Sums:
    """Effects of B data sets with k sites, ready for sums.

    Effects are taken from their mean at tau² = 0. With weights at another tau² a site's share is at least 1/k
    of its share at zero, so what the sums lose to a mean elsewhere is a factor k + 1 of a rounding at most.

    Attributes
    ----------
    v : (B, k)
    columns : (B, 3, k)
        Powers 0, 1 and 2 of the effects from their centre.
    powers : (B, 3, k)
        Room for the powers of the weights.
    """

    v: FloatArray
    columns: FloatArray
    powers: FloatArray

    @classmethod
    def of(cls, y: FloatArray, v: FloatArray, room: FloatArray | None = None) -> Sums:
        """Prepare effects and variances (B, k), in the caller's `room` (2, at least B, 3, k) if there is."""
        shape = (2, len(y), 3, y.shape[1])
        columns, powers = np.empty(shape) if room is None else room[:, : len(y)]
        columns[:, 0] = 1.0
        w = np.divide(1.0, v, out=powers[:, 0])
        np.multiply(w, y, out=powers[:, 1])
        centre = np.add.reduce(powers[:, 1], axis=1) / np.add.reduce(w, axis=1)
        np.subtract(y, centre[:, None], out=columns[:, 1])
        np.multiply(columns[:, 1], columns[:, 1], out=columns[:, 2])
        return cls(v, columns, powers)

    def rows(self, which: NDArray[np.intp]) -> Sums:
        """Return some data sets."""
        columns = self.columns[which]
        return Sums(self.v[which], columns, np.empty_like(columns))

    def at(self, t: FloatArray) -> FloatArray:
        """Add w^(a + 1) y^b over the sites for a and b from 0 to 2: (B, 3, 3)."""
        powers = self.powers
        w, ww = powers[:, 0], powers[:, 1]
        np.add(self.v, t[:, None], out=w)
        np.reciprocal(w, out=w)
        np.multiply(w, w, out=ww)
        np.multiply(ww, w, out=powers[:, 2])
        return np.asarray(powers @ self.columns.transpose(0, 2, 1))


def terms_of_sums(sums: Any, restricted: bool) -> Terms:
    """Parts of the score from ``sums[a][b]`` of w^(a + 1) y^b: arrays, or plain numbers."""
    (total, first, plain), (square, square_y, square_yy), (cube, cube_y, cube_yy) = sums
    mean = first / total
    u = square_y - mean * square
    y_pp_y = square_yy - mean * (square_y + u)
    y_ppp_y = cube_yy - mean * (2.0 * cube_y - mean * cube) - u * u / total
    rss = plain - mean * first
    ratio = square / total
    trace_p = total - ratio
    if not restricted:
        return Terms(y_pp_y, total, y_ppp_y, square, rss, trace_p)
    trace_square = square - 2.0 * cube / total + ratio * ratio
    return Terms(y_pp_y, trace_p, y_ppp_y, trace_square, rss, trace_p)
