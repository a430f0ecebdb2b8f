"""Values that no cell should hold, and what becomes of a source with one of them in it."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import math
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from causalsig.errors import CausalsigError

if TYPE_CHECKING:
    from causalsig.sources.findings import Finding, ReadResult

Role = Literal["key", "date", "amount", "number", "address", "flag", "code", "structure", "free"]
"""What a column holds; address: a house number, which anything may follow; structure: a list or object of
JSON; free: any text is right, or it is never read."""
Outcome = Literal["refused", "found", "nothing to find", "silent", "crash", "leak"]

DIGITS: Final = "918273645546372819"
SHORTEST_MARK: Final = 7
"""Shorter texts (NaN, a minus) occur in messages of themselves."""


@dataclass(frozen=True, slots=True)
class Value:
    """One bad value: its kind, the value, and the texts by which it would be recognised if it leaked."""

    kind: str
    value: Any
    marks: tuple[str, ...]


_TEXTS: Mapping[str, str] = {
    "word": "{canary}",
    "unicode": "\ufdfa\U0001d537{canary}\U0001f3e0\u0130\u00df\u2028",
    "control characters": "\x00\x01{canary}\x1b[31m\r\n\t\x7f",
    "formula": '=HYPERLINK("http://{canary}")',
    "command": "@SUM(1)|{canary}!A0",
    "markup": "<script>{canary}</script>&amp;'\"",
    "placeholders": "%s%n{{0}}{{{canary}}}",
    "path": "../../{canary}\\\\{canary}",
    "right to left": "\u202e{canary}\u2066\u200f",
    "marks on marks": "{canary}" + "\u0301" * 200,
    "not a number": "NaN",
    "infinity": "-Infinity",
    "null": "NULL",
    "exponent": "9.18273645e300",
    "other digits": "\u0669\u0661\u0668\u0662\u0667\u0663\u0666",
    "day of year 1": "01-01-0001",
    "last day": "9999-12-31",
    "day that is not": "31-02-2024",
    "day with a zone": "2024-05-05T10:00:00Z",
    "spreadsheet error": "#VERW!",
}
_LONG: Final = 3000
"""Times the canary: longer than a cell of a workbook may be."""

_VALUES: Mapping[str, Any] = {
    "empty": None,
    "empty text": "",
    "blanks": " \u00a0\t ",
    "huge whole number": int(DIGITS),
    "number beyond floats": int(DIGITS * 20),
    "huge number": 9.18273645546e300,
    "negative number": -918273645.0,
    "fraction": 0.918273645546,
    "float that is none": math.nan,
    "infinite float": -math.inf,
    "yes": True,
    "no": False,
    "first date": dt.date(1, 1, 1),
    "last moment": dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
    "time": dt.time(23, 59, 58),
    "span": dt.timedelta(days=918273),
}
_JSON_KINDS: Final = ("half a character", "list", "object", "deep nesting")
MISSING: Final = frozenset({"empty", "empty text", "blanks"})
"""A cell without a value is no bad value where a value may be missing; where not, see the checks."""
WORKBOOK_KINDS: Final = (*_TEXTS, "long", *_VALUES)
KINDS: Final = (*WORKBOOK_KINDS, *_JSON_KINDS)

FITS: Mapping[Role, frozenset[str]] = {
    # A number is an identifier, a code is not a number, and so on: these are right where they stand.
    "key": frozenset(
        {*_VALUES, "exponent", "other digits", "not a number", "infinity", "null", "spreadsheet error"}
    ),
    "date": frozenset(),
    "amount": frozenset({"fraction"}),
    "number": frozenset({"fraction"}),
    "address": frozenset({*_VALUES, *(kind for kind, text in _TEXTS.items() if text[0].isdigit())}),
    "flag": frozenset({"yes", "no"}),
    "code": frozenset(),
    "structure": frozenset(),
    "free": frozenset(KINDS),
}
"""Kinds that may pass without a finding in a column of each role."""


def make_value(kind: str, seed: int) -> Value:
    """Make a value of ``kind``; the canary in it is the seed's own."""
    canary = f"Zq7{seed:09x}"
    if kind in _TEXTS:
        written = _TEXTS[kind].format(canary=canary)
        # Marks without the canary: the text itself, unless it is an ordinary word.
        return Value(kind, written, (canary,) if canary in written else _marks(written))
    if kind == "long":
        return Value(kind, canary * _LONG, (canary,))
    if kind in _VALUES:
        value = _VALUES[kind]
        return Value(kind, value, () if value is None else _marks(str(value), DIGITS[:8]))
    nested: Any = canary
    for _ in range(80):
        nested = [nested]
    made = {
        "half a character": f"\ud800{canary}",
        "list": [canary, 1, None],
        "object": {canary: canary},
        "deep nesting": nested,
    }
    return Value(kind, made[kind], (canary,))


def _marks(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if len(text.strip()) >= SHORTEST_MARK)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one mutation; ``detail`` says where it went wrong, without the value."""

    outcome: Outcome
    detail: str = ""


def judge(
    read: Callable[[], ReadResult],
    value: Value,
    baseline: tuple[Finding, ...],
    role: Role,
    after: Callable[[ReadResult], str] | None = None,
) -> Judged:
    """Read a mutated source and say what became of it.

    Parameters
    ----------
    read : callable
        Reads the mutated source.
    value : Value
        What was put into it.
    baseline : tuple of Finding
        Of the source without it.
    role : Role
        Of the mutated column.
    after : callable, optional
        Takes what was read further; returns what would be written of it, to look for the value in.
    """
    shown = io.StringIO()
    listener = logging.StreamHandler(shown)
    logging.getLogger().addHandler(listener)
    findings: tuple[Finding, ...] = ()
    refused = False
    try:
        with redirect_stdout(shown), redirect_stderr(shown), warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning prints its text
            result = read()
            findings = result.findings
            if after is not None:
                shown.write(after(result))
    except CausalsigError as error:
        refused = True
        shown.write("\n".join((error.message, str(error), repr(error), *map(str, error.args))))
    except Exception as error:
        return Judged("crash", _place(error))
    finally:
        logging.getLogger().removeHandler(listener)
    shown.write(json.dumps([asdict(finding) for finding in findings]))
    if leaks(shown.getvalue(), value):
        return Judged("leak")
    if refused:
        return Judged("refused")
    if findings != baseline:
        return Judged("found")
    if value.kind in MISSING or value.kind in FITS[role]:
        return Judged("nothing to find")
    return Judged("silent")


def leaks(written: str, value: Value) -> bool:
    """Whether a text holds the value, in whatever case, also as JSON would spell it."""
    folded = written.casefold()
    marks = {mark.casefold() for mark in value.marks}
    return any(mark in folded or json.dumps(mark)[1:-1] in folded for mark in marks)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/causalsig/" in frame.filename]
    frame = (ours or frames)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno} {frame.name}"
