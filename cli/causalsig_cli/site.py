"""`causalsig site`: check a source, and run the study at one site or many, inside the provider's walls."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from causalsig_cli._cluster import cluster_of
from causalsig_cli._screen import progress, say
from causalsig_cli._site_documents import (
    Inventory,
    Keys,
    Only,
    Source,
    each_site,
    find_sites,
    monitor,
    profile,
)
from causalsig_cli._site_table import print_outcomes, tell, tell_next
from causalsig_cli._site_thresholds import thresholds

if TYPE_CHECKING:
    from causalsig.execution.run import Plan, RunRequest, SiteOutcome
    from causalsig.study.inventory import Site

app = typer.Typer(
    no_args_is_help=True,
    help="Check or describe a source; run the study at one site or many.",
)
app.command()(profile)
app.command()(monitor)
app.command()(thresholds)

Format = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")]


@app.command()
def check(
    source: Source,
    inventory: Inventory,
    only: Only = None,
    format_: Format = "text",
) -> None:
    """Read a source and list what was found in it, as codes and counts; never a value from a cell.

    Of a source of several municipalities, each site of the inventory that is in it. Exit code 1 when a
    finding would stop the run.
    """
    from causalsig.execution.site import read_site
    from causalsig.silence import silenced

    found = find_sites(source, inventory, only)
    printed: list[dict[str, Any]] = []

    def one(path: Path, site: Site) -> int:
        with silenced():
            read = read_site(path, site)
        rows = [{"site": site.code, **asdict(finding)} for finding in read.findings]
        if format_ == "json":
            printed.extend(rows)
        else:
            _print_findings(rows, several=len(found) > 1)
        tables = read.tables
        say(
            f"site {site.code}: {len(tables.signals)} signals, {len(tables.episodes)} episodes, "
            f"{len(tables.cases)} cases, {len(tables.attempts)} attempts. `causalsig explain CODE` tells a "
            "code."
        )
        return int(any(row["severity"] == "error" for row in rows))

    worst = each_site(found, one)
    if format_ == "json":
        typer.echo(json.dumps(printed, indent=2))
    raise typer.Exit(worst)


def _print_findings(rows: list[dict[str, Any]], *, several: bool) -> None:
    from causalsig.texts import text

    for row in rows:
        place = f"{row['table']} {row['column']}".strip()
        title = text(f"codes.{row['code']}.title", "en")
        head = f"{row['site']}  " if several else ""
        typer.echo(f"{head}{row['severity']:<8}{row['count']:>8}  {row['code']:<36} {place:<32} {title}")


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="The study file, or the name of a packaged study.")],
    source: Annotated[
        list[Path],
        typer.Argument(
            help="Sources (0363.xlsx, ...), folders of them, sources of several municipalities, or a TOML "
            "file that names a database."
        ),
    ],
    inventory: Inventory,
    keys: Keys,
    out: Annotated[
        Path, typer.Option(help="Folder for the run; sites/CODE/ holds each site's files.")
    ] = Path("run"),
    only: Only = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Sites side by side; each takes one core and up to 1 GB. Default: two, or with --engine "
            "dask as many as the nodes have threads.",
        ),
    ] = None,
    wave: Annotated[int, typer.Option(min=1, help="Number of the extract, for studies with several.")] = 1,
    memory: Annotated[
        float, typer.Option(min=0.1, help="GiB that one site may take; beyond it is ended, the others go on.")
    ] = 4.0,
    time_limit: Annotated[
        float, typer.Option(min=0.01, help="Minutes that one site may take; beyond it is ended.")
    ] = 60.0,
    isolate: Annotated[
        Literal["auto", "yes", "no"],
        typer.Option(
            help="Give each site a room of its own with bubblewrap: no network, only its own source to read "
            "and its own folder to write; auto: where this machine can."
        ),
    ] = "auto",
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Only the sites that failed or were broken off before.")
    ] = False,
    accept_clock: Annotated[
        bool,
        typer.Option(
            "--accept-clock", help="The clock is right; the later time of an earlier run was wrong."
        ),
    ] = False,
    engine: Annotated[
        Literal["local", "dask"],
        typer.Option(help="Run on this machine, or on the nodes of a dask scheduler."),
    ] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="Address of the dask scheduler, tls://HOST:PORT.")
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(help="Authority that made the scheduler's certificate; default: dask's own settings."),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(help="Certificate by which the scheduler knows us; default: dask's settings."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Private key of that certificate; default: dask's own settings.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be run, kept or left out, and stop.")
    ] = False,
    format_: Format = "text",
) -> None:
    """Run the study at every site of the inventory that has an agreement in force and a source.

    One process a site; a failing site does not stop the others, and is listed at the end (exit code 2).
    Started again after an interruption it goes on where it was. What happened when is in run.log, what took
    how long in run.json. Nothing leaves: what would leave waits in
    sites/CODE/review.json for two approvals. Where a question is refused or withheld, sites/CODE/site.json
    lists the codes why.
    """
    from causalsig.execution.limits import Limits
    from causalsig.execution.run import RunRequest, plan_run

    request = RunRequest(
        study=study,
        inventory=inventory,
        sources=tuple(source),
        keys=keys,
        out=out,
        only=tuple(only or ()),
        workers=workers,
        wave=wave,
        limits=Limits(memory, time_limit),
        isolate=isolate,
        retry_failed=retry_failed,
        accept_clock=accept_clock,
        cluster=cluster_of(engine, scheduler, tls_ca, tls_cert, tls_key),
    )
    plan = plan_run(request)
    if dry_run:
        _print_plan(plan)
        return
    if retry_failed and not (plan[1] or plan[2]):
        say("no site failed in the earlier run in this folder; nothing to do.")
        return
    outcomes = _run_with_progress(request, plan, format_)
    tell(outcomes)
    named = [
        outcome.site for outcome in outcomes if outcome.status == "left_out" and outcome.site in request.only
    ]
    if named or any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(2)
    tell_next(outcomes, out)


def _run_with_progress(request: RunRequest, plan: Plan, format_: str) -> tuple[SiteOutcome, ...]:
    """Run, and print how it went also where it was broken off or could not be recorded."""
    from causalsig.execution.forecast import seconds_left, sizes_of
    from causalsig.execution.run import run_sites

    sizes = sizes_of(plan[1])
    ended: dict[str, SiteOutcome] = {}
    begun = time.monotonic()
    with progress("running the study", len(sizes)) as step:

        def finished(outcome: SiteOutcome) -> None:
            ended[outcome.site] = outcome
            if outcome.site in sizes:
                done = [site for site in ended if site in sizes]
                step(seconds_left(sizes, done, time.monotonic() - begun))

        try:
            outcomes = run_sites(request, plan=plan, on_finish=finished)
        except BaseException:
            if ended:
                print_outcomes(tuple(ended.values()), format_)
                done = sum(site in ended for site in sizes)
                say(f"broken off: of {len(sizes)} site(s) to be run {done} ended; the same command goes on.")
            raise
    print_outcomes(outcomes, format_)
    return outcomes


def _print_plan(plan: Plan) -> None:
    inventory, jobs, settled = plan
    waiting = {job.site for job in jobs}
    for site in inventory.sites:
        if site.code in waiting:
            typer.echo(f"{site.code}  would run")
        elif site.code in settled:
            outcome = settled[site.code]
            typer.echo(f"{site.code}  {_WOULD[outcome.status]:<16}  {outcome.message}".rstrip())
    say(
        "nothing was read but the study, the inventory, the digests of the sources, and which municipalities "
        "a source of several names."
    )


_WOULD = {"kept": "would be kept", "failed": "would fail", "left_out": "would be left out"}
