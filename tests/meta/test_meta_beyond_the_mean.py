"""Intervals of tau², influence, permutation, subgroups, asymmetry, repeated effects, waves."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, optimize, stats

from causalsig.errors import MetaError
from causalsig.meta import (
    PRESETS,
    cluster_robust,
    egger,
    funnel,
    permutation_test,
    random_effects,
    random_effects_batch,
    subgroups,
    two_level,
)

FloatArray = NDArray[np.float64]
EFFECTS = np.array([0.12, -0.30, 0.55, 0.80, -0.10, 0.33])
UNEQUAL = np.array([0.010, 0.040, 0.025, 0.090, 0.016, 0.070])
SIZE = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
ALGEBRA = 1e-9


def imhof(multipliers: FloatArray, q: float) -> float:
    """P(Σ multiplier chi-square(1) > q) by Imhof (1961), doi:10.1093/biomet/48.3-4.419."""

    def integrand(u: float) -> float:
        angle = 0.5 * np.arctan(multipliers * u).sum() - 0.5 * q * u
        return float(np.sin(angle) / (u * np.prod((1 + (multipliers * u) ** 2) ** 0.25)))

    return 0.5 + integrate.quad(integrand, 0, np.inf, limit=2000, epsabs=1e-8)[0] / np.pi


def test_generalised_q_bounds_have_their_exact_tails() -> None:
    found = random_effects(EFFECTS, UNEQUAL).tau2_interval("generalised-q")
    w = 1 / UNEQUAL
    projection = np.diag(w) - np.outer(w, w) / w.sum()
    q = EFFECTS @ projection @ EFFECTS
    for bound, tail in ((found.low, 0.025), (found.high, 0.975)):
        root = np.diag(np.sqrt(UNEQUAL + bound))
        multipliers = np.linalg.eigvalsh(root @ projection @ root)[1:]
        assert imhof(multipliers, q) == pytest.approx(tail, abs=2e-6)


def test_generalised_q_is_the_q_profile_with_equal_variances() -> None:
    result = random_effects(EFFECTS, np.full(6, 0.02))
    one, two = result.tau2_interval("generalised-q"), result.tau2_interval("q-profile")
    np.testing.assert_allclose([one.low, one.high], [two.low, two.high], rtol=1e-8)
    assert random_effects(np.full(6, 0.2), UNEQUAL).tau2_interval("generalised-q").empty


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_profile_likelihood_bounds_lie_half_a_quantile_below_the_top(method: str) -> None:
    found = random_effects(EFFECTS, UNEQUAL, tau2=method).tau2_interval("profile-likelihood")

    def height(tau2: float) -> float:
        w = 1 / (UNEQUAL + tau2)
        mean = w @ EFFECTS / w.sum()
        return float(
            0.5 * (np.log(w).sum() - w @ (EFFECTS - mean) ** 2 - np.log(w.sum()) * (method == "REML"))
        )

    top = -optimize.minimize_scalar(lambda t: -height(t), bounds=(0, 2), options={"xatol": 1e-12}).fun
    for bound in (found.low, found.high):
        assert top - height(bound) == pytest.approx(0.5 * stats.chi2.ppf(0.95, 1), abs=1e-9)


def test_influence_is_what_deleting_does() -> None:
    result = random_effects(EFFECTS, UNEQUAL, moderators=SIZE, interval="wald")
    found, x = result.influence(), result.inputs.design
    for site in range(6):
        keep = np.arange(6) != site
        left = random_effects(EFFECTS[keep], UNEQUAL[keep], moderators=SIZE[keep], interval="wald")
        residual = EFFECTS[site] - x[site] @ left.coefficients
        spread = np.sqrt(UNEQUAL[site] + left.tau2 + x[site] @ left.covariance @ x[site])
        change = result.coefficients - left.coefficients
        np.testing.assert_allclose(found.rstudent[site], residual / spread, rtol=ALGEBRA)
        np.testing.assert_allclose(found.tau2_deleted[site], left.tau2, rtol=ALGEBRA, atol=1e-15)
        np.testing.assert_allclose(
            found.cooks_distance[site], change @ np.linalg.solve(result.covariance, change), rtol=ALGEBRA
        )
    np.testing.assert_allclose(found.hat.sum(), 2.0, rtol=ALGEBRA)


def test_cumulative_ends_with_the_pool_of_all() -> None:
    result = random_effects(EFFECTS, UNEQUAL)
    steps = result.cumulative(np.argsort(UNEQUAL))
    assert [each.k for each in steps.results] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(steps.results[-1].coefficients, result.coefficients, rtol=ALGEBRA)
    regression = random_effects(EFFECTS, UNEQUAL, moderators=[1.0, 1.0, 1.0, 1.0, 2.0, 3.0]).cumulative()
    assert [each.k for each in regression.results] == [5, 6]
    with pytest.raises(MetaError, match="permutation"):
        result.cumulative([0, 0, 1, 2, 3, 4])


def test_contrasts_and_the_joint_test_follow_from_the_covariance() -> None:
    result = random_effects(EFFECTS, UNEQUAL, moderators=np.column_stack([SIZE, SIZE**2]), interval="t")
    rows = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, -1.0]])
    found = result.contrasts(rows)
    spread = rows @ result.covariance @ rows.T
    np.testing.assert_allclose(found.estimates, rows @ result.coefficients, rtol=ALGEBRA)
    np.testing.assert_allclose(found.std_errors, np.sqrt(np.diag(spread)), rtol=ALGEBRA)
    f = found.estimates @ np.linalg.solve(spread, found.estimates) / 2
    np.testing.assert_allclose(found.joint.p_value, stats.f.sf(f, 2, 3), rtol=1e-8)
    alone = random_effects(EFFECTS, UNEQUAL, moderators=SIZE, interval="knapp-hartung")
    np.testing.assert_allclose(alone.omnibus().p_value, alone.p_values[1], rtol=1e-8)
    # A row said twice tests nothing more.
    assert result.contrasts([rows[1], 2 * rows[1]]).joint.df == 1
    with pytest.raises(MetaError, match="shape"):
        result.contrasts([1.0, 2.0])


def test_sign_flips_are_all_tried() -> None:
    result = random_effects(EFFECTS, UNEQUAL, tau2="DL", interval="knapp-hartung")
    found = permutation_test(result)
    observed = abs(result.coefficients[0] / result.std_errors[0])
    reached = 0
    for signs in product((1, -1), repeat=6):
        flipped = random_effects(EFFECTS * signs, UNEQUAL, tau2="DL", interval="knapp-hartung")
        reached += abs(flipped.coefficients[0] / flipped.std_errors[0]) >= observed - 1.5e-8
    assert (found.arrangements, found.exact) == (64, True)
    assert found.p_values[0] == pytest.approx(reached / 64)


def test_drawn_permutations_come_near_all_of_them_and_repeat_with_the_seed() -> None:
    result = random_effects(EFFECTS, UNEQUAL, moderators=SIZE, interval="knapp-hartung")
    exact = permutation_test(result)
    drawn = [permutation_test(result, draws=2000, generator=np.random.default_rng(4)) for _ in range(2)]
    assert exact.arrangements == 720
    np.testing.assert_array_equal(drawn[0].p_values, drawn[1].p_values)
    # Four Monte Carlo standard errors of a share of 2,000.
    np.testing.assert_allclose(drawn[0].p_values, exact.p_values, atol=4 * 0.5 / np.sqrt(2000))
    with pytest.raises(MetaError, match="generator"):
        permutation_test(result, draws=100)
    with pytest.raises(MetaError, match="arrangements"):
        permutation_test(random_effects(np.arange(30.0), np.ones(30)))


def test_subgroups_are_their_own_pools() -> None:
    found = subgroups(EFFECTS, UNEQUAL, ["a", "b", "a", "b", "a", "b"], interval="wald")
    assert found.labels == ("a", "b")
    alone = random_effects(EFFECTS[::2], UNEQUAL[::2], interval="wald")
    np.testing.assert_array_equal(found.results[0].coefficients, alone.coefficients)
    difference = found.results[0].coefficients[0] - found.results[1].coefficients[0]
    variance = sum(each.covariance[0, 0] for each in found.results)
    np.testing.assert_allclose(found.q_between, difference**2 / variance, rtol=ALGEBRA)
    with pytest.raises(MetaError, match="labels"):
        subgroups(EFFECTS, UNEQUAL, ["a"])


def test_egger_rings_when_effects_follow_their_variances() -> None:
    rng = np.random.default_rng(8)
    v = 10.0 ** rng.uniform(-3, -1, 40)
    calm = rng.normal(0.1, np.sqrt(v))
    assert egger(calm, v).p_value > 0.05
    alarm = egger(calm - 3.0 * np.sqrt(v), v)
    assert alarm.p_value < 1e-4 and alarm.slope < -1.0
    classic = egger(calm, v, model="multiplicative")
    plain = stats.linregress(1 / np.sqrt(v), calm / np.sqrt(v))
    # Egger's original form: the intercept of effect / error on precision is the slope on the error.
    np.testing.assert_allclose([classic.slope, classic.limit], [plain.intercept, plain.slope], rtol=1e-8)
    np.testing.assert_allclose(classic.std_error, plain.intercept_stderr, rtol=1e-8)
    drawn = funnel(calm, v)
    assert drawn.low[0] == drawn.high[0] == drawn.centre


def test_cr2_is_unbiased_under_its_working_model_and_hc2_for_single_effects() -> None:
    result = random_effects(EFFECTS, np.full(6, 0.02), moderators=SIZE)
    found = cluster_robust(result, range(6))
    x = result.inputs.design
    hat = x @ np.linalg.inv(x.T @ x) @ x.T
    residuals = EFFECTS - hat @ EFFECTS
    bread = np.linalg.inv(x.T @ x)
    hc2 = bread @ (x.T * (residuals**2 / (1 - np.diag(hat)))) @ x @ bread
    np.testing.assert_allclose(found.covariance, hc2, rtol=ALGEBRA)
    assert (found.df < 4.0).all()


def test_cr2_by_the_definition_with_repeated_effects() -> None:
    rng = np.random.default_rng(2)
    site = np.repeat(np.arange(5), [1, 2, 3, 4, 2])
    y, v, x = rng.normal(size=12), rng.uniform(0.1, 1.0, 12), rng.normal(size=12)
    result = random_effects(y, v, moderators=x)
    found = cluster_robust(result, site)
    design, phi = result.inputs.design, np.diag(v + result.tau2)
    w = np.linalg.inv(phi)
    bread = np.linalg.inv(design.T @ w @ design)
    leftover = np.eye(12) - design @ bread @ design.T @ w
    meat, transforms = np.zeros((2, 2)), []
    for each in range(5):
        s = np.eye(12)[site == each]
        d = np.linalg.cholesky(s @ phi @ s.T).T
        inner = d @ s @ leftover @ phi @ leftover.T @ s.T @ d.T
        values, vectors = np.linalg.eigh(inner)
        root = vectors @ np.diag([value**-0.5 if value > 1e-10 else 0.0 for value in values]) @ vectors.T
        adjusted = bread @ design.T @ w @ s.T @ d.T @ root @ d
        meat += np.outer(adjusted @ s @ leftover @ y, adjusted @ s @ leftover @ y)
        transforms.append(adjusted @ s @ leftover)
    np.testing.assert_allclose(found.covariance, meat, rtol=1e-8)
    products = np.array([[(a @ phi @ b.T)[1, 1] for b in transforms] for a in transforms])
    np.testing.assert_allclose(found.df[1], np.trace(products) ** 2 / (products**2).sum(), rtol=1e-8)
    with pytest.raises(MetaError, match="labels"):
        cluster_robust(result, [0] * 12)


def test_two_levels_with_equal_waves_are_the_analysis_of_variance() -> None:
    """Balanced waves with one sampling variance: the classical mean squares are REML."""
    rng = np.random.default_rng(12)
    waves, sites, variance = 3, 10, 0.01
    y = (rng.normal(0, 0.6, (sites, 1)) + rng.normal(0, 0.4, (sites, waves))).ravel()
    label = np.repeat(np.arange(sites), waves)
    found = two_level(y, np.full(30, variance), label)
    table = y.reshape(sites, waves)
    within = table.var(axis=1, ddof=1).mean()
    between = waves * table.mean(axis=1).var(ddof=1)
    assert found.converged and found.boundary == (False, False)
    np.testing.assert_allclose(found.wave_variance, within - variance, rtol=1e-6)
    np.testing.assert_allclose(found.site_variance, (between - within) / waves, rtol=1e-6)
    np.testing.assert_allclose(found.std_errors[0], np.sqrt(between / 30), rtol=1e-6)
    assert found.df == 9.0


def test_two_levels_say_their_boundary_and_refuse_what_is_no_second_level() -> None:
    label = np.repeat(["a", "b", "c", "d"], 2)
    found = two_level(np.tile([0.1, 0.9], 4), np.full(8, 0.001), label)
    assert found.boundary == (True, False) and found.converged
    flat = two_level(np.full(8, 0.3), np.full(8, 0.001), label)
    assert flat.boundary == (True, True) and flat.converged
    assert np.isnan(flat.variance_std_errors).all()
    with pytest.raises(MetaError, match="two waves"):
        two_level([0.1, 0.2, 0.3], [1.0, 1.0, 1.0], ["a", "b", "c"])
    with pytest.raises(MetaError, match="labels"):
        two_level([0.1, 0.2, 0.3], [1.0, 1.0, 1.0], ["a", "b"])


def test_presets_name_choices_that_exist() -> None:
    for preset in PRESETS.values():
        result = random_effects(EFFECTS, UNEQUAL, tau2=preset.tau2, interval=preset.interval)
        assert result.tau2_interval(preset.tau2_interval).high > 0.0
        assert result.prediction_interval(preset.prediction).high > result.conf_high[0]
    assert (PRESETS["cochrane2025"].tau2, PRESETS["cochrane2025"].interval) == ("REML", "knapp-hartung")


def test_a_batch_refuses_as_one_does_and_shares_variances() -> None:
    shared = random_effects_batch([EFFECTS, -EFFECTS], UNEQUAL)
    np.testing.assert_allclose(shared.coefficients[0], -shared.coefficients[1], rtol=ALGEBRA)
    assert len(shared) == 2 and [each.k for each in shared] == [6, 6]
    for arguments in ((EFFECTS, UNEQUAL), ([EFFECTS], UNEQUAL[:3])):
        with pytest.raises(MetaError, match="\\(B, k\\)"):
            random_effects_batch(*arguments)
    with pytest.raises(MetaError, match="above zero"):
        random_effects_batch([EFFECTS], -UNEQUAL)


def test_scan_finds_both_maxima_in_a_batch_as_alone() -> None:
    y = np.array([[2.3, -0.5, 2.6], [-0.8, 0.4, 5.4], [0.1, 0.2, 0.3]])
    v = np.array([[0.095, 1.462, 0.071], [1.15, 0.011, 6.094], [1.0, 1.0, 1.0]])
    found = random_effects_batch(y, v, interval="wald")
    assert found.maxima.tolist() == [2, 2, 1]
    assert found.boundary.tolist() == [False, True, True]
