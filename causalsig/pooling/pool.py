"""Pooling: every contrast with the reference arm, and every arm's own level, over the sites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.diagnosed import RobustnessRow
from causalsig.meta import random_effects
from causalsig.pooling.censored import censored_contrast, censored_level
from causalsig.pooling.interval_censored import CensoredSites, pool_with_classes
from causalsig.pooling.lineup import Lineup, line_up
from causalsig.pooling.robustness import ScaleErrors, pooled_robustness
from causalsig.records import PooledContrast, PooledMean, PoolResult, ReleasedArms

if TYPE_CHECKING:
    from causalsig.study.models import Pooling, Study

Floats = NDArray[np.float64]
FEW_SITES = "pool-few-sites"
DOMINANT_SITE = "pool-dominant-site"
DOMINANT_PAIR = "pool-dominant-pair"
ROUNDING = 1e-12
"""Weights are compared with the study's limits up to rounding."""


def pool_arms(
    blocks: Sequence[ReleasedArms],
    study: Study,
    study_digest: str,
    *,
    kind: Literal["all", "others"] = "all",
    left_out: tuple[tuple[str, str], ...] = (),
    demo: bool = False,
) -> PoolResult:
    """Pool released arm means of all sites.

    Contrasts are differences of arm means with the reference arm; the variance of one comes from the site's
    joint covariance, to which rounding to the grid adds its own. Variances are those of the network by each
    site's effective sizes (:func:`causalsig.meta.covariances_by_effective_size`): estimated ones are small
    where the estimate happens to be low, and weights by them prefer low estimates. Where a site gave an arm
    as a class only, it enters as an interval-censored count (:mod:`causalsig.pooling.interval_censored`).

    Parameters
    ----------
    blocks : sequence of ReleasedArms
        Of one study only; the reader has verified that.
    study : Study
        Arms of each question and the pooling choices.
    study_digest : str
    kind : {"all", "others"}
    left_out : tuple of (site code, reason code)
    demo : bool

    Returns
    -------
    PoolResult

    Raises
    ------
    PoolError
        A site twice, or arms that are not the study's.
    """
    whole = {question: tuple(settings.arms) for question, settings in study.asked.items()}
    lineups = line_up(blocks, whole)
    contrasts = [row for lineup in lineups for row in _contrasts(lineup, study.pooling)]
    robustness = [row for lineup in lineups for row in _robustness(lineup, study.pooling)]
    means = [row for lineup in lineups for row in _means(lineup, study.pooling)]
    return PoolResult(
        study_digest=study_digest,
        kind=kind,
        method=f"{study.pooling.tau2}, {study.pooling.interval}",
        level=study.pooling.level,
        sites=len({block.site for block in blocks}),
        contrasts=tuple(contrasts),
        means=tuple(means),
        left_out=left_out,
        demo=demo,
        robustness=tuple(robustness),
    )


def pool_of_others(
    blocks: Sequence[ReleasedArms], site: str, study: Study, study_digest: str, *, demo: bool = False
) -> PoolResult:
    """Pool of all sites but one: what that site may see beside its own result.

    The list of sites left out stays with the statistician, so it is empty here.
    """
    others = [block for block in blocks if block.site != site]
    return pool_arms(others, study, study_digest, kind="others", demo=demo)


def _contrasts(lineup: Lineup, choices: Pooling) -> list[PooledContrast]:
    rows = []
    for place, estimates, variances in _differences(lineup):
        present = ~np.isnan(estimates)
        if present.any():
            few = censored_contrast(lineup, place, lineup.arms.index(lineup.head.reference))
            rows.append(
                _contrast(lineup, lineup.arms[place], estimates[present], variances[present], few, choices)
            )
    return rows


def _differences(lineup: Lineup) -> Iterator[tuple[int, Floats, Floats]]:
    """Yield the place of each arm but the reference, its differences with that (k,), and their variances."""
    if lineup.head.reference not in lineup.arms:
        return
    covariances = lineup.weighting_covariances()
    reference = lineup.arms.index(lineup.head.reference)
    for place in range(len(lineup.arms)):
        if place != reference:
            yield (
                place,
                lineup.means[:, place] - lineup.means[:, reference],
                covariances[:, place, place]
                + covariances[:, reference, reference]
                - 2.0 * covariances[:, place, reference],
            )


