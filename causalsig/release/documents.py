"""The closed document of a site's estimates: integers on declared grids and strings of code lists.

Every validator here can be run by a reader who has only the document; what needs the site's own numbers is in
:mod:`causalsig.release.rules`. The meaning, unit and rule of every field is in
:mod:`causalsig.release.fields`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.arm_entries import ArmEntry as ArmEntry
from causalsig.release.beside_entries import BalanceEntry, RegionEntry, SensitivityEntry
from causalsig.release.censored_entries import CensoredBlockEntry
from causalsig.release.certified import CertificateEntry
from causalsig.release.contact_entries import ContactsEntry
from causalsig.release.crossed_entries import ThresholdsEntry, check_crossings
from causalsig.release.floors import AppliedFloors as AppliedFloors
from causalsig.release.floors import applied_floors as applied_floors
from causalsig.release.floors import balance_numbers as balance_numbers
from causalsig.release.floors import check_block, check_censored, check_private, check_question
from causalsig.release.floors import released_numbers as released_numbers
from causalsig.release.given_entries import GivenRuleEntry
from causalsig.release.grouped_entries import GroupsEntry, RuleEntry
from causalsig.release.private_entries import PrivacyEntry, PrivateBlockEntry
from causalsig.release.value_types import ArmBand as ArmBand
from causalsig.release.value_types import ArmCode as ArmCode
from causalsig.release.value_types import Band as Band
from causalsig.release.value_types import Closed as Closed
from causalsig.release.value_types import Code as Code
from causalsig.release.value_types import Correlation as Correlation
from causalsig.release.value_types import DecimalExponent as DecimalExponent
from causalsig.release.value_types import Digits as Digits
from causalsig.release.value_types import HalfDoublings as HalfDoublings
from causalsig.release.value_types import Hash as Hash
from causalsig.release.value_types import Month as Month
from causalsig.release.value_types import QuestionCode as QuestionCode
from causalsig.release.value_types import RuleCode as RuleCode
from causalsig.release.value_types import Steps as Steps
from causalsig.release.value_types import Version as Version
from causalsig.study.models import Estimand, Horizon, OutcomeKind, Slug

SchemaVersion = Literal["0.1", "0.2", "0.3"]
SCHEMA_VERSION: SchemaVersion = "0.3"
"""0.2 added how strong a hidden cause must be, balance, and where an arm is not used; 0.3 groups and rules.
An older document is read and hashed as it was written, so its signatures and its review still hold."""
WITHOUT_VALUE = frozenset({"gate-follow-up"})
"""Gates whose figure counts households that few others share: only their answer leaves. Of an arm of 120 a
share of 0.99 would say that one was lost from sight, and 1.00 that none was."""
WITH_REGIONS = frozenset({"contact_method"})
"""Questions of which regions leave: where the municipality chose. That (almost) nobody of a region accepted
help would tell what households did, and where bands are narrow how many. No outcome is in them, so they leave
of a question that a gate withheld too, and of a refused one never."""
_SINCE: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "0.2": MappingProxyType(
            {
                "": ("certificate",),
                "questions": ("regions", "balance"),
                "analyses": ("sensitivity",),
                "suppressions": ("what",),
            }
        ),
        "0.3": MappingProxyType(
            {"": ("thresholds",), "questions": ("groups", "rule", "given", "contacts", "censored")}
        ),
    }
)
"""Fields by the version that brought them: of the document, of its questions, and of their parts."""


class AttritionEntry(Closed):
    """One eligibility rule, with the households before and after it in bands."""

    rule: Code
    before: Band
    after: Band


class VerdictEntry(Closed):
    """One gate's answer. A size is given as a band, anything else in hundredths."""

    tier: Literal["design", "pooling", "solo"]
    code: Code
    passed: bool
    arm: ArmCode | None
    estimand: Estimand | None
    value: Annotated[int, Field(ge=-1000, le=1000)] | None
    size: Band | None
    threshold: Annotated[int, Field(ge=-10_000_000, le=10_000_000)]

    @model_validator(mode="after")
    def _one_value(self) -> VerdictEntry:
        if self.value is not None and self.size is not None:
            raise ValueError("a verdict has a value or a size, not both")
        return self


