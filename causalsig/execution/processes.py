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

from causalsig.errors import ReleaseError, SourceError
from causalsig.execution.isolation import environment, room
from causalsig.execution.limits import Limits, family, kill, memory_now
from causalsig.execution.worker import ADDRESS_SPACE, LOG_FILE, WITH_PARENT, Job, write_json
from causalsig.failures import masked_text
from causalsig.release.files import locked

POLL_SECONDS = 0.05
LOOK_SECONDS = 0.2
"""Between two looks at the memory of a site's processes."""
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


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process of a site ended.

    Attributes
    ----------
    exit_code : int
        Negative: the signal that ended it.
    exceeded : str or None
        Code of the limit for which it was ended.
    seconds : float
    peak : int
        Bytes that it and what it started were seen to hold at their highest.
    """

    job: Job
    exit_code: int
    exceeded: str | None
    seconds: float
    peak: int


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A site whose process could not be started, and what the system said."""

    job: Job
    error: OSError


@dataclass(slots=True)
class Running:
    """A process at work on one site, and what it prints: never passed on, only masked and logged."""

    job: Job
    process: subprocess.Popen[bytes]
    said: bytearray = field(default_factory=bytearray)
    begun: float = field(default_factory=time.monotonic)
    looked: float = 0.0
    peak: int = 0
    exceeded: str | None = None
    listener: Thread = field(init=False)

    def __post_init__(self) -> None:
        self.listener = Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with suppress(OSError, ValueError):
            while part := os.read(self.process.stdout.fileno(), 65_536):
                self.said += part[: KEPT_BYTES - len(self.said)]

    @property
    def seconds(self) -> float:
        """Since it began, by a clock that only goes forward."""
        return time.monotonic() - self.begun

    def look(self, limits: Limits) -> None:
        """See what it takes, and end it where that is more than it may."""
        if time.monotonic() - self.looked < LOOK_SECONDS:
            return
        processes = family(self.process.pid)
        now = memory_now(processes)
        self.looked, self.peak = time.monotonic(), max(self.peak, now)
        self.exceeded = limits.exceeded(now, self.seconds)
        if self.exceeded:
            kill(processes)

    def ended(self) -> Ended:
        """Say how it ended, once it did."""
        return Ended(self.job, self.process.returncode, self.exceeded, self.seconds, self.peak)

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


def work(
    jobs: Sequence[Job], workers: int, *, limits: Limits | None = None, isolated: bool = False
) -> Iterator[Ended | NotStarted]:
    """Keep ``workers`` processes busy; yield how each job ended as it ends.

    Parameters
    ----------
    jobs : sequence of Job
    workers : int
    limits : Limits, optional
        What the processes of one site may take; default: the house's.
    isolated : bool
        Each site in a room of its own; see :mod:`causalsig.execution.isolation`.
    """
    allowed = limits or Limits()
    waiting = list(jobs)
    running: list[Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < max(workers, 1):
                job = waiting.pop(0)
                try:
                    running.append(_start(job, allowed, isolated))
                except OSError as error:
                    yield NotStarted(job, error)
            for one in list(running):
                one.look(allowed)
                if one.process.poll() is not None:
                    running.remove(one)
                    one.end()
                    _swept(Path(one.job.folder))
                    yield one.ended()
            time.sleep(POLL_SECONDS)
    finally:
        for one in running:
            kill(family(one.process.pid))
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
            _swept(folder)
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


def _swept(folder: Path) -> None:
    """Remove temporary files; locked, since someone may be approving a review in this folder.

    That a folder cannot be written is told by what has to be written there.
    """
    with suppress(OSError, ReleaseError), locked(folder):
        for leftover in folder.glob(".*-*"):
            leftover.unlink(missing_ok=True)


def _start(job: Job, limits: Limits, isolated: bool) -> Running:
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for said in ("outcome.json", LOG_FILE):
        (folder / said).unlink(missing_ok=True)
    path = folder / JOB_FILE
    write_json(path, asdict(job))
    # -P: no module of the folder the user happens to be in is run inside, or hides one of ours.
    # faulthandler: of a crash of the interpreter itself the places in the program are known.
    python = [sys.executable, "-P", "-X", "faulthandler", "-m", "causalsig.execution.worker"]
    command = [*python, str(path), WITH_PARENT, f"{ADDRESS_SPACE}{limits.address_space}"]
    process = subprocess.Popen(
        room(job, command) if isolated else command,
        # Held open as long as this process lives: the worker ends when it closes.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(os.environ) | dict.fromkeys(THREAD_SETTINGS, "1"),
    )
    return Running(job, process)
