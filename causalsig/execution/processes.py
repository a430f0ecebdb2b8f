"""The processes of a run: some side by side, one site each, and none that outlives the run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from threading import Thread

from causalsig.errors import SourceError
from causalsig.execution.worker import LOG_FILE, WITH_PARENT, Job, write_json
from causalsig.failures import masked_text
from causalsig.release.files import locked

POLL_SECONDS = 0.05
JOB_FILE = "job.json"
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Make a pool of fresh processes that print nothing and end when this one does, however it ends."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    # An exception travels back to this process's parent by itself; what is printed would reach a terminal.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
    _end_with_parent()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        # A worker of a pool also holds its own end of the queue, so a killed parent never closes that.
        connection.wait([parent.sentinel])
        os._exit(1)

    Thread(target=wait, daemon=True).start()


KEPT_BYTES = 100_000
"""Of what a process prints so much is kept to be masked; the rest is thrown away as it comes."""
LAST_WORDS_SECONDS = 5.0


@dataclass(slots=True)
class Running:
    """A process at work on one site, and what it prints: never passed on, only masked and logged."""

    job: Job
    process: subprocess.Popen[bytes]
    said: bytearray = field(default_factory=bytearray)
    listener: Thread = field(init=False)

    def __post_init__(self) -> None:
        self.listener = Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with suppress(OSError, ValueError):
            while part := os.read(self.process.stdout.fileno(), 65_536):
                self.said += part[: KEPT_BYTES - len(self.said)]

    def end(self) -> None:
        """Wait for the process, and log, masked, what it printed."""
        self.process.wait()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        # A process that it left behind may hold the other end open.
        self.listener.join(LAST_WORDS_SECONDS)
        if not self.listener.is_alive():
            self.process.stdout.close()
        with suppress(OSError):
            _log(Path(self.job.folder), bytes(self.said))
        with suppress(OSError):
            (Path(self.job.folder) / JOB_FILE).unlink(missing_ok=True)


def _log(folder: Path, said: bytes) -> None:
    words = masked_text(said.decode("utf-8", "replace"))
    if words:
        descriptor = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"printed by the process of this site, masked\n{words}")


def work(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, int]]:
    """Keep ``workers`` processes busy; yield each job with its exit code as it ends."""
    waiting = list(jobs)
    running: list[Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < max(workers, 1):
                running.append(_start(waiting.pop(0)))
            for one in list(running):
                if one.process.poll() is not None:
                    running.remove(one)
                    one.end()
                    yield one.job, one.process.returncode
            time.sleep(POLL_SECONDS)
    finally:
        for one in running:
            one.process.kill()
            one.end()


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


def _start(job: Job) -> Running:
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for said in ("outcome.json", LOG_FILE):
        (folder / said).unlink(missing_ok=True)
    path = folder / JOB_FILE
    write_json(path, asdict(job))
    process = subprocess.Popen(
        # -P: no module of the folder the user happens to be in is run inside, or hides one of ours.
        # faulthandler: of a crash of the interpreter itself the places in the program are known.
        [sys.executable, "-P", "-X", "faulthandler", "-m", "causalsig.execution.worker", path, WITH_PARENT],
        # Held open as long as this process lives: the worker ends when it closes.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | dict.fromkeys(THREAD_SETTINGS, "1"),
    )
    return Running(job, process)