class RefusalEntry(Closed):
    """Something that is not there, and why."""

    code: Code
    outcome: Slug | None
    estimand: Estimand | None
    arm: ArmCode | None


class SuppressionEntry(Closed):
    """One block that a disclosure rule held back; with its numbers its counts are held back too.

    ``what`` names the part where it is not the whole block: its sensitivity, some of a question's balance, a
    region, some of its groups, its rule, given ones, or some of its shares of contact.
    """

    what: Literal["block", "sensitivity", "balance", "region", "groups", "rule", "given", "contacts"] = (
        "block"
    )
    rule: RuleCode
    outcome: Slug | None
    estimand: Estimand | None
    estimator: Estimator = "doubly_robust"


class AnalysisEntry(Closed):
    """One K x K block: means, standard errors and correlations of the arms."""

    outcome: Slug
    estimand: Estimand
    estimator: Estimator = "doubly_robust"
    kind: OutcomeKind
    months: Horizon
    reference: ArmCode
    primary: bool
    arms: tuple[ArmEntry, ...] = Field(min_length=2, max_length=8)
    correlations: tuple[Correlation, ...]
    sensitivity: tuple[SensitivityEntry, ...] = Field(default=(), max_length=7)

    @model_validator(mode="after")
    def _sensitivity_is_of_its_arms(self) -> AnalysisEntry:
        told = [entry.arm for entry in self.sensitivity]
        if len(set(told)) != len(told) or not set(told) <= {entry.arm for entry in self.arms}:
            raise ValueError("a sensitivity is not of one arm of its block")
        if told and (self.reference in told or self.estimator != "doubly_robust"):
            raise ValueError("a sensitivity is of the reference arm, or of means that are not doubly robust")
        return self

    @model_validator(mode="after")
    def _holds_together(self) -> AnalysisEntry:
        names = [entry.arm for entry in self.arms]
        size = len(names)
        if len(set(names)) != size:
            raise ValueError("an arm is listed twice")
        if self.reference not in names:
            raise ValueError("the reference arm is not among the arms")
        if len(self.correlations) != size * (size - 1) // 2:
            raise ValueError("the correlations are not a lower triangle of the arms")
        if not grid.positive_definite_on_grid(self.correlations, size):
            raise ValueError("the correlations are not positive definite on the grid")
        return self


