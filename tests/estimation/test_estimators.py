"""What each further estimator promises, in special cases whose answer is known."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from causalsig.errors import EstimationError
from causalsig.estimation import (
    difference_in_means,
    doubly_robust,
    entropy_balancing,
    fit_propensity,
    inverse_probability,
    overlap_weighting,
    regression_standardisation,
    simultaneous_contrasts,
    targeted_maximum_likelihood,
    trim,
)
from causalsig.estimation.request import OPTIONAL

ROUNDING = 1e-9  # the same sums in another order
SOLVED = 1e-8  # scores are solved to about 1e-10 of their size
EVERY = (
    difference_in_means,
    inverse_probability,
    overlap_weighting,
    regression_standardisation,
    entropy_balancing,
    doubly_robust,
    targeted_maximum_likelihood,
)
FIXED = {
    "arms": None, "households": None, "observed": None, "estimand": "ATE", "folds": 5, "repeats": 1,
    "seed": 0, "nuisance": "linear", "propensity": None, "event": None, "horizons": None, "level": 0.95,
}  # fmt: skip


def draw(n=600, arms=3, seed=2):
    r = np.random.default_rng(seed)
    x = np.column_stack([r.normal(size=(n, 2)), r.random(n) < 0.3]).astype(float)
    eta = 0.5 * x @ r.normal(size=(3, arms))
    codes = (eta + r.gumbel(size=eta.shape)).argmax(axis=1)
    y = x[:, 0] + 0.5 * codes + r.normal(size=n)
    return x, codes, y, r.integers(0, n // 2, n), r.random(n) < 0.85


@pytest.mark.parametrize("estimator", EVERY, ids=lambda f: f.__name__)
def test_every_effect_function_has_the_same_signature(estimator):
    parameters = inspect.signature(estimator).parameters
    assert list(parameters)[:3] == ["covariates", "treatment", "outcome"]
    options = {name: p.default for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    expected = FIXED | ({"estimand": "ATO"} if estimator is overlap_weighting else {})
    assert {name: options[name] for name in FIXED} == expected
    assert set(options) - set(FIXED) <= set(OPTIONAL)
    assert estimator.__doc__ and "Parameters" in estimator.__doc__


def test_an_option_of_another_estimator_is_refused_and_an_unknown_one_too():
    x, codes, y, *_ = draw()
    with pytest.raises(EstimationError, match=r"`trim`.*estimation-option"):
        entropy_balancing(x, codes, y, trim="crump")
    assert entropy_balancing(x, codes, y, trim=None).method == "entropy_balancing"
    with pytest.raises(TypeError, match="stabilized"):
        inverse_probability(x, codes, y, stabilized=True)


def test_difference_in_means_fits_no_propensity(monkeypatch):
    x, codes, y, *_ = draw()
    monkeypatch.setattr("causalsig.estimation.prepare.fit_propensity", None)
    assert difference_in_means(x, codes, y).parameters == 0


@pytest.mark.parametrize("estimator", [inverse_probability, doubly_robust, entropy_balancing])
def test_everybody_is_who_got_an_arm_and_who_did_not(estimator):
    """With the share of each, the means of ATT and ATU make that of the ATE."""
    x, codes, _, _, _ = draw(arms=2)
    m = 1.0 + x @ (1.0, -2.0, 3.0)  # the outcome model is exact, so the identity is
    if estimator is inverse_probability:
        x = x[:, 2:]  # saturated: weights reproduce every mean exactly
        m = 1.0 + 3.0 * x[:, 0]
    share = np.mean(codes == 1)
    ate, att, atu = (
        estimator(x, codes, m, folds=None, estimand=e).means for e in ("ATE", ("ATT", 1), ("ATU", 1))
    )
    np.testing.assert_allclose(share * att + (1 - share) * atu, ate, atol=1e-7)


def test_the_untreated_of_two_arms_are_the_treated_of_the_other():
    x, codes, y, households, seen = draw(arms=2)
    for estimator in (inverse_probability, doubly_robust, entropy_balancing, regression_standardisation):
        same = [
            estimator(x, codes, y, observed=seen, households=households, estimand=e)
            for e in (("ATU", 1), ("ATT", 0))
        ]
        np.testing.assert_allclose(same[0].means, same[1].means, atol=ROUNDING)
        np.testing.assert_allclose(same[0].covariance, same[1].covariance, atol=ROUNDING)


def test_bounded_weights_never_exceed_their_bound():
    x, codes, *_ = draw(arms=3)
    fitted = fit_propensity(x * 4, codes, folds=None)
    assert fitted.weights("ATE").max() > 20
    assert fitted.weights("ATO").max() <= 1.0
    assert fitted.weights("ATM").max() <= 1.0
    assert fitted.weights("entropy").max() < 40


def test_stabilised_weights_average_one_and_change_no_mean():
    x, codes, y, *_ = draw(arms=2)
    fitted = fit_propensity(x[:, 2:], codes, folds=None)
    w = fitted.weights("ATE", stabilised=True)
    np.testing.assert_allclose([w[codes == k].mean() for k in (0, 1)], 1.0, atol=1e-7)
    means = inverse_probability(x[:, 2:], codes, y, propensity=fitted).means
    np.testing.assert_allclose([np.average(y[codes == k], weights=w[codes == k]) for k in (0, 1)], means)


@pytest.mark.parametrize("estimand", ["ATE", ("ATT", 2), ("ATU", 0)])
def test_entropy_balancing_balances_exactly(estimand):
    x, codes, _, _, seen = draw()
    result = entropy_balancing(x, codes, x, observed=seen, estimand=estimand)
    inside = {"ATE": np.ones(len(x), dtype=bool)}.get(
        estimand, codes == 2 if estimand == ("ATT", 2) else codes != 0
    )
    target = x[inside].mean(axis=0)
    np.testing.assert_allclose(result.means, np.broadcast_to(target[:, None], (3, 3)), atol=SOLVED)
    # What is balanced exactly differs between arms by nothing, with no error.
    assert result.contrast(1, 0).std_error.max() < SOLVED


def test_entropy_balancing_names_the_covariates_that_no_weights_balance():
    x, codes, y, *_ = draw()
    frame = pd.DataFrame(x, columns=["amount", "months", "repeat"])
    frame.loc[codes == 1, "months"] = frame.loc[codes == 1, "months"].clip(upper=-0.5)
    with pytest.raises(EstimationError, match=r"weights of 1 .*none that balance months[.]") as caught:
        entropy_balancing(frame, codes, y)
    assert caught.value.code == "estimation-unbalanced"


def test_standardisation_without_covariates_is_the_difference_in_means():
    _, codes, y, households, seen = draw()
    nothing = np.zeros((len(y), 0))
    plain = difference_in_means(None, codes, y, households=households, observed=seen)
    for estimator in (regression_standardisation, entropy_balancing):
        same = estimator(nothing, codes, y, households=households, observed=seen)
        np.testing.assert_allclose(same.means, plain.means, atol=ROUNDING)
        np.testing.assert_allclose(same.covariance, plain.covariance, atol=ROUNDING)


def test_balancing_and_linear_standardisation_agree_where_the_outcome_is_linear():
    x, codes, y, *_ = draw()
    balanced = entropy_balancing(x, codes, y)
    by_model = regression_standardisation(x, codes, y, outcome_model="least_squares")
    gap = balanced.influence - by_model.influence
    assert (np.abs(gap.mean(axis=0)) < 3 * gap.std(axis=0) / np.sqrt(len(gap))).all()
    assert (gap.std(axis=0) < by_model.influence.std(axis=0)).all()


@pytest.mark.parametrize("folds", [5, None])
@pytest.mark.parametrize("estimand", ["ATE", "ATO", ("ATT", 1)])
def test_targeted_means_stay_within_the_bounds(folds, estimand):
    r = np.random.default_rng(5)
    x, codes, *_ = draw(n=300)
    rare = (r.random(300) < 0.02 * (codes == 0)).astype(float)
    amount = np.exp(2 * r.normal(size=300))
    result = targeted_maximum_likelihood(
        x * 2, codes, np.column_stack([rare, amount]), folds=folds, estimand=estimand
    )
    assert (result.means[0] >= 0).all() and (result.means[0] <= 1).all()
    assert (result.means[1] >= amount.min()).all() and (result.means[1] <= amount.max()).all()
    assert result.means[0, 1] == 0.0 and np.isfinite(result.covariance).all()


def test_targeted_and_augmented_agree_to_first_order():
    x, codes, y, households, seen = draw(n=4000)
    event = (y > 0.5).astype(float)
    options = {"households": households, "observed": seen}
    tmle = targeted_maximum_likelihood(x, codes, event, **options)
    aipw = doubly_robust(x, codes, event, outcome_model="logistic", **options)
    assert np.abs(tmle.means - aipw.means).max() < 0.1 * aipw.std_errors.min()
    np.testing.assert_allclose(tmle.std_errors, aipw.std_errors, rtol=0.02)


@pytest.mark.parametrize("folds", [5, None])
def test_counts_get_a_poisson_model(folds):
    r = np.random.default_rng(8)
    x, codes, *_ = draw(n=3000)
    count = r.poisson(np.exp(0.3 * x[:, 0] + 0.2 * codes)).astype(float)
    result = doubly_robust(x, codes, count, folds=folds, outcome_model="poisson")
    truth = np.exp(0.3 * x[:, 0]).mean() * np.exp(0.2 * np.arange(3))
    assert (np.abs(result.means - truth) < 4 * result.std_errors).all()
    plain = doubly_robust(x, codes, count, folds=folds, outcome_model="least_squares")
    assert result.std_errors.mean() < plain.std_errors.mean()


def test_the_interval_for_the_sample_is_narrower_and_named():
    x, codes, y, *_ = draw(n=3000, arms=2)
    y = y + 3 * x[:, 1] * codes  # effects differ between households
    for estimator in (doubly_robust, regression_standardisation, targeted_maximum_likelihood):
        whole = estimator(x, codes, y)
        own = estimator(x, codes, y, target="sample")
        assert own.target == "sample" and whole.target == "population"
        np.testing.assert_allclose(own.means, whole.means, atol=ROUNDING)
        assert own.contrast(1, 0).std_error < 0.8 * whole.contrast(1, 0).std_error


def test_the_textbook_mean_without_normalising():
    x, codes, y, *_ = draw(arms=2)
    fitted = fit_propensity(x, codes)
    once = doubly_robust(x, codes, y, propensity=fitted)
    plain = doubly_robust(x, codes, y, propensity=fitted, normalise=False)
    w = (codes[:, None] == (0, 1)) / fitted.probabilities[0]
    # Both share μ; r of one is that of the other times the mean weight.
    assert not np.allclose(plain.means, once.means, atol=1e-6)
    assert np.abs(plain.means - once.means).max() < np.abs(w.mean(axis=0) - 1).max()


def test_trimming_changes_the_estimand_and_says_so():
    x, codes, y, households, seen = draw(n=1500)
    frame = pd.DataFrame(x * 1.5)
    fitted = fit_propensity(frame, codes, households=households, folds=None)
    kept = trim(fitted, ("symmetric", 0.1))
    assert (kept.trimmed + kept.remained == fitted.n).all() and kept.trimmed.sum() > 0
    assert kept.keep.sum() == kept.remained.sum()
    result = inverse_probability(
        frame,
        codes,
        y,
        households=households,
        observed=seen,
        folds=None,
        trim=("symmetric", 0.1),
        estimand=("ATT", 1),
    )
    assert result.estimand == ("ATT trimmed (symmetric 0.1)", 1)
    assert "estimation-trimmed" in result.notes
    rows = kept.keep
    alone = inverse_probability(
        x[rows] * 1.5,
        codes[rows],
        y[rows],
        households=households[rows],
        observed=seen[rows],
        folds=None,
        estimand=("ATT", 1),
    )
    np.testing.assert_allclose(result.means, alone.means, atol=ROUNDING)
    np.testing.assert_allclose(result.covariance, alone.covariance, atol=ROUNDING)
    assert result.effective_sample_size.min() > 0 and result.n.tolist() == kept.remained.tolist()


def test_crump_cuts_where_the_variance_bound_is_smallest():
    r = np.random.default_rng(3)
    spread = 2 + r.gamma(0.6, 12.0, size=500)
    from causalsig.estimation.trimming import crump_cut

    cut = crump_cut(spread)

    def bound(at):  # Crump et al. (2009): E[spread | kept] / P(kept), to be as small as possible
        inside = spread <= at
        return spread[inside].mean() / inside.mean()

    best = min((bound(at), at) for at in np.sort(spread)[20:])
    assert cut == pytest.approx(best[1])
    assert crump_cut(np.full(9, 4.0)) == 4.0


def test_per_arm_trimming_looks_at_who_got_the_arm():
    x, codes, *_ = draw(n=1500)
    fitted = fit_propensity(x, codes)
    kept = trim(fitted, ("per_arm", 0.05))
    p = fitted.probabilities[0]
    for k in range(3):
        assert kept.thresholds[k] == pytest.approx(np.quantile(p[codes == k, k], 0.05))
        assert (p[kept.keep, k] >= kept.thresholds[k]).all()


@pytest.mark.parametrize(
    "rule", ["stuermer", ("symmetric", 0.6), ("symmetric", "0.1"), 0.1, ("crump", 0.1), ("symmetric", 0.49)]
)
def test_a_rule_that_is_none_or_leaves_nobody_is_refused(rule):
    x, codes, y, *_ = draw()
    with pytest.raises(EstimationError, match="estimation-trim"):
        inverse_probability(x, codes, y, trim=rule)


def test_max_t_intervals_lie_between_single_and_bonferroni_ones():
    x, codes, y, households, _ = draw(n=900, arms=4)
    result = doubly_robust(x, codes, np.column_stack([y, y + 0.1 * codes, y**2]), households=households)
    joint = simultaneous_contrasts(result)
    assert len(joint.contrasts) == 18 and joint.outcomes == tuple(np.repeat([0, 1, 2], 6))
    assert 0.95 < joint.level_each < 1 - 0.05 / 18
    for one, j in zip(joint.contrasts, joint.outcomes, strict=True):
        alone = result.outcome(j).contrast(one.arm, one.reference)
        assert one.estimate == alone.estimate and one.df == alone.df
        assert one.conf_high - one.conf_low > alone.conf_high - alone.conf_low
        assert alone.p_value <= one.p_value <= min(1.0, 18 * alone.p_value + 0.01)


def test_the_max_t_quantile_of_independent_and_of_equal_contrasts():
    r = np.random.default_rng(1)
    arm = np.repeat(np.arange(2), 4000)
    y = r.normal(size=(8000, 4))
    free = simultaneous_contrasts(difference_in_means(None, arm, y))
    # Šidák; 2^17 draws know the tail probability of 0.05 to 1.2 %.
    assert 1 - free.level_each == pytest.approx(1 - 0.95 ** (1 / 4), rel=0.06)
    same = simultaneous_contrasts(difference_in_means(None, arm, y[:, [0, 0, 0, 0]]))
    assert 1 - same.level_each == pytest.approx(0.05, rel=0.04)
    assert norm.ppf(0.5 + same.level_each / 2) == pytest.approx(1.96, abs=0.02)


def test_several_outcomes_are_fitted_with_one_model_of_being_followed(monkeypatch):
    x, codes, y, _, seen = draw()
    calls = []
    from causalsig.estimation import prepare

    real = prepare.logistic
    monkeypatch.setattr(prepare, "logistic", lambda *a: calls.append(1) or real(*a))
    table = np.column_stack([y, y**2, y > 0])
    for estimator in (inverse_probability, doubly_robust, targeted_maximum_likelihood):
        calls.clear()
        estimator(x, codes, table, observed=seen, folds=None)
        assert len(calls) == 3, "one an arm, not one an arm and outcome"


@pytest.mark.parametrize("kind", ["logistic", "poisson"])
@pytest.mark.parametrize("folds", [4, None])
def test_covariates_that_decide_the_outcome_do_not_crash(kind, folds):
    x, codes, *_ = draw(n=400)
    y = (x[:, 2] > 0).astype(float)  # exactly decided
    result = doubly_robust(x, codes, y, folds=folds, outcome_model=kind)
    assert np.isfinite(result.covariance).all() and np.abs(result.means - y.mean()).max() < 0.05
    if folds is None:
        assert any("separation" in note for note in result.notes)


def test_columns_that_depend_on_each_other_within_an_arm_are_said():
    x, codes, y, *_ = draw()
    x = np.column_stack([x, np.where(codes == 1, x[:, 0], np.random.default_rng(0).normal(size=len(x)))])
    result = regression_standardisation(x, codes, y, outcome_model="least_squares")
    assert "estimation-outcome-dependent" in result.notes and np.isfinite(result.covariance).all()


@pytest.mark.parametrize("folds", [5, None])
def test_separation_is_said_and_the_fit_without_ridge_is_kept_for_the_gates(folds):
    r = np.random.default_rng(11)
    codes = np.arange(300) % 3
    x = np.column_stack([r.normal(size=300), codes == 1]).astype(float)
    fitted = fit_propensity(x, codes, folds=folds)
    assert "propensity-separation-ridge" in fitted.notes
    assert fitted.before_shrinking is not None and fitted.judged_probabilities is fitted.before_shrinking
    assert np.mean(fitted.judged_probabilities[:, 1] < 1e-6) == pytest.approx(2 / 3)
    assert fitted.probabilities.min() > 1e-4
    clean = fit_propensity(x[:, :1], codes, folds=folds)
    assert clean.before_shrinking is None and clean.notes == ()
