"""From a site's result to the document that may leave, and back from the document to numbers."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from causalsig.errors import ReleaseError
from causalsig.records import Analysis, QuestionResult, ReleasedArms, SiteResult, Verdict
from causalsig.release import grid
from causalsig.release.arm_entries import arm_entry
from causalsig.release.beside import decode_sensitivity, region_entries
from causalsig.release.beside_entries import SensitivityEntry
from causalsig.release.censored import censored_entry, decode_classes
from causalsig.release.censored_entries import CensoredBlockEntry
from causalsig.release.certified import certificate_entries
from causalsig.release.contacts import contact_part
from causalsig.release.crossed import thresholds_part
from causalsig.release.documents import (
    SCHEMA_VERSION,
    WITH_REGIONS,
    WITHOUT_VALUE,
    AnalysisEntry,
    AttritionEntry,
    Closed,
    EstimatesDocument,
    QuestionEntry,
    RefusalEntry,
    SuppressionEntry,
    VerdictEntry,
    applied_floors,
)
from causalsig.release.private_entries import PrivateBlockEntry
from causalsig.release.rules import Limits
from causalsig.release.sift import held_of, sift
from causalsig.release.strict_json import canonical
from causalsig.release.vocabulary import to_code
from causalsig.study.models import Study

STAY = frozenset({"rule-beyond-capacity", "rule-decides-nothing"})
"""Refusals that are told at the site only: how often a given rule would use an arm is a count in disguise."""
Model = TypeVar("Model", bound=Closed)
_MAX_RATIO = 10.0
"""A gate whose figure or threshold is at or above this judges a size, and leaves as a band, however small the
figure; any other leaves in hundredths."""


@dataclass(frozen=True, slots=True)
class ReleaseIdentity:
    """What a release says of itself beside its numbers.

    `site_code` and `snapshot` are keyed hashes (:func:`site_code`, :func:`snapshot_hash`), `lock_digest` the
    SHA-256 of the lock the site ran under, `wave` 1 for the first extract of a study.
    """

    site_code: str
    snapshot: str
    package_version: str
    lock_digest: str
    wave: int = 1


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """A document that holds every rule, and every block a rule held back as (question, suppression)."""

    document: EstimatesDocument
    suppressions: tuple[tuple[str, SuppressionEntry], ...]


def site_code(provider_key: bytes, municipality_code: str, study_digest: str) -> str:
    """Code of a site: HMAC-SHA256 under the provider's key over the municipality code and the study digest.

    Without the key all 342 municipality codes could be tried in two milliseconds; over the study digest, so
    that the codes of two studies cannot be linked.
    """
    message = f"site\n{study_digest}\n{municipality_code}".encode()
    return hmac.new(provider_key, message, hashlib.sha256).hexdigest()


def snapshot_hash(provider_key: bytes, digest: bytes) -> str:
    """Keyed hash of the digest of a site's input: says "the same extract" to the provider and nobody else."""
    return hmac.new(provider_key, b"snapshot\n" + digest, hashlib.sha256).hexdigest()


def build_release(site: SiteResult, *, study: Study, identity: ReleaseIdentity) -> CheckedRelease:
    """Run every rule over a site's result and write what may leave on the grids.

    Parameters
    ----------
    site : SiteResult
    study : Study
        The study that was run; names outside it cannot leave.
    identity : ReleaseIdentity

    Raises
    ------
    ReleaseError
        ``release-other-name`` when the result names a question, outcome, estimand or arm the study does not;
        ``release-schema`` when the identity is not made of digests, codes and a version.
    """
    limits = Limits.of(study)
    try:
        questions = tuple(_question(result, study, limits) for result in site.questions)
        released = frozenset(one.question for one in questions if any(a.primary for a in one.analyses))
        document = EstimatesDocument(
            kind="estimates",
            schema_version=SCHEMA_VERSION,
            study_digest=site.study_digest,
            package_version=identity.package_version,
            lock_digest=identity.lock_digest,
            snapshot=identity.snapshot,
            site_code=identity.site_code,
            wave=identity.wave,
            extracted=f"{site.extracted_on:%Y-%m}",
            floors=applied_floors(limits.disclosure, limits.min_effective_size),
            questions=questions,
            certificate=certificate_entries(site.certificate, released),
            thresholds=thresholds_part(site.thresholds, study, limits),
        )
    except ValidationError as error:
        raise schema_error(error) from None
    held = tuple((entry.question, item) for entry in questions for item in entry.suppressions)
    return CheckedRelease(document, held)


