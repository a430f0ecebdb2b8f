"""Effects of what an instrument moves, and sets that cover when it hardly moves anything."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student

from causalsig.errors import EstimationError
from causalsig.estimation import (
    ConfidenceSet,
    Nuisance,
    difference_in_means,
    doubly_robust,
    local_average_effect,
)
from causalsig.estimation.confidence_sets import anderson_rubin

ROUNDING = 1e-10  # the same sums in another order
REPLICATIONS = 300


def draw(strength=1.5, n=600, seed=0, effect=1.0):
    """Two episodes a household; u moves treatment and outcome, the instrument only the treatment."""
    r = np.random.default_rng(seed)
    households = np.repeat(np.arange(n // 2), 2)
    x, u = r.normal(size=(n, 2)), r.normal(size=n)
    z = (r.random(n) < 1 / (1 + np.exp(-0.5 * x[:, 0]))).astype(int)
    d = (strength * (z - 0.5) + 0.5 * x[:, 0] + u > 0).astype(int)
    y = effect * d + x[:, 0] + u + r.normal(size=n // 2)[households]
    return x, d, y, z, households


def test_without_covariates_it_is_the_ratio_of_two_differences():
    _, d, y, z, households = draw()
    found = local_average_effect(None, d, y, instrument=z, households=households)
    ratio = (y[z == 1].mean() - y[z == 0].mean()) / (d[z == 1].mean() - d[z == 0].mean())
    # Two-stage least squares and its sandwich, clustered.
    theta = np.cov(z, y)[0, 1] / np.cov(z, d)[0, 1]
    e = (y - y.mean()) - theta * (d - d.mean())
    sums = np.bincount(households, weights=(z - z.mean()) * e)
    g = len(sums)
    error = np.sqrt(g / (g - 1) * np.sum(sums**2)) / np.sum((z - z.mean()) * d)
    assert found.method == "wald"
    np.testing.assert_allclose([found.estimate, found.std_error], [ratio, error], rtol=ROUNDING)
    np.testing.assert_allclose(theta, ratio, rtol=ROUNDING)
    assert abs(found.influence.mean()) < ROUNDING
    share = difference_in_means(None, z, d.astype(float), households=households).contrast(1, 0)
    assert found.first_stage.f_statistic == pytest.approx((share.estimate / share.std_error) ** 2)


@pytest.mark.parametrize("folds", [4, None])
def test_with_covariates_it_is_the_ratio_of_two_doubly_robust_effects(folds):
    x, d, y, z, households = draw()
    seen = np.random.default_rng(3).random(len(y)) < 0.8
    options = {"households": households, "folds": folds, "seed": 5}
    found = local_average_effect(x, d, np.where(seen, y, np.nan), instrument=z, observed=seen, **options)
    parts = [
        doubly_robust(x, z, y, observed=seen, **options),
        doubly_robust(x, z, d.astype(float), **options),
    ]
    reduced, first = (part.contrast(1, 0) for part in parts)
    assert found.estimate == pytest.approx(reduced.estimate / first.estimate, rel=1e-8)
    assert found.first_stage.estimate == pytest.approx(first.estimate, rel=1e-8)
    scores = [np.diff(part.influence, axis=1)[:, 0] for part in parts]
    sums = np.bincount(households, weights=(scores[0] - found.estimate * scores[1]) / first.estimate)
    sums = sums - sums.mean()
    g = len(sums)
    assert found.std_error == pytest.approx(np.sqrt(g / (g - 1) * np.sum(sums**2)) / len(y), rel=1e-6)


@pytest.mark.parametrize("strength", [1.5, 0.3, 0.0])
def test_the_set_holds_exactly_what_a_test_does_not_reject(strength):
    _, d, y, z, households = draw(strength, seed=2)
    found = local_average_effect(None, d, y, instrument=z, households=households)
    for theta in np.concatenate([np.linspace(-30, 30, 241), found.estimate + np.linspace(-1, 1, 41)]):
        one = difference_in_means(None, z, y - theta * d, households=households).contrast(1, 0)
        # The degrees of freedom hardly move with θ: judge away from the edge.
        statistic = abs(one.estimate) / one.std_error
        critical = student.ppf(0.975, one.df)
        if abs(statistic / critical - 1) > 0.02:
            assert (theta in found.confidence_set) == (statistic < critical), theta
    assert found.estimate in found.confidence_set
    assert (0.0 in found.confidence_set) == (found.p_value >= 0.05)


def test_every_shape_a_set_can_take():
    unit, df = np.eye(2), 1e9
    assert anderson_rubin(np.array([1.0, 10.0]), unit, df, 0.95).kind == "interval"
    assert anderson_rubin(np.array([10.0, 1.0]), unit, df, 0.95).kind == "rays"
    assert anderson_rubin(np.array([1.0, 1.0]), unit, df, 0.95).kind == "line"
    assert anderson_rubin(np.array([1.0, 0.0]), np.zeros((2, 2)), df, 0.95).kind == "empty"
    half = anderson_rubin(np.array([3.0, student.ppf(0.975, df)]), unit, df, 0.95)
    assert half.kind == "interval" and half.high == np.inf and not half.bounded
    rays = ConfidenceSet("rays", -1.0, 2.0, 0.95)
    assert -1.5 in rays and 2.5 in rays and 0.0 not in rays and not rays.bounded
    assert 0.0 in ConfidenceSet("line", -np.inf, np.inf, 0.95)
    assert 0.0 not in ConfidenceSet("empty", -np.inf, np.inf, 0.95)


@pytest.mark.parametrize("strength", [1.5, 0.2, 0.0])
def test_the_set_covers_however_weak_the_instrument(strength):
    hits = 0
    for seed in range(REPLICATIONS):
        x, d, y, z, households = draw(strength, n=400, seed=seed)
        found = local_average_effect(x, d, y, instrument=z, households=households, folds=2)
        hits += 1.0 in found.confidence_set
    low, high = binomtest(hits, REPLICATIONS).proportion_ci(0.99)
    assert low <= 0.97 and high >= 0.93, hits


def test_an_instrument_of_many_levels_has_one_slope():
    x, _, _, _, households = draw()
    r = np.random.default_rng(4)
    z = r.normal(size=len(x)) + x[:, 0]
    d = (z + r.normal(size=len(x)) > 0).astype(int)
    exact = local_average_effect(x, d, 2.0 * d, instrument=z, households=households)
    assert exact.estimate == pytest.approx(2.0, rel=ROUNDING) and exact.method == "partially_linear"
    assert exact.std_error < 1e-6
    y = 2.0 * d + x[:, 0] + r.normal(size=len(x))
    found = local_average_effect(x, d, y, instrument=z, households=households, seed=3)
    assert abs(found.estimate - 2.0) < 3 * found.std_error and found.seed == 3
    scaled = local_average_effect(x, d, y, instrument=5 - 100 * z, households=households, seed=3)
    assert scaled.estimate == pytest.approx(found.estimate, rel=1e-8)


def test_neither_rows_nor_labels_change_the_answer():
    x, d, y, z, households = draw()
    mixed = np.random.default_rng(1).permutation(len(y))
    first = local_average_effect(x, d, y, instrument=z, households=households, repeats=3)
    other = local_average_effect(
        x[mixed],
        np.array(["geen", "brief"])[d[mixed]],
        y[mixed],
        arms=["geen", "brief"],
        instrument=np.array(["a", "b"])[z[mixed]],
        households=households[mixed],
        repeats=3,
    )
    assert (first.estimate, first.std_error) == (other.estimate, other.std_error)
    assert first.confidence_set == other.confidence_set
    np.testing.assert_array_equal(first.influence[mixed], other.influence)
    assert other.arms == ("geen", "brief") and other.instrument_levels == ("a", "b")
    back = local_average_effect(x, 1 - d, y, instrument=z, households=households, repeats=3)
    assert back.estimate == pytest.approx(-first.estimate, rel=1e-8)


X, D, Y, Z, H = draw(n=200)
SEEN = np.arange(200) % 5 > 0


def test_an_instrument_that_moves_nobody_leaves_the_whole_line():
    even = np.arange(200) % 2
    found = local_average_effect(None, np.arange(200) // 2 % 2, Y, instrument=even, households=np.arange(200))
    assert np.isnan(found.estimate) and found.std_error == np.inf and found.first_stage.f_statistic == 0.0
    assert found.confidence_set.kind == "line" and (found.conf_low, found.conf_high) == (-np.inf, np.inf)


def test_an_instrument_that_all_follow_gives_the_average_effect():
    found = local_average_effect(X, Z, Y, instrument=Z, households=H)
    plain = doubly_robust(X, Z, Y, households=H).contrast(1, 0)
    assert found.first_stage.f_statistic == np.inf and found.confidence_set.bounded
    for name in ("estimate", "std_error", "conf_low", "conf_high"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name), rel=1e-8)
    assert found.confidence_set.low == pytest.approx(plain.conf_low, rel=0.02)


WORDS = np.array(["a", "b", "c"])
REFUSED = {
    "three arms": ({"treatment": np.arange(200) % 3}, "estimation-instrument"),
    "two outcomes": ({"outcome": np.column_stack([Y, Y])}, "estimation-instrument"),
    "one level": ({"instrument": np.ones(200)}, "estimation-instrument"),
    "too few": ({"instrument": Z[:-1]}, "estimation-instrument"),
    "words of three levels": ({"instrument": WORDS[np.arange(200) % 3]}, "estimation-dtype"),
    "many levels and censoring": ({"instrument": X[:, 1], "observed": SEEN}, "estimation-instrument"),
    "many levels in-sample": ({"instrument": X[:, 1], "folds": None}, "estimation-instrument"),
    "many levels, trees": (
        {"instrument": X[:, 1], "nuisance": Nuisance(outcome="boosting")},
        "estimation-instrument",
    ),
    "missing": ({"instrument": np.where(SEEN, X[:, 1], np.nan)}, "estimation-missing"),
    "another index": (
        {"instrument": pd.Series(Z, index=np.arange(200)[::-1]), "outcome": pd.Series(Y)},
        "estimation-index",
    ),
}


@pytest.mark.parametrize(("change", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_an_instrument_that_cannot_be_used_is_refused(change, code):
    inputs = {"covariates": X, "treatment": D, "outcome": Y, "instrument": Z, "households": H} | change
    with pytest.raises(EstimationError) as caught:
        local_average_effect(
            inputs.pop("covariates"), inputs.pop("treatment"), inputs.pop("outcome"), **inputs
        )
    assert caught.value.code == code
