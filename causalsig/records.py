"""What rooms above the mathematics hand to one another: verdicts, attrition, a site's and a pool's results.

:mod:`causalsig.results` holds the mathematics' own results; these records say what they are results of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from causalsig.refusals import Estimator as Estimator
from causalsig.refusals import Refusal as Refusal

if TYPE_CHECKING:
    from causalsig.censored import ArmClass
    from causalsig.contacted import ContactBlock, PooledContactRow
    from causalsig.crossed import ThresholdFindings
    from causalsig.crossed_pooled import PooledCurve, PooledThresholdRow
    from causalsig.diagnosed import (
        BalanceBlock,
        CalibratedContrast,
        DesignFigures,
        Falsification,
        PooledBalanceRow,
        PooledControl,
        ReleasedSensitivity,
        RobustnessRow,
        Rulers,
        SensitivityRow,
        UnusedRegion,
    )
    from causalsig.grouped import GivenRuleBlock, GroupBlock, PooledGroupRow, PooledRule, RuleBlock
    from causalsig.moved import MoveByOthers, PooledMove
    from causalsig.results import ArmMeans

OutcomeKind = Literal["any", "count", "days", "amount"]
Tier = Literal["design", "pooling", "solo"]
QuestionStatus = Literal["estimated", "withheld", "refused"]
"""estimated: effects exist · withheld: a gate said no before any effect was computed · refused: the question
cannot be asked of this site (no entry window, too few households in an arm)."""


@dataclass(frozen=True, slots=True)
class AttritionRow:
    """One eligibility rule: who was there before it and who is left after it."""

    rule: str
    households_before: int
    households_after: int
    episodes_before: int
    episodes_after: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's answer: its stable code, the figure, the study's threshold, and whether it passed.

    ``arm`` names the arm the figure is of, where it is of one; ``estimand`` the estimand it decides on,
    where it decides on one only.
    """

    tier: Tier
    code: str
    passed: bool
    value: float
    threshold: float
    arm: str | None = None
    estimand: str | None = None


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """Standardised mean difference of one covariate between two arms.

    ``noise`` is the standard deviation that sampling alone gives the weighted difference.
    """

    covariate: str
    arm: str
    reference: str
    unweighted: float
    weighted: float
    noise: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """One K × K block: the arm means of one question, outcome and estimand.

    Attributes
    ----------
    question, outcome, estimand : str
        Codes of the study ("contact_method", "any_new_arrears_3m", "ATO").
    kind : {"any", "count", "days", "amount"}
        "any": means are risks (0 to 1); "count": signals a household-episode; "days": days without a return
        (restricted mean); "amount": euro.
    months : int
        Horizon of the outcome.
    reference : str
        Reference arm.
    primary : bool
        Whether this is the question's primary outcome under the primary estimand.
    result : ArmMeans
        One outcome: means (K,), covariance (K, K).
    unadjusted : ArmMeans
        Difference in means of the same episodes; never leaves the site.
    households_with, households_without : tuple of int, length K
        Distinct households of each arm with at least one event, and with none.
    estimator : {"doubly_robust", "clone_censor_weight"}
        What the means were estimated with. One estimator answers a question; another is a sensitivity
        analysis, and never pooled with it.
    sensitivity : tuple of SensitivityRow
        Every arm against the reference; doubly robust means only.
    pooled : bool
        Whether the pooling gate let it through.
    """

    question: str
    outcome: str
    estimand: str
    kind: OutcomeKind
    months: int
    reference: str
    primary: bool
    result: ArmMeans
    unadjusted: ArmMeans
    households_with: tuple[int, ...]
    households_without: tuple[int, ...]
    estimator: Estimator = "doubly_robust"
    sensitivity: tuple[SensitivityRow, ...] = ()
    pooled: bool = True


