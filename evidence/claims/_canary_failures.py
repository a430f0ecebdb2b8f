"""Every kind of failure beside planted rows: broken files, crashes, a full disk, Ctrl-C; a leaking build."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from evidence.claims._canary_runs import STUDY, Desk, Said, codes_of, desk, full_run, told
from evidence.claims._canary_sources import NAME, inside, layout_of
from evidence.claims._canary_words import CANARIES

SABOTAGE: Final = Path(__file__).parent / "canary_sabotage"
CELL: Final = " / ".join(canary.value for canary in CANARIES)
"""One text with every canary in it."""
WORKER_CODES: Final[Mapping[str, str]] = {
    "raise": "site-internal-error",
    "group": "site-internal-error",
    "class": "site-internal-error",
    "file": "site-internal-error",
    "exit": "site-internal-error",
    "interrupt": "site-internal-error",
    "memory": "run-no-memory",
    "space": "run-no-space",
    "permission": "run-not-permitted",
    "segfault": "site-internal-error",
    "killed": "site-internal-error",
    "quit": "site-internal-error",
    "speak": "site-done",
}
"""The closed code that the operator sees of a site whose process ends like this."""
COMMAND_CODES: Final[Mapping[str, int]] = {
    "raise": 101,
    "group": 101,
    "class": 101,
    "exit": 101,
    "interrupt": 130,
    "memory": 2,
    "space": 2,
    "permission": 2,
    "speak": 0,
}
"""Exit code of a command that reads rows itself and meets this."""
LARGEST_FILE: Final = 2_000
NO_BYTECODE: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Python itself does not notice that a file it compiles to is cut off, and stumbles over it the next time."""


def plant(at: Desk, code: str, format_: str = "xxllnc 2026") -> Path:
    """Write a source that can be read, with canaries in a few cells of every column."""
    layout = layout_of(format_)
    return layout.write(at.sources, code, inside(layout.columns), "few")


def sabotage(kinds: Mapping[str, str]) -> dict[str, str]:
    """Environment of a program that is to misbehave."""
    return {"PYTHONPATH": str(SABOTAGE), "CANARY_TEXT": CELL, "CANARY_KINDS": json.dumps(dict(kinds))}


def run_study(at: Desk, **how: Any) -> Said:
    """Run the study at every source of the desk."""
    given = (at.sources, "--inventory", at.inventory, "--keys", at.keys, "--out", at.folder / "run")
    return at.run("site", "run", STUDY, *given, **how)


def crashes_in_a_process(kinds: tuple[str, ...] = tuple(WORKER_CODES)) -> dict[str, Any]:
    """Let the process of each site end in another way; each has its closed code, and a masked log."""
    with desk(codes_of(len(kinds))) as at:
        for code in codes_of(len(kinds)):
            plant(at, code)
        told_to = dict(zip(codes_of(len(kinds)), kinds, strict=True))
        said = run_study(at, more=sabotage(told_to))
        at.search()
        rows = {line.split()[0]: line for line in said.out.splitlines() if line[:1].isdigit()}
        at.wrong += [
            f"{kind}: another code than {WORKER_CODES[kind]}"
            for code, kind in told_to.items()
            if kind != "speak" and WORKER_CODES[kind] not in rows.get(code, "")
        ]
        logs = at.folder / "run" / "sites"
        at.wrong += [
            f"{kind}: no worker.log"
            for code, kind in told_to.items()
            if kind not in ("killed",) and not (logs / code / "worker.log").exists()
        ]
        return told(at, {"site run": said.code})


def crashes_in_a_command(kinds: tuple[str, ...] = tuple(COMMAND_CODES)) -> dict[str, Any]:
    """Let a command that reads rows itself meet each of these."""
    [code] = codes_of(1)
    with desk([code]) as at:
        source = plant(at, code)
        ended = {}
        for kind in kinds:
            given = ("site", "profile", source, "--inventory", at.inventory, "--keys", at.keys, "--force")
            said = at.run(*given, "--out", at.folder / kind, more=sabotage({"command": kind}))
            ended[kind] = said.code
            if said.code != COMMAND_CODES[kind]:
                at.wrong.append(f"{kind}: ended with {said.code} in place of {COMMAND_CODES[kind]}")
        at.search()
        return told(at, ended)


def a_build_that_leaks() -> dict[str, Any]:
    """Sabotage a build that writes a cell in every way; give those in which the search did not find it."""
    [code] = codes_of(1)
    with desk([code]) as at:
        plant(at, code)
        run_study(at, more=sabotage({code: "leak"}))
        at.search()
        leaks = sorted(path.name for path in (at.folder / "run").rglob("leak-*"))
        kinds = [canary.kind for canary in CANARIES]
        missed = [
            f"{name}: {kind}"
            for name in leaks
            for kind in kinds
            if not any(line.startswith(f"{name}: {kind} ") for line in at.wrong)
        ]
        missed += [] if leaks else ["nothing was leaked"]
        return {"wrong": missed, "programs": at.programs, "files": at.files, "ended": {}, "leaks": len(leaks)}


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _spoil_inside(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"][:3000] + b"<<" + CELL.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _each(do: Callable[[Path], Any]) -> Callable[[Path], None]:
    def every(folder: Path) -> None:
        for path in sorted(folder.glob("*.*")):
            do(path)

    return every


def _bad_bytes(path: Path) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + b"\xff\xfe\xed\xa0" + CELL.encode() + content[middle:])


