"""While rows are in reach, nothing that others print is shown: it is masked and kept for the provider."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import IO

from causalsig.failures import keep_record, masked_text

STANDARD = (1, 2)
MOST_BYTES = 1_000_000


@contextmanager
def silenced() -> Iterator[None]:
    """Let nothing reach the terminal from inside the block: no print, warning or log, nor one of a C library.

    causalsig itself prints only in its commands, so whatever is said here is said by another library, and
    may hold a cell. It goes to a file without a name, and from there, masked, to the log of this machine.
    """
    with tempfile.TemporaryFile() as sink:
        with _into(sink):
            yield
        said = _read(sink)
    if said:
        # That nothing could be kept is no reason to fail, and none to show it.
        with suppress(OSError):
            keep_record(f"printed while rows were in reach, masked\n{said}")


@contextmanager
def _into(sink: IO[bytes]) -> Iterator[None]:
    """Point the two streams of Python and those of the process to one file."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()
    before = [_copy(number) for number in STANDARD]
    try:
        for number in STANDARD:
            os.dup2(sink.fileno(), number)
        with (
            open(os.dup(sink.fileno()), "w", encoding="utf-8", errors="replace", buffering=1) as words,
            redirect_stdout(words),
            redirect_stderr(words),
        ):
            yield
    finally:
        for number, copy in zip(STANDARD, before, strict=True):
            if copy is None:
                os.close(number)
            else:
                os.dup2(copy, number)
                os.close(copy)


def _copy(number: int) -> int | None:
    """Second handle of an open descriptor; none when it is closed, as under some schedulers."""
    try:
        return os.dup(number)
    except OSError:
        return None


def _read(sink: IO[bytes]) -> str:
    sink.seek(0)
    return masked_text(sink.read(MOST_BYTES).decode("utf-8", "replace"))
