"""The snapshot is of what was read: a file that is saved anew is the same extract, a cell makes another."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from causalsig.execution.digests import content_digest, file_digest
from causalsig.execution.site import read_site
from causalsig.execution.truth import inventory_site
from causalsig.simulation import SiteSpec, load_scenario, simulate_site
from causalsig.simulation.xxllnc import workbook_tabs, write_tabs

SPEC = SiteSpec("9001", "Voorbeeldstad 01", 4_000)
LAW = load_scenario("ignorable")
Tabs = dict[str, list[list[Any]]]


@pytest.fixture(scope="module")
def tabs() -> Tabs:
    made = simulate_site(SPEC, LAW, 3, months=12, truth=False)
    return {
        name: [list(row) for row in rows] for name, rows in workbook_tabs(made.tables, name=SPEC.name).items()
    }


def digests(path: Path) -> tuple[str, str]:
    site = inventory_site(SPEC, months=12, extracted_on=LAW.extracted_on)
    return file_digest(path), content_digest(read_site(path, site))


def written(folder: Path, tabs: Tabs) -> Path:
    folder.mkdir()
    write_tabs(tabs, folder / "9001.xlsx")
    return folder / "9001.xlsx"


def packed_anew(folder: Path, path: Path) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(folder / path.name, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return folder / path.name


def turned(tabs: Tabs) -> Tabs:
    return {name: [rows[0], *reversed(rows[1:])] for name, rows in tabs.items()}


def test_a_file_saved_anew_is_the_same_extract(tmp_path: Path, tabs: Tabs) -> None:
    path = written(tmp_path / "first", tabs)
    file, content = digests(path)
    for again in (packed_anew(tmp_path / "packed", path), written(tmp_path / "turned", turned(tabs))):
        other_file, other_content = digests(again)
        assert other_file != file and other_content == content


def _one_amount(tabs: Tabs) -> None:
    at = tabs["Signalen"][0].index("Achterstandsbedrag")
    tabs["Signalen"][1][at] = "321,00"


def _one_row_less(tabs: Tabs) -> None:
    del tabs["Signalen"][-1]


@pytest.mark.parametrize("change", [_one_amount, _one_row_less])
def test_other_content_is_another_extract(tmp_path: Path, tabs: Tabs, change: Callable[[Tabs], None]) -> None:
    changed = {name: [list(row) for row in rows] for name, rows in tabs.items()}
    change(changed)
    assert changed != tabs
    assert digests(written(tmp_path / "a", tabs))[1] != digests(written(tmp_path / "b", changed))[1]
