"""What to do with what nobody foresaw: no text on the screen, a masked record on this machine."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from causalsig.failures import INTERNAL_ERROR, keep_record, masked_record, masked_text, status_of

__all__ = ["INTERNAL_ERROR", "exit_code", "masked_record", "nothing_said", "report"]
_MOST = 200
"""Warnings of one command that are kept."""


def exit_code(error: BaseException) -> int:
    """101 for an error of the program, 2 for what the machine did not allow."""
    return INTERNAL_ERROR if status_of(error) == "internal-error" else 2


def report(error: BaseException) -> str:
    """Write the masked record of `error`; return the message for the operator, without its text."""
    try:
        place = f"Where it happened, with values masked: {keep_record(masked_record(error))}"
    except OSError:
        place = "Where it happened could not be written down: no folder on this machine is writable"
    code = status_of(error)
    what = "internal error" if code == "internal-error" else "the machine did not allow it"
    return f"causalsig: {what} [{code}], exit code {exit_code(error)}. {place}"


@contextmanager
def nothing_said() -> Iterator[None]:
    """Keep to the local log, masked, what Python would print by itself while a command runs.

    These are warnings, log lines without a handler, and exceptions in threads and destructors.
    """
    heard: list[str] = []

    def note(record: str) -> None:
        if len(heard) < _MOST:
            heard.append(record)

    before = (sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning)
    handler = logging.lastResort
    sys.unraisablehook = lambda said: note(_thrown(said.exc_value))
    threading.excepthook = lambda said: note(_thrown(said.exc_value))
    warnings.showwarning = lambda message, category, filename, lineno, *_: note(
        masked_text(f"{filename}:{lineno}: {category.__name__}: {message}")
    )
    logging.lastResort = _Kept(note)
    try:
        yield
    finally:
        # Typer puts its own hook in place of the first, which would print the text of an exception.
        sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning = before
        logging.lastResort = handler
        if heard:
            with suppress(OSError):
                keep_record("said while a command ran, masked\n" + "".join(heard))


def _thrown(error: BaseException | None) -> str:
    return "an exception nobody could catch\n" + ("" if error is None else masked_record(error))


class _Kept(logging.Handler):
    """Keeps the level and the place of a log line, and the shape of its text."""

    def __init__(self, note: Any) -> None:
        super().__init__(logging.WARNING)
        self.note = note

    def emit(self, record: logging.LogRecord) -> None:
        """Note one line."""
        try:
            words = record.getMessage()
        except Exception:
            words = ""
        self.note("log line\n" + masked_text(f'File "{record.pathname}", line {record.lineno}\n{words}'))
