"""What is written of something unforeseen says where in the program, and nothing of what was in the data."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from causalsig.failures import LONGEST, keep_record, masked_record, masked_text, shown_name, status_of
from causalsig.silence import silenced

SECRET = "Kanarie 941732605 4.321,00"


def caught(error: BaseException) -> str:
    try:
        raise error
    except BaseException as raised:
        return masked_record(raised)


def free(text: str) -> bool:
    return not any(word in text for word in ("Kanarie", "941", "4.321", "321"))


def test_a_record_has_module_line_and_class_and_no_folder_of_this_machine() -> None:
    record = caught(ValueError(SECRET))
    assert "builtins.ValueError" in record and "test_failures.py:" in record and "in caught" in record
    assert free(record) and str(Path.home()) not in record
    assert not any(line.strip().startswith("/") for line in record.splitlines())


def test_a_class_made_of_a_cell_is_told_by_the_class_it_comes_from() -> None:
    made = type(SECRET, (KeyError,), {"__module__": SECRET})
    record = caught(made("x"))
    assert record.startswith("builtins.KeyError: ") and free(record)


def test_code_compiled_under_the_name_of_a_cell_is_elsewhere() -> None:
    try:
        exec(compile("raise ValueError", SECRET, "exec"))
    except ValueError as error:
        record = masked_record(error)
    assert "elsewhere:1" in record and free(record)


def test_the_shape_of_a_long_text_is_cut() -> None:
    assert max(map(len, caught(ValueError("a " * 100_000)).splitlines())) < 2 * LONGEST


def test_of_printed_words_frames_and_warnings_keep_their_place() -> None:
    frame = f'  File "{warnings.__file__}", line 12, in warn\n'
    warned = f"{warnings.__file__}:34: UserWarning: {SECRET}\n"
    masked = masked_text(f'{SECRET}\n{frame}{warned}  File "{SECRET}", line 5 in {SECRET}\n')
    assert "warnings.py:12 in warn" in masked and "warnings.py:34: warning: x 9 9.9,9" in masked
    assert "elsewhere:5" in masked and free(masked)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(SECRET), "run-no-memory"),
        (OSError(28, SECRET), "run-no-space"),
        (PermissionError(13, SECRET), "run-not-permitted"),
        (FileNotFoundError(2, SECRET), "internal-error"),
        (KeyError(SECRET), "internal-error"),
    ],
)
def test_the_code_follows_from_the_class_alone(error: BaseException, code: str) -> None:
    assert status_of(error) == code


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("0363.xlsx", "0363.xlsx"),
        ("0363", "0363"),
        ("signals.csv", "signals.csv"),
        ("0363 Kanarie.xlsx", "0363….xlsx"),
        ("0363.Kanarie", "0363"),
        ("Kanarie 941732605.json", "….json"),
        ("941732605.json", "….json"),
        ("Kanarie", "…"),
    ],
)
def test_of_a_file_name_the_code_and_the_ending_are_shown(name: str, shown: str) -> None:
    assert shown_name(Path("folder") / name, frozenset({"signals"})) == shown


def test_a_record_is_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALSIG_LOG_DIR", str(tmp_path / "log"))
    path = keep_record("x\n")
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


def test_what_others_print_goes_masked_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python's streams, the process's own, a child's, and a failure in the middle."""
    monkeypatch.setenv("CAUSALSIG_LOG_DIR", str(tmp_path))
    with pytest.raises(RuntimeError), silenced():
        print(SECRET)
        print(SECRET, file=sys.stderr)
        os.write(1, SECRET.encode())
        subprocess.run([sys.executable, "-c", f"print({SECRET!r})"], check=True)
        raise RuntimeError
    print("after")
    assert capfd.readouterr() == ("after\n", "")
    assert list(tmp_path.iterdir()) == [], "the failure itself is recorded by who catches it"
    with silenced():
        print(SECRET)
    (record,) = tmp_path.iterdir()
    assert "x 9 9.9,9" in record.read_text("utf-8") and free(record.read_text("utf-8"))
    assert capfd.readouterr() == ("", "")


def test_nothing_is_kept_of_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALSIG_LOG_DIR", str(tmp_path))
    with silenced():
        pass
    assert list(tmp_path.iterdir()) == []
