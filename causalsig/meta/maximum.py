"""Where the (restricted) likelihood of tau² is highest, in a batch, and how many maxima it has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.gls import Basis, Score, log_likelihood, plain_rss, score_terms
from causalsig.meta.only_maximum import OnlyMaximum, only_maximum, ratio_and_slope, scan_top
from causalsig.meta.roots import falling_roots
from causalsig.meta.scan import scan_terms
from causalsig.meta.sums import Room

FloatArray = NDArray[np.float64]

# The scan's step in log(tau² + smallest variance). As functions of that, the parts of the score are sums of
# logistic curves of width one (poles at a distance π), which a cubic through values and slopes follows to a
# few per cent; where that cubic comes near a sign change that the ends do not show, the row is scanned again
# with the finer step. In 80,000 data sets of 3 to 20 sites with thousands of pairs of maxima one pair was
# taken for one, and the highest maximum was always found (against a step of 0.03).
SCAN_STEP = 1.0
FINE_STEP = 0.07
# How near to zero, as a share of the smaller end, the cubic may come before the row is scanned again.
DOUBT = 0.2
# Grids are as long as the next of these, so that a row's grid does not depend on the rest of the batch.
LENGTHS = np.array([*range(1, 17), 20, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 4096])
# Elements of one intermediate array, so that a chunk of the batch stays in the processor's cache.
CHUNK = 16_384
# Elements of a part of the batch: its arrays, powers of effects and of weights, stay in the cache.
PART = 60_000


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def maximum_likelihood(
    y: FloatArray, v: FloatArray, basis: Basis, *, restricted: bool, room: Room | None = None
) -> tuple[FloatArray, NDArray[np.int_], OnlyMaximum]:
    """Highest maximum on tau² ≥ 0, how many local ones (that at zero included), and what was met."""
    first = only_maximum(y, v, basis, restricted=restricted, room=room)
    tau2, proven = first.tau2, first.proven
    maxima = np.ones(len(y), dtype=np.int_)
    if not proven.all():
        rest = np.flatnonzero(~proven)
        tau2[rest], maxima[rest] = _by_scan(y[rest], v[rest], basis.rows(rest), restricted=restricted)
    return tau2, maxima, first


def _by_scan(
    y: FloatArray, v: FloatArray, basis: Basis, *, restricted: bool
) -> tuple[FloatArray, NDArray[np.int_]]:
    """`maximum_likelihood` where nothing is known beforehand."""
    rows, low, high, start, at_zero = _brackets(y, v, basis, restricted=restricted)
    tau2 = np.zeros(len(y))
    maxima = at_zero.astype(np.int_) + np.bincount(rows, minlength=len(y))
    if rows.size:
        every = rows.size == len(y) and bool((rows == np.arange(len(y))).all())
        yy, vv, bb = (y, v, basis) if every else (y[rows], v[rows], basis.rows(rows))

        def ratio(point: FloatArray, which: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
            every = which.size == len(yy)
            ys, vs, bs = (yy, vv, bb) if every else (yy[which], vv[which], bb.rows(which))
            return ratio_and_slope(_chunked(ys, vs, bs, point, restricted=restricted))

        roots = falling_roots(ratio, low, high, vv.min(axis=1), start)
        tau2[rows] = roots
        several = np.flatnonzero(maxima > 1)
        if several.size:
            _choose_highest(y, v, basis, rows, roots, at_zero, several, tau2, restricted=restricted)
    return tau2, maxima


def _choose_highest(
    y: FloatArray,
    v: FloatArray,
    basis: Basis,
    rows: NDArray[np.intp],
    roots: FloatArray,
    at_zero: NDArray[np.bool_],
    several: NDArray[np.intp],
    tau2: FloatArray,
    *,
    restricted: bool,
) -> None:
    """Put the root with the highest likelihood into `tau2` for the rows `several`."""
    for row in several:
        candidates = np.concatenate([[0.0] if at_zero[row] else [], roots[rows == row]])
        heights = log_likelihood(y[row], v[row], basis.member(int(row)), candidates, restricted=restricted)
        tau2[row] = candidates[int(np.argmax(heights))]


def _chunked(y: FloatArray, v: FloatArray, basis: Basis, tau2: FloatArray, *, restricted: bool) -> Score:
    """`score_terms` for tau² (B,), in chunks that stay in the cache."""
    size = max(1, CHUNK // y.shape[-1])
    if len(y) <= size:
        return score_terms(y, v, basis, tau2, restricted=restricted)
    parts = []
    for begin in range(0, len(y), size):
        part = slice(begin, begin + size)
        some = basis.rows(np.arange(begin, min(begin + size, len(y))))
        parts.append(score_terms(y[part], v[part], some, tau2[part], restricted=restricted))
    fields = ("y_pp_y", "trace", "y_ppp_y", "trace_square")
    return Score(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


Brackets = tuple[NDArray[np.intp], FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]


def _brackets(y: FloatArray, v: FloatArray, basis: Basis, *, restricted: bool) -> Brackets:
    """Rows, ends and starts of every interval in which the score falls through zero, and who starts below."""
    low, top, last = _scan_ends(y, v, basis, restricted=restricted)
    wanted = np.log1p(last / low)
    at_zero = np.zeros(len(y), dtype=np.bool_)
    todo, step, parts = np.arange(len(y)), SCAN_STEP, []
    while todo.size:
        lengths = LENGTHS[np.searchsorted(LENGTHS, wanted[todo] / step)]
        doubtful = []
        for length in np.unique(lengths):
            which = todo if (lengths == length).all() else todo[lengths == length]
            every = which.size == len(y)
            yy, vv, bb = (y, v, basis) if every else (y[which], v[which], basis.rows(which))
            grid = _grid(low[which], wanted[which], top[which], int(length))
            terms = scan_terms(yy, vv, bb, grid, restricted=restricted)
            doubt = _doubtful(terms, grid, low[which]) if step == SCAN_STEP else np.zeros(len(yy), np.bool_)
            parts.append(_crossings(terms, grid, which, ~doubt))
            at_zero[which] = terms.y_pp_y[:, 0] <= terms.trace[:, 0]
            doubtful.append(which[doubt])
        todo, step = np.concatenate(doubtful), FINE_STEP
    if len(parts) == 1:
        rows, left, right, start = parts[0]
    else:
        rows, left, right, start = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return rows, left, right, start, at_zero


def _scan_ends(
    y: FloatArray, v: FloatArray, basis: Basis, *, restricted: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Smallest variance, a tau² beyond the last stationary point, and where the scan can stop.

    Beyond v_max - 2 v_min the ratio y'PPy / tr P falls: its logarithm's derivative is at most
    1/(t + v_min) - 2/(t + v_max), since P has eigenvalues between 1/(t + v_max) and 1/(t + v_min). So there
    is at most one root there.
    """
    df = basis.k - basis.p if restricted else basis.k
    smallest, largest = v.min(axis=1), v.max(axis=1)
    top = np.maximum(scan_top(smallest, largest, plain_rss(y, basis) / df), 0.1 * smallest)
    return smallest, top, np.minimum(top, np.maximum(largest - 2.0 * smallest, 0.0))


