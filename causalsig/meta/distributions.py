"""Distributions that a quadrature gives: density, cdf, quantiles and intervals without draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.mixture import Mixture
from causalsig.meta.options import check_level

FloatArray = NDArray[np.float64]

NODES = 16
# Log density below its highest at which a tail ends: e^-45 is 3e-20.
DEPTH = 45.0


@dataclass(frozen=True, slots=True, eq=False)
class PanelDistribution(ComparedByValue):
    """A distribution given by its density at Gauss-Legendre nodes of adjoining panels.

    Attributes
    ----------
    edges : (P + 1,)
        Of the panels in u, where the quantity is ``centre + scale sinh(u)``: fine in the middle, wide in
        the tails.
    values : (P, NODES)
        Density with respect to u; it integrates to one.
    centre, scale : float
    """

    edges: FloatArray
    values: FloatArray
    centre: float
    scale: float

    def density(self, at: float) -> float:
        """Density at a value of the quantity; 0 outside its range, nan at nan."""
        u, panel = self._place(at)
        if panel < 0:
            return float("nan") if np.isnan(u) else 0.0
        local = 2.0 * (u - self.edges[panel]) / (self.edges[panel + 1] - self.edges[panel]) - 1.0
        height = float(legendre.legval(local, self._series(panel)))
        return max(0.0, height) / (self.scale * float(np.cosh(u)))

    def cdf(self, at: float) -> float:
        """P(quantity ≤ at); nan at nan."""
        u, panel = self._place(at)
        if np.isnan(u):
            return float("nan")
        if panel < 0:
            return 0.0 if u < self.edges[0] else 1.0
        return float(min(1.0, self._before()[panel] + self._inside(u, panel)))

    def quantile(self, probability: float) -> float:
        """Value below which this probability lies."""
        from scipy import optimize

        _check_probability(probability)
        before = self._before()
        panel = int(np.clip(np.searchsorted(before, probability, side="right") - 1, 0, len(before) - 2))
        low, high = float(self.edges[panel]), float(self.edges[panel + 1])
        wanted = probability - float(before[panel])
        if wanted <= 0.0:
            u = low
        elif wanted >= self._inside(high, panel):
            u = high
        else:
            u = float(optimize.brentq(lambda x: self._inside(x, panel) - wanted, low, high, xtol=1e-14))
        return self.centre + self.scale * float(np.sinh(u))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Equal-tailed interval."""
        tail = 0.5 * (1.0 - check_level(level))
        return self.quantile(tail), self.quantile(1.0 - tail)

    @property
    def mean(self) -> float:
        """Mean over the range held; of no use where the tails are too heavy to have one."""
        return float((self._masses() * self._points()).sum())

    @property
    def std_dev(self) -> float:
        """Standard deviation over the range held."""
        gaps = self._points() - self.mean
        return float(np.sqrt((self._masses() * gaps * gaps).sum()))

    def _place(self, at: float) -> tuple[float, int]:
        u = float(np.arcsinh((at - self.centre) / self.scale))
        if not self.edges[0] <= u < self.edges[-1]:
            return u, -1
        return u, int(np.searchsorted(self.edges, u, side="right")) - 1

    def _points(self) -> FloatArray:
        return np.asarray(self.centre + self.scale * np.sinh(nodes_of(self.edges)[0]))

    def _masses(self) -> FloatArray:
        return np.asarray(self.values * nodes_of(self.edges)[1])

    def _before(self) -> FloatArray:
        return np.concatenate([[0.0], np.cumsum(self._masses().sum(axis=1))])

    def _series(self, panel: int) -> FloatArray:
        return np.asarray(_to_series() @ self.values[panel])

    def _inside(self, u: float, panel: int) -> float:
        """Mass from the panel's left edge to u."""
        half = 0.5 * float(self.edges[panel + 1] - self.edges[panel])
        local = (u - float(self.edges[panel])) / half - 1.0
        return half * float(legendre.legval(local, legendre.legint(self._series(panel), lbnd=-1)))


@dataclass(frozen=True, slots=True, eq=False)
class NormalMixture(ComparedByValue):
    """A distribution that is a mixture of normals."""

    mixture: Mixture

    def density(self, at: float) -> float:
        """Density at a value of the quantity."""
        means, std_devs = self.mixture.means[0, :, 0], self.mixture.std_devs[0, :, 0]
        standard = (at - means) / std_devs
        heights = np.exp(-0.5 * standard * standard) / (std_devs * np.sqrt(2.0 * np.pi))
        return float(self.mixture.mass[0] @ heights)

    def cdf(self, at: float) -> float:
        """P(quantity ≤ at); nan at nan."""
        return float("nan") if np.isnan(at) else float(self.mixture.below(float(at))[0, 0])

    def quantile(self, probability: float) -> float:
        """Value below which this probability lies."""
        _check_probability(probability)
        return float(self.mixture.quantiles((probability,))[0][0, 0])

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Equal-tailed interval."""
        tail = 0.5 * (1.0 - check_level(level))
        return self.quantile(tail), self.quantile(1.0 - tail)

    @property
    def mean(self) -> float:
        """Mean; of no use where the tails are too heavy to have one."""
        return float(self.mixture.mass[0] @ self.mixture.means[0, :, 0])

    @property
    def std_dev(self) -> float:
        """Standard deviation."""
        means, std_devs = self.mixture.means[0, :, 0], self.mixture.std_devs[0, :, 0]
        return float(np.sqrt(self.mixture.mass[0] @ (std_devs**2 + (means - self.mean) ** 2)))


def nodes_of(edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre points and weights, (P, NODES) each, of the panels between edges."""
    points, weights = _rule()
    half = 0.5 * np.diff(edges)[:, None]
    return edges[:-1, None] + half * (points + 1.0), half * weights


def part_that_counts(grid: FloatArray, log_heights: FloatArray) -> tuple[float, float]:
    """Return the ends of the part of a grid where the density is not negligible, a step wider."""
    inside = np.flatnonzero(log_heights >= log_heights.max() - DEPTH)
    return float(grid[max(inside[0] - 1, 0)]), float(grid[min(inside[-1] + 1, len(grid) - 1)])


def _check_probability(probability: float) -> None:
    if not 0.0 <= probability <= 1.0:
        raise MetaError(
            "meta-level",
            expected="a probability from 0 to 1",
            found="another number",
            mend="Give a fraction.",
        )


@cache
def _rule() -> tuple[FloatArray, FloatArray]:
    points, weights = legendre.leggauss(NODES)
    return np.asarray(points), np.asarray(weights)


@cache
def _to_series() -> FloatArray:
    """Matrix from values at the nodes to coefficients of the Legendre polynomials."""
    points, weights = _rule()
    basis = legendre.legvander(points, NODES - 1)
    return np.asarray(basis.T * weights * (np.arange(NODES) + 0.5)[:, None])


def log_cosh(u: FloatArray) -> FloatArray:
    """Log cosh(u) without overflow."""
    return np.asarray(np.abs(u) + np.log1p(np.exp(-2.0 * np.abs(u))) - np.log(2.0))
