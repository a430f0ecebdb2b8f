"""Two levels: waves of time within sites, each level with its own variance of true effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.inputs import MOST_UNEQUAL, check_inputs, freeze
from causalsig.meta.intervals import critical_value, two_sided_p
from causalsig.meta.options import check_level

FloatArray = NDArray[np.float64]

# |score| times standard error of each variance.
SCORE_TOLERANCE = 1e-8
MAX_STEPS = 200
# Starting points of the search, as multiples of the crude variance, for each of the two variances.
STARTS = (0.0, 0.05, 0.3, 1.0, 3.0)


@dataclass(frozen=True, slots=True, eq=False)
class TwoLevel(ComparedByValue):
    """``y_ij ~ x_ij'β + site_i + wave_ij + error_ij`` by REML.

    Attributes
    ----------
    coefficients, std_errors, conf_low, conf_high, p_values : (p,) arrays
        t with ``df`` = sites - p degrees of freedom.
    covariance : (p, p) array
    site_variance, wave_variance : float
        Between sites, and between the waves of a site; squared scale of the effects.
    variance_std_errors : (2,) array
        From the expected information; nan at the boundary.
    log_likelihood : float
        Restricted, without the constant of the moderators' units.
    df : float
    sites, effects : int
    converged : bool
    boundary : tuple of bool
        Whether each variance is zero because it may not be negative.
    level : float
    """

    coefficients: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    covariance: FloatArray
    site_variance: float
    wave_variance: float
    variance_std_errors: FloatArray
    log_likelihood: float
    df: float
    sites: int
    effects: int
    converged: bool
    boundary: tuple[bool, bool]
    level: float


@dataclass(frozen=True, slots=True)
class _Terms:
    log_likelihood: float
    score: FloatArray
    information: FloatArray
    coefficients: FloatArray
    covariance: FloatArray


def two_level(
    estimates: Any,
    variances: Any,
    sites: Any,
    *,
    moderators: Any = None,
    intercept: bool = True,
    level: float = 0.95,
) -> TwoLevel:
    """Pool effects of several waves of each site; waves are nested in sites.

    Parameters
    ----------
    estimates, variances : (n,) array-like
        One effect a wave, with independent sampling errors (time-zero windows do not overlap).
    sites : (n,) array-like
        The site of each wave.
    moderators : (n,) or (n, q) array-like, optional
    intercept, level
        As `random_effects`.

    Returns
    -------
    TwoLevel

    Raises
    ------
    MetaError
        As `random_effects`; ``meta-shape`` for labels; ``meta-too-many-moderators`` when no site is left.

    References
    ----------
    Konstantopoulos (2011), doi:10.1002/jrsm.35.
    """
    level = check_level(level)
    data = check_inputs(estimates, variances, moderators, bool(intercept))
    if data.variances.max() > MOST_UNEQUAL * data.variances.min():
        raise MetaError(
            "meta-variance",
            expected=f"variances within a factor {MOST_UNEQUAL:.0e} of each other, with two levels",
            found="variances further apart",
            mend="Look at the smallest variance: nothing is known that precisely. Leave that wave out.",
        )
    labels = np.asarray(list(sites))
    names, place = np.unique(labels, return_inverse=True)
    n, p = data.design.shape
    if labels.shape != (n,):
        raise MetaError(
            "meta-shape", expected=f"{n} labels of sites", found=str(labels.shape), mend="Give one a wave."
        )
    if len(names) <= p or n <= len(names):
        raise MetaError(
            "meta-too-many-moderators",
            expected=f"more sites than coefficients ({p}), and a site with two waves",
            found=f"{len(names)} sites and {n} waves",
            mend="With one wave a site use random_effects; with one site there is no second level.",
        )
    member = (place[:, None] == np.arange(len(names))).astype(np.float64)
    theta, terms, converged = _maximise(data.estimates, data.variances, data.basis.q, member)
    r_inverse = np.linalg.inv(data.basis.r)
    covariance = r_inverse @ terms.covariance @ r_inverse.T
    coefficients = r_inverse @ terms.coefficients
    std_errors, df = np.sqrt(np.diag(covariance)), float(len(names) - p)
    half = critical_value(level, df) * std_errors
    inside = theta > 0.0
    errors = np.full(2, np.nan)
    if inside.any():
        errors[inside] = np.sqrt(np.diag(np.linalg.inv(terms.information[np.ix_(inside, inside)])))
    return TwoLevel(
        coefficients=freeze(coefficients),
        std_errors=freeze(std_errors),
        conf_low=freeze(coefficients - half),
        conf_high=freeze(coefficients + half),
        p_values=freeze(two_sided_p(coefficients / std_errors, df)),
        covariance=freeze(covariance),
        site_variance=float(theta[0]),
        wave_variance=float(theta[1]),
        variance_std_errors=freeze(errors),
        log_likelihood=terms.log_likelihood,
        df=df,
        sites=len(names),
        effects=n,
        converged=converged,
        boundary=(not inside[0], not inside[1]),
        level=level,
    )


def _maximise(
    y: FloatArray, v: FloatArray, q: FloatArray, member: FloatArray
) -> tuple[FloatArray, _Terms, bool]:
    """Fisher scoring from the best of a grid, on variances that may be zero but not less."""
    crude = float(y.var()) + float(np.finfo(np.float64).tiny)
    grid = [np.array([a, b]) * crude for a in STARTS for b in STARTS]
    theta = max(grid, key=lambda point: _terms(y, v, q, member, point).log_likelihood)
    terms = _terms(y, v, q, member, theta)
    for _ in range(MAX_STEPS):
        free = (theta > 0.0) | (terms.score > 0.0)
        if not free.any():
            return theta, terms, True
        step = np.zeros(2)
        step[free] = np.linalg.solve(terms.information[np.ix_(free, free)], terms.score[free])
        errors = np.diag(terms.information) ** -0.5
        if np.all(np.abs(terms.score[free]) * errors[free] <= SCORE_TOLERANCE):
            return theta, terms, True
        share = 1.0
        while share > 1e-12:
            new = np.maximum(theta + share * step, 0.0)
            new_terms = _terms(y, v, q, member, new)
            if new_terms.log_likelihood >= terms.log_likelihood - 1e-12 * abs(terms.log_likelihood):
                break
            share *= 0.5
        theta, terms = new, new_terms
    return theta, terms, False


def _terms(y: FloatArray, v: FloatArray, q: FloatArray, member: FloatArray, theta: FloatArray) -> _Terms:
    """Restricted log-likelihood, score and expected information at (site, wave) variances."""
    m = 1.0 / (v + theta[1])
    weighted = member * m[:, None]
    inside = 1.0 + theta[0] * weighted.sum(axis=0)
    # Woodbury: each site adds theta[0] to every pair of its waves.
    inverse = np.diag(m) - (weighted * (theta[0] / inside)) @ weighted.T
    wq = inverse @ q
    covariance = np.linalg.inv(q.T @ wq)
    p = inverse - wq @ covariance @ wq.T
    py, pz = p @ y, p @ member
    zpz, zpy = member.T @ pz, member.T @ py
    score = 0.5 * np.array([zpy @ zpy - np.trace(zpz), py @ py - np.trace(p)])
    cross = float((pz**2).sum())
    information = 0.5 * np.array([[(zpz**2).sum(), cross], [cross, (p**2).sum()]])
    df = len(y) - q.shape[1]
    value = np.log(m).sum() - np.log(inside).sum() + np.linalg.slogdet(covariance)[1] - y @ py
    value = 0.5 * (float(value) - df * np.log(2.0 * np.pi))
    return _Terms(float(value), score, information, covariance @ (wq.T @ y), covariance)
