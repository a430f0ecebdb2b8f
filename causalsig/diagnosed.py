"""Records of the diagnostics: where an arm is not used, balance, and how strong a hidden cause must be.

:mod:`causalsig.records` holds the results they stand beside.
"""

from __future__ import annotations

from dataclasses import dataclass

from causalsig.refusals import Estimator, Refusal


@dataclass(frozen=True, slots=True)
class RegionCondition:
    """One question on the way to a region and its answer; `value` is its cut point, in the reader's unit."""

    question: str
    value: float | None
    holds: bool


@dataclass(frozen=True, slots=True)
class UnusedRegion:
    """Episodes among which an arm is (almost) never used.

    ``households`` have an episode in it, ``outside`` have none: both are floors of what may be told.
    """

    arm: str
    conditions: tuple[RegionCondition, ...]
    households: int
    outside: int


@dataclass(frozen=True, slots=True)
class CovariateDifference:
    """Weighted standardised difference of one covariate between two arms, and its noise.

    ``fewest`` counts the households it rests on, in the arm that has fewest: those with or without a fact, or
    off a number's most frequent value.
    """

    covariate: str
    difference: float
    noise: float
    fewest: int


@dataclass(frozen=True, slots=True)
class PooledControl:
    """Test of one negative control over the sites: of its contrast, which stands among the pooled ones.

    ``p_value`` is Holm's over the question's controls; ``passed`` holds it against the study's level.
    """

    question: str
    outcome: str
    estimand: str
    arm: str
    reference: str
    sites: int
    p_value: float
    passed: bool
    estimator: Estimator = "doubly_robust"


@dataclass(frozen=True, slots=True)
class CalibratedContrast:
    """A primary contrast less the systematic error that negative controls show, and with its uncertainty.

    ``mean`` and ``spread`` are of that error, over ``controls`` outcomes of the same kind.
    """

    question: str
    outcome: str
    estimand: str
    arm: str
    reference: str
    controls: int
    mean: float
    spread: float
    estimate: float
    conf_low: float
    conf_high: float
    publishable: bool
    estimator: Estimator = "doubly_robust"


@dataclass(frozen=True, slots=True)
class PairOverlap:
    """Share of the episodes of two arms that could well have been in the other (equipoise)."""

    arm: str
    reference: str
    share: float


@dataclass(frozen=True, slots=True)
class ArmOverlap:
    """Overlap of one arm with the others: shares of episodes, and its size after weighting in households.

    ``without_positivity`` is of all episodes, ``trimmed`` (by the cut of Crump et al.) of the arm's own.
    ``effective_sizes`` are (estimand, households); an estimand for which there are no weights is not there.
    """

    arm: str
    without_positivity: float
    trimmed: float
    effective_sizes: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class VarianceRatio:
    """Weighted variance of one covariate in an arm over that in the reference; of numbers, not of facts."""

    covariate: str
    arm: str
    reference: str
    ratio: float


@dataclass(frozen=True, slots=True)
class DesignFigures:
    """What the treatment model alone says of the comparison; stays at the site.

    ``everywhere`` is the share of episodes whose generalised preference scores all leave a real choice;
    ``estimand`` that of the variance ratios, None where it has no weights.
    """

    everywhere: float
    pairs: tuple[PairOverlap, ...]
    arms: tuple[ArmOverlap, ...]
    estimand: str | None
    variance_ratios: tuple[VarianceRatio, ...]


@dataclass(frozen=True, slots=True)
class BalanceBlock:
    """Balance of one contrast: what the pool takes of a site, arm minus reference."""

    estimator: Estimator
    estimand: str
    arm: str
    reference: str
    rows: tuple[CovariateDifference, ...]


