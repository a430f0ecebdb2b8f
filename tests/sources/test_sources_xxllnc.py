"""The xxllnc workbook: what is written is read back, and what cannot be read is refused in one message."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from causalsig.errors import CausalsigError, SourceError
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.simulation.xxllnc import workbook_tabs, write_tabs, write_workbook
from causalsig.sources import Matching, SiteTables, conform, read_xxllnc_2026
from causalsig.sources.episodes import episodes_by_matching_day
from causalsig.sources.findings import MEANINGS
from causalsig.sources.workbook import sheet_from_rows
from causalsig.sources.xxllnc_2026 import read_sheets
from causalsig.sources.xxllnc_layout import MAPPING, TABS

MONTHLY = Matching("monthly", 15)
EXTRACTED = dt.date(2025, 6, 30)
NAME = "Voorbeeldstad"
CANARY = "Zq7canary"
NOT_IN_WORKBOOK = {"arrears_start", "new_arrears", "household_key", "episode_id", "attempt_id"}
"""Absent from the format, derived from it, or given a key without meaning on reading."""

METHODS = ("letter", "phone", "home_visit", "text_message", "email", "card_left", "unknown", "other")
RESULTS = ("quick_fix", "follow_up_help", "declined", "already_paid", "not_reached", "known_in_debt_help")


@dataclass
class Site:
    """A small municipality made by hand: every third episode is not taken up."""

    signals: list[dict] = field(default_factory=list)
    cases: list[dict] = field(default_factory=list)
    attempts: list[dict] = field(default_factory=list)
    followups: list[dict] = field(default_factory=list)

    def tables(self) -> SiteTables:
        creditors = conform(
            "creditors",
            pd.DataFrame(
                {
                    "creditor_id": ["11", "12", "13", "14", "15"],
                    "creditor_type": ["rent", "energy", "water", "health_insurance", "cak_health"],
                }
            ),
        )
        signals = conform("signals", pd.DataFrame(self.signals))
        signals["creditor_type"] = signals["creditor_id"].map(
            creditors.set_index("creditor_id")["creditor_type"]
        )
        episodes, signals["episode_id"] = episodes_by_matching_day(signals, MONTHLY)
        return SiteTables(
            "0363",
            EXTRACTED,
            conform("signals", signals),
            conform("episodes", episodes),
            conform("cases", pd.DataFrame(self.cases)),
            conform("attempts", pd.DataFrame(self.attempts)),
            conform("followups", pd.DataFrame(self.followups)),
            creditors,
        )


def small_site(households: int = 60, seed: int = 5) -> SiteTables:
    rng = np.random.default_rng(seed)
    site = Site()
    for household in range(households):
        matched = pd.Timestamp("2025-01-15") + pd.DateOffset(months=household % 5)
        taken_up = household % 3 != 0
        case = str(5000 + household) if taken_up else None
        for creditor in range(1 + household % 2):
            site.signals.append(
                {
                    "signal_id": str(100 + len(site.signals)),
                    "household_key": f"key{household:04d}",
                    "received_on": matched - pd.Timedelta(days=int(rng.integers(1, 12))),
                    "creditor_id": str(11 + (household + creditor) % 5),
                    "amount_cents": float(rng.integers(5_000, 400_000)),
                    "instalment_cents": float(rng.integers(1_000, 90_000)) if household % 7 else np.nan,
                    "crisis": float(household % 4 == 0),
                    "age": float(20 + household % 60) if household % 9 else np.nan,
                    "minor_children": [1.0, 0.0, np.nan][household % 3],
                    **{f"repeat_m{m}": float((household + m) % 3 == 0) for m in range(1, 7)},
                    "district": f"Wijk {household % 4}",
                    "forwarded_on": matched if taken_up else pd.NaT,
                    "case_id": case,
                }
            )
        if case is not None:
            _take_up(site, case, household, matched)
    return site.tables()


def _take_up(site: Site, case: str, household: int, matched: pd.Timestamp) -> None:
    closed = household % 5 != 1
    site.cases.append(
        {
            "case_id": case,
            "household_key": f"key{household:04d}",
            "opened_on": matched,
            "closed_on": matched + pd.Timedelta(days=40) if closed else pd.NaT,
            "withdrawn": float(household % 11 == 1),
            "unjustified": 0.0,
            "result": RESULTS[household % 6] if closed else None,
        }
    )
    number = household % 4
    for attempt in range(number):
        final = closed and attempt == number - 1
        site.attempts.append(
            {
                "attempt_id": f"a{len(site.attempts)}",
                "case_id": case,
                "attempted_on": matched + pd.Timedelta(days=3 + 5 * attempt),
                "method": METHODS[(household + attempt) % 8],
                "daypart": ["morning", "afternoon", "evening", None][(household + attempt) % 4],
                "reached": [1.0, 0.0, np.nan][(household + attempt) % 3],
                "wants_help": [1.0, 0.0, np.nan][(household + attempt) % 3],
                "is_final": float(final),
            }
        )
    if household % 6 == 2:
        site.followups.append(
            {"case_id": case, "followed_up_on": matched + pd.Timedelta(days=30), "method": "phone"}
        )


def read_tabs(tabs, **options):
    sheets = {tab.casefold(): sheet_from_rows(tab, rows) for tab, rows in tabs.items()}
    arguments = {
        "municipality": "0363",
        "matching": MONTHLY,
        "name": NAME,
        "declared_locale": None,
        "extracted_on": EXTRACTED,
    }
    return read_sheets(sheets, **{**arguments, **options})


def read_file(path, **options):
    arguments = {"municipality": "0363", "matching": MONTHLY, "name": NAME, "extracted_on": EXTRACTED}
    return read_xxllnc_2026(path, **{**arguments, **options})


@cache
def _made_once(households: int):
    return workbook_tabs(small_site(households), name=NAME)


def small_tabs(households: int = 60):
    return {tab: [list(row) for row in rows] for tab, rows in _made_once(households).items()}


def column_at(tab: str, header: str) -> int:
    return TABS[tab].index(header)


def set_column(tabs, tab, header, change, rows=None):
    at = column_at(tab, header)
    for row in tabs[tab][1:][:rows]:
        row[at] = change(row[at])


def codes(result) -> set[str]:
    return {finding.code for finding in result.findings}


def refusal(call) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    message = str(caught.value)
    assert caught.value.__cause__ is None
    assert "expected" in message and "found" in message and caught.value.mend
    assert CANARY not in message
    return caught.value.code


def comparable(tables: SiteTables) -> dict[str, pd.DataFrame]:
    """Tables with households named by their earliest signal, so that the naming of keys does not matter."""
    by_key = tables.signals.sort_values(["received_on", "signal_id"]).groupby("household_key")["signal_id"]
    names = by_key.first().to_dict()
    frames = {}
    for table, by in (
        ("signals", ["signal_id"]),
        ("cases", ["case_id"]),
        ("attempts", ["case_id", "attempted_on", "is_final"]),
        ("followups", ["case_id", "followed_up_on"]),
        ("creditors", ["creditor_id"]),
    ):
        frame = getattr(tables, table).copy()
        if "household_key" in frame:
            frame["household"] = frame["household_key"].map(names)
        frame = frame.drop(columns=[name for name in frame if name in NOT_IN_WORKBOOK])
        frames[table] = frame.sort_values(by, ignore_index=True)
    episodes = tables.episodes.assign(household=tables.episodes["household_key"].map(names))
    episodes = episodes.drop(columns=["episode_id", "household_key"])
    frames["episodes"] = episodes.sort_values(["household", "matched_on"], ignore_index=True)
    return frames


def assert_same(left: SiteTables, right: SiteTables) -> None:
    a, b = comparable(left), comparable(right)
    for table in a:
        pd.testing.assert_frame_equal(a[table], b[table], obj=table)
    assert left.municipality == right.municipality and left.extracted_on == right.extracted_on


def test_a_workbook_has_the_tabs_and_columns_of_the_export():
    counts = {tab: len(set(columns)) for tab, columns in TABS.items()}
    assert counts == {
        "Signalen": 28,
        "Meldingen": 11,
        "Melders": 3,
        "Tussenresultaat": 20,
        "Eindresultaat": 20,
        "Follow-Up resultaat": 9,
    }
    for tab, columns in MAPPING.items():
        assert {column.header for column in columns} <= set(TABS[tab])


@pytest.mark.parametrize("locale", ["nl", "en"])
def test_what_is_written_is_read_back(tmp_path, locale):
    written = small_site()
    write_workbook(written, tmp_path / "site.xlsx", name=NAME, locale=locale)
    for declared in (None, locale):
        result = read_file(tmp_path / "site.xlsx", amount_locale=declared)
        assert_same(written, result.tables)
        assert not [finding for finding in result.findings if finding.severity == "error"]


@pytest.mark.parametrize("retention", ["full", "strict6"])
def test_a_simulated_municipality_survives_the_workbook(tmp_path, retention):
    scenario = load_scenario("ignorable")
    spec = draw_sites(scenario, 1, 3, inhabitants=20_000, retention=retention)[0]
    site = simulate_site(spec, scenario, 3, months=12, truth=False).tables
    write_workbook(site, tmp_path / "site.xlsx", name=spec.name)
    result = read_xxllnc_2026(
        tmp_path / "site.xlsx",
        municipality=spec.code,
        name=spec.name,
        matching=spec.matching,
        extracted_on=site.extracted_on,
    )
    absurd = (site.signals["age"] < 0) | (site.signals["age"] > 120)
    site.signals.loc[absurd, "age"] = np.nan
    assert absurd.sum() == sum(f.count for f in result.findings if f.code == "source-absurd-age")
    assert_same(site, result.tables)
    new = [t.signals.set_index("signal_id")["new_arrears"].sort_index() for t in (site, result.tables)]
    assert new[0].equals(new[1])


def test_the_same_tables_give_the_same_bytes(tmp_path):
    for name in ("a.xlsx", "b.xlsx"):
        write_workbook(small_site(), tmp_path / name, name=NAME)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_nothing_of_the_hash_staff_or_creditor_names_is_kept():
    tabs = small_tabs()
    for tab, header in (
        ("Signalen", "Melder (submerk)"),
        ("Signalen", "Postcode"),
        ("Melders", "Melder"),
        ("Tussenresultaat", "Naam medewerker"),
        ("Eindresultaat", "Verwijzing anders namelijk"),
        ("Follow-Up resultaat", "Toelichting bij de FollowUp"),
    ):
        set_column(tabs, tab, header, lambda _: CANARY)
    hashes = {row[column_at("Signalen", "Hash")] for row in tabs["Signalen"][1:]}
    tables = read_tabs(tabs).tables
    for table in ("signals", "episodes", "cases", "attempts", "followups", "creditors"):
        text = getattr(tables, table).to_csv()
        assert CANARY not in text
        assert not any(value in text for value in hashes)


def test_reach_comes_from_attempts_and_not_from_the_case():
    tabs = small_tabs()
    expected = read_tabs(tabs).tables
    set_column(tabs, "Meldingen", "Bereikt", lambda _: "Ja")
    assert_same(expected, read_tabs(tabs).tables)


def test_headers_may_move_and_change_case_and_blanks():
    tabs = small_tabs()
    expected = read_tabs(tabs).tables
    for tab, rows in tabs.items():
        tabs[tab] = [row[::-1] for row in rows]
        tabs[tab][0] = [f"  {header.upper()} " for header in tabs[tab][0]]
    assert_same(expected, read_tabs(tabs).tables)


def test_real_date_and_number_cells_read_as_their_texts_do(tmp_path):
    tabs = small_tabs()
    expected = read_tabs(tabs).tables

    def day(cell):
        return dt.datetime.strptime(cell, "%d-%m-%Y") if cell else cell

    def euro(cell):
        return float(cell.replace(".", "").replace(",", ".")) if cell else cell

    set_column(tabs, "Signalen", "Datum melding", day)
    set_column(tabs, "Signalen", "Achterstandsbedrag", euro)
    set_column(tabs, "Signalen", "SignaalID", float)
    assert_same(expected, read_tabs(tabs).tables)


def test_a_final_result_without_a_method_is_an_attempt_only_when_it_tells_of_contact():
    """Moved, deceased or known in debt help are case results: they would pass for a first attempt."""
    tabs = small_tabs()
    set_column(tabs, "Eindresultaat", "Wijze van contactpoging", lambda cell: "")
    set_column(tabs, "Eindresultaat", "Wil de klant hulp", lambda cell: "")
    set_column(tabs, "Eindresultaat", "Persoon bereikt", lambda cell: "Nee")
    set_column(tabs, "Eindresultaat", "Persoon bereikt", lambda cell: "Ja", rows=2)
    reached = {row[1] for row in tabs["Eindresultaat"][1:3]}
    read = read_tabs(tabs).tables
    final = read.attempts[read.attempts["is_final"] == 1]
    assert set(final["case_id"]) == reached
    assert set(final["method"]) == {"unknown"}
    assert read.cases["result"].notna().sum() > len(reached)


def test_the_tokens_seen_in_exports_are_read():
    tabs = small_tabs()
    final = tabs["Eindresultaat"]
    at, wants = (
        column_at("Eindresultaat", "Wat is het eindresultaat"),
        column_at("Eindresultaat", "Wil de klant hulp"),
    )
    texts = {
        "Verwijzing": "follow_up_help",
        "Inwoner heeft betaald": "already_paid",
        "Betalingsregeling met de melder": "already_paid",
        "Klant zelf probeert het op te lossen": "declined",
        "Advies, quick fix": "quick_fix",
        "Aangemeld bij schuldhulp": "follow_up_help_financial",
        "Al bekend bij schuldhulpverlening gemeente": "known_in_debt_help",
        "Nog niet betaald": None,
        "Geen verwijzing": None,
    }
    answers = ["ja", "Nee, traject afgesloten", "vervolg afspraak gemaakt", "wenst contact met vst", ""]
    for row, text in zip(final[1:], texts, strict=False):
        row[at] = text
    for row, answer in zip(final[1:], answers, strict=False):
        row[wants] = answer
    numbers = [row[1] for row in final[1:]]
    result = read_tabs(tabs)
    read = result.tables.cases.set_index("case_id")["result"]
    for number, expected in zip(numbers, texts.values(), strict=False):
        assert read[number] == expected or (expected is None and pd.isna(read[number]))
    wanted = result.tables.attempts.query("is_final == 1").set_index("case_id")["wants_help"]
    got = [wanted[number] for number in numbers[:4]]
    assert got == [1.0, 0.0, 1.0, 1.0]
    assert {"source-unknown-code", "source-result-by-keyword", "source-wants-help-by-appointment"} <= codes(
        result
    )


def test_one_municipality_is_taken_out_of_several():
    alone = read_tabs(small_tabs()).tables
    tabs = small_tabs()
    other = workbook_tabs(small_site(30, seed=8), name="Elders")
    for tab, key in (("Signalen", "SignaalID"), ("Meldingen", "Meldingnummer")):
        for row in other[tab][1:]:
            row[column_at(tab, key)] = f"9{row[column_at(tab, key)]}"
    for tab in ("Tussenresultaat", "Eindresultaat", "Follow-Up resultaat", "Signalen"):
        for row in other[tab][1:]:
            at = column_at(tab, "Meldingnummer")
            row[at] = row[at] and f"9{row[at].removeprefix('9')}"
    for tab, rows in other.items():
        if tab != "Melders":
            tabs[tab] += rows[1:]
    result = read_tabs(tabs)
    assert_same(alone, result.tables)
    assert "source-other-municipality" in codes(result)
    assert "source-attempt-without-case" not in codes(result)
    assert refusal(lambda: read_tabs(tabs, name="Nergens")) == "source-municipality-not-found"
    assert refusal(lambda: read_tabs(tabs, name=None)) == "source-municipality-not-found"


def test_a_code_in_the_column_selects_as_well_as_a_name():
    tabs = small_tabs()
    for tab in ("Signalen", "Meldingen"):
        set_column(tabs, tab, "Gemeente", lambda _: 363.0)
    result = read_tabs(tabs, name=None)
    assert len(result.tables.signals) == 90
    assert "source-municipality-unconfirmed" not in codes(result)


def test_a_tab_of_signals_without_the_municipality_is_of_the_one_the_cases_name():
    whole, tabs = read_tabs(small_tabs()), small_tabs()
    set_column(tabs, "Signalen", "Gemeente", lambda _: "")
    result = read_tabs(tabs)
    assert_same(whole.tables, result.tables)
    assert codes(result) - codes(whole) == {"source-municipality-blank"}
    assert "source-other-municipality" not in codes(result)


def test_one_tab_may_write_the_name_and_another_the_code():
    whole, tabs = read_tabs(small_tabs()), small_tabs()
    set_column(tabs, "Meldingen", "Gemeente", lambda _: 363.0)
    assert_same(whole.tables, read_tabs(tabs).tables)


def test_case_numbers_that_differ_between_the_tabs_are_an_error():
    tabs = small_tabs()
    set_column(tabs, "Meldingen", "Meldingnummer", lambda number: f"M{number}")
    result = read_tabs(tabs)
    wrong = {f.code for f in result.findings if f.severity == "error"}
    assert "source-case-number-without-case" in wrong
    assert "source-retention-edge" not in codes(result)


def test_the_extraction_date_is_the_latest_date_but_not_a_typing_error():
    tabs = small_tabs()
    result = read_tabs(tabs, extracted_on=None)
    latest = max(
        pd.Timestamp(getattr(result.tables, table)[name].max())
        for table, name in (("signals", "received_on"), ("cases", "closed_on"), ("attempts", "attempted_on"))
    )
    assert result.tables.extracted_on == latest.date()
    assert "source-extraction-date-inferred" in codes(result)
    tabs["Meldingen"][1][column_at("Meldingen", "Gezien d.d.")] = "01-01-2202"
    again = read_tabs(tabs, extracted_on=None)
    assert again.tables.extracted_on == latest.date()
    assert "source-date-out-of-range" in codes(again)


def test_a_few_impossible_values_are_missing_and_counted():
    tabs = small_tabs()
    set_column(tabs, "Signalen", "Leeftijd", lambda _: "-7973", rows=3)
    set_column(tabs, "Signalen", "Datum doorgezet", lambda _: "31-02-2025", rows=2)
    set_column(tabs, "Signalen", "Achterstandsbedrag", lambda _: "-10,00", rows=4)
    result = read_tabs(tabs)
    counts = {(f.code, f.column): f.count for f in result.findings}
    assert counts["source-absurd-age", "age"] == 3
    assert counts["source-unreadable-date", "forwarded_on"] == 2
    assert counts["source-negative-amount", "amount_cents"] == 4
    assert result.tables.signals["age"].min() >= 0


@pytest.mark.parametrize(("tab", "header"), [("Melders", "ID"), ("Meldingen", "Meldingnummer")])
def test_a_row_without_its_own_key_is_left_out_and_counted(tab, header):
    tabs = small_tabs()
    tabs[tab][2][column_at(tab, header)] = ""
    found = [f.count for f in read_tabs(tabs).findings if f.code == "source-missing-key"]
    assert found == [1]


def test_links_that_do_not_hold_are_counted():
    tabs = small_tabs()
    numbers = [row[0] for row in tabs["Meldingen"][1:]]
    del tabs["Meldingen"][1:3]
    set_column(tabs, "Signalen", "Meldingnummer", lambda cell: "" if cell == numbers[4] else cell)
    set_column(tabs, "Tussenresultaat", "Meldingnummer", lambda _: "888888", rows=1)
    counts = {f.code: f.count for f in read_tabs(tabs).findings}
    assert counts["source-case-number-without-case"] == 3
    assert counts["source-case-without-signals"] == 1
    assert counts["source-attempt-without-case"] == 1


@pytest.mark.parametrize(
    ("tab", "header", "value", "code"),
    [
        ("Signalen", "Datum melding", "04/15/2025", "source-column-unreadable"),
        ("Signalen", "Datum melding", 45000.0, "source-column-unreadable"),
        ("Signalen", "Datum melding", "", "source-no-signals"),
        ("Signalen", "SignaalID", "1", "source-duplicate-keys"),
        ("Meldingen", "Meldingnummer", "1", "source-duplicate-keys"),
        ("Tussenresultaat", "Persoon bereikt", CANARY, "source-column-unreadable"),
        ("Signalen", "Achterstandsbedrag", CANARY, "source-column-unreadable"),
    ],
)
def test_a_column_that_is_no_such_column_is_refused(tab, header, value, code):
    tabs = small_tabs()
    set_column(tabs, tab, header, lambda _: value)
    assert refusal(lambda: read_tabs(tabs)) == code


@pytest.mark.parametrize("tab", [tab for tab in TABS if tab != "Follow-Up resultaat"])
def test_a_missing_tab_is_named(tab):
    tabs = small_tabs()
    del tabs[tab]
    with pytest.raises(SourceError, match=f"no tab {tab}") as caught:
        read_tabs(tabs)
    assert caught.value.code == "source-missing-tab"


@pytest.mark.parametrize(
    ("tab", "header"), [(tab, c.header) for tab, columns in MAPPING.items() for c in columns]
)
def test_a_missing_column_is_an_error_or_a_finding(tab, header):
    tabs = small_tabs()
    at = column_at(tab, header)
    tabs[tab] = [row[:at] + row[at + 1 :] for row in tabs[tab]]
    column = next(c for c in MAPPING[tab] if c.header == header)
    if column.required:
        with pytest.raises(SourceError, match=header) as caught:
            read_tabs(tabs)
        assert caught.value.code == "source-missing-column"
    else:
        result = read_tabs(tabs)
        missing = [f for f in result.findings if f.code == "source-optional-column-missing"]
        assert [(f.table, f.column) for f in missing] == [(tab, column.target)]


def test_a_column_that_occurs_twice_is_refused():
    tabs = small_tabs()
    for row in tabs["Signalen"]:
        row.append(row[column_at("Signalen", "Hash")])
    assert refusal(lambda: read_tabs(tabs)) == "source-duplicate-column"


def test_files_that_are_no_readable_workbook_are_refused(tmp_path):
    good = tmp_path / "good.xlsx"
    write_workbook(small_site(), good, name=NAME)
    content = good.read_bytes()
    middle = len(content) // 2
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    cases = {
        "empty": (b"", "source-empty"),
        "cut": (content[:middle], "source-corrupt"),
        "bits": (content[:middle] + bytes(200) + content[middle + 200 :], "source-corrupt"),
        "text": (b"SignaalID;Hash\n1;" + CANARY.encode(), "source-wrong-type"),
        "old": (ole, "source-wrong-type"),
        "locked": (ole + "EncryptedPackage".encode("utf-16-le"), "source-encrypted"),
    }
    for name, (data, code) in cases.items():
        path = tmp_path / f"{name}.xlsx"
        path.write_bytes(data)
        assert refusal(lambda path=path: read_file(path)) == code, name
    assert refusal(lambda: read_file(tmp_path / "absent.xlsx")) == "source-not-found"
    assert refusal(lambda: read_file(tmp_path)) == "source-not-found"


def test_a_workbook_without_rows_is_refused(tmp_path):
    write_tabs({tab: [list(columns)] for tab, columns in TABS.items()}, tmp_path / "bare.xlsx")
    assert refusal(lambda: read_file(tmp_path / "bare.xlsx")) == "source-no-signals"


@pytest.mark.parametrize("emptied", [tab for tab in TABS if tab != "Signalen"])
def test_a_tab_without_rows_is_read_and_its_loss_is_a_finding(emptied):
    base = read_tabs(small_tabs())
    tabs = small_tabs()
    tabs[emptied] = tabs[emptied][:1]
    result = read_tabs(tabs)
    assert len(result.tables.signals) == len(base.tables.signals)
    if emptied != "Follow-Up resultaat":
        assert result.findings != base.findings


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_shuffled_rows_change_nothing(random):
    tabs = small_tabs()
    expected = read_tabs(tabs)
    for rows in tabs.values():
        body = rows[1:]
        random.shuffle(body)
        rows[1:] = body
    shuffled = read_tabs(tabs)
    for table in ("signals", "episodes", "cases", "attempts", "followups"):
        pd.testing.assert_frame_equal(getattr(expected.tables, table), getattr(shuffled.tables, table))
    assert expected.findings == shuffled.findings


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_renamed_ids_change_only_ids(random):
    tabs = small_tabs()
    expected = read_tabs(tabs)
    renamed: dict[str, dict[str, str]] = {}
    for kind, places in {
        "case": [(tab, "Meldingnummer") for tab in TABS if "Meldingnummer" in TABS[tab]],
        "household": [("Signalen", "Hash")],
        "creditor": [("Signalen", "Melder ID"), ("Melders", "ID")],
    }.items():
        values = sorted({row[column_at(t, h)] for t, h in places for row in tabs[t][1:]} - {""})
        new = [f"{n:08d}" for n in random.sample(range(10**7), len(values))]
        renamed[kind] = dict(zip(values, new, strict=True)) | {"": ""}
        for tab, header in places:
            set_column(tabs, tab, header, renamed[kind].__getitem__)
    result = read_tabs(tabs)
    a = expected.tables.signals.set_index("signal_id").sort_index()
    b = result.tables.signals.set_index("signal_id").sort_index()
    assert a["case_id"].map(renamed["case"]).fillna("").tolist() == b["case_id"].fillna("").tolist()
    ids = ["case_id", "household_key", "creditor_id", "episode_id"]
    pd.testing.assert_frame_equal(a.drop(columns=ids), b.drop(columns=ids))
    assert (pd.factorize(a["household_key"])[0] == pd.factorize(b["household_key"])[0]).all()
    assert (pd.factorize(a["episode_id"])[0] == pd.factorize(b["episode_id"])[0]).all()
    assert [(f.code, f.count) for f in expected.findings] == [(f.code, f.count) for f in result.findings]


MUTANTS = [
    CANARY,
    f"  {CANARY} ",
    -7973.0,
    1e300,
    "99-99-9999",
    "01-01-1900",
    "1.234.5",
    True,
    dt.date(2199, 1, 1),
]
FREE = {("Signalen", "Wijk")}
"""Columns that are read and may hold anything."""


def outcome(tab: str, row: int, at: int, value) -> tuple | str:
    """Findings, or the error's code, after one cell changed; no message may quote it."""
    tabs = small_tabs(24)
    tabs[tab][row][at] = value
    try:
        findings = read_tabs(tabs).findings
    except CausalsigError as error:
        assert CANARY not in str(error) and "7973" not in str(error)
        return error.code
    assert CANARY not in repr(findings) and "7973" not in repr(findings)
    return findings


