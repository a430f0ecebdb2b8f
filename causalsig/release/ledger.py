"""The ledger: what has left of whom, so that two releases together do not tell what each keeps to itself.

One folder a provider: ``ledger.jsonl``, a signed hash chain (:mod:`causalsig.release.chain`), and ``sets/``
with the keyed households of everything that left. A grid or a floor looks at one release; what one person
adds is told by two that differ by that person (disclosure handbook: 74 to 92 % of such outcomes come back
from a whole release), and only who remembers the first can refuse the second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field, ValidationError

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.apart import refuse_few
from causalsig.release.chain import Chain, Link, head_of
from causalsig.release.files import sweep, write_atomic
from causalsig.release.household_sets import (
    Told,
    count_households,
    everybody,
    read_told,
    write_sets,
)
from causalsig.release.keys import SigningKey, TrustedKeys
from causalsig.release.value_types import Closed, Hash

LEDGER_FILE = "ledger.jsonl"
SETS = "sets"
Kind = Literal["estimates", "profile", "monitor"]


class Candidate(Closed):
    """What the ledger has to know of a release before it may leave. Stays with the provider.

    `site` is keyed over the municipality alone, the same for every study; `share_per_mille` the part of its
    households that the numbers of one snapshot may be; `sets` names the file of whom it tells what.
    """

    kind: Kind
    site: Hash
    study_digest: Hash | None
    snapshot: Hash
    wave: int = Field(ge=1, le=999)
    payload_hash: Hash
    numbers: int = Field(ge=0)
    floor: int = Field(ge=10)
    share_per_mille: int = Field(ge=1, le=1000)
    sets: Hash


class Released(Candidate):
    """A line of the ledger: a release that left, or was about to when the machine stopped."""

    event: Literal["released"] = "released"
    at: str


class Withdrawn(Closed):
    """A line of the ledger: a release that counts no longer; what it told stays told."""

    event: Literal["withdrawn"] = "withdrawn"
    payload_hash: Hash
    at: str


class Refused(Closed):
    """A line of the ledger: a document that operator or checker refused, so that no copy of it leaves."""

    event: Literal["refused"] = "refused"
    payload_hash: Hash
    at: str


class Drawn(Closed):
    """A line of the ledger: noise was drawn for a private release, and its epsilon is spent.

    `site` as of :class:`Candidate`; `payload_hash` the only document that may come of it.
    """

    event: Literal["drawn"] = "drawn"
    site: Hash
    study_digest: Hash
    snapshot: Hash
    wave: int = Field(ge=1, le=999)
    epsilon_per_mille: int = Field(ge=10, le=10_000)
    budget_per_mille: int = Field(ge=10, le=100_000)
    payload_hash: Hash
    at: str


Line = Released | Withdrawn | Refused | Drawn
_LINES: Final[Mapping[str, type[Line]]] = MappingProxyType(
    {"released": Released, "withdrawn": Withdrawn, "refused": Refused, "drawn": Drawn}
)
"""A new kind of line is one entry."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger in a folder.

    Parameters
    ----------
    folder : Path
        Made, with mode 0700, together with the provider's key, or by :meth:`create`.
    """

    folder: Path

    @property
    def chain(self) -> Chain:
        """Its lines."""
        return Chain(self.folder / LEDGER_FILE, "ledger")

    def create(self) -> None:
        """Begin a ledger that holds nothing; one that is there stays as it is."""
        if self.chain.path.exists():
            sweep(self.chain.path)  # of a kill between the file and the end of its making
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(self.chain.path, b"", mode=0o600)

    def links(self) -> tuple[Link, ...]:
        """Give every line.

        Raises
        ------
        ReleaseError
            ``ledger-absent``: a ledger that is gone has forgotten what left, and is not begun again unasked.
            As :meth:`Chain.links`.
        """
        self._check_there()
        return self.chain.links()

    def _check_there(self) -> None:
        if not self.chain.path.exists():
            raise ReleaseError(
                "ledger-absent",
                expected=f"the provider's ledger ({LEDGER_FILE}), which is made with the provider's key",
                found="none in this folder",
                mend="Put back a copy. Only if nothing ever left: causalsig ledger new FOLDER.",
                where=self.folder.name,
            )

    @contextmanager
    def held(self) -> Iterator[tuple[Link, ...]]:
        """Hold the ledger while something is decided by it and written to it; yields its lines."""
        self._check_there()
        with self.chain.held() as links:
            yield links

    def rows(self) -> list[dict[str, Any]]:
        """Give every line as plain values, without the sets' names."""
        found = []
        for link in self.links():
            line = read_line(link)
            values = line.model_dump(mode="json", exclude={"sets"})
            found.append({"number": link.number, "hash": link.hash} | values)
        return found

    def admit(self, candidate: Candidate, sets: Path) -> str:
        """Say whether a release may leave, without writing anything; return the hash of the last line.

        Raises
        ------
        RefusedError, ReleaseError
            As :meth:`record`.
        """
        with self.held() as links:
            self._standing(links, candidate, _told(candidate, sets))
            return head_of(links)

    def record(self, candidate: Candidate, sets: Path, key: SigningKey) -> str:
        """Let a release leave, and remember it; or refuse it.

        The line is on disk before anything is: a crash after it leaves a release that counts as gone, and
        the same approval given again brings it out.

        Parameters
        ----------
        candidate : Candidate
        sets : Path
            Folder with the candidate's sets.
        key : SigningKey
            Of the person whose approval completes it.

        Returns
        -------
        str
            Hash of its line.

        Raises
        ------
        RefusedError
            ``ledger-once``, ``ledger-withdrawn``, ``ledger-few-apart``, ``ledger-few-changed``,
            ``ledger-budget``, ``release-refused``.
        ReleaseError
            Where the ledger itself does not hold; see :meth:`Chain.links` and `read_set`.
        """
        own = _told(candidate, sets)
        with self.held() as links:
            recorded = self._standing(links, candidate, own)
            if recorded is not None:
                return recorded.hash
            write_sets(self.folder / SETS, own.sets, own.records)
            content = Released(**candidate.model_dump(), at=now()).model_dump(mode="json")
            return self.chain.append(links, content, key).hash

    def _standing(self, links: tuple[Link, ...], candidate: Candidate, own: Told) -> Link | None:
        """Give the line of a release that is recorded already; refuse one that may not leave."""
        lines = [read_line(link) for link in links]
        gone = {line.payload_hash for line in lines if isinstance(line, Withdrawn)}
        _check_not_refused(candidate, lines)
        for link, line in zip(links, lines, strict=True):
            if isinstance(line, Released) and line.payload_hash == candidate.payload_hash:
                _check_not_withdrawn(candidate, gone)
                return link
        earlier = [line for line in lines if isinstance(line, Released) and line.site == candidate.site]
        _check_once(candidate, [line for line in earlier if line.payload_hash not in gone])
        self._check_apart(candidate, own, earlier)
        self._check_budget(candidate, own, earlier)
        return None

    def refuse(self, payload_hash: str, key: SigningKey) -> str:
        """Write that a document was refused: no copy of it is approved after that.

        Raises
        ------
        ReleaseError
            ``release-released``.
        """
        with self.held() as links:
            for link, line in zip(links, map(read_line, links), strict=True):
                if isinstance(line, Refused) and line.payload_hash == payload_hash:
                    return link.hash
                if isinstance(line, Released) and line.payload_hash == payload_hash:
                    raise ReleaseError(
                        "release-released",
                        expected="a document that has not left",
                        found="a released one",
                        mend="Take it back instead: causalsig release withdraw.",
                    )
            content = Refused(payload_hash=payload_hash, at=now()).model_dump(mode="json")
            return self.chain.append(links, content, key).hash

    def withdraw(self, payload_hash: str, key: SigningKey) -> str:
        """Write that a release counts no longer; what it told still limits what may follow.

        Raises
        ------
        ReleaseError
            ``ledger-not-released``.
        """
        with self.held() as links:
            lines = [read_line(link) for link in links]
            if not any(isinstance(line, Released) and line.payload_hash == payload_hash for line in lines):
                raise ReleaseError(
                    "ledger-not-released",
                    expected="a release that this ledger has",
                    found="another",
                    mend="Give the ledger of the provider that released it.",
                )
            for link, line in zip(links, lines, strict=True):
                if isinstance(line, Withdrawn) and line.payload_hash == payload_hash:
                    return link.hash
            content = Withdrawn(payload_hash=payload_hash, at=now()).model_dump(mode="json")
            return self.chain.append(links, content, key).hash

    def verify(self, trusted: TrustedKeys) -> tuple[Link, ...]:
        """Check every line, every signature and every set.

        Raises
        ------
        ReleaseError
            ``ledger-absent``, ``ledger-tampered``, ``ledger-signature``, ``ledger-set``, ``ledger-mode``,
            ``release-not-readable``.
        """
        self._check_there()
        links = self.chain.links(trusted)
        for line in map(read_line, links):
            if isinstance(line, Released):
                _told(line, self.folder / SETS)
        return links

    def _check_apart(self, candidate: Candidate, own: Told, earlier: list[Released]) -> None:
        """Refuse what differs by one to nine households, or by the records of so few, from before."""
        floor = max([candidate.floor, *(line.floor for line in earlier)])
        for line in earlier:
            refuse_few(own, _told(line, self.folder / SETS), floor, candidate.kind)

    def _check_budget(self, candidate: Candidate, own: Told, earlier: list[Released]) -> None:
        """Refuse more numbers of one extract than a part of its households.

        An extract is the same when its content is; a document of its kind on the very same households too.
        """
        like = [line for line in earlier if line.kind == candidate.kind]
        sets = {line.payload_hash: _told(line, self.folder / SETS).sets for line in like}
        codes = everybody(own.sets)
        same = [
            line
            for line in like
            if line.snapshot == candidate.snapshot
            or np.array_equal(everybody(sets[line.payload_hash]), codes)
        ]
        told = [one for line in same for one in sets[line.payload_hash]]
        households = count_households(everybody([*own.sets, *told]))
        numbers = candidate.numbers + sum(line.numbers for line in same)
        share = min([candidate.share_per_mille, *(line.share_per_mille for line in same)])
        if numbers * 1000 > share * households:
            raise RefusedError(
                "ledger-budget",
                expected=f"at most {share / 10:g} numbers for each 100 households of one extract, over all "
                "its releases",
                found="more, with what was released before",
                mend="Ask fewer questions of this extract, or wait for the next.",
            )


