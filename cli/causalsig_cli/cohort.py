"""`causalsig cohort`: one episode of invented data, explained row by row."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from causalsig_cli._screen import say

app = typer.Typer(no_args_is_help=True, help="Explain one episode of invented data, row by row.")


@app.callback()
def _cohort() -> None:
    """Explain one episode of invented data, row by row."""


@app.command()
def trace(
    study: Annotated[Path, typer.Argument(help="A study file, or the name of a packaged study.")],
    source: Annotated[
        Path, typer.Argument(help="A source that `causalsig simulate` has made, where it has put it.")
    ],
    episode: Annotated[
        int | None, typer.Option(min=1, help="Its place by day of matching; default: 1, the earliest.")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Key of its case, in place of --episode.")] = None,
    inventory: Annotated[
        Path | None, typer.Option(help="Inventory of the site; default: the one beside the sources.")
    ] = None,
    question: Annotated[
        Literal["contact_method", "accepted_help"] | None, typer.Option(help="Of this question only.")
    ] = None,
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Show what is known of one episode, and what every step makes of it.

    Matching, each eligibility rule with the fact it looked at, attempts, arm and why, what had happened
    before each week, covariates, outcome windows with the signals in them. Of invented data only: a source
    that is not marked as such is refused with exit code 3.
    """
    from dataclasses import replace

    from causalsig.execution.run import chosen_sites
    from causalsig.execution.site import matching_of, read_site
    from causalsig.execution.synthetic import require_synthetic
    from causalsig.execution.trace import find_episode, trace_episode
    from causalsig.execution.trace_words import trace_lines
    from causalsig.study.read import read_inventory, read_study

    code = source.name[:4]
    # Before anything is read: a source that may be real is not opened.
    require_synthetic(source, code)
    chosen = read_study(study)
    [site] = chosen_sites(read_inventory(inventory or source.parent.parent / "inventory.toml"), [code])
    tables = read_site(source, site).tables
    number = 1 if episode is None and case is None else episode
    found = trace_episode(
        tables, find_episode(tables, number=number, case=case), chosen, site, matching_of(site)
    )
    if question is not None:
        found = replace(found, plans=tuple(plan for plan in found.plans if plan.question == question))
    if format_ == "json":
        typer.echo(json.dumps(asdict(found), indent=2, default=str))
    else:
        typer.echo("\n".join(trace_lines(found)))
    say("invented data: nobody in it exists. The same steps decide on real data, which is never shown.")
