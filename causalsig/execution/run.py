"""Many municipalities at one provider: one fresh process each, several side by side, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from causalsig import __version__
from causalsig.errors import CausalsigError, ReleaseError, SourceError, StudyError
from causalsig.execution.processes import only_run, work
from causalsig.execution.worker import INTERNAL_CODE, Job, file_digest, write_json

if TYPE_CHECKING:
    from causalsig.study.inventory import Inventory, Site

SiteStatus = Literal["done", "kept", "failed", "left_out"]
Plan = tuple["Inventory", list[Job], dict[str, "SiteOutcome"]]
EXPORTS = frozenset({".xlsx", ".json"})
"""Files in a folder of sources that are looked at; others may lie there."""


@dataclass(frozen=True, slots=True)
class SiteOutcome:
    """How one municipality's run ended.

    ``status`` is "done" (run now), "kept" (an earlier run with the same inputs stands), "failed" or
    "left_out" (no agreement in force). ``code`` and ``message`` say why; ``questions`` gives the status of
    each question, ``reasons`` the code that kept one from an estimate.
    """

    site: str
    name: str
    status: SiteStatus
    code: str
    message: str
    questions: dict[str, str]
    reasons: dict[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What ``site run`` was asked to do.

    Attributes
    ----------
    study, inventory : Path
    sources : tuple of Path
        Workbooks, or folders of workbooks; a file belongs to the site whose code its name begins with.
    keys : Path
        Folder with the provider's key.
    out : Path
        One folder a site is made below ``out / "sites"``.
    only : tuple of str
        Codes of the sites to run; empty: all of the inventory.
    workers : int
    wave : int
    today : datetime.date
        Day on which the agreements must be in force.
    """

    study: Path
    inventory: Path
    sources: tuple[Path, ...]
    keys: Path
    out: Path
    only: tuple[str, ...] = ()
    workers: int = 2
    wave: int = 1
    today: date | None = None


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
        for has an agreement in force, or another run is busy in this folder.
    """
    tell = on_finish or (lambda outcome: None)
    inventory, jobs, outcomes = plan or plan_run(request)
    with only_run(request.out):
        for outcome in outcomes.values():
            tell(outcome)
        for job, exit_code in work(jobs, request.workers):
            outcome = _outcome(job, exit_code, inventory)
            outcomes[outcome.site] = outcome
            tell(outcome)
        ended = tuple(outcomes[site.code] for site in inventory.sites if site.code in outcomes)
        write_json(request.out / "run.json", _record(request, inventory, ended))
    return ended


def _record(request: RunRequest, inventory: Inventory, outcomes: Sequence[SiteOutcome]) -> dict[str, object]:
    """How every site ended: the record of who was left out and why. Stays with the provider."""
    from causalsig.study.digest import study_digest
    from causalsig.study.read import read_study

    study = read_study(request.study)
    head = {"study_digest": study_digest(study), "seed": study.seed, "wave": request.wave}
    finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rows = _earlier_rows(request.out / "run.json", head)
    for outcome in outcomes:
        row = {name: getattr(outcome, name) for name in ("site", "status", "code", "message")}
        row |= {"questions": outcome.questions, "reasons": outcome.reasons, "finished": finished}
        rows[outcome.site] = row
    return {
        "kind": "sites",
        **head,
        "package_version": __version__,
        "finished": finished,
        "sites": [rows[site.code] for site in inventory.sites if site.code in rows],
    }


def _earlier_rows(path: Path, head: dict[str, object]) -> dict[str, dict[str, object]]:
    """Lines of an earlier run of the same study and wave, by site; of another one nothing is kept."""
    try:
        earlier = json.loads(path.read_text("utf-8"))
        same = all(earlier[name] == value for name, value in head.items())
        return {row["site"]: row for row in earlier["sites"]} if same else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def plan_run(request: RunRequest) -> Plan:
    """Read what is given and decide what is to be done, without touching a source's content.

    Returns
    -------
    inventory : Inventory
    jobs : list of Job
        To be run.
    outcomes : dict of SiteOutcome
        Sites left out, kept, or without a source, by code.
    """
    from causalsig.release.keys import read_provider_key
    from causalsig.study.digest import study_digest
    from causalsig.study.read import read_inventory, read_study

    digest = study_digest(read_study(request.study))
    inventory = read_inventory(request.inventory)
    key = read_provider_key(request.keys)
    chosen = _chosen(inventory, request.only)
    sources = find_sources(request.sources, inventory)
    today = request.today or date.today()
    jobs: list[Job] = []
    outcomes: dict[str, SiteOutcome] = {}
    for site in chosen:
        folder = request.out / "sites" / site.code
        reason = site.agreement.missing(today)
        if reason is not None:
            outcomes[site.code] = _ended(site, folder, "left_out", "site-no-agreement", reason)
            continue
        if site.code not in sources:
            error = _no_source(site.code)
            outcomes[site.code] = _ended(site, folder, "failed", error.code, error.message)
            continue
        try:
            source = file_digest(sources[site.code])
        except OSError:
            error = _unreadable(sources[site.code])
            outcomes[site.code] = _ended(site, folder, "failed", error.code, error.message)
            continue
        inputs = {
            "study": digest,
            "source": source,
            "site": _digest(site.model_dump_json().encode()),
            "program": __version__,
            "key": _digest(key),
        }
        kept = _standing(folder, inputs, request.wave)
        if kept is not None:
            outcomes[site.code] = _ended(site, folder, "kept", "site-kept", "", *kept)
            continue
        jobs.append(_job(request, site, sources[site.code], folder, inputs))
    if not jobs and all(outcome.status == "left_out" for outcome in outcomes.values()):
        reasons = sorted({outcome.message for outcome in outcomes.values()})
        raise no_agreement("; ".join(reasons), f"{len(chosen)} site(s)")
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


def _chosen(inventory: Inventory, only: Sequence[str]) -> list[Site]:
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


def find_sources(paths: Sequence[Path], inventory: Inventory) -> dict[str, Path]:
    """Match sources to sites: a file's name begins with the municipality's code, a folder's name is the code.

    Raises
    ------
    SourceError
        A path that does not exist, a file of no site, or two files for one site.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise SourceError(
                "source-file-missing",
                expected="a source, or a folder of sources",
                found="nothing at that path",
                mend="Check the path.",
                where=str(path),
            )
        files.extend(_sources(path) if path.is_dir() and not _is_one_source(path) else [path])
    files = [file for file in files if not file.name.startswith(("~$", "."))]
    known = {site.code for site in inventory.sites}
    found: dict[str, Path] = {}
    for file in files:
        code = file.name[:4]
        if code not in known:
            raise SourceError(
                "site-source-unknown",
                expected="file names that begin with a municipality code of the inventory",
                found="one that does not",
                mend="Rename it to, say, 0363.xlsx, or add the municipality to the inventory.",
                where=file.name,
            )
        if code in found:
            raise SourceError(
                "site-source-twice",
                expected=f"one source for site {code}",
                found="two",
                mend="Keep the one you mean; an extract of a later wave is run with --wave.",
                where=f"{found[code].name}, {file.name}",
            )
        found[code] = file
    return found


