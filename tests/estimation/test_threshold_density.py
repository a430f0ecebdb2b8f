"""The density of the scores on both sides of a cutoff, and lots close to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import collapse_scores, density_test, local_randomisation
from causalsig.estimation.threshold_density import _bias_constant, _variance_constant
from causalsig.results import Floats

SAME = 1e-8
PERMUTED = 0.02  # two series of 5,000 lots differ by less, in all but one of ten thousand tries


def plain_density(x: Floats, h: float, degree: int) -> tuple[Floats, Floats]:
    """Slopes of the distribution function below and above zero, and their covariance, row by row."""
    x = np.sort(x)
    n = len(x)
    rank = np.array([(x <= value).sum() - 1 for value in x]) / (n - 1)
    inside = np.abs(x) <= h
    x, rank = x[inside], rank[inside]
    crossed = (x >= 0.0).astype(float)
    design = np.column_stack([x**j * side for side in (1.0 - crossed, crossed) for j in range(degree + 1)])
    weighted = design * (1.0 - np.abs(x) / h)[:, None]
    inverse = np.linalg.inv(weighted.T @ design)
    slopes = (inverse @ weighted.T @ rank)[[1, degree + 2]]
    # Row i moves the distribution function at every row at or after it in value, itself excepted.
    later = np.array([weighted[(x >= x[i])].sum(axis=0) - weighted[i] for i in range(len(x))]) / (n - 1)
    covariance = inverse @ later.T @ later @ inverse
    return slopes, covariance[np.ix_([1, degree + 2], [1, degree + 2])]


@pytest.mark.parametrize("step", [0.0, 0.1])
def test_densities_are_those_of_the_formulas(step: float) -> None:
    x = np.random.default_rng(1).normal(0.2, 1.0, 400)
    x = x if step == 0.0 else np.round(x / step) * step
    slopes, covariance = plain_density(x, 0.9, 3)
    found = density_test(x, 0.0, bandwidth=0.9)
    np.testing.assert_allclose(found.densities, slopes, rtol=SAME)
    np.testing.assert_allclose(found.std_errors, np.sqrt(np.diagonal(covariance)), rtol=SAME)
    error = np.sqrt(covariance.sum() - 4.0 * covariance[0, 1])
    assert found.statistic == pytest.approx((slopes[1] - slopes[0]) / error, rel=SAME)


def test_the_constants_of_the_pilot_are_the_known_ones() -> None:
    """Of local linear and quadratic densities at an edge, uniform kernel: 4.8 and 3840 / 7."""
    for degree, known in ((1, 4.8), (2, 3840.0 / 7.0)):
        factorial = (degree + 1) * (2 if degree == 2 else 1)
        constant = factorial**2 * _variance_constant(degree, 1) / _bias_constant(degree, 1, "uniform") ** 2
        assert constant == pytest.approx(known, rel=SAME)


def test_scores_pushed_over_the_cutoff_are_seen_and_others_are_not() -> None:
    r = np.random.default_rng(2)
    amount = r.gamma(2.0, 250.0, 5000)
    assert density_test(amount, 500.0).p_value > 0.05
    pushed = np.where((amount > 470.0) & (amount < 500.0) & (r.random(5000) < 0.5), 1000.0 - amount, amount)
    found = density_test(pushed, 500.0)
    assert found.p_value < 0.01 and found.difference > 0.0


def test_the_density_of_a_table_is_that_of_its_scores() -> None:
    x = np.round(np.random.default_rng(3).normal(0.0, 30.0, 2000))
    assert density_test(x, 5.0) == density_test(collapse_scores(x, x), 5.0)


@pytest.mark.parametrize(
    ("score", "options", "code"),
    [
        (np.resize([1.0, 2.0, 3.0], 100), {"cutoff": 2.0}, "estimation-few-scores"),
        (np.arange(100.0), {"cutoff": 200.0}, "estimation-cutoff"),
        (np.arange(100.0), {"cutoff": 50.0, "kernel": "box"}, "estimation-option"),
        (np.arange(100.0), {"cutoff": 50.0, "bandwidth": 2.0}, "estimation-few-scores"),
        ([1.0, np.nan, 3.0], {"cutoff": 2.0}, "estimation-missing"),
    ],
)
def test_a_density_that_cannot_be_tested_says_why(score: Any, options: dict[str, Any], code: str) -> None:
    with pytest.raises(EstimationError) as raised:
        density_test(score, **options)
    assert raised.value.code == code


def months(seed: int, effect: float, n: int = 600) -> tuple[Floats, Floats]:
    r = np.random.default_rng(seed)
    score = r.integers(1, 7, n).astype(float)
    return score, r.poisson(0.8 + effect * (score >= 4.0)).astype(float)


def test_lots_by_kind_of_household_are_lots_of_episodes() -> None:
    score, outcome = months(4, 0.15)
    found = local_randomisation(score, outcome, 4.0, window=1.0, permutations=5000)
    inside = np.abs(score - 4.0) <= 1.0
    y, crossed = outcome[inside], score[inside] >= 4.0
    size = abs(y[crossed].mean() - y[~crossed].mean())
    r = np.random.default_rng(5)
    drawn = [r.permutation(crossed) for _ in range(5000)]
    lots = np.array([abs(y[lot].mean() - y[~lot].mean()) for lot in drawn])
    assert found.effect.estimate == pytest.approx(y[crossed].mean() - y[~crossed].mean())
    assert found.permutation_p_value == pytest.approx((lots >= size - 1e-12).mean(), abs=PERMUTED)


def test_many_kinds_are_drawn_household_by_household() -> None:
    score, outcome = months(6, 0.0)
    noise = np.random.default_rng(7).normal(size=600)
    found = local_randomisation(score, outcome + noise, 4.0, window=1.0, permutations=5000)
    assert found.permutation_p_value == pytest.approx(found.effect.p_value, abs=PERMUTED)


def test_lots_do_not_depend_on_the_order_of_the_rows_or_on_the_names_of_households() -> None:
    score, outcome = months(8, 0.3)
    households = np.arange(600) // 2
    shuffled = np.random.default_rng(9).permutation(600)
    first = local_randomisation(score, outcome, 4.0, window=2.0, households=households)
    again = local_randomisation(
        score[shuffled],
        outcome[shuffled],
        4.0,
        window=2.0,
        households=[f"h{v}" for v in households[shuffled]],
    )
    assert first.permutation_p_value == again.permutation_p_value
    assert first.effect == again.effect
    assert first.fixed > 0


def test_households_are_the_unit_of_the_lot() -> None:
    """Everything twice is the same evidence, not twice as much."""
    score, outcome = months(10, 0.2)
    once = local_randomisation(score, outcome, 4.0, window=1.0)
    twice = local_randomisation(
        np.tile(score, 2), np.tile(outcome, 2), 4.0, window=1.0, households=np.tile(np.arange(600), 2)
    )
    assert twice.effect.std_error == pytest.approx(once.effect.std_error)
    assert twice.permutation_p_value == pytest.approx(once.permutation_p_value)
    assert twice.households == once.households and sum(twice.n) == 2 * sum(once.n)


def test_the_treatment_of_those_moved_has_a_set_that_holds_its_effect() -> None:
    score, _ = months(11, 0.0)
    r = np.random.default_rng(12)
    taken = (r.random(600) < np.where(score >= 4.0, 0.8, 0.2)).astype(float)
    found = local_randomisation(score, 1.0 + taken + r.normal(size=600), 4.0, window=1.0, taken_up=taken)
    assert found.first_stage is not None and found.first_stage.estimate > 0.4
    assert found.confidence_set is not None and 1.0 in found.confidence_set


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"cutoff": 9.0}, "estimation-cutoff"),
        ({"window": np.nan}, "estimation-option"),
        ({"permutations": 0}, "estimation-option"),
        ({"level": 1.0}, "estimation-option"),
        ({"households": np.zeros(600)}, "estimation-cutoff"),
    ],
)
def test_lots_that_cannot_be_drawn_are_refused(options: dict[str, Any], code: str) -> None:
    score, outcome = months(13, 0.0)
    with pytest.raises(EstimationError) as raised:
        local_randomisation(score, outcome, **({"cutoff": 4.0, "window": 1.0} | options))
    assert raised.value.code == code


def test_a_mean_at_the_cutoff_leaves_a_density_of_lines_to_be_tested() -> None:
    score = np.linspace(-1.0, 1.0, 2001)
    score = np.concatenate([score - score.mean(), -score + score.mean()]) + 0.0005 * np.repeat(
        [1.0, -1.0], 2001
    )
    found = density_test(score, 0.0, degree=1)
    assert found.p_value > 0.05
    assert found.densities == pytest.approx((0.5, 0.5), rel=0.05)
