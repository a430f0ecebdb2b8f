"""Bad workbooks at the command: one clear message, exit code 2, no cell value, nothing half-written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

Tabs = dict[str, list[list[Any]]]
CANARY = "Zq7canary"
Spoil = Callable[[Tabs], None]


def column(tabs: Tabs, tab: str, header: str, change: Callable[[int, Any], Any]) -> None:
    at = tabs[tab][0].index(header)
    for number, row in enumerate(tabs[tab][1:]):
        row[at] = change(number, row[at])


def drop_tabs(*names: str) -> Spoil:
    def spoil(tabs: Tabs) -> None:
        for name in names:
            del tabs[name]

    return spoil


def drop_column(tab: str, header: str) -> Spoil:
    def spoil(tabs: Tabs) -> None:
        at = tabs[tab][0].index(header)
        for row in tabs[tab]:
            del row[at]

    return spoil


def set_column(tab: str, header: str, change: Callable[[int, Any], Any]) -> Spoil:
    return lambda tabs: column(tabs, tab, header, change)


def english(number: int, cell: str) -> str:
    return cell.translate(str.maketrans(",.", ".,"))


def repeat_rows(tab: str) -> Spoil:
    return lambda tabs: tabs[tab].extend([*row] for row in tabs[tab][1:4])


def no_rows(tabs: Tabs) -> None:
    for rows in tabs.values():
        del rows[1:]


BAD_TABS: dict[str, tuple[str, Spoil, str]] = {
    "a missing tab": ("source-missing-tab", drop_tabs("Signalen"), "Signalen"),
    "two missing tabs": (
        "source-missing-tab",
        drop_tabs("Melders", "Eindresultaat"),
        "Melders, Eindresultaat",
    ),
    "a missing column": (
        "source-missing-column",
        drop_column("Signalen", "Achterstandsbedrag"),
        "'Achterstandsbedrag' in Signalen",
    ),
    "a missing column of attempts": (
        "source-missing-column",
        drop_column("Eindresultaat", "Persoon bereikt"),
        "'Persoon bereikt' in Eindresultaat",
    ),
    "a column twice": (
        "source-duplicate-column",
        lambda tabs: tabs["Signalen"][0].__setitem__(tabs["Signalen"][0].index("Postcode"), "Leeftijd"),
        "Leeftijd",
    ),
    "amounts in two notations": (
        "source-amount-locale-undecided",
        set_column("Signalen", "Achterstandsbedrag", lambda n, cell: english(n, cell) if n % 2 else cell),
        "Signalen",
    ),
    "amounts in cents": (
        "source-amount-scale",
        set_column("Signalen", "Achterstandsbedrag", lambda n, cell: cell[:-3].replace(".", "") + "00,00"),
        "Achterstandsbedrag",
    ),
    "words for amounts": (
        "source-column-unreadable",
        set_column("Signalen", "Achterstandsbedrag", lambda n, cell: f"{CANARY} {n}"),
        "Achterstandsbedrag",
    ),
    "signals twice": ("source-duplicate-keys", repeat_rows("Signalen"), "'SignaalID'"),
    "cases twice": ("source-duplicate-keys", repeat_rows("Meldingen"), "'Meldingnummer'"),
    "creditors twice": ("source-duplicate-keys", repeat_rows("Melders"), "'ID'"),
    "months and days changed places": (
        "source-column-unreadable",
        set_column("Signalen", "Datum melding", lambda n, cell: f"{cell[3:5]}-{13 + n % 15}-{cell[6:]}"),
        "Datum melding",
    ),
    "dates that do not exist": (
        "source-column-unreadable",
        set_column("Signalen", "Datum melding", lambda n, cell: f"31-02-{cell[6:]}"),
        "Datum melding",
    ),
    "dates of attempts as words": (
        "source-column-unreadable",
        set_column("Tussenresultaat", "Datum contactpoging", lambda n, cell: f"{CANARY}{n}"),
        "Datum contactpoging",
    ),
    "every date before the system existed": (
        "source-column-unreadable",
        set_column("Signalen", "Datum melding", lambda n, cell: "01-01-1900"),
        "Datum melding",
    ),
    "every second signal a century too early": (
        "source-column-unreadable",
        set_column("Signalen", "Datum melding", lambda n, cell: cell if n % 2 else f"{cell[:6]}1924"),
        "Datum melding",
    ),
    "every age below zero": (
        "source-column-unreadable",
        set_column("Signalen", "Leeftijd", lambda n, cell: -5),
        "Leeftijd",
    ),
    "every contact method unknown": (
        "source-column-unreadable",
        set_column("Eindresultaat", "Wijze van contactpoging", lambda n, cell: f"{CANARY} {n % 3}"),
        "Wijze van contactpoging",
    ),
    "no rows": ("source-no-signals", no_rows, "0 signals"),
    "another municipality": (
        "source-municipality-not-found",
        set_column("Signalen", "Gemeente", lambda n, cell: CANARY),
        "municipality 9001",
    ),
}


@pytest.mark.parametrize("name", BAD_TABS)
def test_site_check_refuses(name: str, run: Any, desk: Any, tabs: Tabs, canary_free: Any) -> None:
    code, spoil, named = BAD_TABS[name]
    spoil(tabs)
    result = run(*desk.check(desk.source(tabs)))
    assert named in result.error(code)
    assert result.out == ""


def test_a_wrong_declared_notation_is_refused(run: Any, desk: Any, tabs: Tabs, canary_free: Any) -> None:
    """1.234,56 read as English would be one euro and a bit: nobody would see it in the result."""
    desk.sites = [desk.sites[0].model_copy(update={"amount_locale": "en"})]
    result = run(*desk.check(desk.source(tabs)))
    assert "Declare 'nl'" in result.error("source-amount-locale-contradicted")
    desk.sites = [desk.sites[0].model_copy(update={"amount_locale": "nl"})]
    assert run(*desk.check(desk.source(tabs))).code == 0


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def damage_inside(path: Path) -> None:
    """The container is whole, a tab in it is not."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"][:5000] + b"<<" + CANARY.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def encrypt(path: Path) -> None:
    """As a workbook with a password is: an OLE container with one stream that holds the real one."""
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + b"\0" * 600
        + "EncryptedPackage".encode("utf-16-le")
        + b"\0" * 99
    )


