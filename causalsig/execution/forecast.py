"""How long a run will still take: by the sizes of the sources, and how long those took that are done."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.sources.database_address import is_address_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from causalsig.execution.worker import Job


def sizes_of(jobs: Sequence[Job]) -> dict[str, float]:
    """Size of each site's part of its source, by code.

    Of a source of several sites each counts for the same part; what has no size, as a database, for as much
    as the others do on average.
    """
    sharing = Counter(job.source for job in jobs)
    bytes_of = {source: _bytes(Path(source)) for source in sharing}
    known = [bytes_of[job.source] / sharing[job.source] for job in jobs if bytes_of[job.source]]
    usual = sum(known) / len(known) if known else 1.0
    return {job.site: bytes_of[job.source] / sharing[job.source] or usual for job in jobs}


def seconds_left(sizes: Mapping[str, float], done: Sequence[str], seconds: float) -> float | None:
    """Seconds that the sites not done will take, at the pace of those done; None before one is.

    Parameters
    ----------
    sizes : mapping of site to size
    done : sequence of site
    seconds : float
        Since the run began, by a clock that only goes forward.
    """
    gone = sum(sizes[site] for site in done)
    return None if gone <= 0 else seconds * (sum(sizes.values()) - gone) / gone


def _bytes(path: Path) -> float:
    try:
        if is_address_file(path):
            return 0.0
        files = [part for part in path.rglob("*") if part.is_file()] if path.is_dir() else [path]
        return float(sum(part.stat().st_size for part in files))
    except OSError:
        return 0.0
