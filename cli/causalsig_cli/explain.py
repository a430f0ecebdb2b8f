"""`causalsig explain`: what a code means and what to do about it."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from causalsig.errors import CausalsigError
from causalsig.texts import catalogue, text


def command(
    code: Annotated[str, typer.Argument(help="The code between [brackets], or an exit code.")] = "",
    language: Annotated[Literal["en", "nl"], typer.Option(help="Language of the answer.")] = "en",
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Explain an error or status code; without a code, list them all."""
    codes = known_codes()
    if code:
        chosen = f"exit-{code}" if code.isdecimal() else code
        if chosen not in codes:
            raise CausalsigError(
                "code-unknown",
                expected="a code that causalsig prints between brackets, or an exit code",
                found="a code that is not in the list",
                mend="Run `causalsig explain` without a code to see them all.",
            )
        codes = [chosen]
    entries = [{"code": item} | _words(item, language) for item in codes]
    if format_ == "json":
        typer.echo(json.dumps(entries, ensure_ascii=False, indent=2))
    elif code:
        typer.echo(f"{entries[0]['code']}: {entries[0]['title']}\n\n{entries[0]['explanation']}")
    else:
        width = max(len(item) for item in codes)
        typer.echo("\n".join(f"{entry['code']:<{width}}  {entry['title']}" for entry in entries))


def known_codes() -> list[str]:
    """Return every code that has a text."""
    keys = (key.split(".") for key in catalogue("en"))
    return sorted({parts[1] for parts in keys if parts[0] == "codes"})


def _words(code: str, language: str) -> dict[str, str]:
    return {part: text(f"codes.{code}.{part}", language) for part in ("title", "explanation")}
