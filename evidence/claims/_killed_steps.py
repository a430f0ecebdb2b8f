"""The steps of a release's life, each as one call on files, and the world of files that it begins in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Final

from causalsig.errors import ReleaseError
from causalsig.execution.digests import file_digest
from causalsig.execution.pool import pool_folder
from causalsig.execution.site import release_site
from causalsig.execution.worker import main as work
from causalsig.release.household_sets import BY_THEMSELVES
from causalsig.release.keys import (
    ROLES,
    Role,
    TrustedKeys,
    new_keys,
    read_provider_key,
    read_signing_key,
    read_trusted,
    revoke_key,
    rotate_key,
)
from causalsig.release.ledger import Ledger
from causalsig.release.ledger_check import check_ledger
from causalsig.release.life import approve, read_review, refuse, release_name, verify
from causalsig.release.remember import LEDGER_FOLDER
from causalsig.release.signed_study import check_study, sign_study
from causalsig.release.withdrawal import SUFFIX, withdraw, withdrawn
from causalsig.study.read import DEFAULT_STUDY, default_study_text, read_study
from evidence.claims._payload_sites import sound_site

SITE: Final = "9001"
OTHERS: Final = tuple(f"90{number:02d}" for number in range(2, 9))
NAMES: Final = {"operator": "One Person", "checker": "Another Person"}
HOUSEHOLDS: Final = 12_000


class World:
    """The folders of a provider and of the university."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.keys, self.sites, self.outbox = top / "keys", top / "sites", top / "outbox"
        self.pooled, self.job, self.study = top / "pooled", top / "job.json", top / "study.toml"

    @property
    def ledger(self) -> Path:
        """The provider's ledger."""
        return self.keys / LEDGER_FOLDER

    def file(self) -> Path:
        """Find the one released file."""
        (path,) = self.outbox.glob("*.release.json")
        return path

    def file_of(self, site: str) -> Path:
        """Find the released file of a site."""
        return self.outbox / release_name(read_review(self.sites / site).document)

    def sign(self, site: str, role: Role) -> None:
        """Approve a site's review."""
        key = read_signing_key(self.keys, role)
        approve(
            self.sites / site,
            role=role,  # type: ignore[arg-type]
            name=NAMES[role],
            key=key,
            trusted=read_trusted(self.keys),
            outbox=self.outbox,
            payload=read_review(self.sites / site).payload_hash,
        )

    def put_up(self, site: str) -> None:
        """Put a sound result up for review."""
        study = read_study(DEFAULT_STUDY)
        first = HOUSEHOLDS * int(site)
        release_site(
            sound_site(Random(site), study, site),
            study,
            households={"contact_method:3": map(str, range(first, first + HOUSEHOLDS))},
            known_again=BY_THEMSELVES,
            keys=self.keys,
            snapshot=site.encode(),
            wave=1,
            folder=self.sites / site,
        )

    def release(self, site: str) -> None:
        """Let a sound result leave."""
        self.put_up(site)
        self.sign(site, "operator")
        self.sign(site, "checker")


def _with_source(world: World) -> None:
    """Write what a site's worker is told, with a source of one small invented municipality."""
    from causalsig.execution.invent import inventory_toml
    from causalsig.execution.truth import inventory_site
    from causalsig.simulation import SiteSpec
    from causalsig.simulation.xxllnc import workbook_tabs, write_tabs
    from evidence.claims._mutated_formats import MONTHS, small_site

    made = small_site()
    site = inventory_site(
        SiteSpec(made.municipality, "Voorbeeldstad", 2_000), months=MONTHS, extracted_on=made.extracted_on
    )
    (world.top / "inventory.toml").write_text(inventory_toml((site,)), "utf-8")
    source = world.top / f"{made.municipality}.xlsx"
    write_tabs(workbook_tabs(made, name="Voorbeeldstad"), source)
    job = {
        "study": DEFAULT_STUDY,
        "inventory": str(world.top / "inventory.toml"),
        "site": made.municipality,
        "source": str(source),
        "keys": str(world.keys),
        "folder": str(world.sites / SITE),
        "wave": 1,
        "inputs": {"source": file_digest(source), "study": "t"},
    }
    world.job.write_text(json.dumps(job), "utf-8")
    (world.sites / SITE).mkdir(parents=True)


def _run_site(world: World) -> None:
    code = work([str(world.job)])
    if code != 0:
        raise RuntimeError(f"the worker ended with {code}")


def _reviewed(world: World) -> None:
    world.release(OTHERS[0])
    world.put_up(SITE)


