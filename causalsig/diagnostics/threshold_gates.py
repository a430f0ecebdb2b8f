"""May an effect at a threshold be believed: size, scores, first stage, heaps, and what must not jump.

The gate takes from the outcome its bandwidth only; `robustness` is for the statistician, after the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_round import SAME_STEP, donut_at_round, smallest_step
from causalsig.records import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.estimation.threshold_results import Jump, ThresholdResult
    from causalsig.estimation.threshold_table import ScoreTable

SIZE = "gate-threshold-size"
VALUES = "gate-threshold-values"
FIRST_STAGE = "gate-first-stage"
HEAPING = "gate-heaping"
DENSITY = "gate-density"
JUMP_BEFORE = "gate-jump-before"
TOO_LITTLE = ("estimation-few-scores", "estimation-bandwidth", "estimation-first-stage")
"""What an estimate is refused for where there is too little to make it from."""
MEDIAN_ERROR = np.pi / 2.0
"""Variance of a median of normal values, in variances of their mean."""
FEWEST_BINS = 3
"""Bins a side within the scores, for a heap as wide as the donut; with fewer only the cutoff's own score."""
SAME_FACT = 1e-9
"""A jump of a fact without any spread that is no more than rounding."""
NORMAL_MAD = 1.4826
"""Standard deviation of normal values, in median absolute deviations."""


@dataclass(frozen=True, slots=True)
class ThresholdSettings:
    """Thresholds of the gate: the study's, never a site's.

    Attributes
    ----------
    smallest_n, low_n : episodes a side within the bandwidth: below the first refused, below the second warned
        Of the honest interval, where a curvature bound is given.
    fewest_values : distinct scores a side
    smallest_f : of the first stage; below it only the Anderson-Rubin set is to be read
    largest_heap : standard errors by which scores at the cutoff may exceed those around it
    donut : half-width of the heap, and of the donut that then becomes the primary analysis; unit of the score
    round_donut : whether scores at a round cutoff itself are left out beforehand, heap or no heap
    heap_bins : bins of that width on each side that say what to expect
    error_rate : of the density test and, over all of them together (Holm), of jumps in facts from before
    """

    smallest_n: int = 50
    low_n: int = 200
    fewest_values: int = 3
    smallest_f: float = 10.0
    largest_heap: float = 3.0
    donut: float = 2.0
    round_donut: bool = True
    heap_bins: int = 10
    error_rate: float = 0.05


@dataclass(frozen=True, slots=True)
class Heap:
    """Episodes with a score within the donut, against the bins around it.

    Attributes
    ----------
    episodes : int; expected : float, the middle of the medians of both sides
    excess : float, in standard errors, overdispersion counted
    donut : float, half-width that was judged: as asked, or of the cutoff's own score where scores are few
    """

    episodes: int
    expected: float
    excess: float
    donut: float


@dataclass(frozen=True, slots=True)
class ThresholdGate:
    """Answer of the gate for one threshold.

    Attributes
    ----------
    verdicts : tuple of Verdict
        `HEAPING` failing makes the donut primary; `DENSITY` is advice; `FIRST_STAGE` decides how the effect
        of the treatment is read; the others, failing, withhold the effect.
    heap : Heap
    donut : float, of the primary analysis: 0; of a round cutoff's own score (`donut_at_round`); or the heap's
    admitted : bool, whether an effect may be computed at all
    low : bool, whether few episodes make it a weak one
    """

    verdicts: tuple[Verdict, ...]
    heap: Heap
    donut: float
    admitted: bool
    low: bool


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """The robust jump under one other choice; `value` is a factor of the bandwidth, a donut or a cutoff."""

    kind: Literal["bandwidth", "donut", "placebo"]
    value: float
    jump: Jump | None


