"""Learners other than the engine's: what they may change, and what they may not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from causalsig.errors import EstimationError
from causalsig.estimation import (
    Nuisance,
    doubly_robust,
    fit_propensity,
    inverse_probability,
    overlap_weighting,
    regression_standardisation,
    targeted_maximum_likelihood,
)
from causalsig.estimation.calibration import calibrate
from causalsig.estimation.learners import inner_split, mixing_shares
from causalsig.estimation.nuisances import FLOOR

ROUNDING = 1e-9  # the same sums in another order
SOLVED = 1e-6  # two optimisers of one likelihood


def draw(n=1200, arms=2, seed=3):
    """Assignment and outcome by steps, which no linear model follows; the effect of an arm is its number."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 3))
    step = (np.abs(x[:, 0]) > 0.8) + 0.5 * (x[:, 1] * x[:, 2] > 0)
    eta = 1.2 * step[:, None] * np.arange(arms)
    codes = (eta - eta.mean(axis=0) + r.gumbel(size=(n, arms))).argmax(axis=1)
    households = r.integers(0, n // 2, n)
    y = codes + 2.0 * step + r.normal(size=n)
    return x, codes, y, households


def test_what_no_line_follows_trees_do():
    x, codes, y, households = draw(n=3000)
    found = {
        name: doubly_robust(x, codes, y, households=households, nuisance=name, folds=2).contrast(1, 0)
        for name in ("linear", "boosting", "stacked")
    }
    assert found["linear"].conf_low > 1.2
    for name in ("boosting", "stacked"):
        assert abs(found[name].estimate - 1.0) < 3.0 * found[name].std_error
        assert found[name].std_error < found["linear"].std_error


@pytest.mark.parametrize("nuisance", ["boosting", "stacked", Nuisance("boosting", "linear", calibrated=True)])
def test_neither_the_order_of_rows_nor_a_second_run_changes_a_byte(nuisance):
    x, codes, y, households = draw(n=240, arms=3 if nuisance == "boosting" else 2)
    seen = np.random.default_rng(1).random(240) < 0.9
    mixed = np.random.default_rng(0).permutation(len(y))

    def run(rows):
        return doubly_robust(
            x[rows],
            codes[rows],
            y[rows],
            households=households[rows],
            observed=seen[rows],
            nuisance=nuisance,
            folds=2,
            seed=8,
        )

    first, again, other = run(np.arange(240)), run(np.arange(240)), run(mixed)
    np.testing.assert_array_equal(first.means, again.means)
    np.testing.assert_array_equal(first.means, other.means)
    np.testing.assert_array_equal(first.covariance, other.covariance)


def test_given_estimators_are_used_as_a_plain_loop_would():
    x, codes, y, households = draw()
    folds = households % 4
    pair = Nuisance(LogisticRegression(C=np.inf, tol=1e-10, max_iter=500), LinearRegression())
    found = doubly_robust(x, codes, y, households=households, folds=folds, nuisance=pair)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    p, m = np.empty((len(y), 2)), np.empty((len(y), 2))
    for f in range(4):
        train, held = folds != f, folds == f
        p[held] = (
            LogisticRegression(C=np.inf, tol=1e-10, max_iter=500)
            .fit(z[train], codes[train])
            .predict_proba(z[held])
        )
        for a in (0, 1):
            rows = train & (codes == a)
            m[held, a] = LinearRegression().fit(z[rows], y[rows]).predict(z[held])
    low, high = y.min(), y.max()
    means = []
    for a in (0, 1):
        w = (codes == a) / p[:, a]
        bounded = np.clip(m[:, a], low, high)
        means.append(bounded.mean() + np.sum(w * (y - bounded)) / w.sum())
    np.testing.assert_allclose(found.means, means, atol=SOLVED)


@pytest.mark.parametrize("learner", ["boosting", "stacked", RandomForestClassifier(n_estimators=20)])
def test_probabilities_of_every_arm_add_to_one_and_stay_off_zero(learner):
    x, codes, _, households = draw(n=400, arms=3)
    nuisance = Nuisance(treatment=learner)
    fitted = fit_propensity(x, codes, households=households, nuisance=nuisance, folds=2, repeats=2)
    np.testing.assert_allclose(fitted.probabilities.sum(axis=2), 1.0, atol=ROUNDING)
    assert fitted.probabilities.min() > 0.99 * FLOOR
    assert not np.array_equal(fitted.probabilities[0], fitted.probabilities[1])
    assert np.mean(fitted.probabilities[0].argmax(axis=1) == codes) > 0.4


def test_the_gates_see_what_the_floor_hides():
    x, codes, *_ = draw(n=600)
    x[:, 0] = codes + 0.01 * x[:, 0]
    fitted = fit_propensity(x, codes, nuisance="boosting")
    assert "propensity-floored" in fitted.notes
    assert fitted.judged_probabilities.min() < FLOOR / 2
    plain = fit_propensity(*draw(n=600)[:2], nuisance="boosting")
    assert plain.notes == () and plain.before_shrinking is None


def test_an_outcome_of_zero_and_one_is_predicted_between_them():
    x, codes, y, households = draw(n=400)
    binary = (y > 1.0).astype(float)
    options = {"households": households, "folds": 2}
    forest = Nuisance(outcome=RandomForestClassifier(n_estimators=20))
    for nuisance in ("boosting", "stacked", forest):
        alone = doubly_robust(x, codes, binary, nuisance=nuisance, **options)
        assert np.all((alone.means > 0) & (alone.means < 1))
        if nuisance == "boosting":
            found = doubly_robust(x, codes, np.column_stack([binary, y]), nuisance="boosting", **options)
            np.testing.assert_allclose(found.means[0], alone.means, atol=ROUNDING)
            targeted = targeted_maximum_likelihood(x, codes, binary, nuisance=nuisance, **options)
            assert abs(targeted.means - alone.means).max() < 2 * alone.std_errors.max()


def test_counts_and_an_arm_without_variation_are_learned():
    x, codes, y, households = draw(n=300)
    counts = np.where(codes == 1, 0.0, np.floor(np.maximum(y, 0)))
    for nuisance in ("boosting", "stacked"):
        found = doubly_robust(
            x, codes, counts, households=households, nuisance=nuisance, outcome_model="poisson", folds=2
        )
        assert found.means[1] == 0.0 and found.means[0] > 0


def test_shares_of_a_mixture_make_the_likelihood_largest():
    r = np.random.default_rng(5)
    p = np.stack([r.uniform(0.2, 0.9, 300), r.uniform(0.3, 0.8, 300)])
    best = minimize_scalar(
        lambda s: -np.sum(np.log(s * p[0] + (1 - s) * p[1])), bounds=(0, 1), method="bounded"
    )
    np.testing.assert_allclose(mixing_shares(p)[0], best.x, atol=1e-3)
    assert mixing_shares(np.stack([p[0], p[0] / 2]))[0] > 0.999


def test_inner_folds_keep_households_together_and_arms_everywhere():
    r = np.random.default_rng(2)
    households, strata = r.integers(0, 60, 200), (r.random(200) < 0.1).astype(int)
    labels = inner_split(strata, households, 4)
    assert all(len(set(labels[households == h])) == 1 for h in set(households))
    assert all(len(set(strata[labels != f])) == 2 for f in range(4))
    assert inner_split(np.r_[1, np.zeros(19, int)], np.arange(20), 4) is None


def test_calibration_is_the_logistic_line_of_the_log_odds():
    r = np.random.default_rng(6)
    eta = r.normal(size=4000)
    codes = (r.random(4000) < 1 / (1 + np.exp(-eta))).astype(int)
    extreme = 1 / (1 + np.exp(-(2.0 * eta + 0.4)))
    found = calibrate(np.column_stack([1 - extreme, extreme]), codes, ("a", "b"), np.arange(4000), 10)
    plain = LogisticRegression(C=np.inf, tol=1e-10).fit(np.log(extreme / (1 - extreme))[:, None], codes)
    np.testing.assert_allclose(found.slope, plain.coef_[0, 0], atol=1e-4)
    np.testing.assert_allclose(found.intercept[1], plain.intercept_[0], atol=1e-4)
    assert abs(found.slope[1] - 0.5) < 3 * found.slope_error[1]
    assert found.n.sum() == 8000
    np.testing.assert_allclose(np.average(found.observed[1], weights=found.n[1]), codes.mean())
    same = calibrate(np.full((4000, 2), 0.5), codes, ("a", "b"), np.arange(4000), 5)
    assert np.isnan(same.slope).all()
    with pytest.raises(EstimationError, match="estimation-bins"):
        calibrate(np.full((4, 2), 0.5), np.arange(4) % 2, ("a", "b"), np.arange(4), 5)


def test_isotonic_calibration_takes_back_overconfidence():
    x, codes, _, households = draw(n=1500)
    forest = RandomForestClassifier(n_estimators=30)  # grown out: says 0 and 1 far too often
    slopes = [
        fit_propensity(
            x,
            codes,
            households=households,
            folds=3,
            nuisance=Nuisance(treatment=forest, calibrated=calibrated),
        )
        .calibration()
        .slope[1]
        for calibrated in (False, True)
    ]
    assert slopes[0] < 0.75 < 0.8 < slopes[1] < 1.25


X, CODES, Y, _ = draw(n=200)
REFUSED = {
    "a name": lambda: doubly_robust(X, CODES, Y, nuisance="forest"),
    "a class": lambda: doubly_robust(X, CODES, Y, nuisance=RandomForestClassifier),
    "a regressor for the arm": lambda: fit_propensity(X, CODES, nuisance=RandomForestRegressor()),
    "a classifier for an amount": lambda: doubly_robust(X, CODES, Y, nuisance=RandomForestClassifier(5)),
    "in-sample propensity": lambda: fit_propensity(X, CODES, folds=None, nuisance="boosting"),
    "in-sample outcome": lambda: doubly_robust(
        X, CODES, Y, folds=None, nuisance=Nuisance(outcome="boosting")
    ),
    "weighting": lambda: inverse_probability(X, CODES, Y, nuisance="boosting"),
    "overlap weighting": lambda: overlap_weighting(X, CODES, Y, nuisance=Nuisance(calibrated=True)),
    "standardisation": lambda: regression_standardisation(X, CODES, Y, nuisance="boosting"),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED.keys())
def test_a_learner_that_cannot_do_it_is_refused(call):
    with pytest.raises(EstimationError, match="estimation-nuisance"):
        call()


def test_calibration_costs_no_precision_where_nothing_is_wrong():
    """A step of held-out households without any of an arm may not make that arm impossible."""
    r = np.random.default_rng(20)
    n = 5000
    households = np.repeat(np.arange(n), r.integers(1, 4, n))[:n]
    x = r.normal(size=(n, 4))
    codes = (0.4 * x @ (1.0, -0.5, 0.5, 0.8) + r.logistic(size=n) > 0).astype(int)
    y = x @ (0.5, 0.3, 0.0, 0.4) + 0.3 * codes + r.normal(size=n)
    plain, calibrated = (
        doubly_robust(x, codes, y, households=households, nuisance=Nuisance(calibrated=c))
        for c in (False, True)
    )
    assert calibrated.notes == ()
    np.testing.assert_allclose(calibrated.std_errors, plain.std_errors, rtol=0.04)
    assert np.abs(calibrated.means - plain.means).max() < 0.5 * plain.std_errors.min()


@pytest.mark.parametrize("arms", [2, 4])
def test_no_step_of_a_calibration_makes_an_arm_impossible(arms):
    x, codes, _, households = draw(n=1600, arms=arms)
    fitted = fit_propensity(x, codes, households=households, nuisance=Nuisance(calibrated=True))
    assert fitted.probabilities.min() > FLOOR and "propensity-floored" not in fitted.notes
    np.testing.assert_allclose(fitted.probabilities.sum(axis=2), 1.0, atol=ROUNDING)
