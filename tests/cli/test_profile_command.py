"""A profile and a monitor are made by one command, wait for two people, and hold no value of any cell."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from causalsig.execution.truth import inventory_site
from causalsig.release.life import read_review
from causalsig.simulation import SiteSpec, load_scenario, simulate_site
from causalsig.simulation.xxllnc import workbook_tabs
from tests.cli.conftest import CANARY, PLANTED, Desk, Result, Tabs

Run = Callable[..., Result]
KINDS = ("profile", "monitor")
EXTREME = "9876543,21"
"""Planted in every numeric column; no count or share of this site comes near it."""
NUMERIC = (
    ("Signalen", "Leeftijd"),
    ("Signalen", "Termijnbedrag"),
    ("Signalen", "Achterstandsbedrag"),
    ("Meldingen", "Aantal melders"),
)
CODED = (
    ("Melders", "Type melder"),
    ("Tussenresultaat", "Wijze van contactpoging"),
    ("Tussenresultaat", "Dagdeel"),
    ("Eindresultaat", "Wat is het eindresultaat"),
)
SCENARIO = load_scenario("ignorable")
SPEC = SiteSpec("9001", "Voorbeeldstad 01", 6_000)


@pytest.fixture(scope="module")
def spoiled() -> Tabs:
    """A workbook with a canary in every free text, name and number, and an extreme value in every figure."""
    made = simulate_site(SPEC, SCENARIO, 2, truth=False)
    tabs: Tabs = workbook_tabs(made.tables, name=SPEC.name)
    for tab, header in PLANTED:
        at = tabs[tab][0].index(header)
        for number, row in enumerate(tabs[tab][1:]):
            row[at] = f"{row[at]}{CANARY}" if header == "Hash" else f"{CANARY}{number % 7}"
    for tab, header in (*NUMERIC, *CODED):
        at = tabs[tab][0].index(header)
        # Few of the creditors: a list of kinds that is mostly unknown would be an error.
        spoilt = tabs[tab][1:4] if tab == "Melders" else tabs[tab][1:30]
        for number, row in enumerate(spoilt):
            row[at] = EXTREME if (tab, header) in NUMERIC else f"{CANARY}{number}"
    return tabs


@pytest.fixture
def ready(desk: Desk, spoiled: Tabs) -> Desk:
    desk.sites = [inventory_site(SPEC, months=30, extracted_on=SCENARIO.extracted_on)]
    desk.source(copy.deepcopy(spoiled))
    return desk


def command(desk: Desk, kind: str, *more: Any) -> tuple[object, ...]:
    source = desk.folder / "sources" / "9001.xlsx"
    out = desk.folder / kind
    return ("site", kind, source, "--inventory", desk.inventory, "--keys", desk.keys, "--out", out, *more)


class Parts(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.contents: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.contents += [value or "" for name, value in attrs if name == "content"]


@pytest.fixture
def everything_written(tmp_path: Path, canary_free: Callable[..., None]) -> Iterator[Callable[[], bytes]]:
    """All bytes written below the test's folder, the sources and the keys left out."""

    def read() -> bytes:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        kept = [path for path in files if path.parent.name not in ("sources", "keys")]
        return b"\n".join(path.read_bytes() for path in kept)

    yield read


@pytest.mark.parametrize("kind", KINDS)
def test_no_cell_value_is_in_any_file_or_message(
    ready: Desk, run: Run, kind: str, everything_written: Callable[[], bytes]
) -> None:
    for language in ("nl", "en"):
        done = run(*command(ready, kind, "--language", language))
        assert done.code == 0, done.err
        assert CANARY not in done.out + done.err
    shown = run("release", "review", ready.folder / kind / "9001")
    assert shown.code == 0 and CANARY not in shown.out
    written = everything_written()
    assert CANARY.encode() not in written
    for value in (EXTREME, "9876543", "9.876.543", "987654321"):
        assert value.encode() not in written
    site = ready.folder / kind / "9001"
    pages = (site / f"{kind}.html").read_text() + (site / f"{kind}.en.html").read_text()
    document = read_review(site).document.model_dump_json()
    for secret in ("Voorbeeldstad", '"9001"', "melder-0"):
        assert secret not in document + pages


