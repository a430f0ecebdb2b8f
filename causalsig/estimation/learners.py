"""Learners of the arm or of an outcome: trained on some rows, they predict others.

Each takes the standard design with the intercept first (m, P). Treatment learners return a function that
gives probabilities (k, K) adding to one; outcome learners one that gives means (k,). Boosting stops early on
households it was not trained on. The stack is van der Laan, Polley and Hubbard's (2007),
doi:10.2202/1544-6115.1309: of the arm by log-loss, of an outcome by non-negative least squares (Breiman 1996,
doi:10.1007/BF00117832). Isotonic calibration: Zadrozny and Elkan (2002), doi:10.1145/775047.775151.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation import generalised
from causalsig.estimation.design import RIDGE
from causalsig.estimation.multinomial import fit, indicators, penalty, probabilities
from causalsig.estimation.outcome_models import Kind, is_binary
from causalsig.estimation.regressions import fit_binary, ridge_solution
from causalsig.results import Floats, Integers

Predict: TypeAlias = Callable[[Floats], Floats]
INNER_FOLDS = 4
"""Splits of the training households, for stacking, calibration and early stopping."""
ENOUGH_TO_STOP = 400
"""Training rows from which a quarter can be spared to tell boosting when to stop."""
WITHOUT_STOPPING = 40
"""Trees where too few rows are left to stop early."""
BOOSTING = {"learning_rate": 0.1, "max_leaf_nodes": 8, "min_samples_leaf": 20, "l2_regularization": 1.0}
MOST_TREES = 400
STACKING_STEPS = 500


class TreatmentLearner(Protocol):
    """Learn the arm from rows x (m, P), codes (m,) in 0 to K - 1, households (m,)."""

    def __call__(self, x: Floats, codes: Integers, arms: int, households: Integers, seed: int) -> Predict:
        """Train."""


class OutcomeLearner(Protocol):
    """Learn an outcome y (m,) within one arm from rows x (m, P), households (m,)."""

    def __call__(self, x: Floats, y: Floats, households: Integers, kind: Kind, seed: int) -> Predict:
        """Train."""


def inner_split(
    strata: Integers, households: Integers, seed: int, folds: int = INNER_FOLDS
) -> Integers | None:
    """Deal households to folds within strata: (m,); None when a stratum would be missing outside a fold.

    A household belongs to its smallest stratum, as in `folds.assign_folds`.
    """
    names, place = np.unique(households, return_inverse=True)
    rarity = np.argsort(np.argsort(np.bincount(strata), kind="stable"), kind="stable")
    smallest = np.full(len(names), len(rarity), dtype=np.int64)
    np.minimum.at(smallest, place, rarity[strata])
    draw = np.random.default_rng([seed % 2**32, len(names)]).random(len(names))
    dealt = np.empty(len(names), dtype=np.int64)
    dealt[np.lexsort((draw, smallest))] = np.arange(len(names)) % folds
    labels = np.asarray(dealt[place])
    for f in range(folds):
        if len(np.unique(strata[labels != f])) < len(np.unique(strata)) or not np.any(labels == f):
            return None
    return labels


def linear_treatment(x: Floats, codes: Integers, arms: int, households: Integers, seed: int) -> Predict:
    """Multinomial logistic regression with the ridge of the engine."""
    start = np.zeros((arms - 1, x.shape[1]))
    share = np.bincount(codes, minlength=arms) / len(codes)
    start[:, 0] = np.log(share[:-1] / share[-1])
    model = fit(x, indicators(codes, arms), penalty(arms, x.shape[1], RIDGE), start)
    return lambda z: probabilities(z, model.coefficients)


def linear_outcome(x: Floats, y: Floats, households: Integers, kind: Kind, seed: int) -> Predict:
    """Least squares with its ridge by generalised cross-validation; logistic or Poisson where asked."""
    if kind == "least_squares":
        z = np.column_stack([x, y])
        slopes = ridge_solution(z.T @ z, x.shape[1])[:, 0]
        return lambda new: np.asarray(new @ slopes)
    if kind == "logistic" and is_binary(y):
        model, _ = fit_binary(x, y, RIDGE)
        return lambda new: probabilities(new, model.coefficients)[:, 0]
    other, _ = generalised.fit_or_shrink(x, y, RIDGE, kind)
    return lambda new: generalised.mean_of(new @ other.coefficients, kind)


def boosting_treatment(x: Floats, codes: Integers, arms: int, households: Integers, seed: int) -> Predict:
    """Gradient boosting of the multinomial log-likelihood."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = _boosted(HistGradientBoostingClassifier, x, codes, codes, households, seed)
    return lambda z: _all_arms(model, features(z), arms)


