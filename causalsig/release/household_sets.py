"""Which households an analysis was of, as keyed hashes: so that two releases can be compared, and no more.

A set never leaves the provider. Its codes are the first eight bytes of an HMAC-SHA256 under the provider's
key over site and household, so equal households of one site meet, and nobody without the key can try out
names.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import ReleaseError
from causalsig.release.files import is_private, read_bytes, write_atomic

Codes = NDArray[np.uint64]
_MAX_BYTES = 8 * 10_000_000


@dataclass(frozen=True, slots=True, eq=False)
class CohortSet:
    """The households of one analysis: its name, and their codes (n,) ascending, each once."""

    analysis: str
    codes: Codes


def household_codes(provider_key: bytes, municipality: str, households: Iterable[str]) -> Codes:
    """Give the keyed codes of households, ascending, each once.

    Parameters
    ----------
    provider_key : bytes
    municipality : str
    households : iterable of str
        Keys of households as the source has them.

    Returns
    -------
    (n,) uint64
    """
    start = hmac.new(provider_key, f"household\n{municipality}\n".encode(), hashlib.sha256)
    found = bytearray()
    for household in households:
        one = start.copy()
        one.update(str(household).encode())
        found += one.digest()[:8]
    return np.unique(np.frombuffer(bytes(found), dtype=">u8").astype(np.uint64))


def apart(one: Codes, other: Codes) -> int:
    """Count the households that are in one of the two sets and not in both."""
    return len(np.setxor1d(one, other, assume_unique=True))


def write_set(folder: Path, codes: Codes) -> str:
    """Write a set, named by its SHA-256, readable by its owner only; return the name without its ending."""
    content = codes.astype(">u8").tobytes()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(content).hexdigest()
    write_atomic(folder / f"{name}.set", content, mode=0o600)
    return name


def read_set(folder: Path, name: str) -> Codes:
    """Read a set that was written.

    Raises
    ------
    ReleaseError
        ``ledger-set`` when it is not what its name says; ``ledger-mode`` when others can read or replace it;
        ``release-not-readable``.
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
    if hashlib.sha256(content).hexdigest() != name:
        raise ReleaseError(
            "ledger-set",
            expected="a set of households as it was written",
            found="another content",
            mend="Put back a copy that verifies; until then nothing can be released.",
            where=f"{name[:12]}.set",
        )
    return np.frombuffer(content, dtype=">u8").astype(np.uint64)
