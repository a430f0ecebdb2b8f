"""Whatever carries the sites to their processes, the same bytes would leave, and no cell travels."""

from __future__ import annotations

from typing import Any, Final

from evidence.claim import Verdict
from evidence.claims._canary_failures import WORKER_CODES
from evidence.claims._engine_cost import COSTS, WAYS
from evidence.claims._engine_parts import PARTS
from evidence.context import Context

CLAIM = """One study, data and seed, on one machine one site at a time, two side by side, and on two nodes of
a dask scheduler on loopback (real processes, TLS on both sides): the payloads of every municipality are the
same byte for byte. When the node that has a site under way is killed, another runs it again, and nothing is
lost or told twice; when every node goes, or the scheduler, the run says which sites are lost and the next
one makes them. Who shows no certificate, or that of another authority, is refused, and a node with another
program too. With processes that crash beside planted rows in 13 ways, none of what is planted is on the
screen, in a log of scheduler or nodes, or in any file but the sources. For 24 sites, two nodes take at most
half as much time again as two side by side on one machine, and at most 1 GiB more memory, scheduler and
nodes included."""
ISSUE = 14
COVERS = (
    "causalsig/execution/dask_engine.py",
    "causalsig/execution/engines.py",
    "causalsig/execution/node.py",
    "causalsig/execution/processes.py",
    "causalsig/execution/run.py",
    "causalsig/execution/worker.py",
    "cli/causalsig_cli/_cluster.py",
    "evidence/claims/_engine_*.py",
    "evidence/claims/_nodes.py",
    "evidence/claims/_provider_world.py",
    "requirements/dask.txt",
)
MOST_TIMES: Final = 1.5
MOST_MIB_MORE: Final = 1024
UNITS: Final = {**PARTS, **COSTS}


def one(seed: int) -> dict[str, Any]:
    """Run the part of this number."""
    name = list(UNITS)[seed]
    return {"part": name} | UNITS[name]()


def run(context: Context) -> Verdict:
    """Run every part; those that measure time do it with nothing of ours beside them."""
    rows = context.replicate(one, range(len(PARTS)))
    rows += Context(context.name, context.work, context.digest, 1, context.limit).replicate(
        one, range(len(PARTS), len(UNITS)), part="cost"
    )
    wrong = sorted({f"{row['part']}: {text}" for row in rows for text in row["wrong"]})
    differ, ends = sum(row["differ"] for row in rows), sum(row.get("ends", 0) for row in rows)
    taken = next((row["cost"] for row in rows if "cost" in row), None)
    cheap, ratios = _cost(taken) if taken else (False, {})
    return {
        "passed": not wrong and not differ and ends == len(WORKER_CODES) and cheap,
        "replications": len(rows),
        "figures": {
            "parts": [row["part"] for row in rows],
            "payloads compared": sum(row["compared"] for row in rows),
            "payloads that differ": {"observed": differ, "bound": 0},
            "ways to end a process beside canaries": ends,
            "files searched": sum(row.get("files", 0) for row in rows),
            "what 24 sites take": taken,
            "two nodes beside one machine": ratios,
            "what went wrong": wrong,
        },
    }


def _cost(taken: dict[str, dict[str, float]]) -> tuple[bool, dict[str, Any]]:
    """Hold two nodes against two side by side on one machine."""
    here, there = taken[WAYS[1]], taken[WAYS[2]]
    times, more = there["seconds"] / here["seconds"], there["MiB"] - here["MiB"]
    ratios = {
        "times as long": {"observed": round(times, 3), "bound": MOST_TIMES},
        "MiB more": {"observed": more, "bound": MOST_MIB_MORE},
    }
    return times <= MOST_TIMES and more <= MOST_MIB_MORE, ratios
