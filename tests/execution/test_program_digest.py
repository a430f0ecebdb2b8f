"""The digest in a release is of what ran: another line of code is another digest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import causalsig


def digest(packages: Path) -> str:
    """Ask a fresh process, which reads the package in a folder."""
    asked = "from causalsig.execution.site import lock_digest; print(lock_digest())"
    done = subprocess.run(
        (sys.executable, "-c", asked),
        env=os.environ | {"PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=packages,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_changed_line_of_code_is_another_program(tmp_path: Path) -> None:
    own = Path(causalsig.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    for copy in ("one", "two"):
        shutil.copytree(own, tmp_path / copy / "causalsig", ignore=ignored)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    with (tmp_path / "two" / "causalsig" / "estimation" / "__init__.py").open("a") as file:
        file.write("# changed\n")
    assert digest(tmp_path / "one") != digest(tmp_path / "two")
