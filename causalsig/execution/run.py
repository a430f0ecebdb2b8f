"""Many municipalities at one provider: one fresh process each, several side by side, resumable."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from causalsig.errors import CausalsigError, SourceError, StudyError
from causalsig.execution.digests import source_digest
from causalsig.execution.engines import Cluster, Lost, engine_of, lost
from causalsig.execution.given import GivenSources, find_sources
from causalsig.execution.isolation import Isolate
from causalsig.execution.journal import note
from causalsig.execution.limits import Limits
from causalsig.execution.processes import Ended, NotStarted, only_run
from causalsig.execution.run_record import (
    check_clock,
    failed_before,
    head_of,
    versions_of,
    write_record,
)
from causalsig.execution.standing import Answers, standing
from causalsig.execution.stopped import died, not_started, stopped
from causalsig.execution.worker import INTERNAL_CODE, Job
from causalsig.failures import shown_name

if TYPE_CHECKING:
    from causalsig.study.inventory import Inventory, Site

SiteStatus = Literal["done", "kept", "failed", "left_out"]
Plan = tuple["Inventory", list[Job], dict[str, "SiteOutcome"]]


@dataclass(frozen=True, slots=True)
class SiteOutcome:
    """How one municipality's run ended.

    ``status`` is "done" (run now), "kept" (an earlier run with the same inputs stands), "failed" or
    "left_out" (no agreement in force). ``code`` and ``message`` say why; ``questions`` gives the status of
    each question, ``reasons`` the code that kept one from an estimate; ``seconds`` by step, ``peak_mb`` the
    memory at its highest and ``finished`` (UTC) are of the run that made the result.
    """

    site: str
    name: str
    status: SiteStatus
    code: str
    message: str
    questions: dict[str, str]
    reasons: dict[str, str]
    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mb: int | None = None
    finished: str = ""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What ``site run`` was asked to do.

    Attributes
    ----------
    study, inventory : Path
    sources : tuple of Path
        Sources of any format, or folders of them; see :func:`causalsig.execution.given.find_sources`.
    keys : Path
        Folder with the provider's key.
    out : Path
        One folder a site is made below ``out / "sites"``.
    only : tuple of str
        Codes of the sites to run; empty: all of the inventory.
    workers : int or None
        Sites side by side, on all nodes together; None: two here, on nodes as many as these have threads.
    wave : int
    today : datetime.date
        Day on which the agreements must be in force.
    limits : Limits
        What the processes of one site may take.
    isolate : {"auto", "yes", "no"}
        Each site in a room of its own; see :func:`causalsig.execution.isolation.isolated`.
    retry_failed : bool
        Of the sites asked for only those that failed in the earlier run in this folder, or were broken off.
    accept_clock : bool
        The clock is right though it is earlier than the last run or release: that time was wrong.
    cluster : Cluster or None
        The scheduler whose nodes run the sites; None: this machine.
    """

    study: Path
    inventory: Path
    sources: tuple[Path, ...]
    keys: Path
    out: Path
    only: tuple[str, ...] = ()
    workers: int | None = None
    wave: int = 1
    today: date | None = None
    limits: Limits = field(default_factory=Limits)
    isolate: Isolate = "auto"
    retry_failed: bool = False
    accept_clock: bool = False
    cluster: Cluster | None = None


