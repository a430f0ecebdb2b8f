"""Waves, balance, negative controls, robustness, transport and the joint model of lined-up arms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from causalsig.errors import MetaError, PoolError
from causalsig.meta import random_effects, two_level
from causalsig.pooling import (
    joint_arms,
    negative_controls,
    pool_waves,
    pooled_balance,
    pooled_robustness,
    systematic_error,
    transport_to,
)
from causalsig.pooling.lineup import line_up
from causalsig.records import ReleasedArms

Make = Callable[..., ReleasedArms]
ARMS = ("letter", "message", "phone", "home_visit", "none")
RNG = np.random.default_rng(4)
LIMIT = 0.1


# Waves


def test_one_wave_a_site_is_the_plain_pool() -> None:
    y, v = [0.1, 0.2, -0.1, 0.3], [0.01, 0.02, 0.03, 0.02]
    waves, plain = pool_waves(y, v, "abcd"), random_effects(y, v)
    assert (waves.estimate, waves.conf_low) == (plain.coefficients[0], plain.conf_low[0])
    assert waves.model == "one wave a site" and np.isnan(waves.wave_variance)


def test_waves_are_nested_in_sites() -> None:
    y, v = RNG.normal(size=12), np.full(12, 0.1)
    sites = [f"site {i // 3}" for i in range(12)]
    waves, both = pool_waves(y, v, sites), two_level(y, v, sites)
    assert (waves.estimate, waves.site_variance) == (both.coefficients[0], both.site_variance)
    assert (waves.sites, waves.waves, waves.model) == (4, 12, "waves in sites")


def test_a_site_that_repeats_itself_does_not_count_as_many() -> None:
    y, v, sites = [0.5] * 20 + [0.0, -0.1, 0.1, 0.05], [0.02] * 24, ["giant"] * 20 + list("abcd")
    nested, naive = pool_waves(y, v, sites), random_effects(y, v)
    assert nested.estimate < 0.3 < naive.coefficients[0]
    assert nested.conf_high - nested.conf_low > naive.conf_high[0] - naive.conf_low[0]


def test_waves_of_one_site_say_nothing_of_other_sites() -> None:
    waves = pool_waves([0.1, 0.3], [0.01, 0.01], "aa")
    assert waves.model == "waves of one site" and np.isnan(waves.site_variance) and waves.sites == 1
    one = pool_waves([0.1], [0.04], "a")
    assert (one.estimate, one.std_error) == (0.1, 0.2)


# Balance


def test_pooled_balance_sees_what_each_site_is_too_small_to_see() -> None:
    noise = np.full((40, 2), 0.15)
    differences = np.column_stack([0.2 + 0.15 * RNG.normal(size=40), 0.15 * RNG.normal(size=40)])
    found = pooled_balance(differences, noise, limit=LIMIT)
    assert (np.abs(differences[:, 0]) < 1.96 * 0.15).any()
    assert found.balanced.tolist() == [False, True] and found.conf_low[0] > 0.1


def test_sites_off_in_opposite_directions_show_in_the_spread() -> None:
    differences = np.tile([0.4, -0.4], 10)[:, None]
    found = pooled_balance(differences, np.full((20, 1), 0.1), limit=LIMIT)
    assert found.balanced[0] and found.between[0] == pytest.approx(0.4, abs=0.05)


def test_a_covariate_some_sites_lack_is_pooled_over_the_others() -> None:
    differences = np.array([[0.1, np.nan], [0.2, np.nan], [0.05, np.nan]])
    found = pooled_balance(differences, np.full((3, 2), 0.1), limit=LIMIT)
    assert found.sites.tolist() == [3, 0] and np.isnan(found.differences[1]) and not found.balanced[1]
    one = pooled_balance([[0.07]], [[0.1]], limit=LIMIT)
    assert (one.differences[0], one.sites[0]) == (0.07, 1)


def test_balance_of_other_shapes_is_refused() -> None:
    with pytest.raises(PoolError, match="pool-shape"):
        pooled_balance([0.1, 0.2], [0.1, 0.1], limit=LIMIT)
    with pytest.raises(MetaError, match="meta-variance"):
        pooled_balance([[0.1]], [[0.0]], limit=LIMIT)


# Negative controls


def test_controls_are_tested_together() -> None:
    y = np.array([[0.0, 0.5], [0.05, 0.55], [-0.05, 0.45], [0.02, 0.5]])
    v = np.full((4, 2), 0.01)
    found = negative_controls(y, v)
    assert not found.passed and found.adjusted[0] == found.p_values[0]
    assert found.adjusted[1] == pytest.approx(2 * found.p_values[1])
    assert negative_controls(y[:, :1], v[:, :1]).passed
    with pytest.raises(PoolError, match="pool-shape"):
        negative_controls(np.where([True, False], np.nan, y), v)


def test_with_one_site_its_own_controls_are_the_pool() -> None:
    found = negative_controls([[0.1, -0.2]], [[0.04, 0.09]])
    assert found.estimates.tolist() == [0.1, -0.2] and found.std_errors == pytest.approx([0.2, 0.3])


def controls(count: int, mean: float, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0.02, 0.1, count)
    return rng.normal(mean, np.hypot(errors, spread)), errors


def test_systematic_error_is_the_empirical_null_of_schuemie() -> None:
    y, errors = controls(25, 0.1, 0.15)

    def minus(parameters: np.ndarray) -> float:
        return float(-stats.norm.logpdf(y, parameters[0], np.hypot(errors, np.exp(parameters[1]))).sum())

    best = optimize.minimize(
        minus, [0.0, -2.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}
    )
    ours = systematic_error(y, errors)
    assert ours.mean == pytest.approx(best.x[0], abs=1e-7)
    assert ours.spread == pytest.approx(np.exp(best.x[1]), abs=1e-7)
    calibrated = ours.calibrate(0.3, 0.05, method="plug-in")
    assert calibrated.estimate == pytest.approx(0.3 - ours.mean)
    half = stats.norm.ppf(0.975) * np.hypot(0.05, ours.spread)
    assert calibrated.conf_high == pytest.approx(calibrated.estimate + half)


def test_calibration_carries_what_few_controls_leave_open() -> None:
    y, errors = controls(10, 0.1, 0.1)
    ours = systematic_error(y, errors)
    mixed, plug_in = ours.calibrate(0.3, 0.05), ours.calibrate(0.3, 0.05, method="plug-in")
    assert mixed.conf_low < plug_in.conf_low and mixed.conf_high > plug_in.conf_high
    assert mixed.p_value > plug_in.p_value


def test_without_systematic_error_calibration_changes_little() -> None:
    _, errors = controls(30, 0.0, 0.0)
    ours = systematic_error(np.zeros(30), errors)
    found = ours.calibrate(0.3, 0.05)
    assert (ours.mean, ours.spread) == (0.0, 0.0)
    assert (found.conf_low, found.conf_high) == pytest.approx((0.202, 0.398), abs=0.005)


def test_calibrated_intervals_cover_where_plain_ones_do_not() -> None:
    covered = plain = 0
    for seed in range(200):
        y, errors = controls(21, 0.1, 0.15, seed)
        found = systematic_error(y[:20], errors[:20]).calibrate(float(y[20]), float(errors[20]))
        covered += found.conf_low <= 0.0 <= found.conf_high
        plain += abs(y[20]) <= 1.96 * errors[20]
    # 200 draws: 99 % of binomials with 0.95 are at least 182.
    assert covered >= 182 and plain < 140


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"method": "zzz"}, "meta-option"),
        ({"level": 95}, "meta-level"),
        ({"std_error": -0.05}, "meta-variance"),
        ({"std_error": 0.0}, "meta-variance"),
        ({"estimate": float("nan")}, "meta-not-finite"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(arguments: dict[str, Any], code: str) -> None:
    y = np.linspace(-0.1, 0.1, 12)
    found = systematic_error(y, np.full(12, 0.05))
    with pytest.raises(MetaError) as refused:
        found.calibrate(**({"estimate": 0.3, "std_error": 0.05} | arguments))
    assert refused.value.code == code


@pytest.mark.parametrize(("bad", "code"), [(-0.05, "meta-variance"), (np.inf, "meta-not-finite")])
def test_errors_of_controls_that_squaring_would_hide_are_refused(bad: float, code: str) -> None:
    errors = np.full(12, 0.05)
    errors[3] = bad
    with pytest.raises(MetaError) as refused:
        systematic_error(np.linspace(-0.1, 0.1, 12), errors)
    assert refused.value.code == code


@pytest.mark.parametrize("nobody", [None, float("nan")])
def test_a_wave_of_no_site_is_refused(nobody: Any) -> None:
    with pytest.raises(PoolError) as refused:
        pool_waves([0.1, 0.2, 0.3], [0.01, 0.01, 0.01], ["a", nobody, "b"])
    assert refused.value.code == "pool-shape"


def test_fewer_than_ten_controls_calibrate_nothing() -> None:
    with pytest.raises(PoolError, match="pool-few-controls"):
        systematic_error(*controls(9, 0.0, 0.1))


# Robustness


def test_the_robustness_value_is_the_share_that_brings_the_pool_to_zero() -> None:
    pooled = random_effects([-0.05, -0.03, -0.04, -0.06], [1e-4] * 4)
    found = pooled_robustness(pooled, [0.4, 0.5, 0.6, 0.5])
    for share, bias in ((found.value, found.bias), (found.value_of_interval, found.bias_of_interval)):
        assert found.scale * share / np.sqrt(1.0 - share) == pytest.approx(bias)
    assert found.bias == pytest.approx(0.045) and found.scale == pytest.approx(0.5)
    assert 0.0 < found.value_of_interval < found.value < 1.0
    uncertain = random_effects([-0.05, 0.03, -0.04, 0.06], [1e-4] * 4)
    assert pooled_robustness(uncertain, [0.5] * 4).value_of_interval == 0.0


def test_one_site_has_cinelli_and_hazletts_value() -> None:
    """Their formula with f = |estimate|/S."""
    one = random_effects([0.2], [0.01])
    f = 0.2 / 0.5
    expected = 0.5 * (np.sqrt(f**4 + 4 * f**2) - f**2)
    assert pooled_robustness(one, [0.5]).value == pytest.approx(expected)


@pytest.mark.parametrize("scales", [[0.5], [0.5, 0.0], [0.5, np.nan], [[0.5, 0.5]]])
def test_bias_scales_that_are_none_are_refused(scales: Any) -> None:
    with pytest.raises(PoolError, match="pool-bias-scale"):
        pooled_robustness(random_effects([0.1, 0.2], [0.01, 0.01]), scales)


# Transport

STRATA = ("young", "middle", "old")


def strata_of(k: int, missing: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = np.array([-0.02, -0.05, -0.08]) + rng.normal(0, 0.01, (k, 3)) + rng.normal(0, 0.01, (k, 1))
    if missing:
        y[::3, 0] = np.nan
    return y, np.tile(np.eye(3) * 1e-4, (k, 1, 1))


def test_one_site_is_standardised_to_the_target() -> None:
    y, s = strata_of(1)
    found = transport_to(y, s, STRATA, {"young": 0.5, "old": 0.5}, target="a town")
    assert found.estimate == pytest.approx(0.5 * (y[0, 0] + y[0, 2]))
    assert found.std_error == pytest.approx(np.sqrt(0.5e-4))


def test_another_mix_moves_the_effect_and_missing_strata_enter() -> None:
    y, s = strata_of(15, missing=True)
    young = transport_to(y, s, STRATA, {"young": 1.0}, target="young")
    old = transport_to(y, s, STRATA, {"old": 1.0}, target="old")
    assert young.estimate > -0.04 > old.estimate and young.sites.tolist() == [10, 15, 15]
    even = transport_to(y, s, STRATA, dict.fromkeys(STRATA, 1 / 3), target="even")
    assert even.conf_low < even.estimate < even.conf_high
    assert even.prediction_low < even.conf_low and even.strata["old"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("shares", "target"),
    [({"young": 0.5}, "x"), ({"unborn": 1.0}, "x"), ({"young": 1.5, "old": -0.5}, "x"), ({"young": 1.0}, "")],
)
def test_a_target_that_cannot_be_reached_is_refused(shares: dict[str, float], target: str) -> None:
    with pytest.raises(PoolError, match="pool-target"):
        transport_to(*strata_of(3), STRATA, shares, target=target)


# The joint model of released arms


def lineup_of(make_block: Make, sites: int, lacking: int = 0) -> Any:
    rng = np.random.default_rng(7)
    blocks = []
    for at in range(sites):
        arms = tuple(arm for arm in ARMS if not (at < lacking and arm == "phone"))
        means = tuple(0.3 + 0.02 * ARMS.index(arm) + 0.02 * rng.normal() for arm in arms)
        blocks.append(make_block(f"{at:064x}", arms=arms, means=means, estimand="ATE"))
    return line_up(blocks, {blocks[0].question: ARMS})[0]


def test_released_arms_are_pooled_jointly_with_missing_ones(make_block: Make) -> None:
    joint = joint_arms(lineup_of(make_block, 12, lacking=4))
    assert joint.fit.structure == "unstructured" and joint.fit.converged
    assert joint.fit.inputs.present.sum(axis=0).tolist()[joint.arms.index("phone")] == 8
    assert joint.fit.ranking().best.sum() == pytest.approx(1.0)
    both = joint.fit.against(0).estimates[1] - joint.fit.against(0).estimates[0]
    assert joint.fit.against(1).estimates[1] == pytest.approx(both)


def test_few_sites_share_one_correlation_and_rare_arms_are_said(make_block: Make) -> None:
    joint = joint_arms(lineup_of(make_block, 4, lacking=3))
    assert joint.fit.structure == "compound-symmetric" and joint.left_out == ("phone",)
    one = joint_arms(lineup_of(make_block, 1))
    assert one.fit.coefficients[0] == pytest.approx(lineup_of(make_block, 1).means[0])
