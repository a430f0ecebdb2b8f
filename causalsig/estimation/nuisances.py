"""Which learner models the arm and which the outcome, and their predictions out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation import learners
from causalsig.estimation.learners import OutcomeLearner, TreatmentLearner
from causalsig.estimation.outcome_models import Kind, check_rows
from causalsig.results import Floats, Integers
from causalsig.threads import one_thread

NAMES = ("linear", "boosting", "stacked")
FLOOR = 1e-3
"""Smallest probability a learner may give: trees say 0 where they saw nobody, which is no knowledge."""


@dataclass(frozen=True, slots=True)
class Nuisance:
    """Models of the arm and of the outcome.

    Attributes
    ----------
    treatment, outcome : "linear", "boosting", "stacked" or a scikit-learn estimator
        Of the treatment a classifier with ``predict_proba``; of an outcome a regressor, or a classifier where
        it is 0 or 1. Being followed is always modelled by logistic regression.
    calibrated : bool
        Bend the propensities to the shares seen in held-out households (isotonic regression, inside folds).
    """

    treatment: Any = "linear"
    outcome: Any = "linear"
    calibrated: bool = False

    @property
    def engine_treatment(self) -> bool:
        """Whether the moment engine fits the treatment model."""
        return isinstance(self.treatment, str) and self.treatment == "linear" and not self.calibrated

    @property
    def engine_outcome(self) -> bool:
        """Whether the moment engine fits the outcome models."""
        return isinstance(self.outcome, str) and self.outcome == "linear"


def read_nuisance(value: Any) -> Nuisance:
    """Accept a name, a scikit-learn estimator for both, or a `Nuisance`.

    Raises
    ------
    EstimationError
        ``estimation-nuisance``.
    """
    found = value if isinstance(value, Nuisance) else Nuisance(value, value)
    for one in (found.treatment, found.outcome):
        known = one in NAMES if isinstance(one, str) else hasattr(one, "fit") and hasattr(one, "get_params")
        if not known or isinstance(one, type):
            raise EstimationError(
                "estimation-nuisance",
                expected='"linear", "boosting", "stacked", a scikit-learn estimator or a Nuisance',
                found="another learner",
                mend='Use nuisance="linear".',
                where="nuisance",
            )
    return found


def propensities_out_of_fold(
    nuisance: Nuisance,
    x: Floats,
    codes: Integers,
    arms: int,
    households: Integers,
    folds: Integers,
    seed: int,
) -> Floats:
    """Predict every row's probabilities without its fold: (n, K), before the floor."""
    learner, p = _treatment_learner(nuisance), np.empty((len(x), arms))
    with one_thread():
        for f in range(int(folds.max()) + 1):
            keep, out = folds != f, folds == f
            p[out] = learner(x[keep], codes[keep], arms, households[keep], seed)(x[out])
    return p


def floored(p: Floats) -> Floats:
    """Raise probabilities (..., K) to the floor, rows adding to one."""
    raised = np.maximum(p, FLOOR)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def outcomes_out_of_fold(
    nuisance: Nuisance,
    x: Floats,
    y: Floats,
    seen: Floats,
    codes: Integers,
    arms: int,
    households: Integers,
    folds: Integers,
    kinds: list[Kind],
    seed: int,
) -> Floats:
    """Predict every outcome under every arm, each row without its own fold: (J, n, K).

    Parameters
    ----------
    x : (n, P) standard design; y, seen : (n, J); codes, households, folds : (n,)
    """
    learner = _outcome_learner(nuisance.outcome)
    predicted = np.empty((y.shape[1], len(x), arms))
    with one_thread():
        for j, a in np.ndindex(y.shape[1], arms):
            rows = seen[:, j] * (codes == a)
            check_rows(rows, folds)
            for f in range(int(folds.max()) + 1):
                keep, out = (rows > 0) & (folds != f), folds == f
                one = learners.train_outcome(learner, x[keep], y[keep, j], households[keep], kinds[j], seed)
                predicted[j, out, a] = one(x[out])
    return predicted


def _treatment_learner(nuisance: Nuisance) -> TreatmentLearner:
    learner = _plain_treatment_learner(nuisance.treatment)
    return learners.calibrated_treatment(learner) if nuisance.calibrated else learner


def _plain_treatment_learner(value: Any) -> TreatmentLearner:
    if not isinstance(value, str):
        return learners.given_treatment(value)
    if value == "stacked":
        return learners.stacked_treatment((learners.linear_treatment, learners.boosting_treatment))
    return learners.linear_treatment if value == "linear" else learners.boosting_treatment


def _outcome_learner(value: Any) -> OutcomeLearner:
    if not isinstance(value, str):
        return learners.given_outcome(value)
    if value == "stacked":
        return learners.stacked_outcome((learners.linear_outcome, learners.boosting_outcome))
    return learners.linear_outcome if value == "linear" else learners.boosting_outcome
