"""Which households a release was of, as keyed hashes: so that two releases can be compared, and no more.

A release has many sets: everybody, each month, each arm, each group. They never leave the provider. A code is
the first five bytes of an HMAC-SHA256 under the provider's key over site and household, by what its source
calls it: so equal households of one site meet, whoever else is in an extract, and nobody without the key can
try out names. Behind them stands, in three bytes, the day at which the household came in, where another day
is another contribution: waves of a study share households and no episode. One file holds all sets of a
release: every code once, and of each set one bit a code; and beside them a keyed digest of what was counted
of each (:mod:`causalsig.release.record_digests`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import ReleaseError
from causalsig.release.files import is_private, read_bytes, write_atomic
from causalsig.release.strict_json import canonical, parse

Codes = NDArray[np.uint64]
_MAX_BYTES = 800_000_000
_WORD, _KEYED, _DIGEST = 8, 5, 4
_VERSION = 3
"""Before it households were named by their numbers in one reading, which say nothing of another."""
_DAY_BITS = 8 * (_WORD - _KEYED)
Member = str | tuple[str, int]
"""Key of a household; with the day since 1970 at which it came in, where that makes another contribution."""


class _Themselves(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key


BY_THEMSELVES: Final[Mapping[str, str]] = _Themselves()
"""For households that are called by what they are known by in every extract, as invented ones are."""


@dataclass(frozen=True, slots=True, eq=False)
class CohortSet:
    """Of whom something is told together: its name, and their codes (n,) ascending, each once."""

    analysis: str
    codes: Codes


@dataclass(frozen=True, slots=True, eq=False)
class HouseholdRecords:
    """What is recorded of households, as digests.

    ``of`` names the set it is counted for, and ``column`` what it is of; their codes (n,) ascending, each
    once, and a digest of each.
    """

    of: str
    column: str
    codes: Codes
    digests: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Of whom a release tells, and the records of theirs that it counts; none in a file from before these."""

    sets: tuple[CohortSet, ...]
    records: tuple[HouseholdRecords, ...] = ()


def source_secret(provider_key: bytes, municipality: str) -> bytes:
    """Give the secret, 32 bytes, under which a municipality's source is read for a ledger."""
    return hmac.new(provider_key, f"source household\n{municipality}\n".encode(), hashlib.sha256).digest()


def household_coder(
    provider_key: bytes, municipality: str, known_again: Mapping[str, str] = BY_THEMSELVES
) -> Callable[[Iterable[Member]], Codes]:
    """Give the function that turns households into keyed codes, in their order; it knows whom it has seen.

    Parameters
    ----------
    provider_key : bytes
    municipality : str
    known_again : mapping of str to str
        By what a household that is called so in one reading is known in every other
        (:attr:`causalsig.sources.findings.ReadResult.known_again`).

    Raises
    ------
    KeyError
        From the function: a household that is not in `known_again`.
    """
    start = hmac.new(provider_key, f"household\n{municipality}\n".encode(), hashlib.sha256)
    coded: dict[str, int] = {}

    def code(member: Member) -> int:
        household, day = (member, 0) if isinstance(member, str) else member
        if household not in coded:
            one = start.copy()
            one.update(known_again[household].encode())
            coded[household] = int.from_bytes(one.digest()[:_KEYED], "big")
        return coded[household] << _DAY_BITS | day

    return lambda members: np.fromiter(map(code, members), np.uint64)


def cohort_sets(
    provider_key: bytes,
    municipality: str,
    households: Mapping[str, Iterable[Member]],
    *,
    floor: int = 1,
    code: Callable[[Iterable[Member]], Codes] | None = None,
) -> tuple[CohortSet, ...]:
    """Give the keyed codes of every set.

    Parameters
    ----------
    provider_key : bytes
    municipality : str
    households : mapping of name to iterable of str, or of (str, int)
        Keys of households, by which they are known again, and the day at which each came in.
    floor : int
        Sets of fewer households are left out: no cell of so few leaves.
    code : callable, optional
        Of :func:`household_coder`, where it is used again or where households are called otherwise.
    """
    code = code or household_coder(provider_key, municipality)
    found = (CohortSet(name, np.unique(code(members))) for name, members in households.items())
    return tuple(one for one in found if count_households(one.codes) >= floor)


def count_households(codes: Codes) -> int:
    """Count the households of some codes, each once however often it came in."""
    return len(np.unique(households_of(codes)))


def households_of(codes: Codes) -> Codes:
    """Give the household's part of each code."""
    return codes >> np.uint64(_DAY_BITS)


def days_of(codes: Codes) -> Codes:
    """Give the day's part of each code, since 1970; 0 for what is named without one."""
    return codes & np.uint64((1 << _DAY_BITS) - 1)


def sides(one: Codes, other: Codes) -> tuple[int, int]:
    """Count the households with a code that is only in the one set, and with one only in the other."""
    return (
        count_households(np.setdiff1d(one, other, assume_unique=True)),
        count_households(np.setdiff1d(other, one, assume_unique=True)),
    )


