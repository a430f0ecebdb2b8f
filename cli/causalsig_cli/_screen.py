"""What every command shows the same way: progress on a terminal, messages on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


def say(message: str) -> None:
    """Tell the person at the terminal something; stdout stays for data."""
    typer.echo(f"causalsig: {message}", err=True)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[..., None]]:
    """Show a bar with the time left on stderr while the block runs, on a terminal only.

    Yields
    ------
    callable
        To be called once for each of the ``total`` things done; with the seconds left where these are known
        better than by the number of things.
    """
    if not sys.stderr.isatty():
        yield lambda left=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)

        def step(left: float | None = None) -> None:
            told = label if left is None else f"{label}, {left / 60:.0f} min left"
            bar.update(task, advance=1, description=told)

        yield step
