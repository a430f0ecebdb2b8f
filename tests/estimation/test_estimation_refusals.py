"""Bad input gets an error that names it, and never shows a value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import (
    difference_in_means,
    doubly_robust,
    entropy_balancing,
    fit_propensity,
    inverse_probability,
    overlap_weighting,
    regression_standardisation,
    targeted_maximum_likelihood,
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
SPLITS = (inverse_probability, overlap_weighting, doubly_robust, targeted_maximum_likelihood)
N = 60
R = np.random.default_rng(1)
X = R.normal(size=(N, 2))
ARM = np.tile(["brief", "bezoek"], N // 2)
Y = R.normal(size=N)
SEEN = np.ones(N, dtype=bool)


def changed(array, value, rows=(3,)):
    result = np.array(array, dtype=object if isinstance(value, str) else None)
    result[list(rows)] = value
    return result


CASES = {
    "NaN in covariates": ({"covariates": changed(X, np.nan)}, "estimation-missing"),
    "NaN in the outcome": ({"outcome": changed(Y, np.nan)}, "estimation-missing"),
    "no arm": ({"treatment": changed(ARM.astype(object), None)}, "estimation-missing"),
    "no household": ({"households": changed(np.arange(N) * 1.0, np.nan)}, "estimation-missing"),
    "words in covariates": ({"covariates": changed(X, "veel")}, "estimation-dtype"),
    "objects in the outcome": ({"outcome": Y.astype(object)}, "estimation-dtype"),
    "numbers for observed": ({"observed": SEEN.astype(int)}, "estimation-dtype"),
    "arms of two types": ({"treatment": np.array([1, "brief"] * (N // 2), dtype=object)}, "estimation-dtype"),
    "an amount of 1e9": ({"covariates": changed(X, 1e9)}, "estimation-magnitude"),
    "an infinite outcome": ({"outcome": changed(Y, np.inf)}, "estimation-magnitude"),
    "too few covariates": ({"covariates": X[:-1]}, "estimation-length"),
    "too few outcomes": ({"outcome": Y[:-1]}, "estimation-length"),
    "too few households": ({"households": np.arange(N - 1)}, "estimation-length"),
    "too few observed": ({"observed": SEEN[:-1]}, "estimation-length"),
    "a covariate vector": ({"covariates": X[:, 0]}, "estimation-shape"),
    "one arm": ({"treatment": ["brief"] * N}, "estimation-one-arm"),
    "an arm twice": ({"arms": ["brief", "brief"]}, "estimation-one-arm"),
    "an arm without episodes": ({"arms": ["bezoek", "brief", "geen"]}, "estimation-empty-arm"),
    "an arm not declared": ({"arms": ["bezoek", "geen"]}, "estimation-unknown-arm"),
    "one household": ({"households": [7] * N}, "estimation-one-household"),
    "all censored": ({"observed": ~SEEN}, "estimation-all-censored"),
    "all NaN and censored": ({"observed": ~SEEN, "outcome": Y * np.nan}, "estimation-all-censored"),
    "an arm all censored": ({"observed": ARM == "brief"}, "estimation-all-censored"),
    "one fold": ({"folds": 1}, "estimation-folds"),
    "labels of other rows": ({"folds": np.zeros(N - 1)}, "estimation-folds"),
    "a household in two folds": (
        {"folds": np.arange(N) % 2, "households": np.arange(N) // 3},
        "estimation-split-household",
    ),
    "an arm in one fold only": ({"folds": (ARM == "brief").astype(int)}, "estimation-empty-cell"),
    "an arm of one episode": (
        {"treatment": changed(np.full(N, "brief"), "bezoek"), "folds": None},
        "estimation-one-household",
    ),
    "an arm of one household": (
        {
            "treatment": np.where(np.arange(N) < 6, "bezoek", "brief"),
            "households": np.maximum(np.arange(N), 5),
            "folds": None,
        },
        "estimation-one-household",
    ),
    "an arm of one household followed": (
        {"observed": (ARM == "brief") | (np.arange(N) == 7), "folds": None},
        "estimation-one-household",
    ),
    "an arm that cannot be split": (
        {"treatment": changed(np.full(N, "brief"), "bezoek")},
        "estimation-empty-cell",
    ),
    "an arm followed in one fold only": (
        {"folds": np.arange(N) // 2 % 2, "observed": (ARM == "brief") | (np.arange(N) // 2 % 2 == 0)},
        "estimation-empty-cell",
    ),
    "another estimand": ({"estimand": "LATE"}, "estimation-estimand"),
    "ATT of no arm": ({"estimand": ("ATT", "geen")}, "estimation-estimand"),
    "a level of 95": ({"level": 95.0}, "estimation-level"),
    "another learner": ({"nuisance": "forest"}, "estimation-nuisance"),
    "another outcome model": ({"outcome_model": "probit"}, "estimation-outcome-model"),
    "logistic for an amount": ({"outcome_model": "logistic"}, "estimation-outcome-model"),
    "Poisson below zero": ({"outcome_model": "poisson"}, "estimation-outcome-model"),
    "another target": ({"target": "world"}, "estimation-target"),
    "another way to trim": ({"trim": "much"}, "estimation-trim"),
    "time to return": ({"horizons": [90]}, "estimation-event"),
    "observed of more outcomes": ({"observed": np.column_stack([SEEN, SEEN])}, "estimation-shape"),
    "observed of fewer outcomes": (
        {"observed": np.column_stack([SEEN, SEEN]), "outcome": np.column_stack([Y, Y, Y])},
        "estimation-shape",
    ),
    "observed in three dimensions": ({"observed": SEEN[:, None, None]}, "estimation-shape"),
    "observed of nobody in particular": ({"observed": True}, "estimation-shape"),
    "no outcome": ({"outcome": np.zeros((N, 0))}, "estimation-shape"),
    "an outcome of nobody": ({"outcome": 1.0}, "estimation-shape"),
    "no outcome at all": ({"outcome": None}, "estimation-dtype"),
    "rows of several lengths": ({"covariates": [[1.0, 2.0], [3.0]] * (N // 2)}, "estimation-shape"),
    "masked covariates": ({"covariates": np.ma.array(X, mask=X > 2)}, "estimation-missing"),
    "masked outcomes": ({"outcome": np.ma.array(Y, mask=Y > 1)}, "estimation-missing"),
    "masked arms": ({"treatment": np.ma.array(ARM, mask=np.arange(N) == 4)}, "estimation-missing"),
    "NA in a nullable column": (
        {"outcome": pd.Series(Y).astype("Float64").where(np.arange(N) != 3)},
        "estimation-missing",
    ),
    "arms as lists": ({"arms": [["brief"], ["bezoek"]]}, "estimation-dtype"),
    "a number of arms": ({"arms": 2}, "estimation-dtype"),
    "fold labels with a hole": ({"folds": changed(np.arange(N) % 3 * 1.0, np.nan)}, "estimation-missing"),
    "folds as text": ({"folds": "5"}, "estimation-folds"),
    "repeats in-sample": ({"folds": None, "repeats": 2}, "estimation-folds"),
    "no repeats": ({"repeats": 0}, "estimation-repeats"),
    "half a repeat": ({"repeats": 2.5}, "estimation-repeats"),
    "a seed of letters": ({"seed": "a"}, "estimation-seed"),
    "a level as text": ({"level": "0.95"}, "estimation-level"),
    "no level": ({"level": None}, "estimation-level"),
    "ATT of several arms": ({"estimand": ("ATT", np.array(["brief"]))}, "estimation-estimand"),
    "a propensity as numbers": ({"propensity": np.full(N, 0.5)}, "estimation-other-propensity"),
    "folds of another index": (
        {"outcome": pd.Series(Y), "folds": pd.Series(np.arange(N) % 3, index=np.arange(N)[::-1])},
        "estimation-index",
    ),
    "another index": (
        {"covariates": pd.DataFrame(X), "outcome": pd.Series(Y, index=np.arange(N)[::-1])},
        "estimation-index",
    ),
}


@pytest.mark.parametrize(("change", "code"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_named(change, code):
    inputs = {"covariates": X, "treatment": ARM, "outcome": Y} | change
    with pytest.raises(EstimationError) as caught:
        doubly_robust(inputs.pop("covariates"), inputs.pop("treatment"), inputs.pop("outcome"), **inputs)
    assert caught.value.code == code


OF_ONE = ("outcome_model", "target", "trim")
OF_COVARIATES = ("covariates",)
OF_SPLITS = ("nuisance",)


def asked_of(estimator, change):
    """Whether the estimator looks at everything that is wrong here."""
    if set(change) & set(OF_ONE) or change.get("estimand") == ("ATT", "geen"):
        return False
    if estimator is difference_in_means and set(change) & set(OF_COVARIATES):
        return False
    if estimator in SPLITS:
        return True
    return not set(change) & {*OF_SPLITS, "folds"} or (
        change.get("folds", 5) is None and "repeats" not in change
    )


@pytest.mark.parametrize("estimator", EVERY, ids=lambda f: f.__name__)
def test_bad_input_is_named_by_every_estimator(estimator):
    asked = {name: case for name, case in CASES.items() if asked_of(estimator, case[0])}
    # Who splits nothing calls an arm that cannot be split an arm of one household. Weighting splits no model
    # of being followed.
    unsplit = set() if estimator in SPLITS else {"an arm that cannot be split"}
    weighting = {"an arm followed in one fold only"} if estimator in SPLITS[:2] else set()
    for name in asked.keys() - unsplit - weighting:
        change, code = asked[name]
        inputs = {"covariates": X, "treatment": ARM, "outcome": Y} | change
        with pytest.raises(EstimationError) as caught:
            estimator(inputs.pop("covariates"), inputs.pop("treatment"), inputs.pop("outcome"), **inputs)
        assert caught.value.code == code, name
        assert caught.value.expected and caught.value.found and caught.value.mend
    assert len(asked) > 20


@pytest.mark.parametrize("estimator", EVERY, ids=lambda f: f.__name__)
def test_scales_up_to_the_largest_give_the_same_answer(estimator):
    positive = np.abs(Y)
    plain = estimator(X, ARM, positive)
    scaled = estimator(X * (1e-6, 1e8), ARM, positive * 1e8)
    np.testing.assert_allclose(scaled.means, plain.means * 1e8, rtol=1e-6)
    assert scaled.contrast("brief", "bezoek").std_error == pytest.approx(
        plain.contrast("brief", "bezoek").std_error * 1e8, rel=1e-5
    )


def test_a_propensity_of_other_rows_or_arms_is_refused():
    fitted = fit_propensity(X, ARM)
    for x, arm in ((X[::-1], ARM), (X, ARM[::-1]), (X[:, :1], ARM)):
        with pytest.raises(EstimationError, match="estimation-other-propensity"):
            doubly_robust(x, arm, Y, propensity=fitted)


def test_a_probability_of_zero_is_refused():
    fitted = fit_propensity(X, ARM)
    p = fitted.probabilities.copy()
    p[0, 5] = (0.0, 1.0)
    with pytest.raises(EstimationError, match="estimation-positivity"):
        doubly_robust(X, ARM, Y, propensity=replace(fitted, probabilities=p))


@pytest.mark.parametrize(
    ("estimator", "estimand"),
    [(difference_in_means, "ATO"), (inverse_probability, "ATO"), (overlap_weighting, "ATE")],
)
def test_an_estimator_refuses_the_estimand_of_another(estimator, estimand):
    with pytest.raises(EstimationError, match="estimation-estimand"):
        estimator(X, ARM, Y, estimand=estimand)


def test_frames_of_mixed_numbers_are_read_and_missing_marks_are_not():
    frame = pd.DataFrame({"amount": X[:, 0], "repeat": X[:, 1] > 0, "count": np.arange(N) % 4})
    fitted = fit_propensity(frame, pd.Series(ARM))
    plain = fit_propensity(frame.to_numpy(dtype=float), ARM)
    np.testing.assert_array_equal(fitted.probabilities, plain.probabilities)
    nullable = frame.astype({"amount": "Float64", "repeat": "boolean", "count": "Int64"})
    np.testing.assert_array_equal(fit_propensity(nullable, ARM).probabilities, plain.probabilities)
    with pytest.raises(EstimationError, match="estimation-missing"):
        fit_propensity(frame.assign(count=pd.array([pd.NA] * N, dtype="Int64")), ARM)
    with pytest.raises(EstimationError, match="estimation-dtype"):
        fit_propensity(frame.assign(count=pd.Categorical(ARM)), ARM)
    with pytest.raises(EstimationError, match="estimation-missing"):
        fit_propensity(frame, pd.Series([pd.NA, *ARM[1:]], dtype="string"))


def test_no_message_holds_a_value():
    secret = "Kanarie-071"
    with pytest.raises(EstimationError) as caught:
        fit_propensity(X, changed(ARM, secret), arms=["brief", "bezoek"])
    assert secret not in str(caught.value)
