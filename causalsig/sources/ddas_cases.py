"""DDAS cases, which have no identifier, into episodes, cases and attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalsig.sources import ddas_versions as layout
from causalsig.sources.derive import matching_dates
from causalsig.sources.lookup import look_up

if TYPE_CHECKING:
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
    rows = pd.Series(np.arange(len(signals)), index=signals["signal_id"])
    rows = rows[rows.index.notna()]
    at = look_up(links["signal_id"], rows)
    findings.add("source-reference-without-signal", layout.CASES, "signal_id", int(at.isna().sum()))
    links = links.assign(signal=at)[at.notna().to_numpy()].astype({"signal": "int64"})
    _name_cases(cases, links)
    links = links.assign(rank=cases["rank"].to_numpy()[links["case"].to_numpy()])
    links = links.sort_values(["signal", "rank"], kind="stable", ignore_index=True)
    several = links["signal"].duplicated()
    findings.add("source-signal-of-several-cases", layout.CASES, "signal_id", int(several.sum()))
    first = links[~several.to_numpy()]
    of_signal = np.full(len(signals), -1, dtype=np.int64)
    of_signal[first["signal"].to_numpy()] = first["case"].to_numpy()
    signals["case"] = of_signal
    inside = of_signal >= 0
    signals["case_id"] = _at(cases["case_id"], of_signal)
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
    first = links.groupby("case")["signal"].agg(["min", "max", "size"]).reindex(range(len(cases)))
    order = pd.DataFrame(
        {
            "matched_on": cases["matched_on"].to_numpy(),
            **{name: first[name].to_numpy("float64") for name in first},
            "opened_on": cases["opened_on"].to_numpy(),
            "result": cases["result"].to_numpy(dtype=object),
            "attempts": cases["attempts"].to_numpy(),
        }
    ).sort_values(["matched_on", "min", "max", "size", "opened_on", "result", "attempts"], kind="stable")
    rank = np.empty(len(cases), dtype=np.int64)
    rank[order.index.to_numpy()] = np.arange(len(cases))
    cases["rank"] = rank
    result = cases["result"]
    taken_up = (
        cases["opened_on"].notna()
        | (cases["attempts"] > 0)
        | (result.notna() & ~result.isin(layout.NOT_TAKEN_UP))
    )
    names = np.array([f"z{number}" for number in rank], dtype=object)
    names[~taken_up.to_numpy()] = None
    cases["case_id"] = names


def _check_status(signals: pd.DataFrame, findings: FindingList) -> None:
    """Signals whose own status and case speak against each other; suppliers keep the status less well."""
    in_case = signals["case_id"].notna()
    wrong = (signals["status"].isin(layout.NOT_TAKEN_UP) & in_case & signals["forwarded_on"].notna()) | (
        (signals["status"] == "taken_up") & ~in_case
    )
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
    frame = pd.DataFrame(
        {
            "household_key": signals["household_key"],
            "matched_on": np.where(np.isnat(matched), derived, matched),
            "start": np.where(np.isnat(start), received, start),
            "end": np.where(np.isnat(end), received, end),
            "creditor_id": signals["creditor_id"],
            "case_id": signals["case_id"],
        }
    )
    linked = (signals["household_key"].notna() & signals["received_on"].notna()).to_numpy()
    grouped = frame[linked].groupby(["household_key", "matched_on"], sort=True)
    episodes = grouped.agg(
        period_start=("start", "min"),
        period_end=("end", "max"),
        n_creditors=("creditor_id", "nunique"),
        case_id=("case_id", "first"),
    ).reset_index()
    episodes.insert(0, "episode_id", np.array([f"e{row}" for row in range(len(episodes))], dtype=object))
    names = np.full(len(signals), None, dtype=object)
    names[linked] = episodes["episode_id"].to_numpy(dtype=object)[grouped.ngroup().to_numpy()]
    signals["episode_id"] = names
    return episodes


def assemble_attempts(attempts: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Give attempts the case they belong to, in an order that does not depend on the file's."""
    attempts = attempts.assign(
        case_id=_at(cases["case_id"], attempts["case"].to_numpy()),
        rank=cases["rank"].to_numpy()[attempts["case"].to_numpy()],
    )
    attempts = attempts.sort_values(
        ["rank", "attempted_on", "method", "daypart", "reached"],
        kind="stable",
        na_position="first",
        ignore_index=True,
    )
    names = np.array([f"a{row}" for row in range(len(attempts))], dtype=object)
    return attempts.assign(attempt_id=names)


def assemble_cases(
    cases: pd.DataFrame,
    signals: pd.DataFrame,
    links: pd.DataFrame,
    attempts: pd.DataFrame,
    findings: FindingList,
) -> pd.DataFrame:
    """Cases taken up, with household, opening date and a closing date inferred from what was done last."""
    findings.add(
        "source-case-without-matching-date", layout.CASES, "matched_on", int(cases["matched_on"].isna().sum())
    )
    not_taken_up = int(cases["case_id"].isna().sum())
    findings.add("source-case-not-taken-up", layout.CASES, "case_id", not_taken_up, "info")
    early = (
        signals["received_on"].to_numpy("datetime64[s]")[links["signal"].to_numpy()]
        > cases["matched_on"].to_numpy("datetime64[s]")[links["case"].to_numpy()]
    )
    findings.add("source-matched-before-signal", layout.CASES, "matched_on", int(early.sum()))
    # An address says where the case is; of several households the first by address counts.
    pairs = signals.loc[links["signal"].to_numpy(), ["household_key", "by_person"]].assign(
        case=links["case"].to_numpy()
    )
    pairs = pairs[pairs["household_key"].notna()].drop_duplicates()
    pairs = pairs.sort_values(["case", "by_person"], kind="stable", ignore_index=True)
    mixed = int(pairs.loc[pairs["case"].duplicated(), "case"].nunique())
    findings.add("source-case-of-several-households", layout.CASES, "household_key", mixed)
    household = look_up(pd.Series(np.arange(len(cases))), pairs.set_index("case")["household_key"])
    cases = cases.assign(household_key=household.to_numpy(dtype=object))
    cases = cases[cases["case_id"].notna()].sort_values("rank", kind="stable", ignore_index=True)
    dates = attempts.groupby("case_id")["attempted_on"]
    first, last = (look_up(cases["case_id"], found) for found in (dates.min(), dates.max()))
    closed = pd.concat([last, cases["opened_on"]], axis=1).max(axis=1).where(cases["result"].notna())
    findings.add("source-close-date-inferred", "cases", "closed_on", int(closed.notna().sum()))
    return cases.assign(opened_on=cases["opened_on"].fillna(first), closed_on=closed)
