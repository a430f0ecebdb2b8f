"""How many run side by side, in which order, and in one go or in pieces: the same bytes would leave."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from evidence.claim import Verdict
from evidence.claims._provider_world import SIZES, World, undisturbed, world
from evidence.context import Context

CLAIM = """The same payload of every municipality, byte for byte, whether one, two or three run side by side,
in whatever order the inventory and the sources are given, in one go or one by one, each in a room of its own
or not, from the same sources under another path, and beside others or alone."""
ISSUE = 13
COVERS = (
    "causalsig/execution/isolation.py",
    "causalsig/execution/processes.py",
    "causalsig/execution/run.py",
    "causalsig/execution/site.py",
    "causalsig/execution/worker.py",
    "causalsig/threads.py",
    "evidence/claims/_provider_world.py",
)


def workers(number: int) -> Callable[[World, Random], None]:
    """Give the way of running with so many side by side."""

    def way(at: World, _: Random) -> None:
        _typed(at, *at.run("--workers", number))

    return way


def other_order(at: World, draw: Random) -> None:
    """Shuffle the inventory, and give the sources one by one in another order."""
    text = at.desk.inventory.read_text("utf-8")
    head, *sites = text.split("[[sites]]\n")
    draw.shuffle(sites)
    shuffled = head + "".join(f"[[sites]]\n{site.rstrip()}\n\n" for site in sites)
    at.desk.inventory.write_text(shuffled, "utf-8")
    codes = [site["code"] for site in tomllib.loads(shuffled)["sites"]]
    if sorted(codes) != sorted(SIZES):
        raise RuntimeError("the inventory was not shuffled as a whole")
    words = list(at.run())
    place = words.index(at.desk.sources)
    sources = [at.source(code) for code in SIZES]
    draw.shuffle(sources)
    _typed(at, *words[:place], *sources, *words[place + 1 :])


def one_by_one(at: World, draw: Random) -> None:
    """Run each in a run of its own, in any order."""
    codes = list(SIZES)
    draw.shuffle(codes)
    for code in codes:
        _typed(at, *at.run("--only", code))


def isolate(how: str) -> Callable[[World, Random], None]:
    """Give the way of running with rooms or without."""

    def way(at: World, _: Random) -> None:
        _typed(at, *at.run("--isolate", how))

    return way


def _typed(at: World, *words: object) -> None:
    said = at.desk.run(*words)
    if said.code:
        at.desk.wrong.append(f"a run ended with {said.code}")


WAYS: Final[Mapping[str, Callable[[World, Random], None]]] = {
    "one at a time": workers(1),
    "two side by side": workers(2),
    "three side by side": workers(3),
    "in another order": other_order,
    "one by one, in any order": one_by_one,
    "in rooms of their own": isolate("yes"),
    "without rooms": isolate("no"),
}
SEEDS: Final = range(len(WAYS))


def one(seed: int) -> dict[str, Any]:
    """Run one way, beside the undisturbed one."""
    name = list(WAYS)[seed]
    with world() as at:
        WAYS[name](at, Random(seed))
        found, wanted = at.payloads(), undisturbed().payloads
        differ = sum(found.get(code) != content for code, content in wanted.items())
        return {"way": name, "wrong": at.desk.wrong, "compared": len(wanted), "differ": differ}


def run(context: Context) -> Verdict:
    """Compare every way."""
    rows = context.replicate(one, SEEDS)
    wrong = sorted({f"{row['way']}: {text}" for row in rows for text in row["wrong"]})
    return {
        "passed": not wrong and not sum(row["differ"] for row in rows) and len(rows) == len(WAYS),
        "replications": len(rows),
        "seed": SEEDS.start,
        "figures": {
            "ways": [row["way"] for row in rows],
            "payloads compared": sum(row["compared"] for row in rows),
            "payloads that differ": {"observed": sum(row["differ"] for row in rows), "bound": 0},
            "what went wrong": wrong,
        },
    }
