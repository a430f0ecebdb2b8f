"""What can go wrong at a provider, with real processes; every function says what was wrong afterwards."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from evidence.claims._canary_runs import Said
from evidence.claims._provider_world import SIZES, STEPS, World, undisturbed, world

SABOTAGE: Final = Path(__file__).parent / "fault_sabotage"
KILLS: Final = {"run": 6, "shown": 1, "operator": 2, "shown again": 1, "checker": 2}
"""Of each step, in a round."""
ATTEMPTS: Final = 6
PATIENCE: Final = 600.0
FIRST, SECOND, THIRD = SIZES
SMALL_FILES: Final = (2_000, 20_000, 60_000)
"""Bytes beyond which no file can be written: nothing, the record of the ledger, the largest result."""
WELL: Final = dict.fromkeys(SIZES, "done")


def befallen(kinds: Mapping[str, str], **more: str) -> dict[str, str]:
    """Environment in which these things happen to these sites."""
    return {"PYTHONPATH": str(SABOTAGE), "FAULT_KINDS": json.dumps(dict(kinds))} | more


def kills(seed: int) -> dict[str, Any]:
    """Kill every step at random moments, its processes with it or not, and go on at once each time."""
    draw, killed = Random(seed), 0
    with world() as at:
        for step in STEPS:
            for _ in range(KILLS[step]):
                killed += _killed(at, step, draw)
            said = at.desk.run(*at.step(step))
            if said.code:
                at.desk.wrong.append(f"{step}: ended with {said.code} after its kills")
            if step == "run":
                at.desk.wrong += at.table(said, dict.fromkeys(SIZES, ""))
        return {"kills": killed, "wrong": at.desk.wrong + at.wrong()}


def _killed(at: World, step: str, draw: Random) -> bool:
    """Start a step and kill it; sooner where it had come to its end."""
    share, alone = draw.random(), draw.random() < 0.5
    for attempt in range(ATTEMPTS):
        with at.desk.start(*at.step(step)) as process:
            try:
                process.communicate(timeout=undisturbed().seconds[step] * share / 2**attempt)
            except subprocess.TimeoutExpired:
                if alone:
                    process.kill()
                else:
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return True
    return False


def disk_full() -> list[str]:
    """Let no file grow beyond so much, at every step; then make room and go on."""
    with world() as at:
        for most in SMALL_FILES:
            for step in STEPS:
                said = at.desk.run(*at.step(step), preexec_fn=_no_larger(most))
                if step == "run" and most == SMALL_FILES[0]:
                    at.desk.wrong += _code(said, 2) + _says(said, dict.fromkeys(SIZES, "run-no-space"))
                at.desk.wrong += at.stray()
        return at.desk.wrong + at.to_the_end()


def _no_larger(most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def read_only() -> list[str]:
    """Mount the folder of the run read-only, before anything is there and when half is done."""
    with world() as at:
        at.out.mkdir()
        said = _read_only(at, at.out, "run")
        at.desk.wrong += _code(said, 2) + _says(said, dict.fromkeys(SIZES, "run-not-permitted"))
        if list(at.out.iterdir()):
            at.desk.wrong.append("files in a folder that is read-only")
        at.desk.wrong += _code(at.desk.run(*at.step("run"), "--only", SECOND), 0)
        before = _files(at.out)
        said = _read_only(at, at.out, "run")
        at.desk.wrong += _code(said, 2) + _says(said, {SECOND: "kept", FIRST: "run-not-permitted"})
        if _files(at.out) != before:
            at.desk.wrong.append("other files in a folder that is read-only")
        at.desk.wrong += _code(at.desk.run(*at.step("run")), 0)
        at.outbox.mkdir()
        for role in STEPS[1:]:
            _read_only(at, at.outbox, role)
        if list(at.outbox.iterdir()):
            at.desk.wrong.append("a release in an outbox that is read-only")
        return at.desk.wrong + at.to_the_end()


def _read_only(at: World, folder: Path, step: str) -> Said:
    """Type a step where a folder is mounted read-only: of a superuser no permission keeps anything."""
    import sys

    room = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(folder), str(folder)]
    words = [*room, sys.executable, "-m", "causalsig_cli.app", *map(str, at.step(step))]
    done = subprocess.run(
        words,
        cwd=at.desk.folder,
        env=at.desk.environment(),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    said = Said(done.returncode, done.stdout.decode(), done.stderr.decode())
    return at.desk.judged(said, at.step(step))


def source_goes() -> list[str]:
    """Take a source away, and write to another, just before they are read; put them back and go on."""
    with world() as at:
        kept = {code: at.source(code).read_bytes() for code in SIZES}
        kinds = {FIRST: "source gone", SECOND: "source written to"}
        said = at.desk.run(*at.step("run"), "--isolate", "no", more=befallen(kinds))
        changed = dict.fromkeys((FIRST, SECOND), "site-source-changed")
        at.desk.wrong += _code(said, 2) + at.table(said, {**changed, THIRD: "done"})
        at.desk.wrong += ["a result of a source that changed"] * (at.payloads().keys() != {THIRD})
        for code, content in kept.items():
            at.source(code).write_bytes(content)
        said = at.desk.run(*at.step("run"), "--retry-failed")
        at.desk.wrong += _code(said, 0) + at.table(said, dict.fromkeys((FIRST, SECOND), "done"))
        return at.desk.wrong + at.to_the_end()


def poisoned_cells() -> list[str]:
    """Put what no cell should hold into every column of one source: it alone may fail, with a code."""
    from evidence.claims._canary_sources import inside, layout_of

    with world() as at:
        whole = at.source(SECOND).read_bytes()
        layout = layout_of("xxllnc 2026")
        at.source(SECOND).unlink()
        layout.write(at.desk.sources, SECOND, inside(layout.columns), "all")
        said = at.desk.run(*at.step("run"))
        rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line[:1].isdigit()}
        at.desk.wrong += ["a poisoned source that gave a result"] * (rows[SECOND][0] != "failed")
        at.desk.wrong += [f"a code nobody explains: {rows[SECOND][1]}"] * (
            not _explained(at, rows[SECOND][1])
        )
        clean = {code: undisturbed().payloads[code] for code in (FIRST, THIRD)}
        at.desk.wrong += ["another result beside a poisoned source"] * (at.payloads() != clean)
        (at.source(SECOND)).write_bytes(whole)
        return at.desk.wrong + at.to_the_end()


def _explained(at: World, code: str) -> bool:
    return at.desk.run("explain", code).code == 0 and code != "site-internal-error"


def too_much() -> list[str]:
    """Let one site fill the memory, one hang and one die; then let them go as they should."""
    with world() as at:
        kinds = {FIRST: "balloon", SECOND: "hang", THIRD: "dies"}
        limits = ("--memory", "0.5", "--time-limit", "1.5")
        said = at.desk.run(*at.step("run"), *limits, more=befallen(kinds))
        codes = ("site-over-memory", "site-over-time", "site-internal-error")
        at.desk.wrong += _code(said, 2) + at.table(said, dict(zip(SIZES, codes, strict=True)))
        at.desk.wrong += ["a result of a site that was ended"] * bool(at.payloads())
        said = at.desk.run(*at.step("run"), "--retry-failed")
        at.desk.wrong += _code(said, 0) + at.table(said, WELL)
        return at.desk.wrong + at.to_the_end()


def clock_back() -> list[str]:
    """Set the clock back to a day on which an agreement that ended was in force."""
    with world() as at:
        at.desk.wrong += at.to_the_end()
        ended = at.desk.inventory.read_text("utf-8").replace("[sites.agreement]\n", f"{_ENDED}\n")
        if _ENDED not in ended:
            at.desk.wrong.append("no agreement to end")
        at.desk.inventory.write_text(ended, "utf-8")
        now = at.desk.run(*at.step("run"))
        at.desk.wrong += _code(now, 2) + _says_anywhere(now, "site-no-agreement")
        before = _files(at.desk.folder)
        for folder in (at.out, at.desk.folder / "another"):  # the ledger remembers what a folder does not
            words = ("faketime", "-f", "-300d", *_program(at, folder))
            done = subprocess.run(
                words,
                cwd=at.desk.folder,
                env=at.desk.environment(_MONOTONIC),
                capture_output=True,
                check=False,
            )
            said = Said(done.returncode, done.stdout.decode(), done.stderr.decode())
            at.desk.wrong += _code(said, 2) + _says_anywhere(said, "run-clock-back")
        if _files(at.desk.folder) != before:
            at.desk.wrong.append("files of a run by a clock that was set back")
        return at.desk.wrong


_ENDED: Final = "[sites.agreement]\nends_on = 2026-06-01"
_MONOTONIC: Final = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def _program(at: World, out: Path) -> list[str]:
    import sys

    words = [*map(str, at.step("run"))]
    words[words.index("--out") + 1] = str(out)
    return [sys.executable, "-m", "causalsig_cli.app", *words]


def two_at_once() -> list[str]:
    """Start every step twice at the same time: one does it, and nothing is done twice."""
    with world() as at:
        for step in STEPS:
            both = [at.desk.start(*at.step(step)) for _ in range(2)]
            said = []
            for process in both:
                out, err = process.communicate(timeout=PATIENCE)
                said.append(at.desk.judged(Said(process.returncode, out.decode(), err.decode()), (step,)))
            busy = [one for one in said if "site-run-busy" in one.err]
            if step == "run":
                # The slower of two that do not meet keeps what the other did.
                well = [one for one in said if one.code == 0]
                at.desk.wrong += [f"{len(well)} of two runs ended well"] * (len(well) + len(busy) != 2)
            at.desk.wrong += ["both of two were busy"] * (len(busy) == 2)
        return at.desk.wrong + at.to_the_end()


def edited() -> list[str]:
    """Edit, cut off or take away each file of a site that was run: the site is run again, and only it."""
    with world() as at:
        at.desk.wrong += _code(at.desk.run(*at.step("run")), 0)
        folder = at.out / "sites" / SECOND
        spoils: dict[str, Callable[[Path], Any]] = {
            "site.json": lambda path: path.write_text(path.read_text("utf-8").replace("1", "2"), "utf-8"),
            "run.json": lambda path: path.write_bytes(path.read_bytes()[:100]),
            "ledger-candidate.json": Path.unlink,
        }
        for name, spoil in spoils.items():
            spoil(folder / name)
            said = at.desk.run(*at.step("run"))
            at.desk.wrong += _code(said, 0) + at.table(said, {FIRST: "kept", SECOND: "done", THIRD: "kept"})
        return at.desk.wrong + at.to_the_end()


def a_room() -> list[str]:
    """Let a process look round in its room: no other source, no network, nothing to write elsewhere."""
    with world() as at, socket.create_server(("127.0.0.1", 0)) as end:
        elsewhere = [at.source(code) for code in (SECOND, THIRD)] + [at.desk.keys / "operator.key"]
        told = {"FAULT_ELSEWHERE": json.dumps([str(path) for path in elsewhere])}
        told |= {"FAULT_PORT": str(end.getsockname()[1])}
        seen = {}
        for isolate in ("yes", "no"):
            more = befallen({FIRST: "peeks"}, **told)
            said = at.desk.run(*at.step("run"), "--only", FIRST, "--isolate", isolate, more=more)
            at.desk.wrong += _code(said, 0)
            found = at.out / "sites" / FIRST / "seen.json"
            seen[isolate] = json.loads(found.read_text("utf-8")) if found.exists() else None
            at.desk.wrong += ["another result in a room"] * (
                at.payloads() != {FIRST: undisturbed().payloads[FIRST]}
            )
            if any(path.with_suffix(".written").exists() for path in elsewhere):
                seen[isolate] = [*(seen[isolate] or []), "writes elsewhere"]
            shutil.rmtree(at.out)
        if seen["yes"] != []:
            at.desk.wrong.append(f"in its room it {', '.join(seen['yes'] or ('was not seen',))}")
        if set(seen["no"] or ()) != {"sees another file", "has a network", "writes elsewhere"}:
            at.desk.wrong.append("without a room something is not seen: the look round is blind")
        return at.desk.wrong


FAULTS: Final[Mapping[str, Callable[[], list[str]]]] = {
    "disk full": disk_full,
    "read-only output": read_only,
    "a source that goes or changes": source_goes,
    "poisoned cells": poisoned_cells,
    "over memory, over time, dead": too_much,
    "a clock set back": clock_back,
    "two at once": two_at_once,
    "an edited folder": edited,
    "a room of its own": a_room,
}


def _code(said: Said, wanted: int) -> list[str]:
    return [f"ended with {said.code} in place of {wanted}"] * (said.code != wanted)


def _says(said: Said, expected: Mapping[str, str]) -> list[str]:
    rows = {line.split()[0]: line for line in said.out.splitlines() if line[:1].isdigit()}
    return [
        f"a table without {wanted}" for code, wanted in expected.items() if wanted not in rows.get(code, "")
    ]


def _says_anywhere(said: Said, code: str) -> list[str]:
    return [f"{code} is not said"] * (code not in said.out + said.err)


def _files(top: Path) -> dict[str, bytes]:
    """All files below a folder but the log of a run and what programs keep at home."""
    return {
        path.relative_to(top).as_posix(): path.read_bytes()
        for path in sorted(top.rglob("*"))
        if path.is_file() and not path.name.startswith("run.log") and "home" not in path.parts
    }
