"""`causalsig site thresholds`: a site's own thresholds after a run, and what other ones would do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from causalsig_cli._screen import say


def thresholds(
    folder: Annotated[Path, typer.Argument(help="A site's folder of a run: sites/CODE.")],
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Show what crossing a site's thresholds does, and what moving them would do, from its site.json.

    Exact counts: for the provider's statistician. What may leave is in the review.
    """
    found = _blocks(folder / "site.json")
    if format_ == "json":
        typer.echo(json.dumps(found, indent=2))
        return
    for block in found:
        _print(block)
    if not found:
        say("no threshold in this run: the study asks none, or the site's site.json says why.")
    elif any(row["code"] or row["passed"] for block in found for row in block["moved"]):
        say("`causalsig explain CODE` tells a code.")


def _blocks(file: Path) -> list[dict[str, Any]]:
    from causalsig.errors import CausalsigError

    try:
        told = json.loads(file.read_text(encoding="utf-8"))["thresholds"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CausalsigError(
            "release-not-readable",
            expected="a site's folder with the site.json of a run",
            found="none that can be read",
            mend="Give the folder sites/CODE of a run; run `causalsig site run` first.",
            where=file.parent.name,
        ) from None
    return [] if told is None else list(told["blocks"])


def _print(block: dict[str, Any]) -> None:
    pair = f"{block['above']} against {block['below']}"
    households = " and ".join(map(str, block["households"]))
    typer.echo(f"{pair} at {block['score']} {block['cutoff']:g}; {households} households below and above")
    for effect in block["effects"]:
        jump = effect["crossing"]["robust"]
        interval = f"{jump['conf_low']:+.3f} to {jump['conf_high']:+.3f}"
        typer.echo(f"  crossing, {effect['outcome']:<28}{jump['estimate']:>+8.3f}  {interval}")
    for refusal in block["refusals"]:
        typer.echo(f"  [{refusal['code']}]")
    for row in block["moved"]:
        _print_moved(row)


def _print_moved(row: dict[str, Any]) -> None:
    typer.echo(f"  at {row['to']:g} instead ({row['part']:.0%}): {row['households']} households in between")
    room = {True: ", more than there is room for", False: "", None: ""}[row["over_capacity"]]
    typer.echo(f"    contacts a year {row['extra_contacts']:+.0f}{room}")
    if row["band"] is None:
        typer.echo(f"    later signals   not to be said [{row['code']}]")
    else:
        band = row["band"]
        each = f"{band['estimate']:+.3f} each, {band['conf_low']:+.3f} to {band['conf_high']:+.3f}"
        a_year = f"{row['change']:+.0f} a year, {row['change_low']:+.0f} to {row['change_high']:+.0f}"
        typer.echo(f"    {row['outcome']}  {a_year} ({each}) by {band['route']}")
    if row["cost"] is not None:
        typer.echo(f"    {_cost(row['cost'])}")
    for one in row["passed"]:
        typer.echo(f"    not by {one['route']} [{one['code']}]")


def _cost(cost: dict[str, Any]) -> str:
    spent = f"{cost['spent']:+.0f} euro a year"
    if cost["code"] is not None:
        return f"{spent}; no cost of one avoided [{cost['code']}]"
    ends = f"{cost['set_low']:.0f} to {cost['set_high']:.0f}"
    return f"{spent}; {cost['estimate']:.0f} euro for one avoided, {ends}"