@pytest.mark.parametrize("kind", KINDS)
def test_two_people_release_it_and_anyone_can_verify_it(ready: Desk, run: Run, kind: str) -> None:
    done = run(*command(ready, kind))
    page, review = done.out.splitlines()
    assert (page, review) == tuple(
        str(ready.folder / kind / "9001" / n) for n in (f"{kind}.html", "review.json")
    )
    assert "causalsig release approve" in done.err and "nothing has left" in done.err
    outbox = ready.folder / kind / "outbox"
    for role in ("operator", "checker"):
        assert not outbox.exists()
        who = ("--as", role, "--name", f"demo {role}", "--keys", ready.keys, "--demo")
        assert run("release", "review", ready.folder / kind / "9001").code == 0
        assert run("release", "approve", ready.folder / kind / "9001", *who).code == 0
    [file] = outbox.iterdir()
    assert file.name.endswith(f".{kind}.json")
    ledger = ready.keys / "ledger"
    assert kind in run("ledger", "show", ledger).out
    assert run("ledger", "verify", ledger, "--keys", ready.keys, "--releases", outbox, "--demo").code == 0
    checked = run("release", "verify", file, "--keys", ready.keys, "--demo", "--format", "json")
    assert json.loads(checked.out)["kind"] == kind and json.loads(checked.out)["study_digest"] is None
    run("release", "verify", file, "--keys", ready.keys).error("release-demo")
    content = json.loads(file.read_bytes())
    content["payload"] = content["payload"][:-4] + "AAAA"
    file.write_text(json.dumps(content, separators=(",", ":"), sort_keys=True))
    assert run("release", "verify", file, "--keys", ready.keys, "--demo").code == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_needs_no_network_and_the_document_is_printed_for_programs(
    ready: Desk, run: Run, kind: str
) -> None:
    done = run(*command(ready, kind, "--format", "json"))
    assert json.loads(done.out) == read_review(ready.folder / kind / "9001").document.model_dump(mode="json")
    html = (ready.folder / kind / "9001" / f"{kind}.html").read_text()
    parts = Parts()
    parts.feed(html)
    assert {"script", "img", "link", "iframe"} & set(parts.tags) == set()
    assert all(address.startswith("#") for address in parts.addresses)
    assert any(value.startswith("default-src 'none'") for value in parts.contents)
    assert parts.tags.count("table") >= 3 and parts.tags.count("h1") == 1


def test_again_changes_nothing_and_another_document_needs_force(ready: Desk, run: Run, spoiled: Tabs) -> None:
    assert run(*command(ready, "monitor")).code == 0
    review = ready.folder / "monitor" / "9001" / "review.json"
    before = review.read_bytes()
    assert run(*command(ready, "monitor")).code == 0
    assert review.read_bytes() == before
    tabs = copy.deepcopy(spoiled)
    tabs["Signalen"][1:] = tabs["Signalen"][1:-200]
    ready.source(tabs)
    run(*command(ready, "monitor")).error("release-exists")
    assert review.read_bytes() == before
    assert run(*command(ready, "monitor", "--force")).code == 0
    assert review.read_bytes() != before


@pytest.mark.parametrize("kind", KINDS)
def test_help_teaches(run: Run, kind: str) -> None:
    told = " ".join(run("site", kind, "--help").out.split())
    assert "review.json" in told and "two approvals" in told and "10 households" in told


def test_a_finding_that_would_stop_a_run_is_told_and_the_profile_written(
    ready: Desk, run: Run, spoiled: Tabs
) -> None:
    tabs = copy.deepcopy(spoiled)
    header = tabs["Signalen"][0]
    amount, day, creditor = (header.index(n) for n in ("Achterstandsbedrag", "Datum melding", "Melder ID"))
    rows = tabs["Signalen"][31:]
    [(most, _)] = Counter(row[creditor] for row in rows).most_common(1)
    of_one = [row for row in rows if row[creditor] == most]
    for at, month in enumerate(("03", "04", "05")):  # fewer than ten amounts in a month have no median
        for row in of_one[12 * at : 12 * at + 12]:
            row[day], row[amount] = f"17-{month}-2026", "99999,00" if month == "05" else "300,00"
    ready.source(tabs)
    done = run(*command(ready, "profile"))
    assert done.code == 1 and "source-amount-jump" in done.err
    document = read_review(ready.folder / "profile" / "9001").document
    assert document.kind == "profile"
    assert "source-amount-jump" in {entry.code for entry in document.findings}


def test_a_source_of_fewer_than_ten_households_is_refused(ready: Desk, run: Run, spoiled: Tabs) -> None:
    tabs = copy.deepcopy(spoiled)
    at = tabs["Signalen"][0].index("Hash")
    few = {row[at] for row in tabs["Signalen"][40:48]}
    tabs["Signalen"][1:] = [row for row in tabs["Signalen"][40:] if row[at] in few]
    ready.source(tabs)
    for kind in KINDS:
        run(*command(ready, kind)).error("release-cell-floor", exit_code=3)
        assert not (ready.folder / kind / "9001").exists()


def test_a_site_without_an_agreement_is_not_read(ready: Desk, run: Run) -> None:
    ready.sites = [ready.sites[0].model_copy(update={"agreement": type(ready.sites[0].agreement)()})]
    for kind in KINDS:
        run(*command(ready, kind)).error("site-no-agreement")
