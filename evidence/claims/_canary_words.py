"""What is planted, in every form in which it could come out again."""

from __future__ import annotations

import hashlib
import re
import struct
from base64 import b64encode
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Canary:
    """A value that is planted.

    Attributes
    ----------
    kind : str
    value : str
        As a cell holds it.
    parts : tuple of str
        Pieces of it that occur nowhere else: one is enough to have leaked. Letters are compared without case,
        and where `spaced` also with a separator between any two signs.
    spaced : bool
    """

    kind: str
    value: str
    parts: tuple[str, ...]
    spaced: bool = False


BIRTH: Final = date(1913, 2, 7)
AMOUNT: Final = 4321
CANARIES: Final = (
    Canary("name", "Zqvogel, K. van Kanarizq", ("zqvogel", "kanarizq")),
    Canary("citizen number", "941732605", ("941732605",), spaced=True),
    Canary("postcode", "7431 ZQ", ("7431zq",), spaced=True),
    Canary("rare label", "zqzeldzaam etiket", ("zqzeldzaam",)),
    Canary("e-mail", "zqpost@kanarizq.example", ("zqpost",)),
    Canary("account", "NL27ZQKA0941732605", ("nl27zqka", "zqka0941"), spaced=True),
    Canary("birth date", "07-02-1913", ()),
    Canary("amount", "4321", ()),
)
"""Signs that no word of the program has; the amount is the one the issue names."""
APPROVER: Final = "Zqpaauw, W. van Wulpzq"
REASON: Final = "zqreden: te veel getallen voor zo'n kleine groep"
LABEL: Final = "Zqbijschrift van een studie"
TYPED: Final = (
    Canary("name of an approver", APPROVER, ("zqpaauw", "wulpzq")),
    Canary("reason of an approver", REASON, ("zqreden",)),
    Canary("label of a study", LABEL, ("zqbijschrift",)),
)
"""What people type, and what may stand in some places that stay (`_canary_people`)."""
_SEPARATORS: Final = r"[\s.\-/·'\u00a0\u202f]?"
_BIRTH: Final = re.compile(
    r"(?<![\d.])(?:0?7([-/. ])0?2\1(?:19)?13|1913([-/. ]?)0?2\2?0?7|07021913"
    r"|7 (?:februari|february|feb\.?) 1913|(?:february|feb\.?) 7,? 1913|-1795564\d{3,}|-20782)(?!\d)",
    re.IGNORECASE,
)
"""In Dutch, English and ISO order; also seconds or days since 1970."""
_AMOUNT: Final = re.compile(
    r"(?<![\w.,])(?<!\d[ \u00a0\u202f-])(?:EUR ?|€ ?)?"
    r"(?:4[.,' \u00a0\u202f]?321(?:[.,](?:00?|-))?|432[.,' \u00a0\u202f]?100|4,321e\+?0?3|4\.321e\+?0?3)"
    r"(?!\w)(?![.,]\d)(?![ \u00a0\u202f]\d{3})",
    re.IGNORECASE,
)
_PLAIN_AMOUNT: Final = re.compile(r"(?<![\w.,])(?<!\d[ -])(?:4321(?:\.00?)?|432100(?:\.0)?)(?!\w)(?![.,]\d)")
"""Where 4.321 is a number of its own, as in JSON and drawings."""


def words_found(text: str, *, plain_numbers: bool = False) -> set[str]:
    """Kinds of canaries in a text.

    Parameters
    ----------
    text : str
    plain_numbers : bool
        A point is a decimal point in it: 4.321 is not the amount.
    """
    found = {kind for kind, pattern in _patterns() if pattern.search(text)}
    if _BIRTH.search(text):
        found.add("birth date")
    if (_PLAIN_AMOUNT if plain_numbers else _AMOUNT).search(text):
        found.add("amount")
    return found


def number_found(value: float) -> set[str]:
    """Kinds of canaries that a number is; an amount in euros or cents."""
    found = {"amount"} if value in (AMOUNT, 100 * AMOUNT) else set()
    return found | ({"citizen number"} if value == float(CANARIES[1].value) else set())


def encoded_found(content: bytes) -> set[str]:
    """Kinds of canaries in bytes as numbers of eight bytes, unkeyed digests, hexadecimal or base64."""
    folded = content.lower()
    found = {kind for kind, mark in _digests() if mark in content or mark.hex().encode() in folded}
    found |= {kind for kind, mark in _in_base64() if mark in content}
    found |= {kind for kind, mark in _in_hexadecimal() if mark in folded}
    if b"\0" in content:
        found |= {kind for kind, mark in _in_binary() if mark in content}
    return found


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (canary.kind, re.compile(_pattern(part, canary.spaced), re.IGNORECASE))
        for canary in (*CANARIES, *TYPED)
        for part in canary.parts
    )


def _pattern(part: str, spaced: bool) -> str:
    return _SEPARATORS.join(map(re.escape, part)) if spaced else re.escape(part)


def _texts(canary: Canary) -> tuple[str, ...]:
    value = canary.value
    dates = (BIRTH.isoformat(), BIRTH.strftime("%Y%m%d")) if canary.kind == "birth date" else ()
    return tuple(dict.fromkeys((value, value.lower(), value.upper(), value.replace(" ", ""), *dates)))


@cache
def _digests() -> tuple[tuple[str, bytes], ...]:
    makers: tuple[Any, ...] = (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512, hashlib.blake2b)
    return tuple(
        (canary.kind, make(text.encode()).digest())
        for canary in (*CANARIES, *TYPED)
        for text in _texts(canary)
        for make in makers
    )


@cache
def _in_base64() -> tuple[tuple[str, bytes], ...]:
    """Give marks at each of the three places where they can begin; the ends, which neighbours change, go."""
    found = []
    for canary in (*CANARIES, *TYPED):
        for text in (text for text in _texts(canary) if len(text) >= 7):
            for shift in range(3):
                whole = b64encode(b"\0" * shift + text.encode()).rstrip(b"=")
                found.append((canary.kind, whole[(0, 2, 3)[shift] : -1]))
    return tuple(found)


@cache
def _in_hexadecimal() -> tuple[tuple[str, bytes], ...]:
    return tuple(
        (canary.kind, text.encode().hex().encode())
        for canary in (*CANARIES, *TYPED)
        for text in _texts(canary)
        if len(text) >= 7
    )


@cache
def _in_binary() -> tuple[tuple[str, bytes], ...]:
    numbers = {"amount": (AMOUNT, 100 * AMOUNT), "citizen number": (int(CANARIES[1].value),)}
    return tuple(
        (kind, struct.pack(form, number))
        for kind, values in numbers.items()
        for number in values
        for form in ("<d", ">d")
    )
