"""The closed document of a site's estimates: integers on declared grids and strings of code lists.

Every validator here can be run by a reader who has only the document; what needs the site's own numbers is in
:mod:`causalsig.release.rules`. The meaning, unit and rule of every field is in
:mod:`causalsig.release.fields`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.beside_entries import BalanceEntry, RegionEntry, SensitivityEntry
from causalsig.release.certified import CertificateEntry
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
from causalsig.study.models import Disclosure, Estimand, Horizon, OutcomeKind, Slug

SchemaVersion = Literal["0.1", "0.2"]
SCHEMA_VERSION: SchemaVersion = "0.2"
"""0.2 added how strong a hidden cause must be, balance, and where an arm is not used. A document of 0.1 is
read and hashed as it was written, so its signatures and its review still hold."""
WITHOUT_VALUE = frozenset({"gate-follow-up"})
"""Gates whose figure counts households that few others share: only their answer leaves. Of an arm of 120 a
share of 0.99 would say that one was lost from sight, and 1.00 that none was."""
WITH_REGIONS = frozenset({"contact_method"})
"""Questions of which regions leave: where the municipality chose. That (almost) nobody of a region accepted
help would tell what households did, and where bands are narrow how many. No outcome is in them, so they leave
of a question that a gate withheld too, and of a refused one never."""
_SINCE_0_2: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"questions": ("regions", "balance"), "analyses": ("sensitivity",), "suppressions": ("what",)}
)


class AppliedFloors(Closed):
    """The floors that were applied, as integers; looser ones than the house's cannot be written down."""

    min_households_cell: int = Field(ge=10, le=10_000)
    min_households_arm: int = Field(ge=30, le=10_000)
    min_expected_class: int = Field(ge=20, le=10_000)
    expected_risk_per_mille: int = Field(ge=1, le=999)
    max_largest_weight_per_mille: int = Field(ge=1, le=500)
    max_two_largest_weight_per_mille: int = Field(ge=1, le=670)
    max_parameter_share_per_mille: int = Field(ge=1, le=100)
    min_residual_df: int = Field(ge=10, le=10_000)
    min_effective_size: int = Field(ge=30, le=10_000)


