"""`causalsig ledger`: what has left, in order, and whether anybody changed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Look at the ledger of what has left, and verify it.")

Folder = Annotated[
    Path, typer.Argument(help="Folder of the ledger (`ledger` beside the provider's key), or of that key.")
]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")]


@app.command()
def show(folder: Folder, format_: Format = "text") -> None:
    """List what left, what was withdrawn and what noise was drawn, oldest first; sites by an own code."""
    from causalsig.release.ledger import Ledger

    rows = Ledger(_inside(folder)).rows()
    if format_ == "json":
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        what = f"{row['kind']} wave {row['wave']}, {row['numbers']} numbers" if "kind" in row else ""
        if "epsilon_per_mille" in row:
            what = f"epsilon {row['epsilon_per_mille'] / 1000:g} of {row['budget_per_mille'] / 1000:g}"
        site = str(row.get("site", ""))[:12]
        typer.echo(
            f"{row['number']:>5}  {row['at']}  {row['event']:<9}  {site:<12}  "
            f"{str(row['payload_hash'])[:12]}  {what}".rstrip()
        )
    if not rows:
        typer.echo("causalsig: nothing has left yet.", err=True)


@app.command()
def verify(
    folder: Folder,
    keys: Annotated[
        Path, typer.Option(help="Folder with the public keys of everyone who ever approved (*.pub.json).")
    ],
    releases: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of released files, such as the outbox, to hold against the ledger."),
    ] = None,
    sites: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of a run (--out): what its reviews say left, or was refused, is held too."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Accept demo approvals among the releases.")] = False,
) -> None:
    """Check every line, signature and set; and that each released file is in the ledger, behind its head.

    A chain cannot tell by itself that its last lines were taken off: give --releases, which carry the head
    the ledger had when they were approved, and --sites, whose reviews say what was refused. FOLDER may also
    be the `pools` beside the university's key, which remembers the pools that were made to be shown.
    """
    from causalsig.release.keys import read_trusted
    from causalsig.release.ledger_check import check_ledger
    from causalsig.release.pools_made import POOLS_FILE, PoolsMade

    if (folder / POOLS_FILE).exists():
        links = PoolsMade(folder.parent).verify(read_trusted(keys))
        typer.echo(f"verified: {len(links)} pools that were made to be shown")
        return
    found = check_ledger(
        _inside(folder), read_trusted(keys), tuple(releases or ()), tuple(sites or ()), allow_demo=demo
    )
    typer.echo(
        f"verified: {found.lines} lines; {found.releases} released files and {found.reviews} reviews held "
        "against them"
    )
    typer.echo(f"head      {found.head}")
    typer.echo(
        f"end       not checked beyond line {found.vouched}: no file that was given speaks of later lines: "
        "nobody can see whether some were taken off"
    )
    if not (releases and sites):
        typer.echo(
            "          give --releases with the files that left, and --sites with the folders of the runs"
        )
    if found.torn:
        typer.echo(f"torn      {found.torn} bytes of a line that was never finished, and told to nobody")
    for number in found.backwards:
        typer.echo(f"dated     line {number} is dated before the line it follows: look at the clock")


@app.command()
def new(
    folder: Folder,
    pools: Annotated[
        bool,
        typer.Option("--pools", help="Begin the memory of pools instead; FOLDER holds the university's key."),
    ] = False,
) -> None:
    """Begin a ledger that holds nothing, where there is none: else it is made with the provider's key.

    Only where nothing ever left: a ledger that is lost is put back from a copy, for a new one has forgotten
    everything that was told. So it is with the memory of the pools that were made to be shown.
    """
    from causalsig.release.ledger import Ledger
    from causalsig.release.pools_made import PoolsMade

    if pools:
        PoolsMade(folder).create()
    else:
        Ledger(folder).create()
    typer.echo(str(folder))


def _inside(folder: Path) -> Path:
    """Take the ledger that lies beside the key, where the key's folder was given."""
    from causalsig.release.ledger import LEDGER_FILE

    beside = folder / "ledger"
    return beside if (beside / LEDGER_FILE).exists() and not (folder / LEDGER_FILE).exists() else folder
