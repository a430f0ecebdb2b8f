"""Small sites as likelihoods: against sums over a grid, and what must hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize, special, stats

from causalsig.errors import MetaError
from causalsig.meta import (
    EventClass,
    NormalLikelihood,
    ProfileLikelihood,
    bayesian_random_effects,
    event_class,
    pool_likelihoods,
    profile_likelihood_payload,
    profile_of_log_odds_ratio,
)

SCALE = 0.5
# Of the sums over the grid below, and of the kinks between the points of a payload.
GRID = 2e-5


def likelihood_of(site: Any, theta: np.ndarray) -> np.ndarray:
    """Written out with scipy's own distributions."""
    if isinstance(site, NormalLikelihood):
        return np.asarray(stats.norm.pdf(site.estimate, theta, np.sqrt(site.variance)))
    if isinstance(site, EventClass):
        risk = special.expit(theta)
        below = special.bdtr(site.low - 1, site.households, risk) if site.low else 0.0
        return np.asarray(special.bdtr(site.high, site.households, risk) - below)
    return np.exp(site.at(theta)[0])


def by_grid(sites: list[Any]) -> dict[str, float]:
    """Moments of μ, τ and a new site: Gauss-Legendre in τ, equal steps in μ and in (θ - μ)/τ.

    Equal steps over the whole of a smooth density give its moments to high accuracy.
    """
    points, weights = np.polynomial.legendre.leggauss(40)
    tau, weight = 1.75 * (points + 1.0), 1.75 * weights
    mean, z = np.linspace(-14.0, 6.0, 241), np.linspace(-8.0, 8.0, 321)
    posterior = np.exp(-0.5 * (tau / SCALE) ** 2)[:, None] * np.ones(len(mean))
    for site in sites:
        for row, t in enumerate(tau):
            theta = mean[:, None] + t * z
            posterior[row] *= likelihood_of(site, theta) @ stats.norm.pdf(z)
    posterior *= weight[:, None]
    posterior /= posterior.sum()
    over_mean, over_tau = posterior.sum(axis=0), posterior.sum(axis=1)
    centre, middle = float(over_mean @ mean), float(over_tau @ tau)
    variance = float(over_mean @ (mean - centre) ** 2)
    return {
        "mean": centre,
        "mean's spread": np.sqrt(variance),
        "tau": middle,
        "tau's spread": float(np.sqrt(over_tau @ (tau - middle) ** 2)),
        "new site's spread": float(np.sqrt(variance + over_tau @ tau**2)),
    }


def test_normal_sites_alone_are_the_bayesian_pool() -> None:
    y, v = [0.1, 0.3, -0.2, 0.4], [0.01, 0.04, 0.02, 0.1]
    ours = pool_likelihoods([NormalLikelihood(*each) for each in zip(y, v, strict=True)], scale=SCALE)
    exact = bayesian_random_effects(y, v, scale=SCALE)
    assert ours.mean.interval() == pytest.approx(exact.mean.interval(), abs=1e-9)
    assert ours.tau.interval() == pytest.approx(exact.tau.interval(), abs=1e-9)
    assert ours.new_site.interval() == pytest.approx(exact.new_site().interval(), abs=1e-9)


@pytest.mark.parametrize(
    "sites",
    [
        [
            NormalLikelihood(-2.0, 0.04),
            event_class(0, 0, 40),
            event_class(0, 9, 100),
            event_class(12, 12, 90),
        ],
        [event_class(0, 0, 25), event_class(3, 3, 30), event_class(1, 4, 60)],
        [NormalLikelihood(-0.3, 0.3), profile_of_log_odds_ratio(0, 30, 4, 40)],
    ],
)
def test_mixed_sites_agree_with_sums_over_a_grid(sites: list[Any]) -> None:
    ours = pool_likelihoods(sites, scale=SCALE)
    found = {
        "mean": ours.mean.mean,
        "mean's spread": ours.mean.std_dev,
        "tau": ours.tau.mean,
        "tau's spread": ours.tau.std_dev,
        "new site's spread": ours.new_site.std_dev,
    }
    assert found == pytest.approx(by_grid(sites), abs=GRID)
    for x in (ours.mean.mean - 1.0, ours.mean.mean):
        h = 1e-4
        slope = (ours.mean.cdf(x + h) - ours.mean.cdf(x - h)) / (2 * h)
        assert ours.mean.density(x) == pytest.approx(slope, rel=1e-5)


def test_an_arm_without_events_keeps_its_information() -> None:
    others = [event_class(4, 4, 80), event_class(6, 6, 90), event_class(5, 5, 100)]
    without = pool_likelihoods(others, scale=SCALE)
    small, large = (pool_likelihoods([*others, event_class(0, 0, n)], scale=SCALE) for n in (5, 200))
    assert large.mean.quantile(0.5) < small.mean.quantile(0.5) < without.mean.quantile(0.5)
    assert large.mean.cdf(-3.5) > without.mean.cdf(-3.5)


def test_a_wider_class_says_less() -> None:
    others = [event_class(4, 4, 80), event_class(6, 6, 90)]
    spreads = [
        pool_likelihoods([*others, event_class(low, high, 100)], scale=SCALE).mean.std_dev
        for low, high in ((5, 5), (2, 8), (0, 60))
    ]
    assert spreads[0] < spreads[1] < spreads[2]