def schema_error(error: ValidationError) -> ReleaseError:
    """Say where a document leaves the schema, without the value."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    place = found[0]["loc"]
    if found[0]["type"] == "extra_forbidden":
        place = place[:-1]  # an unknown field's name is whatever someone wrote there
    where = ".".join(str(part) for part in place)
    return ReleaseError(
        "release-schema",
        expected="a document of the release schema",
        found=f"{len(found)} field(s) that break it, the first of type {found[0]['type']}",
        mend="Make the release again with this version of causalsig; never edit one by hand.",
        where=where[:80],
    )


def read_model(model: type[Model], values: dict[str, Any]) -> Model:
    """Check values against a closed model, from their canonical bytes.

    Raises
    ------
    ReleaseError
        ``release-schema``
    """
    try:
        return read_content(model, canonical(values))
    except (ValueError, RecursionError):
        raise ReleaseError(
            "release-schema",
            expected="a document of the release schema",
            found="values that have no canonical form",
            mend="Make the release again with this version of causalsig; never edit one by hand.",
        ) from None


def read_content(model: type[Model], content: bytes) -> Model:
    """Check canonical bytes against a closed model.

    Raises
    ------
    ReleaseError
        ``release-schema``
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise schema_error(error) from None


def _make(model: type[Model], **values: Any) -> Model:
    """Build a model from plain values: pydantic, not mypy, checks them against the code lists."""
    return model(**values)


def _question(result: QuestionResult, study: Study, limits: Limits) -> QuestionEntry:
    check_names(result, study)
    found = sift(result, study, limits)
    # Made of the design alone, and most needed where a gate closed: deterministic assignment is why it did.
    mapped = result.status != "refused" and result.question in WITH_REGIONS
    regions = region_entries(result.regions if mapped else (), limits)
    beside = tuple(
        _make(SuppressionEntry, what="region", rule=rule, outcome=None, estimand=None)
        for rule in regions.held
    )
    # The later gates speak of the primary block: 2.8 standard errors of a block that is held back stay too.
    released = any(analysis.primary for analysis, _ in found.released)
    told = {"design"} if result.status != "refused" else set()
    told |= {"pooling", "solo"} if released else set()
    contacts = contact_part(result, limits, found.numbers)
    beside += tuple(held_of("contacts", rule) for rule in contacts.held)
    return _make(
        QuestionEntry,
        question=result.question,
        status=result.status,
        attrition=tuple(
            _make(
                AttritionEntry,
                rule=to_code(row.rule),
                before=grid.band(row.households_before),
                after=grid.band(row.households_after),
            )
            for row in result.attrition
        ),
        verdicts=tuple(_verdict(verdict, verdict.tier in told) for verdict in result.verdicts),
        refusals=tuple(
            _make(
                RefusalEntry,
                code=to_code(item.code),
                outcome=item.outcome,
                estimand=item.estimand,
                arm=item.arm,
            )
            for item in result.refusals
            if item.code not in STAY
        ),
        analyses=tuple(_block(analysis, beside_it) for analysis, beside_it in found.released),
        suppressions=(*found.suppressions, *beside),
        regions=regions.entries,
        balance=found.balance,
        groups=found.groups,
        rule=found.rule,
        given=found.given,
        contacts=contacts.entries,
        censored=tuple(map(censored_entry, found.censored)),
    )


def check_names(result: QuestionResult, study: Study) -> None:
    """Only what the study lists beforehand can leave."""
    asked = study.asked.get(result.question)
    known = asked is not None
    if asked is not None:
        arms, estimands = set(asked.arms), set(study.estimands_of(result.question))
        for analysis in result.analyses:
            known &= analysis.outcome in asked.outcomes and analysis.estimand in estimands
            known &= analysis.estimator in (asked.estimator, *asked.sensitivity_estimators)
            known &= set(analysis.result.arms) <= arms and analysis.reference in analysis.result.arms
        for beside in (one for one in (result.groups, result.rule) if one is not None):
            known &= beside.outcome in asked.outcomes and beside.estimand in (
                *estimands,
                *study.estimands.all,
            )
        names = {rule.name for rule in study.rules.given} if study.rules else set()
        for given in result.given:
            over = {gain.over for gain in given.gains} - {"best_single", "now"}
            known &= given.name in names and given.outcome in asked.outcomes and over <= arms
        if result.contacts is not None:
            named_families = {one.family for one in result.contacts.groups}
            known &= set(result.contacts.arms) <= arms and named_families <= set(study.groups.families)
        named = [(item.arm, item.estimand) for item in result.refusals]
        named += [(item.arm, item.estimand) for item in result.verdicts]
        for arm, estimand in named:
            known &= (arm is None or arm in arms) and (estimand is None or estimand in estimands)
        known &= all(item.outcome is None or item.outcome in asked.outcomes for item in result.refusals)
    if not known:
        raise ReleaseError(
            "release-other-name",
            expected="questions, outcomes, estimands and arms that the study lists",
            found="a name that it does not list",
            mend="Run the site and its release with the same study file.",
        )


