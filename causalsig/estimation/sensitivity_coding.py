"""Two rulers that need no model: the E-value of a risk ratio, and how many may be coded wrongly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalsig.errors import EstimationError
from causalsig.results import Contrast


@dataclass(frozen=True, slots=True)
class EValue:
    """E-value of a risk ratio and of its interval.

    Attributes
    ----------
    ratio : float
        Risk of the arm over that of the reference.
    value : float
        Risk ratio, 1 or more, that a hidden cause must have both with the arm and with the outcome to explain
        `ratio` away.
    value_of_interval : float
        The same for the end of the interval that is nearest to 1; 1 when the interval holds 1.
    """

    ratio: float
    value: float
    value_of_interval: float


def e_value(contrast: Contrast) -> EValue:
    """Give the E-value of one contrast of risks.

    ``RR + √(RR (RR - 1))``, of the inverse where the ratio is below 1. VanderWeele and Ding (2017),
    doi:10.7326/M16-2607. It asks more of a cause than `Sensitivity` does, and knows nothing of what was
    recorded: for readers who know it.

    Parameters
    ----------
    contrast : Contrast
        On the scale "log_ratio", of one outcome that is a risk (0 to 1).

    Raises
    ------
    EstimationError
        ``estimation-scale``.
    """
    if contrast.scale != "log_ratio" or np.ndim(contrast.estimate) != 0:
        raise EstimationError(
            "estimation-scale",
            expected='one contrast on the scale "log_ratio"',
            found="another scale, or several outcomes",
            mend='Use .contrast(arm, reference, "log_ratio") of one outcome.',
        )
    away = float(np.sign(contrast.estimate))
    nearest = max(away * (contrast.conf_low if away > 0 else contrast.conf_high), 0.0)
    return EValue(
        float(np.exp(contrast.estimate)),
        _e_value(float(np.exp(abs(contrast.estimate)))),
        _e_value(float(np.exp(nearest))),
    )


def _e_value(ratio: float) -> float:
    return ratio + float(np.sqrt(ratio * (ratio - 1.0)))


@dataclass(frozen=True, slots=True)
class TippingPoint:
    """Share of one arm's episodes that, coded wrongly, explains a difference away.

    Attributes
    ----------
    recorded : {"arm", "reference"}
        Whose episodes are the wrongly coded ones: recorded here, in truth in the other.
    outcome : float
        Mean outcome of the wrongly coded.
    share, share_of_interval : float or None
        Share of the episodes recorded there, for the estimate and for the end of its interval that is nearest
        to zero (0 when the interval holds zero); None when no share does.
    """

    recorded: str
    outcome: float
    share: float | None
    share_of_interval: float | None


def tipping_point(
    contrast: Contrast, mean: float, reference_mean: float, arm_share: float, *, recorded: str, outcome: float
) -> TippingPoint:
    """How many episodes must be coded in the wrong arm to explain a difference of means away.

    Of the episodes recorded in arm 1 (mean p₁, share q₁ of both arms' episodes; p₀, q₀ = 1 - q₁ of the other)
    a share s belongs to the other arm and has mean u. The true means are ``(p₁ - s u) / (1 - s)`` and
    ``(q₀ p₀ + q₁ s u) / (q₀ + q₁ s)``; they are equal when

        s = q₀ (p₀ - p₁) / (q₁ p₁ + q₀ p₀ - u),

    as the terms in s² cancel. The worst case for a lower risk among the accepting is u = 0 for episodes
    recorded as accepted (those who would not have come back were called accepted), and u = 1 for episodes
    recorded as not accepted. With wrong coding that has nothing to do with the outcome a difference only
    shrinks, and no share explains it away: then u lies at the mean of the arm they truly belong to.

    Parameters
    ----------
    contrast : Contrast
        Difference, of one outcome.
    mean, reference_mean : float
        Means of its arm and reference.
    arm_share : float, between 0 and 1
        Weight of the arm among the episodes of both, in the population of the estimand.
    recorded : {"arm", "reference"}
        Which side's episodes are coded wrongly.
    outcome : float
        u, 0 to 1 for a risk.

    Raises
    ------
    EstimationError
        ``estimation-scale``, ``estimation-coding``.
    """
    if contrast.scale != "difference" or np.ndim(contrast.estimate) != 0:
        raise EstimationError(
            "estimation-scale",
            expected='one contrast on the scale "difference"',
            found="another scale, or several outcomes",
            mend='Use .contrast(arm, reference, "difference") of one outcome.',
        )
    if recorded not in ("arm", "reference") or not 0.0 < arm_share < 1.0:
        raise EstimationError(
            "estimation-coding",
            expected='recorded "arm" or "reference", and a share of the arm between 0 and 1',
            found="something else",
            mend="Say on which side episodes may be coded wrongly, and how large the arm is.",
        )
    here, there = (mean, reference_mean) if recorded == "arm" else (reference_mean, mean)
    weight = arm_share if recorded == "arm" else 1.0 - arm_share
    away = float(np.sign(contrast.estimate))
    end = away * (contrast.conf_low if away > 0 else contrast.conf_high)
    share = _share(here, there, weight, outcome)
    # The end of the interval nearest to zero is the same two means, drawn together around their average.
    nearer = 0.0 if end <= 0.0 else end / abs(contrast.estimate)
    average = weight * here + (1.0 - weight) * there
    drawn = [average + nearer * (value - average) for value in (here, there)]
    of_interval = 0.0 if nearer == 0.0 else _share(drawn[0], drawn[1], weight, outcome)
    return TippingPoint(recorded, float(outcome), share, of_interval)


def _share(here: float, there: float, weight: float, outcome: float) -> float | None:
    """Share s of `here` (of weight `weight`), None where no share of episodes has such an outcome."""
    gap = weight * here + (1.0 - weight) * there - outcome
    share = (1.0 - weight) * (there - here) / gap if gap != 0.0 else np.inf
    return float(share) if 0.0 <= share < 1.0 else None
