"""Nothing of what is planted in every column of every format comes out of full runs, failures included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from evidence.claim import Verdict
from evidence.claims._canary_commands import NOT_TYPED, commands, not_typed
from evidence.claims._canary_country import country
from evidence.claims._canary_failures import (
    BAD_FILES,
    COMMAND_CODES,
    WORKER_CODES,
    a_build_that_leaks,
    broken_files,
    crashes_in_a_command,
    crashes_in_a_process,
    the_machine,
)
from evidence.claims._canary_people import PLACES, SCREENS
from evidence.claims._canary_runs import HOLDS_ROWS, all_columns, one_column_each
from evidence.claims._canary_sources import LAYOUTS, layout_of
from evidence.claims._canary_words import CANARIES, TYPED
from evidence.context import Context

CLAIM = """Names, citizen numbers, postcodes, rare labels, e-mail addresses, accounts, birth dates and the
amount 4321 are planted in every column of every format, all together and one column at a time, and in names
of files, tabs and columns. They are in no file, on no screen and in no log that the real commands leave:
when these succeed, meet broken files, crash, are killed or interrupted, or find the disk full. A build that
leaks a cell in any of 18 ways is found out. Each end has its documented exit code, each failed site a
closed code, and each process that spoke a masked log that only its owner can read. (A single column is
read, described and monitored in every format, and taken through the whole study in three.) Every command of
the program is typed, but for a short list with reasons. Who approved and why stands in the record of the
review and where that is shown to its two people, and the label of a study in its own file: neither in what
leaves, in a report, in the ledger or in a log."""
ISSUE = 11
COVERS = (
    "causalsig/failures.py",
    "causalsig/silence.py",
    "causalsig/errors.py",
    "causalsig/sources/*.py",
    "causalsig/execution/*.py",
    "causalsig/release/*.py",
    "causalsig/report/*.py",
    "cli/causalsig_cli/*.py",
    "evidence/claims/_canary_*.py",
    "evidence/claims/canary_sabotage/*.py",
    "evidence/claims/_mutated_formats.py",
)
A_TIME: Final = 8
"""Columns of one replication: a kill loses no more than a minute or two."""
RUN_WHOLE: Final = ("xxllnc 2026", "DDAS 1.2", "canonical CSV")
"""Formats of which the study is run at a source for each column; of the others each column is read, described
and monitored, and all columns together go the whole way. After reading, formats differ no more."""
LEAKS: Final = 18
LISTED: Final = 40
Unit = Callable[[], dict[str, Any]]


def _columns(format_: str, start: int) -> Unit:
    columns = layout_of(format_).columns[start : start + A_TIME]
    return lambda: one_column_each(format_, columns, "few", whole=format_ in RUN_WHOLE)


def units() -> dict[str, Unit]:
    """Every part of the claim by name, the quick ones that can show most first."""
    named: dict[str, Unit] = {
        "a build that leaks": a_build_that_leaks,
        "crashes in a process": crashes_in_a_process,
        "crashes in a command": crashes_in_a_command,
        "broken files": broken_files,
        "the machine": the_machine,
        "a country": country,
    }
    for name in LAYOUTS:
        named[f"all columns of {name}"] = _together(name)
    for name in LAYOUTS:
        for start in range(0, len(layout_of(name).columns), A_TIME):
            named[f"{name}, from column {start + 1}"] = _columns(name, start)
    return named


def _together(format_: str) -> Unit:
    return lambda: all_columns(format_)


def one(seed: int) -> dict[str, Any]:
    """Run the part of this number."""
    name, unit = list(units().items())[seed]
    return {"part": name} | unit()


def run(context: Context) -> Verdict:
    """Run every part, and count what was looked at and what was found."""
    rows = context.replicate(one, range(len(units())))
    wrong = [f"{row['part']}: {line}" for row in rows for line in row["wrong"]]
    untyped = not_typed({name for row in rows for name in row.get("typed", ())})
    kept = {kind for row in rows for kind in row.get("kept", ())}
    codes = Counter(str(code) for row in rows for code in row["ended"].values())
    leaks = next((row["leaks"] for row in rows if "leaks" in row), 0)
    return {
        "passed": not wrong and not untyped and leaks == LEAKS and len(kept) == len(TYPED),
        "replications": len(rows),
        "figures": {
            "kinds of canaries": len(CANARIES),
            "formats": len(LAYOUTS),
            "columns, file, tab and column names": sum(len(layout_of(name).columns) for name in LAYOUTS),
            "programs run": sum(row["programs"] for row in rows),
            "files searched": sum(row["files"] for row in rows),
            "broken files": len(BAD_FILES),
            "ways to end a process": len(WORKER_CODES),
            "ways to end a command": len(COMMAND_CODES),
            "ways to leak, all found": leaks,
            "commands typed": len(commands()) - len(NOT_TYPED),
            "commands not typed": [f"{name}: {why}" for name, why in NOT_TYPED.items()],
            "commands that should have been": untyped,
            "what people typed, found where it may stand": sorted(kept),
            "where it may stand": [_line(kind, places) for kind, places in PLACES.items()],
            "exit codes": dict(sorted(codes.items())),
            "what may hold rows": _allowed(HOLDS_ROWS),
            "canaries found": len(wrong),
            "found": wrong[:LISTED],
        },
    }


def _line(kind: str, places: Mapping[str, str]) -> str:
    return f"{kind}: {', '.join(places)}; on the screen of {', '.join(SCREENS[kind])}"


def _allowed(places: Mapping[str, str]) -> list[str]:
    return [f"{place}: {why}" for place, why in places.items()]
