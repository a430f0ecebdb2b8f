"""Masks that cancel in a sum: pairwise X25519 secrets, a keystream each, integers modulo 2^64.

Sites i < j share a secret; both expand it to the same words, i adds them and j subtracts them. The sum over
the whole roster is then the plain sum, and any part of it is uniform to who knows none of its secrets
(Bonawitz et al. 2017, doi:10.1145/3133956.3133982, without recovery of dropouts: here one ends the round).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from causalsig.errors import RefusedError, ReleaseError

Words = NDArray[np.uint64]
FRACTION_BITS = 32
MOST_SITES = 512
LARGEST = 2.0 ** (63 - FRACTION_BITS - 9)
"""No contribution reaches it (2^22), so that the sum of `MOST_SITES` of them stays within a signed word."""
_INFO = b"causalsig masked sum v1"


def fixed_point(values: NDArray[np.float64]) -> Words:
    """Give numbers as words: multiples of 2^-32, rounded to the nearest, modulo 2^64.

    Raises
    ------
    RefusedError
        ``release-masked-range`` when one is missing, infinite or too large for the sum to hold.
    """
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all() or not (np.abs(values) < LARGEST).all():
        raise RefusedError(
            "release-masked-range",
            expected="contributions that the sum can hold",
            found="one that is missing, infinite or too large",
            mend="Nothing was written. Declare a round with a larger unit, or leave this site out.",
        )
    return np.rint(values * 2.0**FRACTION_BITS).astype(np.int64).view(np.uint64)


def from_words(words: Words) -> NDArray[np.float64]:
    """Give the numbers that words stand for, signed."""
    signed = np.asarray(words, dtype=np.uint64).view(np.int64)
    return np.asarray(signed * 2.0**-FRACTION_BITS, dtype=np.float64)


def add_masks(words: Words, private: bytes, roster: Sequence[bytes], context: bytes) -> Words:
    """Add this site's masks against every other site of the roster.

    Parameters
    ----------
    words : (n,) array of uint64
    private : bytes
        The site's X25519 private key (32 bytes).
    roster : sequence of bytes
        Public keys of the whole roster, sorted, this site's among them.
    context : bytes
        Digest of the round: one secret never gives the same words for two rounds.

    Raises
    ------
    ReleaseError
        ``release-masked-roster``: this site's key is not in the roster, the roster is not sorted with each
        key once, or a key of it is degenerate.
    """
    own = X25519PrivateKey.from_private_bytes(private)
    mine = own.public_key().public_bytes_raw()
    if mine not in roster or list(roster) != sorted(set(roster)) or len(roster) > MOST_SITES:
        raise bad_roster("one that is not sorted, has a key twice, is too long or lacks this site's key")
    masked = np.array(words, dtype=np.uint64)
    for other in roster:
        if other == mine:
            continue
        try:
            secret = own.exchange(X25519PublicKey.from_public_bytes(other))
        except ValueError:
            raise bad_roster("a key of low order, which would give no secret") from None
        mask = _expand(secret, context, mine, other, masked.size)
        if mine < other:
            masked += mask
        else:
            masked -= mask
    return masked


def _expand(secret: bytes, context: bytes, one: bytes, other: bytes, size: int) -> Words:
    """HKDF-SHA256 of the secret, bound to the round and the pair, as the key of one ChaCha20 stream."""
    pair = min(one, other) + max(one, other)
    key = HKDF(SHA256(), 32, salt=context, info=_INFO + pair).derive(secret)
    # One key a round and pair, so the nonce may be fixed.
    stream = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor()
    return np.frombuffer(stream.update(bytes(8 * size)), dtype="<u8").astype(np.uint64)


def bad_roster(found: str) -> ReleaseError:
    """Make the refusal of a roster."""
    return ReleaseError(
        "release-masked-roster",
        expected="a sorted roster of public keys with each site once, this one among them",
        found=found,
        mend="Ask the university for the round's roster again.",
    )
