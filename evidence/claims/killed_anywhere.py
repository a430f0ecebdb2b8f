"""A kill at any instant of a release's life loses nothing and lets nothing out by halves."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any, Final

from causalsig.errors import CausalsigError
from evidence.claim import Verdict
from evidence.claims import _killed_steps as steps
from evidence.claims._killed_child import Done, taken
from evidence.claims._mutated_formats import scratch_folder
from evidence.context import Context

CLAIM = """SIGKILL at every operation on files of every step from a site's run to the pool, halfway its
writes, and at any other instant: what left is whole, signed by two people and in a ledger that holds, private
files stay private, and taking the step again gives the same bytes and leaves no stray file."""
ISSUE = 11
COVERS = (
    "causalsig/execution/pool.py",
    "causalsig/execution/pools_apart.py",
    "causalsig/execution/site.py",
    "causalsig/execution/worker.py",
    "causalsig/release/*.py",
    "evidence/claims/_killed_child.py",
    "evidence/claims/_killed_steps.py",
    "evidence/claims/_payload_sites.py",
)
KILLS: Final = 64
"""Of each step."""
AT_OPERATIONS: Final = 50
"""Of these at operations on files, as far as a step has so many; the others at any instant."""
FEWEST: Final = 50
"""Kills of a step that came before its end."""
ATTEMPTS: Final = 6
FEWEST_HALF: Final = 3
"""Withdrawals that the ledger had and the world did not: the check of the ledger has to tell of each."""
MIDWAY: Final = 5
"""Kills of a step that left files as they are neither before nor after it: else the step was never hit."""
SEEDS: Final = range(len(steps.STEPS) * KILLS)


@cache
def _folder() -> str:
    return str(scratch_folder() / "killed")


@cache
def _counted(step: str) -> Done:
    """Take a step undisturbed, and count its operations."""
    done = taken(step, steps.restored(step, _folder()))
    if done is None:
        raise RuntimeError(f"{step}: killed by somebody else")
    return done


def points(step: str) -> list[tuple[int, bool]]:
    """Where a step can be killed: before each operation, halfway each write; spread where they are many."""
    done = _counted(step)
    every = [(at, False) for at in range(1, done.operations + 1)] + [(at, True) for at in done.writes]
    wanted = min(len(every), AT_OPERATIONS)
    return [every[number * len(every) // wanted] for number in range(wanted)]


def one(seed: int) -> dict[str, Any]:
    """Kill one step once, look at what is there, repeat the step, and look again."""
    step, number = list(steps.STEPS)[seed // KILLS], seed % KILLS
    where = points(step)
    top = steps.restored(step, _folder())
    before = steps.bytes_of(top)
    if number < len(where):
        at, torn = where[number]
        done = taken(step, top, at=at, torn=torn)
    else:
        done = _at_any_instant(step, Random(seed).random())
    after = steps.bytes_of(top)
    half = False
    with suppress(CausalsigError):  # what cannot be read is judged below
        half = steps.half_withdrawn(step, top)
    wrong = [f"at once: {text}" for text in _judged(steps.wrong_now, step, top)]
    wrong += [f"repeated: {text}" for text in _judged(_repeated, step, top)]
    wanted = steps.snapshot(step, _folder())[1]
    found = _contents(step, top)
    if found != wanted:
        other = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        wrong += [f"repeated: other bytes of {_kind(name)}" for name in other]
    midway = done is None and after != before and wrong_end(step, top, after)
    return {"step": step, "killed": done is None, "midway": midway, "half": half, "wrong": wrong}


def _at_any_instant(step: str, share: float) -> Done | None:
    """Kill a step after a share of its time; sooner where a machine that is less busy was done before."""
    done: Done | None = None
    for attempt in range(ATTEMPTS):
        top = steps.restored(step, _folder())
        done = taken(step, top, after=share * _counted(step).seconds / 2**attempt)
        if done is None:
            break
    return done


def _repeated(step: str, top: Any) -> list[str]:
    steps.act(step, top)
    return steps.wrong_afterwards(step, top)


def _contents(step: str, top: Any) -> dict[str, str]:
    try:
        return steps.contents(step, top)
    except ValueError:
        return {"a file that cannot be read": ""}


def wrong_end(step: str, top: Any, after: dict[str, bytes]) -> bool:
    """Say whether a kill left other files than the step's end has."""
    return after.keys() != steps.bytes_of(top).keys() or after != steps.bytes_of(top)


def _kind(name: str) -> str:
    """Name a file by its kind: site codes and key ids are drawn."""
    last = name.rsplit("/", 1)[-1]
    return last if len(last) < 30 else "..." + last[-20:]


def _judged(judge: Any, step: str, top: Any) -> list[str]:
    """Return what a look finds; an error of the house is a finding, with its code."""
    try:
        return list(judge(step, top))
    except CausalsigError as error:
        return [error.code]
    except (OSError, RuntimeError, ValueError) as error:
        return [type(error).__name__]


def run(context: Context) -> Verdict:
    """Kill every step many times."""
    rows = context.replicate(one, SEEDS)
    killed = Counter(row["step"] for row in rows if row["killed"])
    midway = Counter(row["step"] for row in rows if row["midway"])
    wrong = Counter(f"{row['step']}, {text}" for row in rows for text in row["wrong"])
    taken_steps = sorted({row["step"] for row in rows})
    half = sum(row["half"] for row in rows)
    withdrawals = FEWEST_HALF if "withdraw" in taken_steps else 0
    enough = half >= withdrawals and all(
        killed[step] >= FEWEST and midway[step] >= MIDWAY for step in taken_steps
    )
    return {
        "passed": not wrong and enough and half >= withdrawals,
        "replications": len(rows),
        "seed": SEEDS.start,
        "figures": {
            "kills a step, at least": {"observed": min(killed.values()), "bound": FEWEST},
            "kills midway a step, at least": {
                "observed": min(midway[step] for step in taken_steps),
                "bound": MIDWAY,
            },
            "kills between a withdrawal's line and its word, judged at once": {
                "observed": half,
                "bound": withdrawals,
            },
            "kills, by step": dict(killed),
            "kills that left files neither as before nor as after, by step": dict(midway),
            "what was lost, stray or half released": dict(wrong),
        },
    }
