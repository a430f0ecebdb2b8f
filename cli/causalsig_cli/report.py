"""`causalsig report`: the pages people read, from released files only."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from causalsig.errors import ReportError
from causalsig_cli._screen import say

if TYPE_CHECKING:
    from causalsig.release.keys import TrustedKeys
    from causalsig.release.monitor_document import MonitorDocument
    from causalsig.release.signed import OpenedRelease
    from causalsig.study.inventory import Site

app = typer.Typer(no_args_is_help=True, help="Write a municipality's report, or the national one.")

Keys = Annotated[Path, typer.Option(help="Folder with the public keys you trust (*.pub.json).")]
Output = Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")]
StudyFile = Annotated[str, typer.Option("--study", help="Study file, or the name of a packaged study.")]
Language = Annotated[
    Literal["nl", "en"] | None, typer.Option(help="Language of the page; default: the study's.")
]
Demo = Annotated[bool, typer.Option("--demo", help="Accept demo approvals; the page says so.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file when it is there.")]
Others = Annotated[
    Path | None, typer.Option(help="Pool of the others: the file of others/ with its site code.")
]
Monitor = Annotated[
    Path | None,
    typer.Option(help="The municipality's released monitor: adds what came in. Needs --inventory."),
]
Name = Annotated[str, typer.Option(help="Name of the municipality.")]
Inventory = Annotated[
    Path | None, typer.Option(help="Inventory to find the name in; --keys then holds provider.key.")
]
Released = Annotated[Path, typer.Argument(help="The municipality's released file (*.release.json).")]
Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Default: today.")]


@app.command()
def municipality(
    release: Released,
    keys: Keys,
    output: Output,
    others: Others = None,
    monitor: Monitor = None,
    name: Name = "",
    inventory: Inventory = None,
    study: StudyFile = "vroegsignalering",
    language: Language = None,
    day: Day = None,
    demo: Demo = False,
    force: Force = False,
) -> None:
    """Write a municipality's own report: its own result and the pool of the others, nothing else."""
    write_municipality(
        release,
        keys,
        output,
        others=others,
        monitor=monitor,
        name=name,
        inventory=inventory,
        study=study,
        language=language,
        written_on=_day(day),
        demo=demo,
        force=force,
    )
    _written(output)


@app.command()
def fairness(
    release: Released,
    keys: Keys,
    output: Output,
    others: Others = None,
    name: Name = "",
    inventory: Inventory = None,
    study: StudyFile = "vroegsignalering",
    language: Language = None,
    day: Day = None,
    demo: Demo = False,
    force: Force = False,
) -> None:
    """Write a municipality's page on groups: effects and contact by group, and what may not be concluded."""
    write_municipality(
        release,
        keys,
        output,
        others=others,
        name=name,
        inventory=inventory,
        study=study,
        language=language,
        written_on=_day(day),
        demo=demo,
        force=force,
        by_group=True,
    )
    _written(output)


def _written(output: Path) -> None:
    typer.echo(str(output))
    typer.echo("causalsig: open it in a browser; it needs no network and runs no script.", err=True)


@app.command()
def national(
    pool: Annotated[Path, typer.Argument(help="The signed pool of all municipalities (pool.json).")],
    keys: Keys,
    output: Output,
    releases: Annotated[
        Path | None, typer.Option(help="Folder with the releases: adds how many passed each check.")
    ] = None,
    sites: Annotated[
        bool, typer.Option("--sites", help="The statistician's version, by site: not for publication.")
    ] = False,
    tables: Annotated[
        Path | None, typer.Option(help="Folder for the page's numbers: effects.csv and effects.parquet.")
    ] = None,
    study: StudyFile = "vroegsignalering",
    language: Language = None,
    day: Day = None,
    demo: Demo = False,
    force: Force = False,
) -> None:
    """Write the national report: pooled rows only, unless --sites asks for the statistician's version."""
    write_national(
        pool,
        keys,
        output,
        releases=releases,
        sites=sites,
        tables=tables,
        study=study,
        language=language,
        written_on=_day(day),
        demo=demo,
        force=force,
    )
    typer.echo(str(output))
    if sites:
        typer.echo("causalsig: this page shows single municipalities: do not publish it.", err=True)


