"""Amounts: a notation is declared or proven, and a lost decimal sign is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causalsig.errors import SourceError
from causalsig.sources.amounts import SMALLEST_SAMPLE, cents_parser, check_scale, settle_locale
from causalsig.sources.values import UNREADABLE

CENTS = st.integers(min_value=0, max_value=10**9)


def written(cents: int, locale: str) -> str:
    text = f"{cents / 100:,.2f}"
    return text if locale == "en" else text.translate(str.maketrans(",.", ".,"))


@given(CENTS)
def test_an_amount_reads_as_what_was_written_in_its_own_notation(cents):
    for locale in ("nl", "en"):
        assert cents_parser(locale)(written(cents, locale)) == cents


@given(CENTS)
def test_an_amount_is_never_read_as_another_one_in_the_other_notation(cents):
    # The trap: 850,00 read as 85000. Text with cents must be refused, not rescaled.
    assert cents_parser("en")(written(cents, "nl")) is UNREADABLE
    assert cents_parser("nl")(written(cents, "en")) is UNREADABLE


@given(st.lists(CENTS, min_size=1, max_size=30), st.sampled_from(["nl", "en"]))
def test_amounts_with_cents_settle_the_notation(amounts, locale):
    cells = [written(cents, locale) for cents in amounts]
    assert settle_locale(cells, None, "") == (locale, True)
    assert settle_locale(cells, locale, "") == (locale, False)


@pytest.mark.parametrize(
    ("cell", "nl", "en"),
    [
        ("€ 1.234,50", 123450.0, UNREADABLE),
        ("EUR 12,5", 1250.0, UNREADABLE),
        ("1.234", 123400.0, UNREADABLE),
        ("1,234", UNREADABLE, 123400.0),
        ("850", 85000.0, 85000.0),
        (850.255, 85026.0, 85026.0),
        ("-12", -1200.0, -1200.0),
        ("12.34.56", UNREADABLE, UNREADABLE),
        ("1e5", UNREADABLE, UNREADABLE),
        ("9" * 40, UNREADABLE, UNREADABLE),
        (float("inf"), UNREADABLE, UNREADABLE),
        ("n.v.t.", UNREADABLE, UNREADABLE),
    ],
)
def test_single_cells(cell, nl, en):
    assert (cents_parser("nl")(cell), cents_parser("en")(cell)) == (nl, en)


def test_a_blank_amount_is_missing_and_not_unreadable():
    assert np.isnan(cents_parser("nl")("  "))


@pytest.mark.parametrize(
    ("cells", "declared", "code"),
    [
        (["4.321", "2.500", "310"], None, "source-amount-locale-undecided"),
        (["12,50", "12.50"], None, "source-amount-locale-undecided"),
        (["12,50", "7,25", "3,-"], "en", "source-amount-locale-contradicted"),
        (["12.50", "7.25"], "nl", "source-amount-locale-contradicted"),
        (["1.234", "2.500"], "en", "source-amount-locale-contradicted"),
        (["12,50"], "de", "source-amount-locale-unknown"),
    ],
)
def test_a_notation_that_is_not_settled_is_refused(cells, declared, code):
    with pytest.raises(SourceError) as caught:
        settle_locale(cells, declared, "tab Signalen")
    assert caught.value.code == code
    assert not any(cell in str(caught.value) for cell in cells)


def test_whole_amounts_and_true_numbers_need_no_notation():
    assert settle_locale(["850", "", None, 12.5, 1234.0], None, "") == ("nl", False)


def test_one_typing_error_in_many_amounts_does_not_change_the_notation():
    cells = ["12,50"] * 150 + ["12.50"]
    assert settle_locale(cells, None, "") == ("nl", True)
    assert settle_locale(cells, "nl", "") == ("nl", False)


def test_a_lost_decimal_sign_is_refused():
    texts = ["850,00"] * SMALLEST_SAMPLE
    numbers = [85000.0] * SMALLEST_SAMPLE
    for cells in (numbers, texts + numbers):
        cents = np.array([cents_parser("nl")(cell) for cell in cells])
        with pytest.raises(SourceError) as caught:
            check_scale(cells, cents, "")
        assert caught.value.code == "source-amount-scale"
    cents = np.array([cents_parser("nl")(cell) for cell in texts])
    check_scale(texts, cents, "")
