"""Numbers and dates as the reader's language writes them."""

from __future__ import annotations

from datetime import date
from typing import Literal

Language = Literal["nl", "en"]

MINUS = "\u2212"
_MONTHS: dict[str, tuple[str, ...]] = {
    "nl": (
        *("januari", "februari", "maart", "april", "mei", "juni"),
        *("juli", "augustus", "september", "oktober", "november", "december"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}
_JOIN = {"nl": "tot", "en": "to"}


def decimal(value: float, language: Language, digits: int = 0, *, signed: bool = False) -> str:
    """Write a number: ``1.234,5`` in Dutch, ``1,234.5`` in English.

    Parameters
    ----------
    value : float
        Finite.
    language : {"nl", "en"}
    digits : int
        Digits behind the decimal mark. Halves round to even, as `round` does.
    signed : bool
        Write a plus before positive numbers; what rounds to zero carries no sign.
    """
    rounded = round(value, digits)
    body = f"{abs(rounded):,.{digits}f}"
    if language == "nl":
        body = body.translate(str.maketrans(",.", ".,"))
    if rounded < 0:
        return MINUS + body
    return "+" + body if signed and rounded > 0 else body


def points(value: float, language: Language, *, signed: bool = True) -> str:
    """Write a difference per 1,000 as percentage points: ``−1,2 p.p.``."""
    return f"{decimal(value / 10.0, language, 1, signed=signed)} p.p."


def span(low: float, high: float, language: Language, *, signed: bool = False, digits: int = 0) -> str:
    """Write an interval: ``181 tot 247``; signed: ``−30 tot +6``."""
    ends = (decimal(end, language, digits, signed=signed) for end in (low, high))
    return f" {_JOIN[language]} ".join(ends)


def band(ends: tuple[int, int | None], language: Language) -> str:
    """Write a band of counts: ``100 tot en met 299``, or its lower end when it is open."""
    low, high = ends
    if high is None:
        return ("{} of meer" if language == "nl" else "{} or more").format(decimal(low, language))
    return f"{decimal(low, language)}\u2013{decimal(high, language)}"


def written_date(day: date, language: Language) -> str:
    """Write a date out: ``3 juli 2026``."""
    return f"{day.day} {_MONTHS[language][day.month - 1]} {day.year}"


def month_name(month: str, language: Language) -> str:
    """Write a month out: ``2026-03`` is ``maart 2026``."""
    year, number = month.split("-")
    return f"{_MONTHS[language][int(number) - 1]} {year}"
