"""Verdicts on attempts to show that an analysis is wrong: each a figure, what chance allows, a threshold.

None of them proves an analysis right, and none closes a gate: they advise. Lipsitch, Tchetgen Tchetgen and
Cohen (2010), doi:10.1097/EDE.0b013e3181d61eeb, on outcomes that an exposure cannot have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.diagnosed import FalsificationRow

if TYPE_CHECKING:
    from causalsig.estimation import PermutationPlacebo
    from causalsig.results import ArmMeans, Contrast
    from causalsig.study.falsification import Falsification as Settings

Floats = NDArray[np.float64]
PLACEBO_OUTCOME = "gate-placebo-outcome"
SPREAD = "gate-placebo-spread"
CENTRE = "gate-placebo-centre"
RANDOM_CAUSE = "gate-random-cause"
SUBSETS = "gate-subsets"
CONTROL = "gate-negative-control"
ADJUSTMENT = "gate-adjustment-shift"
TWO_SIDED_95 = 1.959963984540054


def judge_placebo_outcome(
    contrast: Contrast,
    placebo: PermutationPlacebo | None,
    settings: Settings,
    *,
    outcome: str,
    estimand: str,
) -> FalsificationRow:
    """Judge the contrast of an outcome that was there before any arm was: it must be nothing.

    Parameters
    ----------
    contrast : Contrast
        Of the placebo outcome, adjusted as the answer is.
    placebo : PermutationPlacebo or None
        Of the same outcome: then its p-value counts, which holds in small arms too; otherwise the contrast's.
    """
    p_value = float(contrast.p_value) if placebo is None else placebo.p_value(contrast)
    return _of_contrast(PLACEBO_OUTCOME, contrast, p_value, settings.level, outcome, estimand)


def judge_permutation(
    placebo: PermutationPlacebo, settings: Settings, *, outcome: str
) -> tuple[FalsificationRow, FalsificationRow]:
    """Judge what the analysis makes of arms dealt by lot: its spread, and its centre, in stated errors."""
    about = (outcome, str(placebo.estimand), str(placebo.arm), str(placebo.reference))
    count = placebo.replications
    spread, centre = placebo.spread_beyond_chance, placebo.centre_beyond_chance
    return (
        FalsificationRow(
            SPREAD,
            spread <= settings.max_spread,
            spread,
            settings.max_spread,
            placebo.spread / float(np.sqrt(2.0 * count)),
            *about,
        ),
        FalsificationRow(
            CENTRE,
            centre <= settings.max_centre,
            centre,
            settings.max_centre,
            placebo.spread / float(np.sqrt(count)),
            *about,
        ),
    )


def judge_random_causes(
    shifts: Floats, settings: Settings, *, outcome: str, estimand: str, arm: str, reference: str
) -> FalsificationRow:
    """Judge shifts by columns of noise, in standard errors: their root mean square."""
    figure = float(np.sqrt(np.mean(shifts**2)))
    limit = settings.max_random_shift
    return FalsificationRow(
        RANDOM_CAUSE, figure <= limit, figure, limit, None, outcome, estimand, arm, reference
    )


def judge_subsets(
    shifts: Floats, *, outcome: str, estimand: str, arm: str, reference: str
) -> FalsificationRow:
    """Judge shifts of subsets in their noise: the share within 1.96 of it, of which 95 % should be.

    The threshold is what chance leaves 99 times in 100 of so many refits: two of them are the fewest that can
    fall below it, and a study asks for no fewer.
    """
    from scipy.stats import binom

    count = len(shifts)
    figure = float(np.mean(np.abs(shifts) <= TWO_SIDED_95))
    limit = (count - float(binom.ppf(0.99, count, 0.05))) / count
    return FalsificationRow(SUBSETS, figure >= limit, figure, limit, None, outcome, estimand, arm, reference)


def judge_negative_controls(
    contrasts: Mapping[str, Contrast], settings: Settings, *, estimand: str
) -> tuple[FalsificationRow, ...]:
    """Judge outcomes that no arm can have changed, with Holm's p-values over them.

    Whether their spread may calibrate intervals is for the pool, and for ten controls or more:
    `pooling.falsification.systematic_error`.
    """
    p_values = np.array([float(one.p_value) for one in contrasts.values()])
    order = np.argsort(p_values, kind="stable")
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    holm = np.empty_like(p_values)
    holm[order] = np.minimum(steps, 1.0)
    return tuple(
        _of_contrast(CONTROL, one, float(p), settings.level, outcome, estimand)
        for (outcome, one), p in zip(contrasts.items(), holm, strict=True)
    )


def judge_adjustment(
    adjusted: ArmMeans,
    unadjusted: ArmMeans,
    deviation: float,
    settings: Settings,
    *,
    outcome: str,
    arm: str,
    reference: str,
) -> FalsificationRow:
    """Judge how far adjusting moved a contrast: what recorded causes did, hidden ones of their kind can do.

    The shift is in standard deviations of the outcome, less 1.96 times its noise. The noise comes from both
    influences together: adjusted and unadjusted are of the same households.

    Parameters
    ----------
    adjusted, unadjusted : ArmMeans
        Of one outcome, the same episodes in the same order.
    deviation : float
        Standard deviation of the outcome.
    """
    after = adjusted.contrast(arm, reference)
    shift = float(after.estimate) - float(unadjusted.contrast(arm, reference).estimate)
    u = adjusted.contrast_influence(arm, reference) - unadjusted.contrast_influence(arm, reference)
    groups = adjusted.households_total
    noise = float(np.sqrt(groups / (groups - 1.0) * np.sum(u**2))) / len(adjusted.clusters)
    scale = deviation or 1.0
    figure = max(0.0, abs(shift) - TWO_SIDED_95 * noise) / scale
    limit = settings.max_adjustment
    return FalsificationRow(
        ADJUSTMENT,
        figure <= limit,
        figure,
        limit,
        noise / scale,
        outcome,
        str(adjusted.estimand),
        arm,
        reference,
        shift,
        shift - TWO_SIDED_95 * noise,
        shift + TWO_SIDED_95 * noise,
    )


def _of_contrast(
    code: str, contrast: Contrast, p_value: float, level: float, outcome: str, estimand: str
) -> FalsificationRow:
    return FalsificationRow(
        code,
        p_value >= level,
        p_value,
        level,
        None,
        outcome,
        estimand,
        str(contrast.arm),
        str(contrast.reference),
        float(contrast.estimate),
        float(contrast.conf_low),
        float(contrast.conf_high),
        p_value,
    )
