"""What a university or a municipality runs loads without the modules that only POSIX has.

Linux is supported. `pool`, `report` and `meta` are best effort elsewhere: what they import must be there.
That locks and modes of files work elsewhere is not tested: no such machine is here.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

POSIX = ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "syslog", "posix_ipc")
BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name in {blocked!r}:
            raise ModuleNotFoundError(name)

for name in {blocked!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Block())
import {module}
{use}
"""


@pytest.mark.parametrize(
    ("module", "use"),
    [
        ("causalsig.meta", "causalsig.meta.random_effects([0.1, 0.2, 0.15], [0.01, 0.02, 0.03])"),
        ("causalsig.pooling", "causalsig.pooling.pool_arms"),
        ("causalsig.execution.pool", "causalsig.execution.pool.pool_folder"),
        ("causalsig.report", "[getattr(causalsig.report, name) for name in causalsig.report.__all__]"),
        ("causalsig.report.render", "causalsig.report.render.national_html"),
        ("causalsig_cli.pool", "causalsig_cli.pool.command"),
        ("causalsig_cli.report", "causalsig_cli.report.app"),
    ],
)
def test_it_loads_without_what_only_posix_has(module: str, use: str) -> None:
    program = BLOCKED.format(blocked=POSIX, module=module, use=use)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_is_blocked_is_missed() -> None:
    program = BLOCKED.format(blocked=POSIX, module="causalsig.execution.processes", use="")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert "ModuleNotFoundError: fcntl" in done.stderr, "or this file would say nothing"
