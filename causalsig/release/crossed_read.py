"""Thresholds of a released document, decoded: what pools and plots read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.crossed import ReleasedBin, ReleasedThreshold
from causalsig.release import grid
from causalsig.release.crossed_entries import DISTANCE_EXPONENT, mean_exponent, share_exponent

if TYPE_CHECKING:
    from causalsig.release.crossed_entries import BinEntry, CrossingEffectEntry, CrossingEntry
    from causalsig.release.documents import EstimatesDocument

QUESTION = "threshold"


def released_thresholds(document: EstimatesDocument) -> tuple[ReleasedThreshold, ...]:
    """Decode every effect at a cutoff: E1 of each outcome, and E2 where its first stage is not weak."""
    return tuple(
        row
        for entry in document.thresholds
        for crossing in entry.crossings
        for effect in crossing.effects
        for row in _decoded(document.site_code, crossing, effect)
    )


def _decoded(site: str, crossing: CrossingEntry, effect: CrossingEffectEntry) -> list[ReleasedThreshold]:
    jump, first = effect.jump, next(iter(effect.first_stage), None)
    bound = next(iter(effect.bias_bound), None)
    told: dict[str, tuple[float, float] | float | None] = {}
    if first is not None and effect.correlation is not None:
        told = {
            "jumps": (jump.value, first.value),
            "jump_errors": (jump.error, first.error),
            "jump_correlation": effect.correlation / grid.CORRELATION_STEPS,
        }
    whole = ReleasedThreshold(
        site=site,
        question=QUESTION,
        outcome=effect.outcome,
        estimand="E1",
        kind=effect.kind,
        months=effect.months,
        below=crossing.below,
        above=crossing.above,
        score=crossing.score,
        scale=crossing.scale,
        cutoff=crossing.cutoff.value,
        period=crossing.period,
        estimate=jump.value,
        std_error=jump.error,
        bias_bound=None if bound is None else bound.value,
        steps=grid.from_steps(1, jump.estimate_exponent),
        bandwidths=tuple(one.value for one in effect.bandwidths),  # type: ignore[arg-type]
        admitted=True,
        low=crossing.low,
        donut=crossing.donut,
        primary=effect.primary,
        bins=tuple(released_bin(entry, crossing.scale) for entry in crossing.bins) if effect.primary else (),
        **told,  # type: ignore[arg-type]
    )
    ratio = _ratio(whole) if crossing.one_pair and not effect.weak else None
    return [whole] if ratio is None else [whole, ratio]


def _ratio(whole: ReleasedThreshold) -> ReleasedThreshold | None:
    """Effect on those whom crossing moves: the ratio of the jumps, by the delta method."""
    from dataclasses import replace

    if whole.jumps is None or whole.jump_errors is None or not whole.jumps[1]:
        return None
    (y, d), errors, rho = whole.jumps, np.array(whole.jump_errors), whole.jump_correlation or 0.0
    covariance = np.outer(errors, errors) * np.array([[1.0, rho], [rho, 1.0]])
    slope = np.array([1.0 / d, -y / d**2])
    return replace(
        whole,
        estimand="E2",
        estimate=y / d,
        std_error=float(np.sqrt(slope @ covariance @ slope)),
        steps=whole.steps / abs(d),
    )


def released_bin(entry: BinEntry, scale: str) -> ReleasedBin:
    """Decode one bin."""
    variance = grid.from_two_digits(entry.variance, entry.variance_exponent)
    share = covariance = None
    if entry.taken_up is not None and entry.correlation is not None:
        share = min(1.0, grid.from_steps(entry.taken_up, share_exponent(entry.episodes)))
        spread = (variance * share * (1.0 - share)) ** 0.5
        covariance = entry.correlation / grid.CORRELATION_STEPS * spread
    return ReleasedBin(
        episodes=entry.episodes,
        distance=grid.from_steps(entry.distance, DISTANCE_EXPONENT[scale]),
        mean=grid.from_steps(entry.mean, mean_exponent(entry)),
        variance=variance,
        taken_up=share,
        covariance=covariance,
    )
