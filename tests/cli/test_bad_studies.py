"""Studies, inventories, dry runs and options at the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from causalsig_cli.app import build_app, command_names

from causalsig.study.digest import study_digest
from causalsig.study.read import default_study_text, read_study

STUDY = default_study_text()


def write(path: Path, *changes: tuple[str, str]) -> Path:
    text = STUDY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    return path


BAD_STUDIES = {
    "an unknown key": ("study-invalid", ("repeats = 3", "repeets = 3"), "Did you mean 'repeats'?"),
    "an unknown table": ("study-invalid", ("[pooling]", "[poooling]"), "Did you mean 'pooling'?"),
    "a missing key": ("study-invalid", ('name = "vroegsignalering"', ""), "Add this key"),
    "a key twice": ("study-not-toml", ("folds = 5", "folds = 5\nfolds = 6"), "every key once"),
    "no TOML": ("study-not-toml", ("[nuisance]", "[nuisance"), "line"),
    "an unknown method": ("study-invalid", ('reference = "letter"', 'reference = "pigeon"'), "reference"),
    "a loosened floor": (
        "study-invalid",
        ("expected_risk = 0.1", "min_households_cell = 5"),
        "disclosure.min_households_cell",
    ),
    "an outcome nobody defined": (
        "study-invalid",
        ('primary_outcome = "any_new_arrears_3m"', 'primary_outcome = "any_new_arrears_9m"'),
        "primary_outcome",
    ),
    "follow-up inside the grace period": (
        "study-invalid",
        ("follow_up_from_day = 14", "follow_up_from_day = 7"),
        "follow_up_from_day",
    ),
}


@pytest.mark.parametrize("name", BAD_STUDIES)
@pytest.mark.parametrize("command", ["check", "show"])
def test_a_bad_study_is_told_where_and_how_to_mend_it(
    name: str, command: str, run: Any, tmp_path: Path
) -> None:
    code, change, named = BAD_STUDIES[name]
    path = write(tmp_path / "study.toml", change)
    result = run("study", command, path)
    message = result.error(code)
    assert named in message and "study.toml" in message and result.out == ""
    assert list(tmp_path.iterdir()) == [path]


def test_a_bad_study_stops_a_run_and_a_pool_before_anything(
    run: Any, desk: Any, outbox: Any, tmp_path: Path
) -> None:
    path = write(tmp_path / "study.toml", ("repeats = 3", "repeets = 3"))
    desk.source({"Signalen": []})
    arguments = [path if argument == "vroegsignalering" else argument for argument in desk.run()]
    run(*arguments).error("study-invalid")
    assert not (tmp_path / "run").exists()
    run(*outbox.pool(study=path)).error("study-invalid")
    assert outbox.written == []


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "study-file-missing"), (b"\xff\xfe\x00", "study-file-unreadable"), (b"", "study-invalid")],
)
def test_a_study_that_is_no_file_of_text(run: Any, tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "study.toml"
    if content is not None:
        path.write_bytes(content)
    run("study", "check", path).error(code)


def test_study_init_writes_a_study_that_checks_and_never_overwrites(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    made = run("study", "init", path)
    assert (made.code, made.out) == (0, f"{path}\n") and f"causalsig study check {path}" in made.err
    checked = run("study", "check", path)
    assert checked.out.splitlines()[0] == study_digest(read_study("vroegsignalering"))
    write(path, ("folds = 5", "folds = 4"))
    changed = path.read_bytes()
    run("study", "init", path).error("release-exists")
    assert path.read_bytes() == changed
    assert run("study", "check", path).out != checked.out
    assert run("study", "init", path, "--force").code == 0
    assert run("study", "check", path).out == checked.out


def test_study_show_fills_in_every_default(run: Any) -> None:
    shown = json.loads(run("study", "show", "--format", "json").out)
    assert shown["disclosure"]["min_households_cell"] == 10
    text = run("study", "show").out
    assert "home_visit against letter, any_new_arrears_3m" in text
    assert study_digest(read_study("vroegsignalering")) in text


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('code = "9001"', "code = 9001", "inventory-invalid"),
        ('code = "9001"', 'code = "901"', "inventory-invalid"),
        ("inhabitants", "inhabitant", "inventory-invalid"),
        ('retention = "full"', 'retention = "strict6"', "inventory-invalid"),
        ("[[sites]]", "[[sites]", "inventory-not-toml"),
    ],
)
def test_a_bad_inventory_stops_before_any_data(run: Any, desk: Any, old: str, new: str, code: str) -> None:
    source = desk.source({"Signalen": []})
    arguments, checking = desk.run(), desk.check(source)
    path = desk.folder / "inventory.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    run(*arguments).error(code)
    run(*checking).error(code)
    assert not (desk.folder / "run").exists()


def test_an_inventory_with_a_site_twice_is_refused(run: Any, desk: Any) -> None:
    desk.sites = desk.sites * 2
    desk.source({"Signalen": []})
    run(*desk.run()).error("inventory-invalid")


def withdraw(desk: Any, code: str) -> None:
    desk.sites = [
        site
        if site.code != code
        else site.model_copy(
            update={"agreement": site.agreement.model_copy(update={"withdrawn_on": date(2026, 1, 1)})}
        )
        for site in desk.sites
    ]


def test_no_agreement_ends_in_exit_code_2(run: Any, desk: Any) -> None:
    withdraw(desk, "9001")
    desk.source({"Signalen": []}).write_bytes(b"never opened")
    message = run(*desk.run()).error("site-no-agreement")
    assert "the site has withdrawn" in message and "Sign the agreements" in message
    assert not (desk.folder / "run").exists()


def test_a_site_asked_for_by_name_without_agreement_ends_in_exit_code_2(run: Any, desk: Any) -> None:
    desk.sites = [desk.sites[0], desk.sites[0].model_copy(update={"code": "9002"})]
    withdraw(desk, "9002")
    desk.source({"Signalen": []}, "9001").write_bytes(b"")
    run(*desk.run("--only", "9002")).error("site-no-agreement")
    run(*desk.run("--only", "9009")).error("site-not-in-inventory")


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(run: Any, desk: Any) -> None:
    desk.sites = [desk.sites[0].model_copy(update={"code": code}) for code in ("9001", "9002", "9003")]
    withdraw(desk, "9002")
    desk.source({"Signalen": []}, "9001").write_bytes(b"never opened")
    arguments = desk.run("--dry-run")
    before = sorted(desk.folder.rglob("*"))
    result = run(*arguments)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].split() == ["9001", "would", "run"]
    assert "would be left out" in lines[1] and "withdrawn" in lines[1]
    assert "would fail" in lines[2] and "[site-source-missing]" in lines[2]
    assert sorted(desk.folder.rglob("*")) == before


def test_a_run_without_keys_is_told(run: Any, desk: Any) -> None:
    desk.source({"Signalen": []})
    arguments = [desk.folder / "nowhere" if a == desk.keys else a for a in desk.run()]
    result = run(*arguments)
    assert result.code == 2 and "expected" in result.err and not (desk.folder / "run").exists()


def test_simulate_check_prints_expected_households_and_writes_nothing(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "country"
    arguments = ("simulate", "--check", "--sites", "3", "--small", "1", "--monitor-sites", "0")
    result = run(*arguments, "--out", out, "--format", "json")
    rows = json.loads(result.out)["expected"]
    assert result.code == 0 and not out.exists() and len(rows) == 3
    assert all(rows[at]["letter"] > 100 for at in (0, 1)) and rows[2]["letter"] < 100
    text = run(*arguments).out.splitlines()
    assert [line.split()[0] for line in text[-3:]] == [row["site"] for row in rows]
    assert "home" in text[0] and "accepted" in text[0]


def test_simulate_refuses_what_it_cannot_make(run: Any, tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text("kept", encoding="utf-8")
    run("simulate", "--out", tmp_path).error("simulation-exists")
    assert [path.name for path in tmp_path.iterdir()] == ["inventory.toml"]
    run("simulate", "--check", "--scenario", tmp_path / "none.toml").error("simulation-scenario")
    result = run("simulate", "--sites", "1", "--small", "2")
    assert result.code == 2 and "--small is larger than --sites" in result.err


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and sub-command with its parameters."""
    group = typer.main.get_command(build_app())
    for name in command_names():
        command = group.commands[name]  # type: ignore[attr-defined]
        inside = getattr(command, "commands", None)
        if inside is None:
            yield (name,), command
        else:
            yield from (((name, other), found) for other, found in inside.items())


COMMANDS = dict(commands())


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_help_tells_every_option_and_argument(names: tuple[str, ...], run: Any) -> None:
    result = run(*names, "--help")
    told = " ".join(result.out.split())
    assert result.code == 0 and COMMANDS[names].help
    for parameter in COMMANDS[names].params:
        if parameter.name == "help":
            continue
        words = getattr(parameter, "help", None)
        assert words, f"{parameter.name} has no help"
        assert all(option in told for option in parameter.opts if option.startswith("-"))
        assert words.split(".")[0].split(":")[0][:20] in told, parameter.name


def test_every_command_of_the_issue_is_there() -> None:
    wanted = {("demo",), ("simulate",), ("pool",), ("doctor",)}
    wanted |= {("study", name) for name in ("init", "check", "show")}
    wanted |= {("site", name) for name in ("check", "run")}
    assert wanted <= set(COMMANDS)
