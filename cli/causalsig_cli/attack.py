"""`causalsig attack`: replay the attacks of the handbook on releases of invented municipalities."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig_cli._screen import progress, say

if TYPE_CHECKING:
    from causalsig.attack.judge import Row

WIDTH = 100


def command(
    releases: Annotated[Path, typer.Argument(help="Folder with *.release.json of invented municipalities.")],
    data: Annotated[
        Path,
        typer.Option(help="What they were made of: a folder that `causalsig simulate` has written."),
    ],
    keys: Annotated[
        Path,
        typer.Option(help="Folder with the demo's keys: public ones, the provider's key and its ledger."),
    ],
    study: Annotated[Path, typer.Option(help="The study they were run with.")] = Path("vroegsignalering"),
    workers: Annotated[int, typer.Option(min=1, help="Municipalities side by side.")] = 2,
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Attack releases in every way the disclosure handbook knows, and say how often it succeeds.

    "on": what really left, with a copy of the provider's ledger asked for every further release, and the
    memory of pools for every further pool. "no-ledger": the same without either. "off": exact numbers, made
    in memory and never written, to see that an attack works at all. Invented data and a demo's keys only
    (exit code 3). Exit code 1 when with everything on an attack succeeds more often than guessing would. Each
    municipality is analysed six times: with the default study some 15 seconds of a core.
    """
    from causalsig.attack.judge import holds
    from causalsig.attack.replay import ReplayRequest, plan, replay

    request = ReplayRequest(releases, data, study, keys, workers)
    tasks = plan(request)
    with progress("attacking releases", len(tasks)) as step:
        rows = replay(request, tasks=tasks, on_finish=step)
    if format_ == "json":
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print(rows)
    above = [row.attack for row in rows if row.setting == "on" and row.verdict == "above chance"]
    never = [row.attack for row in rows if row.setting == "on" and row.verdict == "not tried"]
    if never:
        say(f"not tried, since too little was released for it: {', '.join(never)}.")
    say(
        f"{len(tasks)} release(s) attacked; "
        + (f"above chance with everything on: {', '.join(above)}." if above else "none above chance.")
    )
    if not holds(rows):
        raise typer.Exit(1)


def _print(rows: tuple[Row, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("attack", "setting"):
        table.add_column(name, no_wrap=True)
    for name in ("tried", "right", "rate", "95% interval", "chance"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    before = ""
    for row in rows:
        table.add_row(row.attack if row.attack != before else "", row.setting, *_figures(row), row.verdict)
        before = row.attack
    Console(width=WIDTH, highlight=False).print(table)


def _figures(row: Row) -> tuple[str, ...]:
    if row.rate is None or row.low is None or row.high is None or row.chance is None:
        return str(row.tried), str(row.succeeded), "-", "-", "-"
    interval = f"{row.low:.1%} to {row.high:.1%}"
    return str(row.tried), str(row.succeeded), f"{row.rate:.1%}", interval, f"{row.chance:.1%}"
