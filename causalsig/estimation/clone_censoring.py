"""Strategies that cannot be told apart at time zero: clone, censor at deviation, weight.

Hernán (2018), doi:10.1136/bmj.k182; Maringe et al. (2020), doi:10.1093/ije/dyaa057; strategies with a grace
period: Cain et al. (2010), doi:10.2202/1557-4679.1212, and Wanis et al. (2024), doi:10.1093/jrsssa/qnae002.
The variance stacks the scores of the models below the means: Stefanski and Boos (2002),
doi:10.1198/000313002753631330.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.estimation.clone_checks import WeightChecks, weight_checks
from causalsig.estimation.clone_strategies import in_summing_order, read_strategies, refuse_option
from causalsig.estimation.clone_target import Target, fit_target, through_target
from causalsig.estimation.clone_weights import (
    GRACES,
    CloneWeights,
    Grace,
    PeriodModel,
    Truncation,
    clone_weights,
    fit_periods,
)
from causalsig.estimation.design import standard_design
from causalsig.estimation.inference import Influence, arm_means
from causalsig.estimation.inputs import Outcomes, check_aligned, read_outcomes
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.ordering import by_content
from causalsig.estimation.person_periods import Courses, PersonPeriodTable, read_person_periods
from causalsig.estimation.prepare import Followed, Prepared, followed_models
from causalsig.estimation.stacked import through
from causalsig.estimation.tilting import check_estimand
from causalsig.estimation.weighted_clones import CloneDesign, CloneModels
from causalsig.results import Arm, ArmMeans, Estimand, Floats, Integers

__all__ = ["CloneCensorMeans", "WeightChecks", "clone_censor_weight"]


@dataclass(frozen=True, slots=True, eq=False)
class CloneCensorMeans(ArmMeans):
    """Arm means of strategies, with the checks of their weights.

    ``n``, ``households`` and ``followed`` count who is on the strategy at the end of the grace period;
    `influence` has a row for every episode, since all of them are cloned to every strategy.
    """

    checks: WeightChecks = field(kw_only=True)


def clone_censor_weight(
    person_periods: PersonPeriodTable,
    outcome: Any,
    *,
    strategies: Mapping[Arm, int] | None = None,
    households: Any = None,
    observed: Any = None,
    estimand: Estimand = "ATE",
    grace: Grace = "observed",
    truncate: Truncation | None = None,
    level: float = 0.95,
    design: CloneDesign | None = None,
) -> CloneCensorMeans:
    """Estimate mean outcomes had the same episodes followed each strategy, with time-varying confounding.

    A strategy is to start something within the grace period, or to start nothing in it. At time zero every
    episode is compatible with all of them: it is cloned to each, a clone is censored when its episode
    deviates, and those not censored stand for the others by the inverse probability of what they did, given
    covariates by period. Valid when, given covariates known before a period begins, what happens in it is
    independent of the outcome, when every such event is possible for everybody, and when the pooled model of
    it is right. The outcome must begin after the grace period.

    Parameters
    ----------
    person_periods : PersonPeriods
        Or anything with its four arrays.
    outcome : (n,) or (n, J)
        NaN only where not observed.
    strategies : dict of arm to event
        Order and names of the arms and the event each asks for, 0 for none in the grace period; default every
        event that occurs, named by its number. Events of no strategy are deviations from all.
    households : (n,) ids
        The clusters of the variance.
    observed : (n,) or (n, J) bool
        True = followed to the end of the window. Weighted by its inverse probability in who is on each
        strategy, given the covariates of the last period; an episode lost in the grace period has the event
        -1 and is on no strategy.
    estimand : "ATE", "ATO", "ATM", "entropy", ("ATT", arm) or ("ATU", arm)
        Whose mean outcomes: weights of every strategy are tilted alike, by the propensities of the strategies
        given the covariates of the first period.
    grace : {"observed", "uniform", "natural"}
        When a strategy that starts something does so. "observed": by the timing seen among those who start
        it, whatever their covariates, which is what stabilised weights do. "uniform": each period alike (Cain
        et al.). "natural": who would start in time does so when they would, all others in the last period;
        weights are the largest there.
    truncate : ("at", w) or ("quantile", q)
        Largest stabilised weight, before tilting and loss to follow-up, or that quantile of the weights of
        each strategy; changes the estimand, whose name says so. The variance counts a quantile as known.
    level : confidence level
    design : CloneDesign, optional
        What :func:`clone_design` made of the same table, strategies and households; its models are taken
        over. The numbers are the same with and without.

    Returns
    -------
    CloneCensorMeans
        ``method`` "clone_censor_weight"; influence rows are the episodes, clustered by household, with the
        estimation of all weights in them.

    Raises
    ------
    EstimationError
        ``estimation-other-propensity`` when the design is of something else; ``estimation-periods``,
        ``estimation-option``, ``estimation-level``, ``estimation-estimand``,
        ``estimation-natural-grace``, ``estimation-empty-arm``, ``estimation-all-censored`` and whatever else
        is wrong with the input.
    """
    _check_options(grace, truncate, level)
    check_aligned(outcome=outcome, households=households, observed=observed)
    outcomes = read_outcomes(outcome, observed, len(outcome))
    courses = read_person_periods(person_periods, len(outcome))
    arms, events = read_strategies(strategies, courses)
    estimand = check_estimand(estimand, arms)
    sample, sorted_courses = in_summing_order(courses, arms, events, households, by_content(outcomes))
    made = None if design is None else _models_of(design, sorted_courses, arms, events)
    model = fit_periods(sorted_courses) if made is None else made.periods
    weights = clone_weights(sorted_courses, model, arms, events, grace, truncate)
    last, _, _ = standard_design(sorted_courses.covariates[sorted_courses.last])
    ordered = replace(
        outcomes, values=outcomes.values[sample.order], observed=outcomes.observed[sample.order]
    )
    followed = _followed(last, weights.follows, ordered.observed, arms)
    if made is not None and estimand in made.targets:
        target = made.targets[estimand]
    else:
        target = fit_target(sorted_courses, weights.follows, estimand, arms)
    found = _influence(model, weights, target, followed, last, ordered)
    prepared = Prepared(
        replace(sample, arms=arms),
        outcomes,
        estimand=estimand,
        name=_name(estimand, grace, truncate),
        notes=() if truncate is None else ("estimation-weights-truncated",),
        seed=None,
        level=level,
        target="population",
    )
    means = _forget_others(arm_means(found, prepared, method="clone_censor_weight"))
    checks = weight_checks(sorted_courses, weights, len(arms), grace, truncate)
    return CloneCensorMeans(**{f.name: getattr(means, f.name) for f in fields(means)}, checks=checks)


def _models_of(
    design: CloneDesign, courses: Courses, arms: tuple[Arm, ...], events: tuple[int, ...]
) -> CloneModels:
    """Take over the models of a design, where it is of these courses and strategies."""
    same = (design.arms, design.models.events) == (arms, events)
    if not same or not design.models.courses.same(courses):
        raise EstimationError(
            "estimation-other-propensity",
            expected="the table, strategies and households the design was made of",
            found="others",
            mend="Give clone_design the same ones, or leave design out.",
            where="design",
        )
    return design.models


def _check_options(grace: Grace, truncate: Truncation | None, level: float) -> None:
    if not 0.0 < level < 1.0:
        raise EstimationError(
            "estimation-level", expected="a level between 0 and 1", found="another", mend="Use 0.95."
        )
    if grace not in GRACES:
        refuse_option(f"grace {', '.join(GRACES)}", "another", "grace")
    if truncate is None:
        return
    known = isinstance(truncate, (tuple, list)) and len(truncate) == 2 and truncate[0] in ("at", "quantile")
    number = known and isinstance(truncate[1], (int, float)) and np.isfinite(truncate[1])
    if not number or truncate[1] <= 0.0 or (truncate[0] == "quantile" and truncate[1] >= 1.0):
        refuse_option(
            '("at", weight above 0) or ("quantile", share between 0 and 1)', "another rule", "truncate"
        )


def _name(estimand: Estimand, grace: Grace, truncate: Truncation | None) -> Estimand:
    """Name the estimand: another timing, or truncated weights, is another quantity."""
    more = "" if grace == "observed" else f" {grace} grace"
    more += "" if truncate is None else f" truncated ({truncate[0]} {truncate[1]:g})"
    return f"{estimand}{more}" if isinstance(estimand, str) else (f"{estimand[0]}{more}", estimand[1])


def _followed(
    design: Floats, follows: Integers, seen: NDArray[np.bool_], arms: tuple[Arm, ...]
) -> list[Followed]:
    """Model being followed to the end in who is on each strategy, by the covariates of the last period."""
    for a, arm in enumerate(arms):
        if not seen[follows == a].any(axis=0).all():
            raise EstimationError(
                "estimation-all-censored",
                expected="followed episodes on every strategy",
                found=f"none on {arm}",
                mend="Leave the strategy out, or take a shorter horizon.",
                where="observed",
            )
    # Whether the others were followed says nothing of anybody's weight.
    counted = (seen | (follows == len(arms))[:, None]).astype(np.float64)
    return followed_models(design, follows, counted, len(arms), None)


def _influence(
    model: PeriodModel,
    weights: CloneWeights,
    target: Target,
    followed: list[Followed],
    design: Floats,
    outcomes: Outcomes,
) -> Influence:
    """Influence of every outcome, rows in the summing order: `outcomes` are in it."""
    arms = followed[0].kappa.shape[1]
    on = indicators(weights.follows, arms)
    values, used = [], []
    for y, seen, one in zip(outcomes.values.T, outcomes.observed.T, followed, strict=True):
        w = on * (weights.weights * target.h * seen)[:, None] / one.kappa
        total = w.sum(axis=0)
        means = np.ascontiguousarray(y) @ w / total
        pull = w * (y[:, None] - means) / total
        influence = len(y) * pull + through_target(target, pull)
        for a, through_weights in enumerate(_through_weights(model, weights, pull)):
            influence[:, a] += through_weights
            if one.models:
                influence[:, a] += through(one.models[a], design, -pull[:, a] / one.kappa[:, a])
        # A ridge leaves scores that do not add to zero; the means stay what they are.
        values.append(influence - influence.mean(axis=0) + means)
        used.append(w)
    stacked = np.stack(values)
    parameters = model.full.coefficients.size + target.parameters
    parameters += max(len(one.models) for one in followed) * design.shape[1]
    notes = (*model.notes, *target.notes, *(code for one in followed for code in one.notes))
    return Influence(stacked, np.stack(used), stacked.mean(axis=1)[None], parameters, notes)


def _through_weights(model: PeriodModel, weights: CloneWeights, pull: Floats) -> list[Floats]:
    """Carry ``Σ_i pull_i · ∂log w_i`` to every episode's influence on what weights are made of: (n,) an arm.

    On the coefficients of the periods' model by its scores, on the numerators by the shares of their cells. A
    truncated weight does not move.
    """
    n, free = len(pull), pull * (weights.capped == 0)[:, None]
    residual, slope = (model.happened - model.p)[:, :-1], weights.slope[:, :-1]
    inside = weights.cell >= 0
    found = []
    for a in range(pull.shape[1]):
        by_row = free[model.episode, a]
        v = model.full.solve(-((by_row[:, None] * slope).T @ model.x).ravel())
        moved = np.sum(residual * (model.x @ v.reshape(slope.shape[1], -1).T), axis=1)
        by_cell = np.bincount(weights.cell[inside], weights=free[inside, a])
        by_share = np.where(inside, (by_cell / weights.shares)[weights.cell], 0.0) - by_cell.sum()
        found.append(n * np.bincount(model.episode, weights=moved, minlength=n) + by_share)
    return found


def _forget_others(means: ArmMeans) -> ArmMeans:
    """Leave out the count of who follows no strategy, kept past the last arm."""
    arms = len(means.arms)
    return replace(means, n=means.n[:arms], followed=means.followed[..., :arms])
