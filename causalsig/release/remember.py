"""What a run leaves beside a review for the ledger: whose households, how many numbers, and which ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from causalsig.errors import ReleaseError
from causalsig.release.build import site_code
from causalsig.release.crossed_entries import crossing_numbers
from causalsig.release.documents import EstimatesDocument
from causalsig.release.files import read_bytes, write_atomic
from causalsig.release.floors import per_mille, question_numbers
from causalsig.release.household_sets import CohortSet, household_codes, write_set
from causalsig.release.kept import kept_bytes, kept_values
from causalsig.release.kinds import SiteDocument
from causalsig.release.ledger import Candidate, CohortEntry
from causalsig.release.paths import leaves
from causalsig.release.private_entries import private_numbers
from causalsig.release.strict_json import canonical
from causalsig.release.value_types import Closed
from causalsig.study.models import Disclosure

CANDIDATE_FILE = "ledger-candidate.json"
SETS = "households"
LEDGER_FOLDER = "ledger"
_MAX_BYTES = 1_000_000


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
    """

    ledger: Path
    site: str
    floor: int
    share_per_mille: int
    cohorts: tuple[CohortSet, ...]


class Waiting(Closed):
    """``ledger-candidate.json``."""

    ledger: str
    candidate: Candidate


def memory_of(
    keys: Path,
    provider_key: bytes,
    municipality: str,
    floors: Disclosure,
    households: Mapping[str, Iterable[str]],
) -> Memory:
    """Turn the households of every analysis into keyed sets.

    Parameters
    ----------
    keys : Path
        Folder with the provider's key: its ledger lies there.
    provider_key : bytes
    municipality : str
    floors : Disclosure
    households : mapping of analysis to the keys of its households
        An analysis is ``question`` or ``question:months``.
    """
    return Memory(
        ledger=Path(keys).resolve() / LEDGER_FOLDER,
        # Where a study's digest would stand: one code for all studies, that no release's own links to.
        site=site_code(provider_key, municipality, LEDGER_FOLDER),
        floor=floors.min_households_cell,
        share_per_mille=per_mille(floors.max_snapshot_share),
        cohorts=tuple(
            CohortSet(analysis, household_codes(provider_key, municipality, members))
            for analysis, members in households.items()
        ),
    )


def write_candidate(folder: Path, document: SiteDocument, payload_hash: str, memory: Memory) -> None:
    """Write, beside a review, what the ledger has to know; readable by its owner only."""
    entries = tuple(
        CohortEntry(analysis=one.analysis, set=write_set(folder / SETS, one.codes)) for one in memory.cohorts
    )
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
        cohorts=entries,
    )
    waiting = Waiting(ledger=str(memory.ledger), candidate=candidate)
    content = kept_bytes(waiting.model_dump(mode="json"))
    write_atomic(folder / CANDIDATE_FILE, content, force=True, mode=0o600)


def read_waiting(folder: Path, payload_hash: str) -> Waiting:
    """Read what stands beside a review.

    Raises
    ------
    ReleaseError
        ``ledger-no-candidate`` when it is not there, not what it must be, or of another document.
    """
    found: Waiting | None = None
    with suppress(ValidationError, ReleaseError):
        values = kept_values(read_bytes(folder / CANDIDATE_FILE, _MAX_BYTES))
        found = Waiting.model_validate_json(canonical(values))
    if found is None or found.candidate.payload_hash != payload_hash:
        raise ReleaseError(
            "ledger-no-candidate",
            expected="what the ledger has to know beside the review",
            found="none, or that of another document",
            mend="Run the site again; nothing leaves that the ledger cannot remember.",
            where=folder.name,
        )
    return found


def document_numbers(document: SiteDocument) -> int:
    """Count the free numbers that a document tells: of estimates as its floors do, else every figure."""
    if isinstance(document, EstimatesDocument):
        told = sum(map(question_numbers, document.questions))
        told += sum(private_numbers(one) for question in document.questions for one in question.private)
        return told + sum(crossing_numbers(one) for part in document.thresholds for one in part.crossings)
    values = document.model_dump(mode="json", exclude={"floors", "wave"})
    figures = (value for place, _, value in leaves(values) if not place.endswith("exponent"))
    return sum(isinstance(value, int) and not isinstance(value, bool) for value in figures)
