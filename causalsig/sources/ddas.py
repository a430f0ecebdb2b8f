"""DDAS-Vroegsignalering, the national exchange standard (JSON), into canonical tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from causalsig.errors import SourceError
from causalsig.sources import ddas_versions as layout
from causalsig.sources.arrears import new_arrears
from causalsig.sources.checks import check_tables
from causalsig.sources.checks_view import is_missing
from causalsig.sources.dates import settle_extraction_date
from causalsig.sources.ddas_cases import assemble_attempts, assemble_cases, assemble_episodes, link_signals
from causalsig.sources.ddas_fields import FieldReader, nested
from causalsig.sources.ddas_households import link_persons
from causalsig.sources.ddas_json import Deliveries, Record, objects, open_json, select_deliveries
from causalsig.sources.findings import FindingList, ReadResult
from causalsig.sources.household import Households, household_hashes
from causalsig.sources.rows import keep_rows, sort_rows
from causalsig.sources.schema import SiteTables, conform, frame_of
from causalsig.sources.tabs import OLDEST_AGE, refuse_duplicates
from causalsig.sources.values import odd_keys, read_dates

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from causalsig.sources.household import HouseholdRule
    from causalsig.sources.schema import Matching

DATED = {
    layout.SIGNALS: ("received_on", "arrears_start"),
    layout.CASES: ("matched_on", "opened_on"),
    layout.ATTEMPTS: ("attempted_on",),
}


def read_ddas(
    path: Path | str | Sequence[Path | str],
    *,
    municipality: str,
    matching: Matching,
    name: str | None = None,
    extracted_on: date | None = None,
    household_rule: HouseholdRule = "postcode_number_addition",
    household_secret: bytes | None = None,
    version: str | None = None,
) -> ReadResult:
    """Read one municipality from DDAS-Vroegsignalering JSON, versions 0.9 to 1.2.

    Address and citizen number become a household hash while the file is read, and birth date an age; they
    are dropped before anything else happens. Names, streets, sex and contact persons are never looked at.
    A citizen number and an address that share a case are one household. The matching of the municipality
    itself makes the episodes; signals in no case are matched as the inventory says. The standard names no
    creditor, only its kind, gives cases no identifier and no closing date: a case with a result is taken to
    close a stated number of days after its last attempt (:mod:`~causalsig.sources.ddas_versions`), and a
    finding counts these.

    Parameters
    ----------
    path : Path, str or a sequence of them
        The .json file, or the files of several periods, read as one.
    municipality : str
        The municipality's code, text with leading zeros; deliveries of others are left out.
    matching : Matching
        How the municipality turns signals into episodes (from the inventory), for signals in no case.
    name : str, optional
        Not used: the standard tells municipalities apart by code.
    extracted_on : datetime.date, optional
        Date of the extract; without it the end of the period delivered, or the day of delivery if earlier.
    household_rule : {"postcode_number_addition", "postcode_number"}
        Parts of the address on which the municipality matches.
    household_secret : bytes, optional
        As :func:`causalsig.sources.formats.read_source`; the secret of the hash. Without it one is drawn for
        this reading. In the tables household keys are numbers without meaning either way.
    version : {"0.9", "1.1-draft", "1.2-draft", "1.2"}, optional
        Without it the names of the fields tell; the finding ``source-format-version`` says which one.

    Returns
    -------
    ReadResult
        Tables and findings; the latter include those of :func:`causalsig.sources.checks.check_tables`.

    Raises
    ------
    SourceError
        The file is not readable as this format, or the municipality is not in it; the code says why.
    """
    findings = FindingList()
    paths = [path] if isinstance(path, Path | str) else list(path)
    files = [open_json(Path(part)) for part in paths]
    deliveries = select_deliveries(files, municipality, version, findings)
    del files
    frames, links = _read_frames(deliveries, household_rule, household_secret, findings)
    extraction = _settle_dates(frames, deliveries, extracted_on, findings)
    signals, own = _signals(frames[layout.SIGNALS], findings)
    cases = frames[layout.CASES]
    links = link_signals(signals, cases, links, findings)
    link_persons(signals, cases, links, findings)
    episodes = assemble_episodes(signals, cases, matching)
    attempts = assemble_attempts(frames[layout.ATTEMPTS], cases)
    _note_absent(findings)
    tables = SiteTables(
        municipality=municipality,
        extracted_on=extraction,
        signals=_classified(signals),
        episodes=conform("episodes", episodes),
        cases=conform("cases", assemble_cases(cases, signals, links, attempts, extraction, findings)),
        attempts=conform("attempts", attempts),
        followups=conform("followups", pd.DataFrame({"case_id": np.empty(0, dtype=object)})),
        creditors=conform("creditors", _creditors(signals)),
    )
    again = None if household_secret is None else own
    return ReadResult(tables, findings.freeze() + check_tables(tables), known_again=again)


def _read_frames(
    deliveries: Deliveries, rule: HouseholdRule, key: bytes | None, findings: FindingList
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Frames of signals, cases and attempts, and the pairs of case row and signal identifier."""
    version, cases = deliveries.version, deliveries.cases
    owner, references = _children(cases, layout.SIGNALS, f"{layout.CASES}.{layout.SIGNALS}", findings)
    reader = FieldReader(references, f"{layout.CASES}.{layout.SIGNALS}", findings)
    reader.check(frozenset({"ID"}))
    links = frame_of({"case": owner, "signal_id": reader.keys("ID", "signal_id")}, len(owner))
    links = keep_rows(links, ~is_missing(links["signal_id"]))
    links = keep_rows(links, ~links.duplicated().to_numpy())
    frames = {
        layout.ATTEMPTS: _attempt_frame(cases, version, findings),
        layout.SIGNALS: _signal_frame(deliveries.signals, version, rule, key, findings),
        layout.CASES: _case_frame(cases, version, findings),
    }
    made = np.bincount(frames[layout.ATTEMPTS]["case"], minlength=len(cases))
    frames[layout.CASES]["attempts"] = made.astype(np.int64)
    return frames, links


