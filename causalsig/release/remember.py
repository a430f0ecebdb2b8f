"""What a run leaves beside a review for the ledger: whose households, how many numbers, and which ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from causalsig.errors import ReleaseError
from causalsig.release.build import site_code
from causalsig.release.chain import head_of
from causalsig.release.crossed_entries import crossing_numbers
from causalsig.release.documents import EstimatesDocument
from causalsig.release.files import read_bytes, write_atomic
from causalsig.release.floors import per_mille, question_numbers
from causalsig.release.grid import BANDS, band, band_limits
from causalsig.release.household_sets import (
    CohortSet,
    HouseholdRecords,
    Member,
    cohort_sets,
    count_households,
    everybody,
    household_coder,
    read_sets,
    write_sets,
)
from causalsig.release.kept import kept_bytes, kept_values
from causalsig.release.kinds import SiteDocument
from causalsig.release.ledger import Candidate, Ledger
from causalsig.release.paths import leaves
from causalsig.release.private_entries import private_numbers
from causalsig.release.record_digests import household_records
from causalsig.release.strict_json import canonical
from causalsig.release.value_types import Closed
from causalsig.study.models import Disclosure

CANDIDATE_FILE = "ledger-candidate.json"
SETS = "households"
LEDGER_FOLDER = "ledger"
_MAX_BYTES = 1_000_000
_TOLD = ("arms[].households", "shares[].households", "rates[].households")


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What the ledger has to know of a site's document beside the document itself.

    Attributes
    ----------
    ledger : Path
        Folder of the provider's ledger.
    site : str
        Keyed code of the municipality, the same for every study and kind.
    floor : int
        Households by which two cohorts may not differ unless by this many.
    share_per_mille : int
        Part of an extract's households that all numbers released of it may be.
    cohorts : tuple of CohortSet
    records : tuple of HouseholdRecords
        What is counted of their households, as digests.
    """

    ledger: Path
    site: str
    floor: int
    share_per_mille: int
    cohorts: tuple[CohortSet, ...]
    records: tuple[HouseholdRecords, ...] = ()


