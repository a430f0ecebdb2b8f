"""The maximum of the (restricted) likelihood of tau², with a proof from a few values that it is the only one.

With λ the eigenvalues of the sampling variances among the error contrasts, ``y'PPy = Σ c_i²/(λ_i + t)²`` and
``tr P = Σ 1/(λ_i + t)`` (for ML ``Σ 1/(v_i + t)`` over the sites). So ``G = (y'PPy)^(-1/2)`` and
``R = 1/trace`` are power means, of exponents -2 and -1, of functions that are affine in t: both rise and are
concave, hence below their tangents and above their chords, and G rises at least by 1/√SSE, its slope at
infinity. The score is positive where ``G² < R``. With tangents of the one and chords of the other that
becomes a comparison of a parabola with a line, which holds or fails at the ends. What is not proven is
searched by :mod:`causalsig.meta.maximum`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.gls import Basis, Score, plain_rss, score_of_fit, trace_p, weighted_fit
from causalsig.meta.roots import falling_roots
from causalsig.meta.sums import Room, Sums, Terms, terms_of_sums

FloatArray = NDArray[np.float64]

# Where the curves beyond the maximum are looked at when the slope at infinity alone does not prove that the
# score stays below zero, in units of R/R' (about tau² plus the typical variance).
BEYOND = (0.4, 2.0)
# The proof is given at the climb's last point but one, which is nearer to the root than this share.
NEAR = 1e-6


class Point(NamedTuple):
    """G, R and their slopes at t, for a batch (B,) or as plain numbers for one data set."""

    t: Any
    g: Any
    dg: Any
    r: Any
    dr: Any

    def stays_below(self, slope: Any) -> Any:
        """Whether G² ≥ R further on, as far as G rises by this slope at least; given that it is so here.

        ``(g + slope d)² - (r + dr d)`` is convex in d and not below zero at d = 0.
        """
        return (2.0 - NEAR) * self.g * slope >= self.dr

    def rises_to(self, other: Point) -> Any:
        """Whether G² < R from here up to a point where they are equal; given that it is so here.

        Below either tangent of G, which cross at d, the parabola lies under R's chord at both ends.
        """
        width = other.t - self.t
        chord = (other.r - self.r) / width
        d = (other.g - other.dg * width - self.g) / (self.dg - other.dg)
        height = self.g + self.dg * d
        return height * height < self.r + chord * d

    def slope_to(self, other: Point) -> Any:
        """Slope of G's chord."""
        return (other.g - self.g) / (other.t - self.t)


class Evaluator:
    """The parts of the score of some data sets at any t: by sums where an intercept is all, else by a fit."""

    def __init__(
        self, y: FloatArray, v: FloatArray, basis: Basis, *, restricted: bool, room: Room | None = None
    ) -> None:
        self.y, self.v, self.basis, self.restricted = y, v, basis, restricted
        self.sums = Sums.of(y, v, room) if basis.constant else None

    def __len__(self) -> int:
        """Return the number of data sets."""
        return len(self.y)

    def rows(self, which: NDArray[np.intp]) -> Evaluator:
        """Return the evaluator of some data sets."""
        some = object.__new__(Evaluator)
        some.y, some.v, some.basis = self.y[which], self.v[which], self.basis.rows(which)
        some.restricted = self.restricted
        some.sums = self.sums.rows(which) if self.sums is not None else None
        return some

    def at(self, t: FloatArray) -> Terms:
        """Terms (B,) at t (B,)."""
        if self.sums is not None and len(t) == 1:
            return Terms(*(np.array([each]) for each in self.number_at(float(t[0]))))
        if self.sums is not None:
            apart = 1.0 / (self.sums.least + t)
            return terms_of_sums(self.sums.at(t).transpose(1, 2, 0), apart, self.restricted)
        fit = weighted_fit(self.y, self.v, self.basis, t)
        score = score_of_fit(fit, self.basis, restricted=self.restricted)
        trace = score.trace if self.restricted else trace_p(fit, self.basis)
        return Terms(score.y_pp_y, score.trace, score.y_ppp_y, score.trace_square, fit.rss, trace)

    def number_at(self, t: float) -> Terms:
        """Terms of the only data set in plain numbers."""
        if self.sums is not None:
            apart = 1.0 / (float(self.sums.least[0]) + t)
            return terms_of_sums(self.sums.number_at(t), apart, self.restricted)
        return Terms(*(float(each[0]) for each in self.at(np.array([t]))[:6]))