class QuestionEntry(Closed):
    """All that leaves of one question."""

    question: QuestionCode
    status: Literal["estimated", "withheld", "refused"]
    attrition: tuple[AttritionEntry, ...] = Field(max_length=50)
    verdicts: tuple[VerdictEntry, ...] = Field(max_length=500)
    refusals: tuple[RefusalEntry, ...] = Field(max_length=200)
    analyses: tuple[AnalysisEntry, ...] = Field(max_length=50)
    suppressions: tuple[SuppressionEntry, ...] = Field(max_length=500)
    regions: tuple[RegionEntry, ...] = Field(default=(), max_length=100)
    balance: tuple[BalanceEntry, ...] = Field(default=(), max_length=1)
    groups: tuple[GroupsEntry, ...] = Field(default=(), max_length=1)
    rule: tuple[RuleEntry, ...] = Field(default=(), max_length=1)
    given: tuple[GivenRuleEntry, ...] = Field(default=(), max_length=5)
    contacts: tuple[ContactsEntry, ...] = Field(default=(), max_length=1)
    censored: tuple[CensoredBlockEntry, ...] = Field(default=(), max_length=50)
    private: tuple[PrivateBlockEntry, ...] = Field(default=(), max_length=1)

    @model_validator(mode="after")
    def _status_holds(self) -> QuestionEntry:
        if self.status != "estimated" and (self.analyses or self.censored):
            raise ValueError("a question that is not estimated carries an effect")
        if self.status != "estimated" and (self.balance or _named_parts(self)):
            raise ValueError("a question that is not estimated carries a diagnostic of its effects")
        if self.contacts and (self.status == "refused" or self.question not in WITH_REGIONS):
            raise ValueError("shares of contact stand in a refused question, or tell what households chose")
        figures = any(v.value is not None or v.size for v in self.verdicts)
        if self.status == "refused" and (figures or self.regions):
            raise ValueError("a refused question carries a diagnostic's value")
        blocks = [(entry.outcome, entry.estimand, entry.estimator) for entry in self.analyses]
        known = blocks + [(entry.outcome, entry.estimand, entry.estimator) for entry in self.censored]
        if len(set(known)) != len(known):
            raise ValueError("a block is released twice")
        whole = [entry for entry in self.suppressions if entry.what == "block"]
        if set(blocks) & {(entry.outcome, entry.estimand, entry.estimator) for entry in whole}:
            raise ValueError("a block is both released and suppressed")
        first = [entry.primary for entry in self.analyses] + [entry.primary for entry in self.censored]
        if sum(first) > 1:
            raise ValueError("a question has more than one primary block")
        return self

    @model_validator(mode="after")
    def _beside_its_blocks(self) -> QuestionEntry:
        primary = [entry for entry in self.analyses if entry.primary]
        for one in self.balance:
            own = [b for b in primary if (b.estimator, b.estimand) == (one.estimator, one.estimand)]
            if not any({one.arm, one.reference} <= {arm.arm for arm in block.arms} for block in own):
                raise ValueError("balance stands beside no primary block of its arms")
        if _named_parts(self) and not primary:
            raise ValueError("groups or a rule stand beside no primary block")
        arms: dict[tuple[str, str, str], set[str]] = {
            (one.outcome, one.estimand, one.estimator): {arm.arm for arm in one.arms} for one in self.analyses
        }
        for key, named in _named_parts(self):
            if key not in arms or not named <= arms[key]:
                raise ValueError("groups or a rule stand beside no block of their arms")
        if len({entry.name for entry in self.given}) != len(self.given):
            raise ValueError("a given rule is listed twice")
        if (self.rule or self.given) and self.question not in WITH_REGIONS:
            raise ValueError("a rule is of what a municipality does, not of what households choose")
        if sum(bool(entry.sensitivity) for entry in self.analyses) > 1:
            raise ValueError("more than one block of a question carries a sensitivity")
        if self.regions and self.question not in WITH_REGIONS:
            raise ValueError("a region tells what households chose, not what the municipality did")
        if any(a.arm == b.arm and not a.apart_from(b) for a, b in combinations(self.regions, 2)):
            raise ValueError("two regions of an arm share households")
        return self


