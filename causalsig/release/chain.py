"""A file that only grows: every line carries a hash over itself and the line before it, and a signature.

A line is written whole, with its newline, and forced to disk before anyone is told; what a crash leaves
behind the last newline was never told to anybody and is dropped when the next line is written. Whoever
changes, adds, drops or reorders a line has to sign every later one again with the keys of the people who
wrote them. That lines were taken off the end no chain can tell by itself: the heads that left in releases do.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causalsig.errors import ReleaseError
from causalsig.release.files import is_private, locked, read_bytes, sync_folder
from causalsig.release.keys import SigningKey, TrustedKeys
from causalsig.release.strict_json import canonical, parse

EMPTY = "0" * 64
"""What the first line gives as the line before it, and the head of a chain without lines."""


_MAX_BYTES = 250_000_000
"""A hundred thousand releases and more."""


@dataclass(frozen=True, slots=True)
class Link:
    """One line: its number from 1, what it says, the hash of the line before, its own, and who signed it."""

    number: int
    content: dict[str, Any]
    previous: str
    hash: str
    key_id: str
    signature: str

    def as_line(self) -> bytes:
        """Give the canonical bytes of the line, without its newline."""
        return canonical({name: getattr(self, name) for name in self.__slots__})


class Chain:
    """A hash-chained file.

    Parameters
    ----------
    path : Path
        The file; made, with mode 0600, when the first line is written.
    label : str
        What the chain is of: part of what is hashed, so no line fits another chain.
    """

    def __init__(self, path: Path, label: str) -> None:
        self.path = Path(path)
        self.label = label

    def links(self, trusted: TrustedKeys | None = None) -> tuple[Link, ...]:
        """Read every line and check the chain.

        Parameters
        ----------
        trusted : TrustedKeys, optional
            Check signatures too: each has to be of one of these.

        Raises
        ------
        ReleaseError
            ``ledger-tampered`` with the number of the first line that does not hold, ``ledger-signature``,
            ``ledger-mode`` when others can read the file, ``release-not-readable``.
        """
        found: list[Link] = []
        for number, line in enumerate(self._whole().split(b"\n")[:-1], start=1):
            link = self._fitting(line, number, found[-1].hash if found else EMPTY)
            if link is None:
                raise self._error(
                    "ledger-tampered",
                    "lines that follow from each other",
                    f"that line {number} does not follow",
                    "Put back a copy that verifies; until then nothing can be released.",
                )
            if trusted is not None and not self._signed(link, trusted):
                raise self._error(
                    "ledger-signature",
                    "lines signed by keys you trust",
                    f"another signature at line {number}",
                    "Put the public keys of everyone who ever approved in the folder of --keys.",
                )
            found.append(link)
        return tuple(found)

    @contextmanager
    def held(self) -> Iterator[tuple[Link, ...]]:
        """Hold the chain while something is decided by it and written to it; yields its lines."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.path.parent):
            yield self.links()

    def append(self, links: tuple[Link, ...], content: dict[str, Any], key: SigningKey) -> Link:
        """Write one line behind `links`, as :meth:`held` gave them, and force it to disk."""
        number, previous = len(links) + 1, head_of(links)
        own = self._hash(number, previous, content)
        signature = key.sign(self._message(own)).hex()
        link = Link(number, content, previous, own, key.public.key_id, signature)
        whole = len(self._whole())
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # Behind the last newline stands at most what a crash left of a line that nobody was told of.
            os.ftruncate(descriptor, whole)
            os.lseek(descriptor, whole, os.SEEK_SET)
            _write_all(descriptor, link.as_line() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self.path.parent)
        return link

    def torn(self) -> int:
        """Count the bytes behind the last whole line: what a crash left of one that nobody was told of."""
        if not self.path.exists():
            return 0
        content = read_bytes(self.path, _MAX_BYTES)
        return len(content) - (content.rfind(b"\n") + 1)

    def _fitting(self, line: bytes, number: int, previous: str) -> Link | None:
        link = _read(line)
        if link is None or (link.number, link.previous) != (number, previous):
            return None
        return link if link.hash == self._hash(number, previous, link.content) else None

    def _hash(self, number: int, previous: str, content: dict[str, Any]) -> str:
        values = {"chain": self.label, "content": content, "number": number, "previous": previous}
        return hashlib.sha256(canonical(values)).hexdigest()

    def _message(self, own: str) -> bytes:
        return f"causalsig-chain\n{self.label}\n{own}".encode()

    def _signed(self, link: Link, trusted: TrustedKeys) -> bool:
        key = trusted.find(link.key_id)
        try:
            signature = bytes.fromhex(link.signature)
        except ValueError:
            return False
        # One signature has one form: hexadecimal in capitals, or with blanks, reads as the same bytes.
        own_form = signature.hex() == link.signature
        return own_form and key is not None and key.verifies(signature, self._message(link.hash))

    def _whole(self) -> bytes:
        """Return the lines that were written whole."""
        try:
            if not is_private(self.path):
                raise self._error(
                    "ledger-mode",
                    "a file that only its owner can read (mode 0600), in a folder only its owner changes",
                    "one that others can read, change or replace",
                    "Run chmod 600 on it and chmod 700 on its folder, and verify it.",
                )
        except FileNotFoundError:
            return b""
        except OSError:
            pass  # reading says so
        content = read_bytes(self.path, _MAX_BYTES)
        return content[: content.rfind(b"\n") + 1]

    def _error(self, code: str, expected: str, found: str, mend: str) -> ReleaseError:
        return ReleaseError(code, expected=expected, found=found, mend=mend, where=self.path.name)


def head_of(links: tuple[Link, ...]) -> str:
    """Hash of the last line; of none 64 zeros."""
    return links[-1].hash if links else EMPTY


def _read(line: bytes) -> Link | None:
    try:
        values = parse(line)
    except ReleaseError:
        return None
    if not isinstance(values, dict) or set(values) != set(Link.__slots__):
        return None
    texts = all(isinstance(values[name], str) for name in ("previous", "hash", "key_id", "signature"))
    # Python takes True for 1, and the hash of a line would not tell.
    whole = type(values["number"]) is int and isinstance(values["content"], dict)
    return Link(**values) if texts and whole else None


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