def _half_approved(world: World) -> None:
    _reviewed(world)
    world.sign(SITE, "operator")


def _released(world: World) -> None:
    world.release(SITE)


def _all_released(world: World) -> None:
    for site in (SITE, *OTHERS):
        world.release(site)


def _with_study(world: World) -> None:
    world.study.write_text(default_study_text(), "utf-8")


def _withdraw(world: World) -> None:
    key, trusted = read_signing_key(world.keys, "checker"), read_trusted(world.keys)
    files = sorted(world.outbox.glob("*.release.json")) or [
        path.with_name(path.name.replace(SUFFIX, ".release.json")) for path in world.outbox.glob(f"*{SUFFIX}")
    ]
    withdraw(files[0], ledger=world.ledger, reason="erasure", key=key, trusted=trusted)


def _revoke(world: World) -> None:
    """Revoke the operator's key that signed the file that left."""
    revoke_key(world.keys, signer_of(world))


def signer_of(world: World) -> str:
    """Key of the operator who signed the site's review."""
    review = read_review(world.sites / SITE)
    return next(one.key_id for one in review.signatures if one.role == "operator")


def _pool(world: World) -> None:
    pool_folder(Path(DEFAULT_STUDY), world.outbox, world.keys, world.pooled)


def _refuse(world: World) -> None:
    key = read_signing_key(world.keys, "checker")
    refuse(world.sites / SITE, role="checker", name=NAMES["checker"], reason="too many numbers", key=key)


def _new_keys(world: World) -> None:
    try:
        new_keys(world.keys)
    except ReleaseError as error:
        # All are there: they are never made again.
        if error.code != "release-exists":
            raise


def _rotate(world: World) -> None:
    rotate_key(world.keys, "operator")


def _sign_study(world: World) -> None:
    sign_study(world.study, key=read_signing_key(world.keys, "university"))


STEPS: Final[Mapping[str, tuple[Callable[[World], None], Callable[[World], None]]]] = MappingProxyType(
    {
        "site run": (_with_source, _run_site),
        "review": (lambda world: world.release(OTHERS[0]), lambda world: world.put_up(SITE)),
        "operator": (_reviewed, lambda world: world.sign(SITE, "operator")),
        "checker": (_half_approved, lambda world: world.sign(SITE, "checker")),
        "refuse": (_half_approved, _refuse),
        "withdraw": (_released, _withdraw),
        "pool": (_all_released, _pool),
        "keys new": (lambda world: None, _new_keys),
        "keys rotate": (_released, _rotate),
        "keys revoke": (_released, _revoke),
        "study sign": (_with_study, _sign_study),
    }
)
"""Of every step what stands before it, and the step itself; a new step is one entry."""


def prepare(step: str, top: Path) -> World:
    """Build the world a step begins in."""
    world = World(top)
    top.mkdir(parents=True)
    if step != "keys new":
        new_keys(world.keys)
    STEPS[step][0](world)
    return world


def act(step: str, top: Path) -> None:
    """Take the step."""
    STEPS[step][1](World(top))


def wrong_now(step: str, top: Path) -> list[str]:
    """List what no kill may leave, whenever it came, as seen before anybody repeats anything."""
    world, found = World(top), []
    if step == "keys new":
        return _open_secrets(world)
    trusted = read_trusted(world.keys)
    if step == "keys revoke" and trusted.find(signer_of(world)).state == "revoked":  # type: ignore[union-attr]
        return _open_secrets(world)
    # Every file that left is signed by two people, whole, and in a ledger that holds.
    found += _ledger_at_odds(world, trusted)
    for path in sorted(world.outbox.glob("*")) if world.outbox.exists() else ():
        named = path.name.endswith((".release.json", SUFFIX))
        if not named and not path.name.startswith("."):
            found.append("a file without a name of its kind in the outbox")
    withdrawn(world.outbox, trusted)
    for path in sorted(world.sites.glob("*/review.json")):
        read_review(path)
    for path in sorted(world.pooled.rglob("*.json")):
        verify(path, trusted=trusted)
    for role in ROLES:
        key = read_signing_key(world.keys, role).public
        if trusted.find(key.key_id) is None:
            found.append("a key that signs and that nobody can check")
    return found + _open_secrets(world)


def half_withdrawn(step: str, top: Path) -> bool:
    """Say whether a kill came between a withdrawal's line in the ledger and its word in the outbox."""
    world = World(top)
    return step == "withdraw" and _without_word(world, read_trusted(world.keys))