@dataclass(frozen=True, slots=True)
class BoundsRow:
    """Smallest and largest difference of two arms that what a study declared leaves possible.

    ``about`` is "moving" or "coding"; ``assumption`` what is assumed of movers ("anything", "unrelated",
    "same_occupants") or of errors of coding ("not_by_outcome"). ``conf_low`` to ``conf_high`` covers the
    effect.
    """

    about: Literal["moving", "coding"]
    assumption: str
    outcome: str
    estimand: str
    arm: str
    reference: str
    low: float
    high: float
    conf_low: float
    conf_high: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """What capacity of the month says of the effect of accepted help.

    ``first_stage`` and ``reduced_form`` are slopes of acceptance and outcome on capacity, with their
    ``covariance`` (reduced form first). The set of effects that are not rejected is of a kind ("interval",
    "rays", "line", "empty"); an end that is None is infinite. ``smallest_balance_p`` is Holm's over all
    covariates.
    """

    outcome: str
    source: str
    months: int
    df: float
    first_stage: float
    f_statistic: float
    reduced_form: float
    covariance: tuple[tuple[float, ...], ...]
    set_kind: str
    set_low: float | None
    set_high: float | None
    p_value: float
    smallest_balance_p: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HiddenFindings:
    """How far a question's answer may be off because of what nobody records; never leaves the site."""

    bounds: tuple[BoundsRow, ...]
    instrument: InstrumentRow | None
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """All that a site's run says of one question.

    ``regions``, ``overlap`` and ``contacts`` are of the design alone, and stand beside a withheld answer too;
    ``overlap`` is None for clones with no doubly robust analysis beside them. ``components`` (balance of the
    primary contrast), ``rulers``, ``groups``, ``rule`` and ``given`` rules are there only where an effect is.
    """

    question: str
    status: QuestionStatus
    attrition: tuple[AttritionRow, ...]
    verdicts: tuple[Verdict, ...]
    balance: tuple[BalanceRow, ...]
    analyses: tuple[Analysis, ...]
    refusals: tuple[Refusal, ...]
    hidden: HiddenFindings | None = None
    regions: tuple[UnusedRegion, ...] = ()
    components: BalanceBlock | None = None
    rulers: tuple[Rulers, ...] = ()
    falsification: Falsification | None = None
    groups: GroupBlock | None = None
    rule: RuleBlock | None = None
    given: tuple[GivenRuleBlock, ...] = ()
    contacts: ContactBlock | None = None
    overlap: DesignFigures | None = None


@dataclass(frozen=True, slots=True)
class CertifiedQuestion:
    """How well the study does on simulated copies of a site, for one question.

    ``coverage`` is the smaller of the shares of right intervals without and with an effect, ``power`` the
    share of intervals that find the modest one; None where too few copies were analysed to be judged.
    """

    question: str
    code: str
    coverage: float | None
    power: float | None


@dataclass(frozen=True, slots=True)
class SiteCertificate:
    """What ``causalsig certify`` found of this study, this source and this machine."""

    verdict: Literal["sound", "failed", "undecided", "refused"]
    code: str
    replications: int
    questions: tuple[CertifiedQuestion, ...]


@dataclass(frozen=True, slots=True)
class SiteResult:
    """All that one municipality's run yields. Holds influence values: never leaves the process as it is.

    ``municipality`` is the municipality's own code; the release carries a keyed code instead.
    """

    municipality: str
    study_digest: str
    extracted_on: date
    questions: tuple[QuestionResult, ...]
    finding_codes: tuple[str, ...]
    certificate: SiteCertificate | None = None
    thresholds: ThresholdFindings | None = None


