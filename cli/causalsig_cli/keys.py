"""`causalsig keys`: the keys of those who let a release leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="Make, show, rotate and revoke the keys of operator, output checker and university.",
)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder for the keys; only its owner can read them.")],
    role: Annotated[
        Literal["all", "operator", "checker", "university", "provider"],
        typer.Option(
            help="Whose key; operator and checker are two people, each with a folder of their own. "
            "All of them only with --demo."
        ),
    ] = "all",
    demo: Annotated[
        bool, typer.Option("--demo", help="Throwaway keys: what they sign is marked demo.")
    ] = False,
) -> None:
    """Make new keys; an existing key is never overwritten."""
    from causalsig.release.key_places import check_outside_repository
    from causalsig.release.keys import new_key, new_keys, new_provider_key

    if role == "all" and not demo:
        raise typer.BadParameter(
            "Operator, output checker, university and provider are four desks: say whose key (--role), or "
            "--demo for throwaway keys of all of them.",
            param_hint="--role",
        )
    if not demo:
        check_outside_repository(folder)
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

    keys = [
        {"role": key.role, "key_id": key.key_id, "demo": key.demo, "state": key.state}
        for key in read_trusted(folder).keys
    ]
    if format_ == "json":
        typer.echo(json.dumps(keys, indent=2))
    else:
        for key in keys:
            state = "" if key["state"] == "active" else f"  {key['state']}"
            typer.echo(f"{key['role']:<10}  {key['key_id']}{'  demo' if key['demo'] else ''}{state}")


@app.command()
def rotate(
    folder: Annotated[Path, typer.Argument(help="Folder with your private key.")],
    role: Annotated[Literal["operator", "checker", "university"], typer.Option(help="Whose key.")],
) -> None:
    """Make a new key in place of one: what the old one signed stays verifiable, and it signs no more.

    Give both public keys, the new one and the retired one, to everyone who checks.
    """
    from causalsig.release.keys import rotate_key

    typer.echo(rotate_key(folder, role).key_id)
    typer.echo(f"causalsig: give the *.pub.json of {folder} to everyone who checks.", err=True)


@app.command()
def revoke(
    folder: Annotated[Path, typer.Argument(help="Folder with public keys (*.pub.json).")],
    key_id: Annotated[str, typer.Argument(help="The key's id, or its first eight characters.")],
) -> None:
    """Take a key out of trust, as when somebody else may have had it: nothing it signed is accepted any more.

    Do it in every folder of public keys, the university's and the municipalities' too.
    """
    from causalsig.release.keys import revoke_key

    revoked = revoke_key(folder, key_id)
    typer.echo(f"{revoked.role}  {revoked.key_id}  revoked")
    typer.echo("causalsig: what it signed has to be approved again with a key that stands.", err=True)
