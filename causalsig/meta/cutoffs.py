"""How effects at cutoffs go with the cutoffs: a line in their logarithm, with a band that holds everywhere.

A meta-regression between sites. Sites with other cutoffs differ in more than that, so the line describes; it
does not say what a site's effect would be at another cutoff.

The band holds for the whole line between two cutoffs at once. It is the exact one for a line over an interval
(Wynn and Bloomfield 1971, Journal of the Royal Statistical Society B 33, 202-217): the largest of
``|x'(b - β)| / se(x)`` over the interval, for t-distributed coefficients, not over some points as a max-t
over a grid would have it. Working and Hotelling's is the same for a line without ends: wider, for the
sake of cutoffs nobody has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.inputs import as_floats, freeze
from causalsig.meta.intervals import critical_value
from causalsig.meta.options import Tau2Method, check_option
from causalsig.meta.results import RandomEffects
from causalsig.meta.univariate import random_effects

FloatArray = NDArray[np.float64]
CurveInterval = Literal["knapp-hartung", "knapp-hartung-floored"]

FEWEST_SITES = 10
FEWEST_CUTOFFS = 4
"""Fewer say nothing of a line: two cutoffs are a comparison of two groups of sites."""
NODES = 64
"""Gauss-Legendre points of an angle: the integrand is smooth, the error far below the bisection's."""
SAME = 1e-9
"""Cutoffs whose logarithms are this close are one."""


@dataclass(frozen=True, slots=True, eq=False)
class CutoffCurve(ComparedByValue):
    """A line of effects in log cutoff with its simultaneous band. Descriptive.

    Attributes
    ----------
    cutoffs : (m,) array, in the unit given
    estimates, std_errors, conf_low, conf_high : (m,) arrays
        On the scale of the effects. The band holds at every cutoff between `low` and `high` together.
    low, high : float
        Ends of the line.
    critical_value : float
        Of the band, in standard errors.
    leverages : (m, k) array
        What each site's estimate weighs in the line at each cutoff: ``estimates = leverages @ effects``.
    fit : RandomEffects
        Its second coefficient is the change of the effect when the cutoff grows e-fold (2.7 times).
    level : float
    """

    cutoffs: FloatArray
    estimates: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    low: float
    high: float
    critical_value: float
    leverages: FloatArray
    fit: RandomEffects
    level: float


def cutoff_curve(
    estimates: Any,
    variances: Any,
    cutoffs: Any,
    *,
    at: Any = None,
    tau2: Tau2Method = "REML",
    interval: CurveInterval = "knapp-hartung",
    level: float = 0.95,
) -> CutoffCurve:
    """Regress effects at cutoffs on the logarithm of the cutoff.

    Parameters
    ----------
    estimates, variances : (k,) array-like
        One effect a site, independent, as `random_effects`.
    cutoffs : (k,) array-like
        Above zero.
    at : (m,) array-like, optional
        Where the line is wanted, within the cutoffs there are. The band holds between the lowest and the
        highest of them. Default: the distinct cutoffs of the sites.
    tau2, level
        As `random_effects`.
    interval : {"knapp-hartung", "knapp-hartung-floored"}
        Whose covariance the band stands on, with k - 2 degrees of freedom. There is no mixture of a band.

    Raises
    ------
    MetaError
        ``meta-few-cutoffs``: fewer than ten sites or four cutoffs. ``meta-cutoff``: a cutoff of zero or
        less, or a place outside the cutoffs. And those of `random_effects`.
    """
    check_option("interval", interval, CurveInterval)
    x = _logarithms(cutoffs, "cutoffs")
    distinct = np.flatnonzero(np.diff(np.sort(x), prepend=-np.inf) > SAME)
    if len(x) < FEWEST_SITES or len(distinct) < FEWEST_CUTOFFS:
        raise MetaError(
            "meta-few-cutoffs",
            expected=f"at least {FEWEST_SITES} sites with {FEWEST_CUTOFFS} different cutoffs",
            found=f"{len(x)} sites with {len(distinct)}",
            mend="Pool the effects without regard to the cutoff, or wait for more sites.",
        )
    told = (
        np.sort(as_floats("cutoffs", cutoffs))[distinct] if at is None else np.atleast_1d(as_floats("at", at))
    )
    places = _logarithms(told, "at")
    if len(places) == 0 or places.min() < x.min() - SAME or places.max() > x.max() + SAME:
        _refuse("places between the lowest and the highest cutoff", "a place outside them, or none")
    pooled = random_effects(estimates, variances, moderators=x, tau2=tau2, interval=interval, level=level)
    rows = np.column_stack([np.ones(len(places)), places])
    line = rows @ pooled.coefficients
    errors = np.sqrt(np.einsum("mp,pq,mq->m", rows, pooled.covariance, rows))
    ends = np.array([[1.0, places.min()], [1.0, places.max()]])
    c = band_critical_value(ends, pooled.covariance, float(pooled.df), level)
    return CutoffCurve(
        cutoffs=freeze(told),
        estimates=freeze(line),
        std_errors=freeze(errors),
        conf_low=freeze(line - c * errors),
        conf_high=freeze(line + c * errors),
        low=float(told.min()),
        high=float(told.max()),
        critical_value=c,
        leverages=freeze(_leverages(rows, pooled)),
        fit=pooled,
        level=pooled.level,
    )


