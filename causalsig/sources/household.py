"""Who lives together, and who is known again: keyed hashes of an address, a person or a source's own key.

Municipalities match signals on the address, so the household key is the municipality's own matching rule.
The key of the hash is drawn for one reading (or given by the caller), and never stored: without it nobody can
try addresses until the hash fits.

Households of the canonical tables are numbered anew at each reading, so that their keys say nothing; one that
is erased moves the numbers of all behind it. What a provider's ledger has to know again from one extract to
the next is therefore hashed here, from what the source itself calls a household, before it is numbered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from causalsig.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

HouseholdRule = Literal["postcode_number_addition", "postcode_number"]
"""Parts of the address on which a municipality matches; the second where additions are not used."""

KEY_BYTES: Final = 32
SHORTEST_KEY: Final = 16
LONGEST_KEY: Final = 64
"""What BLAKE2b takes."""
DIGEST_BYTES: Final = 16

_POSTCODE = re.compile(r"[0-9]{4}[A-Z]{2}")
_NUMBER = re.compile(r"0*([1-9][0-9]{0,4})(.*)", re.DOTALL)
_PERSON = re.compile(r"[0-9]{8,9}")


@dataclass(frozen=True, slots=True)
class Households:
    """Households of n rows.

    Attributes
    ----------
    hashes : (n,) object
        Keyed hash in hexadecimal; None where neither address nor person can be read.
    by_person : (n,) bool
        Rows known by citizen number only: they meet the same household's rows known by address only where a
        case says so.
    unreadable : int
        Rows that hold an address or a number which is none.
    """

    hashes: NDArray[np.object_]
    by_person: NDArray[np.bool_]
    unreadable: int


def normalise_address(postcode: str, number: str, addition: str, rule: HouseholdRule) -> str | None:
    """Address as it is matched: capitals, no blanks or signs, no leading zeros; None when it is no address.

    A number with something behind it ("10A", "10-2") is the number and an addition.
    """
    code = "".join(postcode.split()).upper()
    found = _NUMBER.fullmatch("".join(number.split()))
    if not _POSTCODE.fullmatch(code) or found is None:
        return None
    behind = "".join(sign for sign in found[2] + addition if sign.isascii() and sign.isalnum()).upper()
    return f"{code} {found[1]}" + (f" {behind}" if rule == "postcode_number_addition" else "")


def household_hashes(
    postcodes: Sequence[str | None],
    numbers: Sequence[str | None],
    additions: Sequence[str | None],
    persons: Sequence[str | None],
    *,
    rule: HouseholdRule = "postcode_number_addition",
    key: bytes | None = None,
) -> Households:
    """Hash the household of each row: by address where there is one, else by citizen number.

    Parameters
    ----------
    postcodes, numbers, additions, persons : sequences of length n
        None where the source says nothing.
    rule : {"postcode_number_addition", "postcode_number"}
    key : bytes, optional
        Secret of 16 to 64 bytes, for readings that must give the same hashes; drawn when not given.

    Raises
    ------
    SourceError
        ``source-household-rule`` or ``source-household-key``.
    """
    if rule not in get_args(HouseholdRule):
        raise SourceError(
            "source-household-rule",
            expected=f"a rule of {', '.join(get_args(HouseholdRule))}",
            found="another word",
            mend="Give the parts of the address on which the municipality matches.",
        )
    secret = _checked(token_bytes(KEY_BYTES) if key is None else key)
    rows = list(zip(postcodes, numbers, additions, persons, strict=True))
    known = {row: _identity(row, rule) for row in set(rows)}
    hashed = {identity: _keyed(identity, secret) for identity, _ in known.values() if identity is not None}
    identities = [known[row] for row in rows]
    hashes = np.empty(len(rows), dtype=object)
    hashes[:] = [None if identity is None else hashed[identity] for identity, _ in identities]
    return Households(
        hashes,
        np.array([identity is not None and identity[0] == "p" for identity, _ in identities], dtype=bool),
        sum(bad for _, bad in identities),
    )


def known_again(names: Iterable[str], own: Iterable[str], secret: bytes | None) -> Mapping[str, str] | None:
    """Give, by each household's key in the canonical tables, a keyed hash of its key in the source.

    Parameters
    ----------
    names, own : iterables of n texts
        What a household is called in the tables of this reading, and in the source.
    secret : bytes, optional
        Of 16 to 64 bytes, the same for every extract of a municipality; without it nobody is known again.

    Returns
    -------
    mapping or None
        None without a secret.

    Raises
    ------
    SourceError
        ``source-household-key``.
    """
    if secret is None:
        return None
    _checked(secret)
    return {name: _keyed(key, secret) for name, key in zip(names, own, strict=True)}


def _keyed(text: str, secret: bytes) -> str:
    return blake2b(text.encode(), key=secret, digest_size=DIGEST_BYTES).hexdigest()


def _checked(secret: bytes) -> bytes:
    if SHORTEST_KEY <= len(secret) <= LONGEST_KEY:
        return secret
    raise SourceError(
        "source-household-key",
        expected=f"a secret of {SHORTEST_KEY} to {LONGEST_KEY} bytes",
        found="one of another length",
        mend="Draw it with a generator made for secrets, and store it nowhere.",
    )


def _identity(
    row: tuple[str | None, str | None, str | None, str | None], rule: HouseholdRule
) -> tuple[str | None, bool]:
    """Text to hash, marked as address or person, and whether the row holds something unreadable."""
    postcode, number, addition, person = row
    bad = False
    if postcode or number:
        address = normalise_address(postcode or "", number or "", addition or "", rule)
        if address is not None:
            return f"a {address}", False
        bad = True
    if person:
        digits = "".join(person.split())
        if _PERSON.fullmatch(digits):
            return f"p {digits.zfill(9)}", bad
        bad = True
    return None, bad
