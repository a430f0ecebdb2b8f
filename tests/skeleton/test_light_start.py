"""Importing causalsig, or asking the command for help, loads none of the heavy libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("pandas", "scipy", "sklearn", "matplotlib", "dowhy", "econml")

STARTS = {
    "import causalsig": "import causalsig",
    "exports of the top": "import causalsig; [getattr(causalsig, name) for name in causalsig.__all__]",
    "causalsig --help": "from causalsig_cli.app import main; main(['--help'])",
    "causalsig explain": "from causalsig_cli.app import main; main(['explain'])",
}
REPORT = """
import sys
try:
    {start}
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *(name for name in {heavy} if name in sys.modules))
"""


def loaded_by(start: str) -> list[str]:
    code = REPORT.format(start=start, heavy=HEAVY)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS.keys())
def test_start_is_light(start: str) -> None:
    assert loaded_by(start) == []


def test_the_check_sees_a_heavy_import() -> None:
    assert loaded_by("import scipy") == ["scipy"]
