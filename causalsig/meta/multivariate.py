"""Several effects a site in one model: joint arm means, from which every contrast and ranking follows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.between import Structure, between
from causalsig.meta.inputs import freeze
from causalsig.meta.intervals import chi_square_upper_tail, critical_value, two_sided_p
from causalsig.meta.multivariate_inputs import ArmInputs, check_arms
from causalsig.meta.multivariate_likelihood import JointFit, fit_at, problem_of
from causalsig.meta.multivariate_results import MultivariateRandomEffects
from causalsig.meta.multivariate_search import Maximum, highest, rank_of
from causalsig.meta.options import (
    NOTE_ARMS_APART,
    NOTE_NOT_CONVERGED,
    NOTE_ONE_SITE,
    NOTE_SEVERAL_MAXIMA,
    NOTE_SINGULAR,
    NOTE_TWO_SITES,
    check_level,
    check_option,
)

FloatArray = NDArray[np.float64]
JointInterval = Literal["wald", "t", "knapp-hartung-floored"]
LikelihoodMethod = Literal["REML", "ML"]


def multivariate_random_effects(
    estimates: Any,
    covariances: Any,
    *,
    structure: Structure = "unstructured",
    method: LikelihoodMethod = "REML",
    moderators: Any = None,
    interval: JointInterval = "knapp-hartung-floored",
    level: float = 0.95,
) -> MultivariateRandomEffects:
    """Pool several effects a site under ``y_i ~ N((x_i' ⊗ I) β, S_i + Ψ)``.

    Parameters
    ----------
    estimates : (k, p) array-like
        Arm means (or points of a curve) of each site, on one scale an arm; nan marks a missing arm. An arm is
        missing at random given the arms that are there.
    covariances : (k, p, p) array-like
        Their sampling covariances, known and positive definite over the arms a site has.
    structure : {"unstructured", "compound-symmetric", "diagonal", "identity"}
        Of the between-site covariance Ψ. Compound symmetry is one variance and one correlation from
        -1/(p - 1) to 1.
    method : {"REML", "ML"}
    moderators : (k,) or (k, q) array-like, optional
        Meta-regression: every arm has its own intercept and slopes.
    interval : {"knapp-hartung-floored", "t", "wald"}
        ``knapp-hartung-floored``: the covariance of the coefficients times the generalised residual sum of
        squares over its degrees of freedom, at least one (Jackson & Riley 2014, doi:10.1002/sim.5957), with t
        of the sites that have the arm less the coefficients an arm: for one arm it is `random_effects` with
        that interval. ``t``: without the factor. ``wald``: normal, as metafor's ``rma.mv``.
    level : float

    Returns
    -------
    MultivariateRandomEffects
        With one site it is that site's estimates and covariance, and Ψ is nan.

    Raises
    ------
    MetaError
        Shapes that do not fit, infinite numbers, an arm or site without estimates, covariances that are not
        positive definite, an arm at fewer sites than it has coefficients, unknown names.

    Notes
    -----
    Nothing depends on a reference arm: there is none. The likelihood can be highest where Ψ is singular (a
    variance of zero, a correlation of one), which is reported by ``boundary`` and a note. See
    :mod:`causalsig.meta.multivariate_likelihood` for the formulas and
    :mod:`causalsig.meta.multivariate_search` for the search.
    """
    check_option("structure", structure, Structure)
    check_option("method", method, LikelihoodMethod)
    check_option("interval", interval, JointInterval)
    level = check_level(level)
    data = check_arms(estimates, covariances, moderators)
    k, p = data.estimates.shape
    if k == 1:
        return _alone(data, structure, method, level)
    scale = _scale(data, structure)
    problem = problem_of(data, scale, restricted=method == "REML")
    best, maxima = highest(problem, data, scale, between(structure, p))
    psi = best.psi * np.outer(scale, scale)
    psi = 0.5 * (psi + psi.T)
    coefficients, covariance = _in_own_units(best.fit, scale, data.design.shape[1])
    residual_df = int(data.present.sum()) - coefficients.size
    factor = max(1.0, best.fit.rss / residual_df) if interval == "knapp-hartung-floored" else 1.0
    df = np.full(p, np.inf) if interval == "wald" else data.present.sum(axis=0) - float(data.design.shape[1])
    covariance = factor * covariance
    at_zero = fit_at(problem, np.zeros((p, p)))
    q = np.nan if at_zero is None else at_zero.rss
    rank = rank_of(psi, data)
    std_errors = np.sqrt(np.diagonal(covariance)).reshape(coefficients.shape)
    half = np.array([critical_value(level, each) for each in df]) * std_errors
    p_values = np.column_stack([two_sided_p(coefficients[:, a] / std_errors[:, a], df[a]) for a in range(p)])
    return MultivariateRandomEffects(
        coefficients=freeze(coefficients),
        covariance=freeze(covariance),
        std_errors=freeze(std_errors),
        conf_low=freeze(coefficients - half),
        conf_high=freeze(coefficients + half),
        p_values=freeze(p_values),
        df=freeze(df),
        between=freeze(psi),
        rank=rank,
        boundary=rank < _full_rank(structure, p),
        log_likelihood=best.fit.log_likelihood,
        q=q,
        q_df=residual_df,
        q_p_value=float(chi_square_upper_tail(np.array(q), residual_df)),
        score=best.score,
        converged=best.converged,
        maxima=maxima,
        k=k,
        structure=structure,
        method=method,
        interval=interval,
        level=level,
        notes=_notes(data, structure, best, maxima, rank),
        names=data.names,
        inputs=data,
    )


def without_each_site(result: MultivariateRandomEffects) -> tuple[MultivariateRandomEffects, ...]:
    """Fit the sites but one, for every site."""
    data = result.inputs
    if result.k == 1:
        raise MetaError(
            "meta-one-site",
            expected="at least two sites",
            found="one",
            mend="With one site there is no pool of the others.",
        )
    estimates = np.where(data.present, data.estimates, np.nan)
    return tuple(
        multivariate_random_effects(
            np.delete(estimates, site, axis=0),
            np.delete(data.covariances, site, axis=0),
            structure=result.structure,
            method=result.method,
            moderators=np.delete(data.design, site, axis=0)[:, 1:] if data.design.shape[1] > 1 else None,
            interval=result.interval,
            level=result.level,
        )
        for site in range(result.k)
    )


def _scale(data: ArmInputs, structure: Structure) -> FloatArray:
    """Units of the arms: their own where the structure allows, else one for all."""
    variances = np.einsum("iaa->ia", data.covariances)
    typical = np.array([np.median(variances[data.present[:, a], a]) for a in range(variances.shape[1])])
    if structure in ("compound-symmetric", "identity"):
        typical[:] = np.exp(np.log(typical).mean())
    return np.asarray(np.sqrt(typical))


def _in_own_units(fit: JointFit, scale: FloatArray, columns: int) -> tuple[FloatArray, FloatArray]:
    units = np.tile(scale, columns)
    return (fit.coefficients * units).reshape(columns, -1), fit.covariance * np.outer(units, units)


def _full_rank(structure: Structure, p: int) -> int:
    return p if structure != "identity" else 1


def _notes(data: ArmInputs, structure: Structure, best: Maximum, maxima: int, rank: int) -> tuple[str, ...]:
    k, p = data.estimates.shape
    together = data.present.T.astype(np.int_) @ data.present.astype(np.int_)
    notes = (
        (NOTE_TWO_SITES, k == 2),
        (NOTE_SEVERAL_MAXIMA, maxima > 1),
        (NOTE_NOT_CONVERGED, not best.converged),
        (NOTE_SINGULAR, rank < _full_rank(structure, p)),
        (NOTE_ARMS_APART, structure == "unstructured" and bool((together == 0).any())),
    )
    return tuple(code for code, holds in notes if holds)


def _alone(
    data: ArmInputs, structure: Structure, method: LikelihoodMethod, level: float
) -> MultivariateRandomEffects:
    """One site: the identity."""
    y, s = data.estimates, data.covariances[0]
    p = y.shape[1]
    std_errors = np.sqrt(np.diagonal(s))[None]
    half = critical_value(level, np.inf) * std_errors
    return MultivariateRandomEffects(
        coefficients=y,
        covariance=freeze(s),
        std_errors=freeze(std_errors),
        conf_low=freeze(y - half),
        conf_high=freeze(y + half),
        p_values=freeze(two_sided_p(y / std_errors, np.inf)),
        df=freeze(np.full(p, np.inf)),
        between=freeze(np.full((p, p), np.nan)),
        rank=0,
        boundary=False,
        log_likelihood=np.nan,
        q=0.0,
        q_df=0,
        q_p_value=np.nan,
        score=np.nan,
        converged=True,
        maxima=1,
        k=1,
        structure=structure,
        method=method,
        interval="wald",
        level=level,
        notes=(NOTE_ONE_SITE,),
        names=data.names,
        inputs=data,
    )
