"""What a vantage6 task may answer, be asked and reach; without vantage6 itself."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[2] / "engines" / "vantage6"
STUDY = "a" * 64
CELL = "K. Anarie 4321"


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGE))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node whose command is a script that prints a cell everywhere and then does as it is told."""
    for label in ("study", "sources", "keys", "run", "outbox"):
        (tmp_path / label).mkdir()
        monkeypatch.setenv(f"{label.upper()}_DATABASE_URI", str(tmp_path / label))
    (tmp_path / "study" / "study.toml").write_text("")
    (tmp_path / "inventory.toml").write_text("")
    monkeypatch.setenv("INVENTORY_DATABASE_URI", str(tmp_path / "inventory.toml"))
    command(tmp_path, monkeypatch, run=0)
    return tmp_path


def command(folder: Path, monkeypatch: pytest.MonkeyPatch, *, run: int = 0, verify: int = 0) -> None:
    script = folder / "causalsig"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, os, sys\n"
        f"print({CELL!r}, file=sys.stderr)\n"
        f"with open({str(folder / 'seen.json')!r}, 'w') as seen: json.dump(dict(os.environ), seen)\n"
        f"digest = {STUDY!r}\n"
        "if sys.argv[1] == 'study': print(json.dumps({'digest': digest})); sys.exit(0)\n"
        "if sys.argv[1] == 'release':\n"
        "    print(json.dumps({'kind': 'estimates', 'study_digest': digest}))\n"
        f"    sys.exit({verify} or ('other' in sys.argv[3]))\n"
        f"print({CELL!r}); sys.exit({run})\n"
    )
    script.chmod(0o700)
    monkeypatch.setenv("CAUSALSIG_COMMAND", str(script))


def do(task: str, *given: Any, **named: Any) -> dict[str, Any]:
    from causalsig_vantage6.tasks import do as ask

    return ask(task, given, named)


@pytest.mark.parametrize(
    ("ended", "code"), [(0, "run-ended"), (2, "run-incomplete"), (101, "run-incomplete")]
)
def test_a_run_says_that_it_ended_and_nothing_else(
    node: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], ended: int, code: str
) -> None:
    """What the command says is in the node's file, of its owner only, and nowhere else."""
    command(node, monkeypatch, run=ended)
    assert do("partial_run", study=STUDY) == {"code": code}
    assert capfd.readouterr() == ("", "")
    log = node / "run" / "home" / "engine.log"
    assert CELL in log.read_text() and log.stat().st_mode & 0o077 == 0


def test_the_command_does_not_know_the_server(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "TOKEN_FILE", "HTTPS_PROXY", "INPUT_FILE"):
        monkeypatch.setenv(name, "server")
    do("partial_run", study=STUDY)
    seen = json.loads((node / "seen.json").read_text())
    assert "server" not in seen.values() and not {name for name in seen if "DATABASE" in name}


def test_only_what_verifies_is_given_byte_for_byte(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert do("partial_release", study=STUDY) == {"code": "not-released"}
    (node / "outbox" / "9001.release.json").write_bytes(b'{"signed": 1}\n')
    (node / "outbox" / "other.release.json").write_bytes(b"{}")
    (node / "outbox" / "9001.profile.json").write_bytes(b"{}")
    (node / "outbox" / "9002.release.json").symlink_to(node / "inventory.toml")
    given = do("partial_release", study=STUDY)
    assert given["code"] == "released"
    assert [base64.b64decode(one) for one in given["envelopes"]] == [b'{"signed": 1}\n']
    command(node, monkeypatch, verify=3)
    assert do("partial_release", study=STUDY) == {"code": "not-released"}


def test_another_study_runs_nowhere(node: Path) -> None:
    assert do("partial_run", study="b" * 64) == {"code": "other-study"}
    assert not (node / "run" / "run").exists()


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"study": "../study"},
        {"study": 1},
        {"study": STUDY, "more": 1},
        {"study": STUDY.upper()},
        {"study": STUDY + "\n"},
    ],
)
def test_other_arguments_are_refused(node: Path, named: dict[str, Any]) -> None:
    assert do("partial_run", **named) == {"code": "bad-arguments"}
    assert not (node / "seen.json").exists()


@pytest.mark.parametrize("whom", [[], [1, 1], [True], ["1"], [-1], 1, list(range(401))])
def test_the_centre_checks_whom_it_asks(whom: Any) -> None:
    assert do("central", step="pool", study=STUDY, organizations=whom) == {"code": "bad-arguments"}


def test_a_node_without_its_folders_says_so(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCES_DATABASE_URI")
    assert do("partial_run", study=STUDY) == {"code": "bad-node"}
    monkeypatch.setenv("CAUSALSIG_COMMAND", str(node / "nothing"))
    assert do("partial_release", study=STUDY) == {"code": "bad-node"}


def test_a_command_that_takes_too_long_is_ended(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALSIG_SECONDS", "0.001")
    assert do("partial_run", study=STUDY) == {"code": "too-long"}


@pytest.mark.parametrize("error", [ValueError(CELL), SystemExit(CELL), KeyboardInterrupt(CELL)])
def test_no_error_comes_out(error: BaseException, capfd: pytest.CaptureFixture[str]) -> None:
    """The tools would print it."""
    from causalsig_vantage6.tasks import sealed

    def work() -> dict[str, Any]:
        raise error

    assert sealed(work) == {"code": "internal-error"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "found",
    [
        None,
        CELL,
        {"code": CELL},
        {"code": "run-ended", "note": CELL},
        {"code": "released"},
        {"code": "released", "envelopes": []},
        {"code": "released", "envelopes": [CELL]},
        {"code": "released", "envelopes": ["e30="], "note": CELL},
        {"code": "pooled", "pool": CELL},
    ],
)
def test_only_closed_answers_pass(found: Any) -> None:
    from causalsig_vantage6.answers import closed

    assert closed(found) == {"code": "internal-error"}


def test_what_the_store_is_told_is_what_the_tasks_are() -> None:
    """Made again, it is the file."""
    made = subprocess.run(
        [sys.executable, "-m", "causalsig_vantage6.metadata"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        check=True,
    )
    assert made.stdout == (PACKAGE / "algorithm_store.json").read_bytes()


def test_the_package_knows_neither_causalsig_nor_more_than_the_tools() -> None:
    """Every import is of the standard library or its own, but of one module of the tools in one file."""
    import ast

    met = set()
    for path in sorted((PACKAGE / "causalsig_vantage6").glob("*.py")):
        for step in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in step.names] if isinstance(step, ast.Import) else []
            names += [step.module or ""] if isinstance(step, ast.ImportFrom) else []
            met |= {(path.name, name) for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    others = {one for one in met if not one[1].startswith("causalsig_vantage6")}
    assert others == {("algorithm.py", "vantage6.algorithm.tools.decorators")}
