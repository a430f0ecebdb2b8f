"""What a page is made from: released numbers only, gathered by whoever reads the documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from causalsig.codes import REMARKS
from causalsig.diagnosed import RegionCondition
from causalsig.grouped import RuleLeaf
from causalsig.records import (
    Estimator,
    PooledContrast,
    PoolResult,
    QuestionStatus,
    Refusal,
    ReleasedArms,
    Verdict,
)

if TYPE_CHECKING:
    from causalsig.contacted import ReleasedContact
    from causalsig.crossed import ReleasedThreshold
    from causalsig.diagnosed import UnusedRegion
    from causalsig.grouped import ReleasedGain, ReleasedGroups
    from causalsig.moved import BandRow, ReleasedMove
    from causalsig.release.monitor_document import MonitorDocument
    from causalsig.study.given_rules import GivenLeaf
    from causalsig.study.models import Study

SENSITIVITY_METHODS = frozenset({"landmark"})
"""Ways to answer a question that are shown as a sensitivity analysis."""
CHOSEN_BY_PEOPLE = frozenset({"accepted_help"})
"""Questions about what people choose themselves, for reasons that no register holds: led by the caution."""


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
        Answered by a way that counts as a sensitivity analysis only.
    caution : bool
        People choose the arm themselves: shown after the other questions, led by the caution.
    estimator : str
        Of the primary analysis; what other estimators say stands beside it, for the statistician.
    robust_estimand : str
        Estimand of the doubly robust contrast, of which robustness is told, and effects of groups.
    families : tuple of str
        Families of groups that the study names.
    rule : bool
        The study asks for a rule for whom which method.
    given : tuple of (name, tuple of RuleLeaf)
        Rules that another study learned; no households are known of their leaves.
    """

    question: str
    contrast: tuple[str, str]
    arms: tuple[str, ...]
    reference: str
    outcome: str
    estimand: str
    sensitivity: bool = False
    caution: bool = False
    estimator: Estimator = "doubly_robust"
    robust_estimand: str = "ATO"
    families: tuple[str, ...] = ()
    rule: bool = False
    given: tuple[tuple[str, tuple[RuleLeaf, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class OutcomeSpec:
    """One outcome as the study defines it; ``signals`` is "new_arrears" or "all_signals".

    ``creditor`` is set where only one type of creditor counts, ``from_day`` where the window begins on
    another day than the question's own.
    """

    outcome: str
    kind: str
    signals: str
    months: int
    creditor: str | None = None
    from_day: int | None = None


@dataclass(frozen=True, slots=True)
class AttritionBand:
    """Households left after a rule, in a band (inclusive; None: open); ``households`` None: suppressed."""

    rule: str
    households: tuple[int, int | None] | None


ALWAYS_TOLD = frozenset({"gate-positivity"})
"""Checks of one estimand that say something about every other: of whom the result speaks."""


@dataclass(frozen=True, slots=True)
class UnusedBand:
    """Where an arm is (almost) never used, and the band of the households there."""

    region: UnusedRegion
    households: tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule as a municipality released it, or that none was found: then it has no leaves.

    ``households`` of a leaf are the lower end of their band.
    """

    found: bool
    leaves: tuple[RuleLeaf, ...] = ()
    gains: tuple[ReleasedGain, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """What a municipality's own release says of one question.

    ``arms`` holds every released block; ``refusals`` what is not there, by whatever rule; ``unused`` where an
    arm is (almost) never used; ``groups`` a block a family; ``contacts`` everybody, then each group.
    """

    question: str
    status: QuestionStatus
    arms: tuple[ReleasedArms, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    attrition: tuple[AttritionBand, ...] = ()
    unused: tuple[UnusedBand, ...] = ()
    groups: tuple[ReleasedGroups, ...] = ()
    rule: OwnRule | None = None
    contacts: tuple[ReleasedContact, ...] = ()

    def block(self, outcome: str, spec: QuestionSpec) -> ReleasedArms | None:
        """Find the released block that answers the question; None when there is none."""
        wanted = (outcome, spec.estimand, spec.estimator)
        return next((b for b in self.arms if (b.outcome, b.estimand, b.estimator) == wanted), None)

    def reasons(self, spec: QuestionSpec) -> tuple[str, ...]:
        """Codes of why the question's primary contrast is not there, each once; none when it is.

        Another outcome or estimand may be missing for reasons of its own, so only what was said of this one,
        or of the whole question, counts. What was said of single arms comes after that.
        """
        block = self.block(spec.outcome, spec)
        if block is not None and set(spec.contrast) <= set(block.arms):
            return ()
        found = [
            refusal
            for refusal in self.refusals
            if refusal.code not in REMARKS
            and refusal.outcome in (None, spec.outcome)
            and refusal.estimand in (None, spec.estimand)
            and refusal.estimator in (None, spec.estimator)
        ]
        whole = [refusal for refusal in found if refusal.arm is None]
        compared = [refusal for refusal in found if refusal.arm in spec.contrast]
        codes = dict.fromkeys(refusal.code for refusal in whole or compared or found)
        return tuple(codes) or ("other",)


@dataclass(frozen=True, slots=True)
class OwnMove:
    """Another threshold than a municipality's own, as its page tells it.

    Attributes
    ----------
    move : ReleasedMove
    band : BandRow or None
        By the strongest route there is: the municipality's own, or that of enough others.
    others : int
        Others behind it; 0: the municipality's own data alone.
    price : float or None
        Euro a contact, from the study.
    capacity : float or None
        Contacts a year that there is room for, from the study.
    """

    move: ReleasedMove
    band: BandRow | None
    others: int = 0
    price: float | None = None
    capacity: float | None = None


@dataclass(frozen=True, slots=True)
class OwnGates:
    """Checks of one of a municipality's thresholds, and codes of why there is no effect at it."""

    score: str
    cutoff: float
    below: str
    above: str
    verdicts: tuple[Verdict, ...]
    reasons: tuple[str, ...]
    donut: bool = False


@dataclass(frozen=True, slots=True)
class OwnThresholds:
    """What a release says of a municipality's thresholds; ``reasons``: codes of what is not there."""

    effects: tuple[ReleasedThreshold, ...]
    reasons: tuple[str, ...]
    moves: tuple[OwnMove, ...] = ()
    gates: tuple[OwnGates, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a page comes from and how a reader can check it."""

    study_name: str
    study_digest: str
    package_version: str
    written_on: date
    verify_command: str = ""
    method: str = ""
    payload_hash: str = ""


@dataclass(frozen=True, slots=True)
class CheckCount:
    """How many municipalities passed one check."""

    code: str
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Absent:
    """How many municipalities released no figure for a question's primary contrast, for one reason."""

    question: str
    code: str
    sites: int


@dataclass(frozen=True, slots=True)
class MunicipalityPage:
    """A municipality's own page: its own releases and the pool of the others, nothing else."""

    name: str
    specs: tuple[QuestionSpec, ...]
    outcomes: tuple[OutcomeSpec, ...]
    own: tuple[OwnQuestion, ...]
    others: PoolResult | None
    provenance: Provenance
    demo: bool = False
    thresholds: OwnThresholds | None = None
    monitor: MonitorDocument | None = None


@dataclass(frozen=True, slots=True)
class NationalPage:
    """The national page. ``sites`` is filled for the statistician's version only.

    ``beside`` are pooled contrasts of other estimators than the question's own, and ``own`` what each site
    released, by its code, for the statistician.
    ``released`` counts the releases that were read beside the pool (0: none were given), and ``absent`` those
    among them that are not in a question's figure, by reason. ``balance_limit`` is the study's ``max_smd``.
    """

    specs: tuple[QuestionSpec, ...]
    outcomes: tuple[OutcomeSpec, ...]
    pool: PoolResult
    provenance: Provenance
    balance_limit: float
    checks: tuple[CheckCount, ...] = ()
    sites: tuple[ReleasedArms, ...] = ()
    demo: bool = False
    released: int = 0
    absent: tuple[Absent, ...] = ()
    beside: tuple[PooledContrast, ...] = ()
    own: tuple[tuple[str, tuple[OwnQuestion, ...]], ...] = ()
    thresholds: tuple[OwnThresholds, ...] = ()


def concerns(code: str, estimand: str | None, shown: str) -> bool:
    """Say whether a check tells something of the estimand that a page shows."""
    return estimand in (None, shown) or code in ALWAYS_TOLD


def _given(study: Study) -> tuple[tuple[str, tuple[RuleLeaf, ...]], ...]:
    """Give the rules that a study was given, in the records that learned ones have."""
    given = () if study.rules is None else study.rules.given
    return tuple((rule.name, tuple(map(_leaf, rule.leaves))) for rule in given)


def _leaf(leaf: GivenLeaf) -> RuleLeaf:
    asked = [(one.question, None if one.value is None else float(one.value), one.holds) for one in leaf.when]
    return RuleLeaf(tuple(RegionCondition(*one) for one in asked), leaf.arm, 0)


def specs_from_study(study: Study) -> tuple[tuple[QuestionSpec, ...], tuple[OutcomeSpec, ...]]:
    """Take from a study what a page must know of its questions and outcomes.

    Questions whose arm people choose themselves come after those that carry the conclusion.
    """
    specs = [
        QuestionSpec(
            question=code,
            contrast=asked.primary_contrast,
            arms=tuple(asked.arms),
            reference=asked.reference,
            outcome=asked.primary_outcome,
            estimand=study.estimands_of(code)[0],
            sensitivity=getattr(asked, "method", "") in SENSITIVITY_METHODS,
            caution=code in CHOSEN_BY_PEOPLE,
            estimator=asked.estimator,
            robust_estimand=study.estimands.primary,
            families=study.groups.families,
            rule=study.rules is not None and bool(study.rules.asks) and code not in CHOSEN_BY_PEOPLE,
            given=() if code in CHOSEN_BY_PEOPLE else _given(study),
        )
        for code, asked in study.asked.items()
    ]
    controls = study.falsification.negative_controls  # no answer to the question
    outcomes = tuple(one for one in all_outcomes(study) if one.outcome not in controls)
    return tuple(sorted(specs, key=lambda spec: spec.caution)), outcomes


def all_outcomes(study: Study) -> tuple[OutcomeSpec, ...]:
    """Take every outcome that a study defines, its negative controls too."""
    return tuple(
        OutcomeSpec(one.id, one.kind, one.signals, one.months, one.creditor, one.from_day)
        for one in study.outcomes
    )
