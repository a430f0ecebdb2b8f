"""All effects equal, one site, two sites: every method has an answer that is written down."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest

from causalsig.errors import MetaError
from causalsig.meta import (
    NormalMixture,
    bayesian_random_effects,
    cluster_robust,
    egger,
    funnel,
    multivariate_random_effects,
    permutation_test,
    preset,
    random_effects,
    random_effects_batch,
    subgroups,
)
from causalsig.meta.options import IntervalMethod, PredictionMethod, Tau2IntervalMethod, Tau2Method

EQUAL, VARIANCES = np.full(6, 0.3), np.array([0.1, 0.2, 0.15, 0.4, 0.3, 0.25])
SETS = {
    "equal": (EQUAL, VARIANCES),
    "equal to zero": (0.0 * EQUAL, VARIANCES),
    "equal but for rounding": (np.array([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3, 0.3]), VARIANCES),
    "equal with a giant": (EQUAL, np.array([1e-30, *VARIANCES[1:]])),
    "one": (EQUAL[:1], VARIANCES[:1]),
    "two": (np.array([0.3, 0.9]), VARIANCES[:2]),
    "two equal": (EQUAL[:2], VARIANCES[:2]),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("tau2", get_args(Tau2Method))
@pytest.mark.parametrize("interval", get_args(IntervalMethod))
def test_every_method_answers_or_refuses_with_a_code(name: str, tau2: Any, interval: Any) -> None:
    y, v = SETS[name]
    result = random_effects(y, v, tau2=tau2, interval=interval)
    low, high = result.conf_low[0], result.conf_high[0]
    assert low <= result.coefficients[0] <= high
    for method in get_args(PredictionMethod):
        # A new site is at most as certain as the mean by the same method, where there is an answer at all.
        predicted = result.prediction_interval(method)
        chance = result.probability_beyond(0.3, method=method)
        assert math.isnan(predicted.low) == math.isnan(chance)
        assert math.isnan(chance) or 0.0 <= chance <= 1.0
    for method in get_args(Tau2IntervalMethod):
        bounds = result.tau2_interval(method)
        assert bounds.empty or len(y) == 1 or 0.0 <= bounds.low <= bounds.high
    for shrunken in (result.shrunken("plug-in"), result.shrunken("mixture")):
        assert np.isfinite(shrunken.estimates).all()
    assert result.omnibus().p_value <= 1.0 or math.isnan(result.omnibus().p_value)
    assert result.contrasts([1.0]).estimates == pytest.approx(result.coefficients)
    assert len(result.to_frame()) == 1
    assert len(result.cumulative().results) == len(y)
    if len(y) == 1:
        for refused in (result.leave_one_out, result.influence):
            with pytest.raises(MetaError, match="at least two sites"):
                refused()
        return
    assert len(result.leave_one_out().results) == len(y)
    assert result.influence().hat.sum() == pytest.approx(1.0)
    exact = permutation_test(result)
    assert 2.0 ** -len(y) <= exact.p_values[0] <= 1.0


def test_equal_effects_under_knapp_hartung_are_a_point() -> None:
    result = random_effects(EQUAL, VARIANCES, interval="knapp-hartung")
    assert (result.std_errors[0], result.conf_low[0], result.conf_high[0]) == (0.0, 0.3, 0.3)
    assert result.p_values[0] == 0.0
    for method in ("t(k-1)", "t(k-2)", "normal"):
        beyond = [result.probability_beyond(at, method=method) for at in (0.2, 0.3, 0.4)]
        assert beyond == [1.0, 0.5, 0.0]
    diagnostics = result.influence()
    for ratio in (diagnostics.dffits, diagnostics.cooks_distance, diagnostics.covariance_ratio):
        assert np.isnan(ratio).all()
    # Only the two arrangements of one sign have a standard error of zero.
    assert permutation_test(result).p_values[0] == 2.0 / 2.0**6
    at_zero = random_effects(0.0 * EQUAL, VARIANCES, interval="knapp-hartung")
    assert math.isnan(at_zero.p_values[0])
    assert permutation_test(at_zero).p_values[0] == 1.0


def test_subgroups_of_equal_effects_have_no_test_under_knapp_hartung() -> None:
    groups = [0, 0, 0, 1, 1, 1]
    found = subgroups(EQUAL, VARIANCES, groups, interval="knapp-hartung")
    assert math.isnan(found.q_between)
    assert math.isnan(found.q_p_value)
    floored = subgroups(EQUAL, VARIANCES, groups, interval="knapp-hartung-floored")
    assert floored.q_between == pytest.approx(0.0, abs=1e-25)
    assert floored.q_p_value == pytest.approx(1.0)


def test_robust_errors_of_equal_effects_are_zero() -> None:
    result = random_effects(EQUAL, VARIANCES)
    found = cluster_robust(result, [0, 0, 1, 1, 2, 2])
    assert found.std_errors[0] == 0.0
    assert 1.0 < found.df[0] < 3.0
    giant = random_effects(*SETS["equal with a giant"])
    assert cluster_robust(giant, [0, 1, 2, 3, 4, 5]).std_errors[0] == 0.0


def test_a_missing_threshold_is_refused_and_a_distribution_gives_nan() -> None:
    result = random_effects([0.1, 0.4, 0.2], [0.01, 0.02, 0.03])
    for threshold, code in (
        (math.nan, "meta-not-finite"),
        ([0.1], "meta-not-finite"),
        ("x", "meta-not-numbers"),
    ):
        with pytest.raises(MetaError) as caught:
            result.probability_beyond(threshold)  # type: ignore[arg-type]
        assert caught.value.code == code
    assert result.probability_beyond(math.inf) == 0.0
    posterior = bayesian_random_effects([0.1, 0.4, 0.2], [0.01, 0.02, 0.03], scale=0.5)
    assert isinstance(posterior.mean, NormalMixture)
    for each in (posterior.mean, posterior.tau):
        assert math.isnan(each.cdf(math.nan))
        assert math.isnan(each.density(math.nan))


def test_levels_and_arms_that_are_none_are_refused() -> None:
    with pytest.raises(MetaError, match="between 0 and 1"):
        funnel([0.1, 0.4, 0.2], [0.01, 0.02, 0.03], level=3)
    with pytest.raises(MetaError, match="between 0 and 1"):
        egger([0.1, 0.4, 0.2], [0.01, 0.02, 0.03], level=3)
    joint = multivariate_random_effects(
        np.arange(8.0).reshape(4, 2), np.broadcast_to(np.eye(2), (4, 2, 2)), structure="identity"
    )
    for reference in (9, -1, 2, 0.0, True):
        with pytest.raises(MetaError, match="whole number from 0 to 1"):
            joint.against(reference)  # type: ignore[arg-type]
    assert joint.against(1).estimates[0] == -joint.against(0).estimates[0]


def test_results_compare_by_value() -> None:
    y, v = np.array([0.1, 0.4, 0.2]), np.array([0.01, 0.02, 0.03])
    for make in (
        lambda v: random_effects(y, v),
        lambda v: random_effects(y[:1], v[:1]),
        lambda v: random_effects(y, v).influence(),
        lambda v: random_effects(y, v).leave_one_out(),
        lambda v: random_effects(y, v).shrunken(),
        lambda v: random_effects_batch([y, y], v),
        lambda v: bayesian_random_effects(y, v, scale=0.5),
        lambda v: subgroups(y, v, [0, 0, 1]),
        lambda v: funnel(y, v),
        lambda v: multivariate_random_effects(y[:, None], v[:, None, None]),
    ):
        assert make(v) == make(v.copy())
        assert make(v) != make(1.5 * v)
        assert make(v) != "another thing"
        with pytest.raises(TypeError, match="unhashable"):
            hash(make(v))


def test_missing_sites_of_a_batch_are_left_out_of_their_data_set() -> None:
    rng = np.random.default_rng(5)
    y, v = rng.normal(size=(6, 7)), rng.uniform(0.1, 1.0, (6, 7))
    for row, site in ((0, 2), (3, 1), (3, 2), (5, 2)):
        y[row, site] = np.nan
    v[3, 1] = np.nan
    for interval in ("knapp-hartung", "mixture"):
        batch = random_effects_batch(y, v, interval=interval)
        predicted = batch.prediction_intervals()
        for row in range(6):
            here = ~np.isnan(y[row])
            alone = random_effects(y[row, here], v[row, here], interval=interval)
            assert batch[row] == alone
            assert (batch.tau2[row], batch.conf_low[row, 0]) == (alone.tau2, alone.conf_low[0])
            assert np.array_equal(batch.weights[row, here], alone.weights)
            assert not batch.weights[row, ~here].any()
            assert predicted[1][row] == alone.prediction_interval().high
        if interval == "knapp-hartung":
            assert np.array_equal(batch.df, [5.0, 6.0, 6.0, 4.0, 6.0, 5.0])
    moderated = random_effects_batch(y, v, moderators=np.arange(7.0), interval="t")
    here = ~np.isnan(y[3])
    assert moderated[3] == random_effects(
        y[3, here], v[3, here], moderators=np.arange(7.0)[here], interval="t"
    )


@pytest.mark.parametrize(
    ("code", "y", "v"),
    [
        ("meta-empty", [[0.1, 0.2], [np.nan, np.nan]], [[1.0, 1.0], [1.0, 1.0]]),
        ("meta-not-finite", [[0.1, 0.2], [0.1, np.nan]], [[np.nan, 1.0], [1.0, 1.0]]),
        ("meta-not-finite", [[0.1, np.inf], [0.1, np.nan]], [[1.0, 1.0], [1.0, 1.0]]),
        ("meta-variance", [[0.1, 0.2], [0.1, np.nan]], [[0.0, 1.0], [1.0, 1.0]]),
    ],
)
def test_unusable_batches_with_missing_sites_are_refused(code: str, y: Any, v: Any) -> None:
    with pytest.raises(MetaError) as caught:
        random_effects_batch(y, v)
    assert caught.value.code == code


def test_presets_are_arguments() -> None:
    y, v = [0.1, 0.4, 0.2], [0.01, 0.02, 0.03]
    assert random_effects(y, v, **preset("cochrane2025")) == random_effects(y, v, interval="knapp-hartung")
    assert random_effects(y, v, **preset("metafor")) == random_effects(y, v, interval="wald")
    with pytest.raises(MetaError, match="'cochrane2025', 'metafor'; found 'cochrane'"):
        preset("cochrane")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        preset("metafor")["prediction"]


def test_joint_model_is_fitted_without_each_site() -> None:
    rng = np.random.default_rng(8)
    y, s = rng.normal(size=(7, 2)), np.broadcast_to(0.3 * np.eye(2) + 0.1, (7, 2, 2))
    y[2, 1] = np.nan
    line = np.arange(7.0)
    for moderators in (None, line):
        joint = multivariate_random_effects(y, s, moderators=moderators, structure="diagonal")
        left = joint.leave_one_out()
        assert len(left) == 7
        others = np.arange(7) != 4
        some = None if moderators is None else line[others]
        again = multivariate_random_effects(y[others], s[others], moderators=some, structure="diagonal")
        assert left[4] == again
    with pytest.raises(MetaError, match="at least two sites"):
        multivariate_random_effects(y[:1], s[:1]).leave_one_out()