def boosting_outcome(x: Floats, y: Floats, households: Integers, kind: Kind, seed: int) -> Predict:
    """Gradient boosting by what the outcome is; predictions stay within the range that was seen."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if is_binary(y):
        codes = y.astype(np.int64)
        model = _boosted(HistGradientBoostingClassifier, x, codes, codes, households, seed)
        return lambda z: np.asarray(model.predict_proba(features(z))[:, 1])
    strata = np.zeros(len(y), dtype=np.int64)
    loss = "poisson" if kind == "poisson" else "squared_error"
    other = _boosted(HistGradientBoostingRegressor, x, y, strata, households, seed, loss=loss)
    return _within(lambda z: np.asarray(other.predict(features(z))), y)


def given_treatment(estimator: Any) -> TreatmentLearner:
    """Make a learner of a scikit-learn classifier."""
    if not hasattr(estimator, "predict_proba"):
        _refuse("a classifier with predict_proba for the treatment", "an estimator without it")

    def learn(x: Floats, codes: Integers, arms: int, households: Integers, seed: int) -> Predict:
        model = _fresh(estimator, seed).fit(features(x), codes)
        return lambda z: _all_arms(model, features(z), arms)

    return learn


def given_outcome(estimator: Any) -> OutcomeLearner:
    """Make a learner of a scikit-learn regressor, or of a classifier where the outcome is 0 or 1."""

    def learn(x: Floats, y: Floats, households: Integers, kind: Kind, seed: int) -> Predict:
        if hasattr(estimator, "predict_proba"):
            if not is_binary(y):
                _refuse("a regressor for an outcome that is not 0 or 1", "a classifier")
            model = _fresh(estimator, seed).fit(features(x), y.astype(np.int64))
            return lambda z: np.asarray(model.predict_proba(features(z))[:, 1])
        other = _fresh(estimator, seed).fit(features(x), y)
        return _within(lambda z: np.asarray(other.predict(features(z)), dtype=np.float64), y)

    return learn


def stacked_treatment(members: Sequence[TreatmentLearner]) -> TreatmentLearner:
    """Mix learners so that held-out households are predicted with the smallest log-loss."""

    def learn(x: Floats, codes: Integers, arms: int, households: Integers, seed: int) -> Predict:
        inner = [held_out_treatment(m, x, codes, arms, households, seed) for m in members]
        likelihood = [p[np.arange(len(codes)), codes] for p in inner if p is not None]
        shares = mixing_shares(np.stack(likelihood)) if len(likelihood) == len(members) else _even(members)
        trained = [member(x, codes, arms, households, seed) for member in members]
        return lambda z: np.asarray(sum(s * one(z) for s, one in zip(shares, trained, strict=True)))

    return learn


def stacked_outcome(members: Sequence[OutcomeLearner]) -> OutcomeLearner:
    """Mix learners so that held-out households are predicted with the smallest squared error."""

    def learn(x: Floats, y: Floats, households: Integers, kind: Kind, seed: int) -> Predict:
        from scipy.optimize import nnls

        strata = y.astype(np.int64) if is_binary(y) else np.zeros(len(y), dtype=np.int64)
        labels = inner_split(strata, households, seed)
        shares = _even(members)
        if labels is not None:
            held = np.empty((len(y), len(members)))
            for f in range(INNER_FOLDS):
                keep, out = labels != f, labels == f
                for j, member in enumerate(members):
                    trained = train_outcome(member, x[keep], y[keep], households[keep], kind, seed)
                    held[out, j] = trained(x[out])
            raw = nnls(held, y)[0]
            shares = raw / raw.sum() if raw.sum() > 0 else shares
        final = [train_outcome(member, x, y, households, kind, seed) for member in members]
        return lambda z: np.asarray(sum(s * one(z) for s, one in zip(shares, final, strict=True)))

    return learn


def calibrated_treatment(learner: TreatmentLearner) -> TreatmentLearner:
    """Bend each arm's probabilities to the shares seen in held-out households, keeping their order.

    The bent probabilities are divided by their sum, so that they add to one.
    """

    def learn(x: Floats, codes: Integers, arms: int, households: Integers, seed: int) -> Predict:
        from sklearn.isotonic import IsotonicRegression

        trained = learner(x, codes, arms, households, seed)
        held = held_out_treatment(learner, x, codes, arms, households, seed)
        if held is None:
            return trained
        steps = [
            IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(held[:, k], codes == k)
            for k in range(arms)
        ]
        floors = np.array([step.y_thresholds_[step.y_thresholds_ > 0].min() for step in steps])

        def predict(z: Floats) -> Floats:
            plain = trained(z)
            bent = np.column_stack([step.predict(plain[:, k]) for k, step in enumerate(steps)])
            bent = np.maximum(bent, floors)
            return np.asarray(bent / bent.sum(axis=1, keepdims=True))

        return predict

    return learn


def held_out_treatment(
    learner: TreatmentLearner, x: Floats, codes: Integers, arms: int, households: Integers, seed: int
) -> Floats | None:
    """Predict every training row without its household: (m, K); None when an arm is too small to split."""
    labels = inner_split(codes, households, seed)
    if labels is None:
        return None
    held = np.empty((len(codes), arms))
    for f in range(INNER_FOLDS):
        keep, out = labels != f, labels == f
        held[out] = learner(x[keep], codes[keep], arms, households[keep], seed)(x[out])
    return held


def train_outcome(
    learner: OutcomeLearner, x: Floats, y: Floats, households: Integers, kind: Kind, seed: int
) -> Predict:
    """Train, or give the value itself where all outcomes agree."""
    if y.min() == y.max():
        value = float(y[0])
        return lambda z: np.full(len(z), value)
    return learner(x, y, households, kind, seed)


def mixing_shares(likelihood: Floats) -> Floats:
    """Shares (L,) that make ``Σ_i log Σ_l s_l p_li`` largest, from p (L, m), by expectation maximisation."""
    p = np.maximum(likelihood, 1e-12)
    shares = np.full(len(p), 1.0 / len(p))
    for _ in range(STACKING_STEPS):
        before, mixed = shares, shares @ p
        shares = shares * np.mean(p / mixed, axis=1)
        if np.abs(shares - before).max() < 1e-8:
            break
    return np.asarray(shares / shares.sum())


def features(x: Floats) -> Floats:
    """Columns for learners that make their own intercept; one constant column when there is nothing else."""
    return x[:, 1:] if x.shape[1] > 1 else x


def _boosted(
    kind: Any, x: Floats, y: Any, strata: Integers, households: Integers, seed: int, **options: Any
) -> Any:
    labels = inner_split(strata, households, seed) if len(x) >= ENOUGH_TO_STOP else None
    settings = BOOSTING | options | {"random_state": seed % 2**32}
    z = features(x)
    if labels is None:
        return kind(**settings, max_iter=WITHOUT_STOPPING, early_stopping=False).fit(z, y)
    keep, out = labels != 0, labels == 0
    model = kind(**settings, max_iter=MOST_TREES, early_stopping=True, n_iter_no_change=10)
    return model.fit(z[keep], y[keep], X_val=z[out], y_val=y[out])


def _all_arms(model: Any, z: Floats, arms: int) -> Floats:
    """Probabilities (k, K) with a column for every arm, adding to one."""
    p = np.zeros((len(z), arms))
    p[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(z)
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _within(predict: Predict, y: Floats) -> Predict:
    low, high = float(y.min()), float(y.max())
    return lambda z: np.clip(predict(z), low, high)


def _fresh(estimator: Any, seed: int) -> Any:
    """Copy without what was learned; where it draws and no seed was set, ours."""
    from sklearn.base import clone

    copy = clone(estimator)
    open_seeds = [n for n, v in copy.get_params().items() if n.endswith("random_state") and v is None]
    return copy.set_params(**dict.fromkeys(open_seeds, seed % 2**32))


def _even(members: Sequence[Any]) -> Floats:
    return np.full(len(members), 1.0 / len(members))


def _refuse(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-nuisance",
        expected=expected,
        found=found,
        mend="Give the two apart: Nuisance(treatment=..., outcome=...).",
        where="nuisance",
    )
