"""The xxllnc flat sheet of 2024-2025 into canonical tables, as far as one row a case can carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from causalsig.sources import xxllnc_flat_layout as layout
from causalsig.sources.assemble import assemble
from causalsig.sources.carries import note_what_is_not_carried
from causalsig.sources.findings import FindingList, ReadResult
from causalsig.sources.joined import join_sheets
from causalsig.sources.municipality import COLUMN, choose_labels, keep_rows, labels_of
from causalsig.sources.rows import keep_rows as rows_kept
from causalsig.sources.schema import frame_of
from causalsig.sources.tabs import TabReader, amount_locale, require
from causalsig.sources.workbook_tabs import first_sheet
from causalsig.sources.xxllnc_flat_layout import SHEET

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from causalsig.sources.amounts import AmountLocale
    from causalsig.sources.schema import Matching
    from causalsig.sources.workbook import Sheet
    from causalsig.sources.xxllnc_layout import Column

    Arrays = dict[str, NDArray[Any]]

_OF_CASES = ("withdrawn", "unjustified", "closed_on")


def read_xxllnc_flat(
    path: Path | str | Sequence[Path | str],
    *,
    municipality: str,
    matching: Matching,
    name: str | None = None,
    amount_locale: AmountLocale | None = None,
    extracted_on: date | None = None,
    household_secret: bytes | None = None,
) -> ReadResult:
    """Read one municipality from a flat sheet, or from a year of them split over files.

    A row is a case. Its date and amount are those of its first signal; of the second and third only the kind
    of creditor and the date are known, and further ones are not there, nor are signals that led to no case.
    Findings name everything that the format cannot carry.

    Parameters
    ----------
    path : Path, str or a sequence of them
        The .xlsx files; a case number that occurs twice is refused.
    municipality : str
        The municipality's code, text with leading zeros.
    matching : Matching
        How the municipality turns signals into episodes.
    name : str, optional
        Its name as column Gemeente writes it.
    amount_locale : {"nl", "en"}, optional
        Notation of amounts stored as text. Without it the cells must settle it.
    extracted_on : datetime.date, optional
        Date of the extract; without it the latest date in the sheet, with a finding.
    household_secret : bytes, optional
        As :func:`causalsig.sources.formats.read_source`.

    Raises
    ------
    SourceError
        The file is not a readable flat sheet; the code says why.
    """
    paths = [path] if isinstance(path, Path | str) else list(path)
    return read_sheet(
        join_sheets([first_sheet(Path(one)) for one in paths]),
        municipality=municipality,
        matching=matching,
        name=name,
        declared_locale=amount_locale,
        extracted_on=extracted_on,
        household_secret=household_secret,
    )


def municipalities(path: Path | str) -> frozenset[str]:
    """Labels of all municipalities in a flat sheet; none when it does not say."""
    return labels_of(first_sheet(Path(path)))


def read_sheet(
    sheet: Sheet,
    *,
    municipality: str,
    matching: Matching,
    name: str | None,
    declared_locale: AmountLocale | None,
    extracted_on: date | None,
    household_secret: bytes | None = None,
) -> ReadResult:
    """Canonical tables from a sheet already opened; parameters as :func:`read_xxllnc_flat`."""
    findings = FindingList()
    columns = [column.column() for column in layout.CASE]
    require({SHEET: sheet}, {SHEET: columns}, (), findings)
    # A tab's own name is free text, and findings carry it.
    chosen = _select(replace(sheet, name=SHEET), municipality, name, findings)
    reader = TabReader(findings, amount_locale(chosen, columns, declared_locale, findings))
    rows = reader.arrays(chosen, columns)
    attempts, results = _attempts(reader, chosen)
    signals = _signals(rows, _creditors(reader, chosen))
    cases: Arrays = {name: rows[name] for name in ("case_id", *_OF_CASES) if name in rows}
    findings.add("source-cases-only", SHEET, count=len(chosen))
    note_what_is_not_carried("xxllnc_flat", findings)
    kinds = dict(zip(signals["creditor_id"].tolist(), signals["creditor_type"].tolist(), strict=True))
    return assemble(
        {
            "signals": signals,
            "cases": frame_of({**cases, "result": results}, len(chosen)),
            "attempts": attempts,
            "creditors": frame_of(
                {
                    "creditor_id": np.array(list(kinds), dtype=object),
                    "creditor_type": np.array(list(kinds.values()), dtype=object),
                },
                len(kinds),
            ),
        },
        municipality=municipality,
        matching=matching,
        extracted_on=extracted_on,
        unsaid=frozenset(),
        findings=findings,
        household_secret=household_secret,
    )


def _select(sheet: Sheet, municipality: str, name: str | None, findings: FindingList) -> Sheet:
    if not sheet.has(COLUMN):
        findings.add("source-municipality-unconfirmed", SHEET, severity="info")
        return sheet
    wanted, several = choose_labels(
        labels_of(sheet), municipality, name, where=SHEET, table=SHEET, findings=findings
    )
    return keep_rows(sheet, SHEET, wanted, several, findings)


def _creditors(reader: TabReader, sheet: Sheet) -> list[Arrays]:
    """Read what the sheet says of the first, second and third signal of each case."""
    parts = []
    for number in range(1, layout.CREDITORS + 1):
        columns = [column.column(layout.creditor_prefix(number)) for column in layout.CREDITOR]
        parts.append(_group(reader, sheet, columns))
    _note_missing(reader, sheet, layout.CREDITOR, _prefixes()[0])
    return parts


def _signals(rows: Arrays, creditors: Sequence[Arrays]) -> pd.DataFrame:
    """One signal a creditor of a case; the amount is only known of the first."""
    signals = {
        name: np.tile(values, len(creditors)) for name, values in rows.items() if name not in _OF_CASES
    }
    signals.setdefault("household_key", np.full(len(creditors) * len(rows["case_id"]), None, dtype=object))
    there, ids, names = [], [], []
    for number, creditor in enumerate(creditors, 1):
        kept = np.any([~pd.isna(values) for values in creditor.values()], axis=0)
        if number == 1:
            kept |= ~pd.isna(rows["received_on"]) | ~pd.isna(rows["amount_cents"])
        there.append(kept)
        ids += [None if case is None else f"{case}-{number}" for case in rows["case_id"].tolist()]
        # The sheet names no creditor: its kind is all there is to tell one from another.
        kinds = creditor["creditor_type"].tolist()
        names += [f"unnamed-{number}" if kind is None else kind for kind in kinds]
    signals["signal_id"], signals["creditor_id"] = (np.array(texts, dtype=object) for texts in (ids, names))
    signals["creditor_type"] = np.concatenate([creditor["creditor_type"] for creditor in creditors])
    for name in ("amount_cents", "instalment_cents"):
        if name in signals:
            signals[name][len(rows["case_id"]) :] = np.nan
    return rows_kept(frame_of(signals, len(ids)), np.concatenate(there))


def _attempts(reader: TabReader, sheet: Sheet) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Contact attempts of all groups below each other, and the final result of each case."""
    number = reader.arrays(sheet, [layout.CASE[0].column()])["case_id"]
    prefixes = [layout.interim_prefix(at) for at in range(1, layout.INTERIM + 1)] + [layout.FINAL_PREFIX]
    groups = [
        _group(reader, sheet, [column.column(prefix) for column in layout.ATTEMPT]) for prefix in prefixes
    ]
    attempts = {name: np.concatenate([group[name] for group in groups]) for name in groups[0]}
    attempts["case_id"] = np.tile(number, len(groups))
    attempts["is_final"] = np.repeat([0.0] * layout.INTERIM + [1.0], len(number))
    contact = (attempts["reached"] == 1.0) | (attempts["wants_help"] == 1.0)
    dated = ~np.isnat(attempts["attempted_on"]) & (attempts["is_final"] == 0.0)
    made = ~pd.isna(attempts["method"]) | dated | contact
    result = _group(reader, sheet, [layout.RESULT.column(layout.FINAL_PREFIX)])["result"]
    _note_missing(reader, sheet, layout.ATTEMPT, _prefixes()[1])
    _note_missing(reader, sheet, [layout.RESULT], [layout.FINAL_PREFIX])
    return rows_kept(frame_of(attempts, len(made)), made), result