def _sources(folder: Path) -> list[Path]:
    """List the sources in a folder of them: export files, and folders that are a source themselves."""
    return sorted(
        path
        for path in folder.iterdir()
        if (path.is_file() and path.suffix.lower() in EXPORTS) or _is_one_source(path)
    )


def _is_one_source(path: Path) -> bool:
    """Whether a folder is one municipality's source (tables, or files of a split export), by its name."""
    return path.is_dir() and len(path.name) == 4 and path.name.isdecimal()


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
        wave=request.wave,
        inputs=inputs,
    )


Answers = tuple[dict[str, str], dict[str, str]]
"""Status of each question, and the code of each that has no estimate."""


def _standing(folder: Path, inputs: dict[str, str], wave: int) -> Answers | None:
    """Answers of an earlier run with the same inputs whose files are whole; else None."""
    from causalsig.release.life import read_review

    try:
        run = json.loads((folder / "run.json").read_text("utf-8"))
        whole = (
            run["inputs"] == inputs
            and run["wave"] == wave
            and file_digest(folder / "site.json") == run["site_digest"]
            and read_review(folder).payload_hash == run["payload_hash"]
        )
        return (dict(run["questions"]), dict(run["reasons"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError, ReleaseError):
        return None


def _outcome(job: Job, exit_code: int, inventory: Inventory) -> SiteOutcome:
    site = inventory.site(job.site)
    assert site is not None
    folder = Path(job.folder)
    try:
        said = json.loads((folder / "outcome.json").read_text("utf-8"))
    except (OSError, ValueError):
        message = _died(job.site, exit_code).message
        return _ended(site, folder, "failed", INTERNAL_CODE, message)
    if said["status"] != "done":
        return _ended(site, folder, "failed", said["code"], said["message"])
    run = json.loads((folder / "run.json").read_text("utf-8"))
    return _ended(site, folder, "done", "site-done", "", dict(run["questions"]), dict(run["reasons"]))


def _ended(
    site: Site,
    folder: Path,
    status: SiteStatus,
    code: str,
    message: str,
    questions: dict[str, str] | None = None,
    reasons: dict[str, str] | None = None,
) -> SiteOutcome:
    return SiteOutcome(site.code, site.name, status, code, message, questions or {}, reasons or {}, folder)


def _no_source(code: str) -> CausalsigError:
    return SourceError(
        "site-source-missing",
        expected=f"a workbook whose name begins with {code}",
        found="none among the sources",
        mend="Add the file, or leave the site out with --only.",
        where=f"site {code}",
    )


def _unreadable(source: Path) -> CausalsigError:
    return SourceError(
        "source-unreadable",
        expected="a workbook this user may read",
        found="a file that cannot be opened",
        mend="Check the file's permissions.",
        where=source.name,
    )


def _died(code: str, exit_code: int) -> CausalsigError:
    how = f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended with status {exit_code}"
    return SourceError(
        INTERNAL_CODE,
        expected="a process that says how it ended",
        found=f"one that {how} before it could",
        mend="Start again; with fewer --workers when the machine was short of memory.",
        where=f"site {code}",
    )


def _digest(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()