def _told(candidate: Candidate, folder: Path) -> Told:
    return read_told(folder, candidate.sets)


def _check_not_withdrawn(candidate: Candidate, gone: set[str]) -> None:
    if candidate.payload_hash in gone:
        raise RefusedError(
            "ledger-withdrawn",
            expected="a release that was not withdrawn",
            found="one that was",
            mend="What was taken back never leaves again. Run the site once more when what was wrong is "
            "mended, or on its next extract.",
        )


def _check_not_refused(candidate: Candidate, lines: list[Line]) -> None:
    if any(isinstance(line, Refused) and line.payload_hash == candidate.payload_hash for line in lines):
        raise RefusedError(
            "release-refused",
            expected="a document that nobody refused",
            found="a refused one",
            mend="Make the release again after mending what it was refused for.",
        )


def _check_once(candidate: Candidate, standing: list[Released]) -> None:
    """Refuse a second release of one study and snapshot, under whatever number of a wave."""
    what = (candidate.kind, candidate.study_digest, candidate.snapshot)
    if any((line.kind, line.study_digest, line.snapshot) == what for line in standing):
        raise RefusedError(
            "ledger-once",
            expected="one release of a study and an extract",
            found="an earlier one with other numbers",
            mend="Keep the earlier one, or withdraw it first (causalsig release withdraw).",
        )


def read_line(link: Link) -> Line:
    """Read what one line says; ``ledger-tampered`` when it is of no kind that is known."""
    try:
        return _LINES[link.content["event"]].model_validate_json(json.dumps(link.content))
    except (KeyError, TypeError, ValidationError):
        raise ReleaseError(
            "ledger-tampered",
            expected="lines of this version of causalsig",
            found=f"another at line {link.number}",
            mend="Use the version that wrote it, or put back a copy that verifies.",
            where=LEDGER_FILE,
        ) from None


def now() -> str:
    """Give the time as a line of the ledger has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
