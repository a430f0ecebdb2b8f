"""Starting causalsig loads none of the heavy libraries."""

from __future__ import annotations

import os
import subprocess
import sys

from evidence.claim import ROOT, Verdict
from evidence.context import Context

CLAIM = """`import causalsig` and `causalsig --help` keep pandas, scipy, scikit-learn, matplotlib, dowhy and
econml out of memory: a command that only looks something up starts at once."""
ISSUE = 2
COVERS = ("causalsig/**/__init__.py", "causalsig/errors.py", "cli/causalsig_cli/*.py")

HEAVY = ("pandas", "scipy", "sklearn", "matplotlib", "dowhy", "econml")
STARTS = {
    "import causalsig": "import causalsig",
    "every export of the top": "import causalsig; [getattr(causalsig, name) for name in causalsig.__all__]",
    "causalsig --help": "from causalsig_cli.app import main; main(['--help'])",
    "causalsig explain": "from causalsig_cli.app import main; main(['explain'])",
}
_SCRIPT = """
import sys
try:
    {start}
except SystemExit as end:
    assert not end.code, end.code
print("MODULES", *sys.modules)
"""


def modules_after(start: str) -> set[str]:
    """Return the modules a fresh interpreter holds after the statement `start`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")])}
    command = [sys.executable, "-c", _SCRIPT.format(start=start)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def run(context: Context) -> Verdict:
    """Start in fresh interpreters and look at what is loaded."""
    rows = []
    for name, start in STARTS.items():
        modules = modules_after(start)
        heavy = [library for library in HEAVY if library in modules]
        rows.append({"start": name, "modules loaded": len(modules), "heavy libraries": len(heavy)})
    return {"passed": not any(row["heavy libraries"] for row in rows), "figures": {"starts": rows}}
