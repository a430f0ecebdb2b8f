"""What leaves of thresholds: floors a side and a bin, numbers on grids, and what must stay.

Which households lie at a cutoff follows from the rule, and a curve is many numbers: so both sides are large
enough before outcomes are looked at, bins hold enough households and vary, and all numbers of a threshold
together are at most the study's share of its households. What follows from them is not released: the ratio
of the jumps, other bandwidths, donuts, placebos. Crossing as an instrument for accepted help stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import ReleaseError
from causalsig.release import grid
from causalsig.release.crossed_entries import (
    DISTANCE_EXPONENT,
    EPISODES_IN_STEPS_OF,
    NUMBERS_OF_A_BIN,
    SMALLEST_BIN,
    BandEntry,
    BinEntry,
    CrossingEffectEntry,
    CrossingEntry,
    FollowEntry,
    GateEntry,
    ThresholdsEntry,
    crossing_numbers,
    effect_numbers,
    mean_exponent,
    share_exponent,
)
from causalsig.release.crossed_grids import broken_floor, jump_entry, nearest, width_entry
from causalsig.release.moved import moves_of, within_budget
from causalsig.release.moved_entries import move_numbers
from causalsig.release.vocabulary import to_code

if TYPE_CHECKING:
    from causalsig.crossed import (
        BinRow,
        CrossingEffect,
        FollowRow,
        ThresholdBlock,
        ThresholdFindings,
    )
    from causalsig.records import Verdict
    from causalsig.release.rules import Limits
    from causalsig.study.models import Study

_MAX_RATIO = 10.0
"""A gate whose figure or threshold is at or above this judges a size, and leaves as a band."""


def thresholds_part(
    found: ThresholdFindings | None, study: Study, limits: Limits
) -> tuple[ThresholdsEntry, ...]:
    """Write what may leave of a site's thresholds; nothing where the study does not ask.

    Raises
    ------
    ReleaseError
        ``release-other-name`` for an outcome that the study's question does not name.
    """
    asked = study.questions.threshold
    if found is None:
        return ()
    told = {effect.outcome for block in found.blocks for effect in block.effects}
    if asked is None or not told <= set(asked.outcomes):
        raise ReleaseError(
            "release-other-name",
            expected="outcomes that the study's threshold question names",
            found="one that it does not name",
            mend="Run the site and its release with the same study file.",
        )
    return (thresholds_entry(found, limits),)


def thresholds_entry(found: ThresholdFindings, limits: Limits) -> ThresholdsEntry:
    """Write what may leave of a site's thresholds."""
    with_bins = _told_once(found.blocks)
    crossings = tuple(
        _crossing(block, limits, bins=place in with_bins) for place, block in enumerate(found.blocks)
    )
    estimated = any(entry.effects for entry in crossings)
    return ThresholdsEntry(
        status="refused" if found.status == "refused" else "estimated" if estimated else "withheld",
        refusals=tuple(dict.fromkeys(to_code(one.code) for one in found.refusals)),
        follows=tuple(_follow(row, limits) for row in found.follows),
        crossings=crossings,
    )


def _told_once(blocks: Sequence[ThresholdBlock]) -> frozenset[int]:
    """Places of the blocks whose bins may leave: no household stands in two tables of bins.

    Between two cutoffs the same households lie above the one and below the other, in bins with other edges:
    sums up to one edge and to another would tell the few in between. The larger threshold keeps its bins.
    Pairs of handlings at one cutoff have no household in common.
    """
    kept: list[int] = []
    for place in sorted(range(len(blocks)), key=lambda at: -sum(blocks[at].households)):
        one = blocks[place]
        others = (blocks[at] for at in kept)
        if one.bins and not any(_at_once(one, other) and _apart(one, other) for other in others):
            kept.append(place)
    return frozenset(kept)


def _apart(one: ThresholdBlock, other: ThresholdBlock) -> bool:
    return (one.score, one.total, one.cutoff) != (other.score, other.total, other.cutoff)


def _at_once(one: ThresholdBlock, other: ThresholdBlock) -> bool:
    """Say whether two thresholds were valid on one day."""
    first = max(one.valid_from or date.min, other.valid_from or date.min)
    return first <= min(one.valid_to or date.max, other.valid_to or date.max)


