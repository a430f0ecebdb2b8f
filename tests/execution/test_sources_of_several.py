"""Several municipalities in one file or database: each of the inventory runs, and no password is kept."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from causalsig.errors import SourceError
from causalsig.execution.given import find_sources
from causalsig.execution.run import plan_run, run_sites
from causalsig.execution.site import read_site
from causalsig.simulation.export.canonical import write_canonical
from causalsig.simulation.export.database import write_database
from causalsig.simulation.export.ddas import write_ddas
from causalsig.simulation.xxllnc import workbook_tabs, write_tabs
from causalsig.study.read import read_inventory

CANARY = "Zq7secret"
VARIABLE = "CAUSALSIG_TEST_ADDRESS"


def canary_in(folder: Path) -> list[str]:
    """Files a run wrote that hold the canary."""
    return [
        path.name for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
    ]


def write_together(form: str, invented: dict[str, Any], folder: Path) -> Path:
    """Write all municipalities into one source."""
    tables = [one.tables for one in invented.values()]
    if form == "canonical":
        (folder / "all").mkdir()
        write_canonical(tables, folder / "all")
        return folder / "all"
    if form == "ddas":
        write_ddas(tables, folder / "all.json")
        return folder / "all.json"
    if form == "workbook":
        books = [workbook_tabs(one.tables, name=one.spec.name) for one in invented.values()]
        listed = {
            tab: [rows[0], *(row for book in books for row in book[tab][1:])]
            for tab, rows in books[0].items()
        }
        listed["Melders"] = books[0]["Melders"]
        write_tabs(listed, folder / "all.xlsx")
        return folder / "all.xlsx"
    write_database(tables, f"sqlite:///{folder / 'all.db'}")
    (folder / "all.toml").write_text('url = "sqlite:///all.db"\n', "utf-8")
    return folder / "all.toml"


def test_a_folder_of_databases_is_read_by_the_files_that_name_them(
    provider: Any, invented: Any, tmp_path: Path
) -> None:
    inventory = read_inventory(provider.inventory)
    for code, one in invented.items():
        write_database(one.tables, f"sqlite:///{tmp_path / code}.db")
        (tmp_path / f"{code}.toml").write_text(f'url = "sqlite:///{code}.db"\n', "utf-8")
    (tmp_path / "inventory.toml").write_text('schema_version = "0.1"\n', "utf-8")
    (tmp_path / "half.toml").write_text('url = "', "utf-8")
    found = find_sources([tmp_path], inventory)
    assert found.by_site == {code: tmp_path / f"{code}.toml" for code in invented}


@pytest.mark.parametrize("form", ["canonical", "ddas", "database"])
def test_each_site_of_the_inventory_is_found_in_one_source_of_several(
    form: str, provider: Any, invented: Any, tmp_path: Path
) -> None:
    source = write_together(form, invented, tmp_path)
    sites = read_inventory(provider.inventory)
    given = find_sources([source], sites)
    assert (given.by_site, given.strangers) == (dict.fromkeys(invented, source), 0)
    for site in sites.sites:
        signals = read_site(source, site).tables.signals
        assert len(signals) == len(invented[site.code].tables.signals)


def test_a_workbook_of_several_is_matched_by_name_and_strangers_are_only_counted(
    provider: Any, invented: Any, tmp_path: Path
) -> None:
    source = write_together("workbook", {code: invented[code] for code in ("9002", "9003")}, tmp_path)
    sites = read_inventory(provider.inventory)
    assert find_sources([source], sites).by_site == {"9002": source, "9003": source}
    without = sites.model_copy(update={"sites": tuple(site for site in sites.sites if site.code != "9003")})
    given = find_sources([source], without)
    assert (given.by_site, given.strangers) == ({"9002": source}, 1)
    request = provider.request(tmp_path / "run", sources=(source,))
    _, jobs, outcomes = plan_run(request)
    assert [job.site for job in jobs] == ["9002", "9003"]
    assert outcomes["9001"].code == "site-source-missing"


def test_a_source_of_several_and_one_of_a_site_that_is_in_it_are_refused(
    provider: Any, invented: Any, tmp_path: Path
) -> None:
    source = write_together("ddas", invented, tmp_path)
    with pytest.raises(SourceError, match="site-source-twice"):
        find_sources([source, provider.sources / "9001.xlsx"], read_inventory(provider.inventory))


def test_a_source_that_names_no_site_is_refused(provider: Any, invented: Any, tmp_path: Path) -> None:
    source = write_together("ddas", invented, tmp_path)
    sites = read_inventory(provider.inventory)
    others = sites.model_copy(
        update={"sites": (sites.sites[0].model_copy(update={"code": "9009", "name": "Elders"}),)}
    )
    with pytest.raises(SourceError, match=r"3 municipalities .* none of the inv.*site-source-unknown"):
        find_sources([source], others)


def test_without_an_agreement_in_force_a_source_of_several_is_not_opened(
    provider: Any, tmp_path: Path
) -> None:
    (tmp_path / "all.json").write_bytes(b"never opened")
    given = find_sources([tmp_path / "all.json"], read_inventory(provider.inventory), [])
    assert given.by_site == {}


@pytest.fixture
def database(provider: Any, invented: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two municipalities in a database whose address, which holds the canary, only the environment knows."""
    path = tmp_path / "data" / f"{CANARY}.db"
    path.parent.mkdir()
    write_database([invented["9002"].tables, invented["9003"].tables], f"sqlite:///{path}")
    (tmp_path / "database.toml").write_text(f'url_env = "{VARIABLE}"\n', "utf-8")
    monkeypatch.setenv(VARIABLE, f"sqlite:///{path}")
    return path


