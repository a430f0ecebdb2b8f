"""A propensity that is given decides who is compared; an argument that contradicts it is an error."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from causalsig.errors import EstimationError
from causalsig.estimation import (
    Nuisance,
    difference_in_means,
    doubly_robust,
    entropy_balancing,
    fit_propensity,
    inverse_probability,
    local_average_effect,
    overlap_weighting,
    regression_standardisation,
    targeted_maximum_likelihood,
    trim,
)

EVERY = (
    difference_in_means,
    inverse_probability,
    overlap_weighting,
    regression_standardisation,
    entropy_balancing,
    doubly_robust,
    targeted_maximum_likelihood,
)
TRIMMED = ("symmetric", 0.2)
R = np.random.default_rng(4)
N = 400
X = R.normal(size=(N, 2))
CODES = (0.5 * X[:, [0, 1, 0]] * (1, -1, 0) + R.gumbel(size=(N, 3))).argmax(axis=1)
Y = X[:, 0] + R.normal(size=N)
HOUSEHOLDS = np.arange(N) // 2
ORDER = [2, 0, 1]


def same(one, other):
    assert one.arms == other.arms and one.estimand == other.estimand and one.notes == other.notes
    assert one.households_total == other.households_total and one.n.tolist() == other.n.tolist()
    np.testing.assert_array_equal(one.means, other.means)
    np.testing.assert_array_equal(one.covariance, other.covariance)


@pytest.mark.parametrize("estimator", EVERY, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "rules",
    [{}, {"folds": None}, {"folds": HOUSEHOLDS % 4}, {"folds": 3, "repeats": 2, "seed": 8}],
    ids=["drawn", "in-sample", "labels", "three folds twice"],
)
def test_what_the_propensity_was_fitted_with_holds(estimator, rules):
    rules = {"arms": ORDER, "households": HOUSEHOLDS} | rules
    fitted = fit_propensity(X, CODES, **rules)
    found = estimator(X, CODES, Y, propensity=fitted)
    same(found, estimator(X, CODES, Y, **rules))
    same(found, estimator(X, CODES, Y, propensity=fitted, **rules))
    assert found.arms == tuple(ORDER) and found.households_total == N // 2


@pytest.mark.parametrize("estimator", [inverse_probability, doubly_robust, targeted_maximum_likelihood])
@pytest.mark.parametrize(
    "rules", [{}, {"folds": None}, {"folds": HOUSEHOLDS % 4}, {"folds": 3, "repeats": 2, "seed": 8}]
)
def test_trimming_fits_anew_by_the_same_rules(estimator, rules):
    rules = {"arms": ORDER, "households": HOUSEHOLDS} | rules
    fitted = fit_propensity(X, CODES, **rules)
    found = estimator(X, CODES, Y, propensity=fitted, trim=TRIMMED)
    same(found, estimator(X, CODES, Y, trim=TRIMMED, **rules))
    keep = trim(fitted, TRIMMED).keep
    assert 0 < keep.sum() < N and found.households_total == len(np.unique(HOUSEHOLDS[keep]))


def test_trimming_keeps_the_learner_of_the_arm():
    nuisance = Nuisance(LogisticRegression(), "linear")
    fitted = fit_propensity(X, CODES, nuisance=nuisance)
    found = doubly_robust(X, CODES, Y, propensity=fitted, trim=TRIMMED)
    same(found, doubly_robust(X, CODES, Y, nuisance=nuisance, trim=TRIMMED))


CONTRADICTIONS = {
    "arms": {"arms": [0, 1, 2]},
    "households": {"households": np.arange(N) // 4},
    "folds": {"folds": 4},
    "folds in-sample": {"folds": None},
    "folds as labels": {"folds": HOUSEHOLDS % 5},
    "repeats": {"repeats": 2},
    "seed": {"seed": 1},
}


@pytest.mark.parametrize("estimator", EVERY, ids=lambda f: f.__name__)
def test_a_contradiction_is_named(estimator):
    fitted = fit_propensity(X, CODES, arms=ORDER, households=HOUSEHOLDS)
    for name, change in CONTRADICTIONS.items():
        with pytest.raises(EstimationError, match="estimation-other-propensity") as caught:
            estimator(X, CODES, Y, propensity=fitted, **change)
        assert caught.value.where == name.split()[0], name
    estimator(X, CODES, Y, propensity=fitted, folds=5, seed=0, repeats=1, arms=np.array(ORDER))


@pytest.mark.parametrize("estimator", EVERY, ids=lambda f: f.__name__)
def test_a_propensity_of_other_rows_treatments_or_covariates_is_refused(estimator):
    fitted = fit_propensity(X, CODES)
    cases = [("treatment", X, CODES[::-1]), ("treatment", X[:-2], CODES[:-2])]
    if estimator is not difference_in_means:
        cases += [
            ("covariates", X[::-1], CODES),
            ("covariates", X[:, :1], CODES),
            ("covariates", None, CODES),
        ]
    for where, x, codes in cases:
        with pytest.raises(EstimationError, match="estimation-other-propensity") as caught:
            estimator(x, codes, Y[: len(codes)], propensity=fitted)
        assert caught.value.where == where
    with pytest.raises(EstimationError, match="estimation-other-propensity") as caught:
        estimator(X, CODES, Y, propensity=fitted, households=HOUSEHOLDS)
    assert caught.value.where == "households", "fitted without households, whose folds may split them"


def test_the_propensity_of_an_instrument_can_be_reused():
    z, d = CODES > 0, (CODES + (X[:, 1] > 0)) > 1
    fitted = fit_propensity(X, z, households=HOUSEHOLDS, seed=3)
    reused = local_average_effect(X, d, Y, instrument=z, households=HOUSEHOLDS, propensity=fitted)
    alone = local_average_effect(X, d, Y, instrument=z, households=HOUSEHOLDS, seed=3)
    assert (reused.estimate, reused.std_error, reused.seed) == (alone.estimate, alone.std_error, 3)
    with pytest.raises(EstimationError, match=r"seed: .*estimation-other-propensity"):
        local_average_effect(X, d, Y, instrument=z, propensity=fitted, seed=4)
