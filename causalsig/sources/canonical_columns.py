"""Columns of the canonical tables, from text, typed or database cells into canonical arrays.

A column comes in parts (row groups, chunks of a cursor); each part becomes a small typed array at once, so
that a million rows never stand in memory as a million Python values a column.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.codes import CREDITOR_TYPES, DAYPARTS, METHODS, RESULTS
from causalsig.errors import SourceError
from causalsig.sources.amounts import check_scale
from causalsig.sources.schema import TABLES, frame_of
from causalsig.sources.tabs import EARLIEST, FEW_CELLS, MOST_UNREADABLE, OLDEST_AGE
from causalsig.sources.values import UNREADABLE, Unreadable, parse_date, parse_flag, parse_number, text

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import Kind
    from causalsig.sources.workbook import Cell

CODE_LISTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"creditor_type": CREDITOR_TYPES, "method": METHODS, "daypart": DAYPARTS, "result": RESULTS}
)
UNKNOWN_CODE: Final = {"creditor_type": "other", "method": "other"}
"""What an unknown code is read as; elsewhere it is missing."""

FINDING_OF: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "date": "source-unreadable-date",
        "cents": "source-unreadable-amount",
        "number": "source-unreadable-number",
        "flag": "source-unreadable-flag",
        "code": "source-unknown-code",
    }
)
EXPECTED: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "date": "dates",
        "cents": "amounts in whole cents",
        "number": "numbers",
        "flag": "true or false, 1 or 0",
        "code": "codes of the code list",
    }
)

_PLAIN = frozenset({str, int, float, bool, dt.date, dt.datetime, type(None)})
_FRACTION = re.compile(r"(?<=\d:\d\d)[.,]\d{1,9}", re.ASCII)
_LARGEST = 10**15


def plain(cell: Any) -> Cell:
    """Cell of a database driver as one of the plain types: decimals as numbers, anything odd as its text."""
    if type(cell) in _PLAIN:
        return cell  # type: ignore[no-any-return]
    if isinstance(cell, Decimal):
        if not cell.is_finite() or abs(cell) >= _LARGEST:
            return "?"
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    return str(cell)


def _parse_day(cell: Cell) -> dt.date | Unreadable | None:
    return parse_date(_FRACTION.sub("", cell) if isinstance(cell, str) else cell)


def _parse_cents(cell: Cell) -> float | Unreadable:
    value = parse_number(cell)
    if isinstance(value, Unreadable):
        return value
    return value if math.isnan(value) or (value == int(value) and abs(value) < _LARGEST) else UNREADABLE


def _parse_bounded(cell: Cell) -> float | Unreadable:
    if isinstance(cell, int) and abs(cell) >= _LARGEST:
        return UNREADABLE
    return parse_number(cell)


def _parse_yes(cell: Cell) -> float | Unreadable:
    if isinstance(cell, bool):
        return float(cell)
    return parse_flag(cell)


_PARSERS: Mapping[str, Callable[[Cell], Any]] = MappingProxyType(
    {"date": _parse_day, "cents": _parse_cents, "number": _parse_bounded, "flag": _parse_yes}
)


@dataclass(slots=True)
class ColumnReader:
    """One canonical column under construction.

    Attributes
    ----------
    table, name : str
        Canonical table and column.
    kind : str
        How it is read, a ``Kind`` of :mod:`causalsig.sources.schema`.
    """

    table: str
    name: str
    kind: Kind
    _parts: list[NDArray[Any]] = field(default_factory=list)
    _bad: int = 0
    _filled: int = 0

    def add_cells(self, cells: Sequence[Any]) -> None:
        """Take the next rows, as Python cells."""
        plains = [plain(cell) for cell in cells]
        known: dict[Cell, int] = {}
        at = np.fromiter((known.setdefault(cell, len(known)) for cell in plains), np.int64, len(plains))
        self._add_distinct(list(known), at)

    def add_arrow(self, array: Any) -> None:
        """Take the next rows, as a ``pyarrow.Array``; a type other than text is read as what it is."""
        import pyarrow as pa

        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        kind = array.type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if self.kind == "key":
            self._add_keys(array if is_text else array.cast(pa.string()))
        elif is_text:
            encoded = array.dictionary_encode()
            at = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
            self._add_distinct([*encoded.dictionary.to_pylist(), None], at)
        elif self.kind == "date":
            days = array.cast(pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]")
            self._take(days, np.zeros(len(days), np.bool_), ~np.isnat(days))
        elif self.kind == "code":
            self.add_cells(array.to_pylist())
        else:
            self._add_numbers(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))

    def finish(self, required: bool, findings: FindingList) -> NDArray[Any]:
        """Give the whole column, shape (n,), and note what was met.

        Raises
        ------
        SourceError
            ``source-column-unreadable`` for a required column most of which is not what it should be;
            ``source-amount-scale`` for arrears that cannot be cents.
        """
        values = np.concatenate(self._parts) if self._parts else self._empty()
        self._parts.clear()
        if self.kind == "key":
            return values
        if self.kind != "code" and required and self._bad > max(FEW_CELLS, MOST_UNREADABLE * self._filled):
            raise self._unreadable()
        self.findings(findings)
        if self.kind == "date":
            early = values < EARLIEST
            findings.add("source-date-out-of-range", self.table, self.name, int(early.sum()))
            values[early] = np.datetime64("NaT")
            return values.astype("datetime64[s]")
        return self._plausible(values, findings)

    def findings(self, findings: FindingList) -> None:
        """Note how many cells could not be read."""
        findings.add(FINDING_OF[self.kind], self.table, self.name, self._bad)

    def _plausible(self, values: NDArray[Any], findings: FindingList) -> NDArray[Any]:
        if self.kind == "cents":
            if self.name == "amount_cents":
                check_scale(values.tolist(), values, f"{self.table}, column {self.name}")
            negative = values < 0
            findings.add("source-negative-amount", self.table, self.name, int(negative.sum()))
            return np.where(negative, np.nan, values)
        if self.name == "age":
            absurd = (values < 0) | (values > OLDEST_AGE)
            findings.add("source-absurd-age", self.table, self.name, int(absurd.sum()))
            return np.where(absurd, np.nan, values)
        return values

    def _unreadable(self) -> SourceError:
        return SourceError(
            "source-column-unreadable",
            expected=EXPECTED[self.kind],
            found=f"{self._bad} of {self._filled} cells that are not",
            mend="Look how this column is written and write it as the canonical tables have it.",
            where=f"table {self.table}, column {self.name}",
        )

    def _empty(self) -> NDArray[Any]:
        kinds = {"date": "datetime64[D]", "key": "object", "code": "object"}
        return np.empty(0, dtype=kinds.get(self.kind, "float64"))

    def _add_keys(self, array: Any) -> None:
        import pyarrow.compute as pc

        # By distinct value, so that the rows of one household share one text.
        encoded = pc.utf8_trim_whitespace(array).dictionary_encode()
        texts = [key or None for key in encoded.dictionary.to_pylist()]
        keys = np.array([*texts, None], dtype=object)
        self._parts.append(keys[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)])

    def _add_numbers(self, numbers: NDArray[np.float64]) -> None:
        numbers = np.array(numbers, dtype=np.float64)
        filled = ~np.isnan(numbers)
        bad = filled & ~(np.abs(numbers) < _LARGEST)
        if self.kind == "cents":
            bad |= filled & (np.floor(numbers) != numbers)
        elif self.kind == "flag":
            bad |= filled & ((np.floor(numbers) != numbers) | (numbers < 0) | (numbers > 20))
            numbers = np.where(filled & ~bad, np.minimum(numbers, 1.0), numbers)
        numbers[bad] = np.nan
        self._take(numbers, bad, filled)

    def _add_distinct(self, cells: list[Cell], at: NDArray[np.int64]) -> None:
        """Parse each distinct cell once; ``at`` says which of them stands in each row."""
        filled = np.array([bool(text(cell)) for cell in cells], dtype=np.bool_)
        if self.kind == "key":
            keys = np.empty(len(cells), dtype=object)
            keys[:] = [text(cell) or None for cell in cells]
            self._parts.append(keys[at])
            return
        if self.kind == "code":
            values, bad = self._codes(cells)
        else:
            parsed = [_PARSERS[self.kind](cell) for cell in cells]
            bad = np.array([value is UNREADABLE for value in parsed], dtype=np.bool_)
            missing = None if self.kind == "date" else math.nan
            clean = [missing if wrong else value for value, wrong in zip(parsed, bad, strict=True)]
            values = np.array(clean, "datetime64[D]" if self.kind == "date" else "float64")
        self._take(values[at], bad[at], filled[at])

    def _codes(self, cells: list[Cell]) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
        known = CODE_LISTS[self.name]
        words = [text(cell).casefold() for cell in cells]
        codes = np.empty(len(cells), dtype=object)
        codes[:] = [
            word if word in known else (UNKNOWN_CODE.get(self.name) if word else None) for word in words
        ]
        return codes, np.array([bool(word) and word not in known for word in words], dtype=np.bool_)

    def _take(self, values: NDArray[Any], bad: NDArray[np.bool_], filled: NDArray[np.bool_]) -> None:
        self._parts.append(values)
        self._bad += int(bad.sum())
        self._filled += int(filled.sum())


class TableReader:
    """The columns of one canonical table, filled part by part."""

    def __init__(self, table: str, columns: Collection[str]) -> None:
        self.table = table
        self.columns = {
            name: ColumnReader(table, name, kind) for name, kind in TABLES[table].items() if name in columns
        }

    def add_arrow(self, columns: Mapping[str, Any]) -> None:
        """Take the next rows as Arrow arrays by canonical name."""
        for name, reader in self.columns.items():
            reader.add_arrow(columns[name])

    def add_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take the next rows, cells in the order of ``columns``."""
        parts = zip(*rows, strict=True) if rows else [()] * len(self.columns)
        for reader, cells in zip(self.columns.values(), parts, strict=True):
            reader.add_cells(cells)

    def frame(self, required: Collection[str], findings: FindingList) -> pd.DataFrame:
        """All rows; texts as Python objects with None where there is none."""
        arrays = {name: reader.finish(name in required, findings) for name, reader in self.columns.items()}
        return frame_of(arrays, max(map(len, arrays.values()), default=0))
