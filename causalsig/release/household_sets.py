"""Which households a release was of, as keyed hashes: so that two releases can be compared, and no more.

A release has many sets: everybody, each month, each arm, each group. They never leave the provider. A code is
the first five bytes of an HMAC-SHA256 under the provider's key over site and household, so equal households
of one site meet, and nobody without the key can try out names; behind them stands, in three bytes, the day at
which the household came in, where another day is another contribution: waves of a study share households and
no episode. One file holds all sets of a release: every code once, and of each set one bit a code.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import ReleaseError
from causalsig.release.files import is_private, read_bytes, write_atomic
from causalsig.release.strict_json import canonical, parse

Codes = NDArray[np.uint64]
_MAX_BYTES = 800_000_000
_WORD, _KEYED = 8, 5
_DAY_BITS = 8 * (_WORD - _KEYED)
Member = str | tuple[str, int]
"""Key of a household; with the day since 1970 at which it came in, where that makes another contribution."""


@dataclass(frozen=True, slots=True, eq=False)
class CohortSet:
    """Of whom something is told together: its name, and their codes (n,) ascending, each once."""

    analysis: str
    codes: Codes


def cohort_sets(
    provider_key: bytes, municipality: str, households: Mapping[str, Iterable[Member]], *, floor: int = 1
) -> tuple[CohortSet, ...]:
    """Give the keyed codes of every set.

    Parameters
    ----------
    provider_key : bytes
    municipality : str
    households : mapping of name to iterable of str, or of (str, int)
        Keys of households as the source has them, and the day at which each came in.
    floor : int
        Sets of fewer households are left out: no cell of so few leaves.
    """
    start = hmac.new(provider_key, f"household\n{municipality}\n".encode(), hashlib.sha256)
    coded: dict[str, int] = {}

    def code(member: Member) -> int:
        household, day = (member, 0) if isinstance(member, str) else member
        if household not in coded:
            one = start.copy()
            one.update(household.encode())
            coded[household] = int.from_bytes(one.digest()[:_KEYED], "big")
        return coded[household] << _DAY_BITS | day

    found = (
        CohortSet(name, np.unique(np.fromiter(map(code, members), np.uint64)))
        for name, members in households.items()
    )
    return tuple(one for one in found if count_households(one.codes) >= floor)


def count_households(codes: Codes) -> int:
    """Count the households of some codes, each once however often it came in."""
    return len(np.unique(households_of(codes)))


def households_of(codes: Codes) -> Codes:
    """Give the household's part of each code."""
    return codes >> np.uint64(_DAY_BITS)


def sides(one: Codes, other: Codes) -> tuple[int, int]:
    """Count the households with a code that is only in the one set, and with one only in the other."""
    return (
        count_households(np.setdiff1d(one, other, assume_unique=True)),
        count_households(np.setdiff1d(other, one, assume_unique=True)),
    )


def everybody(sets: Sequence[CohortSet]) -> Codes:
    """All codes of some sets, ascending, each once."""
    return reduce(np.union1d, (one.codes for one in sets), np.empty(0, dtype=np.uint64))


def write_sets(folder: Path, sets: Sequence[CohortSet]) -> str:
    """Write the sets of a release, readable by its owner only; return the file's name without its ending.

    The file: their names as a line of JSON; the number n of all codes, and these ascending, each in eight
    bytes, big end first; of each set in turn n bits in whole bytes. It is named by its SHA-256.
    """
    codes = everybody(sets)
    names = canonical([one.analysis for one in sets]) + b"\n"
    rows = [np.packbits(np.isin(codes, one.codes, assume_unique=True)).tobytes() for one in sets]
    content = b"".join([names, len(codes).to_bytes(_WORD, "big"), codes.astype(">u8").tobytes(), *rows])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(content).hexdigest()
    write_atomic(folder / f"{name}.set", content, mode=0o600)
    return name


def read_sets(folder: Path, name: str) -> tuple[CohortSet, ...]:
    """Read the sets of a release, as they were written.

    Raises
    ------
    ReleaseError
        ``ledger-set`` when the file is not what its name says; ``ledger-mode`` when others can read or
        replace it; ``release-not-readable``.
    """
    path = folder / f"{name}.set"
    if path.exists() and not is_private(path):
        raise ReleaseError(
            "ledger-mode",
            expected="sets that only their owner can read (mode 0600), in a folder only its owner changes",
            found="one that others can read or replace",
            mend="Run chmod 600 on the files and chmod 700 on their folder, and verify the ledger.",
            where=path.name[:12],
        )
    content = read_bytes(path, _MAX_BYTES)
    found = _sets(content) if hashlib.sha256(content).hexdigest() == name else None
    if found is None:
        raise ReleaseError(
            "ledger-set",
            expected="sets of households as they were written",
            found="another content",
            mend="Put back a copy that verifies; until then nothing can be released.",
            where=f"{name[:12]}.set",
        )
    return found


def _sets(content: bytes) -> tuple[CohortSet, ...] | None:
    head, _, body = content.partition(b"\n")
    try:
        names = parse(head)
    except ReleaseError:
        return None
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        return None
    size = int.from_bytes(body[:_WORD], "big")
    begin, width = _WORD * (1 + size), -(-size // 8)
    if len(body) != begin + width * len(names):
        return None
    codes = np.frombuffer(body, dtype=">u8", count=size, offset=_WORD).astype(np.uint64)
    rows = (np.frombuffer(body, np.uint8, width, begin + width * place) for place in range(len(names)))
    inside = (np.unpackbits(row, count=size).astype(bool) for row in rows)
    return tuple(CohortSet(one, codes[row]) for one, row in zip(names, inside, strict=True))