class EstimatesDocument(Closed):
    """Kind ``estimates``: what one site releases of one study, snapshot and wave."""

    kind: Literal["estimates"]
    schema_version: SchemaVersion
    study_digest: Hash
    package_version: Version
    lock_digest: Hash
    snapshot: Hash
    site_code: Hash
    wave: int = Field(ge=1, le=999)
    extracted: Month
    floors: AppliedFloors
    questions: tuple[QuestionEntry, ...] = Field(min_length=1, max_length=2)
    certificate: tuple[CertificateEntry, ...] = Field(default=(), max_length=1)
    thresholds: tuple[ThresholdsEntry, ...] = Field(default=(), max_length=1)
    privacy: tuple[PrivacyEntry, ...] = Field(default=(), max_length=1)

    @model_validator(mode="after")
    def _private_alone(self) -> EstimatesDocument:
        """Beside noisy numbers nothing leaves that had no noise: it would tell what they hide."""
        beside = self.certificate or self.thresholds or any(map(_without_noise, self.questions))
        if self.privacy and beside:
            raise ValueError("a private document carries a number without noise")
        if self.privacy and any((q.status == "estimated") != bool(q.private) for q in self.questions):
            raise ValueError("a question of a private document has no block, or one it may not have")
        if not self.privacy and any(one.private for one in self.questions):
            raise ValueError("a private block stands in a document that does not say what it spends")
        if self.privacy and self.schema_version < "0.3":
            raise ValueError("a document of an earlier version is private")
        for block in (block for one in self.questions for block in one.private):
            check_private(block, self.floors)
        return self

    @model_validator(mode="after")
    def _certified_as_released(self) -> EstimatesDocument:
        released = {entry.question for entry in self.questions if any(a.primary for a in entry.analyses)}
        for one in (one for entry in self.certificate for one in entry.questions):
            if (one.coverage, one.power) != (None, None) and one.question not in released:
                raise ValueError("a certificate tells figures of a question that is not released")
        return self

    @model_validator(mode="after")
    def _floors_hold(self) -> EstimatesDocument:
        codes = [entry.question for entry in self.questions]
        if len(set(codes)) != len(codes):
            raise ValueError("a question is answered twice")
        for block in _blocks(self.questions):
            check_block(block, self.floors)
        for few in (one for question in self.questions for one in question.censored):
            check_censored(few, self.floors)
        for question in self.questions:
            check_question(question, self.floors)
        newer = bool(self.certificate) or any(map(_is_newer, self.questions))
        if self.schema_version == "0.1" and newer:
            raise ValueError("a document of version 0.1 carries what 0.2 added")
        for one in self.thresholds:
            floors = self.floors
            check_crossings(
                one,
                arm=floors.min_households_arm,
                cell=floors.min_households_cell,
                per_mille=floors.max_parameter_share_per_mille,
            )
        if self.schema_version < "0.3" and (self.thresholds or any(map(_has_groups, self.questions))):
            raise ValueError("a document of an earlier version carries what 0.3 added")
        return self

    @model_validator(mode="after")
    def _verdicts_tell_no_household(self) -> EstimatesDocument:
        silent = [v for one in self.questions for v in one.verdicts if v.code in WITHOUT_VALUE]
        told = any(v.value is not None or v.size is not None or (v.passed and v.arm) for v in silent)
        if told:
            raise ValueError("a verdict carries the figure of a gate of which only the answer leaves")
        if any(map(_speaks_of_a_held_block, self.questions)):
            raise ValueError("a later gate's figure stands beside no primary block")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out of an older document what its version did not have."""
        values: dict[str, Any] = write(self)
        for place, name in _newer(values, self.schema_version):
            del place[name]
        if not self.privacy:  # a document without noise is written as before there was any
            del values["privacy"]
            for question in values["questions"]:
                del question["private"]
        return values


def _without_noise(question: QuestionEntry) -> bool:
    private = {"question", "status", "private"}
    return any(getattr(question, name) for name in QuestionEntry.model_fields if name not in private)


def _speaks_of_a_held_block(question: QuestionEntry) -> bool:
    later = [verdict for verdict in question.verdicts if verdict.tier != "design"]
    figures = any(verdict.value is not None or verdict.size is not None for verdict in later)
    return figures and not any(block.primary for block in question.analyses)


def _is_newer(question: QuestionEntry) -> bool:
    parts = any(block.sensitivity for block in question.analyses)
    held = any(entry.what != "block" for entry in question.suppressions)
    return parts or held or bool(question.regions or question.balance)


def _has_groups(question: QuestionEntry) -> bool:
    held = any(entry.what in ("groups", "rule", "given", "contacts") for entry in question.suppressions)
    return held or bool(_named_parts(question) or question.contacts or question.censored)


def _named_parts(question: QuestionEntry) -> list[tuple[tuple[str, str, str], set[str]]]:
    """Give the block that each of groups, the rule and given rules is of, and the arms that it names."""
    parts: list[tuple[tuple[str, str, str], set[str]]] = []
    for of in question.groups:
        parts.append(((of.outcome, of.estimand, of.estimator), {of.arm, of.reference}))
    for rule in question.rule:
        parts.append(((rule.outcome, "ATE", "doubly_robust"), {leaf.arm for leaf in rule.leaves}))
    for told in question.given:
        over = {gain.over for gain in told.gains if gain.over not in ("best_single", "now")}
        parts.append(((told.outcome, "ATE", "doubly_robust"), {*over}))
    return parts


def _newer(values: dict[str, Any], version: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where a dumped document has a field that its version did not have, and its name."""
    for added in (names for since, names in _SINCE.items() if since > version):
        yield from ((values, name) for name in added.get("", ()))
        for question in values["questions"]:
            yield from ((question, name) for name in added.get("questions", ()))
            for part in ("analyses", "suppressions"):
                yield from ((entry, name) for entry in question[part] for name in added.get(part, ()))


def _blocks(questions: Iterable[QuestionEntry]) -> Iterable[AnalysisEntry]:
    return (block for question in questions for block in question.analyses)
