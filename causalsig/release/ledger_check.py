"""Holding a ledger against the files that left: what a chain alone cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from causalsig.errors import ReleaseError
from causalsig.release.chain import EMPTY, head_of
from causalsig.release.keys import TrustedKeys
from causalsig.release.kinds import SUFFIXES
from causalsig.release.ledger import Ledger
from causalsig.release.signed import verify
from causalsig.release.withdrawal import withdrawn


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """A ledger that holds: its lines, its head, and how many released files were held against it."""

    lines: int
    head: str
    releases: int


def check_ledger(
    folder: Path, trusted: TrustedKeys, releases: tuple[Path, ...] = (), *, allow_demo: bool = False
) -> LedgerCheck:
    """Check a ledger, and every released file and every word of withdrawal of some folders against it.

    Raises
    ------
    ReleaseError
        As `Ledger.verify`; ``ledger-lost`` when a file or a word left that the ledger does not have, or the
        ledger does not hold what it held when a file was approved.
    """
    links = Ledger(folder).verify(trusted)
    place = {link.hash: link.number for link in links} | {EMPTY: 0}
    left = [link for link in reversed(links) if link.content["event"] == "released"]
    told = {str(link.content["payload_hash"]): link.number for link in left}
    files = [path for one in releases for end in SUFFIXES.values() for path in sorted(one.glob(f"*{end}"))]
    for path in files:
        found = verify(path, trusted=trusted, allow_demo=allow_demo)
        own = told.get(found.payload_hash)
        before = place.get(found.ledger or "")
        if own is None or before is None or before >= own:
            raise _lost("every released file in the ledger, behind the head it carries", path.name[:12])
    gone = {link.content["payload_hash"] for link in links if link.content["event"] == "withdrawn"}
    words = frozenset[str]().union(*(withdrawn(one, trusted, allow_demo=allow_demo) for one in releases))
    if words - gone:
        raise _lost("every word that takes a release back in the ledger", "")
    return LedgerCheck(len(links), head_of(links), len(files))


def _lost(expected: str, where: str) -> ReleaseError:
    return ReleaseError(
        "ledger-lost",
        expected=expected,
        found="one that is not",
        mend="Lines were taken off or the ledger is another one: put back a copy that verifies.",
        where=where,
    )
