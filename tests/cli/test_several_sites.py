"""`site check`, `profile` and `monitor` take what `site run` takes: folders, files of several, databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from causalsig.execution.truth import inventory_site
from causalsig.simulation import SiteSpec, load_scenario, simulate_site
from causalsig.simulation.export.canonical import write_canonical
from causalsig.simulation.export.database import write_database
from causalsig.simulation.export.ddas import write_ddas
from causalsig.sources.schema import SiteTables
from tests.cli.conftest import Desk, Result

Run = Callable[..., Result]
SCENARIO = load_scenario("ignorable")
SPECS = tuple(SiteSpec(f"900{number}", f"Voorbeeldstad 0{number}", 4_000) for number in (1, 2, 3))
SECRET = "Zq7secret"


@pytest.fixture(scope="module")
def two() -> list[SiteTables]:
    """The first two of the three municipalities of the inventory."""
    return [simulate_site(spec, SCENARIO, 3, months=18, truth=False).tables for spec in SPECS[:2]]


@pytest.fixture
def ready(desk: Desk) -> Desk:
    desk.sites = [inventory_site(spec, months=18, extracted_on=SCENARIO.extracted_on) for spec in SPECS]
    return desk


@pytest.fixture
def together(ready: Desk, two: list[SiteTables]) -> Path:
    path = ready.folder / "data" / "provider.json"
    path.parent.mkdir()
    write_ddas(two, path)
    return path


def test_each_site_in_a_file_of_several_is_checked(run: Run, ready: Desk, together: Path) -> None:
    done = run(*ready.check(together))
    assert done.code == 0
    assert {line.split()[0] for line in done.out.splitlines()} == {"9001", "9002"}
    rows = json.loads(run(*ready.check(together), "--format", "json").out)
    assert {row["site"] for row in rows} == {"9001", "9002"}
    alone = run(*ready.check(together), "--only", "9002")
    assert "site 9002:" in alone.err and "site 9001:" not in alone.err
    assert alone.out.split()[0] in ("info", "warning")
    run(*ready.check(together), "--only", "9003").error("site-source-missing")
    run(*ready.check(together), "--only", "0363").error("site-not-in-inventory")


def test_a_site_without_an_agreement_is_left_out_and_told(run: Run, ready: Desk, together: Path) -> None:
    no_agreement = type(ready.sites[0].agreement)()
    ready.sites[0] = ready.sites[0].model_copy(update={"agreement": no_agreement})
    done = run(*ready.check(together), "--only", "9001", "--only", "9002")
    assert done.code == 0 and "site 9001 left out: project_agreement is not signed" in done.err
    assert "site 9002:" in done.err
    together.write_bytes(b"never opened")
    ready.sites = [one.model_copy(update={"agreement": no_agreement}) for one in ready.sites]
    run(*ready.check(together)).error("site-no-agreement")


def test_a_folder_of_tables_named_after_the_municipality_is_one_source(
    run: Run, ready: Desk, two: list[SiteTables]
) -> None:
    folder = ready.folder / "data" / "9002"
    folder.mkdir(parents=True)
    write_canonical(two[1], folder)
    assert "site 9002:" in run(*ready.check(folder)).err
    assert "site 9002:" in run(*ready.check(folder.parent)).err


@pytest.mark.parametrize("kind", ["profile", "monitor"])
def test_profile_and_monitor_of_each_site_in_a_file(run: Run, ready: Desk, together: Path, kind: str) -> None:
    out = ready.folder / kind
    given = ("site", kind, together, "--inventory", ready.inventory, "--keys", ready.keys, "--out", out)
    done = run(*given, "--format", "json")
    assert done.code == 0, done.err
    assert [json.loads(line)["kind"] for line in done.out.splitlines()] == [kind, kind]
    assert sorted(path.name for path in out.iterdir()) == ["9001", "9002"]


def test_documents_of_one_file_share_no_identifier(run: Run, ready: Desk, together: Path) -> None:
    seen = []
    for kind in ("profile", "monitor"):
        out = ready.folder / kind
        given = ("site", kind, together, "--inventory", ready.inventory, "--keys", ready.keys, "--out", out)
        for line in run(*given, "--format", "json").out.splitlines():
            document = json.loads(line)
            seen += [document["site_code"], document["snapshot"]]
    assert len(seen) == len(set(seen)) == 8


def test_one_failing_site_does_not_stop_the_others(run: Run, ready: Desk, two: list[SiteTables]) -> None:
    folder = ready.folder / "data"
    folder.mkdir()
    write_ddas(two[0], folder / "9001.json")
    (folder / "9002.json").write_text("{", "utf-8")
    done = run(*ready.check(folder))
    assert done.code == 2 and "site 9001:" in done.err
    [line] = [line for line in done.err.splitlines() if "site 9002 failed" in line]
    assert line.endswith("[source-not-json]")


def secret_in(folder: Path) -> list[str]:
    """Files that hold the secret; the database is where its name stands."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".db"]
    return [path.name for path in files if SECRET.encode() in path.read_bytes()]


def database(ready: Desk, two: list[SiteTables]) -> Path:
    (ready.folder / "data").mkdir()
    write_database(two, f"sqlite:///{ready.folder / 'data' / SECRET}.db")
    path = ready.folder / "database.toml"
    path.write_text('url_env = "CAUSALSIG_TEST_URL"\n', "utf-8")
    return path


def test_a_database_is_named_by_a_file_and_its_address_is_nowhere(
    run: Run, ready: Desk, two: list[SiteTables], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = database(ready, two)
    run(*ready.check(path)).error("source-database-secret")
    monkeypatch.setenv("CAUSALSIG_TEST_URL", f"sqlite:///{ready.folder / 'data' / SECRET}.db")
    said = run(*ready.check(path))
    assert said.code == 0 and "site 9001:" in said.err and "site 9002:" in said.err
    out = ready.folder / "profile"
    given = ("--inventory", ready.inventory, "--keys", ready.keys, "--out", out, "--only", "9002")
    made = run("site", "profile", path, *given)
    assert made.code == 0, made.err
    first = json.loads((out / "9002" / "run.json").read_text("utf-8"))["inputs"]["source"]
    assert len(first) == 64
    written = b"".join(
        file.read_bytes() for file in ready.folder.rglob("*") if file.suffix != ".db" and file.is_file()
    )
    assert SECRET.encode() not in written
    assert SECRET not in said.out + said.err + made.out + made.err


@pytest.mark.parametrize("command", ["check", "run"])
def test_an_unreachable_database_tells_nothing_of_its_password(
    run: Run, ready: Desk, two: list[SiteTables], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    path = ready.folder / "database.toml"
    path.write_text(
        'url = "postgresql+pg8000://reader@127.0.0.1:1/base"\npassword_env = "CAUSALSIG_TEST_PASSWORD"\n',
        "utf-8",
    )
    monkeypatch.setenv("CAUSALSIG_TEST_PASSWORD", SECRET)
    given: tuple[Any, ...] = ready.check(path)
    if command == "run":
        given = (
            "site",
            "run",
            "vroegsignalering",
            path,
            "--inventory",
            ready.inventory,
            "--keys",
            ready.keys,
        )
        given = (*given, "--out", ready.folder / "run")
    assert SECRET not in run(*given).error("source-database-failed")
    assert secret_in(ready.folder) == []


def test_an_address_typed_as_a_source_is_refused_and_not_repeated(run: Run, ready: Desk) -> None:
    message = run(*ready.check(Path(f"postgresql+pg8000://reader:{SECRET}@host/base"))).error(
        "source-database-on-command-line"
    )
    assert SECRET not in message
