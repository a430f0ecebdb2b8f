"""REML from sums over sites alone, with tau² on a grid that was declared beforehand.

Given tau² every term of the restricted likelihood of ``y_i ~ N(mu, v_i + tau²)`` is a sum over sites, or a
function of such sums: ``-2 l_R = Σ log(v_i + tau²) + log Σ w_i + Σ w_i y_i² - (Σ w_i y_i)² / Σ w_i`` with
``w_i = 1/(v_i + tau²)`` (Viechtbauer 2005, doi:10.3102/10769986030003261). Who has the sums at every point of
the grid has the maximum over it, and the intervals that follow; what needs the sites apart is not in them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.inputs import as_floats, freeze
from causalsig.meta.intervals import chi_square_upper_tail, critical_value, two_sided_p
from causalsig.meta.options import check_level, check_option

FloatArray = NDArray[np.float64]
GridInterval = Literal["wald", "t", "knapp-hartung", "knapp-hartung-floored"]
INTERVALS: tuple[GridInterval, ...] = get_args(GridInterval)
TERMS = ("w", "w y", "w y²", "log(v + tau²)", "w²")
"""What a site adds at a point of the grid, in this order."""


@dataclass(frozen=True, slots=True, eq=False)
class GridFit(ComparedByValue):
    """A random-effects pool from sums.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high : float
        Scale of the effects.
    df, p_value : float
        Degrees of freedom (inf for ``wald``); two sided, for a mean of zero.
    tau2 : float
        The point of the grid where the restricted likelihood is highest, the lowest such point in a tie.
    at : int
        Its place on the grid.
    q, q_p_value, i2 : float
        Cochran's Q and its p-value; per cent of variance that is between sites.
    prediction_low, prediction_high : float
        ``t(k-1)``: the plug-in interval of a new site's effect; nan with fewer than three sites.
    largest_weight, two_largest_weights : float
        What no site's share, and no two sites' shares together, can exceed: ``√Σw² / Σw`` and
        ``√(2 Σw²) / Σw``.
    sites : int
    """

    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float
    p_value: float
    tau2: float
    at: int
    q: float
    q_p_value: float
    i2: float
    prediction_low: float
    prediction_high: float
    largest_weight: float
    two_largest_weights: float
    sites: int

    def scaled(self, unit: float) -> GridFit:
        """Give the same fit of effects that were divided by `unit` before they were summed."""
        once = ("estimate", "std_error", "conf_low", "conf_high", "prediction_low", "prediction_high")
        changes: dict[str, Any] = {name: getattr(self, name) * unit for name in once}
        return replace(self, tau2=self.tau2 * unit * unit, **changes)


def grid_terms(estimates: Any, variances: Any, tau2: Any) -> FloatArray:
    """Give what each site adds to the sums.

    Parameters
    ----------
    estimates, variances : (k,) array-like
        Finite, variances above zero.
    tau2 : (G,) array-like

    Returns
    -------
    (k, G, 5) array
        In the order of `TERMS`.

    Raises
    ------
    MetaError
        ``meta-shape``, ``meta-not-finite``, ``meta-variance``, ``meta-grid``.
    """
    y, v, grid = as_floats("estimates", estimates), as_floats("variances", variances), _checked_grid(tau2)
    if y.ndim != 1 or v.shape != y.shape:
        raise MetaError(
            "meta-shape",
            expected="as many variances as estimates, in one row each",
            found=f"shapes {y.shape} and {v.shape}",
            mend="Give one estimate and one variance a site.",
        )
    if not (np.isfinite(y).all() and np.isfinite(v).all()):
        raise MetaError(
            "meta-not-finite",
            expected="finite estimates and variances",
            found="a missing or infinite one",
            mend="Leave the site out of this contrast.",
        )
    if not (v > 0.0).all():
        raise MetaError(
            "meta-variance",
            expected="variances above zero",
            found="one that is not",
            mend="An estimate without sampling variance cannot be weighted; leave it out.",
        )
    total = v[:, None] + grid
    w = 1.0 / total
    wy = w * y[:, None]
    return np.stack((w, wy, wy * y[:, None], np.log(total), w * w), axis=-1)


def fit_on_grid(
    sums: Any, tau2: Any, sites: int, *, interval: GridInterval = "knapp-hartung-floored", level: float = 0.95
) -> GridFit:
    """Pool from sums over sites.

    Parameters
    ----------
    sums : (G, 5) array-like
        `grid_terms`, added over the sites.
    tau2 : (G,) array-like
        The grid: rising, from zero.
    sites : int
        How many sites are in the sums, at least two.
    interval : {"knapp-hartung-floored", "knapp-hartung", "t", "wald"}
        As in :func:`causalsig.meta.random_effects`; its ``mixture`` needs the sites apart.
    level : float

    Returns
    -------
    GridFit

    Raises
    ------
    MetaError
        ``meta-option``, ``meta-level``, ``meta-grid``; ``meta-shape`` for sums that do not fit the grid;
        ``meta-grid-few`` for fewer than two sites; ``meta-grid-sums`` for sums that no sites can have;
        ``meta-grid-end`` when the likelihood is highest at the grid's last point.
    """
    check_option("interval", interval, GridInterval)
    level, grid, found = check_level(level), _checked_grid(tau2), as_floats("sums", sums)
    _check_sums(found, grid, sites)
    w, wy, wyy, logs, ww = found.T
    rss = np.maximum(wyy - wy * wy / w, 0.0)
    at = int(np.argmin(logs + np.log(w) + rss))
    if at == len(grid) - 1:
        raise MetaError(
            "meta-grid-end",
            expected="a highest restricted likelihood inside the grid of tau²",
            found="one at its last point",
            mend="Declare a wider grid and begin again: tau² may lie beyond this one.",
        )
    estimate, chosen = float(wy[at] / w[at]), float(grid[at])
    df = np.inf if interval == "wald" else float(sites - 1)
    ratio = float(rss[at]) / (sites - 1)
    factor = {"knapp-hartung": ratio, "knapp-hartung-floored": max(1.0, ratio)}.get(interval, 1.0)
    std_error = float(np.sqrt(factor / w[at]))
    half = critical_value(level, df) * std_error
    reach = critical_value(level, sites - 1.0) * float(np.sqrt(chosen + std_error**2))
    reach = reach if sites > 2 else np.nan
    typical = (sites - 1) / float(w[0] - ww[0] / w[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.float64(estimate) / std_error
    largest = float(np.sqrt(ww[at]) / w[at])
    return GridFit(
        estimate=estimate,
        std_error=std_error,
        df=df,
        conf_low=estimate - half,
        conf_high=estimate + half,
        p_value=float(two_sided_p(np.asarray(statistic), df)),
        tau2=chosen,
        at=at,
        q=float(rss[0]),
        q_p_value=float(chi_square_upper_tail(rss[:1], sites - 1)[0]),
        i2=100.0 * chosen / (chosen + typical),
        prediction_low=estimate - reach,
        prediction_high=estimate + reach,
        largest_weight=min(1.0, largest),
        two_largest_weights=min(1.0, float(np.sqrt(2.0)) * largest),
        sites=sites,
    )


def _checked_grid(tau2: Any) -> FloatArray:
    grid = as_floats("tau2", tau2)
    if grid.ndim != 1 or len(grid) < 3 or grid[0] != 0.0 or not (np.diff(grid) > 0.0).all():
        raise MetaError(
            "meta-grid",
            expected="a grid of tau² of three points or more, rising from zero",
            found="another",
            mend="Give the grid that was declared for this pool.",
        )
    return freeze(grid)


def _check_sums(found: FloatArray, grid: FloatArray, sites: int) -> None:
    if found.shape != (len(grid), len(TERMS)):
        raise MetaError(
            "meta-shape",
            expected=f"sums of shape ({len(grid)}, {len(TERMS)})",
            found=f"shape {found.shape}",
            mend="Give the five sums at every point of the grid.",
        )
    if sites < 2:
        raise MetaError(
            "meta-grid-few",
            expected="two sites or more in the sums",
            found=f"{sites}",
            mend="With fewer there is nothing to pool.",
        )
    w, ww = found[:, 0], found[:, 4]
    if not np.isfinite(found).all() or not (w > 0.0).all() or not (w[0] * w[0] > ww[0]):
        raise MetaError(
            "meta-grid-sums",
            expected="sums that several sites with variances above zero have",
            found="others",
            mend="A site added what is not of this round, or masks did not cancel; begin again.",
        )