def everybody(sets: Sequence[CohortSet]) -> Codes:
    """All codes of some sets, ascending, each once."""
    return reduce(np.union1d, (one.codes for one in sets), np.empty(0, dtype=np.uint64))


def write_sets(folder: Path, sets: Sequence[CohortSet], records: Sequence[HouseholdRecords] = ()) -> str:
    """Write the sets of a release, readable by its owner only; return the file's name without its ending.

    The file: a line of JSON with a version, the names of the sets, and set and column of each record; the
    number n of all codes, and these ascending, each in eight bytes, big end first; of each set in turn n bits
    in whole bytes; of each record in turn n bits that say of whom it is, and then of each record its digests
    in four bytes, big end first, of those who are in a set. It is named by its SHA-256.
    """
    codes = everybody(sets)
    names = [one.analysis for one in sets]
    held = [(one, np.isin(codes, one.codes, assume_unique=True)) for one in records]
    marks = [np.isin(codes, one.codes, assume_unique=True) for one in sets] + [mask for _, mask in held]
    digests = [one.digests[np.isin(one.codes, codes, assume_unique=True)].astype(">u4") for one in records]
    head = {"records": [[one.of, one.column] for one in records], "sets": names, "version": _VERSION}
    content = b"".join(
        [
            canonical(head) + b"\n",
            len(codes).to_bytes(_WORD, "big"),
            codes.astype(">u8").tobytes(),
            *(np.packbits(mask).tobytes() for mask in marks),
            *(digest.tobytes() for digest in digests),
        ]
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(content).hexdigest()
    write_atomic(folder / f"{name}.set", content, mode=0o600)
    return name


def read_sets(folder: Path, name: str) -> tuple[CohortSet, ...]:
    """Read the sets of a release, as they were written; raises as :func:`read_told`."""
    return read_told(folder, name).sets


def read_told(folder: Path, name: str) -> Told:
    """Read the sets of a release and the records beside them, as they were written.

    Raises
    ------
    ReleaseError
        ``ledger-set`` when the file is not what its name says, or of an earlier version; ``ledger-mode``
        when others can read or replace it; ``release-not-readable``.
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
    own = hashlib.sha256(content).hexdigest() == name
    found = _told(content) if own else None
    if found is None:
        old = own and _version(content) < _VERSION
        raise ReleaseError(
            "ledger-set",
            expected="sets of households as they were written, by this version of causalsig",
            found="those of an earlier version, which no later release can be compared with"
            if old
            else "another content",
            mend="Begin a ledger anew: what left under the old one has to be withdrawn, or kept as the last."
            if old
            else "Put back a copy that verifies; until then nothing can be released.",
            where=f"{name[:12]}.set",
        )
    return found


def _version(content: bytes) -> int:
    """Version of a file of sets: a list of names came before there was a number."""
    try:
        head = parse(content.partition(b"\n")[0])
    except ReleaseError:
        return _VERSION
    told = head.get("version") if isinstance(head, dict) else 1
    return told if isinstance(told, int) else _VERSION


def _told(content: bytes) -> Told | None:
    line, _, body = content.partition(b"\n")
    head = _head(line)
    if head is None:
        return None
    names, columns = head
    size = int.from_bytes(body[:_WORD], "big")
    begin, width, count = _WORD * (1 + size), -(-size // 8), len(names) + len(columns)
    behind = begin + width * count
    if len(body) < behind or (len(body) - behind) % _DIGEST:
        return None
    codes = np.frombuffer(body, dtype=">u8", count=size, offset=_WORD).astype(np.uint64)
    rows = (np.frombuffer(body, np.uint8, width, begin + width * place) for place in range(count))
    inside = [np.unpackbits(row, count=size).astype(bool) for row in rows]
    masks = inside[len(names) :]
    ends = np.cumsum([int(mask.sum()) for mask in masks])
    digests = np.frombuffer(body, dtype=">u4", offset=behind).astype(np.uint32)
    if len(digests) != (ends[-1] if len(ends) else 0):
        return None
    parts = np.split(digests, ends[:-1])
    return Told(
        tuple(CohortSet(one, codes[row]) for one, row in zip(names, inside, strict=False)),
        tuple(
            HouseholdRecords(of, column, codes[mask], part)
            for (of, column), mask, part in zip(columns, masks, parts if masks else (), strict=True)
        ),
    )


def _head(line: bytes) -> tuple[list[str], list[tuple[str, str]]] | None:
    """Read names of sets, and set and column of records."""
    try:
        found = parse(line)
    except ReleaseError:
        return None
    if not isinstance(found, dict) or found.keys() != {"records", "sets", "version"}:
        return None
    names, columns = found["sets"], found["records"]
    if found["version"] != _VERSION or not isinstance(names, list) or not isinstance(columns, list):
        return None
    pairs = [one for one in columns if isinstance(one, list) and len(one) == 2]
    if len(pairs) != len(columns) or not all(isinstance(one, str) for one in (*names, *chain(*pairs))):
        return None
    return names, [(of, column) for of, column in pairs]
