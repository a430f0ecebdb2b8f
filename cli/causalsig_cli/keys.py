"""`causalsig keys`: the keys of those who let a release leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    no_args_is_help=True, help="Make and show the keys of operator, output checker and university."
)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder for the keys; only its owner can read them.")],
    role: Annotated[
        Literal["all", "operator", "checker", "university", "provider"],
        typer.Option(help="Whose key; operator and checker are two people, each with a folder of their own."),
    ] = "all",
    demo: Annotated[
        bool, typer.Option("--demo", help="Throwaway keys: what they sign is marked demo.")
    ] = False,
) -> None:
    """Make new keys; an existing key is never overwritten."""
    from causalsig.release.keys import new_key, new_keys, new_provider_key

    if role == "all":
        new_keys(folder, demo=demo)
    elif role == "provider":
        new_provider_key(folder, demo=demo)
    else:
        new_key(folder, role, demo=demo)
    typer.echo(str(folder))
    typer.echo(
        "causalsig: keep *.key to yourself; give *.pub.json to those who check. "
        f"Next: causalsig keys show {folder}",
        err=True,
    )


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="Folder with public keys (*.pub.json).")],
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Show the public keys of a folder: role, id, and whether they are for the demo. Never a private one."""
    from causalsig.release.keys import read_trusted

    keys = [{"role": key.role, "key_id": key.key_id, "demo": key.demo} for key in read_trusted(folder).keys]
    if format_ == "json":
        typer.echo(json.dumps(keys, indent=2))
    else:
        for key in keys:
            typer.echo(f"{key['role']:<10}  {key['key_id']}{'  demo' if key['demo'] else ''}")
