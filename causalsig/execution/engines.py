"""Where the processes of a run are: on this machine, or on nodes that a scheduler hands them to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.errors import SourceError
from causalsig.execution.isolation import isolated
from causalsig.execution.processes import Ended, NotStarted, work

if TYPE_CHECKING:
    from causalsig.execution.run import RunRequest
    from causalsig.execution.worker import Job


@dataclass(frozen=True, slots=True)
class Cluster:
    """A dask scheduler, and the files with which one shows who one is.

    Attributes
    ----------
    scheduler : str
        Its address, ``tls://HOST:PORT``.
    ca, certificate, key : Path or None
        PEM files; None: what dask's own configuration names.
    """

    scheduler: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """A site of which no node said how it ended, or that no node could begin; ``code`` says why."""

    job: Job
    code: str


@dataclass(frozen=True, slots=True)
class Engine:
    """What carries jobs to processes and tells how these ended.

    Attributes
    ----------
    work : callable
        Takes jobs, yields how each ended as it ends.
    workers : int
        Sites side by side.
    isolated : bool
        Each site in a room of its own.
    versions : mapping
        Its name, and the version of what it uses.
    """

    work: Callable[[Sequence[Job]], Iterator[Ended | NotStarted | Lost]]
    workers: int
    isolated: bool
    versions: Mapping[str, str] = field(default_factory=dict)


def side_by_side() -> int:
    """Sites that run side by side on this machine where nobody says how many."""
    return min(2, os.cpu_count() or 1)


@contextmanager
def engine_of(request: RunRequest, *, needed: bool) -> Iterator[Engine]:
    """Make what carries the jobs of a run, and let it go after.

    Parameters
    ----------
    request : RunRequest
    needed : bool
        Whether there is any job: without one no node is asked for.

    Raises
    ------
    SourceError
        ``site-not-isolated``, and those of :func:`causalsig.execution.dask_engine.dask_engine`.
    """
    if request.cluster is not None and needed:
        from causalsig.execution.dask_engine import dask_engine

        with dask_engine(request, request.cluster) as engine:
            yield engine
        return
    alone = isolated(request.isolate) if needed else False
    workers = request.workers or side_by_side()

    def carry(jobs: Sequence[Job]) -> Iterator[Ended | NotStarted | Lost]:
        yield from work(jobs, workers, limits=request.limits, isolated=alone)

    yield Engine(carry, workers, alone, {"engine": "local"})


def lost(job: Job, code: str) -> str:
    """Message of a site that no node ran to its end."""
    return _error(code, f"site {job.site}").message


def not_ready(code: str) -> SourceError:
    """Make the error for a scheduler of which a node cannot do what is asked."""
    return _error(code, "--scheduler")


def _error(code: str, where: str) -> SourceError:
    expected, found, mend = _SAID.get(code, _UNFORESEEN)
    return SourceError(code, expected=expected, found=found, mend=mend, where=where)


_UNFORESEEN = (
    "a node that says how a site ended",
    "one that met an error of its own",
    "Look at the masked record in the log folder of the nodes; start again with --retry-failed.",
)
_SAID = {
    "site-node-lost": (
        "a node that stays until the site has ended",
        "that every node that took it went away",
        "Look why nodes end (memory, the network); start again with --retry-failed.",
    ),
    "site-node-other-files": (
        "a node that sees the folder of this run under the same path",
        "one that sees another or none",
        "Mount the folders of --out, the sources and the keys at the same place on every node.",
    ),
    "site-node-other-program": (
        "a node with the same causalsig and packages as here",
        "one with others",
        "Install the same lock on every node, restart its worker, and start again.",
    ),
    "site-not-isolated": (
        "a node on which bubblewrap works",
        "one where it does not",
        "Install bubblewrap and allow user namespaces there, or say --isolate auto or no.",
    ),
}
