"""The command turns errors into one message and an exit code, and never prints what could be a cell value."""

from __future__ import annotations

import json
import logging
import sys
import threading
import types
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from causalsig_cli import _failures
from causalsig_cli.app import command_names, main

import causalsig
from causalsig.errors import CausalsigError, RefusedError

SECRET = "Kanarie 123456782"


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run the command; a function given as `doctor` replaces that command's body."""
    monkeypatch.setenv("CAUSALSIG_LOG_DIR", str(tmp_path / "log"))

    def call(*arguments: str, doctor: Callable[[], None] | None = None) -> tuple[int, str, str]:
        if doctor is not None:
            module = types.ModuleType("causalsig_cli.doctor")
            module.command = doctor  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, "causalsig_cli.doctor", module)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


def test_an_error_on_purpose_shows_its_message_and_exits_2(run) -> None:
    error = CausalsigError(
        "study-test", expected="a table", found="a number", mend="Write a table.", where="x.toml"
    )
    code, out, err = run("doctor", doctor=raising(error))
    assert (code, out) == (2, "")
    assert err == "causalsig: x.toml: expected a table; found a number. Write a table. [study-test]\n"


def test_a_refusal_exits_3(run) -> None:
    error = RefusedError("site-test", expected="an agreement", found="none", mend="Conclude one.")
    assert run("doctor", doctor=raising(error))[0] == 3


def test_an_unforeseen_exception_exits_101_without_its_text(run, tmp_path: Path) -> None:
    def command() -> None:
        try:
            int(SECRET)
        except ValueError as error:
            raise KeyError(SECRET) from error

    code, out, err = run("doctor", doctor=command)
    assert (code, out) == (101, "")
    assert "internal-error" in err and "Kanarie" not in err and "1234" not in err and "Traceback" not in err
    (record,) = (tmp_path / "log").iterdir()
    assert str(record) in err
    assert record.stat().st_mode & 0o077 == 0
    text = record.read_text(encoding="utf-8")
    assert "KeyError" in text and "ValueError" in text and "in command" in text
    assert "Kanarie" not in text and "123456782" not in text


@pytest.mark.parametrize(
    ("error", "ends", "said"),
    [
        (EOFError(SECRET), 101, "[internal-error]"),
        (SystemExit(SECRET), 101, "[internal-error]"),
        (MemoryError(SECRET), 2, "[run-no-memory]"),
        (OSError(28, SECRET), 2, "[run-no-space]"),
        (KeyboardInterrupt(SECRET), 130, ""),
    ],
)
def test_whatever_ends_a_command_has_a_documented_exit_code(
    error: BaseException, ends: int, said: str, run
) -> None:
    code, out, err = run("doctor", doctor=raising(error))
    assert (code, out) == (ends, "")
    assert said in err and "Kanarie" not in err and "Aborted" not in err


def test_what_a_command_does_not_say_itself_goes_to_the_log(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the handlers of the test runner, as in a program.
    monkeypatch.setattr(logging.getLogger("library"), "propagate", False)

    def command() -> None:
        logging.getLogger("library").warning(SECRET)
        thread = threading.Thread(target=raising(ValueError(SECRET)))
        thread.start()
        thread.join()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(SECRET, stacklevel=1)

    code, out, err = run("doctor", doctor=command)
    assert (code, out, err) == (0, "", "")
    text = "".join(path.read_text("utf-8") for path in (tmp_path / "log").iterdir())
    assert text.count("x 9") >= 3 and "Kanarie" not in text and "1234" not in text


def test_an_exception_that_cannot_speak_is_still_recorded() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    record = _failures.masked_record(MuteError())
    assert "(no text)" in record and "Kanarie" not in record


def test_a_usage_error_exits_2(run) -> None:
    code, _, err = run("doctor", "--no-such-option")
    assert code == 2 and "--no-such-option" in err


def test_an_unknown_command_exits_2(run) -> None:
    assert run("no-such-command")[0] == 2


def test_version(run) -> None:
    assert run("--version")[:2] == (0, causalsig.__version__ + "\n")


def test_help_names_every_command(run) -> None:
    code, out, _ = run("--help")
    listed = out.split("Commands:")[1].split("\n  ")[1:]
    assert code == 0
    assert [line.split()[0] for line in listed if line[0] != " "] == command_names()


def test_explain_tells_a_code_in_both_languages(run) -> None:
    assert "Internal error" in run("explain", "internal-error")[1]
    assert "Interne fout" in run("explain", "internal-error", "--language", "nl")[1]


def test_explain_knows_exit_codes(run) -> None:
    assert run("explain", "3")[1].startswith("exit-3: Refused")


def test_explain_an_unknown_code_says_how_to_find_it(run) -> None:
    code, out, err = run("explain", "no-such-code")
    assert (code, out) == (2, "")
    assert "[code-unknown]" in err and "no-such-code" not in err


def test_explain_without_a_code_lists_them(run) -> None:
    entries = json.loads(run("explain", "--format", "json")[1])
    assert {"exit-2", "internal-error"} <= {entry["code"] for entry in entries}
    assert all(entry["title"] and entry["explanation"] for entry in entries)


def test_doctor_is_content_with_the_machine_the_tests_run_on(run) -> None:
    code, out, _ = run("doctor", "--format", "json")
    checks = json.loads(out)
    assert code == 0
    assert {"Python", "numpy", "scipy", "texts", "machine"} <= {check["name"] for check in checks}


def test_doctor_exits_1_when_a_library_does_not_load(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc8785", None)
    code, out, err = run("doctor")
    assert code == 1
    assert "MISSING  rfc8785: does not load" in out and "MISSING" in err
