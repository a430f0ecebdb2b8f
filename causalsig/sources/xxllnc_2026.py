"""The xxllnc 2026 workbook into canonical tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalsig.errors import SourceError
from causalsig.sources.arrears import new_arrears
from causalsig.sources.assemble import households_of_cases
from causalsig.sources.checks import check_tables
from causalsig.sources.checks_bounds import is_most
from causalsig.sources.checks_view import as_objects, is_missing, positions
from causalsig.sources.dates import settle_extraction_date
from causalsig.sources.episodes import episodes_by_matching_day
from causalsig.sources.findings import FindingList, ReadResult
from causalsig.sources.household import known_again
from causalsig.sources.joined import join_workbooks
from causalsig.sources.lookup import look_up
from causalsig.sources.municipality import labels_of, select_municipality
from causalsig.sources.rows import first_days, is_in, keep_rows, repeated, sort_rows
from causalsig.sources.schema import SiteTables, conform
from causalsig.sources.tabs import TabReader, amount_locale, refuse_duplicates, require
from causalsig.sources.values import odd_keys
from causalsig.sources.workbook import open_workbook
from causalsig.sources.xxllnc_layout import (
    CASES_TAB,
    CREDITORS_TAB,
    FINAL_TAB,
    FOLLOWUPS_TAB,
    INTERIM_TAB,
    MAPPING,
    OPTIONAL_TABS,
    SIGNALS_TAB,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from causalsig.sources.amounts import AmountLocale
    from causalsig.sources.findings import Severity
    from causalsig.sources.schema import Matching
    from causalsig.sources.workbook import Sheet

Frames = dict[str, pd.DataFrame]

DATED = {
    SIGNALS_TAB: ("received_on", "forwarded_on"),
    CASES_TAB: ("closed_on", "seen_on"),
    INTERIM_TAB: ("attempted_on",),
    FINAL_TAB: ("attempted_on",),
    FOLLOWUPS_TAB: ("followed_up_on",),
}


def read_xxllnc_2026(
    path: Path | str | Sequence[Path | str],
    *,
    municipality: str,
    matching: Matching,
    name: str | None = None,
    amount_locale: AmountLocale | None = None,
    extracted_on: date | None = None,
    household_secret: bytes | None = None,
) -> ReadResult:
    """Read one municipality from an xxllnc 2026 workbook.

    Order of columns and rows, case and blanks of headers do not matter. Names of staff and creditors, free
    text and postcodes are never read; the household hash is replaced by a key without meaning. Reach comes
    from the contact attempts, not from the cases' own column.

    Parameters
    ----------
    path : Path, str or a sequence of them
        The .xlsx file, or those over which an export is split; a key that occurs in two of them is refused.
    municipality : str
        The municipality's code, text with leading zeros.
    matching : Matching
        How the municipality turns signals into episodes (from the inventory).
    name : str, optional
        Its name as column Gemeente writes it. With a name, a file of another municipality is refused.
    amount_locale : {"nl", "en"}, optional
        Notation of amounts stored as text. Without it the cells must settle it.
    extracted_on : datetime.date, optional
        Date of the extract; without it the latest date in the workbook, with a finding.
    household_secret : bytes, optional
        As :func:`causalsig.sources.formats.read_source`.

    Returns
    -------
    ReadResult
        Tables and findings; the latter include those of :func:`causalsig.sources.checks.check_tables`.

    Raises
    ------
    SourceError
        The file is not a readable workbook of this format; the code says why.
    """
    paths = [path] if isinstance(path, Path | str) else list(path)
    books = [open_workbook(Path(one), MAPPING) for one in paths]
    for book in books if len(books) > 1 else ():
        require(book, MAPPING, OPTIONAL_TABS, FindingList())  # or a tab's loss in one file would not be seen
    return read_sheets(
        join_workbooks(books, {CREDITORS_TAB.casefold()}),
        municipality=municipality,
        matching=matching,
        name=name,
        declared_locale=amount_locale,
        extracted_on=extracted_on,
        household_secret=household_secret,
    )


def municipalities(path: Path | str) -> frozenset[str]:
    """Labels of all municipalities in a workbook; none when its signals do not say."""
    book = open_workbook(Path(path), {SIGNALS_TAB})
    return frozenset().union(*map(labels_of, book.values()))


def read_sheets(
    sheets: Mapping[str, Sheet],
    *,
    municipality: str,
    matching: Matching,
    name: str | None,
    declared_locale: AmountLocale | None,
    extracted_on: date | None,
    household_secret: bytes | None = None,
) -> ReadResult:
    """Canonical tables from tabs already opened; parameters as :func:`read_xxllnc_2026`."""
    findings = FindingList()
    require(sheets, MAPPING, OPTIONAL_TABS, findings)
    chosen, several = select_municipality(sheets, municipality, name, findings)
    frames = _read_frames(chosen, declared_locale, findings)
    if frames[SIGNALS_TAB]["received_on"].isna().all():
        raise SourceError(
            "source-no-signals",
            expected="at least one dated signal",
            found=f"{len(frames[SIGNALS_TAB])} signals and no date among them",
            mend="Look whether the export was filtered, or its period is empty.",
            where=f"tab {SIGNALS_TAB}",
        )
    if several:
        _keep_linked(frames, chosen[CASES_TAB.casefold()].has("Gemeente"))
    extraction = settle_extraction_date(frames, DATED, extracted_on, findings)
    called, own = _name_households(frames)
    signals = _signals(frames, findings)
    attempts, results = _attempts(frames, sheets, several, findings)
    cases = _cases(frames, signals, attempts, results, findings)
    episodes, names = episodes_by_matching_day(signals, matching)
    signals["episode_id"] = pd.Series(names, dtype=object)
    tables = SiteTables(
        municipality=municipality,
        extracted_on=extraction,
        signals=signals,
        episodes=conform("episodes", episodes),
        cases=conform("cases", cases),
        attempts=conform("attempts", attempts),
        followups=conform("followups", _followups(frames, several, findings)),
        creditors=conform("creditors", frames[CREDITORS_TAB]),
    )
    read = findings.freeze()
    again = known_again(called, own, household_secret)
    return ReadResult(tables, read + check_tables(tables), known_again=again)


def _read_frames(sheets: Mapping[str, Sheet], declared: AmountLocale | None, findings: FindingList) -> Frames:
    signals = sheets[SIGNALS_TAB.casefold()]
    reader = TabReader(findings, amount_locale(signals, MAPPING[SIGNALS_TAB], declared, findings))
    frames = {
        tab: reader.read(sheets[tab.casefold()], columns)
        for tab, columns in MAPPING.items()
        if tab.casefold() in sheets
    }
    frames.setdefault(FOLLOWUPS_TAB, pd.DataFrame({"case_id": np.empty(0, dtype=object)}))
    for tab, key, header in (
        (SIGNALS_TAB, "signal_id", "SignaalID"),
        (CASES_TAB, "case_id", "Meldingnummer"),
        (CREDITORS_TAB, "creditor_id", "ID"),
    ):
        frame = frames[tab]
        findings.add("source-odd-key", tab, key, odd_keys(frame[key].to_numpy()))
        refuse_duplicates(frame, key, tab, header)
        if tab != SIGNALS_TAB:
            findings.add("source-missing-key", tab, key, int(is_missing(frame[key]).sum()))
            frames[tab] = keep_rows(frame, ~is_missing(frame[key]))
    findings.add("source-odd-key", SIGNALS_TAB, "hash", odd_keys(frames[SIGNALS_TAB]["hash"].to_numpy()))
    return frames


def _keep_linked(frames: Frames, cases_are_selected: bool) -> None:
    """Keep what belongs to this municipality's signals, where a tab does not say whose its rows are."""
    signals, cases, creditors = frames[SIGNALS_TAB], frames[CASES_TAB], frames[CREDITORS_TAB]
    if not cases_are_selected:
        frames[CASES_TAB] = keep_rows(cases, is_in(cases["case_id"], signals["case_id"]))
    kept = is_in(creditors["creditor_id"], signals["creditor_id"])
    frames[CREDITORS_TAB] = keep_rows(creditors, kept)


