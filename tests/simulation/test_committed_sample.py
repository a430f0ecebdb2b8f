"""The sample in data/synthetic is what its README's command makes, to the cell."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

SAMPLE = Path(__file__).parents[2] / "data" / "synthetic"
MOST_BYTES = 3_000_000  # what a clone may cost
SITES = ("9001", "9002", "9003")


def the_command() -> list[str]:
    """Arguments of the command that the README prints."""
    (line,) = [
        line
        for line in (SAMPLE / "README.md").read_text("utf-8").splitlines()
        if line.startswith("causalsig simulate")
    ]
    return shlex.split(line)[1:]


@pytest.fixture(scope="module")
def made_again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from causalsig_cli.app import main

    folder = tmp_path_factory.mktemp("sample")
    arguments = the_command()
    arguments[arguments.index("data/synthetic")] = str(folder)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code
    return folder


def cells(path: Path) -> dict[str, list[list[object]]]:
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_the_sample_is_small_enough_to_live_in_a_clone() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < MOST_BYTES


def test_the_command_makes_these_files_and_no_other(made_again: Path) -> None:
    def files(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    assert files(made_again) == files(SAMPLE) - {"README.md"}
    assert {f"sources/{code}.xlsx" for code in SITES} <= files(made_again)


@pytest.mark.parametrize("code", SITES)
def test_every_cell_is_the_same(made_again: Path, code: str) -> None:
    committed, made = (cells(folder / "sources" / f"{code}.xlsx") for folder in (SAMPLE, made_again))
    assert list(committed) == list(made)
    assert sum(len(rows) for rows in committed.values()) > 100
    for tab, rows in committed.items():
        assert made[tab] == rows, tab


@pytest.mark.parametrize("code", SITES)
def test_the_truth_is_the_same(made_again: Path, code: str) -> None:
    name = f"truth/{code}.json"
    assert (made_again / name).read_text("utf-8") == (SAMPLE / name).read_text("utf-8")


def test_the_inventory_is_the_same_and_lists_the_sample(made_again: Path) -> None:
    committed = (SAMPLE / "inventory.toml").read_text("utf-8")
    assert (made_again / "inventory.toml").read_text("utf-8") == committed
    assert tuple(site["code"] for site in tomllib.loads(committed)["sites"]) == SITES


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    from causalsig.execution.invent import InventedCountry, country_specs, invent_site

    country = InventedCountry("ignorable", "modest", 1, 0, 1, months=12, inhabitants=10_000)
    scenario, specs = country_specs(country)
    books = []
    for run in ("one", "two"):
        made = invent_site(specs[-1], scenario, country, tmp_path / run)
        books.append((tmp_path / run / "sources" / f"{made.code}.xlsx").read_bytes())
    assert books[0] == books[1]
