"""The flat sheet of 2024-2025: one row a case, read as far as it goes, and said where it does not."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from causalsig.errors import SourceError
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.simulation.export.flat_sheet import TAB, flat_columns, write_flat_sheet
from causalsig.simulation.xxllnc import write_tabs
from causalsig.sources import Matching, ReadResult, SiteTables, read_xxllnc_flat
from causalsig.sources import xxllnc_flat_layout as layout
from causalsig.sources.carries import CARRIES
from causalsig.sources.schema import TABLES
from causalsig.sources.workbook import sheet_from_rows
from causalsig.sources.xxllnc_flat import read_sheet

NAME = "Voorbeeldstad"
MATCHING = Matching("monthly", 15)
CANARY = "Zq7canary"
EXTRACTED = dt.date(2026, 6, 30)
HEADERS = layout.headers()
SEEN_AND_NEEDED = {"Volgnummer", "RIS Matching: Datum melding", "RIS Matching: Achterstandsbedrag"}


@cache
def invented() -> SiteTables:
    scenario = load_scenario("ignorable")
    spec = draw_sites(scenario, 1, 8, inhabitants=12_000, retention="full")[0]
    return simulate_site(spec, scenario, 8, months=8, truth=False).tables


@cache
def _cells() -> dict[str, tuple[Any, ...]]:
    columns = flat_columns(invented(), name=NAME, locale="nl")
    empty = [""] * len(invented().cases)
    return {header: tuple(columns.get(header, empty)) for header in HEADERS}


def small_rows() -> list[list[Any]]:
    return [list(HEADERS), *map(list, zip(*_cells().values(), strict=True))]


def read_rows(rows: list[list[Any]], **options: Any) -> ReadResult:
    arguments = {
        "municipality": "0363",
        "matching": MATCHING,
        "name": NAME,
        "declared_locale": None,
        "extracted_on": EXTRACTED,
    }
    return read_sheet(sheet_from_rows(TAB, rows), **{**arguments, **options})


def set_column(rows: list[list[Any]], header: str, change: Any, count: int | None = None) -> None:
    at = HEADERS.index(header)
    for row in rows[1:][:count]:
        row[at] = change(row[at])


def codes(result: ReadResult) -> set[str]:
    return {finding.code for finding in result.findings}


def refusal(call: Any) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    assert CANARY not in str(caught.value) and caught.value.__cause__ is None
    return caught.value.code


def test_a_row_is_a_case_with_its_first_signals_and_attempts():
    read, site = read_rows(small_rows()).tables, invented()
    assert set(read.cases["case_id"]) == set(site.cases["case_id"])
    in_cases = site.signals[site.signals["case_id"].notna()]
    assert len(read.signals) == in_cases.groupby("case_id").size().clip(upper=3).sum()
    first = in_cases.sort_values(["received_on", "signal_id"]).drop_duplicates("case_id").set_index("case_id")
    got = read.signals[read.signals["signal_id"].str.endswith("-1")].set_index("case_id")
    pd.testing.assert_series_equal(got["amount_cents"].sort_index(), first["amount_cents"].sort_index())
    later = read.signals[~read.signals["signal_id"].str.endswith("-1")]
    assert len(later) > 0 and later["amount_cents"].isna().all()
    assert len(read.attempts) == len(site.attempts)


def test_the_workbook_and_the_rows_read_alike(tmp_path):
    write_flat_sheet(invented(), tmp_path / "flat.xlsx", names=[NAME])
    options = {"municipality": "0363", "matching": MATCHING, "name": NAME, "extracted_on": EXTRACTED}
    read = read_xxllnc_flat(tmp_path / "flat.xlsx", **options)
    expected = read_rows(small_rows())
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(read.tables, table), getattr(expected.tables, table))
    write_flat_sheet(invented(), tmp_path / "again.xlsx", names=[NAME])
    assert (tmp_path / "again.xlsx").read_bytes() == (tmp_path / "flat.xlsx").read_bytes()


def test_what_the_sheet_cannot_carry_is_said():
    result = read_rows(small_rows())
    said = {(f.table, f.column) for f in result.findings if f.code == "source-column-not-in-format"}
    assert said == {column for column, carry in CARRIES["xxllnc_flat"].items() if carry == "no"}
    assert ("followups", "followed_up_on") in said and ("signals", "arrears_start") in said
    only = [f for f in result.findings if f.code == "source-cases-only"]
    assert [(f.count, f.severity) for f in only] == [(len(invented().cases), "warning")]


def test_a_sheet_without_a_hash_has_no_households_and_says_so():
    rows = small_rows()
    at = HEADERS.index("RIS Matching: Hash")
    result = read_rows([row[:at] + row[at + 1 :] for row in rows])
    assert result.tables.signals["household_key"].isna().all() and len(result.tables.episodes) == 0
    found = {f.code: f.count for f in result.findings}
    assert found["source-signal-without-household"] == len(result.tables.signals)


@pytest.mark.parametrize("header", HEADERS)
def test_only_what_was_seen_in_public_is_required(header):
    at = HEADERS.index(header)
    rows = [row[:at] + row[at + 1 :] for row in small_rows()]
    if header in SEEN_AND_NEEDED:
        assert refusal(lambda: read_rows(rows)) == "source-missing-column"
    else:
        assert len(read_rows(rows, name=None).tables.cases) == len(invented().cases)


def test_a_column_that_no_group_has_is_a_finding():
    rows = small_rows()
    kept = [at for at, header in enumerate(HEADERS) if "Wijze van contact" not in header]
    result = read_rows([[row[at] for at in kept] for row in rows])
    missing = {f.column for f in result.findings if f.code == "source-optional-column-missing"}
    assert missing == {"method"} and set(result.tables.attempts["method"]) == {"unknown"}


def test_the_postcode_and_unknown_columns_are_never_read():
    rows = small_rows()
    rows[0] += ["RIS Matching: Postcode (4)", "Naam"]
    for row in rows[1:]:
        row += [CANARY, CANARY]
    tables = read_rows(rows).tables
    assert all(CANARY not in getattr(tables, table).to_csv() for table in TABLES)


def test_one_municipality_is_taken_out_of_several():
    rows, alone = small_rows(), read_rows(small_rows()).tables
    other = [list(row) for row in rows[1:40]]
    for row in other:
        row[0], row[1] = f"9{row[0]}", "Elders"
    result = read_rows([*rows, *other])
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(alone, table), getattr(result.tables, table))
    assert "source-other-municipality" in codes(result)
    assert refusal(lambda: read_rows([*rows, *other], name="Nergens")) == "source-municipality-not-found"


@settings(
    max_examples=4, deadline=None, phases=(Phase.generate,), suppress_health_check=[HealthCheck.too_slow]
)
@given(st.integers(0, 2**32 - 1))
def test_shuffled_rows_and_columns_change_nothing(seed):
    rng, rows = np.random.default_rng(seed), small_rows()
    expected = read_rows(rows)
    columns = rng.permutation(len(HEADERS))
    body = [rows[1:][at] for at in rng.permutation(len(rows) - 1)]
    result = read_rows([[row[at] for at in columns] for row in [rows[0], *body]])
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(expected.tables, table), getattr(result.tables, table))
    assert expected.findings == result.findings


def test_a_year_split_over_files_is_one_and_a_case_twice_is_refused(tmp_path):
    rows = small_rows()
    half = len(rows) // 2
    write_tabs({TAB: rows[:half]}, tmp_path / "a.xlsx")
    # The second export lacks a column, as exports of another year do.
    at = HEADERS.index("RIS Matching: Leeftijd")
    write_tabs({"Blad1": [row[:at] + row[at + 1 :] for row in [rows[0], *rows[half:]]]}, tmp_path / "b.xlsx")
    options = {"municipality": "0363", "matching": MATCHING, "name": NAME, "extracted_on": EXTRACTED}
    read = read_xxllnc_flat([tmp_path / "b.xlsx", tmp_path / "a.xlsx"], **options).tables
    whole = read_rows(rows).tables
    for table in TABLES:
        a, b = (getattr(one, table).drop(columns="age", errors="ignore") for one in (read, whole))
        pd.testing.assert_frame_equal(a, b)
    twice = [tmp_path / "a.xlsx", tmp_path / "a.xlsx"]
    assert refusal(lambda: read_xxllnc_flat(twice, **options)) == "source-duplicate-keys"


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Volgnummer", "1", "source-duplicate-keys"),
        ("RIS Matching: Datum melding", "04/15/2025", "source-column-unreadable"),
        ("RIS Matching: Datum melding", "", "source-no-signals"),
        ("RIS Matching: Achterstandsbedrag", CANARY, "source-column-unreadable"),
    ],
)
def test_a_column_that_is_no_such_column_is_refused(header, value, code):
    rows = small_rows()
    set_column(rows, header, lambda _: value)
    assert refusal(lambda: read_rows(rows)) == code


def test_any_changed_cell_ends_in_findings_or_our_own_error():
    rng = np.random.default_rng(12)
    base, outcomes = read_rows(small_rows()).findings, []
    mutants = [CANARY, -7973.0, 1e300, "99-99-9999", True, dt.date(2199, 1, 1), "\u202e", "=1+1"]
    for at in range(30):
        rows = small_rows()
        row = int(rng.integers(1, len(rows))) if at % 5 else 0
        rows[row][int(rng.integers(len(HEADERS)))] = mutants[at % len(mutants)]
        try:
            findings = read_rows(rows).findings
        except SourceError as error:
            assert CANARY not in str(error) and "7973" not in str(error)
            outcomes.append(error.code)
        else:
            assert CANARY not in repr(findings)
            outcomes.append(findings)
    assert sum(outcome != base for outcome in outcomes) >= len(outcomes) / 2
