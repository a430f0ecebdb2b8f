"""A real PostgreSQL as a source: read-only, in chunks, in one moment. Needs Debian's package `postgresql`."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
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
from causalsig.sources.formats import municipalities_in, read_source
from causalsig.sources.schema import TABLES

pytestmark = pytest.mark.postgres

PASSWORD = "Zq7/secret@word"
QUOTED = "Zq7%2Fsecret%40word"
PROGRAMS = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Cluster:
    """A server of one's own: writer and reader, both with a password."""

    port: int

    def url(self, user: str = "reader", password: str = QUOTED) -> str:
        return f"postgresql+pg8000://{user}:{password}@127.0.0.1:{self.port}/postgres"


def program(name: str) -> str:
    found = sorted(PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    assert found, "Debian's package postgresql is missing: apt-get install postgresql"
    return str(found[-1])


def unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    import pg8000.native

    folder = Path(tempfile.mkdtemp(prefix="pg"))
    options, data = {"cwd": folder, "check": True, **unprivileged()}, folder / "data"
    if "user" in options:
        os.chown(folder, options["user"], options["group"])
    password = folder / "password"
    password.write_text(PASSWORD, "utf-8")
    password.chmod(0o644)
    subprocess.run(
        [
            program("initdb"), "-D", str(data), "-U", "writer", "--pwfile", str(password),
            "-A", "scram-sha-256", "-E", "UTF8", "--locale", "C", "--no-sync",
        ],
        stdout=subprocess.DEVNULL,
        **options,
    )  # fmt: skip
    port = free_port()
    server = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [program("pg_ctl"), "-D", str(data), "-l", str(folder / "log")]
    subprocess.run([*control, "-w", "-o", server, "start"], stdout=subprocess.DEVNULL, **options)
    try:
        writer = pg8000.native.Connection("writer", "127.0.0.1", "postgres", port, PASSWORD)
        writer.run(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        writer.run("CREATE SCHEMA delivered AUTHORIZATION writer")
        writer.run("GRANT USAGE ON SCHEMA delivered TO reader")
        writer.run("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reader")
        writer.close()
        yield Cluster(port)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], stdout=subprocess.DEVNULL, **options)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def sites() -> tuple[tuple[SiteTables, Any], ...]:
    scenario = load_scenario("ignorable")
    specs = draw_sites(scenario, 2, 6, inhabitants=15_000, retention="full")
    return tuple((simulate_site(spec, scenario, 6, months=8, truth=False).tables, spec) for spec in specs)


@pytest.fixture(scope="module")
def filled(cluster: Cluster, sites: Any) -> Cluster:
    for schema in (None, "delivered"):
        write_database([site for site, _ in sites], cluster.url("writer"), schema=schema)
    return cluster


def read(cluster: Cluster, sites: Any, url: str | None = None, **options: Any) -> SiteTables:
    site, spec = sites[0]
    arguments = {"municipality": spec.code, "matching": spec.matching, "extracted_on": site.extracted_on}
    return read_database(url or cluster.url(), **{**arguments, **options}).tables


@pytest.mark.parametrize(("schema", "rows"), [(None, 113), ("delivered", 50_000)])
def test_postgresql_reads_as_parquet_does(tmp_path, filled, sites, schema, rows):
    write_canonical([site for site, _ in sites], tmp_path)
    site, spec = sites[0]
    expected = read_canonical(
        tmp_path, municipality=spec.code, matching=spec.matching, extracted_on=site.extracted_on
    ).tables
    result = read(filled, sites, schema=schema, rows_a_chunk=rows)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(expected, table), getattr(result, table), obj=table)


def test_nothing_can_be_written_while_reading(filled):
    from sqlalchemy.exc import DBAPIError

    for statement in ("DELETE FROM signals", "CREATE TABLE more (x int)", "SET TRANSACTION READ WRITE"):
        with (
            pytest.raises(SourceError, match="database-failed"),
            module._connect(module._parse(filled.url("writer"))) as connection,
        ):
            connection.exec_driver_sql("SELECT 1")
            with pytest.raises(DBAPIError):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql(statement)


def test_all_tables_are_of_one_moment(filled):
    """Rows committed by others while a source is read are not seen."""
    import pg8000.native

    with module._connect(module._parse(filled.url())) as connection:
        count = "SELECT count(*) FROM creditors"
        before = connection.exec_driver_sql(count).scalar()
        writer = pg8000.native.Connection("writer", "127.0.0.1", "postgres", filled.port, PASSWORD)
        writer.run("INSERT INTO creditors (municipality, creditor_id) VALUES ('x', 'x')")
        assert connection.exec_driver_sql(count).scalar() == before
        writer.run("DELETE FROM creditors WHERE municipality = 'x'")
        writer.close()


def test_rows_come_through_a_cursor_of_the_server(filled, sites, monkeypatch):
    """Or the driver would hold the whole table before the first chunk."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("SELECT") and "FROM signals" in statement and "signal_id" in statement:
            seen.append(type(cursor).__name__)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        read(filled, sites, rows_a_chunk=100)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert seen == ["ServerSideCursor"]


@pytest.mark.parametrize("wrong", ["password", "port", "table"])
def test_no_failure_tells_the_password_or_what_the_server_said(filled, sites, caplog, wrong):
    caplog.set_level(logging.DEBUG)
    urls = {
        "password": filled.url(password="other" + QUOTED),
        "port": filled.url().replace(str(filled.port), "1"),
        "table": filled.url(),
    }
    schema = "absent" if wrong == "table" else None
    with pytest.raises(SourceError) as caught:
        read(filled, sites, urls[wrong], schema=schema)
    assert caught.value.code == ("source-missing-tab" if wrong == "table" else "source-database-failed")
    for text in (str(caught.value), repr(caught.value), caplog.text):
        assert "Zq7" not in text and "reader" not in text
    assert caught.value.__cause__ is None


def test_a_file_names_the_database_and_the_environment_its_password(tmp_path, filled, sites, monkeypatch):
    path = tmp_path / "database.toml"
    place = filled.url(password="").replace(":@", "@")
    path.write_text(
        f'url = "{place}"\npassword_env = "CAUSALSIG_TEST_PASSWORD"\nschema = "delivered"\n', "utf-8"
    )
    monkeypatch.setenv("CAUSALSIG_TEST_PASSWORD", PASSWORD)
    assert municipalities_in(path) == {spec.code for _, spec in sites}
    site, spec = sites[1]
    read = read_source(
        path, municipality=spec.code, matching=spec.matching, extracted_on=site.extracted_on
    ).tables
    assert len(read.signals) == len(site.signals)
    monkeypatch.setenv("CAUSALSIG_TEST_PASSWORD", f"not {PASSWORD}")
    with pytest.raises(SourceError, match="source-database-failed") as caught:
        municipalities_in(path)
    assert PASSWORD not in caught.value.message
