"""How much memory and time one site may take, and what its processes take now. Read from /proc: Linux."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MEMORY_GB: Final = 4.0
"""Twice the 2 GiB within which the largest municipality has to stay."""
MINUTES: Final = 60.0
"""A municipality of average size takes half a minute, the largest some minutes on a busy machine."""
RESERVED_GB: Final = 8.0
"""Address space beyond the memory: libraries and threads reserve what they never fill."""
_GB: Final = 2**30
_PER_LINE: Final = 2**10
"""/proc tells memory in KiB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one site's processes may take together.

    Attributes
    ----------
    memory_gb : float
        Resident memory, GiB.
    minutes : float
        Wall clock, by a clock that nobody can set back.
    """

    memory_gb: float = MEMORY_GB
    minutes: float = MINUTES

    @property
    def address_space(self) -> int:
        """Bytes that a process may map: what grows faster than it is looked at ends here."""
        return int((self.memory_gb + RESERVED_GB) * _GB)

    def exceeded(self, memory: int, seconds: float) -> str | None:
        """Code of the limit that is passed, or None.

        Parameters
        ----------
        memory : int
            Bytes.
        seconds : float
            Since the processes began.
        """
        if memory > self.memory_gb * _GB:
            return "site-over-memory"
        return "site-over-time" if seconds > self.minutes * 60 else None


def family(process: int) -> list[int]:
    """List a process and all it started, itself first; one that ended meanwhile has none left."""
    found = [process]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def memory_now(processes: list[int]) -> int:
    """Bytes that these processes hold now, summed."""
    return sum(_of(process, "VmRSS:") for process in processes)


def memory_peak(process: int | str = "self") -> int:
    """Bytes that a process held at its highest, as the kernel kept it; 0 where that cannot be read."""
    return _of(process, "VmHWM:")


def kill(processes: list[int]) -> None:
    """End processes; one that is gone already is no error."""
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def _of(process: int | str, name: str) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * _PER_LINE for line in lines if line.startswith(name))
