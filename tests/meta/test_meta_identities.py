"""Special cases with an answer on paper."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from causalsig.meta import random_effects, random_effects_batch
from causalsig.meta.options import NOTES, Tau2Method

# Closed forms: only rounding differs.
EXACT = 1e-12
EFFECTS = np.array([0.12, -0.30, 0.55, 0.80, -0.10, 0.33])
UNEQUAL = np.array([0.010, 0.040, 0.025, 0.090, 0.016, 0.070])


def test_equal_effects_is_inverse_variance_pooling() -> None:
    result = random_effects(EFFECTS, UNEQUAL, tau2="EE", interval="wald")
    weights = 1.0 / UNEQUAL
    assert result.tau2 == 0.0
    np.testing.assert_allclose(result.coefficients[0], np.average(EFFECTS, weights=weights), rtol=EXACT)
    np.testing.assert_allclose(result.std_errors[0], weights.sum() ** -0.5, rtol=EXACT)
    np.testing.assert_allclose(result.weights, weights / weights.sum(), rtol=EXACT)
    np.testing.assert_allclose(
        result.p_values, 2 * stats.norm.sf(abs(result.coefficients / result.std_errors))
    )


@pytest.mark.parametrize(
    ("method", "spread"), [("REML", EFFECTS.var(ddof=1)), ("DL", EFFECTS.var(ddof=1)), ("ML", EFFECTS.var())]
)
def test_equal_variances_leave_the_excess_of_the_variance_of_the_effects(method: str, spread: float) -> None:
    result = random_effects(EFFECTS, np.full(6, 0.03), tau2=method)
    np.testing.assert_allclose(result.tau2, spread - 0.03, rtol=EXACT)
    assert random_effects(EFFECTS, np.full(6, 3.0), tau2=method).boundary


@pytest.mark.parametrize("variance", [0.001, 0.03, 3.0])
def test_knapp_hartung_with_equal_variances_is_the_t_test(variance: float) -> None:
    result = random_effects(EFFECTS, np.full(6, variance), interval="knapp-hartung")
    test = stats.ttest_1samp(EFFECTS, 0.0)
    interval = test.confidence_interval(0.95)
    np.testing.assert_allclose(result.p_values[0], test.pvalue, rtol=EXACT)
    np.testing.assert_allclose([result.conf_low[0], result.conf_high[0]], interval, rtol=1e-10)


def test_the_floor_only_ever_widens() -> None:
    homogeneous = np.array([0.11, 0.10, 0.12, 0.105, 0.115, 0.109])
    plain = random_effects(homogeneous, UNEQUAL, interval="knapp-hartung")
    floored = random_effects(homogeneous, UNEQUAL, interval="knapp-hartung-floored")
    t = random_effects(homogeneous, UNEQUAL, interval="t")
    assert floored.interval == "knapp-hartung-floored"
    assert plain.std_errors[0] < floored.std_errors[0] == t.std_errors[0]
    spread = 3.0 * EFFECTS
    np.testing.assert_array_equal(
        random_effects(spread, UNEQUAL, tau2="EE", interval="knapp-hartung-floored").covariance,
        random_effects(spread, UNEQUAL, tau2="EE", interval="knapp-hartung").covariance,
    )


def test_one_site_is_the_pool_to_the_bit() -> None:
    result = random_effects([0.1 + 0.2], [0.07])
    assert result.coefficients[0] == 0.1 + 0.2
    assert result.covariance[0, 0] == 0.07
    half = stats.norm.ppf(0.975) * np.sqrt(0.07)
    np.testing.assert_allclose(result.conf_high - result.coefficients, half, rtol=EXACT)
    assert (result.interval, result.notes, result.k) == ("wald", ("meta-one-site",), 1)
    assert np.isnan([result.tau2, result.i2, result.q_p_value, result.tau2_interval().high]).all()
    assert not result.tau2_interval().empty
    assert np.isnan(result.prediction_interval().low)
    assert result.shrunken().estimates[0] == 0.1 + 0.2
    np.testing.assert_allclose(result.shrunken().std_errors, np.sqrt(0.07), rtol=EXACT)
    assert random_effects([0.3], [0.07], tau2="EE").tau2 == 0.0


def test_two_sites_are_pooled_with_a_note_and_without_a_k_minus_two_prediction() -> None:
    result = random_effects([0.1, 0.5], [0.01, 0.02])
    assert result.notes == ("meta-two-sites",)
    assert set(result.notes) <= set(NOTES)
    assert np.isnan(result.prediction_interval("t(k-2)").low)
    assert result.prediction_interval().high > result.conf_high[0]
    others = result.leave_one_out().results
    assert [each.coefficients[0] for each in others] == [0.5, 0.1]


@pytest.mark.parametrize("method", ["EE", "DL", "HE", "HS", "SJ", "ML", "REML", "PM", "EB"])
@pytest.mark.parametrize("value", [0.0, 0.1, -3.7])
def test_effects_all_equal_give_no_heterogeneity(method: str, value: float) -> None:
    result = random_effects(np.full(6, value), UNEQUAL, tau2=method)
    np.testing.assert_allclose(result.coefficients, value, rtol=EXACT)
    assert result.tau2 == pytest.approx(0.0, abs=1e-15)
    assert result.i2 == pytest.approx(0.0, abs=1e-10)
    assert result.converged
    np.testing.assert_allclose(result.std_errors, (1 / UNEQUAL).sum() ** -0.5, rtol=1e-10)
    assert result.tau2_interval().empty
    assert np.isnan(result.tau2_interval().low)
    assert len(random_effects(np.full(6, value), UNEQUAL, interval="knapp-hartung").to_frame()) == 1


def test_prediction_interval_is_higgins_thompson_spiegelhalter() -> None:
    result = random_effects(EFFECTS, UNEQUAL, tau2="DL", interval="wald")
    found = result.prediction_interval("t(k-2)")
    spread = np.sqrt(result.tau2 + result.std_errors[0] ** 2)
    centre = result.coefficients[0]
    expected = [centre - stats.t.ppf(0.975, 4) * spread, centre + stats.t.ppf(0.975, 4) * spread]
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-10)
    assert result.prediction_interval() == result.prediction_interval("mixture")


def test_the_highest_of_several_maxima_is_reported_and_said() -> None:
    interior = random_effects([2.3, -0.5, 2.6], [0.095, 1.462, 0.071])
    assert (interior.maxima, interior.boundary) == (2, False)
    assert "meta-several-maxima" in interior.notes
    at_zero = random_effects([-0.8, 0.4, 5.4], [1.15, 0.011, 6.094])
    assert (at_zero.maxima, at_zero.boundary, at_zero.tau2) == (2, True, 0.0)


def test_meta_regression_without_an_intercept_is_the_model_as_stated() -> None:
    """Two group means fitted without an intercept are the same model as an intercept and a difference.

    metafor 3.8 centres the effects first and gives another tau² and Q for the first form.
    """
    group = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    cells = random_effects(EFFECTS, UNEQUAL, moderators=np.column_stack([group, 1 - group]), intercept=False)
    contrast = random_effects(EFFECTS, UNEQUAL, moderators=group)
    np.testing.assert_allclose(cells.tau2, contrast.tau2, rtol=1e-10)
    np.testing.assert_allclose(cells.q, contrast.q, rtol=1e-10)
    np.testing.assert_allclose(
        contrast.coefficients,
        [cells.coefficients[1], cells.coefficients[0] - cells.coefficients[1]],
        rtol=1e-9,
    )


def test_a_constant_moderator_without_an_intercept_is_the_intercept() -> None:
    left = random_effects(EFFECTS, UNEQUAL, moderators=np.full(6, 2.0), intercept=False)
    right = random_effects(EFFECTS, UNEQUAL)
    np.testing.assert_allclose(2.0 * left.coefficients, right.coefficients, rtol=1e-10)
    np.testing.assert_allclose(left.tau2, right.tau2, rtol=1e-10)


def test_leave_one_out_is_the_fit_of_the_others() -> None:
    moderator = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
    result = random_effects(EFFECTS, UNEQUAL, moderators=moderator, tau2="DL", interval="t", level=0.9)
    frame = result.leave_one_out().to_frame()
    for index, left in enumerate(result.leave_one_out().results):
        keep = np.arange(6) != index
        again = random_effects(
            EFFECTS[keep], UNEQUAL[keep], moderators=moderator[keep], tau2="DL", interval="t", level=0.9
        )
        np.testing.assert_array_equal(left.coefficients, again.coefficients)
        assert left.tau2 == again.tau2
        np.testing.assert_array_equal(frame.loc[index, "conf_low"], again.conf_low)


def test_shrunken_estimates_lie_between_own_and_pool() -> None:
    result = random_effects(EFFECTS, UNEQUAL)
    shrunken = result.shrunken()
    between = (shrunken.estimates - EFFECTS) * (shrunken.estimates - result.coefficients[0])
    assert (between < 0.0).all()
    none = random_effects(EFFECTS, UNEQUAL, tau2="EE").shrunken()
    np.testing.assert_allclose(none.estimates, none.estimates[0], rtol=EXACT)


def test_frames_keep_moderator_names_and_the_standard_columns() -> None:
    frame = pd.DataFrame({"urban": [1.0, 0, 1, 0, 1, 0], "inhabitants": [3.0, 1, 4, 1, 5, 9]})
    result = random_effects(pd.Series(EFFECTS), pd.Series(UNEQUAL), moderators=frame)
    table = result.to_frame()
    assert list(table.index) == ["intercept", "urban", "inhabitants"]
    assert list(table) == ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


def test_a_result_cannot_be_changed_and_does_not_see_later_changes() -> None:
    estimates = EFFECTS.copy()
    result = random_effects(estimates, UNEQUAL)
    estimates[:] = 0.0
    assert result.inputs.estimates[0] == 0.12
    with pytest.raises(ValueError, match="read-only"):
        result.coefficients[0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.tau2 = 0.0  # type: ignore[misc]


def test_the_room_opens_without_heavy_libraries() -> None:
    code = "import sys, causalsig.meta; print({'scipy', 'pandas'} & set(sys.modules) or 'light')"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "light"


@pytest.mark.parametrize("k", [3, 8, 40])
@pytest.mark.parametrize("tau2", ["REML", "ML"])
def test_one_data_set_takes_its_own_way_to_the_same_maximum(k: int, tau2: Tau2Method) -> None:
    """One data set is searched in floats, many in arrays; hard ones (several maxima, boundaries) as well."""
    rng = np.random.default_rng(k)
    v = np.exp(rng.normal(0.0, 2.5, (300, k)))
    y = rng.standard_t(3, (300, k)) * np.sqrt(v + rng.choice([0.0, 0.3, 3.0, 30.0], (300, 1)))
    batch = random_effects_batch(y, v, tau2=tau2, interval="wald")
    for row in range(300):
        one = random_effects(y[row], v[row], tau2=tau2, interval="wald")
        assert (one.tau2, one.maxima, one.boundary) == (
            batch.tau2[row],
            batch.maxima[row],
            batch.boundary[row],
        )
        assert one.converged
    assert (batch.maxima > 1).any() or k == 40
    assert batch.boundary.any()
