"""Checks of canonical tables, whatever format they came from: counts of what does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.codes import ACCEPTED_RESULTS
from causalsig.sources.findings import Finding, FindingList
from causalsig.sources.lookup import look_up

if TYPE_CHECKING:
    from causalsig.sources.schema import SiteTables

MONTHS_BEFORE_THE_EDGE: Final = 10
"""Cases older than the oldest kept signal that make a retention edge rather than chance."""
USUAL_REPORTS: Final = 10
"""A creditor with so many signals a month on average reports every month."""
JUMP: Final = 8.0
"""Just under the tenfold that a lost decimal sign makes."""
AMOUNTS_FOR_A_MEDIAN: Final = 10


def check_tables(tables: SiteTables) -> tuple[Finding, ...]:
    """Check links, order in time, retention, coverage and the scale of amounts.

    Parameters
    ----------
    tables : SiteTables
        One municipality; not changed.

    Returns
    -------
    tuple of Finding
        In a fixed order; nothing in them is a value from a cell.
    """
    findings = FindingList()
    _check_signals(tables, findings)
    _check_cases(tables, findings)
    _check_matching(tables, findings)
    _check_attempts(tables, findings)
    _check_retention(tables, findings)
    _check_coverage(tables, findings)
    _check_amounts(tables, findings)
    return findings.freeze()


def _check_signals(tables: SiteTables, findings: FindingList) -> None:
    signals = tables.signals
    cases = signals["case_id"].notna() & ~signals["case_id"].isin(tables.cases["case_id"])
    creditors = ~signals["creditor_id"].isin(tables.creditors["creditor_id"].dropna())
    untyped = int(tables.creditors["creditor_type"].isna().sum())
    findings.add("source-creditor-without-type", "creditors", "creditor_type", untyped)
    flags = signals[[f"repeat_m{month}" for month in range(1, 7)]].isna().all(axis=1)
    for code, column, rows in (
        ("source-signal-without-household", "household_key", signals["household_key"].isna()),
        ("source-signal-without-date", "received_on", signals["received_on"].isna()),
        ("source-case-number-without-case", "case_id", cases),
        ("source-signal-without-creditor", "creditor_id", creditors),
        ("source-repeat-flags-missing", "repeat_m1", flags),
    ):
        findings.add(code, "signals", column, int(rows.sum()))


def _check_cases(tables: SiteTables, findings: FindingList) -> None:
    cases, attempts = tables.cases, tables.attempts
    reached = attempts.loc[attempts["reached"] == 1, "case_id"]
    accepted = cases["result"].isin(ACCEPTED_RESULTS) & ~cases["case_id"].isin(reached)
    unlinked = ~cases["case_id"].isin(tables.signals["case_id"].dropna())
    findings.add("source-case-without-signals", "cases", "case_id", int(unlinked.sum()))
    findings.add("source-accepted-without-reach", "cases", "result", int(accepted.sum()))
    unsaid = cases["closed_on"].notna() & cases["result"].isna()
    findings.add("source-closed-without-result", "cases", "result", int(unsaid.sum()))
    backwards = int((cases["closed_on"] < cases["opened_on"]).sum())
    findings.add("source-closed-before-opened", "cases", "closed_on", backwards)


def _check_matching(tables: SiteTables, findings: FindingList) -> None:
    """Whether episodes, made with the inventory's matching day, agree with how cases were really opened."""
    named = tables.episodes.loc[tables.episodes["case_id"].notna(), "case_id"]
    shared = int(named[named.duplicated()].nunique())
    findings.add("source-case-of-several-periods", "episodes", "case_id", shared)
    matched = look_up(tables.signals["episode_id"], tables.episodes.set_index("episode_id")["matched_on"])
    early = int((tables.signals["forwarded_on"] < matched).sum())
    findings.add("source-forwarded-before-matching", "signals", "forwarded_on", early)


def _check_attempts(tables: SiteTables, findings: FindingList) -> None:
    attempts, number = tables.attempts, tables.attempts["case_id"]
    first = look_up(number, tables.signals.groupby("case_id")["received_on"].min())
    closed = look_up(number, tables.cases.set_index("case_id")["closed_on"])
    on = attempts["attempted_on"]
    for code, column, rows in (
        ("source-attempt-outside-cases", "case_id", ~number.isin(tables.cases["case_id"])),
        ("source-attempt-without-date", "attempted_on", on.isna()),
        ("source-attempt-before-signal", "attempted_on", on < first),
        ("source-attempt-after-close", "attempted_on", on > closed),
    ):
        findings.add(code, "attempts", column, int(rows.sum()))
    findings.add("source-reach-unknown", "attempts", "reached", int(attempts["reached"].isna().sum()), "info")


def _check_retention(tables: SiteTables, findings: FindingList) -> None:
    """Where do signals vanish while cases remain: months of signals kept, when older cases have none."""
    received = tables.signals["received_on"].dropna()
    if received.empty:
        return
    oldest = received.min()
    older = (tables.cases["opened_on"] < oldest) & ~tables.cases["case_id"].isin(tables.signals["case_id"])
    if int(older.sum()) >= MONTHS_BEFORE_THE_EDGE:
        days = (pd.Timestamp(tables.extracted_on) - oldest).days
        findings.add("source-retention-edge", "signals", "received_on", max(1, round(days / 30.4375)))


def _check_coverage(tables: SiteTables, findings: FindingList) -> None:
    signals = tables.signals[tables.signals["received_on"].notna()]
    if signals.empty:
        return
    month = signals["received_on"].to_numpy("datetime64[M]").astype("int64")
    empty = int(month.max() - month.min() + 1 - len(np.unique(month)))
    findings.add("source-month-without-signals", "signals", "received_on", empty)
    by_creditor = pd.DataFrame({"creditor": signals["creditor_id"].to_numpy(), "month": month}).groupby(
        "creditor"
    )["month"]
    span = by_creditor.max() - by_creditor.min() + 1
    gaps = (span - by_creditor.nunique())[by_creditor.size() / span >= USUAL_REPORTS]
    findings.add("source-creditor-gap", "signals", "creditor_id", int(gaps.sum()))


def _check_amounts(tables: SiteTables, findings: FindingList) -> None:
    signals = tables.signals
    frame = pd.DataFrame(
        {
            "creditor": signals["creditor_id"],
            "month": signals["received_on"].dt.to_period("M"),
            "cents": signals["amount_cents"],
        }
    ).dropna()
    frame = frame[frame["cents"] > 0]
    if frame.empty:
        return
    usual = frame.groupby("creditor")["cents"].median()
    monthly = frame.groupby(["creditor", "month"])["cents"].agg(["median", "size"])
    monthly = monthly[monthly["size"] >= AMOUNTS_FOR_A_MEDIAN]
    ratio = monthly["median"] / usual.reindex(monthly.index.get_level_values("creditor")).to_numpy()
    jumps = int(((ratio >= JUMP) | (ratio <= 1 / JUMP)).sum())
    findings.add("source-amount-jump", "signals", "amount_cents", jumps, "error")