def heap_at(table: ScoreTable, cutoff: float, *, donut: float, bins: int = 10) -> Heap:
    """Count the episodes within ``cutoff ± donut`` and compare with bins as wide on both sides.

    Medians, because other round amounts have heaps of their own; the spread of the bins around their side's
    median says how far counts stray. Every bin has room for as many scores as the heap: where scores are
    whole euros, ``± 2`` holds five of them. Bins that reach beyond the scores say nothing and are left out;
    where a side has fewer than `FEWEST_BINS` others, the cutoff's own score is compared with single scores.
    """
    step = smallest_step(table)
    width = (2.0 * np.floor(donut / step) + 1.0) * step if np.isfinite(step) else 2.0 * donut
    sides = _bins_beside(table, cutoff, width, bins, step)
    if np.isfinite(step) and min(map(len, sides)) < FEWEST_BINS:
        donut = min(donut, step / 2.0)
        sides = _bins_beside(table, cutoff, step, bins, step)
    near = np.searchsorted(table.values, [cutoff - donut, np.nextafter(cutoff + donut, np.inf)])
    episodes = float(table.all.counts[near[0] : near[1]].sum())
    sides = [side for side in sides if len(side)]
    if not sides:
        return Heap(int(episodes), episodes, 0.0, donut)
    medians = [float(np.median(side)) for side in sides]
    expected = float(np.mean(medians))
    strays = np.concatenate([np.abs(side - m) for side, m in zip(sides, medians, strict=True)])
    variance = max((NORMAL_MAD * float(np.median(strays))) ** 2, expected, 1.0)
    error = np.sqrt(variance * (1.0 + MEDIAN_ERROR / len(strays)))
    return Heap(int(episodes), expected, float((episodes - expected) / error), donut)


def _bins_beside(
    table: ScoreTable, cutoff: float, width: float, bins: int, step: float
) -> list[NDArray[np.float64]]:
    """Count the episodes of the bins below and above the middle one, as far as there are scores."""
    edges = cutoff + width * (np.arange(-bins, bins + 2) - 0.5)
    upto = np.concatenate([[0.0], np.cumsum(table.all.counts)])
    counts: NDArray[np.float64] = np.diff(upto[np.searchsorted(table.values, edges)])
    # Half a step more: a bin's outermost score lies within its edge.
    room = 0.5 * step * (1.0 + SAME_STEP) if np.isfinite(step) else 0.0
    whole = (edges[:-1] >= table.values[0] - room) & (edges[1:] <= table.values[-1] + room)
    return [counts[:bins][whole[:bins]], counts[bins + 1 :][whole[bins + 1 :]]]


def threshold_gate(
    table: ScoreTable,
    cutoff: float,
    *,
    outcome: int = 0,
    before: Sequence[int] = (),
    settings: ThresholdSettings | None = None,
    **options: Any,
) -> ThresholdGate:
    """Judge a threshold before its effect is shown.

    Parameters
    ----------
    table : from `collapse_scores`; its outcomes hold the outcome and the facts from before
    outcome : int, which column the bandwidth is chosen for
    before : places of columns that were settled before the score, such as earlier signals; none may jump
    settings : the study's thresholds
    options : those of `threshold_effect`, without `donut`

    Returns
    -------
    ThresholdGate

    Raises
    ------
    EstimationError
        ``estimation-cutoff`` and ``estimation-option``; too few scores is a verdict, not an error.
    """
    from causalsig.estimation.threshold_request import read_request
    from causalsig.estimation.threshold_side import cut

    asked = settings or ThresholdSettings()
    cutoff = read_request(table, cutoff, outcome, options).cutoff
    heap = heap_at(table, cutoff, donut=asked.donut, bins=asked.heap_bins)
    verdicts = [_verdict(HEAPING, heap.excess <= asked.largest_heap, heap.excess, asked.largest_heap)]
    donut = donut_at_round(table, cutoff) if asked.round_donut and asked.donut > 0.0 else 0.0
    if not verdicts[0].passed:
        donut = heap.donut
    fewest = min(len(side.distance) for side in cut(table, cutoff, donut=donut))
    verdicts.append(_verdict(VALUES, fewest >= asked.fewest_values, fewest, asked.fewest_values))
    smallest = 0
    if verdicts[1].passed:
        found = _tried(table, cutoff, outcome=outcome, donut=donut, **options)
        smallest = 0 if found is None else min((found.honest or found).effective_n)
        verdicts += _first_stage(found, asked)
        verdicts += _density(table, cutoff, asked, options)
        verdicts += [] if found is None else _before(table, cutoff, before, donut, asked, options, found)
    verdicts.insert(2, _verdict(SIZE, smallest >= asked.smallest_n, smallest, asked.smallest_n))
    deciding = {SIZE, VALUES, JUMP_BEFORE}
    return ThresholdGate(
        verdicts=tuple(verdicts),
        heap=heap,
        donut=donut,
        admitted=all(verdict.passed for verdict in verdicts if verdict.code in deciding),
        low=smallest < asked.low_n,
    )


