"""What an `ArmMeans` says: contrasts, degrees of freedom, tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from causalsig.errors import EstimationError
from causalsig.estimation import difference_in_means
from causalsig.estimation.inference import split_covariance
from causalsig.results import satterthwaite_df

EXACT = 1e-12  # the same sums in another order


@pytest.fixture(scope="module")
def data():
    r = np.random.default_rng(5)
    arm = r.integers(0, 3, 900)
    y = (r.random(900) < 0.2 + 0.1 * arm).astype(float)
    return arm, y, r.integers(0, 500, 900)


def test_difference_in_means_without_clusters_is_welch(data):
    arm, y, _ = data
    contrast = difference_in_means(None, arm, y).contrast(2, 0)
    treated, control = y[arm == 2], y[arm == 0]
    assert contrast.estimate == pytest.approx(treated.mean() - control.mean(), abs=EXACT)
    variance = treated.var() / len(treated) + control.var() / len(control)
    assert contrast.std_error == pytest.approx(np.sqrt(variance * 900 / 899), rel=1e-10)
    half = stats.t.ppf(0.975, contrast.df) * contrast.std_error
    assert contrast.conf_high - contrast.estimate == pytest.approx(half, rel=1e-8)
    statistic = contrast.estimate / contrast.std_error
    assert contrast.p_value == pytest.approx(2 * stats.t.sf(abs(statistic), contrast.df), rel=1e-8)


@pytest.mark.parametrize(("households", "said"), [(29, True), (30, False)])
def test_an_arm_too_small_for_its_interval_is_said(households, said):
    arm = np.repeat([0, 1], [200, households])
    y = np.random.default_rng(1).exponential(size=len(arm))
    assert ("estimation-small-arm" in difference_in_means(None, arm, y).notes) == said
    # Episodes of one household are not more households.
    assert (
        "estimation-small-arm" in difference_in_means(None, arm, y, households=np.arange(len(arm)) // 2).notes
    )


def test_ratio_scales_follow_the_delta_method(data):
    arm, y, households = data
    result = difference_in_means(None, arm, y, households=households)
    p, v = result.means, result.covariance
    ratio = result.contrast(2, 1, "log_ratio")
    variance = v[2, 2] / p[2] ** 2 + v[1, 1] / p[1] ** 2 - 2 * v[1, 2] / (p[1] * p[2])
    assert ratio.estimate == pytest.approx(np.log(p[2] / p[1]), abs=EXACT)
    assert ratio.std_error == pytest.approx(np.sqrt(variance), rel=1e-10)
    odds = result.contrast(2, 1, "log_odds")
    b, c = p[2] * (1 - p[2]), p[1] * (1 - p[1])
    variance = v[2, 2] / b**2 + v[1, 1] / c**2 - 2 * v[1, 2] / (b * c)
    assert odds.std_error == pytest.approx(np.sqrt(variance), rel=1e-10)


def test_household_members_that_repeat_each_other_add_no_information(data):
    arm, y, households = data
    once = difference_in_means(None, arm, y, households=households)
    twice = difference_in_means(None, np.tile(arm, 2), np.tile(y, 2), households=np.tile(households, 2))
    np.testing.assert_allclose(twice.covariance, once.covariance, rtol=1e-10)
    np.testing.assert_array_equal(twice.households, once.households)
    np.testing.assert_array_equal(twice.n, 2 * once.n)


def test_degrees_of_freedom_are_the_clusters_for_normal_contributions_and_few_when_few_carry_it():
    r = np.random.default_rng(0)
    # The sampling error of 3 (Σu²)²/Σu⁴ at 20,000 normal draws is about 1 %.
    assert satterthwaite_df(r.normal(size=20_000)) == pytest.approx(20_000, rel=0.05)
    small = np.concatenate([r.normal(size=400) * 50, r.normal(size=4000)])
    assert satterthwaite_df(small) == pytest.approx(400, rel=0.3)
    assert satterthwaite_df(np.array([1e9, 1.0, -1.0])) == pytest.approx(2.0)
    assert satterthwaite_df(np.zeros(9)) == 8.0


def test_several_outcomes_equal_each_outcome_alone(data):
    arm, y, households = data
    both = difference_in_means(None, arm, np.column_stack([y, 2 * y + arm]), households=households)
    alone = difference_in_means(None, arm, 2 * y + arm, households=households)
    np.testing.assert_allclose(both.outcome(1).covariance, alone.covariance, atol=EXACT)
    together = both.contrast(1, 0)
    assert together.estimate.shape == (2,)
    assert together.to_dict()["df"][1] == pytest.approx(alone.contrast(1, 0).df)
    assert list(both.to_frame().columns) == list(alone.to_frame().columns)
    assert len(both.to_frame()) == 6


def test_table_has_the_columns_every_result_has(data):
    arm, y, _ = data
    table = difference_in_means(None, arm, y).to_frame()
    assert list(table.columns) == [
        "estimate",
        "std_error",
        "statistic",
        "p_value",
        "conf_low",
        "conf_high",
    ]
    assert table.index.tolist() == [0, 1, 2]


def test_weight_dominance_names_the_share_of_the_largest_households():
    arm = np.repeat([0, 1], 5)
    y = np.array([6.0, 2, 1, 1, 0, 1, 1, 1, 1, 1])
    result = difference_in_means(None, arm, y, households=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert result.largest_share.tolist() == pytest.approx([0.6, 0.2])
    assert result.two_largest_share.tolist() == pytest.approx([0.8, 0.4])


def test_split_covariance_is_that_of_the_mean_over_repeats():
    splits = np.random.default_rng(2).normal(size=(7, 2, 3))
    np.testing.assert_allclose(split_covariance(splits)[1], np.cov(splits[:, 1].T) / 7, rtol=1e-12)
    assert not split_covariance(splits[:1]).any()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda m: m.contrast(0, 9), "estimation-unknown-arm"),
        (lambda m: m.contrast(0, 1, "ratio"), "estimation-scale"),
        (lambda m: m.contrast(0, 1, "log_odds"), "estimation-scale"),
        (lambda m: m.outcome(0), "estimation-one-outcome"),
    ],
)
def test_contrasts_that_make_no_sense_are_refused(data, call, code):
    arm, y, _ = data
    with pytest.raises(EstimationError) as caught:
        call(difference_in_means(None, arm, y + 3.0))
    assert caught.value.code == code
