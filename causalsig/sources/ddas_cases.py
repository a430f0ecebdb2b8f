"""DDAS cases, which have no identifier, into episodes, cases and attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalsig.codes import ACCEPTED_RESULTS
from causalsig.sources import ddas_versions as layout
from causalsig.sources.checks_view import as_objects, earliest, is_missing, one_of, positions
from causalsig.sources.episodes import episodes_of, matching_dates
from causalsig.sources.rows import first_days, keep_rows, last_days, order_of, sort_rows

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import Matching


def link_signals(
    signals: pd.DataFrame, cases: pd.DataFrame, links: pd.DataFrame, findings: FindingList
) -> pd.DataFrame:
    """Name the cases and give signals and cases each other, in place.

    ``signals`` gains ``case`` (row of its case, -1 for none), ``case_id`` and ``forwarded_on``; ``cases``
    gains ``case_id`` (None where it was matched and not taken up). Returned are the pairs of case row and
    signal row.
    """
    at = positions(links["signal_id"], signals["signal_id"])
    findings.add("source-reference-without-signal", layout.CASES, "signal_id", int((at < 0).sum()))
    links = keep_rows(links.assign(signal=at), at >= 0)
    _name_cases(cases, links)
    links = links.assign(rank=cases["rank"].to_numpy()[links["case"].to_numpy()])
    links = sort_rows(links, ["signal", "rank"])
    signal = links["signal"].to_numpy()
    several = np.zeros(len(links), dtype=bool)
    several[1:] = signal[1:] == signal[:-1]
    findings.add("source-signal-of-several-cases", layout.CASES, "signal_id", int(several.sum()))
    of_signal = np.full(len(signals), -1, dtype=np.int64)
    of_signal[signal[~several]] = links["case"].to_numpy()[~several]
    signals["case"] = of_signal
    inside = of_signal >= 0
    signals["case_id"] = pd.Series(_at(cases["case_id"], of_signal), dtype=object)
    opened = np.full(len(signals), np.datetime64("NaT", "s"))
    opened[inside] = cases["opened_on"].to_numpy("datetime64[s]")[of_signal[inside]]
    signals["forwarded_on"] = opened
    _check_status(signals, findings)
    return links


def _at(values: pd.Series, rows: NDArray[np.int64]) -> NDArray[np.object_]:
    """Values at rows, None at -1."""
    found = np.full(len(values) + 1, None, dtype=object)
    found[:-1] = values.to_numpy(dtype=object)
    taken: NDArray[np.object_] = found[rows]
    return taken


def _name_cases(cases: pd.DataFrame, links: pd.DataFrame) -> None:
    """Rank cases by date and first signal, whatever their order in the file; the rank is the name."""
    case, signal = links["case"].to_numpy(), links["signal"].to_numpy("float64")
    result, opened = cases["result"], cases["opened_on"]
    order = order_of(
        pd.DataFrame(
            {
                "matched_on": cases["matched_on"],
                "min": earliest(case, signal, len(cases)),
                "max": -earliest(case, -signal, len(cases)),
                "size": np.bincount(case, minlength=len(cases)),
                "opened_on": opened,
                "result": result,
                "attempts": cases["attempts"],
            }
        ),
        ["matched_on", "min", "max", "size", "opened_on", "result", "attempts"],
    )
    rank = np.empty(len(cases), dtype=np.int64)
    rank[order] = np.arange(len(cases))
    cases["rank"] = rank
    settled = ~is_missing(result) & ~one_of(result, layout.NOT_TAKEN_UP)
    taken_up = ~is_missing(opened) | (cases["attempts"].to_numpy() > 0) | settled
    names = np.array([f"z{number}" for number in rank], dtype=object)
    names[~taken_up] = None
    cases["case_id"] = pd.Series(names, dtype=object)


def _check_status(signals: pd.DataFrame, findings: FindingList) -> None:
    """Signals whose own status and case speak against each other; suppliers keep the status less well."""
    in_case, forwarded = ~is_missing(signals["case_id"]), ~is_missing(signals["forwarded_on"])
    refused, taken = (one_of(signals["status"], codes) for codes in (layout.NOT_TAKEN_UP, {"taken_up"}))
    wrong = (refused & in_case & forwarded) | (taken & ~in_case)
    findings.add("source-status-contradiction", layout.SIGNALS, "status", int(wrong.sum()), "info")


def assemble_episodes(signals: pd.DataFrame, cases: pd.DataFrame, matching: Matching) -> pd.DataFrame:
    """Episodes as the municipality matched them; signals in no dated case as the inventory says, in place.

    ``signals`` gains ``episode_id``. Signals of one household with one matching date are one episode,
    whichever way they got the date.
    """
    at = signals["case"].to_numpy()
    received = signals["received_on"].to_numpy("datetime64[s]")

    def of_case(name: str) -> NDArray[np.datetime64]:
        found = np.full(len(signals), np.datetime64("NaT", "s"))
        found[at >= 0] = cases[name].to_numpy("datetime64[s]")[at[at >= 0]]
        return found

    derived = matching_dates(received.astype("datetime64[D]"), matching).astype("datetime64[s]")
    matched, start, end = (of_case(name) for name in ("matched_on", "period_start", "period_end"))
    episodes, names = episodes_of(
        signals,
        np.where(np.isnat(matched), derived, matched),
        np.where(np.isnat(start), received, start),
        np.where(np.isnat(end), received, end),
    )
    signals["episode_id"] = pd.Series(names, dtype=object)
    return episodes


def assemble_attempts(attempts: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Give attempts the case they belong to, in an order that does not depend on the file's."""
    attempts = attempts.assign(
        case_id=pd.Series(_at(cases["case_id"], attempts["case"].to_numpy()), dtype=object),
        rank=cases["rank"].to_numpy()[attempts["case"].to_numpy()],
    )
    attempts = sort_rows(
        attempts, ["rank", "attempted_on", "method", "daypart", "reached"], missing_first=True
    )
    return attempts.assign(attempt_id=pd.Series([f"a{row}" for row in range(len(attempts))], dtype=object))


