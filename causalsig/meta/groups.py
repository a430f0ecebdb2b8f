"""Subgroups of sites, each with its own heterogeneity, and whether their means differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.inputs import check_effects
from causalsig.meta.intervals import chi_square_upper_tail
from causalsig.meta.options import DEFAULT_INTERVAL, IntervalMethod, Tau2Method
from causalsig.meta.results import RandomEffects
from causalsig.meta.univariate import random_effects


@dataclass(frozen=True, slots=True, eq=False)
class Subgroups(ComparedByValue):
    """One pool a subgroup.

    Attributes
    ----------
    labels : tuple
        In the order of first appearance.
    results : tuple of RandomEffects
        Each with its own tau².
    q_between, q_p_value : float
        Weighted squared distance of the subgroups' means, and the p-value that all subgroups have one mean,
        from a chi-square with ``df`` degrees of freedom. nan where a subgroup's mean has a standard error of
        zero (Knapp-Hartung, all its effects equal): its weight would be infinite.
    df : int
    """

    labels: tuple[Any, ...]
    results: tuple[RandomEffects, ...]
    q_between: float
    df: int
    q_p_value: float


def subgroups(
    estimates: Any,
    variances: Any,
    groups: Any,
    *,
    tau2: Tau2Method = "REML",
    interval: IntervalMethod = DEFAULT_INTERVAL,
    level: float = 0.95,
) -> Subgroups:
    """Pool each subgroup apart and compare the means.

    Source: Borenstein & Higgins (2013), doi:10.1007/s11121-013-0377-7.

    Parameters
    ----------
    estimates, variances : (k,) array-like
    groups : (k,) array-like
        A label a site. For one tau² common to all subgroups, use indicators as moderators instead.
    tau2, interval, level
        As `random_effects`.

    Raises
    ------
    MetaError
        As `random_effects`; ``meta-shape`` when labels and estimates do not go together.
    """
    y, v = check_effects(estimates, variances, 1)
    labels = list(groups)
    if len(labels) != len(y):
        raise MetaError(
            "meta-shape",
            expected=f"{len(y)} labels, one a site",
            found=str(len(labels)),
            mend="Give the subgroup of every site.",
        )
    order = tuple(dict.fromkeys(labels))
    place = np.array([order.index(label) for label in labels])
    results = tuple(
        random_effects(y[place == each], v[place == each], tau2=tau2, interval=interval, level=level)
        for each in range(len(order))
    )
    means = np.array([each.coefficients[0] for each in results])
    spread, df = np.array([each.covariance[0, 0] for each in results]), len(order) - 1
    if not spread.all():
        return Subgroups(order, results, np.nan, df, np.nan)
    centre = (means / spread).sum() / (1.0 / spread).sum()
    q = float(((means - centre) ** 2 / spread).sum())
    p_value = float(chi_square_upper_tail(np.array(q), df)) if df else np.nan
    return Subgroups(order, results, q, df, p_value)
