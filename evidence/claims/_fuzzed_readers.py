"""Every reader of the release, with a good file for each, and what of that file counts."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from causalsig.release.envelope import PAYLOAD_TYPE, pre_authentication, seal
from causalsig.release.household_sets import read_sets
from causalsig.release.keys import (
    new_keys,
    read_provider_key,
    read_signing_key,
    read_trusted,
)
from causalsig.release.ledger import Ledger
from causalsig.release.ledger_check import check_ledger
from causalsig.release.life import open_release, read_pool, read_review, verify
from causalsig.release.remember import CANDIDATE_FILE, read_waiting
from causalsig.release.review import Review
from causalsig.release.signed_study import SUFFIX, check_study, sign_study
from causalsig.release.strict_json import canonical
from causalsig.release.withdrawal import withdrawn
from causalsig.study.read import default_study_text, read_study
from evidence.claims._fuzzed_bytes import BYTES, CANARY, JSON, Sparse, Spoiled, Way
from evidence.claims._killed_steps import OTHERS, SITE, World, act, prepare
from evidence.claims._mutated_formats import scratch_folder


@dataclass(frozen=True, slots=True)
class Reader:
    """A way to read one file.

    Attributes
    ----------
    path : Path
        Of the file.
    content : bytes
        Of the good file.
    read : callable
        Reads the file; returns what it says.
    signed : bool
        Whether it is an envelope, of which no byte may differ.
    any_kind : bool
        Whether it reads files of other kinds too.
    """

    path: Path
    content: bytes
    read: Callable[[], Any]
    signed: bool = False
    any_kind: bool = False


@cache
def readers() -> Mapping[str, Reader]:
    """Make one good file of every kind, in a folder of its own, once a process."""
    top = scratch_folder() / "fuzzed"
    top.mkdir()
    world = prepare("pool", top / "world")
    act("pool", world.top)
    _withdraw_one(world)
    world.study.write_text(default_study_text(), "utf-8")
    sign_study(world.study, key=read_signing_key(world.keys, "university"))
    _enemies(top)
    trusted = read_trusted(world.keys)
    folder = top / "files"
    folder.mkdir()

    def taken(source: Path, name: str, *, mode: int = 0o644) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        path.chmod(mode)
        return path

    release = taken(world.file_of(SITE), "a.release.json")
    pool = taken(world.pooled / "pool.json", "pool.json")
    word = taken(next(world.outbox.glob("*.withdrawn.json")), "words/a.withdrawn.json")
    study = taken(world.study, "study/study.toml")
    seal_file = taken(world.study.with_name(world.study.name + SUFFIX), f"study/study.toml{SUFFIX}")
    site = world.sites / SITE
    review = taken(site / "review.json", "site/review.json", mode=0o600)
    candidate = taken(site / CANDIDATE_FILE, f"site/{CANDIDATE_FILE}", mode=0o600)
    waits = read_review(review)
    shutil.copytree(site / "households", candidate.parent / "households")
    private = taken(world.keys / "operator.key", "private/operator.key", mode=0o600)
    provider = taken(world.keys / "provider.key", "provider/provider.key", mode=0o600)
    public = taken(world.keys / "operator.pub.json", "public/operator.pub.json")
    outbox = taken(world.file_of(OTHERS[-1]), "outbox/b.release.json").parent
    taken(word, "outbox/a.withdrawn.json")
    ledger = taken(world.ledger / "ledger.jsonl", "ledger/ledger.jsonl", mode=0o600)
    shutil.copytree(world.ledger / "sets", ledger.parent / "sets")
    some = sorted((ledger.parent / "sets").glob("*.set"))[0]
    lone = taken(some, f"sets/{some.name}", mode=0o600)

    def made(path: Path, read: Callable[[], Any], signed: bool = False, any_kind: bool = False) -> Reader:
        return Reader(path, path.read_bytes(), read, signed, any_kind)

    return {
        "release": made(release, lambda: open_release(release, trusted=trusted), True),
        "release of any kind": made(release, lambda: verify(release, trusted=trusted), True, True),
        "pool": made(pool, lambda: read_pool(pool, trusted=trusted), True),
        "pool of any kind": made(pool, lambda: verify(pool, trusted=trusted), True, True),
        "withdrawal": made(word, lambda: withdrawn(word.parent, trusted), True),
        "study's signature": made(seal_file, lambda: check_study(study, trusted=trusted), True),
        "study": made(study, lambda: _study(study, trusted)),
        "review": made(review, lambda: read_review(review).model_dump()),
        "candidate": made(candidate, lambda: _waiting(candidate.parent, waits)),
        "private key": made(private, lambda: _private(private.parent)),
        "provider's key": made(provider, lambda: read_provider_key(provider.parent)),
        "public key": made(public, lambda: read_trusted(public.parent)),
        "ledger": made(ledger, lambda: _ledger_and_files(ledger.parent, trusted, outbox)),
        "set of households": made(
            lone, lambda: [one.codes.tolist() for one in read_sets(lone.parent, lone.stem)]
        ),
    }


def _waiting(folder: Path, review: Review) -> Any:
    return read_waiting(folder, review.document, review.payload_hash, review.told)


def _study(path: Path, trusted: Any) -> Any:
    check_study(path, trusted=trusted)
    return read_study(path)


def _private(folder: Path) -> Any:
    key = read_signing_key(folder, "operator")
    return key, key.private


def _ledger_and_files(folder: Path, trusted: Any, outbox: Path) -> Any:
    """Hold a ledger against what left last: that its end was taken off it cannot tell by itself."""
    check_ledger(folder, trusted, (outbox,))
    return Ledger(folder).verify(trusted)


def _withdraw_one(world: World) -> None:
    from causalsig.release.withdrawal import withdraw

    key = read_signing_key(world.keys, "checker")
    withdraw(
        world.file_of(OTHERS[0]),
        ledger=world.ledger,
        reason="erasure",
        key=key,
        trusted=read_trusted(world.keys),
    )


@cache
def _enemies(top: Path) -> Path:
    """Make keys of people whom nobody here trusts."""
    new_keys(top / "enemies")
    return top / "enemies"


def _pairs(content: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    values = json.loads(content)
    pairs = [(one["keyid"], base64.b64decode(one["sig"])) for one in values["signatures"]]
    return base64.b64decode(values["payload"]), pairs


ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""Of the group of Ed25519: a signature whose second half is larger by it would fit too, if it were taken."""


