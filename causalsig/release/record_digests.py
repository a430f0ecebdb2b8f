"""What is recorded of each household, as keyed digests: so that two releases can be told to differ in a few.

Households that stay in a set while something of theirs changes are found by no comparison of who is in it.
A digest is SipHash-2-4 under a key drawn from the provider's own, over the household's code and the numbers
that were counted of it; its upper half is kept. It says whether two records are the same, and no more.

SipHash: Aumasson and Bernstein (2012), https://doi.org/10.1007/978-3-642-34931-7_28.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from causalsig.recorded import Recorded
from causalsig.release.household_sets import Codes, HouseholdRecords, Member

_INITIAL = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_KEY_BYTES = 16
_KEPT_BITS = 32


def household_records(
    provider_key: bytes,
    municipality: str,
    told: Iterable[Iterable[Member]],
    code: Callable[[Iterable[Member]], Codes],
) -> tuple[HouseholdRecords, ...]:
    """Give the keyed digests of everything that is counted of households.

    Parameters
    ----------
    provider_key : bytes
    municipality : str
    told : iterable
        Sets of households; those with columns are :class:`Recorded`.
    code : callable
        As :func:`causalsig.release.household_sets.household_coder` gives it.
    """
    found = []
    for one in told:
        if not isinstance(one, Recorded) or not len(one.members):
            continue
        codes = code(one.members)
        order = np.argsort(codes, kind="stable")
        distinct, first = np.unique(codes[order], return_index=True)
        for column, values in one.columns.items():
            label = "\n".join(("record", municipality, *label_of(one.of, column))).encode()
            key = hmac.new(provider_key, label, hashlib.sha256).digest()[:_KEY_BYTES]
            rows = siphash(key, np.column_stack([codes, _words(values)]))[order]
            whole = np.add.reduceat(rows, first) >> np.uint64(64 - _KEPT_BITS)
            found.append(HouseholdRecords(one.of, column, distinct, whole.astype(np.uint32)))
    return tuple(found)


def label_of(of: str, column: str) -> tuple[str, str]:
    """Give what a column tells, as far as a study has no say in it: its question, and a name up to ``/``."""
    return of.partition(":")[0], column.partition("/")[0]


def _words(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Give the bits of numbers, (n, p); one for all that is missing, and one for both zeros."""
    numbers = np.asarray(values, dtype=np.float64).reshape(len(values), -1) + 0.0
    return np.where(np.isnan(numbers), np.nan, numbers).view(np.uint64)


def siphash(key: bytes, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SipHash-2-4 of each row.

    Parameters
    ----------
    key : bytes, length 16
    words : (n, m) uint64
        A row is a message of 8 m bytes, little end first.

    Returns
    -------
    (n,) uint64
    """
    halves = np.frombuffer(key, dtype="<u8").astype(np.uint64)
    v0, v1, v2, v3 = (
        np.full(len(words), np.uint64(start) ^ halves[place % 2], dtype=np.uint64)
        for place, start in enumerate(_INITIAL)
    )
    state = (v0, v1, v2, v3)
    length = np.full(len(words), (8 * words.shape[1] % 256) << 56, dtype=np.uint64)
    for word in (*words.T, length):
        v0, v1, v2, v3 = state
        state = _rounds((v0, v1, v2, v3 ^ word), 2)
        state = (state[0] ^ word, *state[1:])
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _rounds((v0, v1, v2 ^ np.uint64(0xFF), v3), 4)
    return v0 ^ v1 ^ v2 ^ v3


_State = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]


def _rounds(state: _State, times: int) -> _State:
    v0, v1, v2, v3 = state
    for _ in range(times):
        v0 = v0 + v1
        v1 = _rotated(v1, 13) ^ v0
        v0 = _rotated(v0, 32)
        v2 = v2 + v3
        v3 = _rotated(v3, 16) ^ v2
        v0 = v0 + v3
        v3 = _rotated(v3, 21) ^ v0
        v2 = v2 + v1
        v1 = _rotated(v1, 17) ^ v2
        v2 = _rotated(v2, 32)
    return v0, v1, v2, v3


def _rotated(words: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))
