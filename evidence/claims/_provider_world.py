"""A provider with three small municipalities, and the way from the run to the release, as real processes."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from evidence.claims._canary_runs import Desk, Said

SIZES: Final = {"9201": 25_000, "9202": 6_000, "9203": 5_000}
"""Inhabitants by municipality: one with estimates, and two that are refused, which is a result too."""
MONTHS: Final = 24
SHOWN: Final = "shown"
STEPS: Final = ("run", SHOWN, "operator", f"{SHOWN} again", "checker")
"""What was not shown to whoever approves cannot be approved."""
EASIER: Final = {
    "expected_risk = 0.1": "expected_risk = 0.2",
    "folds = 5": "folds = 2",
    "repeats = 3": "repeats = 1",
}
"""Arms that a small municipality can fill, and few splits: processes are tried here, not estimates."""


@dataclass(frozen=True, slots=True)
class World:
    """A desk and the commands typed at it."""

    desk: Desk

    @property
    def out(self) -> Path:
        """Folder of the run."""
        return self.desk.folder / "run"

    @property
    def outbox(self) -> Path:
        """Folder of what left."""
        return self.desk.folder / "outbox"

    def source(self, code: str) -> Path:
        """Source of a municipality."""
        return self.desk.sources / f"{code}.xlsx"

    def run(self, *more: object) -> tuple[object, ...]:
        """Words of the run."""
        given = ("site", "run", self.desk.folder / "study.toml", self.desk.sources)
        place = ("--inventory", self.desk.inventory, "--keys", self.desk.keys, "--out", self.out)
        return (*given, *place, *more)

    def step(self, name: str) -> tuple[object, ...]:
        """Words of a step."""
        if name == "run":
            return self.run()
        if name.startswith(SHOWN):
            return ("release", "review", self.out / "sites")
        who = ("--as", name, "--name", f"demo {name}", "--keys", self.desk.keys, "--outbox", self.outbox)
        return ("release", "approve", self.out / "sites", *who, "--demo")

    def to_the_end(self) -> list[str]:
        """Type every step, undisturbed; say what then is not as it must be."""
        ended = [self.desk.run(*self.step(name)).code for name in STEPS]
        return [f"a step ended with {code}" for code in ended if code] + self.wrong()

    def payloads(self) -> dict[str, bytes]:
        """Give what would leave, or left, of each municipality, byte for byte."""
        return {
            path.parent.name: json.dumps(json.loads(path.read_bytes())["document"], sort_keys=True).encode()
            for path in self.out.glob("sites/*/review.json")
        }

    def wrong(self) -> list[str]:
        """Say what is lost, doubled, half-written or another than in an undisturbed run."""
        from causalsig.release.keys import read_trusted
        from causalsig.release.ledger_check import check_ledger
        from causalsig.release.remember import LEDGER_FOLDER
        from causalsig.release.signed import verify

        found = []
        trusted, ledger = read_trusted(self.desk.keys), self.desk.keys / LEDGER_FOLDER
        files = sorted(self.outbox.glob("*"))
        left = {path.name: verify(path, trusted=trusted, allow_demo=True).payload_hash for path in files}
        if left != undisturbed().left:
            found.append("other releases than of an undisturbed run")
        if self.payloads() != undisturbed().payloads:
            found.append("other results than of an undisturbed run")
        held = check_ledger(ledger, trusted, (self.outbox,), allow_demo=True)
        if (held.lines, held.releases) != (len(SIZES), len(SIZES)):
            found.append("a ledger with another number of releases")
        return found + self.stray()

    def stray(self) -> list[str]:
        """Say what a broken-off write left."""
        tops = (self.out, self.outbox, self.desk.keys)
        return [f"a stray file of {path.name.split('-')[0]}" for top in tops for path in top.rglob(".*")]

    def table(self, said: Said, expected: dict[str, str]) -> list[str]:
        """Compare the final table with how each site should have ended: its status, or the code."""
        rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line[:1].isdigit()}
        found = [f"no row of {len(expected) - len(rows)} sites"] * (rows.keys() != expected.keys())
        for code, wanted in expected.items():
            row = " ".join(rows.get(code, []))
            if wanted not in row:
                found.append(f"a row that says {row or 'nothing'} in place of {wanted}")
        record = json.loads((self.out / "run.json").read_text("utf-8")) if not found else None
        if record is not None and record["state"] != "ended":
            found.append("a record that is not ended")
        return found


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What comes of a whole way that nothing disturbs."""

    payloads: dict[str, bytes]
    left: dict[str, str]
    seconds: dict[str, float]


@cache
def undisturbed() -> Undisturbed:
    """Take the whole way once, undisturbed."""
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import verify

    with world() as made:
        ended, seconds = [], {}
        for name in STEPS:
            begun = time.monotonic()
            ended.append(made.desk.run(*made.step(name)).code)
            seconds[name] = time.monotonic() - begun
        trusted = read_trusted(made.desk.keys)
        left = {
            path.name: verify(path, trusted=trusted, allow_demo=True).payload_hash
            for path in made.outbox.iterdir()
        }
        if any(ended) or len(left) != len(SIZES):
            raise RuntimeError("the undisturbed way does not come to its end")
        return Undisturbed(made.payloads(), left, seconds)


@contextmanager
def world() -> Iterator[World]:
    """Lay the provider's folder as it is before anything was run; it goes with all that was written."""
    folder = Path(tempfile.mkdtemp(prefix="provider-"))
    try:
        shutil.copytree(_laid(), folder, dirs_exist_ok=True)
        yield World(Desk(folder))
    finally:
        shutil.rmtree(folder)


@cache
def _laid() -> Path:
    """Write sources, inventory, study and keys once."""
    from causalsig.execution.invent import inventory_toml
    from causalsig.execution.truth import inventory_site
    from causalsig.release.keys import new_keys, read_signing_key
    from causalsig.release.signed_study import sign_study
    from causalsig.simulation import SiteSpec, load_scenario, simulate_site
    from causalsig.simulation.xxllnc import write_workbook
    from causalsig.study.read import default_study_text
    from evidence.claims._mutated_formats import scratch_folder

    folder = scratch_folder() / "provider"
    (folder / "sources").mkdir(parents=True)
    scenario, sites = load_scenario("ignorable", "modest"), []
    for code, inhabitants in SIZES.items():
        spec = SiteSpec(code, f"Voorbeeldstad {code[-2:]}", inhabitants)
        tables: Any = simulate_site(spec, scenario, 1, months=MONTHS, truth=False).tables
        write_workbook(tables, folder / "sources" / f"{code}.xlsx", name=spec.name)
        sites.append(inventory_site(spec, months=MONTHS, extracted_on=scenario.extracted_on))
    (folder / "inventory.toml").write_text(inventory_toml(tuple(sites)), "utf-8")
    text = default_study_text()
    for before, after in EASIER.items():
        if before not in text:
            raise RuntimeError("the default study is another one")
        text = text.replace(before, after)
    (folder / "study.toml").write_text(text, "utf-8")
    new_keys(folder / "keys", demo=True)
    sign_study(folder / "study.toml", key=read_signing_key(folder / "keys", "university"))
    return folder