def _children(
    records: Sequence[Record], field: str, where: str, findings: FindingList
) -> tuple[NDArray[np.int64], list[Record]]:
    """Objects in the lists of all records, and the row of the record each one belongs to."""
    lists = [objects(record.get(field), where, findings) for record in records]
    owner = np.repeat(np.arange(len(records), dtype=np.int64), [len(items) for items in lists])
    return owner, [item for items in lists for item in items]


def _signal_frame(
    records: Sequence[Record],
    version: layout.Version,
    rule: HouseholdRule,
    key: bytes | None,
    findings: FindingList,
) -> pd.DataFrame:
    reader = FieldReader(records, layout.SIGNALS, findings)
    reader.check(layout.SIGNAL_FIELDS)
    partners = FieldReader(
        nested(records, layout.PARTNER, layout.SIGNALS, findings), layout.PARTNER, findings
    )
    partners.check(frozenset({"type"}))
    clients = FieldReader(nested(records, layout.CLIENT, layout.SIGNALS, findings), layout.CLIENT, findings)
    clients.check(version.client_fields)
    households = _households(clients, version, rule, key)
    columns: dict[str, Any] = {
        "signal_id": reader.keys("ID", "signal_id"),
        "received_on": reader.dates("signaaldatum", "received_on", required=True),
        "arrears_start": reader.dates("ontstaansdatum", "arrears_start"),
        "amount_cents": reader.cents("bedrag", "amount_cents"),
        "crisis": reader.flags("crisissignaal", "crisis"),
        "creditor_type": partners.codes("type", "creditor_type", layout.CREDITOR_TOKENS, unknown="other"),
        "status": reader.codes("status", "status", layout.all_tokens("statuses"), own=version.statuses),
        "hash": households.hashes,
        "by_person": households.by_person,
    }
    columns["creditor_id"] = columns["creditor_type"]
    columns["age"] = _ages(clients, version.client["born_on"], columns["received_on"])
    frame = frame_of(columns, len(records))
    findings.add("source-missing-key", layout.SIGNALS, "signal_id", int(frame["signal_id"].isna().sum()))
    findings.add("source-odd-key", layout.SIGNALS, "signal_id", odd_keys(columns["signal_id"]))
    refuse_duplicates(frame, "signal_id", layout.SIGNALS, "ID")
    return frame


def _households(
    clients: FieldReader, version: layout.Version, rule: HouseholdRule, key: bytes | None
) -> Households:
    fields = version.client
    households = household_hashes(
        clients.texts(fields["postcode"], "postcode"),
        clients.texts(fields["number"], "number"),
        clients.texts(fields["addition"], "addition"),
        clients.texts(fields["person"], "person"),
        rule=rule,
        key=key,
    )
    findings = clients.findings
    findings.add("source-unreadable-address", layout.CLIENT, "household_key", households.unreadable)
    return households


