"""An instrument that whole months share: months are counted, and the set covers however few say anything."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student

from causalsig.errors import EstimationError
from causalsig.estimation.shared_instrument import grouped_instrument, instrument_balance

ROUNDING = 1e-8  # the same regression solved in another way
MONTHS, SIZE = 24, 60
REPLICATIONS = 200


def draw(seed=0, *, spread=0.12, effect=-0.2, hidden=0.3, month_error=0.03, size=SIZE):
    """Something unseen moves who is visited, who accepts and who returns; capacity differs between months."""
    r = np.random.default_rng(seed)
    month = np.repeat(np.arange(MONTHS), size)
    n = len(month)
    unseen, x = r.random(n) < 0.3, r.normal(size=n)
    capacity = np.clip(0.35 + spread * r.normal(size=MONTHS), 0.05, 0.85)
    visited = r.random(n) < np.clip(capacity[month] + hidden * (unseen - 0.3), 0.0, 1.0)
    accepted = visited & (r.random(n) < 0.4 + hidden * unseen)
    season = 0.05 * np.cos(2 * np.pi * month / 12)
    chance = 0.4 + season + hidden * (unseen - 0.3) + effect * accepted + 0.05 * x
    returned = r.random(n) < np.clip(chance + month_error * r.normal(size=MONTHS)[month], 0.0, 1.0)
    angle = 2 * np.pi * month / 12
    return {
        "month": month,
        "x": x[:, None],
        "capacity": capacity[month],
        "visited": visited.astype(float),
        "accepted": accepted.astype(float),
        "returned": returned.astype(float),
        "controls": np.column_stack([np.cos(angle), np.sin(angle), month / MONTHS]),
        "folds": np.concatenate([r.permutation(size) % 4 for _ in range(MONTHS)]),
    }


def without_own_fold(data):
    """Share visited of the same month in the other folds."""
    cell = data["month"] * 4 + data["folds"]
    visited = np.bincount(cell, weights=data["visited"], minlength=4 * MONTHS).reshape(-1, 4)
    number = np.bincount(cell, minlength=4 * MONTHS).reshape(-1, 4)
    others = (visited.sum(1, keepdims=True) - visited) / (number.sum(1, keepdims=True) - number)
    return others[data["month"], data["folds"]]


def estimate(data, instrument=None, **more):
    return grouped_instrument(
        data["accepted"],
        data["returned"],
        instrument=data["capacity"] if instrument is None else instrument,
        groups=data["month"],
        controls=data["controls"],
        **more,
    )


def monthly(data, column):
    return np.bincount(data["month"], weights=data[column]) / np.bincount(data["month"])


def test_a_recorded_instrument_is_the_regression_of_monthly_means():
    data = draw()
    found = estimate(data)
    first_row = np.unique(data["month"], return_index=True)[1]
    w = np.column_stack([data["capacity"], np.ones(len(data["month"])), data["controls"]])[first_row]
    slopes, errors = [], []
    for column in ("returned", "accepted"):
        y = monthly(data, column)
        beta, rest = np.linalg.lstsq(w, y, rcond=None)[:2]
        slopes.append(beta[0])
        errors.append(np.sqrt(rest[0] / (MONTHS - 5) * np.linalg.inv(w.T @ w)[0, 0]))
    assert found.df == MONTHS - 5 and found.controls == 4 and found.groups == MONTHS
    np.testing.assert_allclose([found.reduced_form, found.first_stage.estimate], slopes, rtol=ROUNDING)
    np.testing.assert_allclose([found.reduced_form_error, found.first_stage.std_error], errors, rtol=ROUNDING)
    assert found.estimate == pytest.approx(slopes[0] / slopes[1], rel=ROUNDING)
    assert found.first_stage.f_statistic == pytest.approx((slopes[1] / errors[1]) ** 2, rel=ROUNDING)


@pytest.mark.parametrize("spread", [0.12, 0.02])
def test_the_set_holds_what_a_regression_of_the_months_does_not_reject(spread):
    data = draw(1, spread=spread)
    found = estimate(data)
    for theta in np.linspace(-3, 3, 121):
        shifted = data | {"returned": data["returned"] - theta * data["accepted"]}
        one = estimate(shifted)
        statistic = abs(one.reduced_form) / one.reduced_form_error
        assert (theta in found.confidence_set) == (statistic <= student.ppf(0.975, one.df)), theta


def test_unequal_months_are_weighted_by_their_episodes():
    data = draw(2)
    keep = np.random.default_rng(5).random(len(data["month"])) < np.where(data["month"] % 3 == 0, 0.3, 0.9)
    data = {name: values[keep] for name, values in data.items()}
    found = estimate(data)
    first_row, size = np.unique(data["month"], return_index=True, return_counts=True)[1:]
    w = np.column_stack([data["capacity"], np.ones(len(data["month"])), data["controls"]])[first_row]
    root = np.sqrt(size)[:, None]
    beta = np.linalg.lstsq(w * root, monthly(data, "accepted") * root[:, 0], rcond=None)[0]
    assert found.first_stage.estimate == pytest.approx(beta[0], rel=ROUNDING)


def test_covariates_that_only_tell_months_apart_do_nothing_and_others_sharpen():
    data = draw(3)
    dummies = (data["month"][:, None] == np.arange(1, MONTHS)).astype(float)
    plain, idle = estimate(data), estimate(data, covariates=dummies)
    assert idle.estimate == pytest.approx(plain.estimate, rel=ROUNDING)
    strong = data | {"returned": data["returned"] + 3.0 * data["x"][:, 0]}
    helped = estimate(strong, covariates=np.hstack([data["x"], dummies]))
    assert helped.reduced_form_error < 0.5 * estimate(strong).reduced_form_error


@pytest.mark.parametrize(("spread", "built"), [(0.12, False), (0.02, False), (0.12, True), (0.02, True)])
def test_the_set_covers_with_a_hidden_cause_and_shocks_of_the_month(spread, built):
    hits = 0
    for seed in range(REPLICATIONS):
        data = draw(seed, spread=spread, effect=0.0)
        instrument = without_own_fold(data) if built else None
        found = estimate(data, instrument, covariates=data["x"], folds=data["folds"] if built else None)
        hits += 0.0 in found.confidence_set
    low, high = binomtest(hits, REPLICATIONS).proportion_ci(0.99)
    assert low <= 0.97 and high >= 0.93, hits


def test_clustering_by_household_alone_would_reject_a_true_nothing():
    """Shocks of the month: what counts households and not months has the wrong error."""
    from causalsig.estimation import local_average_effect

    wrong = right = 0
    for seed in range(25):
        data = draw(seed, effect=0.0, month_error=0.08)
        right += 0.0 in estimate(data).confidence_set
        alone = local_average_effect(
            data["controls"], data["accepted"].astype(int), data["returned"], instrument=data["capacity"]
        )
        wrong += 0.0 in alone.confidence_set
    assert right >= 20
    assert wrong <= 19


def test_an_instrument_made_of_its_own_episodes_is_drawn_to_the_confounded_answer():
    """With 24 small months, season and trend taken out: own episodes bias, other folds do not."""
    own, other, error = [], [], []
    for seed in range(200):
        data = draw(seed, spread=0.0, effect=0.0, hidden=0.5, month_error=0.0, size=20)
        visited = monthly(data, "visited")[data["month"]]
        own.append(estimate(data, visited).reduced_form)
        found = estimate(data, without_own_fold(data), folds=data["folds"])
        other.append(found.reduced_form)
        error.append(found.reduced_form_error)
    assert np.mean(own) > 5 * np.std(own) / np.sqrt(len(own))
    assert abs(np.mean(other)) < 3.3 * np.std(other) / np.sqrt(len(other))
    # The variance over pairs of folds is that of the replications.
    assert np.sqrt(np.mean(np.square(error))) == pytest.approx(np.std(other), rel=0.25)


def test_balance_finds_what_goes_with_the_instrument_and_nothing_else():
    data = draw(6)
    r = np.random.default_rng(1)
    with_capacity = 5.0 * data["capacity"] + r.normal(size=len(data["month"]))
    covariates = np.column_stack([with_capacity, r.normal(size=(len(data["month"]), 3))])
    found = instrument_balance(
        covariates, instrument=data["capacity"], groups=data["month"], controls=data["controls"]
    )
    assert found.holm[0] < 0.001 and found.change[0] > 0.2
    assert (found.holm[1:] > 0.05).all()
    assert (found.holm >= found.p_value).all()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"groups": lambda d: d["month"] % 8}, "estimation-instrument"),
        ({"instrument": lambda d: d["x"][:, 0]}, "estimation-instrument"),
        ({"instrument": lambda d: 2.0 + d["controls"][:, 2]}, "estimation-instrument"),
        ({"controls": lambda d: d["x"]}, "estimation-instrument"),
        (
            {"controls": lambda d: (d["month"][:, None] == np.arange(20)).astype(float)},
            "estimation-few-groups",
        ),
        ({"folds": lambda d: np.where(d["month"] == 0, 0, d["folds"])}, "estimation-instrument"),
        ({"treatment": lambda d: d["accepted"] + 1.0}, "estimation-instrument"),
        ({"outcome": lambda d: np.where(d["month"] == 1, np.nan, 1.0)}, "estimation-missing"),
        ({"folds": lambda d: d["folds"][1:]}, "estimation-length"),
    ],
)
def test_what_cannot_be_estimated_is_refused_by_its_code(change, code):
    data = draw(7)
    arguments = {
        "treatment": data["accepted"],
        "outcome": data["returned"],
        "instrument": data["capacity"],
        "groups": data["month"],
        "controls": data["controls"],
    } | {name: make(data) for name, make in change.items()}
    with pytest.raises(EstimationError) as caught:
        grouped_instrument(arguments.pop("treatment"), arguments.pop("outcome"), **arguments)
    assert caught.value.code == code


def test_the_order_of_the_rows_changes_nothing():
    data = draw(8)
    shuffled = np.random.default_rng(0).permutation(len(data["month"]))
    again = estimate(
        {name: values[shuffled] for name, values in data.items()}, covariates=data["x"][shuffled]
    )
    assert again.estimate == pytest.approx(estimate(data, covariates=data["x"]).estimate, rel=ROUNDING)