def _crossing(block: ThresholdBlock, limits: Limits, *, bins: bool) -> CrossingEntry:
    effects, held = _sifted(block, limits)
    share = limits.disclosure.max_parameter_share * sum(block.households)
    large = min(block.households) >= limits.disclosure.min_households_arm
    entry = CrossingEntry(
        period=block.period,
        score=block.score,
        total=block.total,
        scale=block.scale,
        cutoff=width_entry(block.cutoff),
        below=block.below,  # type: ignore[arg-type]  # pydantic checks it against the code list
        above=block.above,  # type: ignore[arg-type]
        households=tuple(grid.band(n) for n in block.households),  # type: ignore[arg-type]
        followed=tuple(round(10 * one) for one in block.followed) if large else (),
        one_pair=block.one_pair,
        low=block.low,
        donut=block.donut > 0.0,
        kernel=block.kernel,
        degree=block.degree,
        gates=tuple(_gate(verdict) for verdict in block.verdicts),
        effects=(),
        bins=(),
        bands=(),
        moves=(),
        refusals=tuple(dict.fromkeys(to_code(one.code) for one in block.refusals)),
        held=tuple(held),
    )
    if not effects:
        return entry
    if not bins and block.bins:
        entry = entry.model_copy(update={"held": (*entry.held, "release-nested-difference")})
        block = replace(block, bins=())
    return _within(entry, block, effects, share, limits)


def _within(
    entry: CrossingEntry,
    block: ThresholdBlock,
    effects: Sequence[CrossingEffectEntry],
    share: float,
    limits: Limits,
) -> CrossingEntry:
    """Add numbers while they are within the budget: the primary effect, its bins, counts, other outcomes."""
    over = "release-parameters"
    left = share - crossing_numbers(entry) - effect_numbers(effects[0])
    if left < 0:
        return entry.model_copy(update={"held": (*entry.held, over)})
    kept, held = [effects[0]], list(entry.held)
    bins = _bins(block, limits)
    if block.bins and not bins:
        held.append("release-cell-floor")
    if NUMBERS_OF_A_BIN * len(bins) > left:
        bins, held = (), [*held, over]
    left -= NUMBERS_OF_A_BIN * len(bins)
    bands = _bands(block) if len(block.bands) <= left else ()
    left -= len(bands)
    moves, over_budget = within_budget(moves_of(block, limits) if bands else (), left)
    left -= sum(map(move_numbers, moves))
    held += [over] if over_budget else []
    for one in effects[1:]:
        if effect_numbers(one) <= left:
            kept.append(one)
            left -= effect_numbers(one)
        else:
            held.append(over)
    update = {
        "effects": tuple(kept),
        "bins": bins,
        "bands": bands,
        "moves": moves,
        "held": tuple(dict.fromkeys(held)),
    }
    return CrossingEntry.model_validate(entry.model_copy(update=update).model_dump())


def _sifted(block: ThresholdBlock, limits: Limits) -> tuple[tuple[CrossingEffectEntry, ...], list[str]]:
    """Give effects that hold every floor, none without the primary outcome's; and what held others."""
    entries: list[CrossingEffectEntry] = []
    held: list[str] = []
    nested = _nested(block.effects, limits)
    for place, effect in enumerate(block.effects):
        code = _broken(effect, limits) or ("release-nested-difference" if place in nested else None)
        entry = None if code else _effect(effect)
        if entry is None:
            held.append(code or "release-grid")
        else:
            entries.append(entry)
    if not any(entry.primary for entry in entries):
        return (), list(dict.fromkeys(held))
    return tuple(sorted(entries, key=lambda entry: not entry.primary)), list(dict.fromkeys(held))


def _broken(effect: CrossingEffect, limits: Limits) -> str | None:
    """Return the code of the first floor that an effect does not hold; of households within its bandwidth."""
    return broken_floor(
        limits,
        households=min(effect.households),
        fewest_of_a_kind=min(*effect.households_with, *effect.households_without),
        shares=(effect.largest_share, effect.two_largest_share),
        std_error=effect.crossing.robust.std_error,
    )


def _nested(effects: Sequence[CrossingEffect], limits: Limits) -> frozenset[int]:
    """Find outcomes that with another one of the same kind would tell a side's few households."""
    held = set()
    for place, one in enumerate(effects):
        for other in effects[:place]:
            same = (one.kind, one.months) == (other.kind, other.months)
            apart = [abs(a - b) for a, b in zip(one.households_with, other.households_with, strict=True)]
            if same and any(0 < n < limits.disclosure.min_households_cell for n in apart):
                held.add(effects.index(other) if one.primary else place)
    return frozenset(held)


def _effect(effect: CrossingEffect) -> CrossingEffectEntry | None:
    """Put an effect on its grid; None where its digits do not fit."""
    honest, handled = effect.honest, effect.handled if effect.honest is None else None
    estimate, error = effect.crossing.robust.estimate, effect.crossing.robust.std_error
    if honest is not None:
        estimate, error = honest.estimate, honest.std_error
    jump = jump_entry(estimate, error)
    first = (
        None
        if handled is None
        else jump_entry(handled.first_stage.robust.estimate, handled.first_stage.robust.std_error)
    )
    correlation = None
    if handled is not None and first is not None:
        (y, both), (_, d) = handled.covariance
        correlation = round(grid.CORRELATION_STEPS * float(np.clip(both / math.sqrt(y * d), -0.95, 0.95)))
    if jump is None:
        return None
    return CrossingEffectEntry(
        outcome=effect.outcome,
        kind=effect.kind,
        months=effect.months,  # type: ignore[arg-type]
        primary=effect.primary,
        jump=jump,
        bias_bound=() if honest is None else (width_entry(honest.largest_bias, up=True),),
        first_stage=() if first is None else (first,),
        correlation=correlation,
        weak=handled is None or first is None or handled.weak,
        bandwidths=tuple(width_entry(one) for one in effect.bandwidths),  # type: ignore[arg-type]
        households=tuple(grid.band(n) for n in effect.households),  # type: ignore[arg-type]
    )


