"""A process that kills itself at its n-th operation on files, or is killed from outside at any instant."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evidence.claims import _killed_steps as steps

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

EVENTS: Final = frozenset(
    {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"}
)
"""Audit events of what changes files; each is raised before the thing is done."""
KILLED: Final = -int(signal.SIGKILL)
PATIENCE: Final = 120.0
_BEFORE: Final = get_context("forkserver")
_BEFORE.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True)
class Done:
    """A step that came to its end: operations on files, those of them that write, and seconds."""

    operations: int
    writes: tuple[int, ...]
    seconds: float


class _Counter:
    """Counts operations, and ends the process at one of them: before it, or halfway a write."""

    def __init__(self, top: str, at: int, torn: bool) -> None:
        self.top, self.at, self.torn, self.count = top, at, torn, 0
        self.writes: list[int] = []

    def heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and self._ours(event, arguments):
            self.step()

    def _ours(self, event: str, arguments: tuple[Any, ...]) -> bool:
        path = arguments[0]
        if event == "open":
            writes = arguments[2] is not None and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            return bool(writes) and (isinstance(path, str) and path.startswith(self.top))
        if isinstance(path, bytes | str | os.PathLike):
            return os.fsdecode(path).startswith(self.top)
        return True

    def step(self) -> bool:
        """Count one operation; True where a write is to be torn."""
        self.count += 1
        if self.count == self.at and not self.torn:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.count == self.at

    def install(self) -> None:
        write, sync, opened = os.write, os.fsync, os.fdopen

        def one_write(descriptor: int, content: Any) -> int:
            last = self.step()
            self.writes.append(self.count)
            if last:
                write(descriptor, bytes(content)[: max(len(content) // 2, 1)])
                os.kill(os.getpid(), signal.SIGKILL)
            return write(descriptor, content)

        def one_sync(descriptor: int) -> None:
            self.step()
            sync(descriptor)

        class Raw(io.FileIO):
            def write(self, content: Any) -> int:
                return one_write(self.fileno(), content)

        def one_open(descriptor: int, mode: str = "r", *more: Any, **named: Any) -> Any:
            return Raw(descriptor, "wb") if mode == "wb" else opened(descriptor, mode, *more, **named)

        # The real calls, counted and perhaps cut short: what is written is what would have been.
        for name, made in (("write", one_write), ("fsync", one_sync), ("fdopen", one_open)):
            setattr(os, name, made)
        sys.addaudithook(self.heard)


def _child(step: str, top: str, at: int, torn: bool, pipe: Connection) -> None:
    counter = _Counter(top, at, torn)
    if at >= 0:
        counter.install()
    pipe.send(None)
    begin = time.perf_counter()
    steps.act(step, Path(top))
    pipe.send(Done(counter.count, tuple(counter.writes), time.perf_counter() - begin))


def taken(
    step: str, top: Path, *, at: int = 0, torn: bool = False, after: float | None = None
) -> Done | None:
    """Take a step in a process of its own.

    Parameters
    ----------
    at : int
        Operation to die at, from 1; 0: none, only count.
    torn : bool
        Die halfway the write that this operation is, not before it.
    after : float, optional
        Seconds after which it is killed from outside; nothing is counted then.

    Returns
    -------
    Done or None
        None where it was killed.
    """
    here, there = _BEFORE.Pipe()
    process = _BEFORE.Process(
        target=_child, args=(step, str(top), -1 if after is not None else at, torn, there)
    )
    process.start()
    there.close()
    told: list[Done | None] = [here.recv()]
    if after is not None:
        time.sleep(after)
        process.kill()
    process.join(PATIENCE)
    with suppress(EOFError):
        while here.poll():
            told.append(here.recv())
    if process.exitcode == KILLED:
        return None
    if process.exitcode != 0 or told[-1] is None:
        raise RuntimeError(f"{step}: the step ended with {process.exitcode}")
    return told[-1]
