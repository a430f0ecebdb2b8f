"""Carried by vantage6, the same bytes would leave as on one machine, and no cell reaches the coordinator."""

from __future__ import annotations

from typing import Any, Final

from evidence.claim import Verdict
from evidence.claims._canary_failures import WORKER_CODES
from evidence.claims._vantage6_parts import PARTS
from evidence.context import Context

CLAIM = """One study, data and seed, on one machine and at nodes of vantage6 v4.15 (the file contract of its
containers as plain programs, and five nodes asked by the client that comes with its tools): the payloads of
every municipality are the same byte for byte. A node gives nothing before two people approved it, then
the bytes they signed; it runs no other study than the one it holds; the centre's pool verifies. With
processes that crash beside planted rows in 13 ways, none of what is planted is in what a task answers or
prints, or in any file but the sources; every answer is a code of a closed list."""
ISSUE = 14
COVERS = (
    "causalsig/execution/worker.py",
    "cli/causalsig_cli/pool.py",
    "cli/causalsig_cli/release.py",
    "cli/causalsig_cli/site.py",
    "engines/vantage6/causalsig_vantage6/*.py",
    "evidence/claims/_provider_world.py",
    "evidence/claims/_vantage6_parts.py",
    "evidence/peers/vantage6_nodes.py",
)
UNITS: Final = PARTS


def one(seed: int) -> dict[str, Any]:
    """Run the part of this number."""
    name = list(UNITS)[seed]
    return {"part": name} | UNITS[name]()


def run(context: Context) -> Verdict:
    """Run every part."""
    rows = context.replicate(one, range(len(UNITS)))
    wrong = sorted({f"{row['part']}: {text}" for row in rows for text in row["wrong"]})
    differ, ends = sum(row["differ"] for row in rows), sum(row.get("ends", 0) for row in rows)
    compared = sum(row["compared"] for row in rows)
    return {
        "passed": not wrong and not differ and compared > 0 and ends == len(WORKER_CODES),
        "replications": len(rows),
        "figures": {
            "parts": [row["part"] for row in rows],
            "payloads compared": compared,
            "payloads that differ": {"observed": differ, "bound": 0},
            "ways to end a process beside canaries": ends,
            "what went wrong": wrong,
        },
    }