def _bins(block: ThresholdBlock, limits: Limits) -> tuple[BinEntry, ...]:
    """Bins on their grids; none of them when one breaks a floor, for the others would tell it."""
    floor = max(limits.disclosure.min_households_cell, SMALLEST_BIN)
    if any(row.households < floor or not row.variance > 0.0 for row in block.bins):
        return ()
    if any(row.taken_up is not None and not 0.0 < row.taken_up < 1.0 for row in block.bins):
        return ()
    return bin_entries(block.bins, block.scale)


def bin_entries(rows: Sequence[BinRow], scale: str) -> tuple[BinEntry, ...]:
    """Put bins on their grids; what is rounded off one is carried to the next, outward from the cutoff.

    A number alone is known no better for it, and within a whole step instead of half of one. But local lines
    average over neighbours: rounded each for itself, bins would move a jump by a tenth of its standard error.
    """
    below = [row for row in rows if row.distance < 0.0]
    above = [row for row in rows if row.distance >= 0.0]
    return (*reversed(_outward(below[::-1], scale)), *_outward(above, scale))


def _outward(rows: Sequence[BinRow], scale: str) -> list[BinEntry]:
    episodes, returned, handled = 0.0, 0.0, 0.0
    found = []
    for row in rows:
        told = _rounded(row.episodes + episodes, EPISODES_IN_STEPS_OF, SMALLEST_BIN)
        episodes += row.episodes - told
        digits, decimal = nearest(row.variance)
        distance = grid.to_steps(row.distance, DISTANCE_EXPONENT[scale])
        entry = BinEntry(
            episodes=told,
            distance=min(distance, -1) if row.distance < 0.0 else max(distance, 0),
            mean=0,
            variance=digits,
            variance_exponent=decimal,
            taken_up=None,
            correlation=None,
        )
        step = grid.from_steps(1, mean_exponent(entry))
        update = {"mean": max(round((row.mean + returned / told) / step), 0)}
        returned += told * (row.mean - update["mean"] * step)
        if row.taken_up is not None and row.covariance is not None:
            step = grid.from_steps(1, share_exponent(told))
            steps = round((row.taken_up + handled / told) / step)
            update["taken_up"] = min(max(steps, 0), math.floor(1.0 / step))
            handled += told * (row.taken_up - update["taken_up"] * step)
            spread = math.sqrt(row.variance * row.taken_up * (1.0 - row.taken_up))
            exact = grid.CORRELATION_STEPS * row.covariance / spread
            update["correlation"] = round(min(max(exact, -grid.CORRELATION_STEPS), grid.CORRELATION_STEPS))
        found.append(BinEntry.model_validate(entry.model_dump() | update))
    return found


def _rounded(value: float, step: int, least: int) -> int:
    return max(least, step * round(value / step))


def _bands(block: ThresholdBlock) -> tuple[BandEntry, ...]:
    return tuple(
        BandEntry(
            low_percent=round(100 * band.low / block.cutoff),
            high_percent=round(100 * band.high / block.cutoff),
            households=grid.band(band.households),  # type: ignore[arg-type]
        )
        for band in block.bands
    )


def _follow(row: FollowRow, limits: Limits) -> FollowEntry:
    enough = row.households >= limits.disclosure.min_households_arm
    return FollowEntry(
        period=row.period,
        month=row.month,
        households=grid.band(row.households),  # type: ignore[arg-type]
        followed=round(10 * row.followed / row.episodes) if enough else None,
    )


def _gate(verdict: Verdict) -> GateEntry:
    value: int | None = None
    size: str | None = None
    if math.isfinite(verdict.value):
        if max(abs(verdict.value), abs(verdict.threshold)) < _MAX_RATIO:
            value = _hundredths(verdict)
        else:
            size = grid.band(abs(verdict.value))
    return GateEntry(
        code=to_code(verdict.code),
        passed=verdict.passed,
        value=value,
        size=size,  # type: ignore[arg-type]
        threshold=round(min(max(verdict.threshold, -10_000.0), 10_000.0) * 1000),
    )


def _hundredths(verdict: Verdict) -> int:
    """Round a figure, but never so that a check which failed reads as if it had passed."""
    value = round(verdict.value * 100)
    side = 1 if verdict.value > verdict.threshold else -1
    crossed = not verdict.passed and (value - verdict.threshold * 100) * side < 1e-9
    return value + side if crossed else value
