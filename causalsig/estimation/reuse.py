"""A propensity that was fitted before: whether it belongs to what is asked, and what it then decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import Outcomes, check_length, code_households, read_rows
from causalsig.estimation.nuisances import Nuisance, read_nuisance
from causalsig.estimation.ordering import by_content, in_place, settled
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import Request


def check_agrees(propensity: Any, request: Request, *, covariates: bool = True) -> Propensity:
    """Refuse a propensity of other rows, and arguments that say something else than it was fitted with.

    Parameters
    ----------
    covariates : False for an estimator that does not look at them

    Raises
    ------
    EstimationError
        ``estimation-other-propensity``, naming the argument.
    """
    if not isinstance(propensity, Propensity):
        _refuse("propensity", "what fit_propensity returned", f"a {type(propensity).__name__}")
    sample = propensity.sample
    x, codes, arms = read_rows(request.covariates if covariates else None, request.treatment, propensity.arms)
    if not np.array_equal(codes, sample.codes):
        _refuse("treatment", "the rows and treatments the propensity was fitted on", "others")
    if covariates and not np.array_equal(x, sample.covariates):
        _refuse("covariates", "the covariates the propensity was fitted on", "others")
    if request.arms is not None and tuple(np.asarray(request.arms, dtype=object).tolist()) != arms:
        _refuse("arms", "the arms of the propensity, in its order", "others")
    if request.households is not None:
        clusters, _ = code_households(request.households, len(codes))
        if not sample.named or not np.array_equal(clusters, sample.clusters):
            _refuse("households", "the households the propensity was fitted with", "others")
    _check_splits(propensity, request)
    return propensity


def _check_splits(propensity: Propensity, request: Request) -> None:
    """Compare what was asked of the splits, where anything was, with those of the propensity."""
    repeats, seed = len(propensity.folds), propensity.seed
    if "folds" in request.given and not _same_folds(propensity, request.folds):
        _refuse("folds", "the folds the propensity was fitted with", "others")
    if "repeats" in request.given and request.repeats != repeats:
        _refuse("repeats", f"the {repeats} repeats of the propensity", "another number")
    if "seed" in request.given and seed is not None and request.seed != seed:
        _refuse("seed", "the seed the propensity was fitted with", "another")


def _same_folds(propensity: Propensity, folds: Any) -> bool:
    if folds is None or not propensity.cross_fitted:
        return folds is None and not propensity.cross_fitted
    if isinstance(folds, (int, np.integer)):
        return not propensity.given_folds and int(folds) == int(propensity.folds.max()) + 1
    labels = np.asarray(folds)
    check_length(len(labels) if labels.ndim else 0, len(propensity.codes), "folds")
    codes = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    return bool(np.array_equal(codes, propensity.folds[0])) and len(propensity.folds) == 1


def settled_propensity(propensity: Propensity, outcomes: Outcomes) -> Propensity:
    """Let equal rows trade folds and probabilities, so that their outcomes decide who has which.

    Folds that were given stay with their rows: they come before the outcomes.
    """
    keys = by_content(outcomes)
    if propensity.given_folds:
        keys = np.column_stack([propensity.folds[0], keys])
    sample = settled(propensity.sample, keys)
    if sample is propensity.sample:
        return propensity
    old, new = propensity.sample.order, sample.order
    decided = propensity.before_shrinking
    return replace(
        propensity,
        sample=sample,
        probabilities=np.stack([in_place(p, old, new) for p in propensity.probabilities]),
        full_probabilities=in_place(propensity.full_probabilities, old, new),
        folds=np.stack([in_place(split, old, new) for split in propensity.folds]),
        before_shrinking=None if decided is None else in_place(decided, old, new),
    )


def rules_of(propensity: Propensity, request: Request) -> dict[str, Any]:
    """Arguments that fit the same propensity again, on all its rows."""
    sample = propensity.sample
    folds: Any = None
    if propensity.cross_fitted:
        folds = propensity.folds[0] if propensity.given_folds else int(propensity.folds.max()) + 1
    fitted = propensity.nuisance
    return {
        "arms": propensity.arms,
        "households": np.array(sample.household_ids)[sample.clusters] if sample.named else None,
        "folds": folds,
        "repeats": len(propensity.folds),
        "seed": request.seed if propensity.seed is None else propensity.seed,
        "nuisance": Nuisance(
            fitted.treatment, read_nuisance(request.nuisance).outcome, calibrated=fitted.calibrated
        ),
    }


def _refuse(where: str, expected: str, found: str) -> NoReturn:
    raise EstimationError(
        "estimation-other-propensity",
        expected=expected,
        found=found,
        mend="Fit the propensity again, or give what it was fitted with; leaving the argument out does too.",
        where=where,
    )
