"""Whether a source is still what it was when the run was planned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.errors import CausalsigError, SourceError
from causalsig.execution.digests import source_digest

if TYPE_CHECKING:
    from causalsig.execution.worker import Job


@contextmanager
def unchanged(job: Job) -> Iterator[None]:
    """Hold the source of a job against its digest after the block has read it, however the block ends.

    A database has no digest before it is read, and is read in one transaction.

    Raises
    ------
    SourceError
        ``site-source-changed``: it is gone or another one, so what was read may be of neither.
    """
    try:
        yield
    except (CausalsigError, OSError):
        _check(job)
        raise
    _check(job)


def _check(job: Job) -> None:
    if "source" not in job.inputs:
        return
    try:
        same = source_digest(Path(job.source)) in (job.inputs["source"], None)
        found = "another content than when the run began"
    except FileNotFoundError:
        same, found = False, "that it is gone"
    if not same:
        raise SourceError(
            "site-source-changed",
            expected="a source that stays as it is while it is read",
            found=found,
            mend="Let the export be written to its end, put it back where it was, and start again.",
            where=f"site {job.site}",
        ) from None
