"""What is said of a site whose process did not come to an end of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from causalsig.errors import SourceError
from causalsig.execution.worker import INTERNAL_CODE, LACKING, LOG_FILE
from causalsig.failures import status_of

_SIGNALLED: Final = 128
"""What a shell, and bubblewrap, add to the number of the signal that ended a program."""


def stopped(site: str, code: str) -> str:
    """Message of a site that was ended because it took more than it may."""
    what, option = ("memory", "--memory") if code == "site-over-memory" else ("time", "--time-limit")
    return SourceError(
        code,
        expected=f"a site within its {what}",
        found="one that took more; it was ended, and nothing of it is half-written",
        mend=f"Look whether its source is what it should be; if so, --retry-failed with a larger {option}.",
        where=f"site {site}",
    ).message


def not_started(site: str, error: OSError) -> tuple[str, str]:
    """Code and message of a site whose process could not be started."""
    status = status_of(error)
    expected, found, mend = LACKING.get(
        status, ("a process for this site", "that the system gave none", "Start again with --retry-failed.")
    )
    code = status if status in LACKING else INTERNAL_CODE
    return code, SourceError(code, expected=expected, found=found, mend=mend, where=f"site {site}").message


def died(site: str, exit_code: int, folder: Path) -> str:
    """Message of a site whose process ended without a word."""
    number = -exit_code if exit_code < 0 else exit_code - _SIGNALLED
    how = f"was ended by signal {number}" if number > 0 else f"ended with status {exit_code}"
    log = f" {LOG_FILE} in the site's folder says where, without values." * (folder / LOG_FILE).exists()
    return SourceError(
        INTERNAL_CODE,
        expected="a process that says how it ended",
        found=f"one that {how} before it could",
        mend=f"Start again; with fewer --workers when the machine was short of memory.{log}",
        where=f"site {site}",
    ).message
