"""A release as a crate, and a review as the checker's screen: folders for programs of others."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Literal

import typer

from causalsig_cli._screen import say


def write_crate(
    file: Path, keys: Path, out: Path, *, day: datetime | None, review: Path | None, demo: bool, force: bool
) -> None:
    """Write a crate of a release, for outside or, with a review, for the provider only."""
    from causalsig.release.crate import crate_files
    from causalsig.release.folders import write_files
    from causalsig.release.keys import read_trusted

    published = date.today() if day is None else day.date()
    files = crate_files(file, trusted=read_trusted(keys), published=published, allow_demo=demo, review=review)
    mode = 0o644 if review is None else 0o600
    typer.echo(str(write_files(out, files, force=force, mode=mode)))
    if review is not None:
        say("it holds the record of the review, which names people: keep it inside.")


def write_screen(review: Path, out: Path, language: Literal["nl", "en"], *, force: bool) -> None:
    """Write a review as ACRO's results, readable by their owner only."""
    from causalsig.release.folders import write_files
    from causalsig.release.life import look
    from causalsig.report.acro import acro_files

    files = acro_files(look(review), language)
    typer.echo(str(write_files(out, files, force=force, mode=0o600)))
    say("nothing has left, and no viewer lets anything leave; that is done with causalsig release approve.")