@dataclass(frozen=True, slots=True)
class ReleasedArms:
    """One K × K block as it left a site, decoded from the grid.

    Attributes
    ----------
    site : str
        Keyed site code.
    means : tuple of float, length K
    covariance : tuple of tuple of float, (K, K)
        Rebuilt from the released standard errors and correlations; rounding variance is not yet added.
    steps : tuple of float, length K
        Grid step of each mean; the rounding adds about step² / 12 to its variance.
    household_bands : tuple of (int, int or None), length K
        Band of the number of households in each arm (inclusive); None: open.
    effective_sizes : tuple of float, length K
        Effective sample size of each arm, to half a doubling: what the pool weights by.
    classes : tuple of ArmClass
        Arms of which only a class left; they are in none of the above.
    noise : tuple of float, length K or none
        Variance, within `covariance`, of the noise of a private release.
    """

    site: str
    question: str
    outcome: str
    estimand: str
    kind: OutcomeKind
    months: int
    arms: tuple[str, ...]
    reference: str
    primary: bool
    means: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    steps: tuple[float, ...]
    household_bands: tuple[tuple[int, int | None], ...]
    effective_sizes: tuple[float, ...]
    estimator: Estimator = "doubly_robust"
    sensitivity: tuple[ReleasedSensitivity, ...] = ()
    classes: tuple[ArmClass, ...] = ()
    noise: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PooledContrast:
    """One contrast over all sites that could give it.

    Estimates are differences of arm means (``arm`` minus ``reference``); a negative one means fewer returns.
    ``tau2`` is the between-site variance with its interval; ``tau2_interval`` may be (nan, nan) when empty.
    ``publishable`` is False, with the codes why in ``reasons``, when the pool is too small or too uneven to
    be shown to municipalities.
    """

    question: str
    outcome: str
    estimand: str
    kind: OutcomeKind
    months: int
    arm: str
    reference: str
    primary: bool
    sites: int
    estimate: float
    std_error: float
    df: float | None
    conf_low: float
    conf_high: float
    p_value: float
    tau2: float
    tau2_interval: tuple[float, float]
    i2: float
    q: float
    q_p_value: float
    prediction_low: float
    prediction_high: float
    publishable: bool
    reasons: tuple[str, ...]
    estimator: Estimator = "doubly_robust"


@dataclass(frozen=True, slots=True)
class PooledMean:
    """The pooled mean of one arm: the level the contrasts start from, with its interval."""

    question: str
    outcome: str
    estimand: str
    kind: OutcomeKind
    months: int
    arm: str
    sites: int
    estimate: float
    conf_low: float
    conf_high: float
    estimator: Estimator = "doubly_robust"


@dataclass(frozen=True, slots=True)
class PoolResult:
    """What all sites (or all but one) say together.

    Attributes
    ----------
    study_digest : str
    kind : {"all", "others"}
        "others": the pool without the municipality it is meant for.
    method : str
        The study's τ² estimator and interval, e.g. "REML, knapp-hartung-floored". Where one site alone gave
        a number the pool is that site's estimate with its normal interval, whatever is named here.
    level : float
    sites : int
        Releases that were read and verified and gave at least one number.
    left_out : tuple of (site code, reason code)
        Sites that gave nothing, with the code why; for the statistician.
    demo : bool
        Whether any release carries a demo approval: then nothing here is a result.
    """

    study_digest: str
    kind: Literal["all", "others"]
    method: str
    level: float
    sites: int
    contrasts: tuple[PooledContrast, ...]
    means: tuple[PooledMean, ...]
    left_out: tuple[tuple[str, str], ...]
    demo: bool
    robustness: tuple[RobustnessRow, ...] = ()
    balance: tuple[PooledBalanceRow, ...] = ()
    groups: tuple[PooledGroupRow, ...] = ()
    rules: tuple[PooledRule, ...] = ()
    contacts: tuple[PooledContactRow, ...] = ()
    thresholds: tuple[PooledThresholdRow, ...] = ()
    curves: tuple[PooledCurve, ...] = ()
    controls: tuple[PooledControl, ...] = ()
    calibrated: tuple[CalibratedContrast, ...] = ()
    moves: tuple[PooledMove, ...] = ()
    moved_by_others: tuple[MoveByOthers, ...] = ()
