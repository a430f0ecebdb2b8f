"""What a page is made from: released numbers only, gathered by whoever reads the documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from causalsig.records import PoolResult, QuestionStatus, Refusal, ReleasedArms, Verdict

if TYPE_CHECKING:
    from causalsig.study.models import Study

SENSITIVITY_METHODS = frozenset({"landmark"})
"""Ways to answer a question that are shown as a sensitivity analysis, led by the caution."""


@dataclass(frozen=True, slots=True)
class QuestionSpec:
    """What the study fixed of a question: its primary contrast, outcome and estimand.

    Attributes
    ----------
    question : str
        Code of the study ("contact_method").
    contrast : (str, str)
        Arm and reference of the primary contrast.
    arms : tuple of str
        In the study's order, reference included.
    reference : str
    outcome, estimand : str
        Of the primary analysis.
    sensitivity : bool
        Shown as a sensitivity analysis, after the other questions.
    """

    question: str
    contrast: tuple[str, str]
    arms: tuple[str, ...]
    reference: str
    outcome: str
    estimand: str
    sensitivity: bool = False


@dataclass(frozen=True, slots=True)
class OutcomeSpec:
    """One outcome as the study defines it; ``signals`` is "new_arrears" or "all_signals"."""

    outcome: str
    kind: str
    signals: str
    months: int


@dataclass(frozen=True, slots=True)
class AttritionBand:
    """Households left after a rule, in a band (inclusive; None: open); ``households`` None: suppressed."""

    rule: str
    households: tuple[int, int | None] | None


REMARKS = frozenset({"cohort-look-back-not-retained"})


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """What a municipality's own release says of one question.

    ``reasons`` are the codes of why it was refused or withheld; ``arms`` holds every released block.
    """

    question: str
    status: QuestionStatus
    arms: tuple[ReleasedArms, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    attrition: tuple[AttritionBand, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of why there is nothing for the whole question, each once.

        What an analysis had to do without is a remark, not a reason.
        """
        found = [refusal for refusal in self.refusals if refusal.code not in REMARKS]
        whole = (refusal.code for refusal in found if refusal.outcome is None and refusal.arm is None)
        return tuple(dict.fromkeys(whole)) or tuple(dict.fromkeys(refusal.code for refusal in found))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a page comes from and how a reader can check it."""

    study_name: str
    study_digest: str
    package_version: str
    written_on: date
    verify_command: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class CheckCount:
    """How many municipalities passed one check."""

    code: str
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class MunicipalityPage:
    """A municipality's own page: its own release and the pool of the others, nothing else."""

    name: str
    specs: tuple[QuestionSpec, ...]
    outcomes: tuple[OutcomeSpec, ...]
    own: tuple[OwnQuestion, ...]
    others: PoolResult | None
    provenance: Provenance
    demo: bool = False


@dataclass(frozen=True, slots=True)
class NationalPage:
    """The national page. ``sites`` is filled for the statistician's version only."""

    specs: tuple[QuestionSpec, ...]
    outcomes: tuple[OutcomeSpec, ...]
    pool: PoolResult
    provenance: Provenance
    checks: tuple[CheckCount, ...] = ()
    sites: tuple[ReleasedArms, ...] = ()
    demo: bool = False


def specs_from_study(study: Study) -> tuple[tuple[QuestionSpec, ...], tuple[OutcomeSpec, ...]]:
    """Take from a study what a page must know of its questions and outcomes.

    Sensitivity analyses come after the questions that carry the conclusion.
    """
    specs = [
        QuestionSpec(
            question=code,
            contrast=asked.primary_contrast,
            arms=tuple(asked.arms),
            reference=asked.reference,
            outcome=asked.primary_outcome,
            estimand=study.estimands.primary,
            sensitivity=getattr(asked, "method", "") in SENSITIVITY_METHODS,
        )
        for code, asked in study.asked.items()
    ]
    outcomes = tuple(
        OutcomeSpec(outcome.id, outcome.kind, outcome.signals, outcome.months) for outcome in study.outcomes
    )
    return tuple(sorted(specs, key=lambda spec: spec.sensitivity)), outcomes
