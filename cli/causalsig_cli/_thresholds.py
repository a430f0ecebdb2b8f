"""What the table of bins of a release says of its effects at cutoffs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from causalsig_cli._screen import say
from causalsig_cli._site_thresholds import print_passed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.crossed import ReleasedThreshold
    from causalsig.moved import ReleasedMove
    from causalsig.pooling.thresholds_again import Again, AgainRow

_SHOWN = ("question", "outcome", "estimand", "below", "above", "score", "cutoff", "period")


def show_again(file: Path, keys: Path, *, demo: bool, as_json: bool) -> bool:
    """Print a release's effects beside those of its tables; say whether none that can be checked differs."""
    from causalsig.pooling.thresholds_again import estimate_again, has_table
    from causalsig.release.crossed_read import released_moves, released_thresholds
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import open_release
    from causalsig.release.withdrawal import refuse_withdrawn

    trusted = read_trusted(keys)
    opened = open_release(file, trusted=trusted, allow_demo=demo)
    refuse_withdrawn(file, opened.payload_hash, trusted, allow_demo=demo)
    document = opened.document
    found = [estimate_again(block) for block in released_thresholds(document) if has_table(block)]
    moves = released_moves(document)
    if as_json:
        typer.echo(json.dumps([_values(one, _beside(one, moves)) for one in found], indent=2))
    for one in () if as_json else found:
        _print(one)
        for move in _beside(one, moves):
            _print_move(move)
    if not found:
        say("no effect at a cutoff with a table of bins in this release.")
    return all(one.agrees is not False for one in found)


def _beside(one: Again, moves: Sequence[ReleasedMove]) -> list[ReleasedMove]:
    """Find what moving a threshold would do: beside the effect of crossing it on the same outcome."""
    if one.block.estimand != "E1":
        return []
    names = ("outcome", "below", "above", "score", "cutoff", "period")
    return [move for move in moves if all(getattr(move, name) == getattr(one.block, name) for name in names)]


def _values(one: Again, moves: Sequence[ReleasedMove]) -> dict[str, Any]:
    block = {name: getattr(one.block, name) for name in (*_SHOWN, "estimate", "std_error")}
    rows = {"rows": [asdict(row) for row in one.rows], "moves": [_told(move) for move in moves]}
    return {**block, "agrees": one.agrees, "away": one.away, "allowed": one.allowed, **rows}


def _told(move: ReleasedMove) -> dict[str, Any]:
    values = asdict(move)
    return {name: values[name] for name in ("part", "households", "contacts", "band", "passed")}


def _print_move(move: ReleasedMove) -> None:
    low, high = move.contacts
    contacts = f"{low:+.0f} to {high:+.0f}" if high is not None else f"{low:+.0f} and beyond"
    effect = ""
    if move.band is not None:
        band = move.band
        effect = (
            f"{band.estimate:>+10.4f}{band.std_error:>10.4f}  {band.conf_low:+.4f} to {band.conf_high:+.4f}"
        )
        effect += f"  {band.route}"
    typer.echo(f"  {f'moved to {move.part:.0%}':<26}{effect or ' ' * 9 + '-' + ' ' * 9 + '-'}")
    typer.echo(f"    contacts a year {contacts}")
    print_passed((one.route, one.code) for one in move.passed)


def _print(one: Again) -> None:
    block = one.block
    typer.echo(
        f"{block.outcome}, {block.estimand}: {block.above} against {block.below} at {block.score} "
        f"{block.cutoff:g}"
    )
    typer.echo(f"  {'':<26}{'estimate':>10}{'error':>10}  interval")
    typer.echo(f"  {'released':<26}{block.estimate:>+10.4f}{block.std_error:>10.4f}")
    for row in one.rows:
        typer.echo(f"  {_name(row, block):<26}{_numbers(row)}")
    typer.echo(f"  {judged(one)}")


def judged(one: Again) -> str:
    """Say whether a number is its table's, or that so few bins cannot tell."""
    from causalsig.pooling.thresholds_again import FEWEST_BINS, bins_within

    away = "its table gives no number" if one.away is None else f"{one.away:.2f} standard errors away"
    if one.allowed is None:
        left, right = bins_within(one.block)
        few = f"{left} and {right} bins within the bandwidth, {FEWEST_BINS} a side needed"
        return f"cannot be checked from so few bins: {few} ({away})"
    return f"{'agrees' if one.agrees else 'DOES NOT AGREE'}: {away}, up to {one.allowed:.2f} is allowed"


def _name(row: AgainRow, block: ReleasedThreshold) -> str:
    import math

    if row.kind == "table":
        return "from its table"
    if row.kind == "bandwidth":
        return f"bandwidth x {row.value:g}"
    if row.kind == "donut":
        return f"without {row.value:g} bandwidth"
    at = block.cutoff * math.exp(row.value) if block.scale == "log" else block.cutoff + row.value
    return f"placebo at {at:.0f}"


def _numbers(row: AgainRow) -> str:
    if row.estimate is None or row.std_error is None:
        return f"{'-':>10}{'-':>10}  [{row.reason}]"
    return f"{row.estimate:>+10.4f}{row.std_error:>10.4f}  {row.conf_low:+.4f} to {row.conf_high:+.4f}"