def run_sites(
    request: RunRequest,
    *,
    plan: Plan | None = None,
    on_finish: Callable[[SiteOutcome], None] | None = None,
) -> tuple[SiteOutcome, ...]:
    """Run every site asked for that has an agreement in force; a failing one does not stop the others.

    A site whose earlier run had the same study, source, inventory entry, program and keys is kept as it is,
    so a run that was killed goes on where it was. ``run.json`` in the folder of the run records how every
    site ended, those left out included; sites that were not asked for keep their line of an earlier run.

    Parameters
    ----------
    request : RunRequest
    plan : Plan, optional
        What :func:`plan_run` gave for this request; default: planned here.
    on_finish : callable, optional
        Called with each outcome as it comes.

    Returns
    -------
    tuple of SiteOutcome
        In the order of the inventory.

    Raises
    ------
    StudyError, SourceError, ReleaseError
        Nothing could be started: study, inventory, sources or keys are not usable, none of the sites asked
        for has an agreement in force, another run is busy in this folder, or no node is ready.
    """
    tell = on_finish or (lambda outcome: None)
    inventory, jobs, outcomes = plan or plan_run(request)
    head = head_of(request)
    with only_run(request.out), engine_of(request, needed=bool(jobs)) as engine:
        alone, request = engine.isolated, replace(request, workers=engine.workers)
        versions = versions_of(alone) | dict(engine.versions)
        begun = recorded = time.monotonic()

        def record(*, ended: bool) -> tuple[SiteOutcome, ...]:
            told = tuple(outcomes[site.code] for site in inventory.sites if site.code in outcomes)
            seconds = time.monotonic() - begun
            write_record(request, inventory, told, head=head, versions=versions, seconds=seconds, ended=ended)
            return told

        room = "isolated" if alone else "site-not-isolated"
        note(request.out, "began", len(jobs), "sites", room, *["accept-clock"] * request.accept_clock)
        for outcome in outcomes.values():
            tell(outcome)
        for one in engine.work(jobs):
            outcome = _outcome(one, inventory)
            outcomes[outcome.site] = outcome
            total = outcome.seconds.get("total")
            note(request.out, outcome.site, outcome.status, outcome.code, f"{total} s {outcome.peak_mb} MB")
            tell(outcome)
            if time.monotonic() - recorded > RECORD_SECONDS:
                # What can be told again is not worth stopping for.
                with suppress(OSError):
                    record(ended=False)
                recorded = time.monotonic()
        note(request.out, "ended")
        return record(ended=True)


RECORD_SECONDS = 5.0
"""Between two writes of the record while a run goes on."""


def plan_run(request: RunRequest) -> Plan:
    """Read what is given and decide what is to be done.

    Of a source nothing is read but its digest, and of one of several municipalities which ones they are. A
    database has no digest until it is read: its sites are always read, and kept then if nothing changed.

    Returns
    -------
    inventory : Inventory
    jobs : list of Job
        To be run.
    outcomes : dict of SiteOutcome
        Sites left out, kept, or without a source, by code.
    """
    from causalsig.execution.certificates import with_certificate
    from causalsig.execution.site import lock_digest
    from causalsig.release.keys import provider_is_demo, read_provider_key, read_trusted
    from causalsig.release.signed_study import check_study
    from causalsig.study.digest import study_digest
    from causalsig.study.read import read_inventory, read_study

    if not request.accept_clock:
        check_clock(request)
    digest = study_digest(read_study(request.study))
    inventory = read_inventory(request.inventory)
    key = read_provider_key(request.keys)
    trusted = read_trusted(request.keys)
    check_study(request.study, trusted=trusted, allow_demo=provider_is_demo(request.keys))
    chosen = chosen_sites(inventory, request.only)
    if request.retry_failed:
        failed = failed_before(request)
        chosen = [site for site in chosen if site.code in failed]
    today = request.today or date.today()
    reasons = {site.code: site.agreement.missing(today) for site in chosen}
    may_run = [site for site in chosen if reasons[site.code] is None]
    sources = find_sources(request.sources, inventory, may_run)
    digest_of = functools.cache(source_digest)
    jobs: list[Job] = []
    outcomes: dict[str, SiteOutcome] = {}
    for site in chosen:
        folder = request.out / "sites" / site.code
        reason = reasons[site.code]
        if reason is not None:
            outcomes[site.code] = _ended(site, folder, "left_out", "site-no-agreement", reason)
            continue
        if site.code not in sources.by_site:
            error = no_source(site.code, sources)
            outcomes[site.code] = _ended(site, folder, "failed", error.code, error.message)
            continue
        source = sources.by_site[site.code]
        inputs = {
            "study": digest,
            "site": _digest(site.model_dump_json().encode()),
            "program": lock_digest(),
            "key": _digest(key),
        }
        try:
            found = digest_of(source)
        except OSError:
            error = _unreadable(source)
            outcomes[site.code] = _ended(site, folder, "failed", error.code, error.message)
            continue
        if found is not None:
            inputs = with_certificate(inputs | {"source": found}, folder)
            kept = standing(folder, inputs, _wave(request, site))
            if kept is not None:
                outcomes[site.code] = _ended(site, folder, "kept", "site-kept", "", kept)
                continue
        jobs.append(_job(request, site, source, folder, inputs))
    if chosen and not jobs and all(outcome.status == "left_out" for outcome in outcomes.values()):
        said = sorted({outcome.message for outcome in outcomes.values()})
        raise no_agreement("; ".join(said), f"{len(chosen)} site(s)")
    return inventory, jobs, outcomes


