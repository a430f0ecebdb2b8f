"""What a plot of a threshold shows, from its released bins alone: points, both lines, and their counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from causalsig.crossed import Degree, KernelName, ReleasedBin, ReleasedThreshold

Floats = NDArray[np.float64]
POINTS = {"narrow": 6, "wide": 11}
"""Points on each side, at most: released bins are fine, and neighbours are drawn as one."""
REACH = 2.0
"""How far from the cutoff a plot shows, in bandwidths."""
STEPS = 25
"""Places at which a line is drawn: straight in the distance, not in the score."""
_KERNELS: Mapping[KernelName, Callable[[Floats], Floats]] = MappingProxyType(
    {"triangular": lambda u: 1.0 - u, "epanechnikov": lambda u: 1.0 - u**2, "uniform": np.ones_like}
)


@dataclass(frozen=True, slots=True, eq=False)
class PlottedPoints:
    """Points of one side, (P,) each, ascending in distance from the cutoff.

    ``low`` and ``high`` are the ends of the means' intervals; ``edges`` (P + 1,) lie between neighbours, and
    ``density`` counts episodes a unit of distance between them.
    """

    distance: Floats
    mean: Floats
    low: Floats
    high: Floats
    edges: Floats
    density: Floats
    episodes: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PlottedThreshold:
    """One threshold as it is drawn.

    Attributes
    ----------
    left, right : PlottedPoints
    lines : (distances, values) of the left and of the right line, from the bandwidth to the cutoff
    h : (left, right), bandwidths of the lines
    """

    left: PlottedPoints
    right: PlottedPoints
    lines: tuple[tuple[Floats, Floats], tuple[Floats, Floats]]
    h: tuple[float, float]


def plotted(block: ReleasedThreshold, *, points: int, level: float = 0.95) -> PlottedThreshold | None:
    """Make what is drawn of a released threshold; None where a side has too few bins for a line."""
    h = (block.bandwidths[0], block.bandwidths[1])
    sides = [
        [one for one in block.bins if (one.distance >= 0.0) is right and abs(one.distance) <= REACH * width]
        for right, width in zip((False, True), h, strict=True)
    ]
    lines = [line(bins, width, block.kernel, block.degree) for bins, width in zip(sides, h, strict=True)]
    if lines[0] is None or lines[1] is None:
        return None
    left, right = (points_of(bins, points, level) for bins in sides)
    return PlottedThreshold(left, right, (lines[0], lines[1]), h)


def line(
    bins: Sequence[ReleasedBin], h: float, kernel: KernelName = "triangular", degree: Degree = 1
) -> tuple[Floats, Floats] | None:
    """Fit the line of one side: least squares by episodes, with the estimate's own kernel and degree.

    Returns
    -------
    (distances, values) or None
        From the bandwidth to the cutoff; None where no more bins than the degree lie within it.
    """
    near = [one for one in bins if abs(one.distance) < h]
    if len({one.distance for one in near}) <= degree:
        return None
    u, y = np.array([one.distance for one in near]) / h, np.array([one.mean for one in near])
    w = np.array([one.episodes for one in near]) * _KERNELS[kernel](np.abs(u))
    fitted = np.polynomial.Polynomial.fit(u, y, degree, w=np.sqrt(w))
    at = np.linspace(np.sign(u[0] or 1.0), 0.0, STEPS)
    return h * at, fitted(at)


def points_of(bins: Sequence[ReleasedBin], points: int, level: float) -> PlottedPoints:
    """Draw neighbouring bins of one side as one point, each of about as many episodes."""
    ordered = sorted(bins, key=lambda one: abs(one.distance))
    n = np.array([one.episodes for one in ordered], dtype=np.float64)
    places = np.minimum((np.cumsum(n) - n) / n.sum() * points, points - 1).astype(int)
    groups = [[one for one, at in zip(ordered, places, strict=True) if at == k] for k in range(points)]
    found = sorted((_point(group, level) for group in groups if group), key=lambda row: row[0])
    distance, mean, half, episodes = (np.array(column) for column in zip(*found, strict=True))
    outward = np.abs(distance)
    middles = 0.5 * (outward[1:] + outward[:-1])
    # The first point's bins begin at the cutoff; the last one's end as far beyond it as they began before.
    order = np.argsort(outward)
    ends = np.sort(middles)
    furthest = 2.0 * outward[order[-1]] - (ends[-1] if len(ends) else 0.0)
    edges = np.concatenate([[0.0], ends, [furthest]])
    widths = np.maximum(np.diff(edges), 1e-12)
    density = np.empty(len(distance))
    density[order] = episodes[order] / widths
    signed = np.sort(edges * (1.0 if distance[order[-1]] >= 0.0 else -1.0))
    return PlottedPoints(distance, mean, mean - half, mean + half, signed, density, episodes)


def _point(bins: Sequence[ReleasedBin], level: float) -> tuple[float, float, float, float]:
    """Mean distance, mean, half its interval, and episodes of several bins together."""
    n = np.array([one.episodes for one in bins], dtype=np.float64)
    x, y = np.array([one.distance for one in bins]), np.array([one.mean for one in bins])
    total = n.sum()
    mean = float(n @ y / total)
    within = float(n @ np.array([one.variance for one in bins]) / total + n @ (y - mean) ** 2 / total)
    half = NormalDist().inv_cdf(0.5 + level / 2.0) * (within / total) ** 0.5
    return float(n @ x / total), mean, half, float(total)


def score_at(block: ReleasedThreshold, distance: float) -> float:
    """Give the score at a distance from the cutoff, in the score's own unit."""
    return block.cutoff * exp(distance) if block.scale == "log" else block.cutoff + distance
