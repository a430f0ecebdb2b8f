"""The confidence-distribution mixture: special cases on paper, and against plain drawing and integration."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, optimize, stats

from causalsig.meta import random_effects, random_effects_batch
from causalsig.meta.gls import constant_basis
from causalsig.meta.mixture import confidence_distribution

FloatArray = NDArray[np.float64]
# Two quadratures of the same integral; ours leaves 1e-9 of the mass out at worst.
QUADRATURE = 1e-8
EFFECTS = np.array([0.12, -0.30, 0.55, 0.80, -0.10, 0.33])
UNEQUAL = np.array([0.010, 0.040, 0.025, 0.090, 0.016, 0.070])
# A site with two thirds of all households, and effects that agree with it or lie far around it.
GIANT = np.array([0.0010, 0.016, 0.015, 0.017, 0.014, 0.016, 0.015, 0.017, 0.014])
APART = np.array([0.05, -0.30, 0.55, 0.30, -0.10, 0.21, -0.25, 0.02, 0.40])


def generalised_q(y: FloatArray, v: FloatArray, tau2: float) -> float:
    w = 1 / (v + tau2)
    return float(w @ (y - w @ y / w.sum()) ** 2)


def plain_probability(y: FloatArray, v: FloatArray, x: float, new_site: bool) -> float:
    """Probability below x by the definition: scipy's adaptive integration over the probability of tau²."""
    df = len(y) - 1

    def given(tau2: float) -> float:
        w = 1 / (v + tau2)
        return float(stats.norm.cdf((x - w @ y / w.sum()) / np.sqrt(1 / w.sum() + tau2 * new_site)))

    def at(share: float) -> float:
        target = stats.chi2.isf(share, df)
        top = optimize.brentq(lambda log: generalised_q(y, v, np.exp(log)) - target, -40, 60, xtol=1e-13)
        return given(np.exp(top))

    atom = stats.chi2.sf(generalised_q(y, v, 0.0), df)
    inner = integrate.quad(at, atom, 1 - 1e-12, epsabs=1e-10, epsrel=1e-10, limit=400)[0]
    return float(atom * given(0.0) + inner)


@pytest.mark.parametrize("new_site", [False, True])
@pytest.mark.parametrize(
    ("y", "v"),
    [(EFFECTS[:4], UNEQUAL[:4]), (EFFECTS, UNEQUAL), (APART[:3], GIANT[:3]), (APART, GIANT)],
    ids=["4 sites", "6 sites", "giant of 3", "giant of 9"],
)
def test_bounds_are_those_of_the_definition(y: FloatArray, v: FloatArray, new_site: bool) -> None:
    result = random_effects(y, v)
    found = result.prediction_interval()
    bounds = (found.low, found.high) if new_site else (result.conf_low[0], result.conf_high[0])
    below = [plain_probability(y, v, float(bound), new_site) for bound in bounds]
    np.testing.assert_allclose(below, [0.025, 0.975], rtol=0.0, atol=QUADRATURE)


@pytest.mark.parametrize("k", [2, 3, 5, 8, 13, 50, 300])
def test_the_masses_add_to_one_before_they_are_scaled(k: int) -> None:
    rng = np.random.default_rng(k)
    v = np.exp(rng.normal(0.0, 2.0, (60, k)))
    v[:30, 0] *= 1e-3
    y = rng.normal(0.0, np.sqrt(v + rng.choice([0.0, 0.3, 3.0, 100.0], (60, 1))))
    found = confidence_distribution(y, v, constant_basis(k))
    assert np.abs(found.error).max() < 1e-9
    assert (found.mass >= 0.0).all() and (np.diff(found.tau2, axis=1) >= 0.0).all()


def test_the_point_mass_at_zero_is_the_p_value_of_q() -> None:
    result = random_effects(EFFECTS, 4.0 * UNEQUAL)
    found = confidence_distribution(EFFECTS[None], 4.0 * UNEQUAL[None], constant_basis(6))
    assert found.tau2[0, 0] == 0.0
    assert found.mass[0, 0] == pytest.approx(result.q_p_value, rel=1e-8)