def _name_households(frames: Frames) -> tuple[list[str], list[str]]:
    """Replace hashes by ranks of sorted hashes: no trace of them is kept, and rows may stand in any order.

    Returns what each household is called now, and its hash.
    """
    signals = frames[SIGNALS_TAB]
    ranks, known = pd.factorize(signals["hash"], sort=True)
    called = [f"h{rank}" for rank in range(len(known))]
    names = np.array([*called, None], dtype=object)[ranks]
    frames[SIGNALS_TAB] = signals.drop(columns="hash").assign(household_key=pd.Series(names, dtype=object))
    return called, list(known)


def _signals(frames: Frames, findings: FindingList) -> pd.DataFrame:
    signals = frames[SIGNALS_TAB]
    creditors = frames[CREDITORS_TAB].set_index("creditor_id")["creditor_type"]
    signals = signals.assign(creditor_type=look_up(signals["creditor_id"], creditors))
    if {"forwarded", "forwarded_on"} <= set(signals):
        dated, said = ~is_missing(signals["forwarded_on"]), signals["forwarded"].to_numpy()
        wrong = ((said == 1) & ~dated) | ((said == 0) & dated)
        findings.add("source-forwarded-contradiction", SIGNALS_TAB, "forwarded_on", int(wrong.sum()))
    signals = sort_rows(conform("signals", signals), ["received_on", "household_key", "signal_id"])
    signals["new_arrears"] = new_arrears(signals)
    return signals


