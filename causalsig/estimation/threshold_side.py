"""One side of a cutoff: distances, moments, local fits as weights, and variances of weighted sums.

On either side the distance to the cutoff grows from zero, so that every bandwidth is a first stretch of the
arrays. Only coefficients of odd order change sign on the left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from causalsig.estimation.threshold_local import (
    Kernel,
    LocalFits,
    LocalMoments,
    alike,
    few_within,
    local_moments,
    powers,
)
from causalsig.estimation.threshold_table import Members, Moments, ScoreTable
from causalsig.estimation.threshold_windows import Place, Scale, Stretches, match_scores, stretch
from causalsig.results import Floats

Variance = Literal["nn", "cluster", "cluster_across"]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Fitted values: a polynomial in ``u = distance / bandwidth``.

    Attributes
    ----------
    bandwidth : float
    coefficients : (degree + 1, m), of every column of the table
    """

    bandwidth: float
    coefficients: Floats

    def at(self, distance: Floats) -> Floats:
        """Fitted values (rows, m) at distances, also beyond the bandwidth."""
        return np.asarray(powers(distance / self.bandwidth, len(self.coefficients) - 1).T @ self.coefficients)


@dataclass(frozen=True, slots=True, eq=False)
class Fit(Curve):
    """A weighted polynomial as weights of episodes.

    Attributes
    ----------
    rows : int, values within the bandwidth
    weights : (rows, degree + 1)
        Row v, column j: what one episode at value v adds to the coefficient of ``u**j``.
    """

    rows: int
    weights: Floats

    def order(self, j: int) -> tuple[Floats, Floats]:
        """Weights (rows,) and coefficients (m,) of the plain power ``distance**j``."""
        scale = self.bandwidth**j
        return self.weights[:, j] / scale, self.coefficients[j] / scale


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of a cutoff.

    Attributes
    ----------
    sign : -1 left, 1 right
    distance : (V,) from the cutoff, ascending
    moments : Moments, in that order
    episodes : int
    stretches, row : the side's row among those of all cutoffs
    alone, members : as in `ScoreTable`, in the order of `distance`
    """

    sign: int
    distance: Floats
    moments: Moments
    episodes: int
    stretches: Stretches = field(repr=False)
    row: int
    alone: Moments | None = None
    members: Members | None = None

    @property
    def residuals(self) -> Floats:
        """Sums (V, m, m) of ``e eᵀ``, e an episode's nearest-neighbour residual, the whole side as window."""
        return self.stretches.residuals[self.row, : len(self.distance)]

    def within(self, bandwidth: float, kernel: Kernel) -> int:
        """Values with a positive weight."""
        return int(self.stretches.within(np.array([self.row]), np.array([bandwidth]), kernel)[0])

    def local(self, bandwidth: float, degree: int, kernel: Kernel) -> tuple[int, LocalMoments, LocalFits]:
        """Fit a polynomial: values within the bandwidth, their weighted moments, and the fit of one window.

        Raises
        ------
        EstimationError
            ``estimation-few-scores`` when fewer distinct scores than coefficients have weight.
        """
        rows = self.within(bandwidth, kernel)
        if rows <= degree:
            raise few_within(rows, degree)
        own = self.moments.part(slice(0, rows))
        found = local_moments(
            self.distance[None, :rows],
            own.counts[None],
            own.sums[None],
            np.array([bandwidth]),
            degree,
            kernel,
        )
        fits = found.solve(degree)
        if fits.singular[0]:
            raise alike(degree)
        return rows, found, fits

    def fit(self, bandwidth: float, degree: int, kernel: Kernel) -> Fit:
        """Fit a polynomial by weighted least squares; raises as `local` does."""
        rows, found, fits = self.local(bandwidth, degree, kernel)
        weights = found.weighted[0].T @ fits.inverse[0]
        return Fit(bandwidth, fits.coefficients[0], rows, weights)

    def households_within(self, rows: int) -> int:
        """Distinct households among the first `rows` values; episodes where none were given."""
        if self.alone is None or self.members is None:
            return int(self.moments.counts[:rows].sum())
        inside = self.members.household[: int(np.searchsorted(self.members.value, rows))]
        seen = np.zeros(int(inside.max(initial=-1)) + 1, dtype=bool)
        seen[inside] = True
        return int(self.alone.counts[:rows].sum()) + int(seen.sum())


def cut(
    table: ScoreTable, cutoff: float, *, scale: Scale = "linear", donut: float = 0.0
) -> tuple[Side, Side]:
    """Cut a table at a cutoff; a score equal to it has crossed.

    Parameters
    ----------
    scale : "linear" or "log"
        Distance in the score's own unit, or ``log(score / cutoff)``.
    donut : float
        Scores within this distance of the cutoff are left out, in the score's own unit; 0 leaves out none.
    """
    place = Place(cutoff, donut)
    return sides_of(table, stretch(match_scores(table, scale), table.values, [place], scale), 0)


def sides_of(table: ScoreTable, stretches: Stretches, place: int) -> tuple[Side, Side]:
    """Give both sides of one of the places a table was cut at."""
    return _side(table, stretches, 2 * place), _side(table, stretches, 2 * place + 1)


def _side(table: ScoreTable, stretches: Stretches, row: int) -> Side:
    rows, size = stretches.table_rows(row), int(stretches.size[row])
    first, last = int(stretches.first[row]), int(stretches.last[row])
    sign = int(stretches.sign[row])
    return Side(
        sign=sign,
        distance=stretches.distance[row, :size],
        moments=table.all.part(rows),
        episodes=int(stretches.matching.upto[last] - stretches.matching.upto[first]),
        stretches=stretches,
        row=row,
        alone=None if table.alone is None else table.alone.part(rows),
        members=_members(table.members, sign, (first, last)),
    )


def _members(members: Members | None, sign: int, span: tuple[int, int]) -> Members | None:
    if members is None:
        return None
    first, last = np.searchsorted(members.value, span)
    if sign > 0:
        return Members(
            members.value[first:last] - span[0],
            members.household[first:last],
            members.counts[first:last],
            members.sums[first:last],
        )
    return Members(
        (span[1] - 1 - members.value[first:last])[::-1],
        members.household[first:last][::-1],
        members.counts[first:last][::-1],
        members.sums[first:last][::-1],
    )
