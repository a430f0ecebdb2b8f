"""A case that holds a citizen number and an address says that they are one household."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalsig.sources.ddas_households import link_persons
from causalsig.sources.findings import FindingList

Rows = list[tuple[str, str, int]]
"""Household (p... is known by person), day received, and case row or -1."""


def linked(rows: Rows, days: list[str | None] = ()) -> tuple[list[str], dict[str, int]]:  # type: ignore[assignment]
    """Households after linking, and what was counted; cases have these matching dates."""
    signals = pd.DataFrame(
        {
            "household_key": pd.Series([key or None for key, _, _ in rows], dtype=object),
            "by_person": [key.startswith("p") for key, _, _ in rows],
            "received_on": pd.to_datetime([day for _, day, _ in rows]).astype("datetime64[s]"),
            "case": np.array([case for _, _, case in rows], dtype=np.int64),
        }
    )
    matched = pd.to_datetime(pd.Series(days, dtype=object)).astype("datetime64[s]")
    pairs = [(case, row) for row, (_, _, case) in enumerate(rows) if case >= 0]
    links = pd.DataFrame(pairs, columns=["case", "signal"]).astype("int64")
    findings = FindingList()
    link_persons(signals, pd.DataFrame({"matched_on": matched}), links, findings)
    counted = {finding.code: finding.count for finding in findings.freeze()}
    assert counted.get("source-household-by-person", 0) == int(signals["by_person"].sum())
    return signals["household_key"].tolist(), counted


def test_all_signals_of_a_person_follow_to_the_address_of_a_shared_case() -> None:
    rows: Rows = [
        ("p", "2024-03-01", -1),
        ("p", "2025-01-05", 0),
        ("a", "2025-01-06", 0),
        ("p", "2025-06-01", -1),
    ]
    keys, counted = linked(rows, ["2025-01-15"])
    assert keys == ["a"] * 4
    assert counted == {"source-person-linked": 3}


def test_who_moves_takes_no_address_along() -> None:
    rows: Rows = [
        ("a", "2024-01-05", 0),
        ("p", "2024-01-05", 0),
        ("p", "2024-09-01", -1),
        ("p", "2025-01-05", 1),
        ("b", "2025-01-05", 1),
        ("p", "2025-03-01", -1),
        ("p", "2023-11-01", -1),
        ("a", "2025-03-01", -1),
    ]
    keys, _ = linked(rows, ["2024-01-15", "2025-01-15"])
    assert keys == ["a", "a", "a", "b", "b", "b", "a", "a"]


def test_a_case_of_two_addresses_says_nothing_of_a_person() -> None:
    rows: Rows = [("a", "2025-01-05", 0), ("b", "2025-01-05", 0), ("p", "2025-01-05", 0)]
    keys, counted = linked(rows, ["2025-01-15"])
    assert keys == ["a", "b", "p"]
    assert counted == {"source-household-by-person": 1}


def test_a_persons_address_is_also_that_of_who_shares_a_case_with_them() -> None:
    rows: Rows = [
        ("p", "2025-01-05", 0),
        ("a", "2025-01-05", 0),
        ("p", "2025-03-05", 1),
        ("p2", "2025-03-05", 1),
    ]
    keys, counted = linked(rows, ["2025-01-15", "2025-03-15"])
    assert keys == ["a"] * 4
    assert counted == {"source-person-linked": 3}


def test_persons_who_share_cases_and_have_no_address_are_one_household() -> None:
    rows: Rows = [
        ("p3", "2025-01-05", 0),
        ("p1", "2025-01-05", 0),
        ("p1", "2025-03-05", 1),
        ("p2", "2025-03-05", 1),
        ("p4", "2025-03-05", 2),
    ]
    keys, counted = linked(rows, ["2025-01-15", "2025-03-15", "2025-03-15"])
    assert keys == ["p3"] * 4 + ["p4"]
    assert counted == {"source-household-by-person": 5}


def test_a_signal_of_nobody_stays_of_nobody() -> None:
    rows: Rows = [("", "2025-01-05", 0), ("p", "2025-01-05", 0), ("a", "2025-01-05", 0)]
    assert linked(rows, ["2025-01-15"])[0] == [None, "a", "a"]
    assert linked([("", "2025-01-05", 0)], ["2025-01-15"])[0] == [None]


@pytest.mark.parametrize("day", [None, "2025-01-15"])
def test_a_case_without_a_matching_date_counts_by_its_last_signal(day: str | None) -> None:
    rows: Rows = [
        ("a", "2025-01-05", 0),
        ("p", "2025-01-06", 0),
        ("p", "2024-01-06", 1),
        ("b", "2024-01-01", 1),
    ]
    assert linked(rows, [day, None])[0] == ["a", "a", "b", "b"]
