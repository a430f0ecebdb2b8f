"""Records of thresholds: what crossing a site's own cutoff does, and what of it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date

    from causalsig.moved import MovedRow
    from causalsig.records import AttritionRow, OutcomeKind, QuestionStatus, Verdict
    from causalsig.refusals import Refusal

ScoreName = Literal["amount", "months", "signals", "creditors", "age"]
KernelName = Literal["triangular", "epanechnikov", "uniform"]
Degree = Literal[1, 2]
ThresholdEstimand = Literal["E1", "E2"]
"""E1: effect of crossing the cutoff, whatever is then done. E2: effect of the handling that crossing brings,
for those whom crossing moves."""


@dataclass(frozen=True, slots=True)
class JumpRow:
    """A jump at the cutoff: the limit from above less the limit from below."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class ThreeJumps:
    """One effect told in three ways; `robust` is the one to read."""

    conventional: JumpRow
    bias_corrected: JumpRow
    robust: JumpRow


@dataclass(frozen=True, slots=True)
class HonestRow:
    """Interval that covers for every mean whose second derivative stays within the declared bound."""

    estimate: float
    std_error: float
    largest_bias: float
    conf_low: float
    conf_high: float
    bandwidth: float
    curvature_bound: float


@dataclass(frozen=True, slots=True)
class FuzzyRow:
    """Effect of what crossing makes likelier.

    Attributes
    ----------
    first_stage : ThreeJumps
        Jump in the share that got it.
    f_statistic : float
    covariance : (2, 2)
        Robust, of the jumps of outcome and share.
    effect : ThreeJumps
        Ratio of the jumps; not to be read where ``weak``.
    set_kind : {"interval", "rays", "line", "empty"}
        Of the Anderson-Rubin set; an end that is None is infinite.
    weak : bool
    """

    first_stage: ThreeJumps
    f_statistic: float
    covariance: tuple[tuple[float, ...], ...]
    effect: ThreeJumps
    set_kind: str
    set_low: float | None
    set_high: float | None
    weak: bool


@dataclass(frozen=True, slots=True)
class CrossingEffect:
    """Effect of one threshold on one outcome; distances are those of the block's scale.

    Attributes
    ----------
    outcome : str
    kind, months : as of `Analysis`
    primary : bool
    crossing : ThreeJumps
        E1.
    honest : HonestRow or None
        Where the study declares how curved the mean may be.
    bandwidths : (h left, h right, b left, b right)
    effective_n, households : (left, right)
        Episodes and households within the bandwidth.
    households_with, households_without : (left, right)
        Of these, those with the outcome at least once and those without: for the disclosure rules.
    largest_share, two_largest_share : float
        Largest share that one household, or two, have of the weights of a side: for the disclosure rules.
    handled : FuzzyRow or None
        First stage and E2; None where nobody's handling differs, or nobody's is known.
    """

    outcome: str
    kind: OutcomeKind
    months: int
    primary: bool
    crossing: ThreeJumps
    honest: HonestRow | None
    bandwidths: tuple[float, float, float, float]
    effective_n: tuple[int, int]
    households: tuple[int, int]
    households_with: tuple[int, int]
    households_without: tuple[int, int]
    largest_share: float
    two_largest_share: float
    handled: FuzzyRow | None


@dataclass(frozen=True, slots=True)
class BinRow:
    """One bin of scores: ``distance`` is its mean distance from the cutoff, below zero on the left.

    ``mean`` and ``variance`` are of the primary outcome, ``taken_up`` the share that got what the rule gives
    above the cutoff and ``covariance`` of the two; None where that share varies in no bin or is not known.
    """

    episodes: int
    households: int
    distance: float
    mean: float
    variance: float
    taken_up: float | None
    covariance: float | None


@dataclass(frozen=True, slots=True)
class AgainRow:
    """E1 of the primary outcome under one other choice; never leaves, the bins tell it centrally.

    ``value`` is a factor of the bandwidth, a donut's half-width or a placebo cutoff in the score's unit;
    ``jump`` the robust one, None where it cannot be estimated.
    """

    kind: Literal["bandwidth", "donut", "placebo"]
    value: float
    jump: JumpRow | None


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """Episodes and households of the pivotal set between two scores, for the cost of a moved cutoff."""

    low: float
    high: float
    episodes: int
    households: int


@dataclass(frozen=True, slots=True)
class FollowRow:
    """How often a rule was followed in one month: episodes whose handling is the one the rule assigns."""

    period: int
    month: str
    episodes: int
    households: int
    followed: int