def test_a_database_is_run_and_kept_as_long_as_what_it_holds_of_a_site_is_the_same(
    provider: Any, database: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    request = provider.request(out, sources=(tmp_path / "database.toml",))

    def run(*only: str) -> dict[str, str]:
        return {outcome.site: outcome.status for outcome in run_sites(replace(request, only=only))}

    assert run("9002", "9003") == {"9002": "done", "9003": "done"}
    before = {site: (out / "sites" / site / "run.json").read_bytes() for site in ("9002", "9003")}
    inputs = [json.loads(record)["inputs"]["source"] for record in before.values()]
    assert len({*inputs}) == 2 and all(len(digest) == 64 for digest in inputs)
    assert canary_in(out) == []

    # Another order of the rows is the same content; another site's amounts are another site's.
    change(database, "CREATE TABLE turned AS SELECT * FROM signals ORDER BY signal_id DESC")
    change(database, "DROP TABLE signals", "ALTER TABLE turned RENAME TO signals")
    change(database, "UPDATE signals SET amount_cents = amount_cents + 100 WHERE municipality = '9003'")
    assert run("9002", "9003") == {"9002": "kept", "9003": "done"}
    assert (out / "sites" / "9002" / "run.json").read_bytes() == before["9002"]
    recorded = json.loads((out / "run.json").read_text("utf-8"))
    assert [(row["site"], row["status"]) for row in recorded["sites"]] == [("9002", "kept"), ("9003", "done")]
    assert canary_in(out) == []


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_database_that_fails_in_the_workers_leaves_no_trace_of_its_password(
    provider: Any, database: Path, tmp_path: Path
) -> None:
    """The municipalities can be listed, then one table cannot be read."""
    change(
        database,
        "ALTER TABLE attempts RENAME TO stored",
        "CREATE VIEW attempts AS SELECT municipality, case_id, attempted_on, method, "
        "abs(-9223372036854775808) AS reached FROM stored",
    )
    out = tmp_path / "run"
    request = provider.request(out, sources=(tmp_path / "database.toml",), only=("9002",))
    [outcome] = run_sites(request)
    assert (outcome.status, outcome.code) == ("failed", "source-database-failed")
    assert canary_in(out) == [] and CANARY not in outcome.message
