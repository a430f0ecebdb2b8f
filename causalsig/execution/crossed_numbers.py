"""Numbers of one threshold: effects, bins and bands of a pivotal set, from its scores and outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.crossed import (
    AgainRow,
    BinRow,
    CrossingEffect,
    FuzzyRow,
    HonestRow,
    JumpRow,
    ScoreBand,
    ThreeJumps,
)
from causalsig.diagnostics.threshold_gates import robustness
from causalsig.errors import EstimationError
from causalsig.estimation.threshold import effect_at_cutoff
from causalsig.estimation.threshold_bins import fill_bins
from causalsig.estimation.threshold_table import collapse_scores

if TYPE_CHECKING:
    from causalsig.estimation.threshold_bins import ScoreBins
    from causalsig.estimation.threshold_results import Jump, Jumps, ThresholdResult
    from causalsig.estimation.threshold_table import ScoreTable
    from causalsig.study.models import Outcome

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
NUMBERS_OF_A_BIN = 6
"""Episodes, mean score, mean and variance of the outcome, share handled, and covariance of the two."""
FIRST_STAGE_GONE = frozenset({"estimation-first-stage", "estimation-bandwidth", "estimation-few-scores"})
GROWTH = 0.02
"""Each bin outward has this share more households than the last: fine at the cutoff, where weights change."""
MOST_BINS = 200
"""More bins give nothing back: with 140 the estimate is within a tenth of its error already."""
FINEST = 60
"""Households of the first bins, at least: in smaller ones rounding to fives costs more than it gains."""
DONUTS = (1.0, 2.0, 5.0)
"""Half-widths in euro of the donuts that are looked at beside the primary analysis."""
WORTH = 0.5
"""Part of its bins that a table may lose to show the share handled too; else that share is left out."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Episodes of one pivotal set.

    Attributes
    ----------
    values : (n,) float, the score
    cutoff : float
    scale : {"log", "linear"}
    households : (n,) int
    above : (n,) bool
    taken_up : (n,) float
        Whether each got what the rule gives above the cutoff, 0 or 1.
    """

    values: Floats
    cutoff: float
    scale: str
    households: NDArray[np.int64]
    taken_up: Floats

    @property
    def above(self) -> Mask:
        """Whether each score has crossed, (n,)."""
        return np.asarray(self.values >= self.cutoff)

    @property
    def distance(self) -> Floats:
        """Distance from the cutoff, (n,)."""
        if self.scale == "log":
            return np.asarray(np.log(self.values / self.cutoff))
        return self.values - self.cutoff

    def outside(self, donut: float) -> Mask:
        """Whether each score is left in when those this close to the cutoff are left out, (n,)."""
        if not donut:
            return np.ones(len(self.values), dtype=bool)
        return np.asarray(np.abs(self.values - self.cutoff) > donut)


def crossing_effect(
    scored: Scored,
    table: ScoreTable,
    place: int,
    outcome: Outcome,
    values: Floats,
    options: dict[str, Any],
    *,
    primary: bool,
    smallest_f: float,
) -> CrossingEffect:
    """Estimate the effect of crossing on one outcome, and on those whom it moves.

    Parameters
    ----------
    scored : Scored
    table : ScoreTable
        Of the outcomes; `place` says which column.
    outcome : Outcome
    values : (n,) float
        The outcome.
    options : dict
        Of `threshold_effect`, donut included.
    primary : bool
    smallest_f : float

    Raises
    ------
    EstimationError
    """
    found = effect_at_cutoff(table, scored.cutoff, outcome=place, **options)
    h, effective = (found.bandwidths.left, found.bandwidths.right), found.effective_n
    if found.honest is not None:  # it is the one that leaves, so its bandwidth says who is behind it
        h, effective = (found.honest.bandwidth, found.honest.bandwidth), found.honest.effective_n
    inside = within_bandwidths(scored, h, options["donut"])
    with_it = [_households(scored, side & came_back(outcome, values)) for side in inside]
    within = [_households(scored, side) for side in inside]
    largest = [_largest(scored, side, width) for side, width in zip(inside, h, strict=True)]
    honest = found.honest
    return CrossingEffect(
        outcome=outcome.id,
        kind=outcome.kind,
        months=outcome.months,
        primary=primary,
        crossing=ThreeJumps(*(_row(j) for j in (found.conventional, found.bias_corrected, found.robust))),
        honest=None
        if honest is None
        else HonestRow(
            honest.estimate,
            honest.std_error,
            honest.largest_bias,
            honest.conf_low,
            honest.conf_high,
            honest.bandwidth,
            honest.curvature_bound,
        ),
        bandwidths=(*h, found.bandwidths.bias_left, found.bandwidths.bias_right),
        effective_n=effective,
        households=(within[0], within[1]),
        households_with=(with_it[0], with_it[1]),
        households_without=(within[0] - with_it[0], within[1] - with_it[1]),
        largest_share=max(shares[0] for shares in largest),
        two_largest_share=max(shares[1] for shares in largest),
        handled=fuzzy(scored, values, scored.taken_up, options, found, smallest_f=smallest_f),
    )


def fuzzy(
    scored: Scored,
    values: Floats,
    taken_up: Floats,
    options: dict[str, Any],
    sharp: ThresholdResult | None,
    *,
    smallest_f: float,
) -> FuzzyRow | None:
    """Estimate the effect of what crossing makes likelier, at the bandwidths of `sharp` where given.

    None where the share does not differ between sides, or cannot be told.
    """
    if taken_up.min() == taken_up.max():
        return None
    table = collapse_scores(scored.values, values, taken_up=taken_up, households=scored.households)
    given = dict(options)
    if sharp is not None:
        given["bandwidth"] = (sharp.bandwidths.left, sharp.bandwidths.bias_left)
    try:
        found = effect_at_cutoff(table, scored.cutoff, **given)
    except EstimationError as error:
        if error.code not in FIRST_STAGE_GONE:
            raise
        return None
    return fuzzy_row(found, smallest_f)


def fuzzy_row(found: ThresholdResult, smallest_f: float) -> FuzzyRow | None:
    """Write a fuzzy result down."""
    share, held, covariance = found.first_stage, found.confidence_set, found.covariance
    if share is None or held is None or covariance is None:
        return None
    return FuzzyRow(
        first_stage=_three(share),
        f_statistic=share.f_statistic,
        covariance=tuple(tuple(float(v) for v in row) for row in covariance),
        effect=_three(found),
        set_kind=held.kind,
        set_low=held.low if np.isfinite(held.low) else None,
        set_high=held.high if np.isfinite(held.high) else None,
        weak=bool(not share.f_statistic >= smallest_f),
    )


def bin_rows(
    scored: Scored, values: Floats, donut: float, *, smallest: int, numbers: float
) -> tuple[BinRow, ...]:
    """Fill bins outward from the cutoff, so wide that a table has at most so many numbers; none if it cannot.

    Parameters
    ----------
    scored : Scored
    values : (n,) float
        The primary outcome.
    donut : float
        Scores this close to the cutoff are in no bin.
    smallest : int
        Households a bin, at least.
    numbers : float
        What is left of the study's share of numbers.
    """
    kept = scored.outside(donut)
    own = Scored(
        scored.values[kept], scored.cutoff, scored.scale, scored.households[kept], scored.taken_up[kept]
    )
    most = min(int(numbers // NUMBERS_OF_A_BIN), MOST_BINS)
    tables = [collapse_scores(own.values, values[kept], households=own.households)]
    if own.taken_up.min() < own.taken_up.max():
        both = {"taken_up": own.taken_up, "households": own.households}
        tables.append(collapse_scores(own.values, values[kept], **both))
    found = [_filled(table, own.cutoff, smallest, most) for table in tables]
    plain, shown = found[0], found[-1]
    if plain is None:
        return ()
    if shown is None or len(shown.score) < WORTH * len(plain.score):
        return _rows(plain, tables[0], own)
    return _rows(shown, tables[-1], own)


def _filled(table: ScoreTable, cutoff: float, smallest: int, most: int) -> ScoreBins | None:
    """Bins of the fewest households that keep within a number of bins."""
    smallest = max(smallest, FINEST)
    while most >= 2:
        try:
            bins = fill_bins(table, cutoff, smallest=smallest, growth=GROWTH)
        except EstimationError as error:
            if error.code != "estimation-few-scores":
                raise
            return None
        if len(bins.score) <= most:
            return bins
        smallest = max(smallest + 1, int(np.floor(smallest * len(bins.score) / most)))
    return None


def _rows(bins: ScoreBins, table: ScoreTable, scored: Scored) -> tuple[BinRow, ...]:
    """Write bins down; distances are means of the scale's own, so that they add up as in the whole table."""
    distance = np.log(table.values / scored.cutoff) if scored.scale == "log" else table.values - scored.cutoff
    starts = np.searchsorted(table.values, bins.low)
    n = bins.moments.counts
    mean_distance = np.add.reduceat(distance * table.all.counts, starts) / n
    means = bins.moments.sums / n[:, None]
    second = bins.moments.products / n[:, None, None] - means[:, :, None] * means[:, None, :]
    told = table.taken_up
    return tuple(
        BinRow(
            episodes=int(n[b]),
            households=int(bins.households[b]),
            distance=float(mean_distance[b]),
            mean=float(means[b, 0]),
            variance=float(second[b, 0, 0]),
            taken_up=float(means[b, 1]) if told else None,
            covariance=float(second[b, 0, 1]) if told else None,
        )
        for b in range(len(n))
    )


