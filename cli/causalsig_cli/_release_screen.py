"""What `causalsig release review` shows: every value with its rule, and what the ledger will be told."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from causalsig.texts import catalogue, text

if TYPE_CHECKING:
    from causalsig.release.life import Review
    from causalsig.release.remember import LedgerTold


def print_text(found: Review, ledger: LedgerTold, language: str) -> None:
    """Print every value with its rule, the log, and what the ledger will be told."""
    from causalsig.release.reading import held_back, judged_lists

    rows = _rows(found, language)
    width = max(len(row["place"]) for row in rows)
    judged = judged_lists(row["place"] for row in rows)
    for row in rows:
        for place in [place for place in judged if row["place"].startswith(f"{place}[")]:
            typer.echo(f"Rules that judged each of {place}: {', '.join(judged.pop(place))}")
        value = "-" if row["value"] is None else row["value"]
        if row["stands_for"] is not None:
            value = f"{value} (= {row['stands_for']:.4g})"
        typer.echo(f"{row['place']:<{width}}  {value}  | {row['meaning']}; {row['grid']} | {row['rule']}")
    typer.echo(f"\nSHA-256 of the payload: {found.payload_hash}\nState: {found.state}")
    for entry in found.log:
        typer.echo(f"  {entry.at}  {entry.step}  {entry.role}  {entry.name}  {entry.reason}".rstrip())
    for what, rule in held_back(found.document):
        typer.echo(f"Held back: {what}: {text(f'release.rules.{rule}.title', language)} [{rule}]")
    typer.echo(f"Ledger: {ledger.folder}, {ledger.lines} lines, head {ledger.head}")
    typer.echo(
        f"Ledger: will be told: {ledger.numbers} numbers; {ledger.sets} sets of {ledger.households} "
        "households"
    )
    typer.echo(f"Ledger: SHA-256 of what it will be told: {ledger.digest}")


def print_json(found: Review, ledger: LedgerTold, language: str) -> None:
    """Print the same as one JSON object."""
    from causalsig.release.reading import judged_lists

    head = {"state": found.state, "demo": found.demo, "payload_hash": found.payload_hash}
    log = [entry.model_dump() for entry in found.log]
    rows = _rows(found, language)
    rules = judged_lists(row["place"] for row in rows)
    told = {**head, "ledger": asdict(ledger), "log": log, "rules": rules, "fields": rows}
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2))


def write_page(
    found: Review, ledger: LedgerTold, html: Path, language: Literal["nl", "en"], *, force: bool
) -> None:
    """Write the same as a page, for its owner only, and print where it is."""
    from causalsig.release.files import write_atomic
    from causalsig.report.render import review_html

    write_atomic(html, review_html(found, language, ledger).encode(), force=force, mode=0o600)
    html.chmod(0o600)  # also where the same page was there already
    typer.echo(str(html))


def _rows(found: Review, language: str) -> list[dict[str, Any]]:
    from causalsig.release.reading import read_leaves

    titles = catalogue(language)
    return [
        {
            "place": leaf.place,
            "value": leaf.value,
            "meaning": leaf.field.meaning,
            "unit": leaf.field.unit,
            "grid": leaf.field.grid,
            "rule": titles.get(f"release.rules.{leaf.field.rule}.title", leaf.field.rule),
            "code": leaf.field.rule,
            "stands_for": leaf.stands_for,
        }
        for leaf in read_leaves(found.document.model_dump(mode="json"))
    ]
