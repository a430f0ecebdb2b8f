"""Each attempt to falsify passes what is nothing and warns of what is something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from causalsig.diagnostics.falsification import (
    judge_adjustment,
    judge_negative_controls,
    judge_permutation,
    judge_placebo_outcome,
    judge_random_causes,
    judge_subsets,
)
from causalsig.estimation import difference_in_means, doubly_robust
from causalsig.estimation.placebo import PermutationPlacebo
from causalsig.results import ArmMeans, Contrast
from causalsig.study.falsification import Falsification

SETTINGS = Falsification()
ABOUT = {"outcome": "any_all_3m", "estimand": "ATO", "arm": "visit", "reference": "letter"}
EXACT = 1e-12
"""The same arithmetic in another order."""


def site(effect: float = 0.0, cause: float = 0.0, n: int = 800) -> tuple[ArmMeans, ArmMeans, float]:
    """Adjusted and unadjusted means of one outcome; `cause` is a recorded cause of arm and outcome."""
    r = np.random.default_rng(3)
    x = r.normal(size=(n, 2))
    arm = np.where(cause * x[:, 0] + r.normal(size=n) > 0, "visit", "letter")
    y = effect * (arm == "visit") + cause * x[:, 0] + r.normal(size=n)
    households = np.arange(n) // 2
    adjusted = doubly_robust(x, arm, y, arms=("letter", "visit"), households=households, estimand="ATO")
    plain = difference_in_means(x, arm, y, arms=("letter", "visit"), households=households)
    return adjusted, plain, float(y.std())


def contrast(effect: float) -> Contrast:
    return site(effect)[0].contrast("visit", "letter")


def placebos(centre: float = 0.0, spread: float = 1.0, count: int = 200) -> PermutationPlacebo:
    """Placebos at the normal's own quantiles, so that nothing is left to chance."""
    z = centre + spread * norm.ppf((np.arange(count) + 0.5) / count)
    return PermutationPlacebo("visit", "letter", "ATO", z, np.ones(count), np.full(count, 1e9), 0)


@pytest.mark.parametrize("placebo", [None, placebos()])
def test_a_placebo_outcome_warns_where_the_arms_already_differed(placebo: Any) -> None:
    about = {"outcome": "signals_m4_m6", "estimand": "ATO"}
    nothing, something = contrast(0.0), contrast(1.0)
    passed = judge_placebo_outcome(nothing, placebo, SETTINGS, **about)
    failed = judge_placebo_outcome(something, placebo, SETTINGS, **about)
    assert (passed.passed, failed.passed) == (True, False)
    # With placebos theirs is the p-value: none of the 200 is as far, so it is 1 in 201.
    expected = something.p_value if placebo is None else 1 / 201
    assert failed.figure == failed.p_value == pytest.approx(expected)
    assert failed.threshold == SETTINGS.level and failed.estimate == something.estimate


def test_arms_dealt_by_lot_warn_where_errors_are_too_small_or_the_centre_is_off() -> None:
    told = {}
    for name, made in (("right", placebos()), ("small", placebos(spread=1.5)), ("off", placebos(centre=0.6))):
        told[name] = [row.passed for row in judge_permutation(made, SETTINGS, outcome="any_all_3m")]
    assert told == {"right": [True, True], "small": [False, True], "off": [True, False]}
    spread, _ = judge_permutation(placebos(spread=1.5), SETTINGS, outcome="any_all_3m")
    # The 200 squares are χ² of 200 degrees of freedom: 1.5 beyond chance is 1.5 √(200 / 249.4).
    assert spread.figure == pytest.approx(1.5 * np.sqrt(200 / 249.445), rel=0.01)


def test_columns_of_noise_warn_by_the_root_mean_square_of_their_shifts() -> None:
    limit = SETTINGS.max_random_shift
    for factor, passed in ((0.99, True), (1.01, False)):
        found = judge_random_causes(factor * limit * np.array([1.0, -1.0, 1.0]), SETTINGS, **ABOUT)
        assert (found.passed, found.threshold) == (passed, limit)
        assert found.figure == pytest.approx(factor * limit)
    # Shifts of opposite sign do not cancel.
    assert judge_random_causes(np.array([3.0, -4.0]), SETTINGS, **ABOUT).figure == pytest.approx(12.5**0.5)


