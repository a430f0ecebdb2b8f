"""A batch of analyses of one table: bandwidths chosen, jumps estimated; a refused one is set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.confidence_sets import anderson_rubin
from causalsig.estimation.threshold_bandwidth import (
    FEWEST_VALUES,
    Bandwidths,
    Selector,
    any_side,
    is_rounded,
    select_bandwidths,
)
from causalsig.estimation.threshold_columns import columns_of, many_covariates, rank_of_covariates
from causalsig.estimation.threshold_estimates import estimate_jumps
from causalsig.estimation.threshold_honest import honest_interval
from causalsig.estimation.threshold_inference import jump, root
from causalsig.estimation.threshold_neighbours import Flags, Matching
from causalsig.estimation.threshold_recipe import Recipe, Refusals
from causalsig.estimation.threshold_request import ThresholdRequest, few_on_a_side
from causalsig.estimation.threshold_results import HonestInterval, JumpInTreatment, Jumps, ThresholdResult
from causalsig.estimation.threshold_round import donut_at_round
from causalsig.estimation.threshold_side import Side, sides_of
from causalsig.estimation.threshold_table import ScoreTable
from causalsig.estimation.threshold_windows import match_scores, stretch
from causalsig.results import Floats, Integers

NORMAL = 1e12
"""Degrees of freedom that make a t-quantile normal to the last digit."""
ROUNDING = 1e-12
"""A share, or its variance, below this is zero and left by rounding."""
SMALLEST_F = 10.0
"""First stage below which the ratio and its interval are not to be read (Staiger and Stock 1997)."""
FEWEST_CLUSTERS = 20
"""Households of several episodes a side: with fewer a clustered variance is itself too uncertain."""
AT_ONCE = 2**17
"""Values that the sides of a batch may have together: with more the arrays outgrow the processor's cache."""
Found = ThresholdResult | EstimationError


@dataclass(frozen=True, slots=True, eq=False)
class _Jumped:
    """Jumps (c,) of the outcome and, where given, the treatment, with their covariances (c, c)."""

    conventional: Floats
    corrected: Floats
    covariance: Floats
    robust_covariance: Floats


