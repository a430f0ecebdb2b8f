"""One invented municipality under attack: its release, its truth, and further releases that are asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from causalsig.attack.attacks import dice
from causalsig.attack.extracts import read_again
from causalsig.cohort.build import Cohort, build_cohort, plan_cohorts
from causalsig.errors import RefusedError
from causalsig.execution.analyse import analyse_site
from causalsig.execution.carried import unanswerable
from causalsig.execution.digests import content_digest, snapshot_of
from causalsig.execution.site import matching_of
from causalsig.release.build import ReleaseIdentity, build_release, released_arms, snapshot_hash
from causalsig.release.keys import new_keys, read_provider_key, read_signing_key
from causalsig.release.ledger import LEDGER_FILE, Ledger
from causalsig.release.ledger import SETS as LEDGER_SETS
from causalsig.release.life import document_hash, memory_of
from causalsig.release.remember import LEDGER_FOLDER, SETS, read_waiting, write_candidate

if TYPE_CHECKING:
    from causalsig.records import Analysis, ReleasedArms, SiteResult
    from causalsig.release.documents import EstimatesDocument
    from causalsig.release.household_sets import Member
    from causalsig.sources.findings import ReadResult
    from causalsig.sources.schema import SiteTables
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study


@dataclass(frozen=True, slots=True, eq=False)
class Victim:
    """A household of whom everything is known but whether it returned.

    Attributes
    ----------
    key : str
        As the source has it.
    row : int
        Its only episode, in the cohort.
    arm : str
    returned : bool
        What the attacker is after. Drawn first, with a chance of one half, and the household then among those
        of whom it holds: so a guess without any release is right half of the time.
    """

    key: str
    row: int
    arm: str
    returned: bool


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """An extract analysed, and what of it may leave by every rule of one release."""

    result: SiteResult
    households: dict[str, Iterable[Member]]
    known_again: Mapping[str, str]
    document: EstimatesDocument


@dataclass(slots=True, eq=False)
class Scene:
    """All that the attacks on households need of one municipality.

    Attributes
    ----------
    site : Site
    study : Study
        Under the municipality's policy.
    read : ReadResult
        Its extract, read with the provider's key.
    document : EstimatesDocument
        The real release.
    keys : Path
        Folder with the provider's key and ledger.
    scratch : Path
        Folder for a copy of the ledger; nothing else is written.
    run : Run
        The same extract analysed again.
    """

    site: Site
    study: Study
    read: ReadResult
    document: EstimatesDocument
    keys: Path
    scratch: Path
    run: Run = field(init=False)
    _books: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.run = self._analyse(self.read)

    def analyse(self, tables: SiteTables) -> Run:
        """Run the study on another extract of the municipality, and make its release in memory.

        The extract is written to files and read again: a reader numbers the households that it finds.
        """
        return self._analyse(read_again(self.read, tables, self.site, self.scratch))

    def _analyse(self, read: ReadResult) -> Run:
        tables = read.tables
        households: dict[str, Iterable[Member]] = {}
        refused = unanswerable(self.study, self.read.carries)
        result = analyse_site(
            tables,
            self.study,
            self.site,
            matching_of(self.site),
            finding_codes={finding.code for finding in self.read.findings},
            plans=tuple(plan for plan in plan_cohorts(self.study) if plan.question not in refused),
            thresholds=False,
            members=households.__setitem__,
        )
        result = replace(result, study_digest=self.document.study_digest)
        identity = ReleaseIdentity(
            site_code=self.document.site_code,
            snapshot=self._snapshot(tables),
            package_version=self.document.package_version,
            lock_digest=self.document.lock_digest,
            wave=self.document.wave,
        )
        document = build_release(result, study=self.study, identity=identity).document
        assert read.known_again is not None
        return Run(result, households, read.known_again, document)

    def _snapshot(self, tables: SiteTables) -> str:
        digest = content_digest(replace(self.read, tables=tables))
        return snapshot_hash(read_provider_key(self.keys), snapshot_of("estimates", self.site.code, digest))

    def is_of_this_release(self) -> bool:
        """Say whether the release is of these data: the primary blocks of both are the same."""
        told, again = (
            {
                (block.question, block.outcome, block.estimand): (block.means, block.covariance)
                for block in released_arms(document)
                if block.primary
            }
            for document in (self.document, self.run.document)
        )
        return told == again

    def block(self) -> ReleasedArms | None:
        """Give the released block that is attacked: the primary one, else another of the same outcome."""
        found = [
            block
            for block in released_arms(self.document)
            if block.estimator == "doubly_robust"
            and block.kind == "any"
            and block.outcome == self.study.asked[block.question].primary_outcome
            and set(block.arms) <= set(self.study.asked[block.question].arms)
        ]
        return next((block for block in found if block.primary), found[0] if found else None)

    def exact(self, block: ReleasedArms) -> Analysis:
        """Give the analysis that a released block is of, as no release ever has it."""
        return next(
            one
            for question in self.run.result.questions
            for one in question.analyses
            if (question.question, one.outcome, one.estimand, one.estimator)
            == (block.question, block.outcome, block.estimand, block.estimator)
        )

    def cohort(self, block: ReleasedArms) -> Cohort:
        """Build the cohort that a block is of."""
        plan = next(
            plan
            for plan in plan_cohorts(self.study)
            if plan.question == block.question and block.outcome in {outcome.id for outcome in plan.outcomes}
        )
        return build_cohort(self.read.tables, plan, self.study, self.site, matching_of(self.site))

    def victim(self, block: ReleasedArms, cohort: Cohort, returned: bool | None = None) -> Victim | None:
        """Draw the household that is attacked, one that returned or not; None where there is none such."""
        values = cohort.outcomes[block.outcome]
        names = cohort.household_keys.astype(str)
        _, place, times = np.unique(names, return_inverse=True, return_counts=True)
        single = (times[place] == 1) & np.isin(cohort.treatment.astype(str), block.arms) & ~np.isnan(values)
        draw = dice("victim", self.document.site_code, block.question)
        drawn = bool(draw.integers(2))
        returned = drawn if returned is None else returned
        rows = np.flatnonzero(single & ((values > 0) == returned))
        rows = rows[np.argsort(names[rows])]
        if not len(rows):
            return None
        row = int(draw.choice(rows))
        return Victim(str(names[row]), row, str(cohort.treatment[row]), returned)

    def ledger_lets_pass(self, runs: Sequence[Run]) -> bool:
        """Ask a copy of the provider's ledger for one release after the other; False at the first refusal."""
        folder = self._copied_ledger()
        new_keys(folder / "keys", demo=True)
        key = read_signing_key(folder / "keys", "operator")
        for number, run in enumerate(runs):
            beside = folder / f"run-{number}"
            beside.mkdir()
            hashed = document_hash(run.document)
            memory = memory_of(
                self.keys,
                read_provider_key(self.keys),
                self.site.code,
                self.study.disclosure,
                run.households,
                run.known_again,
            )
            told = write_candidate(beside, run.document, hashed, memory)
            candidate = read_waiting(beside, run.document, hashed, told).candidate
            try:
                Ledger(folder).record(candidate, beside / SETS, key)
            except RefusedError:
                return False
        return True

    def _copied_ledger(self) -> Path:
        """Copy what the provider's ledger has of this municipality; its lines all, since they are a chain."""
        source, self._books = self.keys / LEDGER_FOLDER, self._books + 1
        folder = self.scratch / f"ledger-{self.site.code}-{self._books}"
        (folder / LEDGER_SETS).mkdir(parents=True, mode=0o700)
        if not (source / LEDGER_FILE).exists():
            return folder
        shutil.copy2(source / LEDGER_FILE, folder / LEDGER_FILE)
        memory = memory_of(
            self.keys, read_provider_key(self.keys), self.site.code, self.study.disclosure, {}, {}
        )
        for link in Ledger(source).chain.links():
            if link.content.get("site") == memory.site and "sets" in link.content:
                [sets] = (source / LEDGER_SETS).glob(f"{link.content['sets']}.*")
                shutil.copy2(sets, folder / LEDGER_SETS / sets.name)
        return folder