def assemble_cases(
    cases: pd.DataFrame,
    signals: pd.DataFrame,
    links: pd.DataFrame,
    attempts: pd.DataFrame,
    extraction: date,
    findings: FindingList,
) -> pd.DataFrame:
    """Cases taken up, with household, opening date and a closing date inferred from what was done last."""
    findings.add(
        "source-case-without-matching-date",
        layout.CASES,
        "matched_on",
        int(is_missing(cases["matched_on"]).sum()),
    )
    not_taken_up = int(is_missing(cases["case_id"]).sum())
    findings.add("source-case-not-taken-up", layout.CASES, "case_id", not_taken_up, "info")
    early = (
        signals["received_on"].to_numpy("datetime64[s]")[links["signal"].to_numpy()]
        > cases["matched_on"].to_numpy("datetime64[s]")[links["case"].to_numpy()]
    )
    findings.add("source-matched-before-signal", layout.CASES, "matched_on", int(early.sum()))
    households, mixed = _households(cases, signals, links)
    findings.add("source-case-of-several-households", layout.CASES, "household_key", mixed)
    cases = cases.assign(household_key=pd.Series(households, dtype=object))
    cases = sort_rows(keep_rows(cases, ~is_missing(cases["case_id"])), ["rank"])
    dates = (cases["case_id"], attempts["case_id"], attempts["attempted_on"])
    opened = cases["opened_on"].to_numpy("datetime64[s]")
    closed = _closing_dates(cases["result"], np.fmax(last_days(*dates), opened), extraction)
    findings.add("source-close-date-inferred", "cases", "closed_on", int((~np.isnat(closed)).sum()))
    return cases.assign(opened_on=np.where(np.isnat(opened), first_days(*dates), opened), closed_on=closed)


def _closing_dates(
    result: pd.Series, last_done: NDArray[np.datetime64], extraction: date
) -> NDArray[np.datetime64]:
    """Day each case closed, shape (n,): so many days after what was done last; NaT while it has no result.

    What has a result was closed by the day of the extract.
    """
    days = np.full(len(result), layout.DAYS_TO_CLOSE)
    days[one_of(result, ACCEPTED_RESULTS)] = layout.DAYS_TO_CLOSE_WITH_HELP
    days[one_of(result, layout.ENDED_AT_THE_DESK)] = layout.DAYS_TO_CLOSE_AT_THE_DESK
    closed: NDArray[np.datetime64] = np.maximum(
        np.minimum(last_done + days.astype("timedelta64[D]"), np.datetime64(extraction, "s")), last_done
    )
    closed[is_missing(result)] = np.datetime64("NaT")
    return closed


def _households(
    cases: pd.DataFrame, signals: pd.DataFrame, links: pd.DataFrame
) -> tuple[NDArray[np.object_], int]:
    """Household of each case, shape (len(cases),), and how many cases have several.

    An address says where the case is; of several households the first by address counts.
    """
    signal, case = links["signal"].to_numpy(), links["case"].to_numpy()
    household, names = pd.factorize(as_objects(signals["household_key"])[signal])
    told = household >= 0
    household, case, signal = household[told], case[told], signal[told]
    pairs = np.unique(case * max(len(names), 1) + household) // max(len(names), 1)
    order = np.lexsort((signals["by_person"].to_numpy(dtype=bool)[signal], case))
    several, first = np.unique(case[order], return_index=True)
    found = np.full(len(cases), None, dtype=object)
    found[several] = np.asarray(names, dtype=object)[household[order][first]]
    return found, int((np.bincount(pairs, minlength=1) > 1).sum())
