"""Thresholds as they leave: codes of code lists, jumps on grids, bins filled outward, counts in bands."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from causalsig.crossed import Degree, KernelName, ScoreName
from causalsig.records import OutcomeKind
from causalsig.release import grid
from causalsig.release.jump_entries import JumpEntry as JumpEntry
from causalsig.release.jump_entries import WidthEntry as WidthEntry
from causalsig.release.moved_entries import MoveEntry, check_moves, move_numbers
from causalsig.release.value_types import (
    ArmBand,
    Band,
    Closed,
    Code,
    Correlation,
    Digits,
    Month,
    RuleCode,
    Steps,
)
from causalsig.study.handling import Handling
from causalsig.study.models import Horizon, Slug

Tenths = Annotated[int, Field(ge=0, le=10)]
DISTANCE_EXPONENT = {"log": -9, "linear": -4}
"""Grid of a bin's mean distance: 1/512 on the log scale, one euro at 500; else 1/16 of the score's unit."""
EPISODES_IN_STEPS_OF = 5
SMALLEST_BIN = 10
NUMBERS_OF_A_BIN = 6


class CrossingEffectEntry(Closed):
    """Effect of crossing on one outcome; the ratio with ``first_stage`` is left to who reads it."""

    outcome: Slug
    kind: OutcomeKind
    months: Horizon
    primary: bool
    jump: JumpEntry
    bias_bound: tuple[WidthEntry, ...] = Field(max_length=1)
    first_stage: tuple[JumpEntry, ...] = Field(max_length=1)
    correlation: Correlation | None
    weak: bool
    bandwidths: tuple[WidthEntry, WidthEntry, WidthEntry, WidthEntry]
    households: tuple[ArmBand, ArmBand]

    @model_validator(mode="after")
    def _of_one_kind(self) -> CrossingEffectEntry:
        if bool(self.first_stage) != (self.correlation is not None):
            raise ValueError("a first stage and its correlation go together")
        if self.bias_bound and self.first_stage:
            raise ValueError("an honest interval has no first stage beside it")
        return self


class BinEntry(Closed):
    """One bin: ``mean`` and ``taken_up`` are on grids that follow from its episodes and variance."""

    episodes: Annotated[int, Field(ge=SMALLEST_BIN, le=1_000_000, multiple_of=EPISODES_IN_STEPS_OF)]
    distance: Steps
    mean: Steps
    variance: Digits
    variance_exponent: Annotated[int, Field(ge=-18, le=12)]
    taken_up: Annotated[int, Field(ge=0, le=100_000)] | None
    correlation: Correlation | None


class BandEntry(Closed):
    """Households between two scores, as per cent of the cutoff, for the cost of another one."""

    low_percent: Annotated[int, Field(ge=10, le=1000)]
    high_percent: Annotated[int, Field(ge=10, le=1000)]
    households: Band


class GateEntry(Closed):
    """One gate's answer, as of other questions: a size in a band, anything else in hundredths."""

    code: Code
    passed: bool
    value: Annotated[int, Field(ge=-1000, le=1000)] | None
    size: Band | None
    threshold: Annotated[int, Field(ge=-10_000_000, le=10_000_000)]


class FollowEntry(Closed):
    """How often a rule was followed in a month, in tenths; none where few households are behind it."""

    period: Annotated[int, Field(ge=1, le=99)]
    month: Month
    households: Band
    followed: Tenths | None

    @model_validator(mode="after")
    def _behind_it(self) -> FollowEntry:
        if self.followed is not None and self.households in ("under-10", "10-29"):
            raise ValueError("a share of a month rests on too few households")
        return self