def _prefixes() -> tuple[list[str], list[str]]:
    """Prefixes of the groups of creditors and of contact attempts."""
    interim = [layout.interim_prefix(number) for number in range(1, layout.INTERIM + 1)]
    creditors = [layout.creditor_prefix(number) for number in range(1, layout.CREDITORS + 1)]
    return creditors, [*interim, layout.FINAL_PREFIX]


def _group(reader: TabReader, sheet: Sheet, columns: Sequence[Column]) -> Arrays:
    """Read a group's columns; one that the sheet has not is missing, of its own type."""
    read = reader.arrays(sheet, columns)
    fills: Mapping[str, object] = {
        "date": np.datetime64("NaT", "s"),
        "flag": np.nan,
        "wants_help": np.nan,
    }
    return {
        column.target: read[column.target]
        if column.target in read
        else np.full(len(sheet), fills.get(column.role))
        for column in columns
    }


def _note_missing(
    reader: TabReader, sheet: Sheet, columns: Sequence[layout.FlatColumn], prefixes: Sequence[str]
) -> None:
    """Note the columns that no group of the sheet has: one group less is a shorter sheet."""
    for column in columns:
        if not any(sheet.has(prefix + column.header) for prefix in prefixes):
            reader.findings.add("source-optional-column-missing", SHEET, column.target)
