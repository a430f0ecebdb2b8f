"""What a run leaves at a site for a private release: exact sums that wait for their noise, and never leave.

``private.json`` stays with the provider, as ``site.json`` does. Running again spends nothing: noise is drawn
by a person's command (:mod:`causalsig.release.private_draw`), once.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from causalsig.errors import ReleaseError
from causalsig.records import Estimator
from causalsig.release.build import ReleaseIdentity, check_names
from causalsig.release.documents import Hash, Month, QuestionCode, Version
from causalsig.release.files import read_bytes, write_atomic
from causalsig.release.floors import AppliedFloors, applied_floors
from causalsig.release.household_sets import read_told, write_sets
from causalsig.release.kept import kept_bytes, kept_values
from causalsig.release.private_mechanism import PrivateSums, household_sums
from causalsig.release.remember import SETS, Memory
from causalsig.release.rules import Limits
from causalsig.release.sift import sift
from causalsig.release.strict_json import canonical
from causalsig.release.value_types import ArmCode, Closed
from causalsig.study.models import Estimand, Horizon, OutcomeKind, Slug

if TYPE_CHECKING:
    from causalsig.records import Analysis, QuestionResult, SiteResult
    from causalsig.study.models import Study

PRIVATE_FILE = "private.json"
_MAX_BYTES = 1_000_000


class SumsEntry(Closed):
    """Exact integers of one arm."""

    arm: ArmCode
    sum: int
    square: int
    households: int


class BlockSums(Closed):
    """Exact integers of one question's primary block."""

    outcome: Slug
    estimand: Estimand
    estimator: Estimator
    kind: OutcomeKind
    months: Horizon
    reference: ArmCode
    bound_per_mille: int = Field(ge=100, le=1_000_000)
    episodes: int
    arms: tuple[SumsEntry, ...] = Field(min_length=2, max_length=8)

    def sums(self) -> PrivateSums:
        """Give the integers as the mechanism takes them."""
        return PrivateSums(
            sums=tuple(one.sum for one in self.arms),
            squares=tuple(one.square for one in self.arms),
            episodes=self.episodes,
            households=tuple(one.households for one in self.arms),
        )


class QuestionSums(Closed):
    """One question, with its block where it was estimated."""

    question: QuestionCode
    block: BlockSums | None


class PrivateWaiting(Closed):
    """``private.json``: what a document is made of once its noise is drawn, and what the ledger must know."""

    kind: Literal["causalsig-private"]
    study_digest: Hash
    package_version: Version
    lock_digest: Hash
    snapshot: Hash
    site_code: Hash
    wave: int = Field(ge=1, le=999)
    extracted: Month
    floors: AppliedFloors
    epsilon_per_mille: int = Field(ge=10, le=10_000)
    budget_per_mille: int = Field(ge=10, le=100_000)
    max_episodes: int = Field(ge=1, le=10)
    questions: tuple[QuestionSums, ...] = Field(min_length=1, max_length=2)
    ledger: str
    site: Hash
    share_per_mille: int = Field(ge=1, le=1000)
    sets: Hash

    def memory(self, folder: Path) -> Memory:
        """Give what the ledger has to know; the sets of households lie in the site's folder."""
        told = read_told(folder / SETS, self.sets)
        return Memory(
            ledger=Path(self.ledger),
            site=self.site,
            floor=self.floors.min_households_cell,
            share_per_mille=self.share_per_mille,
            cohorts=told.sets,
            records=told.records,
        )


