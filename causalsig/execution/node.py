"""One site on another machine: what a node is told, what it does, and what it tells. It knows no engine.

A node sees the folders of the run under the same paths. What crosses the wire is a line of JSON each way:
paths, digests, closed codes, and how long it took. What was read, found or said stays in the site's folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from causalsig.errors import CausalsigError
from causalsig.execution.digests import file_digest
from causalsig.execution.isolation import Isolate, isolated
from causalsig.execution.limits import Limits
from causalsig.execution.processes import Ended, NotStarted, work
from causalsig.execution.worker import INTERNAL_CODE, Job
from causalsig.failures import keep_record, masked_record

TOKEN: Final = "nodes.token"
"""File in the folder of a run: who reads the same bytes there sees the same folder, and the run goes on."""
LOCK: Final = "node.lock"
WRITTEN: Final = ("outcome.json", "run.json")
"""What a process leaves of how it ended."""
OTHER_FILES: Final = "site-node-other-files"
OTHER_PROGRAM: Final = "site-node-other-program"
NOT_ISOLATED: Final = "site-not-isolated"
READY, ENDED, NOT_BEGUN = "ready", "ended", "not-begun"
CODES: Final = frozenset({READY, ENDED, NOT_BEGUN, OTHER_FILES, OTHER_PROGRAM, NOT_ISOLATED, INTERNAL_CODE})
EXCEEDED: Final = frozenset({None, "site-over-memory", "site-over-time"})
_DIGEST: Final = re.compile(r"([0-9a-f]{64})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """What a node must find as the coordinator left it, before anything is begun.

    Attributes
    ----------
    out : str
        Folder of the run.
    token : str
        SHA-256 of the token in it.
    program : str
        Digest of all that is installed, as :func:`causalsig.execution.site.lock_digest` gives it.
    isolate : {"auto", "yes", "no"}
    """

    out: str
    token: str
    program: str
    isolate: Isolate


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node tells: a closed code, numbers of the process, and the digest of the outcome it wrote.

    Attributes
    ----------
    code : str
        One of ``CODES``.
    exit_code, seconds, peak
        As of :class:`causalsig.execution.processes.Ended`; of a process that was not begun the number of the
        system's error stands in ``exit_code``.
    exceeded : str or None
        Code of the limit for which it was ended.
    outcome : str
        As :func:`outcome_digest` gives it.
    isolated : bool
    """

    code: str
    exit_code: int = 0
    exceeded: str | None = None
    seconds: float = 0.0
    peak: int = 0
    outcome: str = ""
    isolated: bool = False

    def text(self) -> str:
        """Give the line that crosses."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def read(cls, said: object) -> Answer:
        """Read a line; what is not exactly an answer is ``site-internal-error``, whatever it says."""
        try:
            found = cls(**json.loads(said)) if isinstance(said, str) else cls(INTERNAL_CODE)
        except (ValueError, TypeError, RecursionError):
            return cls(INTERNAL_CODE)
        return found if found._closed() else cls(INTERNAL_CODE)

    def _closed(self) -> bool:
        whole = (type(self.exit_code), type(self.peak), type(self.isolated)) == (int, int, bool)
        words = isinstance(self.code, str) and isinstance(self.outcome, str)
        known = words and self.code in CODES and _DIGEST.fullmatch(self.outcome) is not None
        return (
            known
            and whole
            and isinstance(self.seconds, float)
            and math.isfinite(self.seconds)
            and (self.exceeded is None or isinstance(self.exceeded, str))
            and self.exceeded in EXCEEDED
        )


def told_place(place: Place) -> str:
    """Give the line that asks a node whether it is ready."""
    return json.dumps({"place": asdict(place)}, sort_keys=True)


def told_job(place: Place, job: Job, limits: Limits) -> str:
    """Give the line that asks a node to run a site."""
    values: dict[str, Any] = {"place": asdict(place), "job": asdict(job), "limits": asdict(limits)}
    return json.dumps(values, sort_keys=True)


def look(told: str) -> str:
    """Say whether this node is ready for a run; never raises."""
    try:
        return _readiness(Place(**json.loads(told)["place"])).text()
    except BaseException as error:  # its text would cross the wire
        return _unforeseen(error)


def run_site(told: str) -> str:
    """Run a site in a process of its own, as on one machine, and say how it ended; never raises.

    What another node has under way is waited for; what that one finished stands, and is not made twice.
    """
    try:
        values = json.loads(told)
        place, job = Place(**values["place"]), Job(**values["job"])
        ready = _readiness(place)
        if ready.code != READY:
            return ready.text()
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        with _alone(Path(job.folder)):
            return _ran(job, Limits(**values["limits"]), ready.isolated).text()
    except BaseException as error:  # its text would cross the wire
        return _unforeseen(error)


def _readiness(place: Place) -> Answer:
    from causalsig.execution.site import lock_digest

    try:
        same = file_digest(Path(place.out) / TOKEN) == place.token
    except OSError:
        same = False
    if not same:
        return Answer(OTHER_FILES)
    if lock_digest() != place.program:
        return Answer(OTHER_PROGRAM)
    try:
        return Answer(READY, isolated=isolated(place.isolate))
    except CausalsigError:
        return Answer(NOT_ISOLATED)


def _ran(job: Job, limits: Limits, alone: bool) -> Answer:
    if _stands(job):
        return Answer(ENDED, outcome=outcome_digest(job), isolated=alone)
    (ended,) = work([job], 1, limits=limits, isolated=alone)
    if isinstance(ended, NotStarted):
        return Answer(NOT_BEGUN, exit_code=ended.error.errno or 0)
    outcome = outcome_digest(job)
    return Answer(ENDED, ended.exit_code, ended.exceeded, float(ended.seconds), ended.peak, outcome, alone)


def _stands(job: Job) -> bool:
    """Say whether another node finished this very job, which was not done when the run was planned."""
    from causalsig.execution.standing import standing

    folder = Path(job.folder)
    if "source" not in job.inputs or not all((folder / name).exists() for name in WRITTEN):
        return False
    return standing(folder, job.inputs, job.wave) is not None


def outcome_digest(job: Job) -> str:
    """SHA-256 over what a site's process wrote of how it ended, and over what is not there."""
    total = hashlib.sha256()
    for name in WRITTEN:
        with suppress(FileNotFoundError):
            total.update(f"{name} {file_digest(Path(job.folder) / name)}\n".encode())
    return total.hexdigest()


def ended_of(job: Job, answer: Answer) -> Ended | NotStarted:
    """Turn a node's answer into what a process of this machine would have given."""
    if answer.code == NOT_BEGUN:
        return NotStarted(job, OSError(answer.exit_code, ""))
    return Ended(job, answer.exit_code, answer.exceeded, answer.seconds, answer.peak)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a site while a node works on it; a kill lets it go."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unforeseen(error: BaseException) -> str:
    with suppress(OSError):
        keep_record(masked_record(error))
    return Answer(INTERNAL_CODE).text()
