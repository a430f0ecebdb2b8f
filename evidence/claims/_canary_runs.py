"""Run the command as a program beside planted sources, and search all it leaves and says."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from evidence.claims._canary_commands import typed_in
from evidence.claims._canary_people import may_be_in, may_be_shown
from evidence.claims._canary_search import search_file, search_text
from evidence.claims._canary_sources import TOWN, Dose, inside, layout_of
from evidence.claims._canary_words import APPROVER, REASON

STUDY: Final = "vroegsignalering"
ROOT: Final = Path(__file__).parents[2]
EXIT_CODES: Final = frozenset({0, 1, 2, 3, 101, 130})
"""The documented ones."""
HOLDS_ROWS: Final[Mapping[str, str]] = {
    "sources": "the provider's own export, which is read and never written"
}
"""Closed list of what may hold a row, with the reason; everything else beside it is searched."""
OWNER_ONLY: Final = (
    "worker.log", "outcome.json", "run.json", "site.json", "review.json", "ledger-candidate.json",
    "certificate.json", "ledger.jsonl",
)  # fmt: skip
"""Files of the provider that hold no row, and that still nobody else on the machine may read."""
FIRST_CODE: Final = 9101
SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Said:
    """How a program ended, and what it showed."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Desk:
    """A provider's folder: sources with canaries, and beside them all that a program may write.

    ``typed`` are the commands that were run, alone and with each option; ``kept`` the kinds of what people
    typed that were found where they may be.
    """

    folder: Path
    wrong: list[str] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    programs: int = 0
    files: int = 0

    @property
    def sources(self) -> Path:
        """What holds rows."""
        return self.folder / "sources"

    def take(self, other: Desk) -> None:
        """Take over what was noted at a desk that stands below this one."""
        self.wrong += other.wrong
        self.typed |= other.typed
        self.programs += other.programs

    @property
    def keys(self) -> Path:
        """Keys of everybody, for the demo."""
        return self.folder / "keys"

    @property
    def inventory(self) -> Path:
        """The provider's list of sites."""
        return self.folder / "inventory.toml"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Environment in which every file that a program makes by itself lies in this folder."""
        home = self.folder / "home"
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED}
        path = os.pathsep.join([*([more["PYTHONPATH"]] if more and "PYTHONPATH" in more else []), *_PATHS])
        places = {"HOME": home, "TMPDIR": home / "tmp", "XDG_STATE_HOME": home / "state"}
        places |= {"XDG_CACHE_HOME": home / "cache", "MPLCONFIGDIR": home / "mpl"}
        return (
            kept
            | {name: str(place) for name, place in places.items()}
            | (dict(more or {}))
            | {"PYTHONPATH": path}
        )

    def start(self, *arguments: object, more: Mapping[str, str] | None = None, **how: Any) -> Any:
        """Start the command as a program of its own, in a session of its own."""
        self.programs += 1
        self.typed |= typed_in(arguments)
        return subprocess.Popen(
            [sys.executable, "-m", "causalsig_cli.app", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **how,
        )

    def run(self, *arguments: object, more: Mapping[str, str] | None = None, **how: Any) -> Said:
        """Run the command; what it shows is searched."""
        with self.start(*arguments, more=more, **how) as process:
            out, err = process.communicate(timeout=SECONDS)
        return self.judged(Said(process.returncode, out.decode(), err.decode()), arguments)

    def judged(self, said: Said, arguments: Sequence[object]) -> Said:
        """Note what a program should not have shown, and an end that is not documented."""
        name = " ".join(map(str, arguments[:2]))
        for place, text in (("stdout", said.out), ("stderr", said.err)):
            self.wrong += [
                f"{name}: {kind} on {place} ({how})"
                for kind, how in sorted(search_text(text))
                if not may_be_shown(kind, name)
            ]
            if "Traceback" in text:
                self.wrong.append(f"{name}: a traceback on {place}")
        if said.code not in EXIT_CODES:
            self.wrong.append(f"{name}: ended with {said.code}")
        return said

    def search(self) -> list[str]:
        """Search every file but those that hold rows; return all that is wrong so far."""
        for path in sorted(self.folder.rglob("*")):
            place = path.relative_to(self.folder)
            if place.parts[0] in HOLDS_ROWS or not path.is_file():
                continue
            self.files += 1
            for kind, how in sorted(search_file(path, self.folder)):
                if may_be_in(kind, place):
                    self.kept.add(kind)
                else:
                    self.wrong.append(f"{place.name}: {kind} ({how})")
            if path.name in OWNER_ONLY and stat.S_IMODE(path.stat().st_mode) & 0o077:
                self.wrong.append(f"{place.name}: others may read it")
        return self.wrong


_NOT_PASSED: Final = ("CAUSALSIG_LOG_DIR", "PYTHONPATH", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE")
_PATHS: Final = (str(ROOT), str(ROOT / "cli"))


@contextmanager
def desk(
    codes: Sequence[str], *, extracted_on: Any = None, inhabitants: int = 2_000, months: int = 18
) -> Iterator[Desk]:
    """Lay a desk for sites of these codes; it goes with all that was written."""
    from causalsig.execution.invent import inventory_toml
    from causalsig.execution.truth import inventory_site
    from causalsig.release.keys import new_keys
    from causalsig.simulation import SiteSpec
    from evidence.claims._mutated_formats import small_site

    folder = Path(tempfile.mkdtemp(prefix="canaries-"))
    try:
        made = Desk(folder)
        made.sources.mkdir()
        site = inventory_site(
            SiteSpec(codes[0], TOWN, inhabitants),
            months=months,
            extracted_on=extracted_on or small_site().extracted_on,
        )
        sites = tuple(site.model_copy(update={"code": code}) for code in codes)
        made.inventory.write_text(inventory_toml(sites), encoding="utf-8")
        new_keys(made.keys, demo=True)
        yield made
    finally:
        shutil.rmtree(folder)


def codes_of(number: int) -> list[str]:
    """Codes of so many municipalities that no real one has."""
    return [str(FIRST_CODE + at) for at in range(number)]


def full_run(at: Desk, *, workers: int = 2, refused: str = "") -> dict[str, int]:
    """Take the sources of a desk from the check to the reports, each step a program; give the exit codes.

    Of the kind ``refused`` ("profile", "monitor") the last site's document is refused.
    """
    given = (at.sources, "--inventory", at.inventory)
    keys = ("--keys", at.keys)
    run = ("--out", at.folder / "run", "--workers", workers)
    ended = {
        "site check": at.run("site", "check", *given).code,
        "site check, JSON": at.run("site", "check", *given, "--format", "json").code,
        "site run": at.run("site", "run", STUDY, *given, *keys, *run).code,
    }
    for kind in ("profile", "monitor"):
        out = at.folder / kind
        ended[f"site {kind}"] = at.run("site", kind, *given, *keys, "--out", out).code
    ended |= release_all(at, refused=refused)
    at.search()
    return ended


def release_all(at: Desk, *, refused: str = "", study: object = STUDY) -> dict[str, int]:
    """Review, approve, pool and report what waits below a desk."""
    demo = ("--keys", at.keys, "--demo")
    ended: dict[str, int] = {}
    for waiting in ("run/sites", "profile", "monitor"):
        folders = sorted(path.parent for path in (at.folder / waiting).glob("*/review.json"))
        if not folders:
            continue
        for form in ("text", "json"):
            ended[f"release review {form}"] = at.run("release", "review", folders[0], "--format", form).code
        page = at.folder / "checked" / f"{Path(waiting).name}.html"
        page.parent.mkdir(exist_ok=True)
        ended["release review --html"] = at.run("release", "review", folders[0], "--html", page).code
        if waiting == refused:
            said = ("--as", "checker", "--name", APPROVER, "--keys", at.keys, "--reason", REASON)
            ended["release refuse"] = at.run("release", "refuse", folders.pop(), *said).code
        for role in ("operator", "checker"):
            ended["release review, of all"] = at.run("release", "review", at.folder / waiting).code
            who = ("--as", role, "--name", f"{APPROVER} ({role})", "--reason", REASON)
            out = ("--outbox", at.folder / "outbox")
            ended[f"release approve {role}"] = at.run("release", "approve", *folders, *who, *out, *demo).code
    outbox = at.folder / "outbox"
    releases = sorted(outbox.glob("*.release.json")) if outbox.exists() else []
    if releases:
        ended["release verify"] = at.run("release", "verify", releases[0], *demo).code
        ended["ledger show"] = at.run("ledger", "show", at.keys / "ledger").code
        pooled = at.folder / "pooled"
        ended["pool"] = at.run("pool", study, outbox, *demo, "--out", pooled).code
        pages = at.folder / "pages"
        if (pooled / "pool.json").exists():
            national = ("report", "national", pooled / "pool.json", *demo, "--study", study)
            ended["report national"] = at.run(
                *national, "--releases", outbox, "-o", pages / "national.html"
            ).code
        own = ("report", "municipality", releases[0], *demo, "--name", TOWN, "--study", study)
        ended["report municipality"] = at.run(*own, "-o", pages / "own.html").code
    return ended


def one_column_each(format_: str, columns: Sequence[str], dose: Dose, *, whole: bool) -> dict[str, Any]:
    """Plant each column in a source of its own, and take them through the commands.

    Parameters
    ----------
    format_ : str
    columns : sequence of str
    dose : {"few", "all"}
    whole : bool
        Run the study at each of them too, a process each.
    """
    with desk(codes_of(len(columns))) as at:
        for code, column in zip(codes_of(len(columns)), columns, strict=True):
            layout_of(format_).write(at.sources, code, (column,), dose)
        given, keys = (at.sources, "--inventory", at.inventory), ("--keys", at.keys)
        ended = {"site check": at.run("site", "check", *given).code}
        for kind in ("profile", "monitor"):
            ended[kind] = at.run("site", kind, *given, *keys, "--out", at.folder / kind).code
        if whole:
            ended["site run"] = at.run("site", "run", STUDY, *given, *keys, "--out", at.folder / "run").code
        at.search()
        return told(at, ended)


def all_columns(format_: str) -> dict[str, Any]:
    """Plant every column at once, in few cells of one source and in all cells of another."""
    with desk(codes_of(2)) as at:
        layout = layout_of(format_)
        beside = [one for one in ("file name", "extra column") if one in layout.columns]
        columns = [*inside(layout.columns), *beside]
        layout.write(at.sources, codes_of(2)[0], columns, "few")
        layout.write(at.sources, codes_of(2)[1], columns, "all")
        return told(at, full_run(at))


def told(at: Desk, ended: Mapping[str, int]) -> dict[str, Any]:
    """Put together what a unit of the claim found."""
    counts = {"programs": at.programs, "files": at.files, "ended": dict(ended)}
    return {"wrong": at.wrong, "typed": sorted(at.typed), "kept": sorted(at.kept), **counts}
