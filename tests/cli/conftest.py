"""The command as a user types it, a small workbook to spoil, and releases to pool. Made once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from causalsig_cli.app import main

from causalsig.execution.invent import inventory_toml
from causalsig.execution.truth import inventory_site
from causalsig.release.household_sets import BY_THEMSELVES
from causalsig.release.keys import new_keys
from causalsig.simulation import SiteSpec, load_scenario, simulate_site
from causalsig.simulation.xxllnc import workbook_tabs, write_tabs
from causalsig.study.inventory import Site

Tabs = dict[str, list[list[Any]]]
CANARY = "Zq7canary"
"""Planted in every text of a workbook that no code list knows; it may turn up nowhere."""
PLANTED = (
    ("Signalen", "Hash"),
    ("Signalen", "Wijk"),
    ("Signalen", "Postcode"),
    ("Signalen", "Melder (submerk)"),
    ("Melders", "Melder"),
    ("Meldingen", "Uitvoerder"),
    ("Tussenresultaat", "Naam medewerker"),
    ("Eindresultaat", "Naam medewerker"),
    ("Eindresultaat", "Verwijzing anders namelijk"),
    ("Follow-Up resultaat", "Toelichting bij de FollowUp"),
)


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    def error(self, code: str, exit_code: int = 2) -> str:
        """Check that this is one clear error with `code`: what was expected, found, and how to mend it."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert self.code == exit_code, self.err
        assert len(lines) == 1 and lines[0].startswith("causalsig: "), self.err
        message = lines[0].removeprefix("causalsig: ")
        assert "expected " in message and "; found " in message, message
        assert message.endswith((f". [{code}]", f"? [{code}]")), message
        assert CANARY not in self.out + self.err and "Traceback" not in self.err
        return message


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Result]:
    """Run the command in this process."""
    monkeypatch.setenv("CAUSALSIG_LOG_DIR", str(tmp_path / "log"))

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(int(ended.value.code or 0), out, err)

    return call


SPEC = SiteSpec("9001", "Voorbeeldstad 01", 5_000)
MONTHS = 30


def site(code: str = "9001", **changes: object) -> Site:
    extracted = load_scenario("ignorable").extracted_on
    return inventory_site(SPEC, months=MONTHS, extracted_on=extracted).model_copy(
        update={"code": code, **changes}
    )


@pytest.fixture(scope="session")
def whole_tabs() -> Tabs:
    """Rows of a whole workbook with the canary planted."""
    made = simulate_site(SPEC, load_scenario("ignorable"), 1, months=MONTHS, truth=False)
    tabs = workbook_tabs(made.tables, name=SPEC.name)
    for tab, header in PLANTED:
        at = tabs[tab][0].index(header)
        for number, row in enumerate(tabs[tab][1:]):
            row[at] = f"{row[at]}{CANARY}" if header == "Hash" else f"{CANARY}{number % 7}"
    return tabs


@pytest.fixture
def tabs(whole_tabs: Tabs) -> Tabs:
    return copy.deepcopy(whole_tabs)


@dataclass
class Desk:
    """Where an operator works: an inventory, keys, sources, and what is written."""

    folder: Path
    sites: list[Site] = field(default_factory=lambda: [site()])

    @property
    def inventory(self) -> Path:
        path = self.folder / "inventory.toml"
        path.write_text(inventory_toml(tuple(self.sites)), encoding="utf-8")
        return path

    @property
    def keys(self) -> Path:
        if not (self.folder / "keys").exists():
            new_keys(self.folder / "keys", demo=True)
        return self.folder / "keys"

    def source(self, tabs: Tabs, code: str = "9001") -> Path:
        path = self.folder / "sources" / f"{code}.xlsx"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tabs(tabs, path)
        return path

    def check(self, source: Path) -> tuple[object, ...]:
        return ("site", "check", source, "--inventory", self.inventory)

    def run(self, *more: object, out: Path | None = None) -> tuple[object, ...]:
        sources, to = self.folder / "sources", out or self.folder / "run"
        given = ("site", "run", "vroegsignalering", sources, "--inventory", self.inventory)
        return (*given, "--keys", self.keys, "--out", to, *more)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def canary_free(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Say that the canary is in no file below a folder; sources are where it was planted."""

    def check(folder: Path) -> None:
        files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "sources"]
        assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []

    yield check
    check(tmp_path)


@dataclass(frozen=True)
class Outbox:
    """Released documents of invented sites, and the keys to check them with."""

    releases: Path
    keys: Path

    def pool(self, *more: object, study: object = "vroegsignalering") -> tuple[object, ...]:
        out = self.releases.parent / "pooled"
        return ("pool", study, self.releases, "--keys", self.keys, "--out", out, "--demo", *more)

    @property
    def written(self) -> list[Path]:
        return sorted((self.releases.parent / "pooled").rglob("*"))


def release(
    folder: Path, result: Any, study: Any, code: str, wave: int = 1, extract: int | None = None
) -> None:
    """Put a result up for review as the site `code` and approve it twice; each wave of its own extract."""
    from dataclasses import replace

    from causalsig.execution.site import release_site
    from tests.release.desk import approve_both

    inside, keys = folder / "sites" / code, folder / "keys"
    released = replace(result, municipality=code)
    households = {"contact_method:3m14": map(str, range(50_000))}
    snapshot = bytes([extract or wave]) * 32
    release_site(
        released,
        study,
        households=households,
        known_again=BY_THEMSELVES,
        keys=keys,
        snapshot=snapshot,
        wave=wave,
        folder=inside,
    )
    approve_both(inside, keys, folder / "outbox", demo=True)


@pytest.fixture(scope="session")
def analysed() -> Any:
    """A result with estimates: one site large enough for the arms of the default study."""
    from dataclasses import replace

    from causalsig.execution.analyse import analyse_site
    from causalsig.study.read import read_study

    spec = replace(SPEC, inhabitants=75_000)
    made = simulate_site(spec, load_scenario("ignorable"), 1, months=MONTHS, truth=False)
    return analyse_site(made.tables, read_study("vroegsignalering"), site(), spec.matching)


@pytest.fixture(scope="session")
def three_releases(tmp_path_factory: pytest.TempPathFactory, analysed: Any) -> Path:
    from causalsig.study.read import read_study

    folder = tmp_path_factory.mktemp("released")
    new_keys(folder / "keys", demo=True)
    for code in ("9001", "9002", "9003"):
        release(folder, analysed, read_study("vroegsignalering"), code)
    return folder


@pytest.fixture
def outbox(three_releases: Path, tmp_path: Path) -> Outbox:
    """Three releases of one's own, to spoil."""
    import shutil

    shutil.copytree(three_releases, tmp_path, dirs_exist_ok=True)
    return Outbox(tmp_path / "outbox", tmp_path / "keys")