def again_rows(
    scored: Scored, values: Floats, options: dict[str, Any], widths: tuple[float, ...]
) -> tuple[AgainRow, ...]:
    """Estimate the primary jump at other bandwidths and donuts, and where nothing changes.

    Parameters
    ----------
    scored : Scored
    values : (n,) float
    options : dict
        Of `threshold_effect`, donut included.
    widths : (h left, h right, b left, b right)
        Of the primary estimate.
    """
    table = collapse_scores(scored.values, values, households=scored.households)
    donuts = tuple(size for size in DONUTS if size != options["donut"]) if scored.scale == "log" else ()
    rows = robustness(table, scored.cutoff, (widths[0], widths[2]), donuts=donuts, **options)
    return tuple(AgainRow(row.kind, row.value, None if row.jump is None else _row(row.jump)) for row in rows)


def score_bands(scored: Scored, candidates: tuple[float, ...]) -> tuple[ScoreBand, ...]:
    """Count episodes and households between the cutoff and each candidate for another one."""
    edges = sorted({1.0, *candidates})
    found = []
    for low, high in pairwise(edges):
        ends = low * scored.cutoff, high * scored.cutoff
        inside = (scored.values >= ends[0]) & (scored.values < ends[1])
        found.append(ScoreBand(*ends, int(inside.sum()), _households(scored, inside)))
    return tuple(found)


