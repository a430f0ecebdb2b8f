"""The causalsig command beside us, in an environment of its own; what it says stays in a file of the node."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from causalsig_vantage6.answers import Ended

COMMAND = "CAUSALSIG_COMMAND"
SECONDS = "CAUSALSIG_SECONDS"
DEMO = "CAUSALSIG_DEMO"
"""Set in the image or in the node's ``algorithm_env``; no task can set them."""
LOG = "engine.log"
_DEFAULT = "/opt/causalsig/bin/causalsig"
_SECONDS = 6 * 3_600.0


def folder(label: str) -> Path:
    """Folder that the node's configuration gives under a label.

    Raises
    ------
    Ended
        ``bad-node`` where there is none.
    """
    return _there(label, Path.is_dir)


def file(label: str) -> Path:
    """File that the node's configuration gives under a label.

    Raises
    ------
    Ended
        ``bad-node`` where there is none.
    """
    return _there(label, Path.is_file)


def causalsig(*words: object) -> tuple[int, bytes]:
    """Run the command; give its exit code and what it printed, which is for us to read and never to hand on.

    It knows nothing of the server: neither its address, nor our token, nor a proxy is in its environment.

    Raises
    ------
    Ended
        ``too-long``; ``bad-node`` where the command or the run folder is not there.
    """
    home = folder("run") / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    environment = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(home)}
    command = [os.environ.get(COMMAND, _DEFAULT), *map(str, words)]
    with os.fdopen(os.open(home / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        try:
            begun = subprocess.Popen(
                command,
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        except OSError:
            raise Ended("bad-node") from None
        try:
            out, _ = begun.communicate(timeout=float(os.environ.get(SECONDS, _SECONDS)))
        except subprocess.TimeoutExpired:
            os.killpg(begun.pid, signal.SIGKILL)
            begun.communicate()
            raise Ended("too-long") from None
        log.write(out)
    return begun.returncode, out


def demo() -> tuple[str, ...]:
    """Word by which the node accepts demo approvals, where whoever configured it says so."""
    return ("--demo",) if os.environ.get(DEMO) == "yes" else ()


def _there(label: str, kind: object) -> Path:
    uri = os.environ.get(f"{label.upper()}_DATABASE_URI", "")
    if not uri or not callable(kind) or not kind(Path(uri)):
        raise Ended("bad-node")
    return Path(uri)