def _grid(low: FloatArray, wanted: FloatArray, top: FloatArray, length: int) -> FloatArray:
    """Values of tau² (B, length + 2): equal steps in log(tau² + v_min) over the part to scan, then `top`."""
    steps = np.arange(length + 1) / length
    inner = low[:, None] * np.expm1(wanted[:, None] * steps)
    return np.concatenate([inner, np.maximum(top, inner[:, -1])[:, None]], axis=1)


def _doubtful(terms: Score, grid: FloatArray, low: FloatArray) -> NDArray[np.bool_]:
    """Rows in which a sign change may hide between two points of the scan."""
    # The score as a share of its parts, between -1 and 1, and its slope in log(tau² + v_min).
    total = terms.y_pp_y + terms.trace
    value = 1.0 - 2.0 * terms.trace / total
    slope = terms.y_pp_y * terms.trace_square - 2.0 * terms.y_ppp_y * terms.trace
    slope *= 2.0 * (grid + low[:, None]) / (total * total)
    step = np.log((grid[:, 1:-1] + low[:, None]) / (grid[:, :-2] + low[:, None]))
    a, b = value[:, :-2], value[:, 1:-1]
    side = np.sign(a)
    da, db = side * slope[:, :-2] * step, side * slope[:, 1:-1] * step
    a, b = np.abs(a), side * b
    # On one side of zero: the slopes lead there and back, and the cubic's middle comes near it. Across zero:
    # a slope against the change means that it may cross more than once.
    middle = 0.5 * (a + b) + 0.125 * (da - db)
    turns = (b > 0.0) & (da < 0.0) & (db > 0.0)
    turns &= middle < DOUBT * np.minimum(a, b) + 0.05 * (db - da)
    against = (b <= 0.0) & ((da > 0.0) | (db > 0.0))
    return np.asarray((turns | against).any(axis=1))


def _crossings(
    terms: Score, grid: FloatArray, which: NDArray[np.intp], wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], FloatArray, FloatArray, FloatArray]:
    """Intervals (of wanted rows) in which the score goes from above zero to zero or below."""
    above = terms.y_pp_y > terms.trace
    row, place = np.nonzero(above[:, :-1] & ~above[:, 1:] & wanted[:, None])
    ends = (np.stack([row, row]), np.stack([place, place + 1]))
    fields = (terms.y_pp_y, terms.trace, terms.y_ppp_y, terms.trace_square)
    value, slope = ratio_and_slope(Score(*(each[ends] for each in fields)))
    left, right = grid[ends]
    return which[row], left, right, _inverse_cubic(left, right, *value, *slope)


def _inverse_cubic(
    left: FloatArray, right: FloatArray, a: FloatArray, b: FloatArray, da: FloatArray, db: FloatArray
) -> FloatArray:
    """Argument at value zero, by the cubic of the argument in the value; the secant where that fails."""
    width = b - a
    s = -a / width
    rest = 1.0 - s
    cubic = left + s * (s * (3.0 - 2.0 * s) * (right - left) + rest * width * (rest / da - s / db))
    # Not so when a slope has the wrong sign or a value is infinite.
    return np.where((cubic > left) & (cubic < right), cubic, 0.5 * (left + right))