def test_subsets_warn_where_more_shift_than_chance_leaves() -> None:
    # Of ten at most two are outside their noise 98.8 times in 100 (binomial), at most three 99.9 times.
    assert judge_subsets(np.array([0.0] * 7 + [2.5, -2.5, 2.0]), **ABOUT).passed
    failed = judge_subsets(np.array([1.9] * 6 + [2.5, -2.5, 2.0, -2.0]), **ABOUT)
    assert not failed.passed
    assert (failed.figure, failed.threshold) == (pytest.approx(0.6), pytest.approx(0.7))
    for count in range(2, 101):  # as many outside as the threshold lets be is never a warning by rounding
        outside = round(count * (1 - judge_subsets(np.zeros(count), **ABOUT).threshold))
        assert judge_subsets(np.array([9.0] * outside + [0.0] * (count - outside)), **ABOUT).passed, count


def test_so_few_subsets_that_they_could_never_warn_are_refused() -> None:
    for count in range(2, 101):
        assert not judge_subsets(np.full(count, 9.0), **ABOUT).passed, count
        assert Falsification(subsets=count).subsets == count
    assert judge_subsets(np.array([9.0]), **ABOUT).passed  # one never warns, and so it cannot be asked for
    with pytest.raises(ValueError, match="subsets is too low to ever warn"):
        Falsification(subsets=1)
    assert Falsification(subsets=0).subsets == 0


def test_controls_are_judged_by_holms_p_values() -> None:
    whole = contrast(0.0)
    plain = {"a": 0.004, "b": 0.5, "c": 0.0049, "d": 0.002}
    made = {name: _with_p(whole, p) for name, p in plain.items()}
    rows = judge_negative_controls(made, SETTINGS, estimand="ATO")
    # 4 · 0.002, 3 · 0.004, then 2 · 0.0049 which may not be less than the one before, and 0.5.
    assert {row.outcome: row.p_value for row in rows} == pytest.approx(
        {"a": 0.012, "b": 0.5, "c": 0.012, "d": 0.008}, abs=EXACT
    )
    assert {row.outcome: row.passed for row in rows} == {"a": True, "b": True, "c": True, "d": False}
    [alone] = judge_negative_controls({"a": made["a"]}, SETTINGS, estimand="ATO")
    assert not alone.passed  # by itself 0.004 is less than 0.01
    all_high = judge_negative_controls(
        {"a": _with_p(whole, 0.6), "b": _with_p(whole, 0.9)}, SETTINGS, estimand="ATO"
    )
    assert [row.p_value for row in all_high] == [1.0, 1.0]


def test_adjusting_warns_where_what_is_recorded_decided_much() -> None:
    for cause, passed in ((0.0, True), (1.0, False)):
        adjusted, plain, deviation = site(cause=cause)
        found = judge_adjustment(
            adjusted, plain, deviation, SETTINGS, outcome="y", arm="visit", reference="letter"
        )
        assert found.passed is passed
    after, before = adjusted.contrast("visit", "letter"), plain.contrast("visit", "letter")
    assert found.estimate == pytest.approx(after.estimate - before.estimate, abs=EXACT)
    # Beyond its noise, in deviations of the outcome; the interval is the noise to both sides.
    noise = (found.conf_high - found.conf_low) / 2
    assert found.figure == pytest.approx((abs(found.estimate) - noise) / deviation)
    assert found.noise == pytest.approx(noise / deviation / 1.959963984540054)


def test_noise_of_the_shift_is_that_of_many_samples() -> None:
    shifts, noises = [], []
    for seed in range(150):
        r = np.random.default_rng(seed)
        x = r.normal(size=(300, 1))
        arm = np.where(0.7 * x[:, 0] + r.normal(size=300) > 0, "visit", "letter")
        y = 0.7 * x[:, 0] + r.normal(size=300)
        arms, h = ("letter", "visit"), [f"{k:03d}" for k in range(300)]
        row = judge_adjustment(
            doubly_robust(x, arm, y, arms=arms, households=h, folds=2, estimand="ATO"),
            difference_in_means(x, arm, y, arms=arms, households=h),
            1.0, SETTINGS, outcome="y", arm="visit", reference="letter",
        )  # fmt: skip
        shifts.append(row.estimate)
        noises.append(row.noise)
    # Of 150 samples the deviation itself is known to 6 per cent.
    assert np.mean(noises) == pytest.approx(np.std(shifts), rel=0.2)


def _with_p(whole: Contrast, p_value: float) -> Contrast:
    return replace(whole, p_value=p_value)
