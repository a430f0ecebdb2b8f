"""`causalsig site`: check a source, and run the study at one site or many, inside the provider's walls."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig_cli._screen import progress, say

if TYPE_CHECKING:
    from causalsig.execution.run import RunRequest, SiteOutcome

app = typer.Typer(no_args_is_help=True, help="Check a source; run the study at one site or many.")

Inventory = Annotated[Path, typer.Option(help="The provider's inventory of sites (TOML).")]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")]


@app.command()
def check(
    source: Annotated[Path, typer.Argument(help="A workbook whose name begins with the municipality code.")],
    inventory: Inventory,
    format_: Format = "text",
) -> None:
    """Read one source and list what was found in it, as codes and counts; never a value from a cell.

    Exit code 1 when a finding would stop the run.
    """
    from causalsig.execution.run import find_sources
    from causalsig.execution.site import read_site
    from causalsig.study.read import read_inventory

    sites = read_inventory(inventory)
    [(code, path)] = find_sources([source], sites).items()
    site = sites.site(code)
    assert site is not None
    read = read_site(path, site)
    rows = [
        {"severity": f.severity, "code": f.code, "table": f.table, "column": f.column, "count": f.count}
        for f in read.findings
    ]
    if format_ == "json":
        typer.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            place = f"{row['table']} {row['column']}".strip()
            typer.echo(f"{row['severity']:<8} {row['count']:>8}  {row['code']:<36} {place}")
    tables = read.tables
    say(
        f"site {code}: {len(tables.signals)} signals, {len(tables.episodes)} episodes, "
        f"{len(tables.cases)} cases, {len(tables.attempts)} attempts. `causalsig explain CODE` tells a code."
    )
    if any(row["severity"] == "error" for row in rows):
        raise typer.Exit(1)


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="The study file, or the name of a packaged study.")],
    source: Annotated[list[Path], typer.Argument(help="Workbooks (0363.xlsx, ...) or folders of them.")],
    inventory: Inventory,
    keys: Annotated[Path, typer.Option(help="Folder with the provider's key (`causalsig keys new`).")],
    out: Annotated[
        Path, typer.Option(help="Folder for the run; sites/CODE/ holds each site's files.")
    ] = Path("run"),
    only: Annotated[
        list[str] | None, typer.Option(help="Run this municipality only; may be repeated.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Sites side by side; each takes one core and up to 1 GB.")
    ] = min(2, os.cpu_count() or 1),
    wave: Annotated[int, typer.Option(min=1, help="Number of the extract, for studies with several.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be run, kept or left out, and stop.")
    ] = False,
    format_: Format = "text",
) -> None:
    """Run the study at every site of the inventory that has an agreement in force and a source.

    One process a site; a failing site does not stop the others. Started again after an interruption it goes
    on where it was. Nothing leaves: what would leave waits in sites/CODE/review.json for two approvals.
    """
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
    )
    _, jobs, settled = plan_run(request)
    if dry_run:
        _print_plan([job.site for job in jobs], list(settled.values()))
        return
    outcomes = _run_with_progress(request, len(jobs))
    _print_outcomes(outcomes, format_)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed:
        say(f"{len(failed)} of {len(outcomes)} sites failed; the others stand. Mend and start again.")
        raise typer.Exit(2)
    say(
        f"nothing has left yet. Next: causalsig release review {out}/sites/CODE, then "
        f"causalsig release approve {out}/sites --as operator --name NAME --keys {keys}"
    )


def _run_with_progress(request: RunRequest, total: int) -> tuple[SiteOutcome, ...]:
    from causalsig.execution.run import run_sites

    with progress("running the study", total) as step:

        def finished(outcome: SiteOutcome) -> None:
            if outcome.status == "done" or (outcome.status == "failed" and outcome.folder.exists()):
                step()

        return run_sites(request, on_finish=finished)


def _print_plan(waiting: list[str], settled: list[SiteOutcome]) -> None:
    for code in waiting:
        typer.echo(f"{code}  would run")
    for outcome in settled:
        typer.echo(f"{outcome.site}  {outcome.status}  {outcome.message}".rstrip())
    say("nothing was read but the study, the inventory and the digests of the sources.")


def _print_outcomes(outcomes: tuple[SiteOutcome, ...], format_: str) -> None:
    if format_ == "json":
        rows = [
            {
                "site": o.site,
                "status": o.status,
                "code": o.code,
                "message": o.message,
                "questions": o.questions,
            }
            for o in outcomes
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    for outcome in outcomes:
        answers = ", ".join(f"{name} {status}" for name, status in outcome.questions.items())
        typer.echo(f"{outcome.site}  {outcome.status:<8}  {answers or outcome.message}")