def _malleable(signature: bytes) -> bytes:
    other = int.from_bytes(signature[32:], "little") + ORDER
    return signature[:32] + other.to_bytes(32, "little")


def _signed_otherwise(draw: Random, content: bytes) -> Spoiled:
    """Leave the payload, and change who signed it."""
    payload, pairs = _pairs(content)
    enemies = _enemies(readers_folder())
    enemy = read_signing_key(enemies, draw.choice(("operator", "checker", "university")))
    own = enemy.sign(pre_authentication(payload))
    name, signature = draw.choice(pairs)
    rest = [pair for pair in pairs if pair[0] != name]
    foreign = _pairs(readers()["pool" if len(pairs) > 1 else "release"].content)[1][0]
    ways: tuple[list[tuple[str, bytes]], ...] = (
        [*rest, (name, own)],
        [*rest, (name, bytes(64))],
        [*rest, (name, signature[::-1])],
        [*rest, (name, signature[:63])],
        [*rest, (name, _malleable(signature))],
        [*rest, (name, foreign[1])],
        [*pairs, foreign],
        [*pairs, (enemy.public.key_id, own)],
        [*rest, (enemy.public.key_id, own)],
        [*pairs, (name, signature)],
        [*pairs, (name.upper(), signature)],
        [*pairs, (name[:12], signature)],
        rest,
        [],
        pairs * 3,
    )
    swapped = [(one, other[1]) for (one, _), other in zip(pairs, pairs[1:] + pairs[:1], strict=True)]
    return seal(payload, swapped if len(pairs) > 1 and draw.random() < 0.2 else draw.choice(ways))