@app.command()
def site(
    record: Annotated[Path, typer.Argument(help="The site.json of a run; it stays with the provider.")],
    output: Output,
    language: Annotated[Literal["nl", "en"], typer.Option(help="Language of the page.")] = "nl",
    force: Force = False,
) -> None:
    """Write a site's full diagnostics for the provider's statistician: exact counts, not for release."""
    from causalsig import __version__
    from causalsig.release.files import write_atomic
    from causalsig.report.render import inside_html

    html = inside_html(_record(record), language, version=__version__)
    write_atomic(output, html.encode(), force=force, mode=0o600)
    typer.echo(str(output))
    typer.echo("causalsig: this page has exact counts: it does not leave the provider.", err=True)


def _record(path: Path) -> dict[str, Any]:
    """Read a site.json; nothing of it is in the error."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {}


def write_municipality(
    release: Path,
    keys: Path,
    output: Path,
    *,
    others: Path | None,
    name: str,
    inventory: Path | None,
    study: str,
    language: Literal["nl", "en"] | None,
    written_on: date,
    demo: bool,
    force: bool,
    monitor: Path | None = None,
    by_group: bool = False,
) -> None:
    """Verify a release and its pool of the others, and write the page, or that on groups."""
    from causalsig.release.files import write_atomic
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import open_release, read_pool
    from causalsig.release.withdrawal import refuse_withdrawn
    from causalsig.report.gather import municipality_page
    from causalsig.report.render import fairness_html, municipality_html
    from causalsig.study.read import read_study

    trusted, chosen = read_trusted(keys), read_study(study)
    opened = open_release(release, trusted=trusted, allow_demo=demo)
    refuse_withdrawn(release, opened.payload_hash, trusted, allow_demo=demo)
    site = opened.document.site_code
    pool = None
    if others is not None:
        pool = read_pool(others, trusted=trusted, allow_demo=demo, recipient=site)
    own = None
    if monitor is not None:
        own = _own_monitor(monitor, inventory, keys, opened, trusted, demo)
    page = municipality_page(
        opened.document,
        pool,
        chosen,
        name=_name(name, inventory, keys, site, opened.document.study_digest),
        written_on=written_on,
        demo=opened.demo,
        monitor=own,
        # The file is named by the keyed site code, which must not stand beside the municipality's name.
        verify_command=_verify("municipality.release.json", demo),
        payload_hash=opened.payload_hash,
    )
    write = fairness_html if by_group else municipality_html
    html = write(page, language or chosen.report.language)
    write_atomic(output, html.encode(), force=force)


def write_national(
    pool: Path,
    keys: Path,
    output: Path,
    *,
    releases: Path | None,
    sites: bool,
    tables: Path | None = None,
    study: str,
    language: Literal["nl", "en"] | None,
    written_on: date,
    demo: bool,
    force: bool,
) -> None:
    """Verify a pool and the releases behind it, and write the page."""
    from causalsig.execution.pool import open_folder
    from causalsig.release.files import write_atomic
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import read_pool
    from causalsig.release.withdrawal import withdrawn
    from causalsig.report.gather import national_page
    from causalsig.report.render import national_html
    from causalsig.study.read import read_study

    if sites and releases is None:
        raise ReportError(
            "report-no-releases",
            expected="the folder of releases that --sites takes its rows from",
            found="no --releases",
            mend="Add --releases, or leave --sites out.",
        )
    trusted, chosen = read_trusted(keys), read_study(study)
    opened = [] if releases is None else open_folder(releases, trusted, demo)
    pooled = read_pool(pool, trusted=trusted, allow_demo=demo)
    standing = len({one.document.site_code for _, one in opened})
    if releases is not None and standing != pooled.sites + len(pooled.left_out):
        gone = len(withdrawn(releases, trusted, allow_demo=demo))
        say(
            f"the pool is of {pooled.sites + len(pooled.left_out)} sites, and {standing} have a release that "
            f"stands in {releases.name} ({gone} withdrawn): pool again, or say beside the page what lacks."
        )
    page = national_page(
        pooled,
        chosen,
        written_on=written_on,
        documents=[one.document for _, one in opened],
        with_sites=sites,
        verify_command=_verify(pool.name, demo),
    )
    html = national_html(page, language or chosen.report.language)
    write_atomic(output, html.encode(), force=force)
    if tables is not None:
        from causalsig.report.national_tables import as_csv, as_parquet, effect_rows

        rows = effect_rows(page)
        write_atomic(tables / "effects.csv", as_csv(rows), force=force)
        write_atomic(tables / "effects.parquet", as_parquet(rows), force=force)


def _day(day: datetime | None) -> date:
    return date.today() if day is None else day.date()


def _verify(file: str, demo: bool) -> str:
    return f"causalsig release verify {file} --keys keys{' --demo' if demo else ''}"


def _name(name: str, inventory: Path | None, keys: Path, site: str, digest: str) -> str:
    """Take the name as given, or find it in the inventory by the keyed site code."""
    if name.strip():
        return name.strip()
    if inventory is None:
        raise ReportError(
            "report-no-name",
            expected="the municipality's name, or an inventory to find it in",
            found="neither",
            mend="Add --name, or --inventory with provider.key in the folder of --keys.",
        )
    return _in_inventory(inventory, keys, site, digest).name


def _in_inventory(inventory: Path, keys: Path, site: str, digest: str) -> Site:
    """Find a municipality by its keyed site code."""
    from causalsig.release.build import site_code
    from causalsig.release.keys import read_provider_key
    from causalsig.study.read import read_inventory

    key = read_provider_key(keys)
    for entry in read_inventory(inventory).sites:
        if site_code(key, entry.code, digest) == site:
            return entry
    raise ReportError(
        "report-not-in-inventory",
        expected="a municipality of the inventory with the site code of the release",
        found="none",
        mend="Use the inventory and the provider's key the release was made with, or give --name.",
    )


def _own_monitor(
    path: Path,
    inventory: Path | None,
    keys: Path,
    opened: OpenedRelease,
    trusted: TrustedKeys,
    demo: bool,
) -> MonitorDocument:
    """Verify a released monitor, and that it is of the municipality of the release.

    A site's code is another one in each kind of document, so only the provider's key can tell.
    """
    from causalsig.release.build import site_code
    from causalsig.release.keys import read_provider_key
    from causalsig.release.monitor_document import MonitorDocument
    from causalsig.release.review import document_hash
    from causalsig.release.signed import read_site_release
    from causalsig.release.withdrawal import refuse_withdrawn

    if inventory is None:
        raise ReportError(
            "report-monitor-unmatched",
            expected="an inventory and the provider's key, to see whose monitor it is",
            found="no inventory",
            mend="Add --inventory, with provider.key in the folder of --keys.",
        )
    document, _ = read_site_release(path, trusted=trusted, allow_demo=demo)
    entry = _in_inventory(inventory, keys, opened.document.site_code, opened.document.study_digest)
    mine = site_code(read_provider_key(keys), entry.code, "monitor")
    if not isinstance(document, MonitorDocument) or document.site_code != mine:
        raise ReportError(
            "report-other-monitor",
            expected="the released monitor of the release's own municipality",
            found="another document",
            mend="Give what `causalsig site monitor` made for this municipality, once approved.",
        )
    refuse_withdrawn(path, document_hash(document), trusted, allow_demo=demo)
    return document
