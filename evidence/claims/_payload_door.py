"""The whole door for one document: review, two approvals, ledger, signatures, a file, and reading it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from causalsig.release.build import read_model
from causalsig.release.envelope import unseal
from causalsig.release.household_sets import cohort_sets
from causalsig.release.keys import new_keys, read_signing_key, read_trusted
from causalsig.release.kinds import read_site_document
from causalsig.release.ledger import Ledger
from causalsig.release.life import Memory, approve, look, read_site_release, write_pool, write_review
from causalsig.release.pool_document import PoolDocument
from causalsig.release.strict_json import canonical
from evidence.claims._mutated_formats import scratch_folder

_PEOPLE: Final[tuple[tuple[Literal["operator", "checker"], str], ...]] = (
    ("operator", "One Person"),
    ("checker", "Another Person"),
)


@cache
def door_keys() -> Path:
    """Make keys of everybody, once a process."""
    folder = scratch_folder() / "door"
    new_keys(folder)
    return folder


@cache
def _members() -> Any:
    return cohort_sets(b"p" * 32, "9001", {"everybody": map(str, range(100_000))})


def through_the_door(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Let a document leave, and read the file that did."""
    keys = door_keys()
    trusted = read_trusted(keys)
    if document["kind"] == "pool":
        path = write_pool(
            folder / "pool.json", read_model(PoolDocument, document), key=read_signing_key(keys, "university")
        )
        return unseal(path.read_bytes(), trusted, ("university",)).document
    Ledger(folder / "ledger").create()
    floor = document["floors"]["min_households_cell"]
    memory = Memory(folder / "ledger", "f" * 64, floor, 330, _members())
    write_review(folder / "9001", read_site_document(document), memory=memory)
    left: Path | None = None
    for role, name in _PEOPLE:
        key = read_signing_key(keys, role)
        look(folder / "9001")
        left = approve(
            folder / "9001", role=role, name=name, key=key, trusted=trusted, outbox=folder / "outbox"
        )
    assert left is not None
    said: dict[str, Any] = json.loads(
        canonical(read_site_release(left, trusted=trusted)[0].model_dump(mode="json"))
    )
    return said
