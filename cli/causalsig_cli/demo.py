"""`causalsig demo`: everything once, from invented workbooks to the reports, with the truth beside it."""

from __future__ import annotations

import json
import time
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig_cli._screen import progress, say

if TYPE_CHECKING:
    from causalsig.execution.comparison import Comparison
    from causalsig.execution.invent import InventedCountry
    from causalsig.release.keys import TrustedKeys

STUDY = Path("vroegsignalering")
SMALL_SITES = 2
MARKER = "country.json"
RELEASE_SUFFIX = ".release.json"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the demo puts what belongs to whom."""

    top: Path

    @property
    def provider(self) -> Path:
        """What never leaves the provider, and the outbox."""
        return self.top / "provider"

    @property
    def keys(self) -> Path:
        """Throwaway keys of everybody."""
        return self.top / "keys"

    @property
    def outbox(self) -> Path:
        """Released documents."""
        return self.top / "provider" / "outbox"

    @property
    def university(self) -> Path:
        """The pool."""
        return self.top / "university"

    @property
    def reports(self) -> Path:
        """Pages to read."""
        return self.top / "reports"


def command(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("causalsig-demo"),
    sites: Annotated[int, typer.Option(min=8, max=100, help="Number of invented municipalities.")] = 24,
    effect: Annotated[
        Literal["null", "modest", "harmful"], typer.Option(help="The effect that help and contact have.")
    ] = "modest",
    seed: Annotated[int, typer.Option(help="The same seed gives the same municipalities.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 2,
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="For the table.")] = "text",
) -> None:
    """Make a country of invented municipalities, run the default study, pool, report, compare with the truth.

    Takes about two minutes on two cores. Started again after an interruption it goes on where it was. The
    approvals and keys are for the demo only: without --demo no pool accepts them.
    """
    from causalsig.execution.invent import InventedCountry

    start = time.perf_counter()
    folders = Folders(out)
    country = InventedCountry("ignorable", effect, sites, SMALL_SITES, seed)
    _invent(country, folders, workers)
    _run(folders, workers)
    released = _approve(folders)
    _pool(folders)
    national = _report(folders, workers)
    rows = _compare(folders)
    _print(rows, format_)
    say(f"{released} releases, {sites} municipal reports, {time.perf_counter() - start:.0f} seconds.")
    say(f"the reports: {folders.reports}/gemeenten/*.html. Begin with:")
    typer.echo(str(national))


def _invent(country: InventedCountry, folders: Folders, workers: int) -> None:
    from causalsig import __version__
    from causalsig.errors import SimulationError
    from causalsig.execution.invent import invent_country
    from causalsig.release.files import write_atomic

    wanted = json.dumps({"country": asdict(country), "version": __version__}, sort_keys=True, indent=1) + "\n"
    marker = folders.provider / MARKER
    if marker.exists():
        if marker.read_text("utf-8") == wanted:
            return
        raise SimulationError(
            "simulation-exists",
            expected="an empty folder, or the same demo begun before",
            found="another demo",
            mend="Choose another --out, or remove that folder.",
            where=str(folders.top),
        )
    with progress("1/5 inventing municipalities", country.sites) as step:
        invent_country(country, folders.provider, workers=workers, on_finish=lambda code: step())
    write_atomic(marker, wanted.encode())


def _run(folders: Folders, workers: int) -> None:
    from causalsig.errors import SourceError
    from causalsig.execution.run import RunRequest, run_sites
    from causalsig.release.keys import new_keys

    if not (folders.keys / "university.pub.json").exists():
        new_keys(folders.keys, demo=True)
    request = RunRequest(
        study=STUDY,
        inventory=folders.provider / "inventory.toml",
        sources=(folders.provider / "sources",),
        keys=folders.keys,
        out=folders.provider,
        workers=workers,
    )
    total = len(list((folders.provider / "sources").glob("*.xlsx")))
    with progress("2/5 running the study", total) as step:
        outcomes = run_sites(request, on_finish=lambda outcome: step())
    for outcome in outcomes:
        if outcome.status == "failed":
            raise SourceError(
                outcome.code,
                expected="every invented municipality to run",
                found="one that failed",
                mend=outcome.message,
                where=f"site {outcome.site}",
            )
        refused = [question for question, status in outcome.questions.items() if status != "estimated"]
        if refused:
            say(f"site {outcome.site}: no estimate for {', '.join(refused)}; its report says why.")


def _approve(folders: Folders) -> int:
    from causalsig.release.keys import read_signing_key, read_trusted
    from causalsig.release.life import approve, read_review

    trusted = read_trusted(folders.keys)
    sites = sorted(path.parent for path in (folders.provider / "sites").glob("*/review.json"))
    with progress("3/5 approving releases (demo)", 2 * len(sites)) as step:
        for role in ("operator", "checker"):
            key = read_signing_key(folders.keys, role)
            for site in sites:
                approve(
                    site,
                    role=role,
                    name=f"demo {role}",
                    key=key,
                    trusted=trusted,
                    outbox=folders.outbox,
                    payload=read_review(site).payload_hash,
                    demo=True,
                )
                step()
    return len(sites)


def _pool(folders: Folders) -> None:
    from causalsig.execution.pool import pool_folder

    with progress("4/5 pooling", 1) as step:
        pool_folder(STUDY, folders.outbox, folders.keys, folders.university, allow_demo=True, force=True)
        step()


def _report(folders: Folders, workers: int) -> Path:
    """Write the national page and every municipality's own; return the national one.

    Raises
    ------
    SimulationError
        ``simulation-process``: the system ended a process.
    """
    from causalsig.errors import SimulationError
    from causalsig.execution.processes import process_pool

    national = folders.reports / "landelijk.html"
    sites = _released_sites(folders)
    with (
        progress("5/5 writing reports", len(sites) + 1) as step,
        process_pool(workers) as pool,
    ):
        futures = [pool.submit(_national, folders, national)]
        futures += [pool.submit(_municipality, folders, *site) for site in sites]
        try:
            for future in as_completed(futures):
                future.result()
                step()
        except BrokenProcessPool:
            raise SimulationError(
                "simulation-process",
                expected="every process to write its report",
                found="one that was ended from outside",
                mend="Start again: the demo goes on where it was; with fewer --workers when short of memory.",
                where=str(folders.reports),
            ) from None
    return national


def _released_sites(folders: Folders) -> list[tuple[str, str, str]]:
    """Municipality code, name and site code of everyone in the inventory with a release."""
    from causalsig.release.build import site_code
    from causalsig.release.keys import read_provider_key
    from causalsig.study.digest import study_digest
    from causalsig.study.read import read_inventory, read_study

    key, digest = read_provider_key(folders.keys), study_digest(read_study(STUDY))
    sites = read_inventory(folders.provider / "inventory.toml").sites
    rows = [(site.code, site.name, site_code(key, site.code, digest)) for site in sites]
    return [row for row in rows if (folders.outbox / f"{row[2]}{RELEASE_SUFFIX}").exists()]


def _national(folders: Folders, path: Path) -> None:
    from causalsig_cli.report import write_national

    write_national(
        folders.university / "pool.json",
        folders.keys,
        path,
        releases=folders.outbox,
        sites=False,
        study=str(STUDY),
        language=None,
        written_on=date.today(),
        demo=True,
        force=True,
    )


def _municipality(folders: Folders, municipality: str, name: str, site: str) -> None:
    from causalsig_cli.report import write_municipality

    write_municipality(
        folders.outbox / f"{site}{RELEASE_SUFFIX}",
        folders.keys,
        folders.reports / "gemeenten" / f"{municipality}.html",
        others=folders.university / "others" / f"{site}.json",
        name=name,
        inventory=None,
        study=str(STUDY),
        language=None,
        written_on=date.today(),
        demo=True,
        force=True,
    )


def _compare(folders: Folders) -> tuple[Comparison, ...]:
    """Take the pool from its signed file, so that the table shows what the reports show."""
    from causalsig.execution.comparison import compare
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import read_pool
    from causalsig.study.read import read_study

    trusted = read_trusted(folders.keys)
    pool = read_pool(folders.university / "pool.json", trusted=trusted, allow_demo=True)
    sites, truth = folders.provider / "sites", folders.provider / "truth"
    return compare(sites, truth, read_study(STUDY), pool, _in_the_pool(folders, trusted))


def _in_the_pool(folders: Folders, trusted: TrustedKeys) -> dict[str, list[str]]:
    """Codes of the municipalities whose primary block was released, by question."""
    from causalsig.release.build import released_arms
    from causalsig.release.signed import read_release

    found: dict[str, list[str]] = {}
    for municipality, _, site in _released_sites(folders):
        path = folders.outbox / f"{site}{RELEASE_SUFFIX}"
        for block in released_arms(read_release(path, trusted=trusted, allow_demo=True)):
            if block.primary:
                found.setdefault(block.question, []).append(municipality)
    return found


def _print(rows: tuple[Comparison, ...], format_: str) -> None:
    if format_ == "json":
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    typer.echo("")
    typer.echo("Later signals of new arrears within three months, per 1,000 households (minus: fewer)")
    typer.echo("")
    typer.echo(
        f"{'question':<34}{'truth':>7}{'naive':>8}{'causalsig':>11}   {'95% interval':<18}{'sites':>7}"
    )
    for row in rows:
        question = f"{row.arm} against {row.reference}".replace("_", " ")
        interval = f"{1000 * row.pooled.conf_low:+.0f} to {1000 * row.pooled.conf_high:+.0f}"
        typer.echo(
            f"{question:<34}{1000 * row.truth:>+7.0f}{1000 * row.naive.estimate:>+8.0f}"
            f"{1000 * row.pooled.estimate:>+11.0f}   {interval:<18}{row.pooled.sites:>3} of {row.asked}"
        )
    typer.echo("")
