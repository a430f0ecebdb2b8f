"""A site's process runs causalsig only, and ends by itself with an exit code that says how it went."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from causalsig.execution.processes import Ended, work
from causalsig.execution.worker import Job


def test_a_script_beside_the_user_is_neither_run_nor_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("open('was-run', 'w').close()\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    job = Job("no-such-study", "no.toml", "9001", "no.xlsx", "keys", str(tmp_path / "site"), 1, {})
    (ended,) = work([job], 1)
    assert isinstance(ended, Ended)
    assert not (tmp_path / "was-run").exists()
    outcome = json.loads((tmp_path / "site" / "outcome.json").read_text("utf-8"))
    assert outcome["code"].startswith("study-")
    assert ended.exit_code == 2, "an error of the study ends with its own exit code, not by a signal"
