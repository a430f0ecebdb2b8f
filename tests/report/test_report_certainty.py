"""The certainty phrase follows from the printed interval, and never says more than it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causalsig.report.certainty import PRACTICALLY_NOTHING, TOO_WIDE, certainty, settled, spread


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-30.0, 6.0, "unknown"),
        (-15.0, -3.0, "fewer"),
        (3.0, 15.0, "more"),
        (-4.0, -1.0, "fewer-small"),
        (1.0, 4.0, "more-small"),
        (-130.0, -20.0, "fewer-imprecise"),
        (20.0, 130.0, "more-imprecise"),
        (-3.0, 4.0, "same"),
        (-130.0, 110.0, "too-wide"),
    ],
)
def test_each_kind_of_interval_has_its_phrase(low: float, high: float, expected: str) -> None:
    assert certainty(low, high) == expected


def test_an_end_that_prints_as_zero_is_not_called_a_difference() -> None:
    assert certainty(-30.0, -0.4) == "unknown"
    assert certainty(0.4, 30.0) == "unknown"


ends = st.floats(-400, 400, allow_nan=False)


@given(ends, ends)
def test_a_direction_is_claimed_only_when_the_whole_interval_lies_on_one_side(a: float, b: float) -> None:
    low, high = sorted((a, b))
    found = certainty(low, high)
    if found.startswith("fewer"):
        assert high < 0
    elif found.startswith("more"):
        assert low > 0
    else:
        assert round(low) <= 0 <= round(high)
    if found == "same":
        assert max(abs(round(low)), abs(round(high))) <= PRACTICALLY_NOTHING
    if found == "unknown":
        assert high - low <= TOO_WIDE


@given(ends, ends)
def test_turning_the_arms_around_turns_the_phrase_around(a: float, b: float) -> None:
    low, high = sorted((a, b))
    turned = {"fewer": "more", "more": "fewer"}
    head, _, tail = certainty(low, high).partition("-")
    expected = "-".join(part for part in (turned.get(head, head), tail) if part)
    assert certainty(-high, -low) == expected


@pytest.mark.parametrize("ends", [(1.0, -1.0), (float("nan"), 1.0)])
def test_what_is_no_interval_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="lower end first"):
        certainty(*ends)


def test_the_spread_between_municipalities_is_told_by_the_prediction_interval() -> None:
    assert spread(-20.0, 2.0, 16.0, 1.0) == "differ"
    assert spread(-35.0, -13.0, 16.0, 1.0) == "same-way"
    assert spread(-20.0, 2.0, 0.0, 0.0) == "alike"


@pytest.mark.parametrize("tau2_low", [0.0, float("nan")])
@pytest.mark.parametrize("ends", [(-20.0, 2.0), (-35.0, -13.0)])
def test_a_spread_that_may_be_zero_is_not_called_a_difference(
    ends: tuple[float, float], tau2_low: float
) -> None:
    assert spread(*ends, 16.0, tau2_low) == "unsure"


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ((-3.0, 4.0), (-15.0, -3.0), True),
        ((3.0, 15.0), (-15.0, -3.0), True),
        ((-15.0, -3.0), (-2.0, 3.0), True),
        ((-4.0, -1.0), (-15.0, -3.0), True),
        ((-30.0, -1.0), (-4.0, -1.0), False),
        ((-30.0, -1.0), (-15.0, -3.0), False),
        ((-3.0, 4.0), (-2.0, 3.0), False),
        ((-30.0, 6.0), (-15.0, -3.0), False),
        ((-130.0, 110.0), (3.0, 15.0), False),
    ],
)
def test_what_a_municipality_ruled_out_itself_no_pool_brings_back(
    own: tuple[float, float], others: tuple[float, float], expected: bool
) -> None:
    assert settled(certainty(*own), certainty(*others)) is expected


@given(ends, ends, ends, ends)
def test_two_answers_that_are_both_told_never_point_opposite_ways(
    a: float, b: float, c: float, d: float
) -> None:
    own, others = certainty(*sorted((a, b))), certainty(*sorted((c, d)))
    if own not in ("unknown", "too-wide") and not settled(own, others):
        assert own.split("-")[0] == others.split("-")[0]