def came_back(outcome: Outcome, values: Floats) -> Mask:
    """Whether each episode has the outcome at least once, (n,)."""
    return np.asarray(values < outcome.days if outcome.kind == "days" else values > 0)


def within_bandwidths(scored: Scored, h: tuple[float, float], donut: float) -> tuple[Mask, Mask]:
    """Tell which episodes of each side, left and right, lie within its bandwidth: (n,) twice."""
    distance, kept = scored.distance, scored.outside(donut)
    left = kept & ~scored.above & (-distance <= h[0])
    return left, kept & scored.above & (distance <= h[1])


def _households(scored: Scored, rows: Mask) -> int:
    return len(np.unique(scored.households[rows]))


def _largest(scored: Scored, rows: Mask, h: float) -> tuple[float, float]:
    """Largest shares that one household, and two, have of the kernel's weights on a side."""
    weights = np.maximum(1.0 - np.abs(scored.distance[rows]) / h, 0.0)
    return largest_shares(scored.households[rows], weights)


def largest_shares(households: NDArray[np.int64], weights: Floats) -> tuple[float, float]:
    """Largest shares that one household, and two, have of the episodes' weights, (n,) each."""
    if not weights.sum() > 0.0:
        return 1.0, 1.0
    _, codes = np.unique(households, return_inverse=True)
    shares = np.sort(np.bincount(codes, weights=weights))[::-1] / weights.sum()
    return float(shares[0]), float(shares[:2].sum())


def _three(found: Jumps | ThresholdResult | Any) -> ThreeJumps:
    return ThreeJumps(_row(found.conventional), _row(found.bias_corrected), _row(found.robust))


def _row(jump: Jump) -> JumpRow:
    return JumpRow(jump.estimate, jump.std_error, jump.conf_low, jump.conf_high, jump.p_value)