def band_critical_value(ends: FloatArray, covariance: FloatArray, df: float, level: float) -> float:
    """Critical value of a band around a line between two places.

    Parameters
    ----------
    ends : (2, 2)
        Rows of the design at both ends.
    covariance : (2, 2)
        Of the coefficients.
    df : float
        Of their t distribution; inf for the normal.
    level : float

    Notes
    -----
    In coordinates in which the coefficients are spherical, the line's rows sweep an angle A. An error of
    length R in direction ψ is largest, over them, ``R`` within that angle and ``R cos d`` at a distance d
    from it, so that the band holds with probability
    ``(A/π) F(c) + (2/π) ∫_0^((π - A)/2) F(c / cos d) dd``, with ``F(r) = 1 - (1 + r²/df)^(-df/2)`` of R.
    """
    # Working and Hotelling's is the widest: all directions.
    tail = 1.0 - level
    widest = -2.0 * np.log(tail) if np.isinf(df) else df * (tail ** (-2.0 / df) - 1.0)
    high = float(np.sqrt(widest))
    try:
        first, last = ends @ np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:  # Effects that lie on one line: the band has no width whatever c is.
        return high
    # The angle of two rows, which is never more than π because a row is never zero.
    cross = abs(float(first[0] * last[1] - first[1] * last[0]))
    angle = float(np.arctan2(cross, float(first @ last)))
    points, weights = np.polynomial.legendre.leggauss(NODES)
    rest = 0.5 * (np.pi - angle)
    distance = 0.5 * rest * (points + 1.0)

    def inside(c: float) -> float:
        beyond = _within(c / np.cos(distance), df)
        return angle / np.pi * float(_within(np.array(c), df)) + float(
            (weights @ beyond) * 0.5 * rest * 2.0 / np.pi
        )

    low = critical_value(level, df)
    if inside(low) >= level:
        return low
    return float(optimize.brentq(lambda c: inside(c) - level, low, high * (1.0 + 1e-9), xtol=1e-13))


def _within(radius: FloatArray, df: float) -> FloatArray:
    """P(R <= radius) of the length of two t-distributed coordinates that share their denominator."""
    if np.isinf(df):
        return np.asarray(-np.expm1(-0.5 * radius**2))
    return np.asarray(-np.expm1(-0.5 * df * np.log1p(radius**2 / df)))


def _leverages(rows: FloatArray, pooled: RandomEffects) -> FloatArray:
    data = pooled.inputs
    weighted = data.design * (1.0 / (data.variances + pooled.tau2))[:, None]
    return np.asarray(rows @ np.linalg.solve(weighted.T @ data.design, weighted.T))


def _logarithms(values: object, name: str) -> FloatArray:
    numbers = np.atleast_1d(as_floats(name, values))
    if numbers.ndim != 1 or not np.isfinite(numbers).all() or (numbers <= 0.0).any():
        _refuse(f"{name} above zero, one a site", "one that is zero, negative or missing")
    return np.asarray(np.log(numbers))


def _refuse(expected: str, found: str) -> None:
    raise MetaError(
        "meta-cutoff",
        expected=expected,
        found=found,
        mend="Give cutoffs in one unit, all above zero, and ask for none outside them.",
    )
