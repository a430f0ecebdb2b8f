"""Replications side by side, each kept on disk as it ends: a run that is stopped goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any, TextIO

from causalsig.execution.processes import process_pool


def kept_replications(
    function: Callable[[int], Any],
    numbers: Sequence[int],
    path: Path,
    *,
    workers: int = 2,
    on_finish: Callable[[], None] | None = None,
) -> list[Any]:
    """Call ``function(number)`` for every number that is not in the file yet.

    Parameters
    ----------
    function : callable
        Picklable. Returns what JSON can hold.
    numbers : sequence of int
    path : Path
        One line a replication; its name must change when the function's answer would.
    workers : int
    on_finish : callable, optional
        Called once a number, those done before included.

    Returns
    -------
    list
        In the order of ``numbers``.
    """
    tell = on_finish or (lambda: None)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = _read(path)
    todo = [number for number in numbers if number not in done]
    for _ in range(len(numbers) - len(todo)):
        tell()
    if todo:
        with _opened(path) as stream, process_pool(min(workers, len(todo))) as pool:
            futures = {pool.submit(function, number): number for number in todo}
            for future in as_completed(futures):
                number = futures[future]
                done[number] = future.result()
                line = json.dumps({"number": number, "result": done[number]}, allow_nan=False)
                stream.write(line + "\n")
                stream.flush()
                os.fsync(stream.fileno())
                tell()
    return [done[number] for number in numbers]


def _read(path: Path) -> dict[int, Any]:
    """Read what was done; a last line torn by a kill is cut off."""
    if not path.exists():
        return {}
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as stream:
            stream.truncate(len(whole))
    records = [json.loads(line) for line in whole.decode("utf-8").splitlines()]
    return {record["number"]: record["result"] for record in records}


def _opened(path: Path) -> TextIO:
    """Open a file to add lines to, for its owner only: a draw of a site's own households is near to them."""
    return open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8")