@pytest.mark.parametrize("site", [event_class(0, 0, 40), event_class(2, 6, 50), event_class(50, 50, 50)])
def test_derivatives_of_a_class_are_those_of_its_probability(site: EventClass) -> None:
    theta, h = np.linspace(-4, 3, 15), 1e-5
    value, first, second = site.at(theta)
    assert np.exp(value) == pytest.approx(likelihood_of(site, theta), rel=1e-9)
    assert first == pytest.approx((site.at(theta + h)[0] - site.at(theta - h)[0]) / (2 * h), abs=1e-6)
    assert second == pytest.approx((site.at(theta + h)[1] - site.at(theta - h)[1]) / (2 * h), abs=1e-6)


def test_nine_points_carry_a_profile() -> None:
    """Payload and exact profile, found by an optimiser, between the points as on them."""
    site = profile_of_log_odds_ratio(7, 50, 4, 60)

    def exact(theta: float) -> float:
        def minus(a: float) -> float:
            value = 7 * (a + theta) + 4 * a - 50 * np.log1p(np.exp(a + theta)) - 60 * np.log1p(np.exp(a))
            return float(-value)

        return -float(optimize.minimize_scalar(minus, bracket=(-4, 0), tol=1e-12).fun)

    theta = np.linspace(site.points[0], site.points[-1], 33)
    ours, theirs = site.at(theta)[0], np.array([exact(t) for t in theta])
    assert len(site.points) == 9
    assert ours - ours[16] == pytest.approx(theirs - theirs[16], abs=0.02)
    top = ours > ours.max() - 2.0
    assert (ours - ours[16])[top] == pytest.approx((theirs - theirs[16])[top], abs=0.01)
    assert site.at(site.points)[1][1:-1] == pytest.approx(site.slopes[1:-1])


def test_a_normal_profile_is_that_normal() -> None:
    """A parabola is a cubic: nine points of a normal log-likelihood are the normal within the points."""
    points = np.linspace(-0.7, 1.3, 9)
    payload = profile_likelihood_payload(points, -0.5 * (points - 0.3) ** 2 / 0.03, (0.3 - points) / 0.03)
    others = [NormalLikelihood(0.1, 0.02), NormalLikelihood(0.5, 0.05)]
    by_profile = pool_likelihoods([*others, payload], scale=SCALE)
    by_normal = pool_likelihoods([*others, NormalLikelihood(0.3, 0.03)], scale=SCALE)
    assert by_profile.mean.interval() == pytest.approx(by_normal.mean.interval(), abs=1e-5)
    assert by_profile.tau.interval() == pytest.approx(by_normal.tau.interval(), abs=1e-5)


def test_the_order_of_the_sites_does_not_matter() -> None:
    sites = [NormalLikelihood(-2.0, 0.04), event_class(0, 0, 40), event_class(3, 9, 100)]
    one, other = (pool_likelihoods(each, scale=SCALE) for each in (sites, sites[::-1]))
    assert one.mean.interval() == pytest.approx(other.mean.interval(), abs=1e-9)


@pytest.mark.parametrize(
    ("code", "sites"),
    [
        ("meta-empty", []),
        ("meta-no-maximum", [event_class(0, 0, 40), event_class(0, 9, 100)]),
        ("meta-no-maximum", [event_class(40, 40, 40)]),
        ("meta-no-maximum", [profile_of_log_odds_ratio(0, 30, 4, 40)]),
        ("meta-variance", [NormalLikelihood(0.1, 0.0)]),
        ("meta-variance", [NormalLikelihood(float("nan"), 0.1)]),
    ],
)
def test_what_cannot_be_pooled_is_refused(code: str, sites: list[Any]) -> None:
    with pytest.raises(MetaError) as caught:
        pool_likelihoods(sites, scale=SCALE)
    assert caught.value.code == code


@pytest.mark.parametrize("numbers", [(-1, 2, 5), (3, 2, 5), (0, 5, 5), (0, 6, 5), (0, 0, 0)])
def test_a_class_that_cannot_be_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(MetaError, match="meta-class"):
        event_class(*numbers)


@pytest.mark.parametrize("table", [(0, 30, 0, 40), (30, 30, 40, 40), (31, 30, 4, 40), (-1, 30, 4, 40)])
def test_a_table_that_says_nothing_of_the_ratio_is_refused(table: tuple[int, int, int, int]) -> None:
    with pytest.raises(MetaError, match="meta-class"):
        profile_of_log_odds_ratio(*table)


@pytest.mark.parametrize(
    "payload",
    [
        ([0.0, 1.0], [0.0, 0.0], [1.0, -1.0]),
        ([0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, -1.0]),
        ([0.0, 1.0, 2.0], [0.0, np.nan, 0.0], [1.0, 0.0, -1.0]),
        ([0.0, 1.0, 2.0], [0.0, 0.0], [1.0, 0.0, -1.0]),
        ([0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [-1.0, 0.0, -1.0]),
        ([0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]),
    ],
)
def test_a_profile_that_is_none_is_refused(payload: Any) -> None:
    with pytest.raises(MetaError, match="meta-profile"):
        profile_likelihood_payload(*payload)


def test_a_table_upside_down_is_mirrored() -> None:
    one, other = profile_of_log_odds_ratio(2, 30, 9, 40), profile_of_log_odds_ratio(28, 30, 31, 40)
    assert isinstance(one, ProfileLikelihood)
    assert other.points == pytest.approx(-one.points[::-1])
    assert other.values == pytest.approx(one.values[::-1], abs=1e-9)
