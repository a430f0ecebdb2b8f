"""Checks between tables: what belongs together is there, and happened in a possible order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalsig.codes import ACCEPTED_RESULTS
from causalsig.sources.checks_bounds import is_most
from causalsig.sources.checks_view import as_objects, at, days, earliest, is_missing, one_of, positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.checks_view import View
    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import SiteTables


def check_links(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Count rows that point at nothing, are pointed at by nothing, or contradict what they point at."""
    _check_signals(tables, view, findings)
    _check_cases(tables, view, findings)
    _check_episodes(tables, view, findings)
    _check_attempts(tables, view, findings)
    owner = positions(tables.followups["case_id"], tables.cases["case_id"])
    findings.add("source-followup-outside-cases", "followups", "case_id", int((owner < 0).sum()))


def _check_signals(tables: SiteTables, view: View, findings: FindingList) -> None:
    signals = tables.signals
    untyped = int(is_missing(tables.creditors["creditor_type"]).sum())
    findings.add("source-creditor-without-type", "creditors", "creditor_type", untyped)
    flags = np.all([is_missing(signals[f"repeat_m{month}"]) for month in range(1, 7)], axis=0)
    began = days(signals["arrears_start"])
    creditor = ~is_missing(signals["creditor_id"])
    every = np.ones(len(signals), dtype=bool)
    for code, column, rows, of in (
        ("source-signal-without-household", "household_key", is_missing(signals["household_key"]), every),
        ("source-signal-without-date", "received_on", np.isnan(view.received), every),
        ("source-case-number-without-case", "case_id", view.named & (view.case < 0), view.named),
        ("source-signal-without-creditor", "creditor_id", creditor & (view.creditor < 0), creditor),
    ):
        _add_broken(findings, code, "signals", column, rows, of)
    for code, column, rows in (
        ("source-signal-without-creditor", "creditor_id", ~creditor),
        ("source-forwarded-without-case", "case_id", ~np.isnan(view.forwarded) & ~view.named),
        ("source-repeat-flags-missing", "repeat_m1", flags),
        ("source-forwarded-before-received", "forwarded_on", view.forwarded < view.received),
        ("source-arrears-after-signal", "arrears_start", began > view.received),
        ("source-signal-twice", "signal_id", _twice(signals, view)),
    ):
        findings.add(code, "signals", column, int(rows.sum()))


def _add_broken(
    findings: FindingList,
    code: str,
    table: str,
    column: str,
    rows: NDArray[np.bool_],
    of: NDArray[np.bool_],
) -> None:
    """Count ``rows``: an error where they are most of those that could be, for then the file is wrong."""
    broken = int(rows.sum())
    findings.add(code, table, column, broken, "error" if is_most(broken, int(of.sum())) else "warning")


def _twice(signals: pd.DataFrame, view: View) -> NDArray[np.bool_]:
    """Rows whose household, creditor, day and amount all occur before: a delivery that was read twice."""
    household, _ = pd.factorize(as_objects(signals["household_key"]))
    told = (household >= 0) & (view.creditor >= 0) & ~np.isnan(view.received) & ~np.isnan(view.cents)
    rows = np.flatnonzero(told)
    columns = (view.cents[rows], view.received[rows], view.creditor[rows], household[rows])
    order = np.lexsort(columns)
    same = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    twice = np.zeros(len(signals), dtype=bool)
    twice[rows[order[1:][same]]] = True
    return twice