def test_effects_that_agree_too_well_leave_the_normal_interval() -> None:
    mixed = random_effects(np.full(6, 0.3), UNEQUAL)
    normal = random_effects(np.full(6, 0.3), UNEQUAL, interval="wald")
    np.testing.assert_allclose(mixed.conf_low, normal.conf_low, rtol=1e-8)
    np.testing.assert_allclose(mixed.p_values, normal.p_values, rtol=1e-6)


def test_without_sampling_error_it_is_the_t_interval() -> None:
    """Tiny variances: tau² is all there is, and mean and prediction are the t of a plain sample."""
    result = random_effects(EFFECTS, np.full(6, 1e-9))
    mean, half = EFFECTS.mean(), stats.t.ppf(0.975, 5) * EFFECTS.std(ddof=1)
    np.testing.assert_allclose(result.conf_high[0], mean + half / np.sqrt(6), rtol=1e-6)
    np.testing.assert_allclose(result.prediction_interval().high, mean + half * np.sqrt(7 / 6), rtol=1e-6)


def test_equal_effects_with_the_mixture_is_the_normal_interval() -> None:
    mixed = random_effects(EFFECTS, UNEQUAL, tau2="EE")
    normal = random_effects(EFFECTS, UNEQUAL, tau2="EE", interval="wald")
    np.testing.assert_array_equal(mixed.conf_low, normal.conf_low)
    found = mixed.prediction_interval()
    np.testing.assert_allclose([found.low, found.high], [mixed.conf_low[0], mixed.conf_high[0]], rtol=1e-9)


def test_interval_and_p_value_say_the_same() -> None:
    result = random_effects(EFFECTS, UNEQUAL)
    again = random_effects(EFFECTS, UNEQUAL, level=1.0 - float(result.p_values[0]))
    assert min(abs(again.conf_low[0]), abs(again.conf_high[0])) < 1e-8


def test_the_probability_beyond_a_bound_is_its_tail() -> None:
    result = random_effects(EFFECTS, UNEQUAL)
    for method in ("mixture", "t(k-1)", "t(k-2)", "normal"):
        found = result.prediction_interval(method)
        assert result.probability_beyond(found.high, method=method) == pytest.approx(0.025, abs=1e-9)
        assert result.probability_beyond(found.low, side="below", method=method) == pytest.approx(
            0.025, abs=1e-9
        )


def test_regression_on_two_groups_mixes_one_tau2() -> None:
    """Coefficients of another parametrisation are the same quantities."""
    group = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    cells = random_effects(EFFECTS, UNEQUAL, moderators=np.column_stack([group, 1 - group]), intercept=False)
    slope = random_effects(EFFECTS, UNEQUAL, moderators=group)
    difference = cells.contrasts([1.0, -1.0])
    np.testing.assert_allclose(difference.conf_low[0], slope.conf_low[1], rtol=1e-8)
    np.testing.assert_allclose(difference.p_values[0], slope.p_values[1], rtol=1e-7)


def test_shrunken_estimates_carry_the_uncertainty_of_tau2() -> None:
    result = random_effects(EFFECTS, UNEQUAL)
    mixed, plain = result.shrunken(), result.shrunken("plug-in")
    assert (mixed.conf_high - mixed.conf_low > plain.conf_high - plain.conf_low).mean() > 0.5
    np.testing.assert_allclose(mixed.estimates, plain.estimates, atol=0.05)


def test_moves_with_the_units_and_a_batch_is_its_rows() -> None:
    rng = np.random.default_rng(5)
    y, v = rng.normal(size=(7, 5)), 10.0 ** rng.uniform(-2, 0, (7, 5))
    batch = random_effects_batch(y, v)
    for row in range(7):
        alone, moved = random_effects(y[row], v[row]), random_effects(1e3 * (y[row] + 2.0), 1e6 * v[row])
        for name in ("coefficients", "conf_low", "conf_high", "p_values", "covariance", "weights"):
            np.testing.assert_array_equal(getattr(batch, name)[row], getattr(alone, name))
            np.testing.assert_array_equal(getattr(batch[row], name), getattr(alone, name))
        assert batch.tau2[row] == alone.tau2
        np.testing.assert_allclose(moved.conf_low, 1e3 * (alone.conf_low + 2.0), rtol=1e-7)
        found = alone.prediction_interval()
        np.testing.assert_allclose(
            [each[row] for each in batch.prediction_intervals()], [found.low, found.high], rtol=1e-10
        )