def _attempts(
    frames: Frames, sheets: Mapping[str, Sheet], several: bool, findings: FindingList
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read attempts of both tabs, and the rows of the last one that carry a final result."""
    parts = []
    for tab, final in ((INTERIM_TAB, 0.0), (FINAL_TAB, 1.0)):
        frame = frames[tab]
        if "source_id" in frame:
            findings.add("source-repeated-attempt", tab, "attempt_id", repeated(frame["source_id"]))
            findings.add("source-missing-key", tab, "attempt_id", int(is_missing(frame["source_id"]).sum()))
            findings.add("source-odd-key", tab, "attempt_id", odd_keys(frame["source_id"].to_numpy()))
        linked = _of_known_cases(frame, frames)
        _count_unlinked(linked, tab, several, "source-attempt-without-case", findings)
        parts.append(keep_rows(frame, linked).assign(is_final=final))
    rows = pd.concat(parts, ignore_index=True) if any(len(part) for part in parts) else parts[1]
    by = ["case_id", "attempted_on", "is_final", *(["source_id"] if "source_id" in rows else [])]
    rows = sort_rows(rows, by, missing_first=True)
    results = keep_rows(rows, ~is_missing(rows["result"])) if "result" in rows else rows[:0]
    # A final result may stand without an attempt: a dated row without a method is one only when it tells of
    # contact. Else "moved" or "known in debt help" would pass for a first attempt.
    contact = rows["reached"].to_numpy() == 1.0
    if "wants_help" in rows:
        contact |= rows["wants_help"].to_numpy() == 1.0
    interim = (rows["is_final"].to_numpy() == 0.0) & ~is_missing(rows["attempted_on"])
    attempts = keep_rows(rows, ~is_missing(rows["method"]) | interim | contact)
    method = attempts["method"].to_numpy(dtype=object, copy=True)
    method[pd.isna(method)] = "unknown"
    names = [f"a{row}" for row in range(len(attempts))]
    attempts = attempts.assign(
        method=pd.Series(method, dtype=object), attempt_id=pd.Series(names, dtype=object)
    )
    return attempts, results


def _of_known_cases(frame: pd.DataFrame, frames: Frames) -> NDArray[np.bool_]:
    return is_in(frame["case_id"], frames[CASES_TAB]["case_id"], frames[SIGNALS_TAB]["case_id"])


def _count_unlinked(
    linked: NDArray[np.bool_],
    tab: str,
    several: bool,
    code: str,
    findings: FindingList,
) -> None:
    """Count the rows left out; with several municipalities in the file most belong to another one."""
    missing = int((~linked).sum())
    if several:
        findings.add("source-other-municipality", tab, count=missing, severity="info")
    else:
        weight: Severity = "error" if is_most(missing, len(linked)) else "warning"
        findings.add(code, tab, "case_id", missing, weight)


def _cases(
    frames: Frames,
    signals: pd.DataFrame,
    attempts: pd.DataFrame,
    results: pd.DataFrame,
    findings: FindingList,
) -> pd.DataFrame:
    """Cases with household, opening date and result, none of which the tab of cases has."""
    cases = sort_rows(frames[CASES_TAB], ["case_id"])
    number = cases["case_id"]
    households, mixed = households_of_cases(signals)
    findings.add("source-case-of-several-households", "cases", "household_key", mixed)
    at = positions(results["case_id"], number)
    several = np.bincount(at[at >= 0], minlength=len(cases)) > 1
    findings.add("source-several-final-results", FINAL_TAB, "result", int(several.sum()))
    result = np.full(len(cases), None, dtype=object)
    if "result" in results:
        result[at[at >= 0]] = as_objects(results["result"])[at >= 0]  # of several the last one stays
    # Forwarding makes a case. Cases outlive their signals: then the first sign that it was taken up.
    taken_up = first_days(number, attempts["case_id"], attempts["attempted_on"])
    if "seen_on" in cases:
        taken_up = np.fmin(taken_up, cases["seen_on"].to_numpy("datetime64[s]"))
    forwarded = first_days(number, signals["case_id"], signals["forwarded_on"])
    return cases.assign(
        household_key=look_up(number, households),
        opened_on=np.where(np.isnat(forwarded), taken_up, forwarded),
        result=pd.Series(result, dtype=object),
    )


def _followups(frames: Frames, several: bool, findings: FindingList) -> pd.DataFrame:
    frame = frames[FOLLOWUPS_TAB]
    linked = _of_known_cases(frame, frames)
    _count_unlinked(linked, FOLLOWUPS_TAB, several, "source-followup-without-case", findings)
    order = [name for name in ("case_id", "followed_up_on", "method") if name in frame]
    return sort_rows(keep_rows(frame, linked), order)
