"""Canonical tables in SQLite: read-only, as Parquet reads them, and no password anywhere."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from causalsig.errors import SourceError
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.simulation.export.canonical import write_canonical
from causalsig.simulation.export.database import write_database
from causalsig.sources import SiteTables, read_canonical, read_database
from causalsig.sources import database as module
from causalsig.sources.schema import TABLES

SECRET = "Zq7secret"


@pytest.fixture(scope="module")
def sites() -> tuple[tuple[SiteTables, Any], ...]:
    scenario = load_scenario("ignorable")
    specs = draw_sites(scenario, 2, 6, inhabitants=15_000, retention="full")
    return tuple((simulate_site(spec, scenario, 6, months=8, truth=False).tables, spec) for spec in specs)


@pytest.fixture(scope="module")
def original(sites, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("database") / "site.db"
    write_database([site for site, _ in sites], f"sqlite:///{path}")
    return path


@pytest.fixture
def path(original, tmp_path) -> Path:
    """A database of one's own, to spoil."""
    copy = tmp_path / "site.db"
    copy.write_bytes(original.read_bytes())
    return copy


def read(path: Path, sites: Any, **options: Any) -> Any:
    site, spec = sites[0]
    arguments = {
        "municipality": spec.code,
        "matching": spec.matching,
        "extracted_on": site.extracted_on,
    }
    return read_database(f"sqlite:///{path}", **{**arguments, **options})


def refusal(call: Any) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    assert SECRET not in str(caught.value) and caught.value.__cause__ is None
    return caught.value.code


@pytest.mark.parametrize("rows", [97, 50_000])
def test_a_database_reads_as_parquet_does(tmp_path, original, sites, rows):
    write_canonical([site for site, _ in sites], tmp_path)
    site, spec = sites[0]
    expected = read_canonical(
        tmp_path, municipality=spec.code, matching=spec.matching, extracted_on=site.extracted_on
    ).tables
    result = read(original, sites, rows_a_chunk=rows).tables
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(expected, table), getattr(result, table), obj=table)


def test_the_other_municipality_is_left_out_and_a_third_refused(original, sites):
    result = read(original, sites)
    assert "source-other-municipality" in {finding.code for finding in result.findings}
    assert len(result.tables.signals) == len(sites[0][0].signals)
    assert refusal(lambda: read(original, sites, municipality="0001")) == "source-municipality-not-found"


def test_signals_that_all_lack_the_municipality_are_those_of_the_cases(tmp_path, sites):
    path = tmp_path / "site.db"
    write_database(sites[0][0], f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE signals SET municipality = ' '")
    assert len(read(path, sites).tables.signals) == len(sites[0][0].signals)
    other = refusal(lambda: read(path, sites, municipality="0001", name="Voorbeeldstad"))
    assert other == "source-municipality-not-found"


def test_nothing_can_be_written_while_reading(path):
    from sqlalchemy.exc import OperationalError

    before = path.read_bytes()
    for statement in ("DELETE FROM signals", "DROP TABLE cases", "CREATE TABLE more (x)"):
        with (
            pytest.raises(SourceError, match="database-failed"),
            module._connect(module._parse(f"sqlite:///{path}")) as connection,
        ):
            with pytest.raises(OperationalError, match="readonly"):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql(statement)
    assert path.read_bytes() == before


def test_a_database_that_is_not_there_is_not_made(tmp_path, sites):
    assert refusal(lambda: read(tmp_path / "absent.db", sites)) == "source-not-found"
    assert not (tmp_path / "absent.db").exists()
    assert refusal(lambda: read(Path(":memory:"), sites)) == "source-not-found"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"no url with {SECRET}", "source-database-url"),
        (f"postgresql+pg8000://reader:{SECRET}@localhost:notaport/base", "source-database-url"),
        (f"mssql+pyodbc://reader:{SECRET}@localhost/base", "source-database-kind"),
        (f"postgresql+nodriver://reader:{SECRET}@localhost/base", "source-database-failed"),
        (f"postgresql+pygresql://reader:{SECRET}@localhost/base", "source-database-failed"),
        (f"postgresql+asyncpg://reader:{SECRET}@localhost/base", "source-database-driver"),
        (f"postgresql+pg8000://reader:{SECRET}@127.0.0.1:1/base", "source-database-failed"),
    ],
)
def test_a_database_that_cannot_be_opened_is_refused_without_its_password(url, code, sites, caplog):
    _, spec = sites[0]
    caplog.set_level(logging.DEBUG)
    found = refusal(lambda: read_database(url, municipality=spec.code, matching=spec.matching))
    assert found == code
    assert SECRET not in caplog.text


def test_a_file_that_is_no_database_is_refused(tmp_path, sites):
    (tmp_path / "text.db").write_text(f"{SECRET} " * 500, "utf-8")
    assert refusal(lambda: read(tmp_path / "text.db", sites)) == "source-database-failed"


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_cells_of_any_type_end_in_findings(path, sites):
    change(
        path,
        f"UPDATE signals SET amount_cents = '{SECRET}' WHERE rowid = 3",
        "UPDATE signals SET received_on = '2025-02-31' WHERE rowid = 4",
        f"UPDATE signals SET age = x'{SECRET.encode().hex()}' WHERE rowid = 5",
        "UPDATE attempts SET reached = 7.5 WHERE rowid = 1",
        "UPDATE attempts SET method = 12 WHERE rowid = 2",
        "UPDATE signals SET minor_children = 9223372036854775807 WHERE rowid = 6",
    )
    findings = read(path, sites).findings
    assert SECRET not in repr(findings)
    assert {
        "source-unreadable-amount",
        "source-unreadable-date",
        "source-unreadable-number",
        "source-unreadable-flag",
        "source-unknown-code",
    } <= {finding.code for finding in findings}


def test_an_episode_without_household_is_its_signals_or_nobodys(path, sites):
    expected = read(path, sites).tables.episodes
    change(path, "UPDATE episodes SET household_key = NULL WHERE rowid = 3")
    pd.testing.assert_frame_equal(read(path, sites).tables.episodes, expected)
    change(
        path,
        "UPDATE signals SET household_key = NULL "
        "WHERE episode_id = (SELECT episode_id FROM episodes WHERE rowid = 3)",
    )
    result = read(path, sites)
    assert len(result.tables.episodes) == len(expected) - 1
    found = {f.code: (f.table, f.count) for f in result.findings}
    assert found["source-episode-without-household"] == ("episodes", 1)


def test_dates_with_a_time_as_a_data_frame_writes_them_are_read(path, sites):
    expected = read(path, sites).tables.signals
    change(path, "UPDATE signals SET received_on = received_on || ' 00:00:00.000000'")
    pd.testing.assert_frame_equal(read(path, sites).tables.signals, expected)


def test_views_do_as_well_as_tables(path, sites):
    expected = read(path, sites).tables.cases
    change(path, "ALTER TABLE cases RENAME TO stored", "CREATE VIEW Cases AS SELECT * FROM stored")
    pd.testing.assert_frame_equal(read(path, sites).tables.cases, expected)


def test_a_missing_table_or_column_is_named(path, sites):
    change(path, "ALTER TABLE attempts DROP COLUMN reached")
    assert refusal(lambda: read(path, sites)) == "source-missing-column"
    change(path, "DROP TABLE attempts")
    assert refusal(lambda: read(path, sites)) == "source-missing-tab"
    assert refusal(lambda: read(path, sites, schema=SECRET)) in (
        "source-database-failed",
        "source-missing-tab",
    )
