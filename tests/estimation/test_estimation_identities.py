"""Special cases with a known answer, and answers that must not depend on how the data were handed over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.estimation import (
    difference_in_means,
    doubly_robust,
    fit_propensity,
    inverse_probability,
    overlap_weighting,
)
from causalsig.estimation.design import RIDGE
from causalsig.estimation.multinomial import fit, indicators, penalty, probabilities
from causalsig.estimation.tilting import orthogonal_tilt, tilt

ROUNDING = 1e-10  # the same sums in another order
CONVERGED = 1e-7  # Newton stops at a mean score of 1e-10


def draw(n=500, arms=3, seed=0):
    r = np.random.default_rng(seed)
    x = np.column_stack([r.normal(size=(n, 2)), r.random(n) < 0.2]).astype(float)
    eta = x @ r.normal(size=(3, arms)) * 0.5
    codes = (eta + r.gumbel(size=eta.shape)).argmax(axis=1)
    y = x[:, 0] + codes * 0.5 + r.normal(size=n)
    households = r.integers(0, n // 2, n)
    seen = r.random(n) < 0.85
    return x, codes, y, households, seen


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), arms=st.integers(2, 4), labelled=st.booleans())
def test_no_result_depends_on_the_row_order(seed, arms, labelled):
    x, codes, y, households, seen = draw(n=160, arms=arms, seed=seed % 50)
    ids = np.array([f"h{g}" for g in households]) if labelled else None
    order = np.random.default_rng(seed).permutation(len(x))
    kw = {"observed": seen, "repeats": 2, "folds": 3, "estimand": "ATO", "seed": seed}
    first = doubly_robust(x, codes, y, households=ids, **kw)
    again = doubly_robust(
        x[order],
        codes[order],
        y[order],
        households=None if ids is None else ids[order],
        **{**kw, "observed": seen[order]},
    )
    np.testing.assert_allclose(again.means, first.means, atol=ROUNDING)
    np.testing.assert_allclose(again.covariance, first.covariance, atol=ROUNDING)
    np.testing.assert_allclose(again.influence, first.influence[order], atol=1e-8)
    assert again.contrast(1, 0).df == pytest.approx(first.contrast(1, 0).df, rel=1e-8)


@pytest.mark.parametrize("estimator", [inverse_probability, doubly_robust])
def test_no_result_depends_on_the_order_of_the_arms_or_the_unit_of_a_covariate(estimator):
    x, codes, y, households, _ = draw()
    first = estimator(x, codes, y, households=households)
    turned = estimator(x * (1, 1e6, 1) + (0, 5e6, 0), codes, y, households=households, arms=[2, 0, 1])
    np.testing.assert_allclose(turned.means, first.means[[2, 0, 1]], atol=CONVERGED)
    assert turned.contrast(2, 0).std_error == pytest.approx(first.contrast(2, 0).std_error, rel=1e-5)


def test_folds_keep_households_together_and_arms_apart():
    x, codes, _, households, _ = draw(n=2000)
    fitted = fit_propensity(x, codes, households=households, repeats=3)
    for split in fitted.folds:
        assert all(len(set(split[households == g])) == 1 for g in np.unique(households)[:200])
        shares = np.array(
            [np.bincount(split[codes == k], minlength=5) / (codes == k).sum() for k in range(3)]
        )
        # Dealt within strata of households: an arm's share of a fold is a fifth but for household sizes.
        assert np.abs(shares - 0.2).max() < 0.06
    assert (fitted.folds[0] != fitted.folds[1]).any()
    np.testing.assert_array_equal(fitted.folds[0], fit_propensity(x, codes, households=households).folds[0])
    other = fit_propensity(x, codes, households=households, seed=1)
    assert (fitted.folds[0] != other.folds[0]).any()


def test_probabilities_add_to_one_and_are_those_of_a_fit_from_scratch_without_the_fold():
    x, codes, _, households, _ = draw()
    fitted = fit_propensity(x, codes, households=households)
    np.testing.assert_allclose(fitted.probabilities.sum(axis=2), 1.0, atol=1e-12)
    design, split, y = fitted.design, fitted.folds[0], indicators(fitted.codes, 3)
    shrink = penalty(3, design.shape[1], RIDGE)
    for f in range(5):
        scratch = fit(design[split != f], y[split != f], shrink, np.zeros((2, design.shape[1])))
        p = probabilities(design[split == f], scratch.coefficients)
        np.testing.assert_allclose(fitted.probabilities[0, split == f], p, atol=CONVERGED)


def test_without_covariates_every_estimator_is_the_difference_in_means():
    _, codes, y, households, _ = draw()
    nothing = np.zeros((len(y), 0))
    plain = difference_in_means(None, codes, y, households=households)
    for estimator in (inverse_probability, overlap_weighting, doubly_robust):
        same = estimator(nothing, codes, y, households=households, folds=None)
        np.testing.assert_allclose(same.means, plain.means, atol=CONVERGED)
        np.testing.assert_allclose(same.covariance, plain.covariance, rtol=1e-5, atol=1e-12)


def test_overlap_weights_of_two_arms_balance_every_covariate_exactly():
    x, codes, _, _, _ = draw(arms=2)
    means = overlap_weighting(x, codes, x, folds=None).means
    np.testing.assert_allclose(means[:, 0], means[:, 1], atol=CONVERGED)


def test_an_exact_outcome_model_gives_the_exact_means_and_no_residual():
    x, codes, _, _, seen = draw()
    m = 1.0 + x @ (1.0, -2.0, 3.0)
    y = m + 0.5 * codes
    result = doubly_robust(x, codes, y, observed=seen, folds=None)
    np.testing.assert_allclose(result.means, m.mean() + 0.5 * np.arange(3), atol=1e-9)
    assert result.contrast(2, 0).std_error < 1e-9


def test_tilting_identities():
    r = np.random.default_rng(4)
    p = r.dirichlet((2.0, 2.0, 3.0), 200)
    indicator = np.eye(3)[r.integers(0, 3, 200)]
    h, slope = tilt(p, "ATO", (0, 1, 2))
    own = np.sum(p * indicator, axis=1)
    np.testing.assert_allclose(orthogonal_tilt(p, indicator, "ATO", (0, 1, 2)), (h / own) ** 2, rtol=1e-9)
    np.testing.assert_allclose(np.sum(slope * p, axis=1), h, rtol=1e-12)
    expected = sum(p[:, k] * orthogonal_tilt(p, np.eye(3)[[k] * 200], "ATO", (0, 1, 2)) for k in range(3))
    np.testing.assert_allclose(expected, h, rtol=1e-12)
    step = 1e-6 * np.eye(3)[1]
    numeric = (tilt(p + step, "ATO", (0, 1, 2))[0] - tilt(p - step, "ATO", (0, 1, 2))[0]) / 2e-6
    np.testing.assert_allclose(slope[:, 1], numeric, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(
        orthogonal_tilt(p, indicator, ("ATT", 2), (0, 1, 2)), indicator[:, 2], atol=1e-12
    )


def test_influence_values_average_to_the_means_whatever_the_estimator():
    x, codes, y, households, seen = draw()
    fitted = fit_propensity(x, codes, households=households, repeats=2)
    for estimator, estimand in (
        (inverse_probability, "ATE"),
        (overlap_weighting, "ATO"),
        (doubly_robust, ("ATT", 1)),
    ):
        result = estimator(x, codes, y, observed=seen, estimand=estimand, propensity=fitted)
        np.testing.assert_allclose(result.influence.mean(axis=0), result.means, atol=1e-12)
        assert (result.effective_sample_size <= result.households + 1e-9).all()
        assert result.followed.sum() == seen.sum()


def test_outcomes_at_once_equal_outcomes_alone():
    x, codes, y, households, seen = draw()
    table = np.column_stack([y, y > 0, y**2])
    flags = np.column_stack([seen, np.ones_like(seen), seen])
    fitted = fit_propensity(x, codes, households=households)
    both = doubly_robust(x, codes, table, observed=flags, propensity=fitted, estimand="ATO")
    for j in range(3):
        alone = doubly_robust(x, codes, table[:, j], observed=flags[:, j], propensity=fitted, estimand="ATO")
        np.testing.assert_allclose(both.means[j], alone.means, atol=ROUNDING)
        np.testing.assert_allclose(both.covariance[j], alone.covariance, atol=ROUNDING)


def test_constant_and_dependent_columns_change_nothing_and_are_said():
    x, codes, *_ = draw()
    wide = np.column_stack([x, np.full(len(x), 7.0), x[:, 0] + 2 * x[:, 1], x[:, 2]])
    fitted = fit_propensity(wide, codes)
    assert fitted.dropped == (3, 4, 5)
    assert set(fitted.notes) == {"propensity-constant-column", "propensity-dependent-column"}
    np.testing.assert_allclose(fitted.probabilities, fit_propensity(x, codes).probabilities, atol=CONVERGED)


@pytest.mark.parametrize("folds", [5, None])
def test_covariates_that_decide_the_arm_are_said_and_do_not_crash(folds):
    r = np.random.default_rng(9)
    x = r.normal(size=(300, 2)) * 20
    codes = (x[:, 0] > 0).astype(int)
    result = overlap_weighting(x, codes, r.normal(size=300), folds=folds)
    assert "propensity-separation-ridge" in result.notes
    assert np.isfinite(result.covariance).all()


def test_more_covariates_than_episodes_of_an_arm_still_give_an_answer():
    r = np.random.default_rng(10)
    x = r.normal(size=(400, 45))
    codes = (np.arange(400) < 30).astype(int)
    y = r.normal(size=400)
    result = doubly_robust(x, codes, y, estimand="ATO")
    assert np.abs(result.means).max() < 1.0
    assert result.contrast(1, 0).df < 150
