"""No spoiled file makes a reader crash, none is taken for good, and none is quoted."""

from __future__ import annotations

import resource
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from causalsig.errors import CausalsigError
from causalsig.texts import catalogue
from evidence.claim import Verdict
from evidence.claims._fuzzed_bytes import CANARY
from evidence.claims._fuzzed_kept import LEFT_OUT
from evidence.claims._fuzzed_readers import AGAIN, END_UNCHECKED, meaning, put, readers, ways_of
from evidence.context import Context

CLAIM = """A release, a pool, a withdrawal, a signed study, a review with its log and approvals, a key, a
line or a set of the ledger, sums and noise of a private release, a masked sum with its round, keys and record
that was changed in any way is refused by its reader with a code of our own; none crashes it, is taken for
what it was not, takes long or much memory, or is quoted in the message. Of a ledger without the files that
left, whose last lines are gone, it is said that its end is unchecked; a changed certificate goes along with
no run; that lines are gone from the end of a record of masked sums, or of the memory of pools, its reader
cannot tell. A hundred thousand files that really differ were refused."""
ISSUE = 11
COVERS = (
    "causalsig/release/*.py",
    "causalsig/study/digest.py",
    "causalsig/study/read.py",
    "causalsig/execution/certificates.py",
    "cli/causalsig_cli/ledger.py",
    "evidence/claims/_fuzzed_bytes.py",
    "evidence/claims/_fuzzed_kept.py",
    "evidence/claims/_fuzzed_readers.py",
)
FILES: Final = 100_000
"""That differ from the good file, and are refused."""
A_SEED: Final = 250
MOST: Final = 2 * A_SEED
"""Tries of a replication: what happens to be no change, or is taken as it may be, is not counted."""
SEEDS: Final = range(FILES // A_SEED)
LONGEST: Final = 5.0
"""Seconds of the processor that one reading may take; the slowest here is of a few megabytes of nonsense."""
MOST_MEMORY: Final = 400
"""Megabytes that a process may come to hold more while it reads."""
FEWEST: Final = 100
"""Of each way, so that none goes untried."""
LISTED: Final = 20
_CASES: Final[dict[str, list[tuple[str, str]]]] = {}


def cases() -> list[tuple[str, str]]:
    """Every reader with every way to spoil its file."""
    if not _CASES:
        _CASES["all"] = [(name, way) for name, reader in readers().items() for way in ways_of(reader)]
    return _CASES["all"]


def judge(name: str, way: str, seed: int) -> tuple[str, str]:
    """Spoil the file of a reader and read it.

    Returns
    -------
    outcome : {"refused", "no change", "signed again", "crash", "accepted", "quoted"}
        Or what the reader comes to in place of a refusal.
    detail : str
        Code of the error, or where it crashed.
    """
    reader, good = readers()[name], meaning(name)
    spoiled = ways_of(reader)[way](Random(seed), reader.content)
    if spoiled == reader.content:
        return "no change", ""
    put(reader.path, spoiled)
    try:
        said = reader.read()
    except CausalsigError as error:
        shown = "\n".join((error.message, str(error), repr(error.args), error.where))
        if CANARY in shown or f"codes.{error.code}.title" not in _titles():
            return "quoted" if CANARY in shown else "crash", error.code
        return "refused", error.code
    except Exception as error:
        return "crash", _place(error)
    finally:
        put(reader.path, reader.content)
    if way == AGAIN:
        return "signed again", ""
    if reader.right(spoiled, said):
        return reader.instead, ""
    # A file for people may say the same in another form; of a signed one no byte may differ.
    return ("accepted", "") if reader.signed or said != good else ("no change", "")


def _titles() -> Mapping[str, str]:
    return catalogue("en")


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/causalsig/" in frame.filename] or frames
    return f"{type(error).__name__} at {Path(ours[-1].filename).name} {ours[-1].name}"


def one(seed: int) -> dict[str, Any]:
    """Spoil and read as many files as one replication has."""
    every = cases()
    for name in readers():
        meaning(name)
    found: Counter[str] = Counter()
    ways: Counter[str] = Counter()
    wrong: list[str] = []
    slowest, before = 0.0, _memory()
    for number in range(seed * MOST, (seed + 1) * MOST):
        if found["refused"] == A_SEED:
            break
        name, way = every[number % len(every)]
        begin = time.process_time()
        outcome, detail = judge(name, way, number)
        slowest = max(slowest, time.process_time() - begin)
        found[outcome] += 1
        ways[way] += outcome == "refused"
        if outcome in ("crash", "accepted", "quoted"):
            wrong.append(f"{outcome}: {name}, {way}, {detail}")
    return {
        "outcomes": found,
        "ways": ways,
        "wrong": wrong,
        "slowest": round(slowest, 2),
        "megabytes": _memory() - before,
    }


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def run(context: Context) -> Verdict:
    """Spoil and read all files."""
    rows = context.replicate(one, SEEDS)
    outcomes = sum((Counter(row["outcomes"]) for row in rows), Counter[str]())
    ways = sum((Counter(row["ways"]) for row in rows), Counter[str]())
    wrong = [text for row in rows for text in row["wrong"]]
    slowest, memory = max(row["slowest"] for row in rows), max(row["megabytes"] for row in rows)
    refused, wanted = outcomes["refused"], A_SEED * len(rows)
    instead = {name: outcomes[name] for name in (END_UNCHECKED, LEFT_OUT)}
    tried = min(ways.values()) >= FEWEST and min(instead.values()) >= FEWEST
    quick = slowest <= LONGEST and memory <= MOST_MEMORY
    return {
        "passed": not wrong and quick and tried and refused >= wanted,
        "replications": sum(outcomes.values()),
        "seed": SEEDS.start,
        "figures": {
            "crashed, accepted or quoted": {"observed": len(wrong), "bound": 0},
            "slowest reading, seconds of the processor": {"observed": slowest, "bound": LONGEST},
            "memory that readings took, megabytes": {"observed": memory, "bound": MOST_MEMORY},
            "files that differ and are refused": {"observed": refused, "bound": wanted},
            "ledgers said to be unchecked, certificates left out, at least": {
                "observed": min(instead.values()),
                "bound": FEWEST,
            },
            "files refused of each way, at least": {"observed": min(ways.values()), "bound": FEWEST},
            "outcomes": dict(outcomes),
            "ways": dict(ways),
            "readers": list(readers()),
            "what was wrong": sorted(set(wrong))[:LISTED],
        },
    }