@dataclass(frozen=True, slots=True)
class ThresholdBlock:
    """One threshold of a site's rule: who it decides on, whether that may be believed, and its effects.

    Attributes
    ----------
    period : int
        Place of the rule among the site's, from 1 in order of validity.
    valid_from, valid_to : date or None
    score : str
    total : bool
        Whether an amount is the total, and not the largest signal.
    scale : {"log", "linear"}
        Distances are ``log(score / cutoff)`` or ``score - cutoff``.
    kernel : {"triangular", "epanechnikov", "uniform"}
    degree : {1, 2}
        Of the local polynomial.
    cutoff : float
        In the score's own unit: euro, months, signals, years.
    below, above : str
        Handling that the rule assigns in the pivotal set on either side.
    episodes, households : (below, above)
        Of the pivotal set, from the next lower cutoff of the score to the next higher one.
    followed : (below, above)
        Share of those episodes whose handling is the one the rule assigns.
    one_pair : bool
        Whether crossing moves no handling but these two: else there is no E2.
    verdicts : tuple of Verdict
    donut : float
        Scores this close to the cutoff are left out of the primary analysis; 0: none.
    admitted, low : bool
        Whether the gate let effects through, and whether few episodes make them weak.
    effects : tuple of CrossingEffect, the primary outcome's first; none unless admitted
    accepted : FuzzyRow or None
        Crossing as an instrument for accepted help, for accepted help's primary outcome; never leaves.
    bins : tuple of BinRow, ascending; none unless admitted
    bands : tuple of ScoreBand
    refusals : tuple of Refusal
    again : tuple of AgainRow
        Other bandwidths and donuts, and the middle of each side, where nothing changes.
    moved : tuple of MovedRow
        What each of the study's candidate cutoffs would do; none unless admitted, and of amounts only.
    """

    period: int
    valid_from: date | None
    valid_to: date | None
    score: ScoreName
    total: bool
    scale: Literal["log", "linear"]
    cutoff: float
    below: str
    above: str
    episodes: tuple[int, int]
    households: tuple[int, int]
    followed: tuple[float, float]
    one_pair: bool
    verdicts: tuple[Verdict, ...]
    donut: float
    admitted: bool
    low: bool
    effects: tuple[CrossingEffect, ...]
    accepted: FuzzyRow | None
    bins: tuple[BinRow, ...]
    bands: tuple[ScoreBand, ...]
    refusals: tuple[Refusal, ...]
    again: tuple[AgainRow, ...] = ()
    moved: tuple[MovedRow, ...] = ()
    kernel: KernelName = "triangular"
    degree: Degree = 1


@dataclass(frozen=True, slots=True)
class ThresholdFindings:
    """All that a site's run says of its thresholds."""

    status: QuestionStatus
    attrition: tuple[AttritionRow, ...]
    follows: tuple[FollowRow, ...]
    blocks: tuple[ThresholdBlock, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class ReleasedBin:
    """One bin as it left a site: numbers decoded from their grids."""

    episodes: int
    distance: float
    mean: float
    variance: float
    taken_up: float | None
    covariance: float | None


@dataclass(frozen=True, slots=True)
class ReleasedThreshold:
    """One effect at a cutoff as it left a site, decoded.

    Attributes
    ----------
    site : str
        Keyed site code.
    question : str
        "threshold".
    outcome : str
    estimand : {"E1", "E2"}
        E2 is the ratio of the released jumps, and only there when the first stage is not weak.
    below, above : str
        Handlings: only the same pair is pooled.
    score, scale : str
    cutoff : float
        Unit of the score (euro for an amount), two significant digits.
    period : int
        Of one site's several cutoffs over time, which.
    estimate, std_error : float
        Bias-corrected with its robust error; with ``bias_bound`` the honest estimate and its own.
    bias_bound : float or None
        Worst bias that the declared curvature allows; such estimates are pooled apart.
    steps : float
        Grid of the estimate: rounding adds about ``steps² / 12`` to its variance.
    bandwidths : (h left, h right, b left, b right)
        Two significant digits, in distances.
    admitted : bool
        Whether the site's gate passed; always, for what is released today.
    low : bool
    donut : bool
        Whether scores at the cutoff were left out.
    primary : bool
        Whether this is the primary outcome, of which ``bins`` are; other outcomes have none.
    bins : tuple of ReleasedBin, ascending in distance
    jumps : (outcome, share), jump_errors, jump_correlation
        Bias-corrected jumps, robust errors, and their correlation; None without a first stage.
    kernel : {"triangular", "epanechnikov", "uniform"}
    degree : {1, 2}
        Of the local polynomial that the site fitted.
    """

    site: str
    question: str
    outcome: str
    estimand: ThresholdEstimand
    kind: OutcomeKind
    months: int
    below: str
    above: str
    score: ScoreName
    scale: Literal["log", "linear"]
    cutoff: float
    period: int
    estimate: float
    std_error: float
    bias_bound: float | None
    steps: float
    bandwidths: tuple[float, float, float, float]
    admitted: bool
    low: bool
    donut: bool
    primary: bool
    bins: tuple[ReleasedBin, ...]
    jumps: tuple[float, float] | None = None
    jump_errors: tuple[float, float] | None = None
    jump_correlation: float | None = None
    kernel: KernelName = "triangular"
    degree: Degree = 1

    @property
    def cutoff_eur(self) -> float | None:
        """The cutoff where it is an amount."""
        return self.cutoff if self.score == "amount" else None
