"""Thresholds of a released document, decoded: what pools and plots read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.crossed import ReleasedBin, ReleasedThreshold
from causalsig.meta import honest_effects
from causalsig.moved import BandRow, PassedRoute, ReleasedMove
from causalsig.release import grid
from causalsig.release.crossed_entries import DISTANCE_EXPONENT, mean_exponent, share_exponent

if TYPE_CHECKING:
    from causalsig.release.crossed_entries import BinEntry, CrossingEffectEntry, CrossingEntry
    from causalsig.release.documents import EstimatesDocument
    from causalsig.release.moved_entries import MoveEntry

QUESTION = "threshold"
SIDES = 2


def released_thresholds(document: EstimatesDocument) -> tuple[ReleasedThreshold, ...]:
    """Decode every effect at a cutoff: E1 of each outcome, and E2 where its first stage is not weak."""
    return tuple(
        row
        for entry in document.thresholds
        for crossing in entry.crossings
        for effect in crossing.effects
        for row in _decoded(document.site_code, crossing, effect)
    )


def released_moves(document: EstimatesDocument) -> tuple[ReleasedMove, ...]:
    """Decode what other cutoffs than a site's own would do; of the primary outcome of each threshold."""
    return tuple(
        _move(document.site_code, crossing, effect, move)
        for entry in document.thresholds
        for crossing in entry.crossings
        for effect in crossing.effects
        if effect.primary
        for move in crossing.moves
    )


def _threshold(site: str, crossing: CrossingEntry, effect: CrossingEffectEntry) -> dict[str, Any]:
    """Say which threshold, and which outcome, a row is of."""
    return {
        "site": site,
        "question": QUESTION,
        "outcome": effect.outcome,
        "kind": effect.kind,
        "months": effect.months,
        "below": crossing.below,
        "above": crossing.above,
        "score": crossing.score,
        "scale": crossing.scale,
        "cutoff": crossing.cutoff.value,
        "period": crossing.period,
    }


def _move(site: str, crossing: CrossingEntry, effect: CrossingEffectEntry, move: MoveEntry) -> ReleasedMove:
    fewest, most = crossing.band_to(move.percent)
    a_year = _contacts_each(crossing) * 12.0 / move.months * (1.0 if move.percent < 100 else -1.0)
    jump = next(iter(move.effect), None)
    passed = [PassedRoute(one.route, one.code) for one in move.passed]
    if move.route is not None and move.held is not None:
        passed.append(PassedRoute(move.route, move.held))
    return ReleasedMove(
        **_threshold(site, crossing, effect),
        part=move.percent / 100.0,
        households=(fewest, most),
        contacts=(a_year * fewest, None if most is None else a_year * most),
        band=_band(move),
        steps=0.0 if jump is None else grid.from_steps(1, jump.estimate_exponent),
        passed=tuple(passed),
        years=move.months / 12.0,
    )


def _contacts_each(crossing: CrossingEntry) -> float:
    """Contacts more above than below, from how often the rule was followed on either side."""
    if len(crossing.followed) != SIDES:
        return 0.0
    below, above = (share / 10.0 for share in crossing.followed)
    return (-1.0 if crossing.above == "none" else 1.0) * (below + above - 1.0)


def _band(move: MoveEntry) -> BandRow | None:
    if move.route is None or not move.effect:
        return None
    (jump,) = move.effect
    bias = sum(one.value for one in move.bias_bound)
    found = honest_effects([jump.value], [jump.error**2], [bias])
    return BandRow(move.route, jump.value, jump.error, bias, found.conf_low, found.conf_high)


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
        **_threshold(site, crossing, effect),
        estimand="E1",
        estimate=jump.value,
        std_error=jump.error,
        bias_bound=None if bound is None else bound.value,
        steps=grid.from_steps(1, jump.estimate_exponent),
        bandwidths=tuple(one.value for one in effect.bandwidths),  # type: ignore[arg-type]
        admitted=True,
        low=crossing.low,
        donut=crossing.donut,
        kernel=crossing.kernel,
        degree=crossing.degree,
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
