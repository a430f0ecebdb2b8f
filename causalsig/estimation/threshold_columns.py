"""Which columns of a table make an estimate: outcome, treatment taken up, and covariates to adjust for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalsig.estimation.threshold_side import Fit, Kernel, Side, kernel_weights, powers
from causalsig.estimation.threshold_table import ScoreTable
from causalsig.results import Floats


@dataclass(frozen=True, slots=True)
class Columns:
    """Places of outcome, treatment and covariates among the m columns of a table.

    Attributes
    ----------
    outcome : int
    taken_up : int or None
    covariates : tuple of int
    width : int, m
    """

    outcome: int
    taken_up: int | None
    covariates: tuple[int, ...]
    width: int

    def combination(self, column: int, slopes: Floats) -> Floats:
        """Weights (m,) of one column less its part along the covariates; `slopes` (p,)."""
        found = np.zeros(self.width)
        found[column] = 1.0
        found[list(self.covariates)] = -slopes
        return found

    def sharp(self) -> Columns:
        """Leave the treatment out."""
        return Columns(self.outcome, None, self.covariates, self.width)


def columns_of(table: ScoreTable, outcome: int) -> Columns:
    """Columns of one outcome of a table."""
    width = table.all.sums.shape[1]
    taken_up = table.outcomes if table.taken_up else None
    return Columns(outcome, taken_up, tuple(range(width - table.covariates, width)), width)


def adjust(pairs: tuple[tuple[Side, Fit], ...], columns: Columns, kernel: Kernel) -> Floats:
    """Combine the columns, (m, 1) or (m, 2): the outcome, then the treatment, net of covariates.

    Slopes of the covariates are those of one regression with a polynomial a side and slopes in common
    (Calonico et al. 2019, doi:10.1162/rest_a_00760). Covariates that follow from others share their slopes.
    """
    targets = [columns.outcome, *([] if columns.taken_up is None else [columns.taken_up])]
    if not columns.covariates:
        return np.column_stack([columns.combination(column, np.zeros(0)) for column in targets])
    z = list(columns.covariates)
    among = np.zeros((len(z), len(z)))
    with_targets = np.zeros((len(z), len(targets)))
    for side, fit in pairs:
        cross = _partialled(side, fit, kernel)
        among += cross[np.ix_(z, z)]
        with_targets += cross[np.ix_(z, targets)]
    slopes = np.linalg.pinv(among) @ with_targets
    return np.column_stack([columns.combination(c, slopes[:, i]) for i, c in enumerate(targets)])


def _partialled(side: Side, fit: Fit, kernel: Kernel) -> Floats:
    """Weighted products (m, m) of the columns less their part along the polynomial."""
    u = side.distance[: fit.rows] / fit.bandwidth
    k = kernel_weights(u, kernel)
    sums = side.moments.sums[: fit.rows]
    along = (powers(u, len(fit.coefficients) - 1) * k[:, None]).T @ sums
    return np.asarray(
        np.einsum("v,vij->ij", k, side.moments.products[: fit.rows]) - along.T @ fit.coefficients
    )
