"""A table of bins as it left a site, back to a table of scores: the same estimators run on it.

Distances from the cutoff take the place of scores, so the cutoff of such a table is 0 and its scale is
linear, whatever scale the distances are on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_table import Moments, ScoreTable
from causalsig.results import Floats

if TYPE_CHECKING:
    from causalsig.crossed import BinRow, ReleasedBin


def table_of_bins(bins: Iterable[BinRow | ReleasedBin]) -> ScoreTable:
    """Make a table of scores of bins.

    Parameters
    ----------
    bins : iterable of :class:`causalsig.crossed.BinRow` or `ReleasedBin`
        Variances are of the outcome within a
        bin, divided by its episodes; ``taken_up`` is a share, or None in all of them.

    Returns
    -------
    ScoreTable
        For ``effect_at_cutoff(table, 0.0, bandwidth=(h, b))``, `threshold_gate` and `restrict_scores`; its
        variances are by nearest neighbours, since households are not known. Bins at one distance are one.

    Raises
    ------
    EstimationError
        ``estimation-few-scores`` without bins on both sides.
    """
    rows = sorted(bins, key=lambda row: row.distance)
    distance = np.array([row.distance for row in rows], dtype=np.float64)
    if not len(rows) or distance[0] >= 0.0 or distance[-1] < 0.0:
        raise EstimationError(
            "estimation-few-scores",
            expected="bins on both sides of the cutoff",
            found="none on one side" if len(rows) else "no bins",
            mend="Nothing can be estimated again from this table.",
            where="bins",
        )
    n = np.array([row.episodes for row in rows], dtype=np.float64)
    shares = [row.taken_up for row in rows]
    taken = None not in shares
    means, second = _moments_of(rows, taken)
    values, starts = np.unique(distance, return_index=True)
    sums = np.add.reduceat(n[:, None] * means, starts, axis=0)
    products = np.add.reduceat(n[:, None, None] * second, starts, axis=0)
    moments = Moments(np.add.reduceat(n, starts), sums, products)
    return ScoreTable(
        values=values, all=moments, outcomes=1, taken_up=taken, covariates=0, households=int(n.sum())
    )


def _moments_of(rows: list[BinRow | ReleasedBin], taken: bool) -> tuple[Floats, Floats]:
    """Means (B, m) and mean products (B, m, m) of outcome and, where told, treatment."""
    y = np.array([row.mean for row in rows])
    yy = np.array([row.variance for row in rows]) + y**2
    if not taken:
        return y[:, None], yy[:, None, None]
    d = np.array([row.taken_up for row in rows], dtype=np.float64)
    cross = np.array([row.covariance or 0.0 for row in rows]) + d * y
    second = np.empty((len(rows), 2, 2))
    second[:, 0, 0], second[:, 1, 1] = yy, d
    second[:, 0, 1] = second[:, 1, 0] = cross
    return np.column_stack([y, d]), second
