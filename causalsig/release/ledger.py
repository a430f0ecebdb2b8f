"""The ledger: what has left of whom, so that two releases together do not tell what each keeps to itself.

One folder a provider: ``ledger.jsonl``, a signed hash chain (:mod:`causalsig.release.chain`), and ``sets/``
with the keyed households of every analysis that left. A grid or a floor looks at one release; what one person
adds is told by two that differ by that person (disclosure handbook: 74 to 92 % of such outcomes come back
from a whole release), and only who remembers the first can refuse the second.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.chain import Chain, Link, head_of
from causalsig.release.household_sets import CohortSet, apart, read_set, write_set
from causalsig.release.keys import SigningKey, TrustedKeys
from causalsig.release.value_types import Closed, Hash

LEDGER_FILE = "ledger.jsonl"
SETS = "sets"
Kind = Literal["estimates", "profile", "monitor"]


class CohortEntry(Closed):
    """One analysis's households, as the name of their set; the name's part before ``:`` is the question."""

    analysis: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,60}(:[a-z0-9_.-]{1,60})?$")]
    set: Hash


class Candidate(Closed):
    """What the ledger has to know of a release before it may leave. Stays with the provider.

    `site` is keyed over the municipality alone, the same for every study; `share_per_mille` the part of its
    households that the numbers of one snapshot may be.
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
    cohorts: tuple[CohortEntry, ...]


class Released(Candidate):
    """A line of the ledger: a release that left, or was about to when the machine stopped."""

    event: Literal["released"] = "released"
    at: str


class Withdrawn(Closed):
    """A line of the ledger: a release that counts no longer; what it told stays told."""

    event: Literal["withdrawn"] = "withdrawn"
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


_EVENTS: dict[Any, type[Released | Withdrawn | Drawn]] = {
    "released": Released,
    "withdrawn": Withdrawn,
    "drawn": Drawn,
}


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger in a folder.

    Parameters
    ----------
    folder : Path
        Made, with mode 0700, when the first release is recorded.
    """

    folder: Path

    @property
    def chain(self) -> Chain:
        """Its lines."""
        return Chain(self.folder / LEDGER_FILE, "ledger")

    def rows(self) -> list[dict[str, Any]]:
        """Give every line as plain values, without the sets' names."""
        found = []
        for link in self.chain.links():
            line = read_line(link)
            values = line.model_dump(mode="json", exclude={"cohorts"})
            found.append({"number": link.number, "hash": link.hash} | values)
        return found

    def admit(self, candidate: Candidate, sets: Path) -> str:
        """Say whether a release may leave, without writing anything; return the hash of the last line.

        Raises
        ------
        RefusedError, ReleaseError
            As :meth:`record`.
        """
        with self.chain.held() as links:
            self._standing(links, candidate, _sets(candidate, sets))
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
            ``ledger-once``, ``ledger-withdrawn``, ``ledger-few-apart``, ``ledger-budget``.
        ReleaseError
            Where the ledger itself does not hold; see :meth:`Chain.links` and `read_set`.
        """
        own = _sets(candidate, sets)
        with self.chain.held() as links:
            recorded = self._standing(links, candidate, own)
            if recorded is not None:
                return recorded.hash
            for one in own:
                write_set(self.folder / SETS, one.codes)
            content = Released(**candidate.model_dump(), at=now()).model_dump(mode="json")
            return self.chain.append(links, content, key).hash

    def _standing(self, links: tuple[Link, ...], candidate: Candidate, own: list[CohortSet]) -> Link | None:
        """Give the line of a release that is recorded already; refuse one that may not leave."""
        lines = [read_line(link) for link in links]
        gone = {line.payload_hash for line in lines if isinstance(line, Withdrawn)}
        for link, line in zip(links, lines, strict=True):
            if isinstance(line, Released) and line.payload_hash == candidate.payload_hash:
                _check_not_withdrawn(candidate, gone)
                return link
        earlier = [line for line in lines if isinstance(line, Released) and line.site == candidate.site]
        _check_once(candidate, [line for line in earlier if line.payload_hash not in gone])
        self._check_apart(candidate, own, earlier)
        self._check_budget(candidate, own, earlier)
        return None

    def withdraw(self, payload_hash: str, key: SigningKey) -> str:
        """Write that a release counts no longer; what it told still limits what may follow.

        Raises
        ------
        ReleaseError
            ``ledger-not-released``.
        """
        with self.chain.held() as links:
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
            ``ledger-tampered``, ``ledger-signature``, ``ledger-set``, ``ledger-mode``,
            ``release-not-readable``.
        """
        links = self.chain.links(trusted)
        for line in map(read_line, links):
            for one in line.cohorts if isinstance(line, Released) else ():
                read_set(self.folder / SETS, one.set)
        return links

    def _check_apart(self, candidate: Candidate, own: list[CohortSet], earlier: list[Released]) -> None:
        """Refuse a cohort that differs by one to nine households from one that the same question had."""
        like = [line for line in earlier if line.kind == candidate.kind]
        floor = max([candidate.floor, *(line.floor for line in like)])
        asked = {_question(one.analysis) for one in own}
        told = {(_question(c.analysis), c.set) for line in like for c in line.cohorts}
        for question, name in sorted(told):
            if question not in asked:
                continue
            before = read_set(self.folder / SETS, name)
            for one in own:
                if _question(one.analysis) == question and 0 < apart(one.codes, before) < floor:
                    raise RefusedError(
                        "ledger-few-apart",
                        expected=f"cohorts that differ by nobody, or by {floor} households or more, from "
                        "those released before",
                        found="one that differs by fewer",
                        mend="What the few add could be read off. Wait for the next extract, or keep the "
                        "earlier release.",
                    )

    def _check_budget(self, candidate: Candidate, own: list[CohortSet], earlier: list[Released]) -> None:
        """Refuse more numbers of one snapshot than a part of its households."""
        same = [line for line in earlier if line.snapshot == candidate.snapshot]
        names = {c.set for line in same for c in line.cohorts}
        sets = [one.codes for one in own] + [read_set(self.folder / SETS, name) for name in sorted(names)]
        households = len(reduce(np.union1d, sets)) if sets else 0
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


def _question(analysis: str) -> str:
    return analysis.partition(":")[0]


def _sets(candidate: Candidate, folder: Path) -> list[CohortSet]:
    return [CohortSet(one.analysis, read_set(folder, one.set)) for one in candidate.cohorts]


def _check_not_withdrawn(candidate: Candidate, gone: set[str]) -> None:
    if candidate.payload_hash in gone:
        raise RefusedError(
            "ledger-withdrawn",
            expected="a release that was not withdrawn",
            found="one that was",
            mend="Run the site again: what was withdrawn does not leave a second time.",
        )


def _check_once(candidate: Candidate, standing: list[Released]) -> None:
    """Refuse a second release of one study, snapshot and wave."""
    what = (candidate.kind, candidate.study_digest, candidate.snapshot, candidate.wave)
    if any((line.kind, line.study_digest, line.snapshot, line.wave) == what for line in standing):
        raise RefusedError(
            "ledger-once",
            expected="one release of a study, an extract and a wave",
            found="an earlier one with other numbers",
            mend="Keep the earlier one, or withdraw it first (causalsig release withdraw).",
        )


def read_line(link: Link) -> Released | Withdrawn | Drawn:
    """Read one line.

    Raises
    ------
    ReleaseError
        ``ledger-tampered``
    """
    model = _EVENTS.get(link.content.get("event"), Withdrawn)
    try:
        return model.model_validate_json(json.dumps(link.content))
    except ValidationError:
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
