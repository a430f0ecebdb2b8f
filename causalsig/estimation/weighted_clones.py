"""Who stays on which strategy with which weight, without a look at any outcome.

What a design gate judges before an effect is computed: see `clone_censoring` for the estimator itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from causalsig.estimation.clone_checks import WeightChecks, weight_checks
from causalsig.estimation.clone_strategies import in_summing_order, read_strategies
from causalsig.estimation.clone_target import Target, fit_target
from causalsig.estimation.clone_weights import PeriodModel, clone_weights, fit_periods
from causalsig.estimation.person_periods import Courses, PersonPeriodTable, read_person_periods
from causalsig.estimation.propensity import kish
from causalsig.estimation.tilting import check_estimand
from causalsig.results import Arm, Estimand, Floats, Integers

__all__ = ["CloneDesign", "clone_design"]


@dataclass(frozen=True, slots=True, eq=False)
class CloneModels:
    """Models of one table, made once: what happens by period, and the tilt of each estimand.

    Attributes
    ----------
    events : tuple of K int, the event each strategy asks for
    courses : Courses, in the summing order of the estimator
    periods : PeriodModel
    targets : by estimand
    """

    events: tuple[int, ...]
    courses: Courses
    periods: PeriodModel
    targets: Mapping[Estimand, Target]


@dataclass(frozen=True, slots=True, eq=False)
class CloneDesign:
    """Weights of who stays, in the order of the episodes.

    Attributes
    ----------
    arms : tuple, length K
    follows : (n,) int
        Place of the strategy an episode is on at the end of the grace period; K for none.
    weights : dict of estimand to (n,)
        Stabilised weight of each episode for the strategy it is on, tilted to the estimand; 0 for none.
    propensities : (n, K)
        Probability of following each strategy given what was known at time zero; NaN for who follows none.
    effective_sample_size : dict of estimand to (K,)
        Kish's size of the weights summed by household.
    clusters : (n,) int
        Code of the household of each episode.
    checks : WeightChecks
    notes : tuple of str
        Stable codes of what the models had to do.
    models : CloneModels
        For :func:`clone_censor_weight`, which then fits none of them again.
    """

    arms: tuple[Arm, ...]
    follows: Integers = field(repr=False)
    weights: Mapping[str, Floats] = field(repr=False)
    propensities: Floats = field(repr=False)
    effective_sample_size: Mapping[str, Floats]
    clusters: Integers = field(repr=False)
    checks: WeightChecks
    notes: tuple[str, ...]
    models: CloneModels = field(repr=False)


def clone_design(
    person_periods: PersonPeriodTable,
    *,
    strategies: Mapping[Arm, int],
    households: Any,
    estimands: tuple[str, ...] = ("ATE",),
) -> CloneDesign:
    """Weight the clones that stay on their strategies by what they would do anyway.

    Parameters
    ----------
    person_periods : PersonPeriods
        Or anything with its four arrays; see :func:`clone_censor_weight`.
    strategies : dict of arm to event
    households : (n,) ids
    estimands : tuple of str
        "ATE", "ATO", "ATM", "entropy".

    Raises
    ------
    EstimationError
        ``estimation-empty-arm`` when nobody stays on a strategy; what :func:`clone_censor_weight` says of the
        table, the strategies and the estimands.
    """
    courses = read_person_periods(person_periods, len(households))
    arms, events = read_strategies(strategies, courses)
    nothing = np.zeros((len(households), 0))
    sample, courses = in_summing_order(courses, arms, events, households, nothing)
    clusters = sample.clusters[sample.order]
    periods = fit_periods(courses)
    found = clone_weights(courses, periods, arms, events, "observed", None)
    # The tilt of the overlap population is made of the propensities, whatever is asked for.
    targets: dict[Estimand, Target] = {"ATO": fit_target(courses, found.follows, "ATO", arms)}
    overlap = targets["ATO"]
    propensities = np.full((len(clusters), len(arms)), np.nan)
    propensities[overlap.rows] = overlap.p
    place = np.argsort(sample.order)
    weights: dict[str, Floats] = {}
    sizes: dict[str, Floats] = {}
    for estimand in estimands:
        checked: Estimand = check_estimand(estimand, arms)
        if checked not in targets:
            targets[checked] = fit_target(courses, found.follows, checked, arms)
        tilted = found.weights * targets[checked].h
        sizes[estimand] = np.array(
            [kish(np.where(found.follows == a, tilted, 0.0), clusters) for a in range(len(arms))]
        )
        weights[estimand] = tilted[place]
    return CloneDesign(
        arms=arms,
        follows=found.follows[place],
        weights=weights,
        propensities=propensities[place],
        effective_sample_size=sizes,
        clusters=sample.clusters,
        checks=weight_checks(courses, found, len(arms), "observed", None),
        notes=tuple(dict.fromkeys(sum((one.notes for one in targets.values()), periods.notes))),
        models=CloneModels(events, courses, periods, targets),
    )