@pytest.mark.parametrize("tab", TABS)
def test_nonsense_in_a_column_that_is_read_is_a_finding(tab):
    base = read_tabs(small_tabs(24)).findings
    for column in MAPPING[tab]:
        if (tab, column.header) not in FREE:
            changed = outcome(tab, 2, column_at(tab, column.header), CANARY)
            assert changed != base, column.header


def test_any_changed_cell_ends_in_findings_or_our_own_error():
    rng = np.random.default_rng(11)
    tabs = small_tabs(24)
    outcomes = []
    for _ in range(40):
        tab = list(TABS)[rng.integers(len(TABS))]
        # Every fourth time a header.
        row = int(rng.integers(1, len(tabs[tab]))) if rng.integers(4) else 0
        value = MUTANTS[rng.integers(len(MUTANTS))]
        outcomes.append(outcome(tab, row, int(rng.integers(len(TABS[tab]))), value))
    kinds = {type(result) for result in outcomes}
    assert kinds == {tuple, str}


def test_every_finding_has_a_meaning():
    for finding in read_tabs(small_tabs()).findings:
        assert finding.code in MEANINGS and finding.count > 0


def test_signals_of_nobody_repeat_nothing():
    tabs = small_tabs()
    for header, cell in (
        ("Hash", None),
        ("Melder ID", tabs["Melders"][1][0]),
        ("Achterstandsbedrag", "100,00"),
    ):
        set_column(tabs, "Signalen", header, lambda old, cell=cell: cell)
    tables = read_tabs(tabs).tables
    assert tables.signals["household_key"].isna().all()
    assert (tables.signals["new_arrears"] == 1.0).all()
