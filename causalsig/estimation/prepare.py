"""What every effect function does first: arrays that fit together, one propensity, who was followed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.folds import check_draw
from causalsig.estimation.inputs import (
    Outcomes,
    Sample,
    check_aligned,
    check_households,
    read_outcomes,
    read_sample,
)
from causalsig.estimation.ordering import by_content, settled
from causalsig.estimation.propensity import Propensity, fit_propensity
from causalsig.estimation.regressions import ArmModel, cross_fitted_logistic, logistic
from causalsig.estimation.request import Request
from causalsig.estimation.reuse import check_agrees, rules_of, settled_propensity
from causalsig.estimation.tilting import OF_AN_ARM, WHOLE, check_estimand
from causalsig.estimation.trimming import trim, trimmed_name
from causalsig.results import Estimand, Floats, Integers, Target

BY_ROW = ("covariates", "treatment", "outcome", "observed")
EVERY_ESTIMAND = (*WHOLE, *OF_AN_ARM)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What an estimator works on.

    Attributes
    ----------
    sample : Sample
    outcomes : Outcomes
    estimand : the one computed
    name : what the result calls it; another one after trimming
    notes : stable codes so far
    seed : of the splits, None when nothing was drawn
    level : confidence level
    target : "population" or "sample"
    """

    sample: Sample
    outcomes: Outcomes
    estimand: Estimand
    name: Estimand
    notes: tuple[str, ...]
    seed: int | None
    level: float
    target: Target


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """``κ_a = P(C = 1 | A = a, X)``: (n, K), its in-sample models (none when cross-fitted), notes."""

    kappa: Floats
    models: list[ArmModel]
    notes: tuple[str, ...]


def prepare_sample(request: Request, allowed: tuple[str, ...], *, covariates: bool = True) -> Prepared:
    """Check everything for an estimator that needs no propensity.

    Raises
    ------
    EstimationError
        ``estimation-level``, ``estimation-event``, ``estimation-target``, ``estimation-estimand``,
        ``estimation-all-censored``, ``estimation-one-household``, ``estimation-repeats``,
        ``estimation-seed``, ``estimation-other-propensity`` and whatever the readers of the inputs find.
    """
    _check_options(request)
    _check_aligned(request)
    if request.propensity is not None:
        fitted = check_agrees(request.propensity, request, covariates=covariates)
        rules = rules_of(fitted, request)
        request = replace(request, arms=rules["arms"], households=rules["households"])
    sample = read_sample(
        request.covariates if covariates else None,
        request.treatment,
        arms=request.arms,
        households=request.households,
    )
    estimand, outcomes = _asked(request, sample, allowed)
    return _prepared(request, settled(sample, by_content(outcomes)), estimand, outcomes, (), None)


def prepare(request: Request, allowed: tuple[str, ...] = EVERY_ESTIMAND) -> tuple[Propensity, Prepared]:
    """Check everything, fit the propensity unless one was given, and leave out who is trimmed.

    Raises
    ------
    EstimationError
        As `prepare_sample`; ``estimation-other-propensity``, ``estimation-trim``.
    """
    _check_options(request)
    _check_aligned(request)
    propensity = request.propensity
    if propensity is None:
        propensity = fit_propensity(
            request.covariates,
            request.treatment,
            arms=request.arms,
            households=request.households,
            folds=request.folds,
            repeats=request.repeats,
            seed=request.seed,
            nuisance=request.nuisance,
        )
    else:
        check_agrees(propensity, request)
    estimand, outcomes = _asked(request, propensity.sample, allowed)
    fitted = settled_propensity(propensity, outcomes)
    if request.trim is not None:
        return _prepare_trimmed(request, fitted, allowed)
    return fitted, _prepared(request, fitted.sample, estimand, outcomes, fitted.notes, fitted.seed)