def no_agreement(reason: str, where: str) -> StudyError:
    """Make the error for a site whose data may not be touched."""
    return StudyError(
        "site-no-agreement",
        expected="an agreement in force",
        found=reason,
        mend="Sign the agreements and enter their dates in the inventory before running.",
        where=where,
    )


def chosen_sites(inventory: Inventory, only: Sequence[str]) -> list[Site]:
    """Sites of the inventory that were asked for; all without ``only``.

    Raises
    ------
    StudyError
        ``site-not-in-inventory``
    """
    known = {site.code for site in inventory.sites}
    unknown = [code for code in only if code not in known]
    if unknown:
        raise StudyError(
            "site-not-in-inventory",
            expected="codes of sites in the inventory",
            found=f"{len(unknown)} code(s) that are not in it",
            mend="Check --only, or add the site to the inventory.",
            where="--only",
        )
    return [site for site in inventory.sites if not only or site.code in only]


def _job(request: RunRequest, site: Site, source: Path, folder: Path, inputs: dict[str, str]) -> Job:
    # A packaged study is given by its name, which is no path.
    study = request.study.resolve() if request.study.exists() else request.study
    return Job(
        study=str(study),
        inventory=str(request.inventory.resolve()),
        site=site.code,
        source=str(source.resolve()),
        keys=str(request.keys.resolve()),
        folder=str(folder.resolve()),
        wave=_wave(request, site),
        inputs=inputs,
    )


def _wave(request: RunRequest, site: Site) -> int:
    """Wave of a site: the run's, moved on by the extracts that the inventory says were released before."""
    return request.wave + len(site.earlier_extracts)


def _outcome(ended: Ended | NotStarted | Lost, inventory: Inventory) -> SiteOutcome:
    job = ended.job
    site = inventory.site(job.site)
    assert site is not None
    folder = Path(job.folder)
    if isinstance(ended, Lost):
        return _ended(site, folder, "failed", ended.code, lost(job, ended.code))
    if isinstance(ended, NotStarted):
        return _ended(site, folder, "failed", *not_started(job.site, ended.error))
    took = {"total": round(ended.seconds, 3)}, ended.peak // 2**20
    if ended.exceeded:
        return _ended(site, folder, "failed", ended.exceeded, stopped(job.site, ended.exceeded), took=took)
    try:
        said = json.loads((folder / "outcome.json").read_text("utf-8"))
        status, code, message = said["status"], said["code"], said["message"]
        if status == "failed":
            return _ended(site, folder, "failed", code, message, took=took)
        run = json.loads((folder / "run.json").read_text("utf-8"))
        return _ended(site, folder, status, code, "", Answers.of(run))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        message = died(job.site, ended.exit_code, folder)
        return _ended(site, folder, "failed", INTERNAL_CODE, message, took=took)


def _ended(
    site: Site,
    folder: Path,
    status: SiteStatus,
    code: str,
    message: str,
    answers: Answers | None = None,
    *,
    took: tuple[dict[str, float], int | None] = ({}, None),
) -> SiteOutcome:
    questions, reasons, finished = ({}, {}, "")
    if answers is not None:
        questions, reasons, finished = answers.questions, answers.reasons, answers.finished
        took = answers.seconds, answers.peak_mb
    return SiteOutcome(
        site.code, site.name, status, code, message, questions, reasons, folder, *took, finished
    )


def no_source(code: str, sources: GivenSources) -> CausalsigError:
    """Make the error for a site that none of the sources is of."""
    others = f"; {sources.strangers} municipalities in them are not in the inventory"
    return SourceError(
        "site-source-missing",
        expected=f"a source whose name begins with {code}, or one of several that names this municipality",
        found="none among the sources" + (others if sources.strangers else ""),
        mend="Add it, write the name in the inventory as the source does, or leave the site out with --only.",
        where=f"site {code}",
    )


def _unreadable(source: Path) -> CausalsigError:
    return SourceError(
        "source-unreadable",
        expected="a source this user may read",
        found="a file that cannot be opened",
        mend="Check the file's permissions.",
        where=shown_name(source),
    )


def _digest(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()
