"""What a claim is given: a folder to work in, and replications that survive being killed."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from causalsig.execution.processes import process_pool

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_AHEAD = 4  # replications in the queue for each worker: enough to keep it busy, few to lose at a kill


@dataclass(slots=True)
class Context:
    """One run of one claim.

    Attributes
    ----------
    name : str
        The claim.
    work : Path
        Folder for what is kept between runs; git ignores it.
    digest : str
        Of the code that replications run, when the run began. Those of other code are never taken up again.
    workers : int
        Processes for `replicate`.
    limit : int or None
        Take only so many seeds: a quick look, whose result is not recorded.
    computed_seconds : float
        Spent in replications, those of earlier runs included; summed over workers.
    """

    name: str
    work: Path
    digest: str
    workers: int = 1
    limit: int | None = None
    computed_seconds: float = field(default=0.0, init=False)

    def replicate(
        self, function: Callable[[int], Any], seeds: Iterable[int], *, part: str = "replications"
    ) -> list[Any]:
        """Call `function(seed)` for every seed not done yet; return all results in the order of `seeds`.

        Parameters
        ----------
        function : callable
            Of a module (workers import it by name). Returns what JSON can hold, without NaN or infinity.
        seeds : iterable of int
            The first `limit` of them are taken.
        part : str
            Name for one of several series of replications of a claim.

        Notes
        -----
        Each finished replication is a line of ``work/<part>-<digest>.jsonl``, on disk before the next is
        counted. After a kill only the unfinished ones are computed again.
        """
        wanted = list(seeds)[: self.limit]
        self.work.mkdir(parents=True, exist_ok=True)
        path = self.work / f"{part}-{self.digest[:16]}.jsonl"
        done = _read_lines(path)
        todo = [seed for seed in dict.fromkeys(wanted) if seed not in done]
        with path.open("a", encoding="utf-8") as file:
            progress = _Progress(f"{self.name} {part}", len(todo))
            for line in self._compute(function, todo):
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
                record = json.loads(line)
                done[record["seed"]] = record
                progress.step()
            progress.end()
        self.computed_seconds += sum(done[seed]["seconds"] for seed in dict.fromkeys(wanted))
        return [done[seed]["result"] for seed in wanted]

    def _compute(self, function: Callable[[int], Any], seeds: Sequence[int]) -> Iterator[str]:
        if self.workers == 1 or len(seeds) < 2:
            for seed in seeds:
                yield _one(function, seed)
            return
        with _single_threaded(), process_pool(self.workers) as pool:
            queue = deque(seeds)
            running: set[Future[str]] = set()
            try:
                while queue or running:
                    while queue and len(running) < self.workers * _AHEAD:
                        running.add(pool.submit(_one, function, queue.popleft()))
                    finished, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _one(function: Callable[[int], Any], seed: int) -> str:
    begin = time.perf_counter()
    result = function(seed)
    seconds = round(time.perf_counter() - begin, 4)
    return json.dumps({"seed": seed, "seconds": seconds, "result": result}, allow_nan=False)


def _read_lines(path: Path) -> dict[int, dict[str, Any]]:
    """Read the finished replications; a last line torn by a kill is cut off."""
    if not path.exists():
        return {}
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    records = [json.loads(line) for line in whole.decode("utf-8").splitlines()]
    return {record["seed"]: record for record in records}


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let worker processes start with one thread each, so that two workers use two cores."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Progress:
    """A counter on a terminal; silent elsewhere."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.count = name, total, 0
        self.begin = time.perf_counter()
        self.shown = sys.stderr.isatty() and total > 0

    def step(self) -> None:
        self.count += 1
        if self.shown:
            left = (time.perf_counter() - self.begin) / self.count * (self.total - self.count)
            words = f"\r{self.name}: {self.count} of {self.total}, {left / 60:.1f} minutes left "
            print(words, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.shown:
            print(file=sys.stderr)
