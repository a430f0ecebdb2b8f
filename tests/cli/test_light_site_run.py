"""A run at the provider loads what it uses: without rules no econml in any process of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

NOTES_WHAT_WAS_IMPORTED = """
import atexit, json, os, sys
def note():
    with open(os.environ["NOTES"], "a") as notes:
        print(json.dumps([sys.orig_argv, [name for name in sys.modules if "." not in name]]), file=notes)
atexit.register(note)
"""


def test_a_site_run_without_rules_imports_no_econml(desk: Any, tabs: Any, tmp_path: Path) -> None:
    desk.source(tabs)
    (tmp_path / "sitecustomize.py").write_text(NOTES_WHAT_WAS_IMPORTED, encoding="utf-8")
    notes = tmp_path / "notes.jsonl"
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    found = os.environ | {"PYTHONPATH": path, "NOTES": str(notes), "CAUSALSIG_LOG_DIR": str(tmp_path / "log")}
    start = "import sys; from causalsig_cli.app import main; main(sys.argv[1:])"
    command = [
        sys.executable,
        "-c",
        start,
        *map(str, desk.run("--isolate", "no")),
    ]  # its room has no notes to write in
    done = subprocess.run(command, env=found, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    processes = [json.loads(line) for line in notes.read_text("utf-8").splitlines()]
    [worker] = [
        modules for command, modules in processes if "causalsig.execution.worker" in " ".join(command)
    ]
    assert {"causalsig", "pandas", "scipy"} <= set(worker)  # the analysis was done there, and seen
    assert not any("econml" in modules for _, modules in processes)
