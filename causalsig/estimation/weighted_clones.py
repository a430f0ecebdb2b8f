"""Who stays on which strategy with which weight, without a look at any outcome.

What a design gate judges before an effect is computed: see `clone_censoring` for the estimator itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.clone_checks import WeightChecks, weight_checks
from causalsig.estimation.clone_strategies import read_strategies
from causalsig.estimation.clone_target import fit_target
from causalsig.estimation.clone_weights import clone_weights, fit_periods
from causalsig.estimation.person_periods import PersonPeriodTable, read_person_periods
from causalsig.estimation.propensity import kish
from causalsig.estimation.tilting import check_estimand
from causalsig.results import Arm, Estimand, Floats, Integers

__all__ = ["CloneDesign", "clone_design"]


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
    """

    arms: tuple[Arm, ...]
    follows: Integers = field(repr=False)
    weights: Mapping[str, Floats] = field(repr=False)
    propensities: Floats = field(repr=False)
    effective_sample_size: Mapping[str, Floats]
    clusters: Integers = field(repr=False)
    checks: WeightChecks
    notes: tuple[str, ...]


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
    clusters = np.unique(np.asarray(households), return_inverse=True)[1].astype(np.int64)
    courses = read_person_periods(person_periods, len(clusters))
    arms, events = read_strategies(strategies, courses)
    present = set(np.unique(courses.outcome).tolist())
    missing = [arm for arm, event in zip(arms, events, strict=True) if event not in present]
    if missing:
        raise EstimationError(
            "estimation-empty-arm",
            expected="episodes on every strategy",
            found=f"none on {missing[0]}",
            mend="Leave the strategy out.",
            where="strategies",
        )
    model = fit_periods(courses)
    found = clone_weights(courses, model, arms, events, "observed", None)
    weights: dict[str, Floats] = {}
    sizes: dict[str, Floats] = {}
    # The tilt of the overlap population is made of the propensities, whatever is asked for.
    overlap = fit_target(courses, found.follows, "ATO", arms)
    propensities = np.full((len(clusters), len(arms)), np.nan)
    propensities[overlap.rows] = overlap.p
    notes = dict.fromkeys((*model.notes, *overlap.notes))
    for estimand in estimands:
        checked: Estimand = check_estimand(estimand, arms)
        target = overlap if checked == "ATO" else fit_target(courses, found.follows, checked, arms)
        notes |= dict.fromkeys(target.notes)
        weights[estimand] = found.weights * target.h
        sizes[estimand] = np.array(
            [kish(np.where(found.follows == a, weights[estimand], 0.0), clusters) for a in range(len(arms))]
        )
    checks = weight_checks(courses, found, len(arms), "observed", None)
    return CloneDesign(arms, found.follows, weights, propensities, sizes, clusters, checks, tuple(notes))
