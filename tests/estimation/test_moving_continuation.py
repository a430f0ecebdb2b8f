"""A mean carried a little beyond a threshold, bending no more than declared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.errors import EstimationError
from causalsig.estimation import bounded_continuation, collapse_scores
from causalsig.results import Floats

ROUNDING = 1e-9  # the same numbers summed another way
BOUND = 2e-6


def amounts(seed: int = 1, n: int = 4000) -> Floats:
    return np.round(1000.0 * np.random.default_rng(seed).beta(2.0, 2.0, n)) + 0.5


def outcomes(x: Floats, seed: int = 1, noise: float = 0.4) -> Floats:
    r = np.random.default_rng([seed, 7])
    return 0.8 + 0.001 * (x - 500.0) - 0.25 * (x >= 500.0) + noise * r.normal(size=len(x))


@pytest.mark.parametrize("to", [440.0, 480.0, 530.0, 560.0])
def test_lines_are_carried_on_exactly(to: float) -> None:
    x = amounts()
    y = np.where(x >= 500.0, 0.4 + 0.002 * x, 0.9 - 0.001 * x)
    found = bounded_continuation(collapse_scores(x, y), 500.0, to, curvature_bound=0.0)
    inside = (x >= min(to, 500.0)) & (x < max(to, 500.0))
    assert found.estimate == pytest.approx((-0.5 + 0.003 * x[inside]).mean(), abs=ROUNDING)
    assert found.episodes == inside.sum()


@pytest.mark.parametrize("taken", [False, True])
def test_covariates_of_the_table_take_no_part(taken: bool) -> None:
    x = amounts()
    r = np.random.default_rng(4)
    beside: dict[str, Any] = {"taken_up": r.random(len(x)) < 0.2 + 0.6 * (x >= 500.0)} if taken else {}
    asked: dict[str, Any] = {"curvature_bound": BOUND, "reach": 200.0}
    plain = bounded_continuation(collapse_scores(x, outcomes(x)), 500.0, 520.0, **asked)
    table = collapse_scores(x, outcomes(x), covariates=r.normal(size=(len(x), 2)), **beside)
    found = bounded_continuation(table, 500.0, 520.0, **asked)
    assert found.estimate == pytest.approx(plain.estimate, abs=ROUNDING)
    assert found.std_error == pytest.approx(plain.std_error, rel=1e-6)


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 1000), step=st.sampled_from([20.0, 60.0]), variance=st.sampled_from(["nn", "cluster"])
)
def test_the_other_way_round_is_the_mirror_image(seed: int, step: float, variance: Any) -> None:
    x = amounts(seed, 1500)
    y, homes = outcomes(x, seed), np.arange(1500) // 2
    up = bounded_continuation(
        collapse_scores(x, y, households=homes), 500.0, 500.0 + step, curvature_bound=BOUND, variance=variance
    )
    down = bounded_continuation(
        collapse_scores(-x, y, households=homes),
        -500.0,
        -500.0 - step,
        curvature_bound=BOUND,
        variance=variance,
    )
    assert down.estimate == pytest.approx(-up.estimate, abs=ROUNDING)
    assert down.std_error == pytest.approx(up.std_error, rel=1e-6)
    assert down.largest_bias == pytest.approx(up.largest_bias, rel=1e-6)


def test_no_mean_within_the_bound_is_missed_by_more_than_the_largest_bias() -> None:
    """Without noise, means of every shape whose second derivative is the bound, with any sign anywhere."""
    x = amounts()
    noise = outcomes(x) - outcomes(x, noise=0.0)
    inside = (x >= 500.0) & (x < 560.0)
    plain = bounded_continuation(collapse_scores(x, noise), 500.0, 560.0, curvature_bound=BOUND)
    worst = 0.0
    for flip in (*np.linspace(-300.0, 60.0, 9), 1000.0):
        # f'' is the bound up to the flip and minus the bound from there on; distances from the threshold.
        t = x - 500.0
        bend = 0.5 * BOUND * (t**2 - 2.0 * np.maximum(t - flip, 0.0) ** 2)
        seen = noise + np.where(x < 500.0, bend, 0.0)
        found = bounded_continuation(collapse_scores(x, seen), 500.0, 560.0, curvature_bound=BOUND)
        carried = found.estimate - plain.estimate
        missed = abs(-carried - bend[inside].mean())
        assert missed <= found.largest_bias * (1.0 + 1e-3)
        worst = max(worst, missed / found.largest_bias)
    assert worst > 0.9


def test_an_interval_is_longer_the_further_the_threshold_moves() -> None:
    x = amounts()
    table = collapse_scores(x, outcomes(x))
    found = [bounded_continuation(table, 500.0, to, curvature_bound=BOUND) for to in (520.0, 560.0, 600.0)]
    biases = [one.largest_bias for one in found]
    assert biases == sorted(biases) and len(set(biases)) == 3


def test_a_threshold_moved_beyond_the_bandwidth_is_refused() -> None:
    x = amounts()
    with pytest.raises(EstimationError, match="estimation-beyond-bandwidth"):
        bounded_continuation(collapse_scores(x, outcomes(x)), 500.0, 900.0, curvature_bound=BOUND)


def test_means_that_bend_more_than_declared_fail_the_check() -> None:
    x = amounts()
    y = outcomes(x, noise=0.2) + 2e-5 * np.where(x < 500.0, (x - 500.0) ** 2, 0.0)
    found = bounded_continuation(collapse_scores(x, y), 500.0, 550.0, curvature_bound=BOUND)
    assert not found.holds and found.checks[0].code == "estimation-too-curved"
    # The bound is on the second derivative: twice the coefficient of the square.
    assert found.checks[0].estimate == pytest.approx(4e-5, rel=0.2)
    assert bounded_continuation(collapse_scores(x, y), 500.0, 550.0, curvature_bound=5e-5).holds


def test_households_that_go_together_make_the_error_larger() -> None:
    x = np.repeat(amounts(n=1000), 4)
    y = outcomes(x) + np.repeat(np.random.default_rng(3).normal(size=1000), 4)
    table = collapse_scores(x, y, households=np.arange(4000) // 4)
    plain, clustered = (
        bounded_continuation(table, 500.0, 540.0, curvature_bound=BOUND, variance=v)
        for v in ("nn", "cluster")
    )
    assert clustered.std_error > 1.3 * plain.std_error


def test_the_log_scale_is_the_analysis_of_logarithms() -> None:
    x = amounts()
    y = outcomes(x)
    logs = bounded_continuation(collapse_scores(np.log(x / 500.0), y), 0.0, 0.1, curvature_bound=1.0)
    found = bounded_continuation(
        collapse_scores(x, y), 500.0, 500.0 * np.exp(0.1), curvature_bound=1.0, scale="log"
    )
    assert found.estimate == pytest.approx(logs.estimate, abs=ROUNDING)
    assert found.std_error == pytest.approx(logs.std_error, rel=ROUNDING)


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a cutoff above the scores": ({"cutoff": 5000.0}, "estimation-cutoff", "all scores below"),
    "a negative bound": ({"curvature_bound": -1.0}, "estimation-option", "curvature_bound"),
    "a bound that is no number": ({"curvature_bound": np.nan}, "estimation-option", "curvature_bound"),
    "a place that is no number": ({"to": np.nan}, "estimation-option", "to"),
    "the place it is at": ({"to": 500.0}, "estimation-band-empty", "between"),
    "nobody in between": ({"to": 500.2}, "estimation-band-empty", "between"),
    "a place below zero in logarithms": ({"to": -5.0, "scale": "log"}, "estimation-cutoff", "log scale"),
    "an unknown variance": ({"variance": "bootstrap"}, "estimation-option", "variance"),
    "an unknown kernel": ({"kernel": "gaussian"}, "estimation-option", "kernel"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_an_error_that_names_it(case: str) -> None:
    options, code, words = BAD[case]
    x = amounts(n=800)
    given_ = {"cutoff": 500.0, "to": 540.0, "curvature_bound": 1e-5} | options
    with pytest.raises(EstimationError, match=words) as raised:
        bounded_continuation(collapse_scores(x, outcomes(x)), **given_)
    assert raised.value.code == code
