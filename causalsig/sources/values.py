"""Cells into values: dates, Ja/Nee, numbers, identifiers and codes, with a count of what could not be read.

Each reader parses the distinct cells of a column once, so a column costs one dictionary look-up a row.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.workbook import Cell

_DUTCH_DATE = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?", re.ASCII)
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,9}(?:[.,]\d{1,6})?", re.ASCII)

_YES: Final = frozenset({"ja", "j", "yes", "waar", "true"})
_NO: Final = frozenset({"nee", "n", "no", "onwaar", "false"})
_NOT_APPLICABLE: Final = frozenset({"", "n.v.t.", "n.v.t", "nvt", "onbekend", "-"})
_MOST_CHILDREN = 20
"""A flag may be a count (children, repeats): larger numbers are something else."""
_LARGEST_NUMBER = 1e15
"""Beyond it a float holds no whole number exactly."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Marks a cell that holds something, but not what the column should hold."""


UNREADABLE: Final = Unreadable()


def text(cell: Cell) -> str:
    """Cell as text: blanks trimmed, whole numbers without a decimal part, dates in ISO form."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float) and math.isfinite(cell) and cell == int(cell):
        return str(int(cell))
    return str(cell)


def parse_column(cells: Sequence[Cell], parse: Callable[[Cell], Any]) -> list[Any]:
    """``parse`` of every cell, called once for each distinct one."""
    known = {cell: parse(cell) for cell in set(cells)}
    return [known[cell] for cell in cells]


def read_keys(cells: Sequence[Cell]) -> NDArray[np.object_]:
    """Read identifiers as text, None where blank; shape (n,)."""
    keys = np.empty(len(cells), dtype=object)
    keys[:] = parse_column(cells, lambda cell: text(cell) or None)
    return keys


def parse_date(cell: Cell) -> dt.date | Unreadable | None:
    """Date of a cell: a true date, ``dd-mm-jjjj`` or ISO text; None when blank."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    written = text(cell)
    if not written:
        return None
    match = _DUTCH_DATE.fullmatch(written)
    parts = match.groups()[::-1] if match else None
    if match is None and (match := _ISO_DATE.fullmatch(written)):
        parts = match.groups()
    # A bare number could be a serial date or a date without separators: guessing shifts years.
    if parts is None or isinstance(cell, int | float):
        return UNREADABLE
    try:
        return dt.date(int(parts[0]), int(parts[1]), int(parts[2]))
    except ValueError:
        return UNREADABLE


def read_dates(cells: Sequence[Cell]) -> tuple[NDArray[np.datetime64], int]:
    """Dates (n,) datetime64[D] with NaT for blank or unreadable, and how many were unreadable."""
    parsed = parse_column(cells, parse_date)
    bad = sum(value is UNREADABLE for value in parsed)
    return np.array([value if isinstance(value, dt.date) else None for value in parsed], "datetime64[D]"), bad


def parse_flag(cell: Cell) -> float | Unreadable:
    """1.0 for Ja, 0.0 for Nee, NaN for blank or not applicable; a small count is a yes."""
    written = text(cell).casefold()
    if written in _YES:
        return 1.0
    if written in _NO:
        return 0.0
    if written in _NOT_APPLICABLE:
        return math.nan
    if re.fullmatch(r"\d{1,2}", written, re.ASCII) and int(written) <= _MOST_CHILDREN:
        return float(int(written) > 0)
    return UNREADABLE


def parse_number(cell: Cell) -> float | Unreadable:
    """Plain number, either decimal sign; NaN when blank."""
    if isinstance(cell, int | float):
        # Not isfinite: a whole number of Python can be too large for it. No comparison with NaN holds.
        return float(cell) if abs(cell) < _LARGEST_NUMBER else UNREADABLE
    written = text(cell)
    if not written:
        return math.nan
    return float(written.replace(",", ".")) if _NUMBER.fullmatch(written) else UNREADABLE


def read_floats(
    cells: Sequence[Cell], parse: Callable[[Cell], float | Unreadable]
) -> tuple[NDArray[np.float64], int]:
    """Values (n,) with NaN for blank or unreadable, and how many were unreadable."""
    parsed = parse_column(cells, parse)
    bad = sum(value is UNREADABLE for value in parsed)
    return np.array([math.nan if value is UNREADABLE else value for value in parsed], "float64"), bad


def read_codes(
    cells: Sequence[Cell], recognise: Callable[[str], str | None], *, unknown: str | None, blank: str | None
) -> tuple[NDArray[np.object_], int]:
    """Codes (n,) by ``recognise`` of the lower-case text, and how many texts it did not know."""

    def parse(cell: Cell) -> tuple[str | None, bool]:
        written = " ".join(text(cell).casefold().split())
        if not written:
            return blank, False
        code = recognise(written)
        return (unknown, True) if code is None else (code, False)

    parsed = parse_column(cells, parse)
    codes = np.empty(len(cells), dtype=object)
    codes[:] = [code for code, _ in parsed]
    return codes, sum(bad for _, bad in parsed)


def by_list(tokens: Mapping[str, str]) -> Callable[[str], str | None]:
    """Recognise exact tokens, whatever their case."""
    folded = {token.casefold(): code for token, code in tokens.items()}
    return folded.get


def odd_keys(keys: NDArray[np.object_]) -> int:
    """How many identifiers are shaped unlike the rest, when nine in ten share one shape.

    The shape of a number is that it is one; that of anything else its length and kind of characters.
    """
    texts = [key for key in keys if isinstance(key, str)]  # a missing key is None or NaN, as pandas pleases
    kinds = Counter(zip(map(len, texts), map(str.isdecimal, texts), map(str.isalnum, texts), strict=True))
    counts: Counter[tuple[int, bool, bool]] = Counter()
    for (length, is_number, is_plain), number in kinds.items():
        counts[(0, True, True) if is_number else (length, False, is_plain)] += number
    most = max(counts.values(), default=0)
    return len(texts) - most if most >= 0.9 * len(texts) else 0