def _check_cases(tables: SiteTables, view: View, findings: FindingList) -> None:
    cases = tables.cases
    reached = np.zeros(len(cases), dtype=bool)
    linked = view.attempt_case >= 0
    reached[view.attempt_case[linked & (tables.attempts["reached"].to_numpy("float64") == 1)]] = True
    accepted = one_of(cases["result"], ACCEPTED_RESULTS)
    unsaid = ~np.isnan(view.closed) & is_missing(cases["result"])
    other = _contradicted(cases["household_key"], tables.signals["household_key"], view.case)
    for code, column, rows in (
        ("source-case-without-signals", "case_id", ~view.with_signals),
        ("source-accepted-without-reach", "result", accepted & ~reached),
        ("source-closed-before-opened", "closed_on", view.closed < view.opened),
        ("source-case-before-signal", "opened_on", view.opened < view.first_signal),
        ("source-case-household-contradiction", "household_key", other),
    ):
        findings.add(code, "cases", column, int(rows.sum()))
    _add_broken(findings, "source-closed-without-result", "cases", "result", unsaid, ~np.isnan(view.closed))
    unopened = view.with_signals & np.isnan(view.opened)
    findings.add("source-case-without-opening", "cases", "opened_on", int(unopened.sum()), "info")


def _contradicted(own: pd.Series, theirs: pd.Series, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows that name a household which none of the signals belonging to them (at ``rows``) names."""
    codes, _ = pd.factorize(np.concatenate([as_objects(own), as_objects(theirs)]))
    owner, named = codes[: len(own)], codes[len(own) :]
    told = np.flatnonzero((rows >= 0) & (named >= 0))
    differs, agrees = np.zeros(len(own), dtype=bool), np.zeros(len(own), dtype=bool)
    same = owner[rows[told]] == named[told]
    agrees[rows[told[same]]] = True
    differs[rows[told[~same]]] = True
    return differs & ~agrees & (owner >= 0)


def _check_episodes(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Whether episodes, perhaps made with the inventory's matching day, agree with signals and cases."""
    episodes = tables.episodes
    codes, unique = pd.factorize(as_objects(episodes["case_id"]))
    shared = int((np.bincount(codes[codes >= 0], minlength=len(unique)) > 1).sum())
    findings.add("source-case-of-several-periods", "episodes", "case_id", shared)
    lost = (codes >= 0) & (positions(episodes["case_id"], tables.cases["case_id"]) < 0)
    findings.add("source-episode-of-unknown-case", "episodes", "case_id", int(lost.sum()))
    matched = at(days(episodes["matched_on"]), view.episode)
    early = int((view.forwarded < matched).sum())
    findings.add("source-forwarded-before-matching", "signals", "forwarded_on", early)
    linked = ~is_missing(tables.signals["household_key"]) & ~np.isnan(view.received)
    outside = int((linked & (view.episode < 0)).sum())
    findings.add("source-signal-outside-episodes", "signals", "episode_id", outside)
    other = _contradicted(episodes["household_key"], tables.signals["household_key"], view.episode)
    findings.add("source-episode-household-contradiction", "episodes", "household_key", int(other.sum()))
    backwards = int((days(episodes["period_end"]) < days(episodes["period_start"])).sum())
    findings.add("source-episode-period-backwards", "episodes", "period_end", backwards)
    empty = np.isnan(earliest(view.episode, view.received, len(episodes)))
    findings.add("source-episode-without-signals", "episodes", "episode_id", int(empty.sum()))


def _check_attempts(tables: SiteTables, view: View, findings: FindingList) -> None:
    first, closed = at(view.first_signal, view.attempt_case), at(view.closed, view.attempt_case)
    for code, column, rows in (
        ("source-attempt-without-date", "attempted_on", np.isnan(view.attempted)),
        (
            "source-attempt-before-signal",
            "attempted_on",
            view.attempted < first,
        ),
        ("source-attempt-after-close", "attempted_on", view.attempted > closed),
    ):
        findings.add(code, "attempts", column, int(rows.sum()))
    outside = view.attempt_case < 0
    _add_broken(
        findings, "source-attempt-outside-cases", "attempts", "case_id", outside, np.ones_like(outside)
    )
    unsaid = int(is_missing(tables.attempts["reached"]).sum())
    findings.add("source-reach-unknown", "attempts", "reached", unsaid, "info")
