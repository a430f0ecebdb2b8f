"""`causalsig study rules`: rules that sites learned, as a second study is given them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from causalsig_cli._screen import say


def rules(
    releases: Annotated[Path, typer.Argument(help="Folder with *.release.json of one study.")],
    keys: Annotated[
        Path, typer.Option(help="Folder with the public keys of operator and output checker (*.pub.json).")
    ],
    demo: Annotated[bool, typer.Option("--demo", help="Accept demo approvals.")] = False,
) -> None:
    """Print every rule that passed at some site, to be pasted below [rules] of a second study.

    That study values each of them at the sites that did not learn it. A pool does not carry what single sites
    learned, so this reads their releases.
    """
    from causalsig.execution.learned_rules import learned_rules
    from causalsig.study.given_rules import given_toml

    found = learned_rules(releases, keys, allow_demo=demo)
    if found.unfit:
        say(f"the rule of {found.unfit} site(s) asks the month, or about people, and is not given on.")
    if not found.rules:
        say(f"no rule passed at any of {found.sites} sites: there is nothing to be given.")
        return
    typer.echo(given_toml(found.rules).rstrip("\n"))
    say(
        f"{len(found.rules)} distinct rule(s), of {found.sites} sites read. Paste what was printed below "
        "[rules] of a second study; it takes five at most, and its intervals hold for all of them together."
    )
