"""What each engine takes for 24 sites: time, and memory of all its processes together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from evidence.claims._nodes import Nodes, nodes, with_dask
from evidence.claims._provider_world import MONTHS, World, world

SITES: Final = 24
INHABITANTS: Final = (5_000, 6_000, 8_000, 25_000)
"""In turn, so that six of the sites take some three times as long as the others."""
WAYS: Final = ("one machine, one at a time", "one machine, two side by side", "two nodes")
LOOK_SECONDS: Final = 0.2
MIB: Final = 2**20


@dataclass(slots=True)
class Taken:
    """Seconds and MiB of a run, and how many times the memory was looked at."""

    seconds: float = 0.0
    mib: int = 0
    looks: int = 0


def cost(number: int = SITES) -> dict[str, Any]:
    """Run the same sites in every way; all must give the same."""
    wrong, figures, first = [], dict[str, dict[str, float]](), dict[str, bytes]()
    for name in WAYS:
        with _many(number) as at:
            taken, code = _one_way(at, name)
            wrong += [f"{name}: ended with {code}"] * (code != 0) + at.desk.wrong
            first = first or at.payloads()
            wrong += [f"{name}: other payloads"] * (at.payloads() != first or len(first) != number)
            wrong += [f"{name}: the memory was not looked at"] * (taken.looks < number)
        figures[name] = {"seconds": round(taken.seconds, 1), "MiB": taken.mib}
    return {"wrong": wrong, "compared": number * (len(WAYS) - 1), "differ": 0, "cost": figures}


def _one_way(at: World, name: str) -> tuple[Taken, int]:
    where = nodes(at.desk) if name == "two nodes" else nullcontext(None)
    with where as there:
        words = there.words() if there else ("--workers", 1 if "one at a time" in name else 2)
        begin = time.perf_counter()
        process = at.desk.start(*at.run(*words), more=with_dask())
        with _watched([process.pid, *_pids(there)]) as taken:
            process.communicate()
        taken.seconds = time.perf_counter() - begin
        return taken, process.returncode


def _pids(there: Nodes | None) -> list[int]:
    return [] if there is None else [there.scheduler.pid, *(node.pid for node in there.nodes)]


@contextmanager
def _watched(roots: Sequence[int]) -> Iterator[Taken]:
    """Keep the highest sum of memory of these processes and all they started."""
    from causalsig.execution.limits import family, memory_now

    taken, done = Taken(), threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            held = memory_now([one for root in roots for one in family(root)])
            taken.mib, taken.looks = max(taken.mib, held // MIB), taken.looks + 1

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        done.set()
        thread.join()


@contextmanager
def _many(number: int) -> Iterator[World]:
    """Lay a provider with so many small municipalities."""
    from causalsig.execution.invent import inventory_toml
    from causalsig.execution.truth import inventory_site
    from causalsig.simulation import SiteSpec, load_scenario, simulate_site
    from causalsig.simulation.xxllnc import write_workbook

    scenario, sites = load_scenario("ignorable", "modest"), []
    with world() as at:
        for source in at.desk.sources.iterdir():
            source.unlink()
        for place in range(number):
            spec = SiteSpec(str(9301 + place), f"Voorbeeldstad {place + 1:02}", INHABITANTS[place % 4])
            tables: Any = simulate_site(spec, scenario, 1, months=MONTHS, truth=False).tables
            write_workbook(tables, at.source(spec.code), name=spec.name)
            sites.append(inventory_site(spec, months=MONTHS, extracted_on=scenario.extracted_on))
        at.desk.inventory.write_text(inventory_toml(tuple(sites)), "utf-8")
        yield at


COSTS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {f"what {SITES} sites take": cost}
