"""The commands beside the way of a release: look again, show others, take back, change keys, spend noise."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from causalsig.release.keys import read_trusted
from causalsig.release.life import read_review, release_name
from causalsig.study.graph_file import beside_of
from evidence.claims._canary_runs import STUDY, Desk, release_all
from evidence.claims._canary_sources import TOWN
from evidence.claims._canary_words import LABEL

PRIVATE: Final = """
[privacy]
epsilon = 1.0
epsilon_budget = 2.0

[privacy.bounds]
accepted_help = 8.0
contact_method = 8.0
"""


class Typist:
    """Types commands at a desk, and notes what ended otherwise than it has to."""

    def __init__(self, at: Desk) -> None:
        self.at = at
        self.ended: dict[str, int] = {}

    def types(self, *arguments: object, ends: int = 0, name: str = "") -> str:
        """Type a command that has to end with this code; return what it printed."""
        said = self.at.run(*arguments)
        named = name or " ".join(map(str, arguments[:2]))
        self.ended[named] = said.code
        if said.code != ends:
            self.at.wrong.append(f"{named}: ended with {said.code} in place of {ends}")
        return said.out


def afterwards(at: Desk, code: str) -> dict[str, int]:
    """Type every other command after a full run, at the site of this code; give the exit codes."""
    by = Typist(at)
    _looked_at(by, code)
    _study_file(by)
    _private(by, code)
    _masked(by)
    _taken_back(by)
    _keys(by)
    return by.ended


def _demo(at: Desk) -> tuple[object, ...]:
    return ("--keys", at.keys, "--demo")


def _released(at: Desk, code: str) -> Path:
    return at.folder / "outbox" / release_name(read_review(at.folder / "run" / "sites" / code).document)


def _looked_at(by: Typist, code: str) -> None:
    """Show what is there once more, to its people and in the forms of others."""
    at, site = by.at, by.at.folder / "run" / "sites" / code
    file, demo = _released(at, code), _demo(at)
    for form in ("text", "json"):
        by.types("site", "thresholds", site, "--format", form)
        by.types("release", "thresholds", file, *demo, "--format", form)
    fairness = ("report", "fairness", file, *demo, "--name", TOWN)
    by.types(*fairness, "-o", at.folder / "pages" / "fairness.html")
    sites = ("report", "national", at.folder / "pooled" / "pool.json", *demo, "--sites")
    by.types(*sites, "--releases", at.folder / "outbox", "-o", at.folder / "pages" / "sites.html")
    by.types("report", "site", site / "site.json", "-o", at.folder / "pages" / "inside.html")
    by.types("release", "crate", file, *demo, "--out", at.folder / "crate")
    by.types("release", "crate", file, *demo, "--review", site, "--out", at.folder / "kept-crate")
    by.types("release", "acro", site, "--out", at.folder / "acro")
    by.types("release", "schema", "estimates")
    by.types("explain", "release-cell-floor")
    by.types("doctor", "--format", "json")
    ledger = ("ledger", "verify", at.keys / "ledger", "--keys", at.keys, "--demo")
    if "not checked" not in by.types(*ledger):
        at.wrong.append("ledger verify: does not say that the end is unchecked")
    by.types(*ledger, "--releases", at.folder / "outbox")
    by.types("ledger", "show", at.keys / "ledger", "--format", "json")
    by.types("ledger", "new", at.folder / "another-ledger")
    # Of invented data only: sources that may be real are refused before anything is read.
    given = ("--inventory", at.inventory)
    by.types("cohort", "trace", STUDY, sorted(at.sources.iterdir())[0], *given, ends=3)
    by.types("attack", at.folder / "outbox", "--data", at.folder, "--keys", at.keys, ends=3, name="attack")


def _masked(by: Typist) -> None:
    """Begin a masked pool, of which so few sites make no round; the steps behind it find none to answer."""
    at, demo = by.at, _demo(by.at)
    outbox, folder = at.folder / "outbox", at.folder / "masked"
    own = ("--private", at.folder / "masked-private", "--ledger", at.keys / "ledger")
    by.types("masked", "key", outbox, *demo, *own, "--out", folder)
    asked = folder / "units.round.json"
    by.types("masked", "round", STUDY, folder, *demo, "--out", asked, ends=3)
    answer = ("masked", "contribute", asked, outbox, "--site-keys", folder, *demo, *own)
    by.types(*answer, "--out", folder, ends=2)
    by.types("masked", "sum", STUDY, asked, folder, *demo, ends=2)


def _study_file(by: Typist) -> None:
    """Write a study that asks for noise, with a label of its own, and look at it."""
    file = by.at.folder / "study" / "study.toml"
    by.types("study", "init", file, "--graph")
    text = file.read_text("utf-8")
    start = text.index("[title]")
    end = text.index("\n\n", start)
    titled = f'[title]\nnl = "{LABEL}"\nen = "{LABEL}"'
    file.write_text(text[:start] + titled + text[end:] + PRIVATE, "utf-8")
    graph = beside_of(file)
    graph.write_text(_labelled(graph.read_text("utf-8")), "utf-8")
    by.types("study", "check", file, "--out", by.at.folder / "study" / "drawings")
    by.types("study", "show", file)
    by.types("study", "rules", by.at.folder / "outbox", *_demo(by.at))


def _labelled(graph: str) -> str:
    """Give every node of a graph the label of the study."""
    lines = graph.splitlines()
    return "\n".join(
        f'{line.split("=")[0]}= "{LABEL}"' if line.startswith(("nl =", "en =")) else line for line in lines
    )


def _private(by: Typist, code: str) -> None:
    """Run that study with people, keys and a ledger of its own, draw the noise, and let it leave."""
    at = by.at
    beside = Desk(at.folder / "private")
    beside.folder.mkdir()
    by.types("keys", "new", beside.keys, "--demo")
    by.types("keys", "show", beside.keys)
    study = at.folder / "study" / "study.toml"
    by.types("study", "sign", study, "--keys", beside.keys)
    given = (at.sources, "--inventory", at.inventory, "--keys", beside.keys, "--only", code)
    out = ("--out", beside.folder / "run")
    by.types("site", "run", study, *given, *out, name="site run, private")
    by.types("release", "draw", beside.folder / "run" / "sites", "--keys", beside.keys)
    ended = release_all(beside, study=study)
    at.take(beside)
    by.ended |= {f"{name}, private": one for name, one in ended.items()}
    if not list((beside.folder / "outbox").glob("*.release.json")):
        at.wrong.append("private: nothing was released")
    if ended.get("pool") != 0 or ended.get("report municipality") != 0:
        at.wrong.append("private: no pool or no report of a study with a label")


def _taken_back(by: Typist) -> None:
    """Withdraw a release, pool without it, and meet it once more beside the word that takes it back."""
    at, demo = by.at, _demo(by.at)
    outbox = at.folder / "outbox"
    file = sorted(outbox.glob("*.release.json"))[-1]
    kept = at.folder / "kept.json"
    shutil.copyfile(file, kept)
    ledger = ("--ledger", at.keys / "ledger")
    by.types("release", "withdraw", file, *ledger, "--as", "checker", *demo, "--reason", "erasure")
    by.types("release", "verify", next(outbox.glob("*.withdrawn.json")), *demo, name="verify the word")
    check = ("ledger", "verify", at.keys / "ledger", *demo, "--releases", outbox)
    by.types(*check, name="ledger verify, one withdrawn")
    shutil.copyfile(kept, file)
    by.types("release", "verify", file, *demo, ends=3, name="verify a withdrawn one")
    own = ("report", "municipality", file, *demo, "--name", TOWN, "-o", at.folder / "pages" / "gone.html")
    by.types(*own, ends=3, name="report of a withdrawn one")
    pooled = at.folder / "pooled"
    before = _sites(pooled)
    by.types("pool", STUDY, outbox, *demo, "--out", pooled, "--force", name="pool without a withdrawn one")
    if _sites(pooled) != before - 1:
        at.wrong.append("pool: a withdrawn release was not left out")


def _sites(pooled: Path) -> int:
    return len(list((pooled / "others").glob("*.json")))


def _keys(by: Typist) -> None:
    """Change the operator's key, and take the checker's out of trust: what it signed is accepted no more."""
    at = by.at
    by.types("keys", "rotate", at.keys, "--role", "operator")
    checker = next(key for key in read_trusted(at.keys).keys if key.role == "checker")
    by.types("keys", "revoke", at.keys, checker.key_id)
    file = sorted((at.folder / "outbox").glob("*.release.json"))[0]
    by.types("release", "verify", file, *_demo(at), ends=2, name="verify after a revocation")