def _spoiled_inside(draw: Random, content: bytes) -> Spoiled:
    """Spoil the payload, and leave the signatures."""
    payload, pairs = _pairs(content)
    return seal(_small(draw, payload), pairs)


def _small(draw: Random, payload: bytes) -> bytes:
    made = draw.choice([*JSON.values()])(draw, payload)
    return made if isinstance(made, bytes) else payload[:-1]


def _envelope(draw: Random, content: bytes) -> Spoiled:
    """Change what stands around payload and signatures."""
    values = json.loads(content)
    text = values["payload"]
    ways: tuple[dict[str, Any], ...] = (
        {
            "payloadType": draw.choice(
                (PAYLOAD_TYPE + "x", PAYLOAD_TYPE.upper(), "application/json", CANARY, "", 1)
            )
        },
        {"payload": text + "="},
        {"payload": text.replace("A", "A\n", 1)},
        {"payload": text.rstrip("=") + "=" * draw.randint(0, 3)},
        {"payload": text.replace("+", "-").replace("/", "_") + "_"},
        {"payload": base64.b64encode(base64.b64decode(text) + b" ").decode()},
        {"signatures": {}},
        {"signatures": [*values["signatures"][::-1], {}]},
        {"signatures": [{**one, CANARY: 1} for one in values["signatures"]]},
        {"signatures": [{"keyid": one["keyid"], "sig": one["sig"] + "="} for one in values["signatures"]]},
        {CANARY: CANARY},
    )
    return canonical(values | draw.choice(ways))


def _other_file(draw: Random, content: bytes) -> Spoiled:
    """Put a good file of another kind in its place."""
    others = [one.content for one in readers().values() if one.content != content]
    return draw.choice(others)


def _signed_again(draw: Random, content: bytes) -> Spoiled:
    """Spoil the payload and sign it again with the keys of those who may: their own tools are broken."""
    payload, pairs = _pairs(content)
    made = _small(draw, payload)
    keys = [_trusted_key(key_id) for key_id, _ in pairs]
    return seal(made, [(key.public.key_id, key.sign(pre_authentication(made))) for key in keys])


@cache
def _trusted_key(key_id: str) -> Any:
    folder = readers_folder() / "world" / "keys"
    keys = [read_signing_key(folder, role) for role in ("operator", "checker", "university")]
    return next(key for key in keys if key.public.key_id == key_id)


def readers_folder() -> Path:
    """Return the folder of this process."""
    return readers()["release"].path.parents[1]


SIGNED: Final[Mapping[str, Way]] = {
    "signatures": _signed_otherwise,
    "payload under its signatures": _spoiled_inside,
    "envelope": _envelope,
}
AGAIN: Final = "payload signed again"
"""Then the signatures hold: the schema judges what it says, and here only that nothing breaks is judged."""
OTHER: Final = "file of another kind"


def ways_of(reader: Reader) -> Mapping[str, Way]:
    """Every way to spoil the file of a reader."""
    ways = {**BYTES, **JSON, OTHER: _other_file}
    if reader.any_kind:
        del ways[OTHER]
    return {**ways, **SIGNED, AGAIN: _signed_again} if reader.signed else ways


def put(path: Path, spoiled: Spoiled) -> None:
    """Put a spoiled file in its place."""
    if isinstance(spoiled, Sparse):
        with path.open("wb") as file:
            file.truncate(spoiled.size)
    else:
        path.write_bytes(spoiled)


@cache
def meaning(name: str) -> Any:
    """Read the good file of a reader."""
    reader = readers()[name]
    put(reader.path, reader.content)
    return reader.read()
