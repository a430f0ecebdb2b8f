"""The processes of a run: some side by side, one site each, and none that outlives the run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from threading import Thread

from causalsig.errors import SourceError
from causalsig.execution.worker import WITH_PARENT, Job, write_json
from causalsig.release.files import locked

POLL_SECONDS = 0.05
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Make a pool of fresh processes that end when this one does, however it ends."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        # A worker of a pool also holds its own end of the queue, so a killed parent never closes that.
        connection.wait([parent.sentinel])
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def work(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, int]]:
    """Keep ``workers`` processes busy; yield each job with its exit code as it ends."""
    waiting = list(jobs)
    running: list[tuple[Job, subprocess.Popen[bytes]]] = []
    try:
        while waiting or running:
            while waiting and len(running) < max(workers, 1):
                job = waiting.pop(0)
                running.append((job, _start(job)))
            for job, process in list(running):
                if process.poll() is not None:
                    running.remove((job, process))
                    _end(process)
                    yield job, process.returncode
            time.sleep(POLL_SECONDS)
    finally:
        for _, process in running:
            process.kill()
            _end(process)


@contextmanager
def only_run(out: Path) -> Iterator[None]:
    """Hold the folder of a run, so that two runs never work on one site at the same time.

    What a run that was killed left half-written is removed first.

    Raises
    ------
    SourceError
        ``site-run-busy``
    """
    out.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(out, os.O_RDONLY)
    try:
        _take(descriptor, out)
        for folder in out.glob("sites/*/"):
            _sweep(folder)
        yield
    finally:
        os.close(descriptor)  # lets the lock go, as the end of the process does however it comes


def _take(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SourceError(
            "site-run-busy",
            expected="a folder in which no run is going on",
            found="one that is busy",
            mend="Wait until the other run has ended, or choose another --out.",
            where=str(out),
        ) from None


def _sweep(folder: Path) -> None:
    """Remove temporary files; locked, since someone may be approving a review in this folder."""
    with locked(folder):
        for leftover in folder.glob(".*-*"):
            leftover.unlink(missing_ok=True)


def _start(job: Job) -> subprocess.Popen[bytes]:
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for said in ("outcome.json", "worker.log"):
        (folder / said).unlink(missing_ok=True)
    path = folder / "job.json"
    write_json(path, asdict(job))
    return subprocess.Popen(
        # -P: no module of the folder the user happens to be in is run inside, or hides one of ours.
        [sys.executable, "-P", "-m", "causalsig.execution.worker", str(path), WITH_PARENT],
        # Held open as long as this process lives: the worker ends when it closes.
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | dict.fromkeys(THREAD_SETTINGS, "1"),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
