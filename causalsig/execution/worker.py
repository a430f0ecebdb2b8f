"""One municipality in a process of its own: ``python -m causalsig.execution.worker JOB.json``.

Whatever goes wrong ends in ``outcome.json`` with a stable code. The text of an exception that causalsig did
not raise itself may hold a cell value, so it is written nowhere: the local log gets its type and the places
in the code it came through.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from causalsig.errors import CausalsigError, SourceError
from causalsig.execution.digests import content_digest, file_digest, snapshot_of
from causalsig.execution.limits import memory_peak
from causalsig.failures import INTERNAL_ERROR, masked_record, status_of
from causalsig.release.files import write_atomic
from causalsig.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from causalsig.execution.members import Members
    from causalsig.records import SiteResult
    from causalsig.release.household_sets import Member
    from causalsig.sources.findings import Finding, ReadResult
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study

INTERNAL_CODE = "site-internal-error"
LOG_FILE = "worker.log"
WITH_PARENT = "--with-parent"
"""Argument: end when stdin closes, so that a run that is killed leaves no process behind."""
ADDRESS_SPACE = "--address-space="
"""Start of an argument: bytes that the process may map."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the worker is told, written by the parent as JSON.

    ``inputs`` are the digests that say whether an earlier run can stand. That of a database is not among
    them: it is known when the database is read.
    """

    study: str
    inventory: str
    site: str
    source: str
    keys: str
    folder: str
    wave: int
    inputs: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read a job file."""
        return cls(**json.loads(path.read_text("utf-8")))


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON that stays with the provider: atomically, replacing what is there, for its owner only."""
    content = (json.dumps(values, indent=1, sort_keys=True) + "\n").encode()
    write_atomic(path, content, force=True, mode=0o600)


def run_job(job: Job) -> Literal["done", "kept"]:
    """Read, analyse, check and write one site; ``run.json`` comes last and makes the run count.

    A database whose content is that of an earlier run is read, and that run kept.
    """
    from causalsig import __version__
    from causalsig.execution.certificates import certificate_of, with_certificate
    from causalsig.execution.given_rules import marked
    from causalsig.execution.record import site_record, why_not
    from causalsig.execution.site import read_site, release_site
    from causalsig.execution.standing import standing
    from causalsig.execution.unchanged import unchanged
    from causalsig.release.keys import read_provider_key
    from causalsig.study.digest import study_digest
    from causalsig.study.read import read_inventory, read_study
    from causalsig.study.site_policy import under_policy

    folder = Path(job.folder)
    timings: dict[str, float] = {}
    with one_thread(), _timed(timings, "total"):
        study = read_study(job.study)
        site = read_inventory(job.inventory).site(job.site)
        if site is None:
            raise _gone(job.site)
        study = under_policy(study, site.policy)
        provider_key = read_provider_key(job.keys)
        with _timed(timings, "read"):
            with unchanged(job):
                read = read_site(Path(job.source), site, provider_key)
            refuse_errors(read.findings, job.site)
            inputs, content = job.inputs, content_digest(read)
            if "source" not in inputs:
                inputs = inputs | {"source": content}
                inputs = with_certificate(inputs, folder)
                if standing(folder, inputs, job.wave) is not None:
                    return "kept"
        households: dict[str, Iterable[Member]] = {}
        with _timed(timings, "analyse"):
            result = _analyse(read, study, site, households.__setitem__)
            result = replace(result, certificate=certificate_of(folder, inputs))
            result = marked(result, study, provider_key)
        with _timed(timings, "release"):
            payload_hash = release_site(
                result,
                study,
                households=households,
                known_again=read.known_again,
                keys=Path(job.keys),
                snapshot=snapshot_of("estimates", job.site, content),
                wave=job.wave,
                folder=folder,
            )
        write_json(folder / "site.json", site_record(result) | {"finding_counts": _counts(read.findings)})
    write_json(
        folder / "run.json",
        {
            "kind": "run",
            "site": job.site,
            "wave": job.wave,
            "inputs": inputs,
            "content_digest": content,
            "study_digest": study_digest(study),
            "seed": study.seed,
            "package_version": __version__,
            "extracted_on": read.tables.extracted_on.isoformat(),
            "questions": {q.question: q.status for q in result.questions},
            "threshold": None if result.thresholds is None else result.thresholds.status,
            "reasons": {q.question: why_not(q) for q in result.questions if q.status != "estimated"},
            "site_digest": file_digest(folder / "site.json"),
            "payload_hash": payload_hash,
            "seconds": {name: round(seconds, 3) for name, seconds in timings.items()},
            "peak_mb": memory_peak() // 2**20,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    )
    return "done"


class _timed:
    """Add the seconds spent inside to a table of timings."""

    def __init__(self, table: dict[str, float], name: str) -> None:
        self.table, self.name = table, name

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.table[self.name] = time.perf_counter() - self.start


def _analyse(read: ReadResult, study: Study, site: Site, members: Members) -> SiteResult:
    """Answer the questions that the source carries the signals for, and refuse the others."""
    from causalsig.cohort.build import plan_cohorts
    from causalsig.execution.analyse import analyse_site
    from causalsig.execution.carried import NEEDS_ALL_SIGNALS, unanswerable
    from causalsig.execution.crossed import refused_findings
    from causalsig.execution.site import matching_of

    refused = unanswerable(study, read.carries)
    result = analyse_site(
        read.tables,
        study,
        site,
        matching_of(site),
        finding_codes={finding.code for finding in read.findings},
        plans=tuple(plan for plan in plan_cohorts(study) if plan.question not in refused),
        benchmarks=True,
        thresholds=read.carries == "all_signals",
        members=members,
    )
    if read.carries != "all_signals":
        # A source of cases alone lacks those below a threshold, for whom nothing was done.
        result = replace(result, thresholds=refused_findings(study, NEEDS_ALL_SIGNALS))
    answered = {question.question: question for question in result.questions} | refused
    return replace(result, questions=tuple(answered[question] for question in study.asked))


def refuse_errors(findings: tuple[Finding, ...], code: str) -> None:
    """Refuse a source in which reading found something that would spoil every figure.

    Raises
    ------
    SourceError
        With the code of the finding.
    """
    wrong = sorted({finding.code for finding in findings if finding.severity == "error"})
    if wrong:
        raise SourceError(
            wrong[0],
            expected="a source without findings of severity error",
            found=f"{len(wrong)} kind(s) of error",
            mend="Run `causalsig site check` on this source; it lists them with their counts.",
            where=f"site {code}",
        )


def _counts(findings: tuple[Finding, ...]) -> list[dict[str, object]]:
    return [
        {"code": f.code, "table": f.table, "column": f.column, "count": f.count, "severity": f.severity}
        for f in findings
    ]


def _gone(code: str) -> SourceError:
    return SourceError(
        "site-not-in-inventory",
        expected=f"site {code} in the inventory",
        found="an inventory without it",
        mend="The inventory changed while the run was going on; start again.",
    )


def main(arguments: list[str]) -> int:
    """Run the job of the file named; return the exit code."""
    job = Job.read(Path(arguments[0]))
    outcome = Path(job.folder) / "outcome.json"
    try:
        status = run_job(job)
    except CausalsigError as error:
        write_json(outcome, {"status": "failed", "code": error.code, "message": error.message})
        return error.exit_code
    except BaseException as error:
        # Also what a library raises to end the program: its text would be printed.
        return _unforeseen(job, outcome, error)
    code = "site-done" if status == "done" else "site-kept"
    write_json(outcome, {"status": status, "code": code, "message": ""})
    return 0


def _unforeseen(job: Job, outcome: Path, error: BaseException) -> int:
    """Say by a closed code how it ended; the log gets the rest, masked.

    When neither file can be written the exit code says it.
    """
    with suppress(OSError):
        _log(Path(job.folder) / LOG_FILE, error)
    status = status_of(error)
    code = INTERNAL_CODE if status == "internal-error" else status
    with suppress(OSError):
        write_json(outcome, {"status": "failed", "code": code, "message": _failure(job.site, code).message})
    return INTERNAL_ERROR if code == INTERNAL_CODE else 2


def _failure(site: str, code: str) -> CausalsigError:
    expected, found, mend = LACKING.get(
        code,
        (
            "the program to cope with this source",
            "that it failed",
            "Send worker.log of the site's folder to the makers; it says where, without values.",
        ),
    )
    return CausalsigError(code, expected=expected, found=found, mend=mend, where=f"site {site}")


LACKING: Final = {
    "run-no-space": ("room on the disk", "none left", "Make room and start again; nothing is half-written."),
    "run-not-permitted": (
        "files this user may read and folders this user may write",
        "one that the system refused",
        "Check the permissions of the source and of --out.",
    ),
    "run-no-memory": ("memory enough", "too little", "Start again with fewer --workers, or more --memory."),
}


def _end_with_parent() -> None:
    descriptor = sys.stdin.fileno()

    def wait() -> None:
        # Not sys.stdin: its lock, held while waiting, makes Python abort when the worker has done its job.
        while os.read(descriptor, 1):
            pass
        os._exit(INTERNAL_ERROR)

    threading.Thread(target=wait, daemon=True).start()


def _log(path: Path, error: BaseException) -> None:
    record = f"{date.today().isoformat()}\n{masked_record(error)}"
    write_atomic(path, record.encode(), force=True, mode=0o600)


def _limit_address_space(words: list[str]) -> None:
    import resource

    for word in words:
        if word.startswith(ADDRESS_SPACE):
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            wanted = int(word.removeprefix(ADDRESS_SPACE))
            allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
            resource.setrlimit(resource.RLIMIT_AS, (allowed, most))


if __name__ == "__main__":
    _limit_address_space(sys.argv[2:])
    if WITH_PARENT in sys.argv[2:]:
        _end_with_parent()
    sys.exit(main(sys.argv[1:]))
