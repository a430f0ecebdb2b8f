"""What a page shows follows from the released numbers, their covariance and the rounding of the grid."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan, sqrt

import pytest

from causalsig.report.effects import Shown, agree, own_contrast, own_mean, show_contrast, shrunken
from tests.report.page_factory import block, contrast

# Exact arithmetic apart from the normal quantile, printed to three decimals.
CLOSE = 1e-3


def test_the_contrast_takes_the_covariance_and_the_rounding_along() -> None:
    found = own_contrast(block(std_error=0.006), "home_visit", "letter")
    assert found is not None
    variance = 2 * 0.006**2 * (1 - 0.05) + 2 * (2.0**-10) ** 2 / 12
    assert found.estimate == pytest.approx(-12.0)
    assert found.std_error == pytest.approx(1000 * sqrt(variance))
    assert found.high - found.low == pytest.approx(2 * 1.959964 * 1000 * sqrt(variance), abs=CLOSE)


def test_turning_the_contrast_around_turns_its_sign() -> None:
    there, back = (own_contrast(block(), *pair) for pair in (("phone", "letter"), ("letter", "phone")))
    assert there is not None and back is not None
    assert (there.estimate, there.low) == (-back.estimate, -back.high)


def test_an_arm_that_was_not_released_gives_nothing() -> None:
    small = block(arms=("letter", "home_visit"))
    assert own_contrast(small, "phone", "letter") is None
    assert own_mean(small, "phone") is None


def test_a_pool_without_prediction_interval_shows_none() -> None:
    found = replace(contrast("phone"), prediction_low=nan, prediction_high=inf)
    assert show_contrast(found).prediction is None


def test_own_and_others_fit_unless_they_differ_by_more_than_chance_and_spread() -> None:
    others = Shown(-9.0, -15.0, -3.0, 3.0, tau2=16.0)
    assert agree(Shown(-12.0, -30.0, 6.0, 9.0), others)
    assert not agree(Shown(31.0, 15.0, 47.0, 8.0), others)
    # 12 apart: not by chance alone (1.96 × √(3² + 5²) = 11.4), but within the spread between municipalities.
    assert not agree(Shown(3.0, 0.0, 0.0, 5.0), replace(others, tau2=0.0))
    assert agree(Shown(3.0, 0.0, 0.0, 5.0), others)


def test_the_weighed_estimate_lies_between_and_the_surer_side_counts_most() -> None:
    others = Shown(-9.0, -15.0, -3.0, 3.0, prediction=(-20.0, 2.0))
    vague = shrunken(Shown(20.0, -180.0, 220.0, 100.0), others)
    sharp = shrunken(Shown(20.0, 18.0, 22.0, 1.0), others)
    assert vague is not None and sharp is not None
    assert -9.0 < vague.estimate < -8.5 and 19.0 < sharp.estimate < 20.0
    # A prior of standard deviation 11 / 1.96 alone, and with equal weight its half in between.
    assert vague.std_error == pytest.approx(11.0 / 1.959964, rel=0.01)
    equal = shrunken(Shown(1.0, 0.0, 0.0, 11.0 / 1.959964), others)
    assert equal is not None and equal.estimate == pytest.approx(-4.0, abs=CLOSE)
    assert shrunken(Shown(1.0, 0.0, 2.0, 0.5), replace(others, prediction=None)) is None