def write_private(
    folder: Path, site: SiteResult, *, study: Study, identity: ReleaseIdentity, memory: Memory
) -> str:
    """Run the rules over a site's result, add up what may become a private release, and write it.

    Parameters
    ----------
    folder : Path
        The site's folder.
    site : SiteResult
    study : Study
        With the option; as it is run at this site.
    identity : ReleaseIdentity
    memory : Memory

    Returns
    -------
    str
        SHA-256 of what waits.

    Raises
    ------
    ReleaseError
        ``release-other-name`` as :func:`causalsig.release.build.build_release`.
    """
    privacy, limits = study.privacy, Limits.of(study)
    assert privacy is not None
    waiting = PrivateWaiting(
        kind="causalsig-private",
        study_digest=site.study_digest,
        package_version=identity.package_version,
        lock_digest=identity.lock_digest,
        snapshot=identity.snapshot,
        site_code=identity.site_code,
        wave=identity.wave,
        extracted=f"{site.extracted_on:%Y-%m}",
        floors=applied_floors(limits.disclosure, limits.min_effective_size),
        epsilon_per_mille=int(privacy.epsilon * 1000 + 1e-9),
        budget_per_mille=int(privacy.epsilon_budget * 1000 + 1e-9),
        max_episodes=privacy.max_episodes,
        questions=tuple(_question(result, study, limits) for result in site.questions),
        ledger=str(memory.ledger),
        site=memory.site,
        share_per_mille=memory.share_per_mille,
        sets=write_sets(folder / SETS, memory.cohorts, memory.records),
    )
    write_atomic(folder / PRIVATE_FILE, kept_bytes(waiting.model_dump(mode="json")), force=True, mode=0o600)
    return waiting_hash(waiting)


def _question(result: QuestionResult, study: Study, limits: Limits) -> QuestionSums:
    check_names(result, study)
    primary = [one for one, _ in sift(result, study, limits).released if one.primary]
    block = block_sums(primary[0], study) if primary else None
    return QuestionSums.model_validate({"question": result.question, "block": block})


def block_sums(analysis: Analysis, study: Study) -> BlockSums:
    """Add up one analysis's households under the bounds of a study with privacy."""
    assert study.privacy is not None
    limits = Limits.of(study)
    floors = applied_floors(limits.disclosure, limits.min_effective_size)
    bound = int(getattr(study.privacy.bounds, analysis.question) * 1000 + 1e-9)
    found = household_sums(
        analysis.result,
        centre=public_centre(analysis.kind, floors),
        bound=bound / 1000,
        max_episodes=study.privacy.max_episodes,
    )
    rows = zip(analysis.result.arms, found.sums, found.squares, found.households, strict=True)
    return BlockSums.model_validate(
        {
            "outcome": analysis.outcome,
            "estimand": analysis.estimand,
            "estimator": analysis.estimator,
            "kind": analysis.kind,
            "months": analysis.months,
            "reference": analysis.reference,
            "bound_per_mille": bound,
            "episodes": found.episodes,
            "arms": tuple(
                SumsEntry.model_validate({"arm": arm, "sum": s, "square": q, "households": n})
                for arm, s, q, n in rows
            ),
        }
    )


def public_centre(kind: str, floors: AppliedFloors) -> float:
    """Give c, from which contributions are counted: the declared risk of a risk, else zero."""
    return floors.expected_risk_per_mille / 1000 if kind == "any" else 0.0


def waiting_hash(waiting: PrivateWaiting) -> str:
    """SHA-256, in hexadecimal, over the canonical bytes of what waits; not of where its ledger lies."""
    return hashlib.sha256(canonical(waiting.model_dump(mode="json", exclude={"ledger"}))).hexdigest()


def read_private(folder: Path) -> PrivateWaiting:
    """Read what waits for its noise in a site's folder.

    Raises
    ------
    ReleaseError
        ``release-private-nothing-waits`` when it is not there or not what a run wrote.
    """
    with suppress(ValidationError, ReleaseError):
        values = kept_values(read_bytes(Path(folder) / PRIVATE_FILE, _MAX_BYTES))
        return PrivateWaiting.model_validate_json(canonical(values))
    raise ReleaseError(
        "release-private-nothing-waits",
        expected=f"{PRIVATE_FILE} as a run of a study with privacy leaves it",
        found="none, or another content",
        mend="Run the site with a study that has [privacy].",
        where=Path(folder).name,
    )