def mark_encrypted(path: Path) -> None:
    """As a zip program with a password makes it."""
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(bytes(content))


BAD_FILES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "empty": ("source-empty", lambda path: path.write_bytes(b"")),
    "cut off": ("source-corrupt", cut),
    "damaged inside": ("source-corrupt", damage_inside),
    "with a password": ("source-encrypted", encrypt),
    "in a zip with a password": ("source-encrypted", mark_encrypted),
    "a text file renamed": ("source-wrong-type", lambda path: path.write_text(f"a;b\n{CANARY};2\n")),
    "not there": ("source-file-missing", lambda path: path.unlink()),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_site_check_refuses_a_file_that_is(
    name: str, run: Any, desk: Any, tabs: Tabs, canary_free: Any
) -> None:
    code, spoil = BAD_FILES[name]
    path = desk.source(tabs)
    spoil(path)
    result = run(*desk.check(path))
    assert "9001.xlsx" in result.error(code) and result.out == ""


def test_a_few_impossible_dates_and_ages_are_counted_and_read_as_missing(
    run: Any, desk: Any, tabs: Tabs, canary_free: Any
) -> None:
    column(tabs, "Signalen", "Leeftijd", lambda n, cell: -7973 if n < 3 else 40)
    column(tabs, "Signalen", "Datum melding", lambda n, cell: "31-02-2025" if n < 2 else cell)
    column(tabs, "Eindresultaat", "Datum contactpoging", lambda n, cell: "01-01-1890" if n < 4 else cell)
    result = run(*desk.check(desk.source(tabs)), "--format", "json")
    found = {(row["code"], row["table"], row["column"]): row["count"] for row in json.loads(result.out)}
    assert result.code == 0
    assert found["source-absurd-age", "Signalen", "age"] == 3
    assert found["source-unreadable-date", "Signalen", "received_on"] == 2
    assert found["source-date-out-of-range", "Eindresultaat", "attempted_on"] == 4
    assert "7973" not in result.out + result.err and "1890" not in result.out + result.err
    assert CANARY not in result.out + result.err


def test_findings_stand_in_lines_with_their_meaning(run: Any, desk: Any, tabs: Tabs) -> None:
    column(tabs, "Signalen", "Leeftijd", lambda n, cell: -1 if n < 3 else 40)
    result = run(*desk.check(desk.source(tabs)))
    [line] = [line for line in result.out.splitlines() if "source-absurd-age" in line]
    assert line.split()[:3] == ["warning", "3", "source-absurd-age"] and "Impossible ages" in line
    assert "site 9001:" in result.err and "causalsig explain" in result.err


