"""Estimates whose errors go together: pooled as if they did not, they would seem surer than they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from causalsig.errors import MetaError
from causalsig.meta import honest_effects, overlapping_effects, random_effects

K, LENT = 12, 0.06
V = np.linspace(0.0016, 0.0064, K)
S = np.diag(V) + LENT**2
# The same numbers by another route.
AGREES = 1e-7
REPLICATIONS = 400
# Of a rate of 0.95 over so many; the floor and t are conservative without any spread between sites.
LOW, HIGH = 0.915, 0.995


def drawn(seed: int, tau: float = 0.0, loads: Any = None) -> Any:
    r = np.random.default_rng([seed, 31])
    shared = np.ones(K) if loads is None else loads
    return -0.1 + tau * r.normal(size=K) + np.sqrt(V) * r.normal(size=K) + LENT * r.normal() * shared


@pytest.mark.parametrize("interval", ["knapp-hartung-floored", "knapp-hartung", "wald", "t", "mixture"])
@pytest.mark.parametrize("tau2", ["REML", "DL"])
def test_without_overlap_it_is_the_pool_of_independent_estimates(interval: Any, tau2: Any) -> None:
    y = drawn(1, tau=0.05)
    found = overlapping_effects(y, np.diag(V), interval=interval, tau2=tau2)
    plain = random_effects(y, V, interval=interval, tau2=tau2)
    prediction = plain.prediction_interval()
    told = (found.estimate, found.std_error, found.conf_low, found.conf_high, found.tau2)
    same = (plain.coefficients[0], plain.std_errors[0], plain.conf_low[0], plain.conf_high[0], plain.tau2)
    assert told == pytest.approx(same, rel=AGREES)
    assert found.weights == pytest.approx(plain.weights, rel=AGREES)
    ends = (found.prediction_low, found.prediction_high)
    assert ends == pytest.approx((prediction.low, prediction.high), rel=1e-6)


@pytest.mark.parametrize("interval", ["knapp-hartung-floored", "mixture"])
def test_without_overlap_and_with_biases_it_is_the_honest_pool(interval: Any) -> None:
    y, biases = drawn(2, tau=0.05), np.linspace(0.0, 0.04, K)
    found = overlapping_effects(y, np.diag(V), biases, interval=interval)
    honest = honest_effects(y, V, biases, interval=interval)
    assert found.largest_bias == pytest.approx(honest.largest_bias, rel=AGREES)
    assert (found.conf_low, found.conf_high) == pytest.approx((honest.conf_low, honest.conf_high), rel=AGREES)
    assert np.isnan(found.prediction_low)


@pytest.mark.parametrize("tau", [0.0, 0.08])
@pytest.mark.parametrize("interval", ["knapp-hartung-floored", "mixture"])
def test_it_covers_where_independence_does_not(tau: float, interval: Any) -> None:
    naive = covered = 0
    for seed in range(REPLICATIONS):
        y = drawn(seed, tau)
        plain = random_effects(y, np.diag(S), interval=interval)
        found = overlapping_effects(y, S, interval=interval)
        naive += plain.conf_low[0] <= -0.1 <= plain.conf_high[0]
        covered += found.conf_low <= -0.1 <= found.conf_high
    assert naive / REPLICATIONS < (0.75 if tau == 0.0 else 0.85)
    assert LOW <= covered / REPLICATIONS <= HIGH


def test_it_covers_where_sites_lean_on_a_donor_in_unlike_measure() -> None:
    loads = np.linspace(-0.5, 2.5, K)
    s = np.diag(V) + LENT**2 * np.outer(loads, loads)
    found = [overlapping_effects(drawn(seed, 0.04, loads), s) for seed in range(REPLICATIONS)]
    assert LOW <= np.mean([one.conf_low <= -0.1 <= one.conf_high for one in found]) <= HIGH
    spread = np.std([one.estimate for one in found])
    assert np.mean([one.std_error for one in found]) == pytest.approx(spread, rel=0.1)


def test_weights_stay_above_zero_where_generalised_least_squares_bets_against_a_site() -> None:
    loads = np.linspace(-0.5, 2.5, K)
    s = np.diag(V) + LENT**2 * np.outer(loads, loads)
    best = np.linalg.solve(s, np.ones(K))
    found = overlapping_effects(drawn(3), s, interval="wald", tau2="EE")
    assert (best < 0.0).any() and (found.weights > 0.0).all()
    assert found.std_error**2 == pytest.approx(found.weights @ s @ found.weights, rel=AGREES)
    assert found.std_error**2 > 1.0 / best.sum()


def test_weights_may_be_of_other_variances() -> None:
    found = overlapping_effects(drawn(4), S, weighting=np.ones(K), interval="wald", tau2="EE")
    assert found.weights == pytest.approx(np.full(K, 1.0 / K), rel=AGREES)
    assert found.std_error**2 == pytest.approx(S.mean(), rel=AGREES)


def test_biases_are_a_weighted_mean_however_many_sites() -> None:
    found = overlapping_effects(drawn(5), S, np.full(K, 0.05))
    plain = overlapping_effects(drawn(5), S)
    assert found.largest_bias == pytest.approx(0.05, rel=AGREES)
    assert found.conf_low < plain.conf_low - 0.03 and found.conf_high > plain.conf_high + 0.03


def test_one_site_is_that_site() -> None:
    found = overlapping_effects([-0.2], [[0.01]])
    assert (found.estimate, found.std_error) == pytest.approx((-0.2, 0.1)) and np.isnan(found.tau2)
    assert found.conf_high == pytest.approx(-0.2 + 1.959964 * 0.1, rel=1e-6)
    biased = overlapping_effects([-0.2], [[0.01]], [0.1])
    assert biased.conf_high > found.conf_high and np.isnan(biased.prediction_low)


def test_effects_that_agree_to_the_last_digit_have_no_width_unfloored() -> None:
    found = overlapping_effects(np.full(K, -0.1), S, np.full(K, 0.02), interval="knapp-hartung")
    assert (found.conf_low, found.conf_high) == pytest.approx((-0.12, -0.08), rel=1e-4)


@pytest.mark.parametrize(
    ("y", "s"),
    [
        ([0.1, 0.2], [[0.01, 0.01], [0.01, 0.01]]),
        ([0.1, 0.2], [[0.01, 0.02], [0.005, 0.01]]),
        ([0.1, 0.2], [[0.01, np.nan], [np.nan, 0.01]]),
        ([0.1, 0.2], [[0.01]]),
        ([0.1, 0.2], [[0.0, 0.0], [0.0, 0.01]]),
    ],
)
def test_what_is_no_covariance_is_refused(y: Any, s: Any) -> None:
    with pytest.raises(MetaError) as caught:
        overlapping_effects(y, s)
    assert caught.value.code == "meta-covariance"
