"""The log of a run, for the provider: what happened to which site and when, in closed codes and numbers."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "run.log"
LARGEST: Final = 1_000_000
"""Bytes; a line is some hundred, so a file holds ten thousand sites."""
KEPT: Final = 5
"""Older files, ``run.log.1`` the youngest."""


def note(folder: Path, *words: object) -> None:
    """Add a line with the time to the log of a run; that it cannot be written is no reason to stop.

    Parameters
    ----------
    folder : Path
        Of the run.
    words : object
        Codes of sites and closed codes, and numbers: nothing that was read.
    """
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = " ".join([stamp, *map(str, words)]) + "\n"
    path = folder / NAME
    with suppress(OSError):
        if path.exists() and path.stat().st_size + len(line) > LARGEST:
            _turn(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def _turn(path: Path) -> None:
    """Give every file the next number; the last one goes."""
    names = [path, *(path.with_name(f"{NAME}.{number}") for number in range(1, KEPT + 1))]
    for younger, older in reversed(list(pairwise(names))):
        if younger.exists():
            os.replace(younger, older)
