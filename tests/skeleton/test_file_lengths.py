"""A file answers one question: one that is longer than 400 lines says here why."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST = 400
ROOMS = ("causalsig", "cli", "engines", "evidence", "tests")
REASONS = {
    "causalsig/release/profile_document.py": "one document: entries, limits and rules are read together",
    "evidence/claims/_payload_judged.py": "an oracle that judges a whole document, and shares no rule",
    "tests/execution/test_moved_site.py": "one site through every route, on fixtures that take long to make",
    "tests/release/test_profile_document.py": "one document: a test a limit of it",
    "tests/release/test_release_beside.py": "one block of a release: a test a rule of it",
    "tests/release/test_release_ledger.py": "one ledger through its whole life",
    "tests/release/test_release_life.py": "one review through its whole life",
    "tests/simulation/test_simulated_site.py": "one simulated site: a test a figure it is calibrated to",
    "tests/sources/test_sources_checks.py": "one set of checks: a test a finding",
    "tests/sources/test_sources_ddas.py": "one reader: a test a way its format is written",
    "tests/sources/test_sources_xxllnc.py": "one reader: a test a way its format is written",
}


def lines_of(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_no_file_is_longer_than_400_lines_without_a_reason() -> None:
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    assert len(files) > 500
    long = {path.relative_to(ROOT).as_posix(): lines_of(path) for path in files if lines_of(path) > MOST}
    assert long.keys() - REASONS.keys() == set(), "split it, or say why it is one"
    assert REASONS.keys() - long.keys() == set(), "no longer long"
