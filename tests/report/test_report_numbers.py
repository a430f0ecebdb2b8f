"""Numbers, dates and intervals are written as the reader's language writes them."""

from __future__ import annotations

from datetime import date

import pytest

from causalsig.report.numbers import band, decimal, points, span, written_date
from causalsig.report.words import Words


@pytest.mark.parametrize(
    ("value", "digits", "dutch", "english"),
    [
        (1234.56, 1, "1.234,6", "1,234.6"),
        (-1234567.0, 0, "−1.234.567", "−1,234,567"),
        (0.05, 2, "0,05", "0.05"),
        (-0.04, 1, "0,0", "0.0"),
    ],
)
def test_decimal_and_thousands_marks(value: float, digits: int, dutch: str, english: str) -> None:
    assert decimal(value, "nl", digits) == dutch
    assert decimal(value, "en", digits) == english


def test_a_signed_zero_carries_no_sign() -> None:
    assert decimal(-0.2, "nl", signed=True) == "0" == decimal(0.2, "nl", signed=True)
    assert decimal(3, "nl", signed=True) == "+3"


def test_a_difference_per_thousand_in_percentage_points() -> None:
    assert points(-12.0, "nl") == "−1,2 p.p."
    assert points(-12.0, "en") == "−1.2 p.p."


def test_intervals_bands_and_dates() -> None:
    assert span(-30.2, 6.4, "nl", signed=True) == "−30 tot +6"
    assert span(181, 247, "en") == "181 to 247"
    assert band((1000, 2999), "nl") == "1.000–2.999"
    assert band((3000, None), "nl") == "3.000 of meer"
    assert written_date(date(2026, 3, 7), "nl") == "7 maart 2026"
    assert written_date(date(2026, 3, 7), "en") == "7 March 2026"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-30.0, 6.0, "30 minder tot 6 meer"),
        (-15.0, -3.0, "3 tot 15 minder"),
        (3.0, 15.0, "3 tot 15 meer"),
        (-12.0, 0.3, "12 minder tot 0"),
        (-0.3, 0.3, "0 tot 0"),
    ],
)
def test_an_interval_in_words(low: float, high: float, expected: str) -> None:
    assert Words("nl").interval(low, high).replace("\u00a0", " ") == expected