def _ages(clients: FieldReader, field: str, received: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Age in whole years when the signal was received, NaN where unknown or impossible."""
    born, bad = read_dates(clients.cells(field, "age", str))
    clients.findings.add("source-unreadable-date", layout.CLIENT, "age", bad)
    month, birth_month = (day.astype("datetime64[M]") for day in (received, born))
    years = month.astype("datetime64[Y]").astype("float64") - birth_month.astype("datetime64[Y]").astype(
        "float64"
    )
    in_year, birth_in_year = (
        (m - m.astype("datetime64[Y]")).astype("float64") * 100.0
        + (d - m.astype("datetime64[D]")).astype("float64")
        for m, d in ((month, received.astype("datetime64[D]")), (birth_month, born))
    )
    known = ~np.isnat(received) & ~np.isnat(born)
    ages = np.where(known, years - (in_year < birth_in_year), np.nan)
    absurd = (ages < 0) | (ages > OLDEST_AGE)
    clients.findings.add("source-absurd-age", layout.CLIENT, "age", int(absurd.sum()))
    return np.where(absurd, np.nan, ages)


def _case_frame(records: Sequence[Record], version: layout.Version, findings: FindingList) -> pd.DataFrame:
    reader = FieldReader(records, layout.CASES, findings)
    reader.check(version.case_fields)
    columns: dict[str, Any] = {
        name: reader.dates(version.case[name], name)
        for name in ("matched_on", "period_start", "period_end", "opened_on")
    }
    columns["result"] = reader.codes(
        version.case["result"], "result", layout.all_tokens("results"), own=version.results
    )
    return frame_of(columns, len(records))


def _attempt_frame(cases: Sequence[Record], version: layout.Version, findings: FindingList) -> pd.DataFrame:
    owner, records = _children(cases, layout.ATTEMPTS, layout.ATTEMPTS, findings)
    reader = FieldReader(records, layout.ATTEMPTS, findings)
    reader.check(layout.ATTEMPT_FIELDS)
    methods = layout.all_tokens("methods")
    method = reader.codes("soort", "method", methods, unknown="other", own=version.methods)
    method[[code is None for code in method]] = "unknown"
    columns: dict[str, Any] = {
        "case": owner,
        "attempted_on": reader.dates("datum", "attempted_on", required=True),
        "method": method,
        "daypart": reader.codes("dagdeel", "daypart", layout.DAYPART_TOKENS),
        "reached": reader.flags("bereikt", "reached"),
    }
    return frame_of(columns, len(records))


def _settle_dates(
    frames: dict[str, pd.DataFrame], deliveries: Deliveries, given: date | None, findings: FindingList
) -> date:
    if frames[layout.SIGNALS]["received_on"].isna().all():
        raise SourceError(
            "source-no-signals",
            expected="at least one dated signal",
            found=f"{len(frames[layout.SIGNALS])} signals and no date among them",
            mend="Look whether the delivery was filtered, or its period is empty.",
            where=layout.SIGNALS,
        )
    if given is None:
        given = _delivered_until(deliveries.files, findings)
    return settle_extraction_date(frames, DATED, given, findings)


def _delivered_until(files: list[Record], findings: FindingList) -> date | None:
    """Last day of the period delivered, or the day of delivery when that came first; None when unsaid."""
    reader = FieldReader(files, "", findings)
    first, last = (reader.dates(field, field) for field in ("startdatumLevering", "einddatumLevering"))
    made = reader.cells("aanleverdatumEnTijd", "aanleverdatumEnTijd", str)
    made_on, bad = read_dates([None if moment is None else moment[:10] for moment in made])
    findings.add("source-unreadable-date", "", "aanleverdatumEnTijd", bad)
    findings.add("source-delivery-dates-contradict", "", count=int(((first > last) | (last > made_on)).sum()))
    ends = np.fmin(last.astype("datetime64[D]"), made_on)
    ends = ends[~np.isnat(ends)]
    if not len(ends):
        return None
    findings.add("source-extraction-date-of-delivery", "", severity="info")
    end: date = ends.max().item()
    return end


def _signals(signals: pd.DataFrame, findings: FindingList) -> tuple[pd.DataFrame, dict[str, str]]:
    """Signals in an order that does not depend on the file's, with household keys; and the hash of each."""
    late = signals["arrears_start"].to_numpy() > signals["received_on"].to_numpy()
    findings.add("source-arrears-after-signal", layout.SIGNALS, "arrears_start", int(late.sum()))
    if late.any():
        signals["arrears_start"] = signals["arrears_start"].where(~late)
    signals = sort_rows(signals, ["received_on", "signal_id", "amount_cents"])
    # Numbers in order of the first signal: the secret leaves no trace, not even in the order.
    codes, hashes = pd.factorize(signals["hash"])
    called = [f"h{code}" for code in range(len(hashes))]
    household = pd.Series(np.array([*called, None], dtype=object)[codes], dtype=object)
    own = dict(zip(called, hashes, strict=True))
    return signals.drop(columns="hash").assign(household_key=household), own


def _classified(signals: pd.DataFrame) -> pd.DataFrame:
    table = conform("signals", signals)
    table["new_arrears"] = new_arrears(table)
    return table


def _creditors(signals: pd.DataFrame) -> pd.DataFrame:
    kinds = sorted(signals["creditor_type"].dropna().unique())
    kinds_column = np.array(kinds, dtype=object)
    return frame_of({"creditor_id": kinds_column, "creditor_type": kinds_column}, len(kinds))


def _note_absent(findings: FindingList) -> None:
    for table, columns in layout.NOT_CARRIED.items():
        for column in columns:
            findings.add("source-column-not-in-format", table, column, severity="info")
    findings.add("source-creditor-is-a-kind", "creditors", "creditor_id", severity="info")
