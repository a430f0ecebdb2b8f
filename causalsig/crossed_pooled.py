"""Records of thresholds over sites: pooled effects of crossing a cutoff, and how they go with the cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.crossed import ScoreName, ThresholdEstimand
    from causalsig.records import OutcomeKind


@dataclass(frozen=True, slots=True)
class PooledThresholdRow:
    """Effect of crossing a cutoff over the sites with one pair of handlings; random effects.

    Attributes
    ----------
    question, outcome : str
    estimand : {"E1", "E2"}
    kind, months : as of `PooledContrast`
    below, above : str
        Handlings that the rules assign on either side.
    score : str
    honest : bool
        Whether sites' estimates carry a bound of their bias; such ones are pooled apart from the others.
    sites : int
    estimate, std_error : float
    conf_low, conf_high : float
        By the study's interval; with bounds of bias, at their worst.
    mixture_low, mixture_high : float
        By the confidence-distribution mixture, the house's default.
    p_value : float or None
        By the study's interval; None with bounds of bias.
    largest_bias : float or None
        Weighted mean of the sites' bounds: they do not average out.
    tau2 : float, nan with one site
    prediction_low, prediction_high : float
        Of the effect at one more site; nan with bounds of bias, where nothing says what its own would be.
    publishable : bool
    reasons : tuple of str
    """

    question: str
    outcome: str
    estimand: ThresholdEstimand
    kind: OutcomeKind
    months: int
    below: str
    above: str
    score: ScoreName
    honest: bool
    sites: int
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    mixture_low: float
    mixture_high: float
    p_value: float | None
    largest_bias: float | None
    tau2: float
    prediction_low: float
    prediction_high: float
    publishable: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The line at one cutoff, with the band that holds along the whole line."""

    cutoff: float
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class PooledCurve:
    """Effects of crossing over cutoffs: a line between sites in log cutoff. Descriptive.

    Attributes
    ----------
    question, outcome, estimand, kind, months, below, above, score : as of `PooledThresholdRow`
    sites : int
    points : tuple of CurvePoint, ascending
        At round cutoffs with some sites at or beyond them on either side; none where ``refusal`` says why.
    doubling, doubling_error, doubling_low, doubling_high, p_value : float
        Change of the effect when the cutoff doubles, with an interval of its own; nan without points.
    publishable : bool
    reasons : tuple of str
    refusal : str or None
        Code of why there is no line.
    """

    question: str
    outcome: str
    estimand: ThresholdEstimand
    kind: OutcomeKind
    months: int
    below: str
    above: str
    score: ScoreName
    sites: int
    points: tuple[CurvePoint, ...]
    doubling: float
    doubling_error: float
    doubling_low: float
    doubling_high: float
    p_value: float
    publishable: bool
    reasons: tuple[str, ...]
    refusal: str | None = None