def _asked(request: Request, sample: Sample, allowed: tuple[str, ...]) -> tuple[Estimand, Outcomes]:
    """Check the estimand and the outcomes, which every arm must have of two households."""
    estimand = check_estimand(request.estimand, sample.arms, allowed)
    outcomes = read_outcomes(request.outcome, request.observed, len(sample.codes))
    for k, arm in enumerate(sample.arms):
        if not outcomes.observed[sample.codes == k].any(axis=0).all():
            raise EstimationError(
                "estimation-all-censored",
                expected="followed episodes in every arm",
                found=f"none in {arm}",
                mend="Leave the arm out, or take a shorter horizon.",
                where="observed",
            )
    check_households(sample.codes, sample.clusters, sample.arms, "treatment")
    # Outcomes that are followed in the same episodes are looked at once.
    for seen in {column.tobytes(): column for column in outcomes.observed.T}.values():
        if not seen.all():
            check_households(sample.codes[seen], sample.clusters[seen], sample.arms, "observed")
    return estimand, outcomes


def _prepared(
    request: Request,
    sample: Sample,
    estimand: Estimand,
    outcomes: Outcomes,
    notes: tuple[str, ...],
    seed: int | None,
) -> Prepared:
    return Prepared(sample, outcomes, estimand, estimand, notes, seed, request.level, request.target)


def _prepare_trimmed(
    request: Request, propensity: Propensity, allowed: tuple[str, ...]
) -> tuple[Propensity, Prepared]:
    """Fit the propensity anew among those kept: their weights must balance them, not those who left."""
    assert request.trim is not None
    keep = trim(propensity, request.trim).keep
    rules = rules_of(propensity, request)
    rows = {name: _take(getattr(request, name), keep) for name in BY_ROW} | {
        name: value if value is None or np.ndim(value) == 0 else value[keep]
        for name, value in rules.items()
        if name in ("households", "folds")
    }
    kept = replace(request, **(rules | rows), propensity=None, trim=None, given=frozenset())
    again, prepared = prepare(kept, allowed)
    name = trimmed_name(prepared.estimand, request.trim)
    return again, replace(prepared, name=name, notes=(*prepared.notes, "estimation-trimmed"))


def _take(value: Any, keep: Any) -> Any:
    if value is None:
        return None
    return value[keep] if hasattr(value, "iloc") else np.asarray(value)[keep]


def _check_options(request: Request) -> None:
    level: Any = request.level
    target: Any = request.target
    if not isinstance(level, (Real, np.number)) or not 0.0 < float(level) < 1.0:
        raise EstimationError(
            "estimation-level", expected="a level between 0 and 1", found="another", mend="Use 0.95."
        )
    check_draw(request.repeats, request.seed)
    if not isinstance(target, str) or target not in ("population", "sample"):
        raise EstimationError(
            "estimation-target",
            expected='"population" or "sample"',
            found="another target",
            mend='Use target="population" unless only these households matter.',
            where="target",
        )
    if request.event is not None or request.horizons is not None:
        raise EstimationError(
            "estimation-event",
            expected="outcomes at a fixed horizon",
            found="`event` or `horizons`",
            mend="Give one outcome column a horizon, with `observed`.",
            where="event",
        )


def _check_aligned(request: Request) -> None:
    check_aligned(
        covariates=request.covariates,
        treatment=request.treatment,
        outcome=request.outcome,
        households=request.households,
        observed=request.observed,
        folds=request.folds,
    )


def followed_models(
    x: Floats, codes: Integers, seen: Floats, arms: int, folds: Integers | None
) -> list[Followed]:
    """Model being followed, once for all outcomes that are followed in the same episodes.

    Parameters
    ----------
    seen : (n, J), 0 or 1; folds : (n,) or None for in-sample

    Returns
    -------
    One `Followed` an outcome
    """
    patterns: dict[bytes, Followed] = {}
    found = []
    for column in seen.T:
        pattern = column.tobytes()
        if pattern not in patterns:
            patterns[pattern] = _followed(x, codes, column, arms, folds)
        found.append(patterns[pattern])
    return found


def _followed(x: Floats, codes: Integers, seen: Floats, arms: int, folds: Integers | None) -> Followed:
    """Fit a logistic model an arm; exactly 1 where all are followed."""
    kappa = np.ones((len(x), arms))
    models: list[ArmModel] = []
    notes: tuple[str, ...] = ()
    if seen.all():
        return Followed(kappa, models, notes)
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
    return Followed(kappa, models, notes)
