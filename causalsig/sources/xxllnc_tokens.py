"""Texts of an xxllnc export into codes: exact tokens first, telling words second, then no guess."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from causalsig.sources import xxllnc_layout as layout
from causalsig.sources.values import UNREADABLE, Unreadable, by_list, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.sources.workbook import Cell

_DENIAL = re.compile(r"\b(?:geen|niet|nooit|zonder)\b")

exact_creditor_type = by_list(layout.CREDITOR_TOKENS)
exact_method = by_list(layout.METHOD_TOKENS)
exact_daypart = by_list(layout.DAYPART_TOKENS)
exact_result = by_list(layout.RESULT_TOKENS)


def _by_word(written: str, words: Sequence[tuple[str, str]]) -> str | None:
    return next((code for word, code in words if word in written), None)


def creditor_type(written: str) -> str | None:
    """Kind of creditor of a lower-case text; None when not recognised."""
    return exact_creditor_type(written) or _by_word(written, layout.CREDITOR_WORDS)


def daypart(written: str) -> str | None:
    """Part of the day; None when not recognised."""
    return exact_daypart(written) or _by_word(written, layout.DAYPART_WORDS)


def result(written: str) -> str | None:
    """Recognise a final result; None when unknown, or when a denial turns a telling word around."""
    if code := exact_result(written):
        return code
    code = _by_word(written, layout.RESULT_WORDS)
    return None if code in layout.NEGATABLE_RESULTS and _DENIAL.search(written) else code


def parse_crisis(cell: Cell) -> float | Unreadable:
    """1.0 for a crisis signal, 0.0 for an ordinary one, NaN when blank."""
    written = text(cell).casefold()
    return layout.CRISIS_TOKENS.get(written, UNREADABLE) if written else math.nan


def parse_wants_help(cell: Cell) -> float | Unreadable:
    """1.0 when the answer is yes, an appointment or a wish for contact; 0.0 when it begins with no."""
    written = " ".join(text(cell).casefold().split())
    if written in ("", "n.v.t.", "nvt", "onbekend"):
        return math.nan
    if written in layout.WANTS_CONTACT_TOKENS or re.match(r"ja\b", written):
        return 1.0
    return 0.0 if re.match(r"nee\b", written) else UNREADABLE


def is_appointment(cell: Cell) -> bool:
    """Whether wanting help was read from an appointment or a wish for contact."""
    return " ".join(text(cell).casefold().split()) in layout.WANTS_CONTACT_TOKENS
