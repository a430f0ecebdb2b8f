"""Fields of DDAS objects into columns: every value is of the declared type, or missing and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import SourceError
from causalsig.sources import values
from causalsig.sources.amounts import check_scale
from causalsig.sources.ddas_json import check_fields
from causalsig.sources.tabs import EARLIEST, FEW_CELLS, MOST_UNREADABLE
from causalsig.sources.values import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from causalsig.sources.ddas_json import Record
    from causalsig.sources.findings import FindingList
    from causalsig.sources.values import Unreadable

LARGEST_EURO = 10**9
"""No arrear comes near; a number beyond it does not fit in what follows."""


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads the n objects of one kind, and notes what it meets."""

    records: Sequence[Record]
    table: str
    findings: FindingList

    def check(self, allowed: frozenset[str]) -> None:
        """Count objects with a field that does not exist."""
        check_fields(self.records, allowed, self.table, self.findings)

    def cells(self, field: str, column: str, *kinds: type, tolerated: tuple[type, ...] = ()) -> list[Any]:
        """Take a field's values, None where absent; another type is counted, and missing unless tolerated."""
        # Exact types: a boolean is an int to Python, and equal to 0 or 1 wherever values are looked up.
        found = [record.get(field) for record in self.records]
        right = frozenset((*kinds, type(None)))
        if not right.issuperset(map(type, found)):
            wrong = sum(type(value) not in right for value in found)
            self.findings.add("source-wrong-json-type", self.table, column, wrong)
            kept = right | frozenset(tolerated)
            found = [value if type(value) in kept else None for value in found]
        return found

    def keys(self, field: str, column: str) -> NDArray[np.object_]:
        """Read identifiers (n,) as text, None where missing or no text that can be written."""
        keys = values.read_keys(self.cells(field, column, str, tolerated=(int,)))
        return _writable(keys, self.table, column, self.findings)

    def texts(self, field: str, column: str) -> list[str | None]:
        """Read texts; a whole number is taken as the text it looks like."""
        found = self.cells(field, column, str, tolerated=(int,))
        return [None if value is None else values.text(value) for value in found]

    def dates(self, field: str, column: str, *, required: bool = False) -> NDArray[np.datetime64]:
        """Read dates (n,), datetime64[s], NaT where missing, unreadable or before 2000."""
        cells = self.cells(field, column, str)
        dates, bad = values.read_dates(cells)
        if required:
            self._refuse_unreadable(cells, bad, field, "dates as jjjj-mm-dd")
        self.findings.add("source-unreadable-date", self.table, column, bad)
        early = dates < EARLIEST
        self.findings.add("source-date-out-of-range", self.table, column, int(early.sum()))
        dates[early] = np.datetime64("NaT")
        return dates.astype("datetime64[s]")

    def flags(self, field: str, column: str) -> NDArray[np.float64]:
        """Read flags (n,): 1.0, 0.0, NaN where missing."""
        found = self.cells(field, column, bool)
        return np.array([np.nan if value is None else float(value) for value in found], "float64")

    def cents(self, field: str, column: str) -> NDArray[np.float64]:
        """Read whole euros (n,) as cents, NaN where missing, no whole number or below zero."""
        cells = self.cells(field, column, int, float)
        cents, bad = values.read_floats(cells, _cents)
        self._refuse_unreadable(cells, bad, field, "amounts in whole euros")
        self.findings.add("source-unreadable-amount", self.table, column, bad)
        check_scale(cells, cents, f"{self.table}, field {field}")
        negative = cents < 0
        self.findings.add("source-negative-amount", self.table, column, int(negative.sum()))
        return np.where(negative, np.nan, cents)

    def codes(
        self,
        field: str,
        column: str,
        tokens: Mapping[str, str],
        *,
        unknown: str | None = None,
        own: Mapping[str, str] | None = None,
    ) -> NDArray[np.object_]:
        """Read codes (n,) of exact tokens; ``own`` are those of the file's version."""
        cells = self.cells(field, column, str)
        codes, bad = values.read_codes(cells, values.by_list(tokens), unknown=unknown, blank=None)
        self.findings.add("source-unknown-code", self.table, column, bad)
        if own is not None:
            _, foreign = values.read_codes(cells, values.by_list(own), unknown=None, blank=None)
            self.findings.add(
                "source-code-of-another-version", self.table, column, foreign - bad, severity="info"
            )
        return codes

    def _refuse_unreadable(self, cells: Sequence[Any], bad: int, field: str, expected: str) -> None:
        filled = sum(cell is not None for cell in cells)
        if bad > FEW_CELLS and bad > MOST_UNREADABLE * filled:
            raise SourceError(
                "source-column-unreadable",
                expected=expected,
                found=f"{bad} of {filled} values that are not",
                mend="Look how the export writes this field and export it again.",
                where=f"{self.table}, field {field}",
            )


def nested(records: Sequence[Record], field: str, table: str, findings: FindingList) -> list[Record]:
    """Object in a field of each record, an empty one where it is absent or something else."""
    found = [record.get(field) for record in records]
    wrong = sum(value is not None and not isinstance(value, dict) for value in found)
    findings.add("source-wrong-json-type", table, field, wrong)
    return [value if isinstance(value, dict) else {} for value in found]


def _cents(cell: Any) -> float | Unreadable:
    if cell is None:
        return float("nan")
    return float(cell) * 100 if abs(cell) <= LARGEST_EURO and cell == int(cell) else UNREADABLE


def _writable(
    keys: NDArray[np.object_], table: str, column: str, findings: FindingList
) -> NDArray[np.object_]:
    """Drop identifiers with half characters, which JSON can spell and no table can hold."""
    try:
        "".join(key for key in keys if key is not None).encode()
    except UnicodeEncodeError:
        bad = np.array([key is not None and not _can_be_written(key) for key in keys], dtype=bool)
        findings.add("source-wrong-json-type", table, column, int(bad.sum()))
        keys[bad] = None
    return keys


def _can_be_written(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True
