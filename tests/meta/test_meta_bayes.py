"""A prior on the spread: against scipy's adaptive integration, and what must hold."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from causalsig.errors import MetaError
from causalsig.meta import bayesian_random_effects, random_effects

Y, V = np.array([0.1, 0.3, -0.2, 0.4]), np.array([0.01, 0.04, 0.02, 0.1])
SCALE = 0.3
PRIORS: dict[str, Callable[[float], float]] = {
    "half-normal": lambda t: 2 * stats.norm.pdf(t, scale=SCALE),
    "half-cauchy": lambda t: 2 * stats.cauchy.pdf(t, scale=SCALE),
    "uniform": lambda t: float(t <= SCALE) / SCALE,
}
INTEGRATION = 1e-8  # of scipy's quad, which is told 1e-12 and mostly gets it


def by_quad(function: Callable[[float], float], low: float, high: float) -> float:
    pieces = [low, *(p for p in (0.05, 0.2, 0.5, 1.0, 3.0, 20.0) if low < p < high), high]
    pairs = pairwise(pieces)
    return float(sum(integrate.quad(function, a, b, epsabs=1e-13, epsrel=1e-12)[0] for a, b in pairs))


def posterior(prior: str) -> tuple[Callable[[float], float], Callable[[float, float], float], float]:
    """Unnormalised posterior of τ, conditional normal of μ, and where τ ends: written out."""

    def of_tau(t: float) -> float:
        w = 1.0 / (V + t * t)
        centre = w @ Y / w.sum()
        likelihood = np.exp(0.5 * np.log(w).sum() - 0.5 * np.log(w.sum()) - 0.5 * w @ (Y - centre) ** 2)
        return float(PRIORS[prior](t) * likelihood)

    def mean_below(t: float, x: float) -> float:
        w = 1.0 / (V + t * t)
        return float(stats.norm.cdf(x, w @ Y / w.sum(), w.sum() ** -0.5))

    return of_tau, mean_below, SCALE if prior == "uniform" else np.inf


@pytest.mark.parametrize("prior", list(PRIORS))
def test_the_posterior_is_that_of_adaptive_integration(prior: Any) -> None:
    ours = bayesian_random_effects(Y, V, scale=SCALE, prior=prior)
    of_tau, mean_below, end = posterior(prior)
    total = by_quad(of_tau, 0.0, end)
    for t in (0.02, 0.1, 0.25):
        assert ours.tau.cdf(t) == pytest.approx(by_quad(of_tau, 0.0, t) / total, abs=INTEGRATION)
        assert ours.tau.density(t) == pytest.approx(of_tau(t) / total, rel=INTEGRATION)
    for x in (-0.3, 0.0, 0.15, 0.6):
        expected = by_quad(lambda t, x=x: of_tau(t) * mean_below(t, x), 0.0, end) / total
        assert ours.mean.cdf(x) == pytest.approx(expected, abs=INTEGRATION)
    new = by_quad(lambda t: of_tau(t) * t * t, 0.0, 10.0 if np.isinf(end) else end)
    if prior != "half-cauchy":  # which has no such moment to speak of
        spread = ours.new_site().std_dev ** 2 - ours.mean.std_dev**2
        assert spread == pytest.approx(new / total, rel=1e-7)


@pytest.mark.parametrize("prior", list(PRIORS))
def test_quantiles_invert_the_cdf_and_densities_are_its_slope(prior: Any) -> None:
    ours = bayesian_random_effects(Y, V, scale=SCALE, prior=prior)
    for distribution in (ours.tau, ours.mean, ours.new_site()):
        for probability in (0.001, 0.025, 0.5, 0.9, 0.975):
            x = distribution.quantile(probability)
            assert distribution.cdf(x) == pytest.approx(probability, abs=1e-10)
            h = 1e-5 * distribution.std_dev
            slope = (distribution.cdf(x + h) - distribution.cdf(x - h)) / (2 * h)
            assert distribution.density(x) == pytest.approx(slope, rel=1e-4)
        low, high = distribution.interval(0.9)
        assert (low, high) == pytest.approx([distribution.quantile(p) for p in (0.05, 0.95)], rel=1e-12)
    assert ours.tau.cdf(-1.0) == 0.0 and ours.tau.density(-1.0) == 0.0
    assert ours.tau.cdf(1e30) == 1.0


def test_one_site_is_its_own_mean_with_the_prior_around_it() -> None:
    one = bayesian_random_effects([0.1], [0.01], scale=SCALE)
    assert one.tau.interval() == pytest.approx(SCALE * stats.norm.ppf([0.5125, 0.9875]), rel=1e-9)
    assert one.mean.quantile(0.5) == pytest.approx(0.1)
    variance = 0.01 + SCALE**2
    assert one.mean.std_dev**2 == pytest.approx(variance, rel=1e-9)
    assert one.shrunken.estimates == pytest.approx([0.1])


def test_a_narrow_prior_is_the_pool_with_equal_effects() -> None:
    ours = bayesian_random_effects(Y, V, scale=1e-6)
    equal = random_effects(Y, V, tau2="EE")
    assert ours.mean.interval() == pytest.approx((equal.conf_low[0], equal.conf_high[0]), abs=1e-8)


def test_with_many_sites_the_posterior_is_narrow_and_still_resolved() -> None:
    rng = np.random.default_rng(0)
    v = 0.01 * np.exp(rng.normal(size=400))
    y = rng.normal(0.2, np.sqrt(v + 0.04))
    ours = bayesian_random_effects(y, v, scale=0.5)
    reml = random_effects(y, v, interval="wald")
    assert ours.tau.mean**2 == pytest.approx(reml.tau2, rel=0.02)
    assert ours.mean.interval() == pytest.approx((reml.conf_low[0], reml.conf_high[0]), abs=2e-3)
    assert ours.tau.cdf(ours.tau.quantile(0.3)) == pytest.approx(0.3, abs=1e-10)


def test_shrunken_estimates_stand_between_the_site_and_the_pool() -> None:
    ours = bayesian_random_effects(Y, V, scale=SCALE)
    low, high = np.minimum(Y, ours.mean.mean), np.maximum(Y, ours.mean.mean)
    assert ((low <= ours.shrunken.estimates) & (ours.shrunken.estimates <= high)).all()
    assert (ours.shrunken.std_errors < np.sqrt(V)).all()


def test_moderators_move_the_mean() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    ours = bayesian_random_effects(0.5 * x, V, scale=SCALE, moderators=x)
    assert ours.coefficients[1].mean == pytest.approx(0.5, abs=1e-10)
    assert ours.new_site([4.0]).quantile(0.5) == pytest.approx(2.0, abs=1e-9)
    with pytest.raises(MetaError, match="1 finite moderators of the new site; found none"):
        ours.new_site()


def test_the_evidence_compares_priors() -> None:
    """Effects that agree speak for a narrow prior; the ratio is that of the two integrals."""
    logs = {}
    for scale in (0.05, 0.25):
        flat = posterior("uniform")[0]  # up to its constant within (0, SCALE)
        ours = bayesian_random_effects(Y, V, scale=scale, prior="uniform").log_evidence
        logs[scale] = ours - np.log(by_quad(flat, 0.0, scale) / scale)
    assert logs[0.05] == pytest.approx(logs[0.25], abs=1e-9)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, "wide", True, None])
def test_a_scale_that_is_none_is_refused(scale: Any) -> None:
    with pytest.raises(MetaError) as caught:
        bayesian_random_effects(Y, V, scale=scale)
    assert caught.value.code == "meta-prior-scale"


def test_other_mistakes_are_refused() -> None:
    for code, arguments in (
        ("meta-option", {"prior": "gamma"}),
        ("meta-level", {"level": 2.0}),
        ("meta-collinear", {"moderators": np.ones(4)}),
    ):
        with pytest.raises(MetaError) as caught:
            bayesian_random_effects(Y, V, scale=SCALE, **arguments)  # type: ignore[arg-type]
        assert caught.value.code == code
    with pytest.raises(MetaError):
        bayesian_random_effects(Y, V, scale=SCALE).tau.quantile(1.2)
