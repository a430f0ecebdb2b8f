"""The table of traps: a plain analysis, one blind to the trap, and the default study, side by side.

Every trap alone, in municipalities of 300,000 inhabitants. Where a trap shows without any effect nothing
works and every contrast is 0; where it shows in the size of an effect help works strongly and the generator
knows the contrast. The plain analysis is the difference in means of the very cohort of the default study, so
what it misses is missed by not adjusting only; what practice does wrong besides is in the blind one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from causalsig.simulation.switches import TRAP_NAMES
from evidence.claim import Verdict
from evidence.claims import _chain, trap_coverage
from evidence.claims._trap_flags import FLAGS
from evidence.claims._trap_sites import TABLE, World, law_of, replicate, trap_of
from evidence.context import Context
from evidence.montecarlo import rate_figures

CLAIM = """With each of the generator's traps on by itself, the primary contrasts of the default study
(visit against letter, accepted against not accepted; one municipality, 95 % intervals) cover the truth at
91 to 99 %, or the analysis says by a code of the package, in every municipality it misses, that this trap may
keep it from doing so; how often it says so without the trap stands beside it. At least four in five
municipalities are answered, or refused with such a code. Beside it stand the unadjusted difference and, where
there is one, an analysis blind to the trap."""
ISSUE = 5
SIMULATES = (
    *_chain.SITE,
    *_chain.WORKBOOK,
    "causalsig/simulation/scenarios/base.toml",
    "causalsig/simulation/scenarios/clean.toml",
    "causalsig/simulation/traps/*.py",
    "causalsig/sources/checks*.py",
    "evidence/claims/_trap_blind.py",
    "evidence/claims/_trap_sites.py",
    "evidence/claims/trap_coverage.py",
)
COVERS = (*SIMULATES, "evidence/claims/_trap_flags.py")
SEEDS = range(20_000, 20_080)
"""Eighty: an analysis that covers 70 % is found out in 99 of 100 runs, 75 % in 93, and 85 % in 21."""
BY_FILE = 30
"""Replications of a trap that sits in the file: writing and reading workbooks takes most of the time."""
BAND = (0.91, 0.99)
FEWEST_ANSWERED = 0.8
NORMAL = 1.959963984540054


def run(context: Context) -> Verdict:
    """Count coverage of the three analyses, trap by trap, and what the default one says."""
    worlds: tuple[World, ...] = ("nothing", "help")
    clean = {world: _replications(context, None, world) for world in worlds}
    rows = [line for world in worlds for line in _rows(None, world, clean[world], clean[world])]
    for row in TABLE:
        world = TABLE[row].world
        rows += _rows(row, world, _replications(context, row, world), clean[world])
    without = sorted(set(TRAP_NAMES) - {trap_of(row) for row in TABLE})
    return {
        "passed": all(row["passed"] for row in rows) and not without,
        "figures": {"table": rows, "traps without a row": without},
        "seed": SEEDS.start,
        "replications": len(SEEDS[: context.limit]),
    }


def _replications(context: Context, row: str | None, world: World) -> list[dict[str, Any]]:
    seeds = SEEDS[:BY_FILE] if row is not None and TABLE[row].by_file else SEEDS
    return context.replicate(partial(replicate, row, world), seeds, part=row or f"clean-{world}")


def _rows(
    row: str | None, world: World, found: list[dict[str, Any]], clean: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """One row a question."""
    about = {
        "trap": row or "none",
        "size": "" if row is None else _size(row),
        "world": world,
        "blind analysis": "" if row is None else TABLE[row].about,
        "blind": _blind(row, found),
    }
    return [
        about
        | {"question": question}
        | _judged(row, *([one["questions"][question] for one in lot] for lot in (found, clean)))
        for question in found[0]["questions"]
    ]


def _size(row: str) -> str:
    size = getattr(law_of(row, TABLE[row].world).traps, trap_of(row)).model_dump(by_alias=True)
    return ", ".join(f"{name} {value}" for name, value in size.items())


def _blind(row: str | None, found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Coverage of the blind analysis; of the true contrast, where help works, by `trap_coverage` only."""
    if row is None or found[0]["blind"] is None:
        return None
    estimate, error = np.array([one["blind"] for one in found]).T
    if TABLE[row].world == "help":
        return {"mean estimate": float(estimate.mean()), "judged by": "trap-coverage"}
    inside = int((np.abs(estimate) <= NORMAL * error).sum())
    return {**rate_figures(inside, len(found), trap_coverage.CAUGHT), "mean bias": float(estimate.mean())}


def _judged(row: str | None, found: list[dict[str, Any]], clean: list[dict[str, Any]]) -> dict[str, Any]:
    """Judge the default analysis of one question over the replications."""
    flags = FLAGS.get(row or "", frozenset())
    answered = [one for one in found if one["default"] is not None]
    refused = [one for one in found if one["default"] is None]
    naive, default = (_coverage(answered, name) for name in ("naive", "default"))
    missed = [one for one in answered if not _covers(one, "default")]
    unflagged = sum(not flags & set(one["codes"]) for one in missed)
    seen = sorted(flags & {code for one in found for code in one["codes"]})
    flagged = bool(seen) and unflagged == 0
    told = bool(refused) and all(flags & set(one["codes"]) for one in refused)
    enough = told or len(answered) >= FEWEST_ANSWERED * len(found)
    passed = enough and (not answered or bool(default["passed"]) or flagged)
    return {
        "naive": naive,
        "default": default,
        "refused": len(refused),
        "reasons": sorted({code for one in refused for code in one["codes"]}),
        "flags": seen,
        "municipalities with a flag": sum(bool(flags & set(one["codes"])) for one in found) / len(found),
        "the same without the trap": sum(bool(flags & set(one["codes"])) for one in clean) / len(clean),
        "missed without a flag": unflagged,
        "outcome": _outcome(passed, flagged, default, len(answered)),
        "passed": passed,
    }


def _outcome(passed: bool, flagged: bool, default: dict[str, Any], answered: int) -> str:
    if not answered:
        return "refused"
    if default["passed"]:
        return "covers and flags" if flagged else "covers"
    return "flags" if passed else "neither"


def _covers(one: dict[str, Any], name: str) -> bool:
    _, low, high = one[name]
    return bool(low <= one["truth"] <= high)


def _coverage(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    if not found:
        return {"passed": True, "replications": 0}
    error = np.array([one[name][0] - one["truth"] for one in found])
    width = np.array([one[name][2] - one[name][1] for one in found])
    inside = sum(_covers(one, name) for one in found)
    return {
        **rate_figures(inside, len(found), BAND),
        "mean bias": float(error.mean()),
        "Monte Carlo error": float(error.std(ddof=1) / np.sqrt(len(error))) if len(error) > 1 else None,
        "mean width": float(width.mean()),
    }