def robustness(
    table: ScoreTable,
    cutoff: float,
    widths: tuple[float, float],
    *,
    donut: float = 0.0,
    outcome: int = 0,
    factors: Sequence[float] = (0.5, 0.75, 1.0, 1.5, 2.0),
    donuts: Sequence[float] = (),
    **options: Any,
) -> tuple[RobustnessRow, ...]:
    """Estimate again at other bandwidths and donuts, and at a placebo cutoff on either side.

    Parameters
    ----------
    widths, donut : (h, b) and donut of the analysis that is looked at again
    factors : multiples of its bandwidths
    donuts : other donuts
    options : those of `threshold_effect` without donut; their bandwidth is that of donuts and placebos

    Returns
    -------
    tuple of RobustnessRow
        The placebo is the median score of one side, among that side's episodes only: nothing changes there.
        A jump that cannot be estimated is None.
    """
    from causalsig.estimation.threshold import effects_at_cutoffs

    h, b = widths
    asked: list[tuple[Literal["bandwidth", "donut", "placebo"], float, dict[str, Any]]] = [
        ("bandwidth", f, {"cutoff": cutoff, "bandwidth": (f * h, f * b), "donut": donut}) for f in factors
    ]
    asked += [("donut", d, {"cutoff": cutoff, "donut": d}) for d in donuts]
    for within in ((-np.inf, cutoff), (cutoff, np.inf)):
        middle = _median(table, within)
        asked.append(("placebo", middle, {"cutoff": middle, "within": within}))
    found = effects_at_cutoffs(table, [own for *_, own in asked], outcome=outcome, **options)
    return tuple(
        RobustnessRow(kind, value, None if one is None else one.robust)
        for (kind, value, _), one in zip(asked, map(_enough, found), strict=True)
    )


def _median(table: ScoreTable, within: tuple[float, float]) -> float:
    first, last = np.searchsorted(table.values, within)
    upto = np.cumsum(table.all.counts[first:last])
    return float(table.values[first + np.searchsorted(upto, upto[-1] / 2.0)])


def _enough(found: ThresholdResult | EstimationError) -> ThresholdResult | None:
    """Nothing where there was too little to estimate from."""
    if not isinstance(found, EstimationError):
        return found
    if found.code not in (*TOO_LITTLE, "estimation-cutoff"):
        raise found
    return None


def _tried(table: ScoreTable, cutoff: float, **options: Any) -> ThresholdResult | None:
    """Estimate; None where there is too little to estimate from."""
    from causalsig.estimation.threshold import effect_at_cutoff

    try:
        return effect_at_cutoff(table, cutoff, **options)
    except EstimationError as error:
        if error.code not in TOO_LITTLE:
            raise
        return None


def _first_stage(found: ThresholdResult | None, asked: ThresholdSettings) -> list[Verdict]:
    if found is None or found.first_stage is None:
        return []
    f = found.first_stage.f_statistic
    return [_verdict(FIRST_STAGE, f >= asked.smallest_f, f, asked.smallest_f)]


def _density(
    table: ScoreTable, cutoff: float, asked: ThresholdSettings, options: dict[str, Any]
) -> list[Verdict]:
    from causalsig.estimation.threshold_density import density_test

    try:
        p_value = density_test(table, cutoff, scale=options.get("scale", "linear")).p_value
    except EstimationError as error:
        if error.code != "estimation-few-scores":
            raise
        return []
    return [_verdict(DENSITY, p_value >= asked.error_rate, p_value, asked.error_rate)]


def _before(
    table: ScoreTable,
    cutoff: float,
    before: Sequence[int],
    donut: float,
    asked: ThresholdSettings,
    options: dict[str, Any],
    primary: ThresholdResult,
) -> list[Verdict]:
    """One verdict for all facts from before: the smallest p-value, times their number (Holm's first step).

    A fact that varies too little to choose a bandwidth from is judged at the outcome's own. One that is
    constant there has no error: where it is another one on either side, that is the clearest jump there is.
    """
    widths = (primary.bandwidths.left, primary.bandwidths.bias_left)
    p_values = []
    for column in before:
        found = _tried(table, cutoff, outcome=column, donut=donut, **options)
        if found is None:
            found = _tried(table, cutoff, outcome=column, donut=donut, **options | {"bandwidth": widths})
        jump = None if found is None else (found.reduced_form or found).robust
        if jump is not None and np.isfinite(jump.p_value):
            p_values.append(jump.p_value)
        elif jump is not None and abs(jump.estimate) > SAME_FACT:
            p_values.append(0.0)
    if not p_values:
        return []
    smallest = min(1.0, min(p_values) * len(p_values))
    return [_verdict(JUMP_BEFORE, smallest >= asked.error_rate, smallest, asked.error_rate)]


def _verdict(code: str, passed: bool, value: float, threshold: float) -> Verdict:
    return Verdict("design", code, bool(passed), float(value), float(threshold))