class OnlyMaximum(NamedTuple):
    """A stationary point of the likelihood on tau² ≥ 0 and what was met on the way, each (B,)."""

    tau2: FloatArray
    proven: NDArray[np.bool_]  # to be the only one
    q: FloatArray  # y'Py at zero
    trace_p: FloatArray  # at zero
    data: Evaluator


def only_maximum(
    y: FloatArray, v: FloatArray, basis: Basis, *, restricted: bool, room: Room | None = None
) -> OnlyMaximum:
    """Climb from a moment estimate of tau², or stay at zero, and try to prove that there is no other."""
    data = Evaluator(y, v, basis, restricted=restricted, room=room)
    if len(y) == 1:
        return _of_one(data)
    at_zero = data.at(np.zeros(len(y)))
    tau2, sse = np.zeros(len(y)), plain_rss(y, basis)
    zero = found = _point(tau2, at_zero)
    rising = np.flatnonzero(at_zero.y_pp_y > at_zero.trace)
    if rising.size:
        every = rising.size == len(y)
        some = data if every else data.rows(rising)
        start = (at_zero.rss[rising] - (basis.k - basis.p)) / at_zero.trace_p[rising]
        roots, near = _climb(some, sse[rising], start)
        tau2 = _with(tau2, rising, roots)
        found = (
            near if every else Point(*(_with(*each) for each in zip(zero, [rising] * 5, near, strict=True)))
        )
    proven = (tau2 == 0.0) | zero.rises_to(found)
    tail = 1.0 / np.sqrt(sse)
    falls = found.stays_below(tail)
    more = np.flatnonzero(proven & ~falls)
    if more.size:
        some, here = data.rows(more), Point(*(each[more] for each in found))
        near, far = (_point(t, some.at(t)) for t in _beyond(here))
        falls[more] = _falls(here, near, far, tail[more])
    return OnlyMaximum(tau2, proven & falls, at_zero.rss, at_zero.trace_p, data)


def _with(values: FloatArray, which: NDArray[np.intp], others: FloatArray) -> FloatArray:
    """Copy values with others in some places."""
    changed = values.copy()
    changed[which] = others
    return changed


def scan_top(smallest: Any, largest: Any, s: Any) -> Any:
    """Return a tau² beyond the last stationary point, for s the unweighted mean square of the residuals.

    y'PPy ≤ SSE/(t + v_min)² and tr P ≥ (k - p)/(t + v_max) with SSE the unweighted residual sum of
    squares, so the score is negative once (t + v_min)² > s (t + v_max), s = SSE/(k - p); for ML k replaces
    k - p.
    """
    # Larger root of z² - s z - s (v_max - v_min) = 0 in z = t + v_min.
    z = 0.5 * (s + (s * s + 4.0 * s * (largest - smallest)) ** 0.5)
    return 1.1 * z - smallest


def ratio_and_slope(score: Score | Terms) -> tuple[Any, Any]:
    """1 - trace/(y'PPy) and its derivative: the score's sign, and nearly linear in tau²."""
    quotient = score.trace / score.y_pp_y
    slope = (score.trace_square - 2.0 * score.y_ppp_y * quotient) / score.y_pp_y
    return 1.0 - quotient, slope