@dataclass(frozen=True, slots=True)
class SensitivityRow:
    """How a hidden cause could move one contrast: its components, and the robustness values they give.

    The bias of a cause that explains shares r of outcome and of weights alike is at most
    ``scale · r / √(1 - r)``; ``correlation`` is that of the contrast with the scale. ``robustness_value`` is
    the share that takes the contrast away, ``robustness_value_of_interval`` the share at which the one-sided
    95 % interval reaches zero.
    """

    arm: str
    reference: str
    estimate: float
    std_error: float
    scale: float
    scale_std_error: float
    correlation: float
    households: int
    robustness_value: float
    robustness_value_of_interval: float


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """What a hidden cause as strong as one recorded covariate would do to the primary contrast."""

    covariate: str
    outcome_gain: float
    arm_gain: float
    correlation: float
    shift: float


@dataclass(frozen=True, slots=True)
class EValueRow:
    """E-value of one contrast of risks, and of its interval."""

    arm: str
    reference: str
    ratio: float
    value: float
    value_of_interval: float


@dataclass(frozen=True, slots=True)
class TippingRow:
    """Share of the episodes recorded on one side that, coded wrongly, takes the difference away.

    ``recorded`` is "arm" or "reference", ``outcome`` the mean outcome of the wrongly coded.
    """

    recorded: str
    outcome: float
    share: float | None
    share_of_interval: float | None


@dataclass(frozen=True, slots=True)
class Rulers:
    """What the strength of a hidden cause can be held against, for a primary contrast; stays at the site."""

    outcome: str
    estimand: str
    estimator: Estimator
    arm: str
    reference: str
    benchmarks: tuple[BenchmarkRow, ...]
    e_values: tuple[EValueRow, ...]
    tipping: tuple[TippingRow, ...]


@dataclass(frozen=True, slots=True)
class ReleasedSensitivity:
    """Scale of one contrast's hidden bias as it left a site; ``step`` is that of its grid."""

    arm: str
    scale: float
    scale_std_error: float
    correlation: float
    step: float


@dataclass(frozen=True, slots=True)
class ReleasedBalance:
    """Balance of one contrast as it left a site: rows of (covariate, difference, noise)."""

    site: str
    question: str
    estimator: Estimator
    estimand: str
    arm: str
    reference: str
    rows: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """How strong a hidden cause must be, everywhere, to take a pooled contrast away.

    ``value`` for the contrast, ``value_of_interval`` for the end of its interval that is nearest to zero;
    shares of outcome and of weights alike. ``publishable`` as the contrast's, with at least as many sites.
    """

    question: str
    outcome: str
    estimand: str
    arm: str
    reference: str
    sites: int
    value: float
    value_of_interval: float
    publishable: bool
    estimator: Estimator = "doubly_robust"


@dataclass(frozen=True, slots=True)
class PooledBalanceRow:
    """Balance of one contrast over the sites: how many covariates are within the limit, and the worst one.

    ``largest`` is the pooled standardised difference of ``covariate``, without its sign.
    """

    question: str
    estimand: str
    arm: str
    reference: str
    sites: int
    covariates: int
    balanced: int
    covariate: str
    largest: float
    publishable: bool
    estimator: Estimator = "doubly_robust"


@dataclass(frozen=True, slots=True)
class FalsificationRow:
    """One attempt to show that an analysis is wrong: what was found, what chance allows, and the verdict.

    ``figure`` is judged against ``threshold`` (`code` says which way), ``noise`` is the standard deviation
    that chance gives it, None where the figure has chance in it already. A verdict advises: it closes no
    gate. ``estimate`` to ``p_value`` are there where a contrast was estimated, on the scale of ``outcome``.
    """

    code: str
    passed: bool
    figure: float
    threshold: float
    noise: float | None
    outcome: str
    estimand: str
    arm: str
    reference: str
    estimate: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Falsification:
    """All attempts for one question, and what could not be tried.

    ``placebos`` counts the times that arms were dealt by lot for the answer's own outcome: 0 where the study
    asks for none, or the placebo was refused.
    """

    rows: tuple[FalsificationRow, ...]
    refusals: tuple[Refusal, ...]
    placebos: int
