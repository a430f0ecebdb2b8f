"""The xxllnc flat sheet of 2024-2025 into canonical tables, as far as one row a case can carry them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalsig.sources import xxllnc_flat_layout as layout
from causalsig.sources.assemble import assemble
from causalsig.sources.carries import note_what_is_not_carried
from causalsig.sources.findings import FindingList, ReadResult
from causalsig.sources.joined import join_sheets
from causalsig.sources.municipality import COLUMN, choose_labels, keep_rows, labels_of
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


def read_xxllnc_flat(
    path: Path | str | Sequence[Path | str],
    *,
    municipality: str,
    matching: Matching,
    name: str | None = None,
    amount_locale: AmountLocale | None = None,
    extracted_on: date | None = None,
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
) -> ReadResult:
    """Canonical tables from a sheet already opened; parameters as :func:`read_xxllnc_flat`."""
    findings = FindingList()
    columns = [column.column() for column in layout.CASE]
    require({SHEET: sheet}, {SHEET: columns}, (), findings)
    # A tab's own name is free text, and findings carry it.
    chosen = _select(replace(sheet, name=SHEET), municipality, name, findings)
    reader = TabReader(findings, amount_locale(chosen, columns, declared_locale, findings))
    rows = reader.read(chosen, columns)
    attempts, results = _attempts(reader, chosen)
    signals = _signals(rows, _creditors(reader, chosen))
    cases = rows.reindex(columns=["case_id", "withdrawn", "unjustified", "closed_on"])
    findings.add("source-cases-only", SHEET, count=len(rows))
    note_what_is_not_carried("xxllnc_flat", findings)
    kinds = signals[["creditor_id", "creditor_type"]].drop_duplicates("creditor_id")
    return assemble(
        {
            "signals": signals,
            "cases": cases.assign(result=results),
            "attempts": attempts,
            "creditors": kinds[kinds["creditor_id"].notna()].reset_index(drop=True),
        },
        municipality=municipality,
        matching=matching,
        extracted_on=extracted_on,
        unsaid=frozenset(),
        findings=findings,
    )


def _select(sheet: Sheet, municipality: str, name: str | None, findings: FindingList) -> Sheet:
    if not sheet.has(COLUMN):
        findings.add("source-municipality-unconfirmed", SHEET, severity="info")
        return sheet
    wanted, several = choose_labels(
        labels_of(sheet), municipality, name, where=SHEET, table=SHEET, findings=findings
    )
    return keep_rows(sheet, SHEET, wanted, several, findings)


def _creditors(reader: TabReader, sheet: Sheet) -> list[pd.DataFrame]:
    """Read what the sheet says of the first, second and third signal of each case."""
    parts = []
    for number in range(1, layout.CREDITORS + 1):
        columns = [column.column(layout.creditor_prefix(number)) for column in layout.CREDITOR]
        parts.append(_group(reader, sheet, columns))
    _note_missing(reader, sheet, layout.CREDITOR, _prefixes()[0])
    return parts


def _signals(rows: pd.DataFrame, creditors: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One signal a creditor of a case; the amount is only known of the first."""
    parts = []
    for number, creditor in enumerate(creditors, 1):
        there = creditor.notna().any(axis=1)
        if number == 1:
            there |= rows["received_on"].notna() | rows["amount_cents"].notna()
        known = creditor["creditor_type"].notna()
        part = rows.drop(columns=["withdrawn", "unjustified", "closed_on"], errors="ignore").assign(
            signal_id=pd.Series(
                [None if case is None else f"{case}-{number}" for case in _objects(rows["case_id"]).tolist()],
                dtype="object",
            ),
            # The sheet names no creditor: its kind is all there is to tell one from another.
            creditor_id=pd.Series(
                np.where(known, _objects(creditor["creditor_type"]), f"unnamed-{number}"), dtype="object"
            ),
            creditor_type=creditor["creditor_type"],
        )
        if number > 1:
            part = part.assign(amount_cents=np.nan, instalment_cents=np.nan)
        parts.append(part[there])
    signals = pd.concat(parts, ignore_index=True)
    if "household_key" not in signals:
        signals["household_key"] = pd.Series([None] * len(signals), dtype="object")
    return signals


def _attempts(reader: TabReader, sheet: Sheet) -> tuple[pd.DataFrame, pd.Series]:
    """Contact attempts of all groups below each other, and the final result of each case."""
    number = reader.read(sheet, [layout.CASE[0].column()])["case_id"]
    parts = []
    groups = [(layout.interim_prefix(at), 0.0) for at in range(1, layout.INTERIM + 1)]
    for prefix, final in [*groups, (layout.FINAL_PREFIX, 1.0)]:
        columns = [column.column(prefix) for column in layout.ATTEMPT]
        frame = _group(reader, sheet, columns)
        contact = (frame["reached"] == 1.0) | (frame["wants_help"] == 1.0)
        dated = frame["attempted_on"].notna() & (final == 0.0)
        made = frame["method"].notna() | dated | contact
        parts.append(frame.assign(case_id=number, is_final=final)[made])
    result = _group(reader, sheet, [layout.RESULT.column(layout.FINAL_PREFIX)])["result"]
    _note_missing(reader, sheet, layout.ATTEMPT, _prefixes()[1])
    _note_missing(reader, sheet, [layout.RESULT], [layout.FINAL_PREFIX])
    return pd.concat(parts, ignore_index=True), result


def _prefixes() -> tuple[list[str], list[str]]:
    """Prefixes of the groups of creditors and of contact attempts."""
    interim = [layout.interim_prefix(number) for number in range(1, layout.INTERIM + 1)]
    creditors = [layout.creditor_prefix(number) for number in range(1, layout.CREDITORS + 1)]
    return creditors, [*interim, layout.FINAL_PREFIX]


def _group(reader: TabReader, sheet: Sheet, columns: Sequence[Column]) -> pd.DataFrame:
    """Read a group's columns; one that the sheet has not is missing, of its own type."""
    frame = reader.read(sheet, columns)
    for column in columns:
        if column.target not in frame:
            fill: object = {"date": np.datetime64("NaT", "s"), "flag": np.nan, "wants_help": np.nan}.get(
                column.role
            )
            frame[column.target] = pd.Series(
                np.full(len(sheet), fill), index=frame.index, dtype=None if fill is not None else "object"
            )
    return frame


def _note_missing(
    reader: TabReader, sheet: Sheet, columns: Sequence[layout.FlatColumn], prefixes: Sequence[str]
) -> None:
    """Note the columns that no group of the sheet has: one group less is a shorter sheet."""
    for column in columns:
        if not any(sheet.has(prefix + column.header) for prefix in prefixes):
            reader.findings.add("source-optional-column-missing", SHEET, column.target)


def _objects(values: pd.Series) -> NDArray[np.object_]:
    """Texts of a column, None where there is none."""
    texts = np.empty(len(values), dtype=object)
    texts[:] = [None if value is None or value != value else value for value in values.to_numpy(dtype=object)]
    return texts
