"""With an intercept alone everything about tau² is a sum of w^a y^b, and such sums are matrix products.

One site can have nearly all the weight. Then w - w²/W, and what is built from it, is the difference of two
nearly equal numbers, and digits go with every digit of the weight. So the site of the largest weight is kept
apart: effects are taken from its own, sums go over the others, and what the giant adds is written without a
difference. No other site has more than half the weight, so the other differences keep their digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Terms(NamedTuple):
    """Parts of the score at t, as in `gls.Score`, y'Py and tr P; (B,), or plain numbers for one data set.

    For an intercept alone also the sum of the weights and the mean less the effect of the site apart.
    """

    y_pp_y: Any
    trace: Any
    y_ppp_y: Any
    trace_square: Any
    rss: Any
    trace_p: Any
    total: Any = None
    mean: Any = None


class Room(NamedTuple):
    """Memory that the parts of a batch use in turn."""

    columns: FloatArray  # (B, 3, k)
    powers: FloatArray  # (3, B, k)

    @classmethod
    def of(cls, b: int, k: int) -> Room:
        """Make room for B data sets with k sites."""
        return cls(np.empty((b, 3, k)), np.empty((3, b, k)))

    def first(self, b: int) -> Room:
        """Return the part for B data sets."""
        return Room(self.columns[:b], self.powers[:, :b])


@dataclass(frozen=True, slots=True)
class Sums:
    """Effects of B data sets with k sites, ready for sums.

    Effects are taken from that of the site with the largest weight, whose part of y'Py keeps what the sums
    lose to a mean elsewhere below a factor k + 1 of a rounding.

    Attributes
    ----------
    v : (B, k)
    columns : (B, 3, k)
        Powers 0, 1 and 2 of the effects from their centre, zero for the site apart.
    powers : (3, B, k)
        Room for the powers of the weights, one power after the other: passes over whole blocks are quicker
        than over rows with gaps.
    least, centre : (B,)
        Variance and effect of the site apart.
    """

    v: FloatArray
    columns: FloatArray
    powers: FloatArray
    least: FloatArray
    centre: FloatArray

    @classmethod
    def of(cls, y: FloatArray, v: FloatArray, room: Room | None = None) -> Sums:
        """Prepare effects and variances (B, k), in the caller's `room` if there is."""
        columns, powers = (room or Room.of(*y.shape)).first(len(y))
        rows, apart = np.arange(len(y)), v.argmin(axis=1)
        least, centre = v[rows, apart], y[rows, apart]
        columns[:, 0] = 1.0
        columns[rows, 0, apart] = 0.0
        np.subtract(y, centre[:, None], out=columns[:, 1])
        np.multiply(columns[:, 1], columns[:, 1], out=columns[:, 2])
        return cls(v, columns, powers, least, centre)

    def rows(self, which: NDArray[np.intp]) -> Sums:
        """Return some data sets."""
        columns, v = self.columns[which], self.v[which]
        return Sums(v, columns, np.empty((3, *v.shape)), self.least[which], self.centre[which])

    def at(self, t: FloatArray) -> FloatArray:
        """Add w^(a + 1) y^b over the sites for a and b from 0 to 2: (B, 3, 3)."""
        w, ww, www = self.powers
        np.add(self.v, t[:, None], out=w)
        np.reciprocal(w, out=w)
        np.multiply(w, w, out=ww)
        np.multiply(ww, w, out=www)
        return np.asarray(self.powers.transpose(1, 0, 2) @ self.columns.transpose(0, 2, 1))

    def number_at(self, t: float) -> list[list[float]]:
        """`at` of the only data set at a plain number: the same sums without an axis of one."""
        powers = self.powers[:, 0]
        w, ww, www = powers
        np.add(self.v[0], t, out=w)
        np.reciprocal(w, out=w)
        np.multiply(w, w, out=ww)
        np.multiply(ww, w, out=www)
        sums: list[list[float]] = (powers @ self.columns[0].T).tolist()
        return sums


def terms_of_sums(sums: Any, apart: Any, restricted: bool) -> Terms:
    """Parts of the score from ``sums[a][b]`` of w^(a + 1) y^b and the weight of the site apart.

    All are arrays, or all plain numbers. With w_0 the weight apart and m the mean, the weighted residuals
    w (y - m) of the others are taken from that of the site apart, -c = -w_0 m, where they enter y'PPPy.
    """
    (others, first, plain), (square, square_y, square_yy), (cube, cube_y, cube_yy) = sums
    total = apart + others
    mean = first / total
    c = apart * mean
    u = square_y - mean * square
    y_pp_y = square_yy - mean * (square_y + u) + c * c
    from_apart = u + c * others
    y_ppp_y = cube_yy - mean * (2.0 * cube_y - mean * cube) + c * (u + from_apart)
    y_ppp_y = y_ppp_y - from_apart * from_apart / total
    rss = plain - mean * first
    trace_p = trace_of_p(apart, others, square)
    if not restricted:
        return Terms(y_pp_y, total, y_ppp_y, square + apart * apart, rss, trace_p, total, mean)
    trace_square = trace_of_square(apart, others, square, square, cube)
    return Terms(y_pp_y, trace_p, y_ppp_y, trace_square, rss, trace_p, total, mean)


def trace_of_p(apart: Any, others: Any, square: Any) -> Any:
    """Trace of P, Σ w (W - w)/W, from the weight apart and Σ w and Σ w² of the others."""
    total = apart + others
    return others - square / total + apart / total * others


def trace_of_square(apart: Any, others: Any, product: Any, square: Any, cube: Any, scale: Any = 1.0) -> Any:
    """Trace of P S P S from the weight apart and Σ w, Σ w² s, Σ w² s² and Σ w³ s² of the others.

    ``scale`` is the s of the site apart; with s one everywhere it is the trace of PP.
    """
    total = apart + others
    share, mixed = apart / total, product / total
    own = share * others * scale
    return square - 2.0 * cube / total + mixed * mixed + 2.0 * share * scale * product * share + own * own
