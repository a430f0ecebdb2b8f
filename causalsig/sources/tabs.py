"""A tab of a workbook into a frame of canonical columns, by a declarative mapping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from causalsig.errors import SourceError
from causalsig.sources import values, xxllnc_tokens
from causalsig.sources.amounts import LARGEST_CENTS, cents_parser, check_scale, settle_locale
from causalsig.sources.rows import repeated
from causalsig.sources.schema import frame_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from causalsig.sources.amounts import AmountLocale
    from causalsig.sources.findings import FindingList
    from causalsig.sources.workbook import Cell, Sheet
    from causalsig.sources.xxllnc_layout import Column

MOST_UNREADABLE: Final = 0.2
"""Share of a column that may be unreadable. A month-day mix-up makes 18 days in 30 unreadable."""
FEW_CELLS: Final = 4
"""So many unreadable cells are never a column that is unreadable as a whole."""
EARLIEST: Final = np.datetime64("2000-01-01", "D")
LATEST: Final = np.datetime64("2100-01-01", "D")
"""The extraction date bounds dates too, but only in rows that are used; this is wrong wherever it stands."""
OLDEST_AGE: Final = 120


@dataclass(frozen=True, slots=True)
class TabReader:
    """Reads tabs with one notation of amounts and notes what it meets."""

    findings: FindingList
    locale: AmountLocale

    def read(self, sheet: Sheet, columns: Sequence[Column]) -> pd.DataFrame:
        """Frame with the target columns of those present, one row a row of the tab."""
        return frame_of(self.arrays(sheet, columns), len(sheet))

    def arrays(self, sheet: Sheet, columns: Sequence[Column]) -> dict[str, NDArray[Any]]:
        """Read the target columns of those present, each of shape (rows,)."""
        return {column.target: self._column(sheet, column) for column in columns if sheet.has(column.header)}

    def _column(self, sheet: Sheet, column: Column) -> Any:
        cells = sheet.column(column.header)
        match column.role:
            case "key":
                return values.read_keys(cells)
            case "date":
                return self._dates(sheet, column, cells)
            case "amount" | "age" | "flag" | "crisis" | "wants_help":
                return self._floats(sheet, column, cells)
        return self._codes(sheet, column, cells)

    def _dates(self, sheet: Sheet, column: Column, cells: list[Cell]) -> Any:
        dates, bad = values.read_dates(cells)
        outside = (dates < EARLIEST) | (dates >= LATEST)
        impossible = int(outside.sum())
        if column.required:
            self._refuse_most(sheet, column, cells, bad + impossible, "dates of this century as dd-mm-jjjj")
        self.findings.add("source-unreadable-date", sheet.name, column.target, bad)
        self.findings.add("source-date-out-of-range", sheet.name, column.target, impossible)
        dates[outside] = np.datetime64("NaT")
        return dates.astype("datetime64[s]")

    def _floats(self, sheet: Sheet, column: Column, cells: list[Cell]) -> Any:
        if column.role == "amount":
            return self._amounts(sheet, column, cells)
        if column.role == "age":
            return self._ages(sheet, column, cells)
        parse = {
            "flag": values.parse_flag,
            "crisis": xxllnc_tokens.parse_crisis,
            "wants_help": xxllnc_tokens.parse_wants_help,
        }[column.role]
        floats, bad = values.read_floats(cells, parse)
        self._judge(sheet, column, cells, bad, "source-unreadable-flag", "Ja, Nee or N.v.t.")
        if column.role == "wants_help":
            appointments = sum(values.parse_column(cells, xxllnc_tokens.is_appointment))
            self.findings.add(
                "source-wants-help-by-appointment", sheet.name, column.target, appointments, "info"
            )
        return floats

    def _amounts(self, sheet: Sheet, column: Column, cells: list[Cell]) -> Any:
        cents, bad = values.read_floats(cells, cents_parser(self.locale))
        self._judge(sheet, column, cells, bad, "source-unreadable-amount", "amounts in euro")
        if column.target == "amount_cents":
            check_scale(cells, cents, f"tab {sheet.name}, column {column.header}")
        negative = cents < 0
        self.findings.add("source-negative-amount", sheet.name, column.target, int(negative.sum()))
        absurd = cents > LARGEST_CENTS
        self.findings.add("source-absurd-amount", sheet.name, column.target, int(absurd.sum()))
        return np.where(negative | absurd, np.nan, cents)

    def _ages(self, sheet: Sheet, column: Column, cells: list[Cell]) -> Any:
        ages, bad = values.read_floats(cells, values.parse_number)
        absurd = (ages < 0) | (ages > OLDEST_AGE)
        # Absurd ages occur in real exports; a column of them says that something else is in it.
        self._refuse_most(sheet, column, cells, bad + int(absurd.sum()), f"ages from 0 to {OLDEST_AGE}")
        self.findings.add("source-unreadable-number", sheet.name, column.target, bad)
        self.findings.add("source-absurd-age", sheet.name, column.target, int(absurd.sum()))
        return np.where(absurd, np.nan, ages)

    def _codes(self, sheet: Sheet, column: Column, cells: list[Cell]) -> Any:
        recognise, exact, unknown = {
            "method": (xxllnc_tokens.exact_method, None, "other"),
            "daypart": (xxllnc_tokens.daypart, None, None),
            "creditor_type": (xxllnc_tokens.creditor_type, None, "other"),
            "result": (xxllnc_tokens.result, xxllnc_tokens.exact_result, None),
        }[column.role]
        codes, bad = values.read_codes(cells, recognise, unknown=unknown, blank=None)
        if column.role in ("method", "result"):
            # They decide the arms: what is unknown would silently become another arm, or no acceptance.
            self._refuse_most(sheet, column, cells, bad, "words of the code list")
        self.findings.add("source-unknown-code", sheet.name, column.target, bad)
        if exact is not None:
            _, inexact = values.read_codes(cells, exact, unknown=None, blank=None)
            self.findings.add("source-result-by-keyword", sheet.name, column.target, inexact - bad, "info")
        return codes

    def _judge(
        self, sheet: Sheet, column: Column, cells: list[Cell], bad: int, code: str, expected: str
    ) -> None:
        if column.required:
            self._refuse_most(sheet, column, cells, bad, expected)
        self.findings.add(code, sheet.name, column.target, bad)

    def _refuse_most(self, sheet: Sheet, column: Column, cells: list[Cell], bad: int, expected: str) -> None:
        """Raise when so much of a column cannot be used that an answer would rest on what is left."""
        filled = sum(1 for cell in cells if values.text(cell)) if bad > FEW_CELLS else 0
        if bad > max(FEW_CELLS, MOST_UNREADABLE * filled):
            raise SourceError(
                "source-column-unreadable",
                expected=expected,
                found=f"{bad} of {filled} cells that are not",
                mend="Look how the export writes this column and export it again.",
                where=f"tab {sheet.name}, column {column.header}",
            )


def amount_locale(
    sheet: Sheet, columns: Sequence[Column], declared: AmountLocale | None, findings: FindingList
) -> AmountLocale:
    """Notation of all amounts of a tab together; see :func:`causalsig.sources.amounts.settle_locale`."""
    headers = [column.header for column in columns if column.role == "amount" and sheet.has(column.header)]
    cells = [cell for header in headers for cell in sheet.column(header)]
    locale, detected = settle_locale(cells, declared, f"tab {sheet.name}")
    if detected:
        findings.add("source-amount-locale-detected", sheet.name, "amount_cents", 1, "info")
    return locale


def require(
    sheets: Mapping[str, Sheet],
    mapping: Mapping[str, Sequence[Column]],
    optional_tabs: Collection[str],
    findings: FindingList,
) -> None:
    """Check that tabs and required columns are there; what else is missing is a finding.

    Raises
    ------
    SourceError
        ``source-missing-tab`` or ``source-missing-column``, naming all that are missing.
    """
    absent = [tab for tab in mapping if tab.casefold() not in sheets]
    needed = [tab for tab in absent if tab not in optional_tabs]
    if needed:
        raise SourceError(
            "source-missing-tab",
            expected="tabs " + ", ".join(tab for tab in mapping if tab not in optional_tabs),
            found=f"no tab {', '.join(needed)}",
            mend="Export the whole workbook; the tabs keep the names the system gives them.",
        )
    for tab in absent:
        findings.add("source-optional-tab-missing", tab, severity="info")
    lacking = []
    for tab, columns in mapping.items():
        if tab in absent:
            continue
        for column in columns:
            if not sheets[tab.casefold()].has(column.header):
                if column.required:
                    lacking.append(f"'{column.header}' in {tab}")
                else:
                    findings.add("source-optional-column-missing", tab, column.target)
    if lacking:
        raise SourceError(
            "source-missing-column",
            expected="the columns this format needs",
            found=f"no column {', '.join(lacking)}",
            mend="Add them to the export; order and case of headers do not matter.",
        )


def refuse_duplicates(frame: pd.DataFrame, key: str, tab: str, header: str) -> None:
    """Raise ``source-duplicate-keys`` when a key that must be unique is not."""
    doubled = repeated(frame[key])
    if doubled:
        raise SourceError(
            "source-duplicate-keys",
            expected=f"every '{header}' once",
            found=f"{doubled} rows that repeat one",
            mend="Export without joining tabs, and look whether two extracts were pasted together.",
            where=f"tab {tab}",
        )
