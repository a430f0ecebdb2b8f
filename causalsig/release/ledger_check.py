"""Holding a ledger against the files that left: what a chain alone cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.errors import ReleaseError
from causalsig.release.chain import EMPTY, head_of
from causalsig.release.keys import TrustedKeys
from causalsig.release.kinds import SUFFIXES
from causalsig.release.ledger import Ledger, Released
from causalsig.release.remember import candidate_digest
from causalsig.release.review import REVIEW_FILE, read_review
from causalsig.release.signed import verify
from causalsig.release.strict_json import canonical
from causalsig.release.withdrawal import withdrawn

if TYPE_CHECKING:
    from causalsig.release.chain import Link
    from causalsig.release.signed import Verified


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """A ledger that holds.

    Attributes
    ----------
    lines : int
    head : str
        Hash of the last line.
    releases, reviews : int
        Released files, and reviews of sites, that were held against it.
    vouched : int
        Number of the last line that any of them speaks of: whether lines behind it were taken off nobody can
        tell by them.
    torn : int
        Bytes behind the last whole line, of one that was never told to anybody.
    backwards : tuple of int
        Numbers of the lines that are dated before the line they follow.
    """

    lines: int
    head: str
    releases: int
    reviews: int
    vouched: int
    torn: int
    backwards: tuple[int, ...]


def check_ledger(
    folder: Path,
    trusted: TrustedKeys,
    releases: tuple[Path, ...] = (),
    sites: tuple[Path, ...] = (),
    *,
    allow_demo: bool = False,
) -> LedgerCheck:
    """Check a ledger, and hold against it what others say that it has.

    Parameters
    ----------
    folder : Path
    trusted : TrustedKeys
    releases : tuple of Path
        Folders of released files and of words of withdrawal.
    sites : tuple of Path
        Folders below which reviews lie: one that was refused, or left, has its line.
    allow_demo : bool

    Raises
    ------
    ReleaseError
        As `Ledger.verify`; ``ledger-lost`` when a file or a word left that the ledger does not have, or a
        document was refused that it does not have as refused, or it has a file
        with other households or numbers than were signed, or the ledger does not hold what it held when a
        file was approved; ``ledger-word-missing`` for a file that it has as withdrawn, and that stands
        without the word.
    """
    ledger = Ledger(folder)
    links = ledger.verify(trusted)
    paths = [path for one in releases for end in SUFFIXES.values() for path in sorted(one.glob(f"*{end}"))]
    files = [(path, verify(path, trusted=trusted, allow_demo=allow_demo)) for path in paths]
    for path, file in files:
        if not _holds(file, links):
            raise _lost("every released file in the ledger as it was signed, behind its head", path.name[:12])
    gone = {link.content["payload_hash"] for link in links if link.content["event"] == "withdrawn"}
    words = frozenset[str]().union(*(withdrawn(one, trusted, allow_demo=allow_demo) for one in releases))
    if words - gone:
        raise _lost("every word that takes a release back in the ledger", "")
    for path, file in files:
        if file.payload_hash in gone - words:
            raise ReleaseError(
                "ledger-word-missing",
                expected="a word of withdrawal for every file that was withdrawn",
                found="a file that the ledger has as withdrawn, and no word",
                mend="Run causalsig release withdraw on it again: it ends what was broken off.",
                where=path.name[:12],
            )
    reviews = [path for one in sites for path in sorted(one.rglob(REVIEW_FILE))]
    told = [line for path in reviews if (line := _of_review(path, links)) is not None]
    spoken = [link.number for link in links if link.content.get("payload_hash") in _spoken_of(files, words)]
    dates = [str(link.content["at"]) for link in links]
    backwards = tuple(number for number, (one, later) in enumerate(pairwise(dates), start=2) if later < one)
    return LedgerCheck(
        len(links),
        head_of(links),
        len(files),
        len(reviews),
        max([*spoken, *told], default=0),
        ledger.chain.torn(),
        backwards,
    )


def _spoken_of(files: Sequence[tuple[Path, Verified]], words: frozenset[str]) -> frozenset[str]:
    return words.union(file.payload_hash for _, file in files)


def _of_review(path: Path, links: Sequence[Link]) -> int | None:
    """Find the line a review speaks of: of its refusal or release, or the head it was approved under."""
    review = read_review(path)
    heads = {link.hash: link.number for link in links} | {EMPTY: 0}
    if review.state in ("refused", "released"):
        of = (review.state, review.payload_hash)
        lines = [one.number for one in links if (one.content["event"], one.content.get("payload_hash")) == of]
        if not lines:
            raise _lost(f"every {review.state} review in the ledger", path.parent.name)
        return lines[0]
    if review.ledger is not None and review.ledger not in heads:
        raise _lost("the line after which a review was approved in the ledger", path.parent.name)
    return heads[review.ledger] if review.ledger is not None else None


def _holds(file: Verified, links: Sequence[Link]) -> bool:
    """Whether a file has its line, with what was signed of it, and behind the head it carries."""
    of = ("released", file.payload_hash)
    own = next((one for one in links if (one.content["event"], one.content.get("payload_hash")) == of), None)
    places = {link.hash: link.number for link in links} | {EMPTY: 0}
    before = places.get(file.ledger or "")
    if own is None or before is None or before >= own.number:
        return False
    return file.told == candidate_digest(Released.model_validate_json(canonical(own.content)))


def _lost(expected: str, where: str) -> ReleaseError:
    return ReleaseError(
        "ledger-lost",
        expected=expected,
        found="one that is not",
        mend="Lines were taken off or the ledger is another one: put back a copy that verifies.",
        where=where,
    )