def _torn_row(path: Path) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f'"{CELL}\n{CELL};;;"{CELL}')


def _header(path: Path) -> None:
    text = path.read_text("utf-8").split("\n", 1)
    path.write_text(",".join([NAME, *text[0].split(",")[1:]]) + "\n" + text[1], encoding="utf-8")


def _key_twice(path: Path) -> None:
    text = path.read_text("utf-8")
    path.write_text(f'{{"{NAME}": "{CELL}", "{NAME}": 4321, {text.lstrip()[1:]}', encoding="utf-8")


BAD_FILES: Final[tuple[tuple[str, str, Callable[[Path], Any]], ...]] = (
    ("cut off", "xxllnc 2026", _cut),
    ("spoilt inside", "xxllnc 2026", _spoil_inside),
    ("text in a workbook's place", "xxllnc 2026", lambda path: path.write_text(CELL)),
    ("empty", "xxllnc flat sheet", lambda path: path.write_bytes(b"")),
    ("cut off", "xxllnc flat sheet", _cut),
    ("cut off", "DDAS 1.2", _cut),
    ("text for JSON", "DDAS 1.2", lambda path: path.write_text(CELL)),
    ("a key twice", "DDAS 1.2", _key_twice),
    ("nested deep", "DDAS 1.2", lambda path: path.write_text(f'{"[" * 9_999}"{CELL}"')),
    ("bad bytes", "DDAS 0.9", _bad_bytes),
    ("bad bytes", "canonical CSV", _each(_bad_bytes)),
    ("a torn row", "canonical CSV", _each(_torn_row)),
    ("a column of another name", "canonical CSV", _each(_header)),
    ("cut off", "canonical Parquet", _each(_cut)),
    ("text for Parquet", "canonical Parquet", _each(lambda path: path.write_text(CELL))),
    ("no database", "database", lambda path: path.with_suffix(".db").write_text(CELL)),
    ("cut off", "database", lambda path: _cut(path.with_suffix(".db"))),
    ("a broken address", "database", lambda path: path.write_text(f'url = "{CELL}\n{CELL}')),
)
"""What is wrong, with a source of which format, and how it comes about."""


def broken_files() -> dict[str, Any]:
    """Spoil planted files of every format, and take them all through every command."""
    codes = codes_of(len(BAD_FILES) + 1)
    with desk(codes) as at:
        for code, (_, format_, spoil) in zip(codes, BAD_FILES, strict=False):
            spoil(plant(at, code, format_))
        plant(at, codes[-1])
        ended = full_run(at)
        for path in sorted(at.sources.iterdir()):
            if not path.name.endswith(".db"):
                at.run("site", "check", path, "--inventory", at.inventory)
        return told(at, ended)


def the_machine() -> dict[str, Any]:
    """Fill the disk, take the folder away, press Ctrl-C in the middle: the code is closed."""
    codes = codes_of(3)
    with desk(codes) as at:
        for code in codes:
            plant(at, code)
        full: dict[str, Any] = {"more": NO_BYTECODE, "preexec_fn": _small_files}
        ended = {"disk full": run_study(at, **full).code}
        given = (at.sources, "--inventory", at.inventory, "--keys", at.keys)
        again = ("site", "run", STUDY, *given, "--out", at.folder / "run", "--retry-failed")
        # With room on the disk again, what failed is named, and done.
        named, done = at.run(*again, "--dry-run"), at.run(*again)
        if (named.code, named.out.count("would run"), done.code) != (0, len(codes), 0):
            at.wrong.append("the disk has room again: not every site was run again")
        profile = ("site", "profile", *given, "--out", at.folder / "profile")
        ended["disk full, profile"] = at.run(*profile, **full).code
        nowhere = ("--out", "/proc/causalsig")
        ended["no folder"] = at.run("site", "run", STUDY, *given, *nowhere).code
        ended["Ctrl-C"] = interrupted(at).code
        at.search()
        if ended["Ctrl-C"] != 130:
            at.wrong.append(f"Ctrl-C: ended with {ended['Ctrl-C']}")
        at.wrong += [f"{name}: ended well" for name, code in ended.items() if code == 0]
        return told(at, ended)


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


def _hear() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(at: Desk) -> Said:
    """Press Ctrl-C, which reaches every process of the terminal, when the first site is at work."""
    arguments = ("site", "run", STUDY, at.sources, "--inventory", at.inventory, "--keys", at.keys)
    # What a shell runs in its background is deaf to Ctrl-C from the start; this program must hear it.
    with at.start(*arguments, "--out", at.folder / "stopped", preexec_fn=_hear) as process:
        while process.poll() is None and not list((at.folder / "stopped").glob("sites/*/job.json")):
            time.sleep(0.02)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    return at.judged(Said(process.returncode, out.decode(), err.decode()), arguments)
