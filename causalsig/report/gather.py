"""From released documents to pages: nothing is read here but what left a site, or the pool."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from causalsig import __version__
from causalsig.diagnosed import RegionCondition, UnusedRegion
from causalsig.errors import ReportError
from causalsig.grouped import ReleasedGain, RuleLeaf
from causalsig.pooling.waves import one_block_a_site
from causalsig.records import PoolResult, Refusal, ReleasedArms, Verdict
from causalsig.release import grid
from causalsig.release.build import released_arms
from causalsig.release.contacts import released_contacts
from causalsig.release.grouped import released_groups
from causalsig.report.gather_thresholds import own_thresholds
from causalsig.report.pages import (
    Absent,
    AttritionBand,
    CheckCount,
    MunicipalityPage,
    NationalPage,
    OwnQuestion,
    OwnRule,
    Provenance,
    QuestionSpec,
    UnusedBand,
    concerns,
    specs_from_study,
)
from causalsig.study.digest import study_digest

if TYPE_CHECKING:
    from causalsig.release.beside_entries import ConditionEntry, RegionEntry
    from causalsig.release.documents import EstimatesDocument, QuestionEntry
    from causalsig.release.grouped_entries import RuleEntry
    from causalsig.release.monitor_document import MonitorDocument
    from causalsig.study.models import Study


def municipality_page(
    document: EstimatesDocument,
    others: PoolResult | None,
    study: Study,
    *,
    name: str,
    written_on: date,
    demo: bool = False,
    verify_command: str = "",
    payload_hash: str = "",
    monitor: MonitorDocument | None = None,
) -> MunicipalityPage:
    """Gather a municipality's page from its own release and the pool of the others.

    The page carries the municipality's name, so it must not carry its keyed site code: `verify_command` names
    no file of the outbox, and `payload_hash` (SHA-256 of the release's document) says which release it is.
    Who gives a `monitor` has seen to it that it is of the same municipality: its site code is another one.

    Raises
    ------
    ReportError
        ``report-other-study`` when release, pool and study are not of one study; ``report-not-others`` when
        the pool is not the pool of the others.
    """
    digest = _same_study(study, [document.study_digest, *([others.study_digest] if others else [])])
    if others is not None and others.kind != "others":
        raise ReportError(
            "report-not-others",
            expected="the pool of the other municipalities",
            found="the pool of all",
            mend="Give the file of others/ that carries this municipality's site code.",
        )
    specs, outcomes = specs_from_study(study)
    where = Provenance(
        study_name=study.name,
        study_digest=digest,
        package_version=__version__,
        written_on=written_on,
        verify_command=verify_command,
        method="" if others is None else others.method,
        payload_hash=payload_hash,
    )
    shown_demo = demo or (others is not None and others.demo)
    others = None if others is None else _answers(others, specs)
    own, thresholds = own_questions(document), own_thresholds(document, study, others)
    return MunicipalityPage(name, specs, outcomes, own, others, where, shown_demo, thresholds, monitor)


def national_page(
    pool: PoolResult,
    study: Study,
    *,
    written_on: date,
    documents: Sequence[EstimatesDocument] = (),
    with_sites: bool = False,
    verify_command: str = "",
) -> NationalPage:
    """Gather the national page from the pool of all; with sites it is the statistician's.

    Parameters
    ----------
    documents : sequence of EstimatesDocument
        Releases the pool was made from: for the counts of checks and of who is not in the figure, and the
        rows of sites when `with_sites`.

    Raises
    ------
    ReportError
        ``report-other-study``.
    """
    digest = _same_study(study, [pool.study_digest, *(document.study_digest for document in documents)])
    specs, outcomes = specs_from_study(study)
    where = Provenance(study.name, digest, __version__, written_on, verify_command, pool.method)
    sites = _sites(documents, pool) if with_sites else ()
    answers = _answers(pool, specs)
    return NationalPage(
        specs=specs,
        outcomes=outcomes,
        pool=answers,
        provenance=where,
        balance_limit=study.diagnostics.max_smd,
        checks=_check_counts(documents, specs[0]),
        sites=sites,
        demo=pool.demo,
        released=len(documents),
        absent=_absent(documents, specs),
        beside=tuple(row for row in pool.contrasts if row not in answers.contrasts),
        own=tuple((document.site_code, own_questions(document)) for document in documents)
        if with_sites
        else (),
        thresholds=tuple(t for document in documents if (t := own_thresholds(document, study)) is not None)
        if with_sites
        else (),
    )


def _sites(documents: Sequence[EstimatesDocument], pool: PoolResult) -> tuple[ReleasedArms, ...]:
    """Give the blocks that the pool was made from: the waves of a site as one, and of no site it left out."""
    out = {site for site, _ in pool.left_out}
    blocks = (block for document in documents for block in released_arms(document))
    return one_block_a_site(block for block in blocks if block.site not in out)


def _answers(pool: PoolResult, specs: Sequence[QuestionSpec]) -> PoolResult:
    """Keep of a pool what answers its questions: other estimators stand beside that, never among it."""
    own = {spec.question: spec.estimator for spec in specs}
    return replace(
        pool,
        contrasts=tuple(c for c in pool.contrasts if c.estimator == own.get(c.question)),
        means=tuple(m for m in pool.means if m.estimator == own.get(m.question)),
    )


def _same_study(study: Study, digests: Sequence[str]) -> str:
    digest = study_digest(study)
    if any(other != digest for other in digests):
        raise ReportError(
            "report-other-study",
            expected="releases and pool of the study that was given",
            found="the digest of another study",
            mend="Give the study file the releases were made with.",
        )
    return digest


def own_questions(document: EstimatesDocument) -> tuple[OwnQuestion, ...]:
    """Decode what a release says of each question."""
    arms, groups = released_arms(document), released_groups(document)
    contacts = released_contacts(document)
    return tuple(
        OwnQuestion(
            question=entry.question,
            status=entry.status,
            arms=tuple(block for block in arms if block.question == entry.question),
            verdicts=_verdicts(entry),
            refusals=_refusals(entry),
            attrition=_attrition(entry),
            unused=tuple(map(_unused, entry.regions)),
            groups=tuple(block for block in groups if block.question == entry.question),
            rule=next(map(_rule, entry.rule), None),
            contacts=tuple(part for part in contacts if part.question == entry.question),
        )
        for entry in document.questions
    )


def _unused(entry: RegionEntry) -> UnusedBand:
    ends = grid.band_limits(entry.households)
    # The exact numbers stay at the site: what is shown is the band.
    return UnusedBand(UnusedRegion(entry.arm, _conditions(entry.conditions), ends[0], 0), ends)


def _conditions(entries: Iterable[ConditionEntry]) -> tuple[RegionCondition, ...]:
    return tuple(
        RegionCondition(
            c.question if c.month is None else f"{c.question}={c.month}",
            None if c.value is None else float(c.value),
            c.holds,
        )
        for c in entries
    )


def _rule(entry: RuleEntry) -> OwnRule:
    return OwnRule(
        found=entry.found,
        leaves=tuple(
            RuleLeaf(_conditions(leaf.conditions), leaf.arm, grid.band_limits(leaf.households)[0])
            for leaf in entry.leaves
        ),
        gains=tuple(
            ReleasedGain(
                gain.over,
                grid.from_steps(gain.estimate, gain.estimate_exponent),
                grid.from_two_digits(gain.std_error, gain.std_error_exponent),
                grid.from_steps(1, gain.estimate_exponent),
            )
            for gain in entry.gains
        ),
    )


def _verdicts(entry: QuestionEntry) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(
            verdict.tier,
            verdict.code,
            verdict.passed,
            math.nan if verdict.value is None else verdict.value / 100.0,
            verdict.threshold / 1000.0,
            verdict.arm,
            verdict.estimand,
        )
        for verdict in entry.verdicts
    )


def _refusals(entry: QuestionEntry) -> tuple[Refusal, ...]:
    """Give what is not there: refusals first, then what a disclosure rule held back."""
    refused = [Refusal(r.code, entry.question, r.outcome, r.estimand, r.arm) for r in entry.refusals]
    held = [
        Refusal(s.rule, entry.question, s.outcome, s.estimand, estimator=s.estimator)
        for s in entry.suppressions
        if s.what == "block"
    ]
    return (*refused, *held)


def _attrition(entry: QuestionEntry) -> tuple[AttritionBand, ...]:
    if not entry.attrition:
        return ()
    start = AttritionBand("start", _band(entry.attrition[0].before))
    return (start, *(AttritionBand(step.rule, _band(step.after)) for step in entry.attrition))


def _band(code: str) -> tuple[int, int | None] | None:
    return None if code == "under-10" else grid.band_limits(code)


def _check_counts(documents: Sequence[EstimatesDocument], spec: QuestionSpec) -> tuple[CheckCount, ...]:
    """Count the sites that passed each check of what is shown; a site with one failed arm failed."""
    answers: dict[str, Counter[bool]] = {}
    for document in documents:
        for entry in document.questions:
            if entry.question != spec.question:
                continue
            told = [v for v in entry.verdicts if concerns(v.code, v.estimand, spec.estimand)]
            for code in dict.fromkeys(verdict.code for verdict in told):
                passed = all(verdict.passed for verdict in told if verdict.code == code)
                answers.setdefault(code, Counter())[passed] += 1
    return tuple(CheckCount(code, found[True], found[False]) for code, found in answers.items())


def _absent(documents: Sequence[EstimatesDocument], specs: Sequence[QuestionSpec]) -> tuple[Absent, ...]:
    """Count the sites without a question's primary contrast; each site once, by the first reason it gives."""
    counts: Counter[tuple[str, str]] = Counter()
    for document in documents:
        own = {question.question: question for question in own_questions(document)}
        for spec in specs:
            asked = own.get(spec.question)
            reasons = ("no-release",) if asked is None else asked.reasons(spec)
            if reasons:
                counts[spec.question, reasons[0]] += 1
    return tuple(Absent(question, code, sites) for (question, code), sites in counts.items())
