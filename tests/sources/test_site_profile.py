"""The profile counts households, by code, by month, by column and by link; values of cells are not in it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalsig.codes import CREDITOR_TYPES, METHODS
from causalsig.counts import ProfileCounts
from causalsig.release.profile_document import ACCEPTANCE
from causalsig.simulation import SimulatedSite, SiteSpec, load_scenario, simulate_site
from causalsig.simulation.export.ddas import write_ddas
from causalsig.sources import ddas_versions, xxllnc_flat_layout, xxllnc_layout
from causalsig.sources.checks import check_tables
from causalsig.sources.findings import MEANINGS, Finding
from causalsig.sources.formats import read_source
from causalsig.sources.parts import counted_in
from causalsig.sources.profile import (
    ABOUT_THE_FILE,
    ABOUT_THE_FILE_WHEN_MOST,
    TOLD_AS_SHARES,
    profile_counts,
)
from causalsig.sources.schema import TABLES

SCENARIO = load_scenario("ignorable")
CANARY = "Zq7canary"
EXTREME = 987_654_321.0


@pytest.fixture(scope="module")
def made() -> SimulatedSite:
    return simulate_site(SiteSpec("9001", "Voorbeeldstad 01", 9_000), SCENARIO, 3, truth=False)


@pytest.fixture(scope="module")
def counts(made: SimulatedSite) -> ProfileCounts:
    return profile_counts(made.tables, check_tables(made.tables))


def test_households_are_counted_by_code(made: SimulatedSite, counts: ProfileCounts) -> None:
    found = {(c.table, c.column, c.code): c.households for c in counts.codes}
    signals = made.tables.signals
    for code in CREDITOR_TYPES:
        of = signals["household_key"][signals["creditor_type"] == code]
        assert found["signals", "creditor_type", code] == of.nunique()
    household = made.tables.cases.set_index("case_id")["household_key"]
    attempts = made.tables.attempts.assign(household=made.tables.attempts["case_id"].map(household.to_dict()))
    for code in METHODS:
        assert (
            found["attempts", "method", code] == attempts["household"][attempts["method"] == code].nunique()
        )
    assert found["signals", "", ""] == counts.households == signals["household_key"].nunique()


def test_households_are_counted_by_month(made: SimulatedSite, counts: ProfileCounts) -> None:
    found = {(c.table, c.code): c.households for c in counts.months}
    signals = made.tables.signals
    month = signals["received_on"].dt.strftime("%Y-%m")
    for name, of in signals.groupby(month)["household_key"]:
        assert found["signals", name] == of.nunique()


def test_what_is_missing_is_a_share_of_rows_and_of_households(made: SimulatedSite) -> None:
    signals = made.tables.signals.copy()
    half = signals["household_key"].rank(method="dense") % 2 == 0
    signals.loc[half, "age"] = np.nan
    signals.loc[~half, "age"] = 40.0
    counts = profile_counts(replace(made.tables, signals=signals), ())
    [age] = [c for c in counts.missing if (c.figure, c.group) == ("signals", "age")]
    assert (age.numerator, age.denominator) == (int(half.sum()), len(signals))
    assert age.households_with == signals["household_key"][half].nunique()
    assert age.households_without == signals["household_key"][~half].nunique()


def test_rows_without_a_household_stand_for_as_few_as_the_largest_allows() -> None:
    made = simulate_site(
        SiteSpec("9002", "Voorbeeldstad 02", 9_000, retention="strict6"), SCENARIO, 3, truth=False
    )
    cases = made.tables.cases
    unknown = int(cases["household_key"].isna().sum())
    assert unknown > 100
    counts = profile_counts(made.tables, ())
    [link] = [c for c in counts.links if c.figure == "cases_to_signals"]
    most = int(cases["household_key"].value_counts().max())
    assert 10 <= link.households_without <= unknown // most
    assert link.denominator - link.numerator == unknown


def test_a_finding_stands_for_at_least_its_rows_over_the_largest(made: SimulatedSite) -> None:
    most = int(made.tables.signals["household_key"].value_counts().max())
    findings = (
        Finding("source-absurd-age", "Signalen", "age", 10 * most, "warning"),
        Finding("source-odd-key", "Signalen", "hash", 10 * most - 1, "warning"),
        Finding("source-retention-edge", "signals", "received_on", 6, "warning"),
        Finding("source-unknown-code", "Een tab die niemand kent", "", 10_000, "warning"),
    )
    found = {f.code: f for f in profile_counts(made.tables, findings).findings}
    assert (found["source-absurd-age"].table, found["source-absurd-age"].households) == ("signals", 10)
    assert (found["source-odd-key"].column, found["source-odd-key"].households) == ("", 9)
    assert found["source-retention-edge"].households is None
    assert (found["source-unknown-code"].table, found["source-unknown-code"].households) == ("", 0)


def test_a_row_of_another_municipality_is_told_of_no_file(made: SimulatedSite) -> None:
    most = int(made.tables.signals["household_key"].value_counts().max())
    for count, households in ((1, 0), (10 * most, 10)):
        finding = Finding("source-other-municipality", "Signalen", "", count, "info")
        assert profile_counts(made.tables, (finding,)).findings[0].households == households


def test_what_most_rows_have_is_told_of_the_file(made: SimulatedSite) -> None:
    for severity, households in (("warning", 0), ("error", None)):
        finding = Finding("source-case-number-without-case", "signals", "case_id", 3, severity)  # type: ignore[arg-type]
        assert profile_counts(made.tables, (finding,)).findings[0].households == households


def test_the_scale_of_amounts_is_told_by_kind_of_creditor(made: SimulatedSite) -> None:
    scale = {cell.creditor_type: cell for cell in profile_counts(made.tables, ()).scale}
    assert {cell.scale for cell in scale.values()} == {"usual"}
    assert set(scale) == {"rent", "energy", "water", "health_insurance"}
    signals = made.tables.signals
    assert scale["rent"].households == signals["household_key"][signals["creditor_type"] == "rent"].nunique()
    tenfold = replace(made.tables, signals=signals.assign(amount_cents=signals["amount_cents"] * 10))
    assert {cell.scale for cell in profile_counts(tenfold, ()).scale} == {"above"}


@pytest.mark.parametrize(
    ("part", "column", "expected"),
    [
        ("flat sheet", "received_on", ("signals", "received_on")),
        ("flat sheet", "closed_on", ("cases", "closed_on")),
        ("flat sheet", "attempted_on", ("attempts", "attempted_on")),
        ("flat sheet", "contacted_on", ("signals", "")),
        ("flat sheet", "creditor_type", ("signals", "creditor_type")),
        ("client", "age", ("signals", "age")),
        ("signaalpartner", "creditor_type", ("signals", "creditor_type")),
    ],
)
def test_a_finding_is_told_of_the_table_its_part_becomes(
    made: SimulatedSite, part: str, column: str, expected: tuple[str, str]
) -> None:
    [found] = profile_counts(
        made.tables, (Finding("source-unreadable-date", part, column, 10_000, "warning"),)
    ).findings
    assert (found.table, found.column) == expected
    assert found.households is not None and found.households > 100


def test_cells_of_one_row_of_the_flat_sheet_stand_for_one_household(made: SimulatedSite) -> None:
    most = int(made.tables.cases["household_key"].value_counts().max())
    cells = {"closed_on": 1, "contacted_on": 3, "attempted_on": 8}
    for column, times in cells.items():
        for count, households in ((10 * most * times, 10), (10 * most * times - 1, 9)):
            finding = Finding("source-unreadable-date", "flat sheet", column, count, "warning")
            assert profile_counts(made.tables, (finding,)).findings[0].households == households


def test_no_part_in_which_a_format_counts_rows_is_left_out_of_the_profile() -> None:
    tabs = {*xxllnc_layout.MAPPING, xxllnc_flat_layout.SHEET}
    lists = {ddas_versions.SIGNALS, ddas_versions.CASES, ddas_versions.ATTEMPTS, ddas_versions.CLIENT}
    assert [part for part in {*tabs, *lists, *TABLES} if not counted_in(part, "").table] == []


def test_findings_about_the_file_are_findings_that_exist() -> None:
    assert set(MEANINGS) >= ABOUT_THE_FILE | ABOUT_THE_FILE_WHEN_MOST | TOLD_AS_SHARES


def test_how_acceptance_is_coded_is_counted_over_closed_cases(
    made: SimulatedSite, counts: ProfileCounts
) -> None:
    found = {c.figure: c for c in counts.acceptance}
    closed = made.tables.cases[made.tables.cases["closed_on"].notna()]
    assert found["reached_of_cases"].denominator == len(closed)
    accepted = closed["result"].isin(["quick_fix", "follow_up_help"])
    assert found["quick_fix_of_accepted"].denominator == int(accepted.sum())
    assert found["quick_fix_of_accepted"].numerator == int((closed["result"] == "quick_fix").sum())


def test_what_a_format_has_no_column_for_is_not_told_as_nobody(made: SimulatedSite, tmp_path: Path) -> None:
    write_ddas(made.tables, tmp_path / "ddas.json")
    read = read_source(tmp_path / "ddas.json", municipality="9001", matching=made.spec.matching)
    ddas = profile_counts(read.tables, read.findings)
    assert ddas.not_carried == ("wants_help_of_accepted",)
    assert {share.figure for share in ddas.acceptance} == set(ACCEPTANCE) - set(ddas.not_carried)
    # A column that is there and says nothing, or that one of two tabs has not, is counted as before.
    silent = replace(made.tables, attempts=made.tables.attempts.assign(wants_help=np.nan))
    noted = (Finding("source-optional-column-missing", "Tussenresultaat", "wants_help", 1, "warning"),)
    for tables, findings in ((silent, ()), (made.tables, noted)):
        found = profile_counts(tables, findings)
        assert found.not_carried == () and len(found.acceptance) == len(ACCEPTANCE)
    assert profile_counts(silent, noted).not_carried == ("wants_help_of_accepted",)


def test_the_order_of_the_rows_changes_nothing(made: SimulatedSite, counts: ProfileCounts) -> None:
    rng = np.random.default_rng(2)
    frames = {}
    for name in ("signals", "episodes", "cases", "attempts", "followups", "creditors"):
        frame: pd.DataFrame = getattr(made.tables, name)
        frames[name] = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    shuffled = replace(made.tables, **frames)
    assert profile_counts(shuffled, check_tables(made.tables)) == counts


def test_no_value_of_a_cell_is_among_the_counts(made: SimulatedSite) -> None:
    signals = made.tables.signals.copy()
    for column in ("signal_id", "household_key", "district", "creditor_id"):
        signals[column] = CANARY + signals[column].astype(object)
    signals.loc[:20, "creditor_type"] = CANARY
    signals.loc[0, ["amount_cents", "instalment_cents", "age"]] = EXTREME
    attempts = made.tables.attempts.copy()
    attempts.loc[:20, "method"] = CANARY
    tables = replace(made.tables, signals=signals, attempts=attempts)
    text = str(asdict(profile_counts(tables, check_tables(tables))))
    assert CANARY not in text and "98765432" not in text


def test_an_empty_site_counts_nothing(made: SimulatedSite) -> None:
    names = ("signals", "episodes", "cases", "attempts", "followups", "creditors")
    empty = replace(made.tables, **{name: getattr(made.tables, name).iloc[:0] for name in names})
    counts = profile_counts(empty, ())
    assert counts.households == 0 and counts.months == ()
    assert all(cell.households == 0 for cell in (*counts.codes, *counts.missing, *counts.links))
