"""What every effect function does first: one propensity, outcomes that fit it, models of being followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import Outcomes, check_aligned, read_outcomes, read_sample
from causalsig.estimation.propensity import Propensity, fit_propensity
from causalsig.estimation.regressions import ArmModel, cross_fitted_logistic, logistic
from causalsig.results import Arm, Floats, Integers


def prepare(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    *,
    arms: Sequence[Arm] | None,
    households: Any,
    observed: Any,
    folds: int | Any | None,
    repeats: int,
    seed: int,
    nuisance: str,
    propensity: Propensity | None,
    level: float,
) -> tuple[Propensity, Outcomes]:
    """Check everything and fit the propensity unless one was given.

    Raises
    ------
    EstimationError
        ``estimation-level``, ``estimation-other-propensity``, ``estimation-all-censored`` and whatever
        the readers of the inputs find.
    """
    if not 0.0 < level < 1.0:
        raise EstimationError(
            "estimation-level", expected="a level between 0 and 1", found="another", mend="Use 0.95."
        )
    check_aligned(
        covariates=covariates,
        treatment=treatment,
        outcome=outcome,
        households=households,
        observed=observed,
    )
    if propensity is None:
        propensity = fit_propensity(
            covariates,
            treatment,
            arms=arms,
            households=households,
            folds=folds,
            repeats=repeats,
            seed=seed,
            nuisance=nuisance,
        )
    else:
        _check_same(propensity, covariates, treatment, arms, households)
    outcomes = read_outcomes(outcome, observed, len(propensity.codes))
    for k, arm in enumerate(propensity.arms):
        if not outcomes.observed[propensity.codes == k].any(axis=0).all():
            raise EstimationError(
                "estimation-all-censored",
                expected="followed episodes in every arm",
                found=f"none in {arm}",
                mend="Leave the arm out, or take a shorter horizon.",
                where="observed",
            )
    return propensity, outcomes


def _check_same(
    propensity: Propensity, covariates: Any, treatment: Any, arms: Sequence[Arm] | None, households: Any
) -> None:
    """Refuse a propensity that was fitted on other rows."""
    sample = propensity.sample
    given = read_sample(
        covariates, treatment, arms=propensity.arms if arms is None else arms, households=households
    )
    same = (
        given.arms == sample.arms
        and np.array_equal(given.codes, sample.codes)
        and np.array_equal(given.covariates, sample.covariates)
        and (households is None or np.array_equal(given.clusters, sample.clusters))
    )
    if not same:
        raise EstimationError(
            "estimation-other-propensity",
            expected="a propensity fitted on the same rows, arms, covariates and households",
            found="one of other data",
            mend="Fit the propensity again, or give the data it was fitted on.",
            where="propensity",
        )


def refuse_time_to_event(event: Any, horizons: Any) -> None:
    """Refuse the arguments of time to return, which no estimator here takes."""
    if event is not None or horizons is not None:
        raise EstimationError(
            "estimation-event",
            expected="outcomes at a fixed horizon",
            found="`event` or `horizons`",
            mend="Give one outcome column a horizon, with `observed`.",
            where="event",
        )


def followed_probabilities(
    x: Floats, codes: Integers, seen: Floats, arms: int, folds: Integers | None
) -> tuple[Floats, list[ArmModel], tuple[str, ...]]:
    """Estimate ``κ_a = P(C = 1 | A = a, X)`` by a logistic model an arm; exactly 1 where all are followed.

    Parameters
    ----------
    seen : (n,), 0 or 1; folds : (n,) or None for in-sample

    Returns
    -------
    kappa : (n, K); the in-sample models (empty when cross-fitted or when nobody is censored); notes
    """
    kappa = np.ones((len(x), arms))
    models: list[ArmModel] = []
    notes: tuple[str, ...] = ()
    if seen.all():
        return kappa, models, notes
    for a in range(arms):
        rows = np.asarray(codes == a, dtype=np.float64)
        if folds is None:
            model = logistic(x, seen, rows)
            models.append(model)
            kappa[:, a], said = model.predicted, model.notes
        else:
            kappa[:, a], said = cross_fitted_logistic(x, seen, rows, folds)
        notes += said
    if kappa.min() < 1e-12:
        raise EstimationError(
            "estimation-positivity",
            expected="every episode to have some probability of being followed to the end",
            found=f"{int(np.sum(kappa.min(axis=1) < 1e-12))} episodes with a probability of 0",
            mend="A covariate decides who is followed: make it an eligibility rule.",
            where="observed",
        )
    return kappa, models, notes