def _robustness(lineup: Lineup, choices: Pooling) -> list[RobustnessRow]:
    """Robustness of every contrast, over the sites that released how a hidden cause would move theirs.

    One-sided at the study's level, as at a site: the interval is two-sided at twice the tail.
    """
    head, rows = lineup.head, []
    for place, estimates, variances in _differences(lineup):
        present = ~np.isnan(estimates) & (lineup.scales[:, place] > 0.0)
        if not present.any():
            continue
        level = max(2.0 * choices.level - 1.0, 0.5)
        pooled = random_effects(
            estimates[present], variances[present], tau2=choices.tau2, interval=choices.interval, level=level
        )
        errors = lineup.scale_errors[present, place]
        together = lineup.scale_covariances[present, place]
        found = pooled_robustness(pooled, lineup.scales[present, place], ScaleErrors(errors, together))
        rows.append(
            RobustnessRow(
                question=head.question,
                outcome=head.outcome,
                estimand=head.estimand,
                arm=lineup.arms[place],
                reference=head.reference,
                sites=int(present.sum()),
                value=found.value,
                value_of_interval=found.value_of_interval,
                publishable=not reasons_to_hold(pooled.weights, choices),
                estimator=head.estimator,
            )
        )
    return rows


def _contrast(
    lineup: Lineup,
    arm: str,
    estimates: Floats,
    variances: Floats,
    few: CensoredSites | None,
    choices: Pooling,
) -> PooledContrast:
    head = lineup.head
    pooled = pool_with_classes(
        estimates, variances, few, tau2=choices.tau2, interval=choices.interval, level=choices.level
    )
    prediction = pooled.prediction_interval()
    tau2 = pooled.tau2_interval()
    reasons = reasons_to_hold(pooled.weights, choices)
    return PooledContrast(
        question=head.question,
        outcome=head.outcome,
        estimand=head.estimand,
        kind=head.kind,
        months=head.months,
        arm=arm,
        reference=head.reference,
        primary=lineup.primary,
        sites=len(pooled.weights),
        estimate=float(pooled.coefficients[0]),
        std_error=float(pooled.std_errors[0]),
        df=None if pooled.df is None or not np.isfinite(pooled.df) else float(pooled.df),
        conf_low=float(pooled.conf_low[0]),
        conf_high=float(pooled.conf_high[0]),
        p_value=float(pooled.p_values[0]),
        tau2=float(pooled.tau2),
        tau2_interval=(float(tau2.low), float(tau2.high)),
        i2=float(pooled.i2),
        q=float(pooled.q),
        q_p_value=float(pooled.q_p_value),
        prediction_low=float(prediction.low),
        prediction_high=float(prediction.high),
        publishable=not reasons,
        reasons=reasons,
        estimator=head.estimator,
    )


def reasons_to_hold(weights: Floats, choices: Pooling) -> tuple[str, ...]:
    """Codes why a pool may not be shown to municipalities; empty when it may."""
    largest = np.sort(weights)[::-1]
    reasons = []
    if len(weights) < choices.min_sites:
        reasons.append(FEW_SITES)
    if largest[0] > choices.max_site_weight + ROUNDING:
        reasons.append(DOMINANT_SITE)
    if largest[:2].sum() > choices.max_two_site_weight + ROUNDING:
        reasons.append(DOMINANT_PAIR)
    return tuple(reasons)


def _means(lineup: Lineup, choices: Pooling) -> list[PooledMean]:
    head = lineup.head
    covariances = lineup.weighting_covariances()
    rows = []
    for place, arm in enumerate(lineup.arms):
        values, variances = lineup.means[:, place], covariances[:, place, place]
        present = ~np.isnan(values)
        pooled = pool_with_classes(
            values[present],
            variances[present],
            censored_level(lineup, place),
            tau2=choices.tau2,
            interval=choices.interval,
            level=choices.level,
        )
        rows.append(
            PooledMean(
                question=head.question,
                outcome=head.outcome,
                estimand=head.estimand,
                kind=head.kind,
                months=head.months,
                arm=arm,
                sites=len(pooled.weights),
                estimate=float(pooled.coefficients[0]),
                conf_low=float(pooled.conf_low[0]),
                conf_high=float(pooled.conf_high[0]),
                estimator=head.estimator,
            )
        )
    return rows
