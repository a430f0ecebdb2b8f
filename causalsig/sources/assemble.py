"""Canonical frames, as a format has them, into whole checked tables: what is left out is derived or filled.

Formats that carry canonical columns under any name (canonical folders, databases, the flat sheet) end here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from causalsig.errors import SourceError
from causalsig.sources.arrears import new_arrears
from causalsig.sources.checks import check_tables
from causalsig.sources.checks_bounds import is_most
from causalsig.sources.checks_view import as_objects, is_missing
from causalsig.sources.dates import settle_extraction_date
from causalsig.sources.episodes import cases_of_episodes, episodes_by_matching_day
from causalsig.sources.findings import ReadResult
from causalsig.sources.household import known_again
from causalsig.sources.lookup import look_up
from causalsig.sources.rows import first_days, is_in, keep_rows, repeated, sort_rows
from causalsig.sources.schema import TABLES, SiteTables, conform
from causalsig.sources.tabs import refuse_duplicates
from causalsig.sources.values import odd_keys

if TYPE_CHECKING:
    from datetime import date

    from causalsig.sources.findings import FindingList, Severity
    from causalsig.sources.schema import Matching

Frames = dict[str, pd.DataFrame]

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "signals": ("signal_id", "household_key", "received_on", "creditor_id", "amount_cents", "case_id"),
        "cases": ("case_id",),
        "attempts": ("case_id", "attempted_on", "method", "reached"),
        "creditors": ("creditor_id", "creditor_type"),
        "episodes": ("episode_id", "household_key", "matched_on"),
        "followups": ("case_id", "followed_up_on"),
    }
)
"""Columns a canonical table cannot do without."""
OPTIONAL_TABLES: Final = frozenset({"episodes", "followups"})
"""Episodes are derived from the matching day when they are absent."""
DERIVED: Final = frozenset(
    {
        ("signals", "episode_id"),
        ("signals", "new_arrears"),
        ("signals", "creditor_type"),
        ("cases", "household_key"),
        ("cases", "opened_on"),
        ("attempts", "attempt_id"),
        *(("episodes", name) for name in ("period_start", "period_end", "n_creditors", "case_id")),
    }
)
"""Optional columns whose absence loses nothing: they follow from the others."""

DATED: Final = MappingProxyType(
    {
        "signals": ("received_on", "forwarded_on", "arrears_start"),
        "cases": ("opened_on", "closed_on"),
        "attempts": ("attempted_on",),
        "followups": ("followed_up_on",),
    }
)
_UNIQUE = {"signals": "signal_id", "cases": "case_id", "creditors": "creditor_id", "episodes": "episode_id"}
_ORDER = {
    "cases": ("case_id",),
    "attempts": ("case_id", "attempted_on", "is_final", "attempt_id"),
    "followups": ("case_id", "followed_up_on", "method"),
    "creditors": ("creditor_id",),
}


def check_columns(present: Mapping[str, frozenset[str]], findings: FindingList) -> None:
    """Check that tables and their required columns are there; what else is missing is a finding.

    Parameters
    ----------
    present : mapping
        Columns by table; an absent table is no key.

    Raises
    ------
    SourceError
        ``source-missing-tab`` or ``source-missing-column``, naming all that are missing.
    """
    needed = [name for name in TABLES if name not in present and name not in OPTIONAL_TABLES]
    if needed:
        raise SourceError(
            "source-missing-tab",
            expected="tables " + ", ".join(name for name in TABLES if name not in OPTIONAL_TABLES),
            found=f"no {', '.join(needed)}",
            mend="Export every table; the tables keep their canonical names.",
        )
    lacking = []
    for table, columns in TABLES.items():
        if table not in present:
            findings.add("source-optional-tab-missing", table, severity="info")
            continue
        for name in columns:
            if name in present[table]:
                continue
            if name in REQUIRED[table]:
                lacking.append(f"'{name}' in {table}")
            elif (table, name) not in DERIVED:
                findings.add("source-optional-column-missing", table, name)
    if lacking:
        raise SourceError(
            "source-missing-column",
            expected="the columns the canonical tables need",
            found=f"no column {', '.join(lacking)}",
            mend="Add them; order and case of headers do not matter. A CSV in another dialect than comma and "
            "UTF-8 declares it in dialect.toml beside it.",
        )


def assemble(
    frames: Mapping[str, pd.DataFrame],
    *,
    municipality: str,
    matching: Matching,
    extracted_on: date | None,
    unsaid: frozenset[str],
    findings: FindingList,
    household_secret: bytes | None,
) -> ReadResult:
    """Whole tables of one municipality from frames of canonical columns and types.

    Parameters
    ----------
    frames : mapping
        By canonical table; of one municipality as far as the source says whose its rows are. Its frames are
        not changed.
    municipality : str
    matching : Matching
        Makes the episodes when the source has none.
    extracted_on : datetime.date or None
        Without it the latest date in the frames, with a finding.
    unsaid : frozenset of str
        Tables of a source of several municipalities that do not say whose their rows are: theirs are the rows
        that link to signals. Empty for a source of one municipality.
    findings : FindingList
        What reading met so far.
    household_secret : bytes or None
        As :func:`causalsig.sources.formats.read_source`.

    Raises
    ------
    SourceError
        ``source-duplicate-keys``, ``source-no-signals``.
    """
    has_episodes = "episodes" in frames
    tables: Frames = {name: frames.get(name, pd.DataFrame()).copy(deep=False) for name in TABLES}
    del frames  # nobody else holds the readers' frames: columns that are replaced below leave memory
    _keep_ours(tables, unsaid)
    _check_keys(tables, findings)
    if tables["signals"]["received_on"].isna().all():
        raise SourceError(
            "source-no-signals",
            expected="at least one dated signal",
            found=f"{len(tables['signals'])} signals and no date among them",
            mend="Look whether the export was filtered, or its period is empty.",
            where="table signals",
        )
    extraction = settle_extraction_date(tables, DATED, extracted_on, findings)
    again = known_again(*_name_households(tables), household_secret)
    signals = _signals(tables)
    _keep_linked(tables, signals, unsaid, findings)
    if has_episodes and "episode_id" in tables["signals"]:
        episodes = _given_episodes(tables["episodes"], signals, findings)
    else:
        episodes, names = episodes_by_matching_day(signals, matching)
        signals["episode_id"] = pd.Series(names, dtype=object)
    cases = _cases(tables, signals, findings)
    site = SiteTables(
        municipality=municipality,
        extracted_on=extraction,
        signals=signals,
        episodes=conform("episodes", episodes),
        cases=_sorted("cases", cases),
        attempts=_sorted("attempts", tables["attempts"]),
        followups=_sorted("followups", tables["followups"]),
        creditors=_sorted("creditors", tables["creditors"]),
    )
    return ReadResult(site, findings.freeze() + check_tables(site), known_again=again)


def _check_keys(tables: Frames, findings: FindingList) -> None:
    for table, key in _UNIQUE.items():
        frame = tables[table]
        if key not in frame:
            continue
        findings.add("source-odd-key", table, key, odd_keys(frame[key].to_numpy(dtype=object)))
        refuse_duplicates(frame, key, table, key)
        if table != "signals":
            findings.add("source-missing-key", table, key, int(is_missing(frame[key]).sum()))
            tables[table] = keep_rows(frame, ~is_missing(frame[key]))
    if "household_key" in tables["signals"]:
        households = tables["signals"]["household_key"].to_numpy(dtype=object)
        findings.add("source-odd-key", "signals", "household_key", odd_keys(households))
    attempts = tables["attempts"]
    if "attempt_id" in attempts:
        findings.add("source-repeated-attempt", "attempts", "attempt_id", repeated(attempts["attempt_id"]))


def _name_households(tables: Frames) -> tuple[list[str], list[str]]:
    """Replace household keys by their rank, in every table alike: no trace of what they were made of.

    Returns what each is called now, and in the source.
    """
    holders = [name for name in ("signals", "episodes", "cases") if "household_key" in tables[name]]
    keys = np.concatenate([tables[name]["household_key"].to_numpy(dtype=object) for name in holders])
    ranks, known = pd.factorize(keys, sort=True)
    # Of one length, so that their order is that of the keys whatever other keys there are.
    called = [f"h{rank:08d}" for rank in range(len(known))]
    names = np.array([*called, None], dtype=object)[ranks]
    at = 0
    for name in holders:
        rows = len(tables[name])
        tables[name]["household_key"] = pd.Series(names[at : at + rows], dtype=object)
        at += rows
    return called, list(known)


def _signals(tables: Frames) -> pd.DataFrame:
    raw, creditors = tables["signals"], tables["creditors"].set_index("creditor_id")["creditor_type"]
    signals = conform("signals", raw)
    listed = look_up(signals["creditor_id"], creditors)
    kinds = np.where(
        is_missing(signals["creditor_type"]), as_objects(listed), as_objects(signals["creditor_type"])
    )
    kinds[pd.isna(kinds)] = None
    signals["creditor_type"] = pd.Series(kinds, dtype=object)
    signals = sort_rows(signals, ["received_on", "household_key", "signal_id"])
    told = signals["new_arrears"].to_numpy("float64")
    signals["new_arrears"] = np.where(np.isnan(told), new_arrears(signals), told)
    return signals


def _given_episodes(episodes: pd.DataFrame, signals: pd.DataFrame, findings: FindingList) -> pd.DataFrame:
    """Episodes of the source; what it does not say of them follows from their signals.

    An episode of no household, by itself and by its signals, is nobody's and is left out.
    """
    by_episode = signals.groupby("episode_id")
    own = as_objects(episodes["household_key"])
    theirs = as_objects(look_up(episodes["episode_id"], by_episode["household_key"].first()))
    episodes = episodes.assign(household_key=np.where(pd.isna(own), theirs, own))
    nobodys = is_missing(episodes["household_key"])
    weight: Severity = "error" if is_most(int(nobodys.sum()), len(episodes)) else "warning"
    findings.add("source-episode-without-household", "episodes", "household_key", int(nobodys.sum()), weight)
    episodes = keep_rows(episodes, ~nobodys)
    facts: dict[str, Callable[[], Any]] = {
        "period_start": lambda: by_episode["received_on"].min(),
        "period_end": lambda: by_episode["received_on"].max(),
        "n_creditors": lambda: by_episode["creditor_id"].nunique().astype("float64"),
        "case_id": lambda: cases_of_episodes(signals),
    }
    missing = {
        name: look_up(episodes["episode_id"], fact()) for name, fact in facts.items() if name not in episodes
    }
    return sort_rows(episodes.assign(**missing), ["household_key", "matched_on", "episode_id"])


def _keep_ours(tables: Frames, unsaid: frozenset[str]) -> None:
    """Keep what the signals name, in tables that do not say whose their rows are."""
    signals = tables["signals"]
    for table, key in (("cases", "case_id"), ("creditors", "creditor_id"), ("episodes", "episode_id")):
        if table in unsaid and key in tables[table] and key in signals:
            frame = tables[table]
            tables[table] = frame[frame[key].isin(signals[key].dropna())].reset_index(drop=True)


def _keep_linked(
    tables: Frames, signals: pd.DataFrame, unsaid: frozenset[str], findings: FindingList
) -> None:
    """Leave out contacts of no case that is known here."""
    for table, code in (
        ("attempts", "source-attempt-without-case"),
        ("followups", "source-followup-without-case"),
    ):
        frame = tables[table]
        if "case_id" not in frame:
            continue
        linked = is_in(frame["case_id"], tables["cases"]["case_id"], signals["case_id"])
        missing = int((~linked).sum())
        if table in unsaid:
            findings.add("source-other-municipality", table, count=missing, severity="info")
        else:
            weight: Severity = "error" if is_most(missing, len(frame)) else "warning"
            findings.add(code, table, "case_id", missing, weight)
        tables[table] = keep_rows(frame, linked)


def _cases(tables: Frames, signals: pd.DataFrame, findings: FindingList) -> pd.DataFrame:
    """Cases with their household and opening date, which follow from signals and attempts when absent."""
    cases, attempts = tables["cases"], tables["attempts"]
    number = cases["case_id"]
    households, mixed = households_of_cases(signals)
    findings.add("source-case-of-several-households", "cases", "household_key", mixed)
    if "household_key" not in cases:
        cases = cases.assign(household_key=look_up(number, households))
    if "opened_on" not in cases:
        forwarded = first_days(number, signals["case_id"], signals["forwarded_on"])
        taken_up = first_days(number, attempts["case_id"], attempts["attempted_on"])
        cases = cases.assign(opened_on=np.where(np.isnat(forwarded), taken_up, forwarded))
    return cases


def households_of_cases(signals: pd.DataFrame) -> tuple[pd.Series, int]:
    """Household by case number, the first by key of several; and how many cases have several."""
    numbers, keys = as_objects(signals["case_id"]), as_objects(signals["household_key"])
    told = ~pd.isna(numbers) & ~pd.isna(keys)
    case, names = pd.factorize(numbers[told])
    household, ranked = pd.factorize(keys[told], sort=True)
    pairs = np.unique(case * max(len(ranked), 1) + household)
    _, first, sizes = np.unique(pairs // max(len(ranked), 1), return_index=True, return_counts=True)
    chosen = np.asarray(ranked, dtype=object)[pairs[first] % max(len(ranked), 1)]
    return pd.Series(chosen, index=pd.Index(names, dtype=object), dtype=object), int((sizes > 1).sum())


def _sorted(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Canonical frame in an order that does not depend on the order of the source's rows."""
    whole = conform(table, frame)
    order = [name for name in _ORDER[table] if not is_missing(whole[name]).all()]
    whole = sort_rows(whole, order, missing_first=True)
    if table == "attempts":
        method = whole["method"].to_numpy(dtype=object, copy=True)
        method[pd.isna(method)] = "unknown"
        whole["method"] = pd.Series(method, dtype=object)
        if is_missing(whole["attempt_id"]).all():
            whole["attempt_id"] = pd.Series([f"a{row}" for row in range(len(whole))], dtype=object)
    return whole