def _without_word(world: World, trusted: TrustedKeys) -> bool:
    outbox = (world.outbox,) if world.outbox.exists() else ()
    gone = {row["payload_hash"] for row in Ledger(world.ledger).rows() if row["event"] == "withdrawn"}
    standing = {
        verify(path, trusted=trusted).payload_hash for one in outbox for path in one.glob("*.release.json")
    }
    words = withdrawn(world.outbox, trusted) if outbox else frozenset()
    return bool(standing & gone - words)


def _ledger_at_odds(world: World, trusted: TrustedKeys) -> list[str]:
    """Hold the ledger against the outbox; of a withdrawal that a kill broke off the check has to tell."""
    outbox = (world.outbox,) if world.outbox.exists() else ()
    half = _without_word(world, trusted)
    try:
        check_ledger(world.ledger, trusted, outbox)
    except ReleaseError as error:
        return [] if half and error.code == "ledger-word-missing" else [error.code]
    return ["a withdrawal that was broken off, and no check that tells"] * half


def wrong_afterwards(step: str, top: Path) -> list[str]:
    """List what may not be there once the step was repeated to its end."""
    world = World(top)
    found = [f"a stray file {path.parent.name}" for path in top.rglob(".*") if path.is_file()]
    if step == "keys new":
        trusted = read_trusted(world.keys)
        read_provider_key(world.keys)
        signers = [read_signing_key(world.keys, role).public for role in ROLES]
        return found + ["a key without its public one"] * (not all(key in trusted.keys for key in signers))
    if step == "keys revoke":
        gone = read_trusted(world.keys).find(signer_of(world))
        if gone is None or gone.state != "revoked" or (world.keys / "operator.key").exists():
            found.append("a key that is not revoked")
    if step == "keys rotate" and len(list(world.keys.glob("operator.pub.json"))) != 1:
        found.append("no key of the operator")
    if step == "study sign":
        check_study(world.study, trusted=read_trusted(world.keys))
    if step != "keys revoke":
        found += wrong_now(step, top)
        check_ledger(world.ledger, read_trusted(world.keys), (world.outbox,) if world.outbox.exists() else ())
    return found


def _open_secrets(world: World) -> list[str]:
    """Private files that somebody else can read, those of a write that was broken off too."""
    private = [*world.keys.rglob("*.key*"), *world.keys.rglob(".*.key*"), *world.keys.rglob("*.jsonl")]
    private += [*world.keys.rglob("*.set*"), *world.sites.rglob("*review.json*")]
    return ["a private file is open to others"] * any(path.stat().st_mode & 0o077 for path in private)


def contents(step: str, top: Path) -> dict[str, str]:
    """All files of a world, without the times in them: what a repeated step must bring back to the letter."""
    if step.startswith("keys"):
        return {}  # keys are drawn; what they have to be is judged by their use
    found = {}
    for path in sorted(top.rglob("*")):
        if path.is_file():
            name = path.relative_to(top).as_posix()
            found[name] = _without_times(path)
    return found


def _without_times(path: Path) -> str:
    if path.name == "review.json":
        values = json.loads(path.read_bytes())
        timeless = {"at": "", "previous": "", "signature": ""}
        values |= {"log": [{**entry, **timeless} for entry in values["log"]], "sha256": ""}
        return json.dumps(values, sort_keys=True)
    if path.name in ("ledger.jsonl", "pools.jsonl"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        return json.dumps([{**line["content"], "at": ""} for line in lines], sort_keys=True)
    if path.name == "run.json":
        values = json.loads(path.read_bytes())
        return json.dumps(values | {"seconds": 0, "finished": 0, "peak_mb": 0}, sort_keys=True)
    return path.read_bytes().hex()


@cache
def snapshot(step: str, folder: str) -> tuple[str, dict[str, str]]:
    """Build a step's world once; return where it is kept, and what the undisturbed step makes of it."""
    kept, top = Path(folder) / f"{step} before", Path(folder) / "world"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.rmtree(top, ignore_errors=True)
    prepare(step, top)
    shutil.copytree(top, kept)
    act(step, top)
    return str(kept), contents(step, top)


def restored(step: str, folder: str) -> Path:
    """Put a step's world back as it was before the step; always at one place, for files name it."""
    kept, _ = snapshot(step, folder)
    top = Path(folder) / "world"
    shutil.rmtree(top, ignore_errors=True)
    shutil.copytree(kept, top)
    return top


def bytes_of(top: Path) -> dict[str, bytes]:
    """All files of a world as they are, to tell a kill midway from one before or after all."""
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