class Waiting(Closed):
    """``ledger-candidate.json``."""

    ledger: str
    candidate: Candidate

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of what the ledger will be told: part of the review, and signed."""
        return candidate_digest(self.candidate)


def candidate_digest(candidate: Candidate) -> str:
    """SHA-256, in hexadecimal, over what the ledger is told of a release."""
    told = {name: getattr(candidate, name) for name in Candidate.model_fields}
    return hashlib.sha256(canonical(told)).hexdigest()


def memory_of(
    keys: Path,
    provider_key: bytes,
    municipality: str,
    floors: Disclosure,
    households: Mapping[str, Iterable[Member]],
    known_again: Mapping[str, str] | None,
) -> Memory:
    """Turn the households of everything that is told into keyed sets.

    Parameters
    ----------
    keys : Path
        Folder with the provider's key: its ledger lies there.
    provider_key : bytes
    municipality : str
    floors : Disclosure
    households : mapping of name to the keys of its households
        By what is told of them, as :mod:`causalsig.execution.members` and
        :mod:`causalsig.sources.monitor_members` name it; with what is counted of them where it is a
        :class:`causalsig.release.record_digests.Recorded`.
    known_again : mapping of str to str, optional
        By what they are known in every extract, as the source was read.

    Raises
    ------
    ValueError
        The source was read without the provider's secret: the numbers of one reading say nothing of another.
    """
    if known_again is None:
        raise ValueError("households of a source that was read without the provider's secret")
    code = household_coder(provider_key, municipality, known_again)
    floor = floors.min_households_cell
    return Memory(
        ledger=Path(keys).resolve() / LEDGER_FOLDER,
        # Where a study's digest would stand: one code for all studies, that no release's own links to.
        site=site_code(provider_key, municipality, LEDGER_FOLDER),
        floor=floor,
        share_per_mille=per_mille(floors.max_snapshot_share),
        cohorts=cohort_sets(provider_key, municipality, households, floor=floor, code=code),
        records=household_records(provider_key, municipality, households.values(), code),
    )


def write_candidate(folder: Path, document: SiteDocument, payload_hash: str, memory: Memory) -> str:
    """Write, beside a review, what the ledger has to know, for its owner only; return its digest."""
    candidate = Candidate(
        kind=document.kind,
        site=memory.site,
        study_digest=getattr(document, "study_digest", None),
        snapshot=document.snapshot,
        wave=document.wave,
        payload_hash=payload_hash,
        numbers=document_numbers(document),
        floor=memory.floor,
        share_per_mille=memory.share_per_mille,
        sets=write_sets(folder / SETS, memory.cohorts, memory.records),
    )
    waiting = Waiting(ledger=str(memory.ledger), candidate=candidate)
    content = kept_bytes(waiting.model_dump(mode="json"))
    write_atomic(folder / CANDIDATE_FILE, content, force=True, mode=0o600)
    return waiting.digest


def read_waiting(
    folder: Path, document: SiteDocument, payload_hash: str, digest: str | None, ledger: Path | None = None
) -> Waiting:
    """Read what stands beside a review, and hold it against the document.

    Parameters
    ----------
    folder : Path
    document : SiteDocument
        Under review.
    payload_hash : str
        Of that document.
    digest : str, optional
        Of what the ledger is to be told, as the review has it.
    ledger : Path, optional
        The provider's ledger, as who approves knows it.

    Raises
    ------
    ReleaseError
        ``ledger-no-candidate`` when it is not there, not what it must be, of another document, or tells the
        ledger other things than the document says; ``ledger-other`` when it names another ledger.
    """
    found: Waiting | None = None
    with suppress(ValidationError, ReleaseError):
        values = kept_values(read_bytes(folder / CANDIDATE_FILE, _MAX_BYTES))
        found = Waiting.model_validate_json(canonical(values))
    fits = (
        found is not None
        and found.candidate.payload_hash == payload_hash
        and found.digest == digest
        and _fits(folder, document, found.candidate)
    )
    if found is None or not fits:
        raise ReleaseError(
            "ledger-no-candidate",
            expected="what the ledger has to know of this document beside its review",
            found="none, or other things than the review and the document say",
            mend="Run the site again; nothing leaves that the ledger cannot remember.",
            where=folder.name,
        )
    if ledger is not None and Path(found.ledger).resolve() != Path(ledger).resolve():
        raise ReleaseError(
            "ledger-other",
            expected="the ledger that you named",
            found="a review that would be told to another",
            mend="Run the site again with the provider's own folder of keys (--keys).",
            where=folder.name,
        )
    return found


@dataclass(frozen=True, slots=True)
class LedgerTold:
    """What a ledger will be told of a document, for those who approve it.

    Attributes
    ----------
    folder : str
        Of the ledger.
    lines : int
        That it has now.
    head : str
        Hash of the last one.
    numbers, sets : int
        Free numbers of the document, and sets of households of whom it tells.
    households : str
        How many there are in these sets, as a band.
    digest : str
        SHA-256 of what it will be told; both approvals sign it.
    """

    folder: str
    lines: int
    head: str
    numbers: int
    sets: int
    households: str
    digest: str


def told_of(folder: Path, waiting: Waiting) -> LedgerTold:
    """Find what a ledger will be told, and how much it holds.

    Raises
    ------
    ReleaseError
        ``ledger-absent``; as :func:`read_sets`.
    """
    sets = read_sets(folder / SETS, waiting.candidate.sets)
    households = band(count_households(everybody(sets)))
    ledger = Ledger(Path(waiting.ledger))
    links = ledger.links()
    return LedgerTold(
        str(ledger.folder),
        len(links),
        head_of(links),
        waiting.candidate.numbers,
        len(sets),
        households,
        waiting.digest,
    )


def _fits(folder: Path, document: SiteDocument, candidate: Candidate) -> bool:
    """Whether the ledger is told what the document says, and of households enough for its largest figure."""
    told = (candidate.kind, candidate.study_digest, candidate.snapshot, candidate.wave, candidate.numbers)
    said = (
        document.kind,
        getattr(document, "study_digest", None),
        document.snapshot,
        document.wave,
        document_numbers(document),
    )
    households = count_households(everybody(read_sets(folder / SETS, candidate.sets)))
    floor = document.floors.min_households_cell
    return told == said and candidate.floor >= floor and households >= _fewest(document)


def _fewest(document: SiteDocument) -> int:
    """Households of whom the largest figure of a document is, at the least."""
    values = document.model_dump(mode="json")
    # A size with noise says nothing of how many there are.
    exact = ((path, value) for _, path, value in leaves(values) if ".private[]." not in path)
    counts = (value for path, value in exact if path.endswith(_TOLD) and isinstance(value, str))
    return max((band_limits(value)[0] for value in counts if value in BANDS), default=0)


def document_numbers(document: SiteDocument) -> int:
    """Count the free numbers that a document tells: of estimates as its floors do, else every figure."""
    if isinstance(document, EstimatesDocument):
        told = sum(map(question_numbers, document.questions))
        told += sum(private_numbers(one) for question in document.questions for one in question.private)
        return told + sum(crossing_numbers(one) for part in document.thresholds for one in part.crossings)
    values = document.model_dump(mode="json", exclude={"floors", "wave"})
    figures = (value for place, _, value in leaves(values) if not place.endswith("exponent"))
    return sum(isinstance(value, int) and not isinstance(value, bool) for value in figures)