class CrossingEntry(Closed):
    """One threshold of a site's rule."""

    period: Annotated[int, Field(ge=1, le=99)]
    score: ScoreName
    total: bool
    scale: Literal["log", "linear"]
    cutoff: WidthEntry
    below: Handling
    above: Handling
    households: tuple[Band, Band]
    followed: tuple[Tenths, ...] = Field(max_length=2)
    one_pair: bool
    low: bool
    donut: bool
    kernel: KernelName = "triangular"
    degree: Degree = 1
    gates: tuple[GateEntry, ...] = Field(max_length=20)
    effects: tuple[CrossingEffectEntry, ...] = Field(max_length=10)
    bins: tuple[BinEntry, ...] = Field(max_length=2000)
    bands: tuple[BandEntry, ...] = Field(max_length=10)
    moves: tuple[MoveEntry, ...] = Field(default=(), max_length=8)
    refusals: tuple[Code, ...] = Field(max_length=20)
    held: tuple[RuleCode, ...] = Field(max_length=20)

    @model_validator(mode="after")
    def _holds_together(self) -> CrossingEntry:
        names = [entry.outcome for entry in self.effects]
        if len(set(names)) != len(names) or sum(entry.primary for entry in self.effects) > 1:
            raise ValueError("an outcome is told twice, or two are primary")
        primary = any(entry.primary for entry in self.effects)
        if (self.bins or self.effects or self.bands) and not primary:
            raise ValueError("numbers of a threshold stand beside no effect on its primary outcome")
        if self.below == self.above:
            raise ValueError("crossing leads to the same handling")
        edges = {edge for band in self.bands for edge in (band.low_percent, band.high_percent)}
        percents = [entry.percent for entry in self.moves]
        if not set(percents) <= edges - {100} or percents != sorted(set(percents)):
            raise ValueError("a moved threshold has no counted bands beside it, or is told twice")
        return self

    def band_to(self, percent: int) -> tuple[int, int | None]:
        """Fewest and most households between the threshold and another one; None: no end."""
        low, high = min(percent, 100), max(percent, 100)
        inside = [one for one in self.bands if low <= one.low_percent and one.high_percent <= high]
        ends = [grid.band_limits(one.households) for one in inside]
        most = [end for _, end in ends if end is not None]
        return sum(end for end, _ in ends), sum(most) if len(most) == len(ends) else None

    @model_validator(mode="after")
    def _bins_in_order(self) -> CrossingEntry:
        places = [entry.distance for entry in self.bins]
        if any(later < earlier for earlier, later in pairwise(places)):
            raise ValueError("bins are not in order")
        if places and (places[0] >= 0 or places[-1] < 0):
            raise ValueError("bins lie on one side of the cutoff only")
        shares = {entry.taken_up is None for entry in self.bins}
        pairs = any((entry.taken_up is None) != (entry.correlation is None) for entry in self.bins)
        if len(shares) > 1 or pairs:
            raise ValueError("the share handled is told of some bins only, or without its correlation")
        return self


class ThresholdsEntry(Closed):
    """All that leaves of a site's thresholds."""

    status: Literal["estimated", "withheld", "refused"]
    refusals: tuple[Code, ...] = Field(max_length=50)
    follows: tuple[FollowEntry, ...] = Field(max_length=240)
    crossings: tuple[CrossingEntry, ...] = Field(max_length=50)

    @model_validator(mode="after")
    def _status_holds(self) -> ThresholdsEntry:
        if self.status != "estimated" and any(entry.effects for entry in self.crossings):
            raise ValueError("thresholds that are not estimated carry an effect")
        return self


def mean_exponent(entry: BinEntry) -> int:
    """Grid of a bin's mean: that of a mean of so many episodes with this variance."""
    variance = grid.from_two_digits(entry.variance, entry.variance_exponent)
    return grid.step_exponent(math.sqrt(variance / entry.episodes))


def share_exponent(episodes: int) -> int:
    """Grid of a bin's share handled: that of a half."""
    return grid.step_exponent(math.sqrt(0.25 / episodes))


def effect_numbers(entry: CrossingEffectEntry) -> int:
    """Count free numbers: a jump and its error, the first stage's with the correlation, two bandwidths."""
    return 2 + len(entry.bias_bound) + 3 * len(entry.first_stage) + 2


def crossing_numbers(entry: CrossingEntry) -> int:
    """Count free numbers of a threshold: effects, bins, bands, and how often it was followed."""
    told = sum(map(effect_numbers, entry.effects)) + len(entry.bands) + sum(map(move_numbers, entry.moves))
    return told + NUMBERS_OF_A_BIN * len(entry.bins) + len(entry.followed)


def check_crossings(entry: ThresholdsEntry, *, arm: int, cell: int, per_mille: int) -> None:
    """Refuse what cannot be true under the floors: households of an arm, of a cell, numbers per mille."""
    for crossing in entry.crossings:
        bands = [*(band for one in crossing.effects for band in one.households)]
        highest = [grid.band_limits(band)[1] for band in bands]
        if any(one is not None and one < arm for one in highest):
            raise ValueError("a side of a threshold lies below the floor of households")
        if any(one.episodes < cell - EPISODES_IN_STEPS_OF / 2 for one in crossing.bins):
            raise ValueError("a bin lies below the floor of a cell")
        check_moves(crossing.moves, [crossing.band_to(one.percent) for one in crossing.moves], arm=arm)
        ends = [grid.band_limits(band)[1] for band in crossing.households]
        most = sum(math.inf if one is None else one for one in ends)
        if crossing.effects and crossing_numbers(crossing) * 1000 > per_mille * most:
            raise ValueError("a threshold releases more numbers than its households allow")
