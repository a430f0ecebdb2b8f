"""Whatever goes wrong at a provider, nothing is lost, doubled or half-written, and the table says it."""

from __future__ import annotations

from typing import Any, Final

from evidence.claim import Verdict
from evidence.claims._provider_faults import FAULTS, KILLS, kills
from evidence.context import Context

CLAIM = """From the run of a study to its releases, as real processes: killed fifty times at random, and
gone on at once, a full disk, a read-only folder, a source that goes or changes, poisoned cells, a site
over its memory or time, a clock set back, two runs and approvals at once, edited results. Every time the
others go on, every end has its documented code in the table, and afterwards the releases are those of an
undisturbed way, each once in the outbox and in the ledger, without a stray file. In a room of its own a
site's process sees no other source, no signing key and no network, and writes nowhere else."""
ISSUE = 13
COVERS = (
    "causalsig/execution/forecast.py",
    "causalsig/execution/isolation.py",
    "causalsig/execution/journal.py",
    "causalsig/execution/limits.py",
    "causalsig/execution/processes.py",
    "causalsig/execution/run*.py",
    "causalsig/execution/standing.py",
    "causalsig/execution/stopped.py",
    "causalsig/execution/unchanged.py",
    "causalsig/execution/worker.py",
    "causalsig/release/chain.py",
    "causalsig/release/files.py",
    "causalsig/release/ledger.py",
    "causalsig/release/remember.py",
    "causalsig/release/review.py",
    "cli/causalsig_cli/_site_table.py",
    "cli/causalsig_cli/site.py",
    "evidence/claims/_provider_faults.py",
    "evidence/claims/_provider_world.py",
    "evidence/claims/fault_sabotage/*.py",
)
ROUNDS: Final = 6
FEWEST: Final = 50
"""Kills that came before the end of what they were to kill."""
SEEDS: Final = range(ROUNDS + len(FAULTS))


def one(seed: int) -> dict[str, Any]:
    """Take a round of kills, or one of the faults."""
    if seed < ROUNDS:
        return {"fault": "kills", **kills(seed)}
    name = list(FAULTS)[seed - ROUNDS]
    return {"fault": name, "kills": 0, "wrong": FAULTS[name]()}


def run(context: Context) -> Verdict:
    """Let everything go wrong once, and kills many times."""
    rows = context.replicate(one, SEEDS)
    killed = sum(row["kills"] for row in rows)
    wrong = sorted(f"{row['fault']}: {text}" for row in rows for text in row["wrong"])
    faults = sorted({row["fault"] for row in rows} - {"kills"})
    return {
        "passed": not wrong and killed >= FEWEST and len(faults) == len(FAULTS),
        "replications": len(rows),
        "seed": SEEDS.start,
        "figures": {
            "kills": {"observed": killed, "bound": FEWEST},
            "kills planned of each step": {step: ROUNDS * number for step, number in KILLS.items()},
            "faults": faults,
            "what was lost, doubled, half-written or not told": wrong,
        },
    }
