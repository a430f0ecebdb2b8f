"""Pooled intervals of estimates with a bounded bias: closed forms, the worst case, and the shortest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from causalsig.errors import MetaError
from causalsig.meta import honest_effects, random_effects
from causalsig.meta.honest import HonestWeights
from causalsig.meta.options import IntervalMethod

Floats = NDArray[np.float64]
# Two roots of the same equations, found by bisection.
AGREES = 1e-9
REPLICATIONS = 200
Y = np.array([-0.12, -0.05, -0.2, -0.09, 0.03, -0.11, -0.16, -0.07])
V = np.array([0.01, 0.004, 0.02, 0.006, 0.003, 0.008, 0.015, 0.005])
B = np.array([0.05, 0.02, 0.1, 0.03, 0.0, 0.04, 0.08, 0.2])


def folded(ratio: float, level: float) -> float:
    """Quantile of ``|N(ratio, 1)|``: the root of a noncentral chi-square's."""
    return float(np.sqrt(stats.ncx2.ppf(level, 1, ratio**2)))


def test_equal_effects_have_the_folded_normals_interval_around_the_weighted_mean() -> None:
    found = honest_effects(Y, V, B, tau2="EE", interval="wald", level=0.9)
    w = (1 / V) / (1 / V).sum()
    error, bias = np.sqrt(1 / (1 / V).sum()), w @ B
    assert found.estimate == pytest.approx(w @ Y, rel=AGREES)
    assert (found.std_error, found.largest_bias) == pytest.approx((error, bias), rel=AGREES)
    half = folded(bias / error, 0.9) * error
    assert (found.conf_low, found.conf_high) == pytest.approx((w @ Y - half, w @ Y + half), rel=1e-8)


@pytest.mark.parametrize("interval", ["mixture", "knapp-hartung", "knapp-hartung-floored", "t", "wald"])
def test_without_biases_it_is_the_random_effects_pool(interval: IntervalMethod) -> None:
    found, plain = honest_effects(Y, V, 0 * B, interval=interval), random_effects(Y, V, interval=interval)
    assert found.estimate == pytest.approx(plain.coefficients[0], rel=AGREES)
    assert found.std_error == pytest.approx(plain.std_errors[0], rel=AGREES)
    assert found.conf_low == pytest.approx(plain.conf_low[0], rel=AGREES)
    assert found.conf_high == pytest.approx(plain.conf_high[0], rel=AGREES)


@pytest.mark.parametrize("interval", ["mixture", "knapp-hartung"])
def test_a_large_bias_is_added_to_a_one_sided_bound(interval: IntervalMethod) -> None:
    found = honest_effects(Y, V, np.full(8, 5.0), interval=interval)
    one_sided = random_effects(Y, V, interval=interval, level=0.9)
    assert found.conf_high - found.estimate == pytest.approx(
        5.0 + one_sided.conf_high[0] - found.estimate, abs=2e-3
    )


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_bias_of_many_sites_does_not_average_out(sign: float) -> None:
    few, many = (honest_effects(np.tile(Y, n), np.tile(V, n), np.tile(B, n) + 0.1) for n in (1, 40))
    assert many.std_error < 0.3 * few.std_error
    assert many.largest_bias == pytest.approx(few.largest_bias, rel=0.25)
    truth = many.estimate - sign * many.largest_bias
    assert many.conf_low < truth < many.conf_high


def test_a_site_alone_keeps_its_own_honest_interval() -> None:
    found = honest_effects([-0.1], [0.01], [0.15])
    half = folded(1.5, 0.95) * 0.1
    assert (found.conf_low, found.conf_high) == pytest.approx((-0.1 - half, -0.1 + half), rel=1e-8)
    assert found.interval == "wald"


def test_the_shortest_weights_are_the_shortest() -> None:
    """A general search over all weights finds no shorter interval."""
    found = honest_effects(Y, V, B, weights="shortest", tau2="EE", interval="wald")
    length = found.conf_high - found.conf_low

    def length_of(z: Floats) -> float:
        w = np.exp(z) / np.exp(z).sum()
        error = float(np.sqrt(w**2 @ V))
        return 2.0 * folded(float(w @ B) / error, 0.95) * error

    searched = optimize.minimize(length_of, -np.log(V), method="BFGS", options={"gtol": 1e-9})
    assert length <= searched.fun * (1 + 1e-6)
    plain = honest_effects(Y, V, B, tau2="EE", interval="wald")
    assert length < 0.9 * (plain.conf_high - plain.conf_low)
    assert found.weights[7] == 0.0 and found.weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("weights", ["precision", "shortest"])
@pytest.mark.parametrize("interval", ["mixture", "knapp-hartung-floored"])
def test_it_covers_when_every_bias_is_the_worst(interval: IntervalMethod, weights: HonestWeights) -> None:
    rng, hits = np.random.default_rng(20_260_901), 0
    for _ in range(REPLICATIONS):
        v = 10.0 ** rng.uniform(-2.5, -1.5, 10)
        b = rng.uniform(0.0, 0.1, 10)
        y = rng.normal(-0.1 + b, np.sqrt(v + 0.002))
        found = honest_effects(y, v, b, interval=interval, weights=weights)
        hits += bool(found.conf_low <= -0.1 <= found.conf_high)
    low, high = stats.binomtest(hits, REPLICATIONS).proportion_ci(0.99, "exact")
    assert low <= 0.98 and high >= 0.94, hits / REPLICATIONS


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("meta-bias", {"largest_biases": [-0.1, *B[1:]]}),
        ("meta-bias", {"largest_biases": [np.inf, *B[1:]]}),
        ("meta-bias", {"largest_biases": [np.nan, *B[1:]]}),
        ("meta-bias", {"largest_biases": B[1:]}),
        ("meta-not-numbers", {"largest_biases": ["4321 euro", *B[1:]]}),
        ("meta-variance", {"variances": 0 * V}),
        ("meta-option", {"weights": "equal"}),
        ("meta-option", {"interval": "folded"}),
        ("meta-level", {"level": 95}),
    ],
)
def test_bad_input_is_named(code: str, change: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"estimates": Y, "variances": V, "largest_biases": B} | change
    with pytest.raises(MetaError) as caught:
        honest_effects(**arguments)
    assert caught.value.code == code
    assert "4321" not in str(caught.value)
