"""No single cell makes reading fail in a way nobody foresaw, or shows up where people and machines look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from evidence.claim import Verdict
from evidence.claims._mutated_files import file_mutation
from evidence.claims._mutated_formats import (
    Column,
    Format,
    ddas,
    xxllnc_2026,
    xxllnc_flat,
)
from evidence.claims._mutated_tables import canonical_csv, canonical_parquet, database
from evidence.claims._mutations import KINDS, judge, make_value
from evidence.context import Context

if TYPE_CHECKING:
    from causalsig.sources.findings import Finding, ReadResult

CLAIM = """Any single-cell mutation of a source, in every column of every format, leads to a finding or to an
error of our own where the value is a bad one, never to another exception; no message, warning, log, finding
or file of what follows holds the value."""
ISSUE = 4
COVERS = (
    "causalsig/sources/*.py",
    "causalsig/errors.py",
    "causalsig/execution/describe.py",
    "causalsig/execution/monitor.py",
    "causalsig/execution/profile.py",
    "causalsig/execution/site.py",
    "causalsig/execution/worker.py",
    "causalsig/failures.py",
    "causalsig/simulation/export/*.py",
    "cli/causalsig_cli/_failures.py",
    "cli/causalsig_cli/app.py",
    "cli/causalsig_cli/*site*.py",
    "evidence/claims/_mutated_files.py",
    "evidence/claims/_mutations.py",
    "evidence/claims/_mutated_formats.py",
    "evidence/claims/_mutated_tables.py",
)
MUTATIONS: Final = 100_000
FILES: Final = 400
"""Mutations that go through real workbooks and every command that reads them."""
A_SEED: Final = 100
"""Mutations of one replication: a kill loses no more than a few seconds."""
SEEDS = range(40_000, 40_000 + MUTATIONS // A_SEED)
STRIDE: Final = 1_000_003
"""Prime, so that consecutive mutations meet other columns and kinds, and all pairs in the end."""
LISTED: Final = 20
FORMATS: Mapping[str, Callable[[], Format]] = {
    "xxllnc 2026": xxllnc_2026,
    "xxllnc flat sheet": xxllnc_flat,
    "DDAS 1.2": ddas,
    "DDAS 0.9": lambda: ddas("0.9"),
    "canonical CSV": canonical_csv,
    "canonical Parquet": canonical_parquet,
    "database": database,
}
"""A new format is one entry: what its columns are, and how it is read with one cell changed."""
After = Callable[["ReadResult"], str]
"""What is done with what was read; returns all that it would show or write."""


@cache
def format_of(name: str) -> tuple[Format, tuple[Finding, ...]]:
    """Build the small source of a format once a process, with what is found in it as it is."""
    made = FORMATS[name]()
    return made, made.read(None).findings


def mutation(number: int) -> tuple[str, Column, Any, str]:
    """Format, column, place and kind of the mutation of this number; the same in every run."""
    names = tuple(FORMATS)
    name, turn = names[number % len(names)], number // len(names)
    made, _ = format_of(name)
    pair = turn * STRIDE % (len(made.columns) * len(made.kinds))
    column = made.columns[pair % len(made.columns)]
    place = column.places[turn * STRIDE % len(column.places)]
    return name, column, place, made.kinds[pair // len(made.columns)]


def mutate(number: int, after: After | None = None) -> tuple[str, str, str, str]:
    """Make one mutation; return its format, column and kind, what became of it, and where it went wrong."""
    name, column, place, kind = mutation(number)
    made, baseline = format_of(name)
    value = make_value(kind, number)
    judged = judge(
        lambda: made.read((place, value.value)),
        value,
        baseline,
        column.role,
        after=after,
    )
    return name, f"{column.name} [{kind}]", judged.outcome, judged.detail


def one(seed: int) -> dict[str, Any]:
    """Make the mutations of one seed: how many ended how, and those that should not have."""
    start = (seed - SEEDS.start) * A_SEED
    done = [mutate(number) for number in range(start, start + A_SEED)]
    outcomes = Counter(f"{name}: {outcome}" for name, _, outcome, _ in done)
    wrong = [
        f"{name}: {where}: {outcome} {detail}".strip()
        for name, where, outcome, detail in done
        if outcome in ("crash", "leak", "silent")
    ]
    return {"outcomes": dict(sorted(outcomes.items())), "wrong": wrong}


def one_file(number: int) -> str:
    """Make one mutation through a real workbook; return what went wrong, or nothing."""
    where, judged = file_mutation(number)
    return "" if judged.outcome == "found" else f"file: {where}: {judged.outcome} {judged.detail}"


def run(context: Context) -> Verdict:
    """Make every mutation and count what became of it."""
    rows = context.replicate(one, SEEDS)
    files = context.replicate(one_file, range(FILES), part="files")
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row["outcomes"])
    wrong = [line for row in rows for line in row["wrong"]] + [line for line in files if line]
    table = [
        {"format": name} | {outcome: total[f"{name}: {outcome}"] for outcome in _OUTCOMES} for name in FORMATS
    ]
    return {
        "passed": not wrong,
        "replications": len(rows),
        "seed": SEEDS.start,
        "figures": {
            "mutations": sum(total.values()),
            "through real files and every command": len(files),
            "columns": sum(len(format_of(name)[0].columns) for name in FORMATS),
            "kinds of values": len(KINDS),
            "outcomes": table,
            "what went wrong": sorted(set(wrong))[:LISTED],
        },
    }


_OUTCOMES = ("found", "refused", "nothing to find", "silent", "crash", "leak")
