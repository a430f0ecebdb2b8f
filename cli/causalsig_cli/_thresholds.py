"""What the table of bins of a release says of its effects at cutoffs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from causalsig_cli._screen import say

if TYPE_CHECKING:
    from causalsig.crossed import ReleasedThreshold
    from causalsig.pooling.thresholds_again import Again, AgainRow

_SHOWN = ("question", "outcome", "estimand", "below", "above", "score", "cutoff", "period")


def show_again(file: Path, keys: Path, *, demo: bool, as_json: bool) -> bool:
    """Print a release's effects beside those of its tables; say whether all agree."""
    from causalsig.pooling.thresholds_again import estimate_again, has_table
    from causalsig.release.crossed_read import released_thresholds
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import read_release

    document = read_release(file, trusted=read_trusted(keys), allow_demo=demo)
    found = [estimate_again(block) for block in released_thresholds(document) if has_table(block)]
    if as_json:
        typer.echo(json.dumps([_values(one) for one in found], indent=2))
    for one in () if as_json else found:
        _print(one)
    if not found:
        say("no effect at a cutoff with a table of bins in this release.")
    return all(one.agrees for one in found)


def _values(one: Again) -> dict[str, Any]:
    block = {name: getattr(one.block, name) for name in (*_SHOWN, "estimate", "std_error")}
    return {**block, "agrees": one.agrees, "away": one.away, "rows": [asdict(row) for row in one.rows]}


def _print(one: Again) -> None:
    block = one.block
    typer.echo(
        f"{block.outcome}, {block.estimand}: {block.above} against {block.below} at {block.score} "
        f"{block.cutoff:g}"
    )
    typer.echo(f"  {'released':<26}{block.estimate:>+10.4f}{block.std_error:>10.4f}")
    for row in one.rows:
        typer.echo(f"  {_name(row, block):<26}{_numbers(row)}")
    away = "none" if one.away is None else f"{one.away:.2f} standard errors"
    typer.echo(f"  {'agrees' if one.agrees else 'DOES NOT AGREE'}: {away} away")


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
        return f"{'-':>10}{'-':>10}  {row.reason}"
    return f"{row.estimate:>+10.4f}{row.std_error:>10.4f}  {row.conf_low:+.4f} to {row.conf_high:+.4f}"