def _verdict(verdict: Verdict, numbers: bool) -> VerdictEntry:
    value: int | None = None
    size: str | None = None
    if numbers and verdict.code not in WITHOUT_VALUE and math.isfinite(verdict.value):
        if max(abs(verdict.value), abs(verdict.threshold)) < _MAX_RATIO:
            value = _hundredths(verdict)
        else:
            size = grid.band(abs(verdict.value))
    threshold = verdict.threshold if math.isfinite(verdict.threshold) else 0.0
    return _make(
        VerdictEntry,
        tier=verdict.tier,
        code=to_code(verdict.code),
        passed=bool(verdict.passed),
        # The arm with the smallest share, where all are seen, is the first: another one has lost somebody.
        arm=None if verdict.passed and verdict.code in WITHOUT_VALUE else verdict.arm,
        estimand=verdict.estimand,
        value=value,
        size=size,
        threshold=round(min(max(threshold, -10_000.0), 10_000.0) * 1000),
    )


def _hundredths(verdict: Verdict) -> int:
    """Round a figure, but never so that a check which failed reads as if it had passed."""
    value = round(verdict.value * 100)
    side = 1 if verdict.value > verdict.threshold else -1
    crossed = not verdict.passed and (value - verdict.threshold * 100) * side < 1e-9
    return value + side if crossed else value


def _block(analysis: Analysis, told: tuple[SensitivityEntry, ...]) -> AnalysisEntry:
    result = analysis.result
    return _make(
        AnalysisEntry,
        outcome=analysis.outcome,
        estimand=analysis.estimand,
        estimator=analysis.estimator,
        kind=analysis.kind,
        months=analysis.months,
        reference=analysis.reference,
        primary=analysis.primary,
        arms=tuple(arm_entry(result, place) for place in range(len(result.arms))),
        correlations=grid.correlations_on_grid(result.covariance),
        sensitivity=told,
    )


def released_arms(document: EstimatesDocument) -> tuple[ReleasedArms, ...]:
    """Decode every released block of a document."""
    return tuple(
        _decode(document.site_code, question.question, block)
        for question in document.questions
        for block in question.analyses
    ) + _released_private(document)


def released_censored(document: EstimatesDocument) -> tuple[ReleasedArms, ...]:
    """Decode every block with an arm of which only a class left, with these classes."""
    return tuple(
        replace(
            _decode(document.site_code, question.question, block),
            classes=decode_classes(block, document.floors),
        )
        for question in document.questions
        for block in question.censored
    )


def _released_private(document: EstimatesDocument) -> tuple[ReleasedArms, ...]:
    """Decode private blocks: a covariance of sampling and noise, without correlations."""
    return tuple(
        _decode_private(document.site_code, question.question, block)
        for question in document.questions
        for block in question.private
    )


def _decode_private(site: str, question: str, block: PrivateBlockEntry) -> ReleasedArms:
    sampling = [grid.from_two_digits(arm.std_error, arm.std_error_exponent) ** 2 for arm in block.arms]
    noise = [grid.from_half_doublings(arm.noise) ** 2 for arm in block.arms]
    own = [one + other for one, other in zip(sampling, noise, strict=True)]
    covariance = [
        [own[row] if row == column else 0.0 for column in range(len(own))] for row in range(len(own))
    ]
    return _arms(site, question, block, covariance, primary=True, noise=tuple(noise))


def _decode(site: str, question: str, block: AnalysisEntry | CensoredBlockEntry) -> ReleasedArms:
    std_errors = [grid.from_two_digits(arm.std_error, arm.std_error_exponent) for arm in block.arms]
    covariance = grid.covariance_from_grid(std_errors, block.correlations)
    sensitivity = decode_sensitivity(block.sensitivity) if isinstance(block, AnalysisEntry) else ()
    return _arms(site, question, block, covariance, primary=block.primary, sensitivity=sensitivity)


def _arms(
    site: str,
    question: str,
    block: AnalysisEntry | CensoredBlockEntry | PrivateBlockEntry,
    covariance: Iterable[Iterable[float]],
    **beside: Any,
) -> ReleasedArms:
    """Decode what blocks of all kinds say alike."""
    return ReleasedArms(
        site=site,
        question=question,
        outcome=block.outcome,
        estimand=block.estimand,
        kind=block.kind,
        months=block.months,
        arms=tuple(arm.arm for arm in block.arms),
        reference=block.reference,
        means=tuple(grid.from_steps(arm.mean, arm.mean_exponent) for arm in block.arms),
        covariance=tuple(tuple(row) for row in covariance),
        steps=tuple(grid.from_steps(1, arm.mean_exponent) for arm in block.arms),
        household_bands=tuple(grid.band_limits(arm.households) for arm in block.arms),
        effective_sizes=tuple(grid.from_half_doublings(arm.effective_size) for arm in block.arms),
        estimator=block.estimator,
        **beside,
    )
