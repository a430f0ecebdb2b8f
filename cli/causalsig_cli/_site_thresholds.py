"""`causalsig site thresholds`: a site's own thresholds after a run, and what other ones would do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, Literal

import typer

from causalsig_cli._screen import say

WITHOUT_DATA = "estimation-route-without-data"
IN = " " * 6


def thresholds(
    folder: Annotated[Path, typer.Argument(help="A site's folder of a run: sites/CODE.")],
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Show what crossing a site's thresholds does, and what moving them would do, from its site.json.

    Exact counts: for the provider's statistician. What may leave is in the review.
    """
    found = _found(folder / "site.json")
    blocks = [] if found is None else list(found["blocks"])
    if format_ == "json":
        typer.echo(json.dumps(blocks, indent=2))
        return
    for block in blocks:
        _print(block)
    refusals = [] if found is None else found["refusals"]
    if not blocks:
        _print_refusals(refusals)
    if not blocks and not refusals:
        say("no threshold in this run: the study asks none, or the site has no rule.")
    elif refusals or any(map(_has_codes, blocks)):
        say("`causalsig explain CODE` tells a code.")


def _found(file: Path) -> dict[str, Any] | None:
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
    return None if told is None else dict(told)


def _has_codes(block: dict[str, Any]) -> bool:
    gates = any(not verdict["passed"] for verdict in block["verdicts"])
    moved = any(row["code"] or row["passed"] or (row["cost"] or {}).get("code") for row in block["moved"])
    return gates or bool(block["refusals"]) or moved


def _print(block: dict[str, Any]) -> None:
    pair = f"{block['above']} against {block['below']}"
    typer.echo(f"{pair} at {block['score']} {block['cutoff']:g}{_valid(block)}")
    below, above = block["households"]
    typer.echo(f"  households  {below} below and {above} above the threshold")
    _print_refusals(block["refusals"])
    if block["verdicts"]:
        _print_gates(block)
    for effect in block["effects"]:
        _print_effect(effect, one_pair=block["one_pair"])
    without = _without_data(block["moved"])
    for row in block["moved"]:
        _print_moved(row, without)
    if without:
        typer.echo(f"  without data at this site: {', '.join(without)} [{WITHOUT_DATA}]")


def _valid(block: dict[str, Any]) -> str:
    first, last = block["valid_from"], block["valid_to"]
    return (f", from {first}" if first else "") + (f", to {last}" if last else "")


def _print_refusals(refusals: list[dict[str, Any]]) -> None:
    for refusal in refusals:
        of = f" {refusal['outcome']}" if refusal["outcome"] else ""
        typer.echo(f"  refused{of}  {_titled(refusal['code'])}")
        typer.echo(fill(_words(refusal["code"], "explanation"), 100, initial_indent=IN, subsequent_indent=IN))


def _print_gates(block: dict[str, Any]) -> None:
    failed = [verdict for verdict in block["verdicts"] if not verdict["passed"]]
    verdict = "let the effect through" if block["admitted"] else "DO NOT let an effect through"
    weak = ", weak: few episodes" if block["admitted"] and block["low"] else ""
    passed = f"{len(block['verdicts']) - len(failed)} of {len(block['verdicts'])} passed"
    typer.echo(f"  gates       {verdict}{weak}; {passed}")
    for one in failed:
        found, bound = f"{one['value']:.3g}", f"{one['threshold']:.3g}"
        typer.echo(f"    not passed: {_titled(one['code'])} ({found}, threshold {bound})")
    if not block["admitted"]:
        return
    if 0 < block["donut"] < 0.01:  # less than the smallest step of a score: a cent
        typer.echo("  primary     without the score of the threshold itself, a round one")
    elif block["donut"]:
        typer.echo(f"  primary     without scores within {block['donut']:g} of the threshold (a donut)")
    else:
        typer.echo("  primary     all scores, no donut")


def _print_effect(effect: dict[str, Any], *, one_pair: bool) -> None:
    below, above = effect["households"]
    typer.echo(f"  {effect['outcome']}: {below} households below and {above} above within the bandwidth")
    _print_jump("crossing", effect["crossing"]["robust"])
    if effect["honest"] is not None:
        _print_jump("crossing, honest", effect["honest"])
    fuzzy = effect["handled"]
    if fuzzy is None:
        return
    _print_jump("first stage", fuzzy["first_stage"]["robust"], f", F {fuzzy['f_statistic']:.1f}")
    if not one_pair:
        typer.echo("    handling          not to be said: crossing moves other handlings too")
    elif fuzzy["weak"]:
        typer.echo(f"    handling          read the Anderson-Rubin set only: {_set(fuzzy)}")
    else:
        _print_jump("handling", fuzzy["effect"]["robust"])


def _print_jump(name: str, jump: dict[str, Any], after: str = "") -> None:
    interval = f"{jump['conf_low']:+.3f} to {jump['conf_high']:+.3f}"
    typer.echo(f"    {name:<18}{jump['estimate']:+.3f}  {interval}{after}")


def _set(fuzzy: dict[str, Any]) -> str:
    low, high = fuzzy["set_low"], fuzzy["set_high"]
    if fuzzy["set_kind"] == "rays":
        return f"up to {low:+.3f}, and from {high:+.3f}"
    if fuzzy["set_kind"] == "interval":
        return f"{low:+.3f} to {high:+.3f}"
    return {"line": "everything", "empty": "nothing"}[fuzzy["set_kind"]]


def _without_data(moved: list[dict[str, Any]]) -> list[str]:
    """Name the routes that no candidate has data for: said once, not at each."""
    told: dict[str, set[str]] = {}
    for row in moved:
        for one in row["passed"]:
            told.setdefault(one["route"], set()).add(one["code"])
    return [route for route, codes in told.items() if codes == {WITHOUT_DATA}]


def _titled(code: str) -> str:
    return f"[{code}] {_words(code, 'title')}"


def _words(code: str, part: str) -> str:
    from causalsig.texts import text

    return text(f"codes.{code}.{part}", "en")


def _print_moved(row: dict[str, Any], without: list[str]) -> None:
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
    print_passed([(one["route"], one["code"]) for one in row["passed"] if one["route"] not in without])


def print_passed(passed: Iterable[tuple[str, str]]) -> None:
    """Print why stronger routes have no answer: those with one reason on one line."""
    by_code: dict[str, list[str]] = {}
    for route, code in passed:
        by_code.setdefault(code, []).append(route)
    for code, routes in by_code.items():
        typer.echo(f"    not by {', '.join(routes)} [{code}]")


def _cost(cost: dict[str, Any]) -> str:
    spent = f"{cost['spent']:+.0f} euro a year"
    if cost["code"] is not None:
        return f"{spent}; no cost of one avoided [{cost['code']}]"
    ends = f"{cost['set_low']:.0f} to {cost['set_high']:.0f}"
    return f"{spent}; {cost['estimate']:.0f} euro for one avoided, {ends}"