def test_a_finding_that_would_stop_the_run_exits_1(run: Any, desk: Any, tabs: Tabs) -> None:
    """One creditor's amounts became tenfold from one month on: readable, and no basis for an analysis."""
    at = tabs["Signalen"][0].index("Datum melding")
    latest = max(row[at][6:] + row[at][3:5] for row in tabs["Signalen"][1:])
    amount = tabs["Signalen"][0].index("Achterstandsbedrag")
    creditor = tabs["Signalen"][0].index("Melder ID")
    for row in tabs["Signalen"][1:]:
        row[creditor] = "1"
        if row[at][6:] + row[at][3:5] == latest:
            row[amount] = row[amount].replace(".", "").replace(",", "0,")
    tabs["Melders"][1][0] = "1"
    del tabs["Melders"][2:]
    result = run(*desk.check(desk.source(tabs)))
    assert "source-amount-jump" in result.out and result.code == 1


def test_site_check_touches_no_data_without_an_agreement(run: Any, desk: Any, tabs: Tabs) -> None:
    agreement = desk.sites[0].agreement.model_copy(update={"withdrawn_on": date(2026, 1, 1)})
    desk.sites = [desk.sites[0].model_copy(update={"agreement": agreement})]
    path = desk.source(tabs)
    path.write_bytes(b"never opened")
    assert "withdrawn" in run(*desk.check(path)).error("site-no-agreement")


def test_site_check_wants_a_source_of_a_known_site(run: Any, desk: Any, tabs: Tabs) -> None:
    path = desk.source(tabs)
    other = path.rename(path.with_name("0363.xlsx"))
    run(*desk.check(other)).error("site-source-unknown")


def test_a_run_over_bad_workbooks_lists_each_and_does_the_good_one(
    run: Any, desk: Any, whole_tabs: Tabs, canary_free: Any
) -> None:
    import copy

    names = [*list(BAD_TABS)[::3], "cut off", "with a password", "empty"]
    expected = {}
    for number, name in enumerate(names, start=2):
        code = f"90{number:02d}"
        tabs = copy.deepcopy(whole_tabs)
        if name in BAD_TABS:
            expected[code], spoil, _ = BAD_TABS[name]
            spoil(tabs)
            desk.source(tabs, code)
        else:
            expected[code], spoil_file = BAD_FILES[name]
            spoil_file(desk.source(tabs, code))
    withdrawn = desk.sites[0].agreement.model_copy(update={"withdrawn_on": date(2026, 1, 1)})
    desk.source(whole_tabs)
    desk.sites = [
        desk.sites[0],
        *(desk.sites[0].model_copy(update={"code": code}) for code in expected),
        desk.sites[0].model_copy(update={"code": "9050", "agreement": withdrawn}),
        desk.sites[0].model_copy(update={"code": "9051"}),
    ]
    expected["9051"] = "site-source-missing"
    result = run(*desk.run())
    assert result.code == 2
    rows = {line.split()[0]: line for line in result.out.splitlines()}
    assert rows["9001"].split()[1] == "done" and "left out" in rows["9050"]
    for code, reason in expected.items():
        assert rows[code].split()[1:] == ["failed", reason]
        [said] = [line for line in result.err.splitlines() if f"site {code} failed" in line]
        assert "expected" in said and "; found" in said and said.endswith(f"[{reason}]")
    assert "site 9050 left out: the site has withdrawn." in result.err
    assert f"1 run, 0 kept from before, 1 left out, {len(expected)} failed." in result.err
    out = desk.folder / "run"
    assert [path.parent.name for path in out.glob("sites/*/run.json")] == ["9001"]
    assert [path.parent.name for path in out.glob("sites/*/review.json")] == ["9001"]
    assert [path.parent.name for path in out.glob("sites/*/site.json")] == ["9001"]
    assert list(out.rglob(".*")) == []
    recorded = json.loads((out / "run.json").read_text())["sites"]
    assert {row["site"]: row["code"] for row in recorded} == {
        "9001": "site-done",
        **expected,
        "9050": "site-no-agreement",
    }
    assert CANARY not in result.out + result.err
    again = run(*desk.run("--only", "9001"))
    assert again.code == 0 and again.out.split()[:2] == ["9001", "kept"]
    assert "0 run, 1 kept from before" in again.err
    named = run(*desk.run("--only", "9001", "--only", "9050"))
    assert named.code == 2, "what was asked for by name was not done"