def estimate_all(table: ScoreTable, requests: Mapping[int, ThresholdRequest]) -> Iterator[tuple[int, Found]]:
    """Estimate every request, of a table with one outcome, and give it back with its key."""
    alike: dict[tuple[str, str, int, str], list[int]] = {}
    for key, asked in requests.items():
        alike.setdefault((asked.scale, asked.kernel, asked.degree, asked.variance), []).append(key)
    matchings: dict[str, Matching] = {}
    most = max(1, AT_ONCE // (2 * len(table.values)))
    for keys in alike.values():
        scale = requests[keys[0]].scale
        if scale not in matchings:
            matchings[scale] = match_scores(table, scale)
        for begin in range(0, len(keys), most):
            some = keys[begin : begin + most]
            yield from zip(some, _batch(table, matchings[scale], [requests[k] for k in some]), strict=True)


def _batch(table: ScoreTable, matching: Matching, requests: Sequence[ThresholdRequest]) -> list[Found]:
    """Estimate requests that share scale, kernel, degree and variance."""
    recipe = _recipe(table, matching, requests)
    size = recipe.stretches.size[recipe.index]
    refusals = Refusals([few_on_a_side(n, asked) for n, asked in zip(_pairs(size), requests, strict=True)])
    if recipe.variance != "nn":
        everybody = [side.households_within(len(side.distance)) for side in recipe.sides]
        refusals.where(any_side(np.array(everybody)[recipe.index] < 2), lambda _: _one_household("side"))
    _few_for_covariates(recipe, rank_of_covariates(table), refusals)
    honest = _honest(recipe, requests, refusals)
    chosen = _bandwidths(table, recipe, requests, honest, refusals)
    left = [r for r, reason in enumerate(refusals.reasons) if reason is None]
    found: dict[int, Found] = {r: reason for r, reason in enumerate(refusals.reasons) if reason is not None}
    if left:
        going = [(requests[r], chosen[r], honest[r]) for r in left]
        results = _results(table, recipe.only(left), going)
        found |= dict(zip(left, results, strict=True))
    again = [r for r in left if honest[r] is not None and _reaches_too_few(found[r], chosen[r])]
    if again:
        going = [(requests[r], _beside_honest(recipe, r, requests[r], honest[r]), honest[r]) for r in again]
        found |= dict(zip(again, _results(table, recipe.only(again), going), strict=True))
    return [found[r] for r in range(len(requests))]


def _recipe(table: ScoreTable, matching: Matching, requests: Sequence[ThresholdRequest]) -> Recipe:
    """Lay out every place once."""
    first = requests[0]
    places = {place: p for p, place in enumerate(dict.fromkeys(asked.place for asked in requests))}
    columns = columns_of(table, 0)
    cuts = stretch(matching, table.values, list(places), first.scale, covariates=bool(columns.covariates))
    at = np.array([places[asked.place] for asked in requests])
    index = np.stack([2 * at, 2 * at + 1], axis=1).ravel()
    sides: tuple[Side, ...] = ()
    if table.members is not None or any(asked.curvature_bound is not None for asked in requests):
        sides = tuple(side for p in range(len(places)) for side in sides_of(table, cuts, p))
    return Recipe(cuts, sides, index, columns, first.degree, first.kernel, first.variance)


def _few_for_covariates(recipe: Recipe, rank: int, refusals: Refusals) -> None:
    """Set aside what has too few episodes for its covariates at any bandwidth: there is no choice to make."""
    sides = _pairs(recipe.stretches.episodes(recipe.index, recipe.stretches.size[recipe.index]))
    for r, both in enumerate(sides):
        if refusals.reasons[r] is None:
            refusals.reasons[r] = many_covariates(rank, both)


def _honest(
    recipe: Recipe, requests: Sequence[ThresholdRequest], refusals: Refusals
) -> list[HonestInterval | None]:
    found: list[HonestInterval | None] = [None] * len(requests)
    for r, asked in enumerate(requests):
        if asked.curvature_bound is None or refusals.reasons[r] is not None:
            continue
        left, right = (recipe.sides[s] for s in recipe.index[2 * r : 2 * r + 2])
        try:
            found[r] = honest_interval((left, right), recipe.columns, asked)
        except EstimationError as error:
            refusals.reasons[r] = error
    return found


def _bandwidths(
    table: ScoreTable,
    recipe: Recipe,
    requests: Sequence[ThresholdRequest],
    honest: Sequence[HonestInterval | None],
    refusals: Refusals,
) -> list[Bandwidths]:
    """Bandwidths that were given, or chosen; else the honest interval's, where that was asked for."""
    found, choosing = {}, []
    for r, asked in enumerate(requests):
        if isinstance(asked.bandwidth, str):
            choosing += [r] if refusals.reasons[r] is None else []
        else:
            h, b = asked.bandwidth
            found[r] = Bandwidths(h, h, b, b, "given")
    if choosing:
        own, refused = recipe.only(choosing), Refusals([None] * len(choosing))
        selectors = [cast(Selector, requests[r].bandwidth) for r in choosing]
        chosen = select_bandwidths(own, selectors, _moves(table, own), refused)
        for r, selector, widths, reason in zip(choosing, selectors, chosen, refused.reasons, strict=True):
            if reason is None:
                found[r] = _widths(widths, selector)
            elif honest[r] is not None:
                found[r] = _beside_honest(recipe, r, requests[r], honest[r])
            else:
                refusals.reasons[r] = reason
    nothing = Bandwidths(np.nan, np.nan, np.nan, np.nan, "given")
    return [found.get(r, nothing) for r in range(len(requests))]


def _widths(four: Floats, selector: Selector) -> Bandwidths:
    left, right, bias_left, bias_right = (float(h) for h in four)
    return Bandwidths(left, right, bias_left, bias_right, selector)


def _reaches_too_few(found: Found, widths: Bandwidths) -> bool:
    """Tell whether a bandwidth that was chosen holds too few scores."""
    few = isinstance(found, EstimationError) and found.code == "estimation-few-scores"
    return few and widths.method in get_args(Selector)


def _beside_honest(
    recipe: Recipe, r: int, asked: ThresholdRequest, honest: HonestInterval | None
) -> Bandwidths:
    """Bandwidths for the robust jump where scores are too few to choose them: the honest interval's.

    The bias is told from ten values a side, or all there are: what `select_bandwidths` never goes below.
    """
    assert honest is not None
    sides = [recipe.sides[s] for s in recipe.index[2 * r : 2 * r + 2]]
    h = max(honest.bandwidth, *(_reach(side.distance, asked.degree + 1) for side in sides))
    b = max(h, *(_reach(side.distance, FEWEST_VALUES) for side in sides))
    return Bandwidths(h, h, b, b, "honest")


def _reach(distance: Floats, count: int) -> float:
    """Bandwidth that holds so many distances (V,), or all: halfway to the next, where a kernel has weight."""
    last = min(count, len(distance)) - 1
    beyond = distance[last + 1] if last + 1 < len(distance) else 2.0 * distance[last] - distance[last - 1]
    return float(0.5 * (distance[last] + beyond))


def _moves(table: ScoreTable, recipe: Recipe) -> Flags:
    """Leave the treatment out of the choice (R,) where all, or none, of one side take it up."""
    cuts, at = recipe.stretches, recipe.columns.taken_up
    if at is None:
        return np.zeros(len(recipe.index) // 2, dtype=bool)
    varied = np.zeros(len(cuts.size), dtype=bool)
    for s in np.unique(recipe.index):
        own = cuts.table_rows(int(s))
        n, total = table.all.counts[own].sum(), table.all.sums[own, at].sum()
        rest = table.all.products[own, at, at].sum() - total**2 / n
        varied[s] = rest > ROUNDING * max(total, n)
    return np.asarray(varied[recipe.index].reshape(-1, 2).all(axis=1))


def _results(
    table: ScoreTable,
    recipe: Recipe,
    going: Sequence[tuple[ThresholdRequest, Bandwidths, HonestInterval | None]],
) -> list[Found]:
    """Estimate at bandwidths that are settled."""
    widths = np.array([[h.left, h.right, h.bias_left, h.bias_right] for _, h, _ in going])
    refusals = Refusals([None] * len(going))
    estimates = estimate_jumps(recipe, widths, refusals)
    cuts, index = recipe.stretches, recipe.index
    size, rows = cuts.size[index], estimates.rows.ravel()
    effective = _pairs(cuts.episodes(index, rows))
    households = effective
    if table.members is not None:
        inside = [recipe.sides[s].households_within(int(v)) for s, v in zip(index, rows, strict=True)]
        households = _pairs(np.array(inside))
        if recipe.variance != "nn":
            refusals.where(any_side(np.array(inside) < 2), lambda _: _one_household("side's bandwidth"))
    n, distinct = _pairs(cuts.episodes(index, size)), _pairs(size)
    rounded, rank = any_side(is_rounded(cuts, index)), rank_of_covariates(table)
    found: list[Found] = []
    for r, (asked, h, honest) in enumerate(going):
        jumped = _Jumped(
            estimates.conventional[r],
            estimates.corrected[r],
            estimates.covariance[r],
            estimates.robust_covariance[r],
        )
        try:
            reason = refusals.reasons[r] or many_covariates(rank, effective[r])
            if reason is not None:
                raise reason
            effects = _effects(jumped, asked.level)
        except EstimationError as error:
            found.append(error)
            continue
        found.append(
            ThresholdResult(
                **effects,
                bandwidths=h,
                n=n[r],
                effective_n=effective[r],
                households=households[r],
                distinct=distinct[r],
                honest=honest,
                cutoff=asked.cutoff,
                donut=asked.donut,
                scale=asked.scale,
                kernel=asked.kernel,
                variance=asked.variance,
                degree=asked.degree,
                level=asked.level,
                notes=_notes(table, asked, effects["first_stage"], bool(rounded[r]), households[r]),
            )
        )
    return found


def _notes(
    table: ScoreTable,
    asked: ThresholdRequest,
    first_stage: JumpInTreatment | None,
    rounded: bool,
    households: tuple[int, int],
) -> tuple[str, ...]:
    """Codes of what a reader of the result must know."""
    beside_round = rounded and asked.donut == 0.0 and donut_at_round(table, asked.cutoff) > 0.0
    told = {
        "estimation-rounded-scores": rounded and asked.curvature_bound is None,
        "estimation-round-cutoff": beside_round,
        "estimation-instrument-weak": first_stage is not None and first_stage.f_statistic < SMALLEST_F,
        "estimation-few-clusters": asked.variance != "nn" and min(households) < FEWEST_CLUSTERS,
        "estimation-households-unused": asked.variance == "nn" and asked.grouped,
    }
    return tuple(code for code, holds in told.items() if holds)


def _one_household(where: str) -> EstimationError:
    return EstimationError(
        "estimation-one-household",
        expected="at least two households on each side of the cutoff, for a clustered variance",
        found=f"one within a {where}",
        mend="A single household has no variance: leave this analysis out.",
        where="households",
    )


def _pairs(numbers: Floats | Integers) -> list[tuple[int, int]]:
    """Left and right (2 R,) of every analysis."""
    return [(int(left), int(right)) for left, right in numbers.reshape(-1, 2)]


def _effects(found: _Jumped, level: float) -> dict[str, Any]:
    """Give the estimates of a result: of the outcome's jump, or of the ratio of two jumps."""
    outcome = _jumps(found, 0, level)
    if len(found.conventional) == 1:
        return {
            "conventional": outcome.conventional,
            "bias_corrected": outcome.bias_corrected,
            "robust": outcome.robust,
            "first_stage": None,
            "reduced_form": None,
            "covariance": None,
            "confidence_set": None,
        }
    y, t = (float(v) for v in found.conventional)
    if abs(t) <= ROUNDING:
        raise EstimationError(
            "estimation-first-stage",
            expected="a share taken up that jumps at the cutoff",
            found="no jump at all",
            mend="Leave taken_up out: only the effect of crossing itself can be told.",
            where="taken_up",
        )
    slope = np.array([1.0 / t, -y / t**2])
    ratio = y / t
    corrected = ratio - float(slope @ (found.conventional - found.corrected))
    errors = [root(slope @ c @ slope) for c in (found.covariance, found.robust_covariance)]
    share = _jumps(found, 1, level)
    f = (share.robust.estimate / share.robust.std_error) ** 2 if share.robust.std_error > 0.0 else np.inf
    return {
        "conventional": jump(ratio, errors[0], level),
        "bias_corrected": jump(corrected, errors[0], level),
        "robust": jump(corrected, errors[1], level),
        "first_stage": JumpInTreatment(share.conventional, share.bias_corrected, share.robust, float(f)),
        "reduced_form": outcome,
        "covariance": found.robust_covariance,
        "confidence_set": anderson_rubin(found.corrected, found.robust_covariance, NORMAL, level),
    }


def _jumps(found: _Jumped, at: int, level: float) -> Jumps:
    plain, corrected = float(found.conventional[at]), float(found.corrected[at])
    error, robust = root(found.covariance[at, at]), root(found.robust_covariance[at, at])
    return Jumps(jump(plain, error, level), jump(corrected, error, level), jump(corrected, robust, level))
