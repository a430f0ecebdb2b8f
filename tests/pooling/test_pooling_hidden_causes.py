"""Hidden causes and balance over sites: the scale's own error, waves, and what a single site cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from causalsig.diagnosed import ReleasedBalance, ReleasedSensitivity
from causalsig.meta import random_effects
from causalsig.pooling import ScaleErrors, pool_arms, pooled_robustness, site_robustness
from causalsig.pooling.balance import balance_of_sites
from causalsig.pooling.waves import one_block_a_site
from causalsig.records import ReleasedArms
from causalsig.study.models import Study

Make = Callable[..., ReleasedArms]


def test_an_error_of_the_scale_makes_a_pool_less_robust_as_the_delta_method_says() -> None:
    """At the strength of the interval the pooled bound's own interval ends at zero, by its plain formula."""
    estimates, scales = np.array([-0.05, -0.03, -0.04, -0.06]), np.array([0.4, 0.5, 0.6, 0.5])
    pooled = random_effects(estimates, [1e-4] * 4, interval="wald")
    errors = ScaleErrors(np.full(4, 0.05), np.full(4, -0.3 * 0.01 * 0.05))
    found = pooled_robustness(pooled, scales, errors)
    strength = found.bias_of_interval / found.scale
    w = pooled.weights
    bound = abs(w @ estimates) - strength * (w @ scales)
    variance = pooled.std_errors[0] ** 2 + w**2 @ (
        strength**2 * errors.std_errors**2 - 2 * strength * -errors.covariances
    )
    assert bound == pytest.approx(norm.isf(0.025) * np.sqrt(variance), rel=1e-9)
    known = pooled_robustness(pooled, scales)
    nothing = pooled_robustness(pooled, scales, ScaleErrors(np.zeros(4), np.zeros(4)))
    assert nothing.value_of_interval == pytest.approx(known.value_of_interval, rel=1e-12)
    assert known.value == found.value
    wide = pooled_robustness(pooled, scales, ScaleErrors(np.full(4, 0.3), np.zeros(4)))
    assert 0.0 < wide.value_of_interval < known.value_of_interval


def test_a_site_and_its_pool_of_one_are_as_robust() -> None:
    told = ReleasedSensitivity("home_visit", 0.6, 0.04, 0.2, 0.0)
    for estimate in (-0.2, 0.2):
        site = site_robustness(estimate, 0.05, told)
        pooled = random_effects([estimate], [0.05**2], level=0.9, interval="wald")
        one = pooled_robustness(pooled, [0.6], ScaleErrors(np.array([0.04]), np.array([0.2 * 0.05 * 0.04])))
        assert site.value_of_interval == pytest.approx(one.value_of_interval, rel=1e-9)
        assert site.value == pytest.approx(one.value)
    assert site_robustness(0.04, 0.05, told).value_of_interval == 0.0


def sensitive(scale: float = 0.6) -> tuple[ReleasedSensitivity, ...]:
    return tuple(ReleasedSensitivity(arm, scale, 0.04, 0.1, 2**-6) for arm in ("phone", "home_visit"))


def test_the_pool_is_robust_by_what_its_sites_released(make_block: Make, study: Study) -> None:
    blocks = [make_block(f"{k:064d}", sensitivity=sensitive()) for k in range(7)]
    mute = make_block("f" * 64)
    found = pool_arms([*blocks, mute], study, "d" * 64).robustness
    assert [(row.arm, row.sites, row.publishable) for row in found] == [
        ("phone", 7, True),
        ("home_visit", 7, True),
    ]
    assert all(0.0 < row.value_of_interval < row.value < 1.0 for row in found)
    assert pool_arms([mute], study, "d" * 64).robustness == ()
    few = pool_arms(blocks[:5], study, "d" * 64).robustness
    assert not any(row.publishable for row in few)


def test_waves_of_a_site_have_one_scale(make_block: Make) -> None:
    waves = [make_block("a" * 64, sensitivity=sensitive(scale)) for scale in (0.5, 0.7)]
    [together] = one_block_a_site(waves)
    phone, visit = together.sensitivity
    assert phone.scale == pytest.approx(0.6)
    assert phone.scale_std_error == pytest.approx(0.04 / np.sqrt(2)) and visit.correlation == pytest.approx(
        0.1
    )
    [half] = one_block_a_site([waves[0], replace(waves[1], sensitivity=())])
    assert half.sensitivity == ()


def balanced(site: int, rent: float, *names: str) -> ReleasedBalance:
    rows = (("creditor-rent", rent, 0.08), *((name, 0.0, 0.08) for name in names))
    return ReleasedBalance(
        f"{site:064d}", "contact_method", "doubly_robust", "ATO", "home_visit", "letter", rows
    )


def test_what_no_site_can_tell_from_chance_the_pool_can(study: Study) -> None:
    sites = [balanced(k, 0.16, "crisis") for k in range(20)]
    [row] = balance_of_sites(sites, study)
    assert (row.sites, row.covariates, row.balanced, row.covariate) == (20, 2, 1, "creditor-rent")
    assert row.largest == pytest.approx(0.16) and row.publishable
    wider = study.model_copy(update={"diagnostics": study.diagnostics.model_copy(update={"max_smd": 0.2})})
    [within] = balance_of_sites(sites, wider)
    assert within.balanced == 2  # the limit is the study's
    [few] = balance_of_sites(sites[:5], study)
    assert not few.publishable
    [rare] = balance_of_sites([*sites, balanced(30, 0.0, "age-missing")], study)
    assert rare.covariates == 2


def test_a_site_that_carries_a_covariate_alone_is_not_published(study: Study) -> None:
    """With noise 0.02 beside five of 0.2 the mean is that site's own difference, to a hundredth."""

    def block(site: int, rent: float, noise: float, *more: tuple[str, float, float]) -> ReleasedBalance:
        return replace(balanced(site, 0.0), rows=(("creditor-rent", rent, noise), *more))

    sites = [block(0, 0.31, 0.02), *(block(k, 0.3, 0.2) for k in range(1, 6))]
    [row] = balance_of_sites(sites, study)
    assert row.largest == pytest.approx(0.31, abs=0.01) and row.sites == 6 and not row.publishable
    beside = [block(k, 0.31, 0.02 if k == 0 else 0.2, ("crisis", 0.04, 0.2)) for k in range(6)]
    [row] = balance_of_sites(beside, study)
    assert (row.covariate, row.covariates, row.publishable) == ("crisis", 1, True)
    pair = [block(k, 0.31, 0.02 if k < 2 else 0.1) for k in range(7)]
    [row] = balance_of_sites(pair, study)
    assert not row.publishable
