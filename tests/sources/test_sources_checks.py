"""Checks of canonical tables count what does not fit, and nothing where all fits."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd

from causalsig.sources import Matching, SiteTables, check_tables, conform
from causalsig.sources.derive import derive_episodes

MONTHS = 12


def tidy(**changes: pd.DataFrame) -> SiteTables:
    """Twelve months of twelve signals of one creditor; every signal a case with one attempt, on time."""
    received = pd.date_range("2024-01-01", periods=MONTHS, freq="MS").repeat(12) + pd.Timedelta(days=4)
    ids = [str(at) for at in range(len(received))]
    signals = pd.DataFrame(
        {
            "signal_id": ids,
            "household_key": [f"h{at}" for at in ids],
            "received_on": received,
            "creditor_id": "1",
            "amount_cents": 50_000.0,
            "case_id": ids,
            "forwarded_on": received + pd.Timedelta(days=10),
            **{f"repeat_m{month}": 0.0 for month in range(1, 7)},
        }
    )
    cases = pd.DataFrame({"case_id": ids, "opened_on": signals["forwarded_on"], "result": "declined"})
    cases["closed_on"] = cases["opened_on"] + pd.Timedelta(days=30)
    attempts = pd.DataFrame({"case_id": ids, "attempted_on": cases["opened_on"] + pd.Timedelta(days=2)})
    attempts["reached"] = 1.0
    frames = {"signals": signals, "cases": cases, "attempts": attempts} | changes
    conformed = {table: conform(table, frame) for table, frame in frames.items()}
    episodes, conformed["signals"]["episode_id"] = derive_episodes(conformed["signals"], Matching())
    return SiteTables(
        "0001",
        dt.date(2025, 1, 31),
        conformed["signals"],
        conform("episodes", episodes),
        conformed["cases"],
        conformed["attempts"],
        conform("followups", pd.DataFrame({"case_id": []})),
        conform("creditors", pd.DataFrame({"creditor_id": ["1"], "creditor_type": ["rent"]})),
    )


def counts(tables: SiteTables) -> dict[str, int]:
    return {finding.code: finding.count for finding in check_tables(tables)}


def changed(table: str, column: str, rows: slice, value: object) -> SiteTables:
    frame = getattr(tidy(), table).copy()
    frame.loc[frame.index[rows], column] = value
    return tidy(**{table: frame})


def test_tables_that_fit_have_no_findings():
    assert counts(tidy()) == {}


def test_each_misfit_is_counted_under_its_own_code():
    early, late = pd.Timestamp("2020-01-01"), pd.Timestamp("2025-01-30")
    for table, column, value, rows, expected in (
        ("signals", "household_key", None, 3, {"source-signal-without-household": 3}),
        ("signals", "creditor_id", "9", 2, {"source-signal-without-creditor": 2}),
        ("signals", "repeat_m1", np.nan, 2, {}),
        ("signals", "case_id", None, 4, {"source-case-without-signals": 4}),
        ("signals", "amount_cents", 500_000.0, 12, {"source-amount-jump": 1}),
        ("cases", "result", "quick_fix", 2, {}),
        ("cases", "result", None, 2, {"source-closed-without-result": 2}),
        ("cases", "closed_on", early, 2, {"source-closed-before-opened": 2, "source-attempt-after-close": 2}),
        ("attempts", "attempted_on", early, 5, {"source-attempt-before-signal": 5}),
        ("attempts", "attempted_on", late, 5, {"source-attempt-after-close": 5}),
        ("attempts", "attempted_on", pd.NaT, 5, {"source-attempt-without-date": 5}),
        ("attempts", "reached", np.nan, 5, {"source-reach-unknown": 5}),
        ("attempts", "case_id", "none", 1, {"source-attempt-outside-cases": 1}),
    ):
        assert counts(changed(table, column, slice(0, rows), value)) == expected, (table, column)


def test_a_matching_day_that_does_not_fit_how_cases_were_opened_is_told():
    signals = tidy().signals
    early = signals.assign(forwarded_on=signals["received_on"])
    # A second signal of the first two cases, a month later.
    again = signals.iloc[:2].assign(signal_id=["x", "y"], received_on=pd.Timestamp("2024-02-05"))
    assert counts(tidy(signals=early)) == {"source-forwarded-before-matching": len(signals)}
    found = counts(tidy(signals=pd.concat([signals, again], ignore_index=True)))
    assert found["source-case-of-several-periods"] == 2


def test_a_creditor_of_no_kind_is_counted():
    tables = tidy()
    creditors = tables.creditors.assign(creditor_type=None)
    assert counts(replace(tables, creditors=creditors)) == {"source-creditor-without-type": 1}


def test_an_accepted_result_needs_a_reached_attempt():
    tables = changed("cases", "result", slice(0, 3), "quick_fix")
    tables.attempts.loc[:1, "reached"] = 0.0
    assert counts(tables) == {"source-accepted-without-reach": 2}


def test_cases_that_outlive_their_signals_show_the_retention_edge():
    # Signals of the first six months are gone; the extract is of 31 January 2025.
    kept = tidy().signals.iloc[72:].reset_index(drop=True)
    found = counts(tidy(signals=kept))
    assert found == {"source-case-without-signals": 72, "source-retention-edge": 7}


def test_a_month_in_which_nothing_came_in_is_a_gap():
    signals = tidy().signals
    silent = signals[signals["received_on"].dt.month != 6].reset_index(drop=True)
    found = counts(tidy(signals=silent))
    assert found["source-month-without-signals"] == 1
    assert found["source-creditor-gap"] == 1


def test_a_site_without_signals_or_cases_can_be_checked():
    empty = tidy()
    none = SiteTables(
        "0001",
        empty.extracted_on,
        *(getattr(empty, table).iloc[:0] for table in ("signals", "episodes", "cases", "attempts")),
        empty.followups,
        empty.creditors,
    )
    assert counts(none) == {}
