"""Processes of a pool end with the process that made the pool, even when that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

MAKE_A_POOL = """
import os, time
from causalsig.execution.processes import process_pool

if __name__ == "__main__":
    with process_pool(2) as pool:
        print(*{pool.submit(os.getpid).result() for _ in range(2)}, flush=True)
        pool.submit(time.sleep, 0)
        time.sleep(600)
"""
PATIENCE_SECONDS = 30.0
"""A worker notices at once; a busy machine may take a while to let it."""


def test_workers_of_a_killed_process_end(tmp_path: Path) -> None:
    script = tmp_path / "make_a_pool.py"
    script.write_text(MAKE_A_POOL)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(word) for word in parent.stdout.readline().split()]
    parent.stdout.close()
    assert workers and all(map(_alive, workers))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(map(_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_alive, workers))


def _alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not yet collected (a zombie) does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