def applied_floors(disclosure: Disclosure, min_effective_size: float) -> AppliedFloors:
    """Write the study's floors as integers, rounded to the stricter side."""
    return AppliedFloors(
        min_households_cell=disclosure.min_households_cell,
        min_households_arm=disclosure.min_households_arm,
        min_expected_class=disclosure.min_expected_class,
        expected_risk_per_mille=min(max(round(disclosure.expected_risk * 1000), 1), 999),
        max_largest_weight_per_mille=max(int(disclosure.max_largest_weight * 1000 + 1e-9), 1),
        max_two_largest_weight_per_mille=max(int(disclosure.max_two_largest_weight * 1000 + 1e-9), 1),
        max_parameter_share_per_mille=max(int(disclosure.max_parameter_share * 1000 + 1e-9), 1),
        min_residual_df=disclosure.min_residual_df,
        min_effective_size=max(30, -int(-min_effective_size // 1)),
    )


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

    ``what`` names the part where it is not the whole block: its sensitivity, some of a question's balance, or
    a region.
    """

    what: Literal["block", "sensitivity", "balance", "region"] = "block"
    rule: RuleCode
    outcome: Slug | None
    estimand: Estimand | None
    estimator: Estimator = "doubly_robust"


class ArmEntry(Closed):
    """One arm of a block."""

    arm: ArmCode
    households: ArmBand
    effective_size: HalfDoublings
    mean: Steps
    mean_exponent: Annotated[int, Field(ge=-40, le=40)]
    std_error: Digits
    std_error_exponent: DecimalExponent

    @model_validator(mode="after")
    def _declared_grid(self) -> ArmEntry:
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.mean_exponent != grid.step_exponent(std_error):
            raise ValueError("the mean is not on the grid its standard error declares")
        return self


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


def released_numbers(arms: int, sensitivities: int = 0) -> int:
    """Return how many free numbers a block of K arms releases: means, standard errors, correlations.

    Each contrast with a sensitivity adds its scale, the error of that, and their correlation.
    """
    return 2 * arms + arms * (arms - 1) // 2 + 3 * sensitivities


def balance_numbers(entry: BalanceEntry) -> int:
    """Count free numbers: every difference, and every noise that is told."""
    return len(entry.differences) + len({row.noise for row in entry.differences})


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

    @model_validator(mode="after")
    def _status_holds(self) -> QuestionEntry:
        if self.status != "estimated" and self.analyses:
            raise ValueError("a question that is not estimated carries an effect")
        if self.status != "estimated" and self.balance:
            raise ValueError("a question that is not estimated carries a diagnostic of its effects")
        figures = any(v.value is not None or v.size for v in self.verdicts)
        if self.status == "refused" and (figures or self.regions):
            raise ValueError("a refused question carries a diagnostic's value")
        blocks = [(entry.outcome, entry.estimand, entry.estimator) for entry in self.analyses]
        if len(set(blocks)) != len(blocks):
            raise ValueError("a block is released twice")
        whole = [entry for entry in self.suppressions if entry.what == "block"]
        if set(blocks) & {(entry.outcome, entry.estimand, entry.estimator) for entry in whole}:
            raise ValueError("a block is both released and suppressed")
        if sum(entry.primary for entry in self.analyses) > 1:
            raise ValueError("a question has more than one primary block")
        return self

    @model_validator(mode="after")
    def _beside_its_blocks(self) -> QuestionEntry:
        primary = [entry for entry in self.analyses if entry.primary]
        for one in self.balance:
            own = [b for b in primary if (b.estimator, b.estimand) == (one.estimator, one.estimand)]
            if not any({one.arm, one.reference} <= {arm.arm for arm in block.arms} for block in own):
                raise ValueError("balance stands beside no primary block of its arms")
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
            _check_floors(block, self.floors)
        if self.schema_version != "0.1":
            for question in self.questions:
                _check_question(question, self.floors)
        newer = bool(self.certificate) or any(map(_is_newer, self.questions))
        if self.schema_version == "0.1" and newer:
            raise ValueError("a document of version 0.1 carries what 0.2 added")
        return self

    @model_validator(mode="after")
    def _verdicts_tell_no_household(self) -> EstimatesDocument:
        silent = [v for one in self.questions for v in one.verdicts if v.code in WITHOUT_VALUE]
        told = any(v.value is not None or v.size is not None or (v.passed and v.arm) for v in silent)
        if self.schema_version != "0.1" and told:
            raise ValueError("a verdict carries the figure of a gate of which only the answer leaves")
        if self.schema_version != "0.1" and any(map(_speaks_of_a_held_block, self.questions)):
            raise ValueError("a later gate's figure stands beside no primary block")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out of a document of 0.1 what that version did not have."""
        values: dict[str, Any] = write(self)
        if self.schema_version == "0.1":
            for place, name in _newer(values):
                del place[name]
        return values


def _speaks_of_a_held_block(question: QuestionEntry) -> bool:
    later = [verdict for verdict in question.verdicts if verdict.tier != "design"]
    figures = any(verdict.value is not None or verdict.size is not None for verdict in later)
    return figures and not any(block.primary for block in question.analyses)


def _is_newer(question: QuestionEntry) -> bool:
    parts = any(block.sensitivity for block in question.analyses)
    held = any(entry.what != "block" for entry in question.suppressions)
    return parts or held or bool(question.regions or question.balance)


def _newer(values: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where a dumped document has a field of version 0.2, and its name."""
    yield values, "certificate"
    for question in values["questions"]:
        yield from ((question, name) for name in _SINCE_0_2["questions"])
        for part in ("analyses", "suppressions"):
            yield from ((entry, name) for entry in question[part] for name in _SINCE_0_2[part])


def _blocks(questions: Iterable[QuestionEntry]) -> Iterable[AnalysisEntry]:
    return (block for question in questions for block in question.analyses)


def _check_floors(block: AnalysisEntry, floors: AppliedFloors) -> None:
    """Refuse a block whose bands cannot be true under the floors it says were applied."""
    total: int | None = 0
    for entry in block.arms:
        highest = grid.band_limits(entry.households)[1]
        if highest is not None and highest < floors.min_households_arm:
            raise ValueError("an arm lies below the floor of households")
        if grid.half_doublings(floors.min_effective_size) > entry.effective_size:
            raise ValueError("an arm lies below the floor of the effective size")
        total = None if highest is None or total is None else total + highest
    if total is not None and released_numbers(len(block.arms), len(block.sensitivity)) * 1000 > (
        floors.max_parameter_share_per_mille * total
    ):
        raise ValueError("a block releases more numbers than its households allow")


def _check_question(question: QuestionEntry, floors: AppliedFloors) -> None:
    """Refuse a question whose numbers together, or whose regions, cannot be true under the floors."""
    for region in question.regions:
        highest = grid.band_limits(region.households)[1]
        if highest is not None and highest < floors.min_households_arm:
            raise ValueError("a region lies below the floor of households")
    numbers = sum(released_numbers(len(block.arms), len(block.sensitivity)) for block in question.analyses)
    numbers += sum(map(balance_numbers, question.balance))
    totals = [_most_households(block) for block in question.analyses]
    if numbers * 1000 > floors.max_parameter_share_per_mille * max(totals, default=0):
        raise ValueError("a question releases more numbers than its households allow")


def _most_households(block: AnalysisEntry) -> float:
    """Return the most households that the bands of a block allow; an open one has no end."""
    highest = [grid.band_limits(arm.households)[1] for arm in block.arms]
    return sum(math.inf if one is None else one for one in highest)
