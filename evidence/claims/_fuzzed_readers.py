"""Every reader of the release, with a good file for each, and what of that file counts."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from functools import cache
from io import StringIO
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, Final

from causalsig_cli.ledger import verify as verify_ledger

from causalsig.release.approver import without_revoked
from causalsig.release.envelope import PAYLOAD_TYPE, pre_authentication, seal
from causalsig.release.household_sets import read_sets
from causalsig.release.kept import kept_bytes, kept_values
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
from evidence.claims._fuzzed_bytes import BYTES, CANARY, JSON, Reader, Sparse, Spoiled, Way, reader_of
from evidence.claims._fuzzed_kept import kept_readers, whole_lines
from evidence.claims._killed_steps import OTHERS, SITE, World, act, prepare
from evidence.claims._mutated_formats import scratch_folder


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

    return {
        "release": reader_of(release, lambda: open_release(release, trusted=trusted), signed=True),
        "release of any kind": reader_of(
            release, lambda: verify(release, trusted=trusted), signed=True, any_kind=True
        ),
        "pool": reader_of(pool, lambda: read_pool(pool, trusted=trusted), signed=True),
        "pool of any kind": reader_of(
            pool, lambda: verify(pool, trusted=trusted), signed=True, any_kind=True
        ),
        "withdrawal": reader_of(word, lambda: withdrawn(word.parent, trusted), signed=True),
        "study's signature": reader_of(seal_file, lambda: check_study(study, trusted=trusted), signed=True),
        "study": reader_of(study, lambda: _study(study, trusted)),
        "review": reader_of(review, lambda: _review(review, trusted), ways=KEPT_AGAIN),
        "candidate": reader_of(candidate, lambda: _waiting(candidate.parent, waits)),
        "private key": reader_of(private, lambda: _private(private.parent)),
        "provider's key": reader_of(provider, lambda: read_provider_key(provider.parent)),
        "public key": reader_of(public, lambda: read_trusted(public.parent)),
        "ledger": reader_of(ledger, lambda: _ledger_and_files(ledger.parent, trusted, outbox)),
        "ledger alone": _alone(ledger, world.keys),
        "set of households": reader_of(
            lone, lambda: [one.codes.tolist() for one in read_sets(lone.parent, lone.stem)]
        ),
        **kept_readers(top / "kept", world.keys),
    }


def _alone(ledger: Path, keys: Path) -> Reader:
    """Verify a ledger without the files that left, by the command, and take what it prints."""
    good = ledger.read_bytes()

    def read() -> str:
        with redirect_stdout(StringIO()) as said:
            verify_ledger(ledger.parent, keys)
        return said.getvalue()

    def right(spoiled: Spoiled, said: str) -> bool:
        left = whole_lines(good, spoiled)
        if left is None:
            return False
        lines, torn = left
        words = [f"verified: {lines} lines;", "\nend       not checked"]
        return all(one in said for one in (*words, *([f"\ntorn      {torn} bytes"] if torn else ())))

    return reader_of(ledger, read, instead=END_UNCHECKED, right=right)


def _review(path: Path, trusted: Any) -> Any:
    """Read a review as whoever approves does: with its log, and the other's signature."""
    found = read_review(path)
    for role in ("operator", "checker"):
        without_revoked(found, role, trusted)
    return found.model_dump()


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


def _log_kept_again(draw: Random, content: bytes) -> Spoiled:
    """Change a step before the last of a review's log, and write the digest that fits."""
    values = kept_values(content)
    at = draw.randrange(len(values["log"]) - 1)
    values["log"][at] = json.loads(_still_json(draw, canonical(values["log"][at])))
    return kept_bytes(values)


def _still_json(draw: Random, content: bytes) -> bytes:
    while True:
        made = draw.choice([*JSON.values()])(draw, content)
        with suppress(ValueError, RecursionError):
            if isinstance(made, bytes) and canonical(json.loads(made)) != content:
                return made


def _approval_kept_again(draw: Random, content: bytes) -> Spoiled:
    """Change who approved a review, or the signature, and write the digest that fits."""
    values = kept_values(content)
    one, other = draw.sample(values["signatures"], 2)
    signature = bytes.fromhex(one["signature"])
    at = draw.randrange(len(signature))
    flipped = signature[:at] + bytes([signature[at] ^ 1 << draw.randrange(8)]) + signature[at + 1 :]
    one |= draw.choice(
        (
            {"signature": flipped.hex()},
            {"signature": other["signature"]},
            {"signature": _malleable(signature).hex()},
            {"key_id": other["key_id"]},
            {"key_id": draw.randbytes(32).hex()},
        )
    )
    return kept_bytes(values)


KEPT_AGAIN: Final[Mapping[str, Way]] = MappingProxyType(
    {"log changed, digest mended": _log_kept_again, "approval changed, digest mended": _approval_kept_again}
)
"""A digest is no signature: who edits a review on purpose writes another one, and the chain has to tell."""
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
    estimates = [readers()[name].content for name in ("release", "private release")]
    same = estimates if content in estimates else [content]
    return draw.choice([one.content for one in readers().values() if one.content not in same])


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
END_UNCHECKED: Final = "end said to be unchecked"


def ways_of(reader: Reader) -> Mapping[str, Way]:
    """Every way to spoil the file of a reader."""
    ways = {**BYTES, **JSON, OTHER: _other_file, **reader.ways}
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