def _climb(data: Evaluator, sse: FloatArray, start: FloatArray) -> tuple[FloatArray, Point]:
    """Roots (B,) of scores above zero at zero, from moment estimates of tau², and a point near each."""
    smallest = data.v.min(axis=1)
    df = data.basis.k - data.basis.p if data.restricted else data.basis.k
    top = np.maximum(scan_top(smallest, data.v.max(axis=1), sse / df), 0.1 * smallest)
    begin = np.minimum(np.maximum(start, 0.0), top)
    # Rows that are done go along until few are left: choosing rows costs as much as a pass.
    at, some, members = begin.copy(), data, np.arange(len(data))
    last = np.empty((5, len(data)))

    def ratio(point: FloatArray, which: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        nonlocal at, some, members
        if 4 * which.size < members.size:
            some, at, members = data.rows(which), point.copy(), which
        at[np.searchsorted(members, which)] = point
        terms = some.at(at)
        last[:, members] = at, *terms[:4]
        value, slope = ratio_and_slope(terms)
        if which.size == members.size:
            return value, slope
        place = np.searchsorted(members, which)
        return value[place], slope[place]

    roots = falling_roots(ratio, np.zeros(len(data)), top, smallest, begin)
    return roots, _point(last[0], Terms(last[1], last[2], last[3], last[4], 0.0, 0.0))


def _of_one(data: Evaluator) -> OnlyMaximum:
    """`only_maximum` of one data set: the same steps in plain numbers cost less than in arrays of one."""
    at_zero = data.number_at(0.0)
    try:
        tau2, proven = _number_of_one(data, at_zero)
    except (ZeroDivisionError, OverflowError):
        tau2, proven = 0.0, False
    return OnlyMaximum(
        np.array([tau2]), np.array([proven]), np.array([at_zero.rss]), np.array([at_zero.trace_p]), data
    )


def _number_of_one(data: Evaluator, at_zero: Terms) -> tuple[float, bool]:
    zero = found = _point(0.0, at_zero)
    tau2, sse = 0.0, float(plain_rss(data.y, data.basis)[0])
    if at_zero.y_pp_y > at_zero.trace:
        last = [(0.0, at_zero)]

        def ratio(point: Any, _: NDArray[np.intp]) -> Any:
            terms = data.number_at(point[0])
            last[0] = float(point[0]), terms
            value, slope = ratio_and_slope(terms)
            return (value,), (slope,)

        smallest, basis = data.v.min(axis=1), data.basis
        df = basis.k - basis.p if data.restricted else basis.k
        low = float(smallest[0])
        top = max(scan_top(low, float(data.v.max()), sse / df), 0.1 * low)
        begin = min(max((at_zero.rss - (basis.k - basis.p)) / at_zero.trace_p, 0.0), top)
        tau2 = float(falling_roots(ratio, np.zeros(1), np.array([top]), smallest, np.array([begin]))[0])
        found = _point(*last[0])
        if not zero.rises_to(found):
            return tau2, False
    tail = 1.0 / sse**0.5
    if found.stays_below(tail):
        return tau2, True
    near, far = (_point(t, data.number_at(t)) for t in _beyond(found))
    return tau2, bool(_falls(found, near, far, tail))


def _beyond(here: Point) -> tuple[Any, Any]:
    near, far = (here.t + share * here.r / here.dr for share in BEYOND)
    return near, far


def _falls(here: Point, near: Point, far: Point, tail: Any) -> Any:
    """Whether the score stays below zero from a root on, by two points beyond it."""
    to_far = near.stays_below(near.slope_to(far)) & far.stays_below(tail)
    return here.stays_below(here.slope_to(near)) & (near.stays_below(tail) | to_far)


def _point(t: Any, terms: Terms) -> Point:
    g, r = terms.y_pp_y**-0.5, 1.0 / terms.trace
    return Point(t, g, terms.y_ppp_y * g / terms.y_pp_y, r, terms.trace_square * r * r)
