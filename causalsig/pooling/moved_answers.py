"""Each site's answer to a moved threshold: its own routes, and other sites' from released tables alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation import released_bins
from causalsig.estimation.moving import ask_route, strongest
from causalsig.estimation.moving_constant_bias import constant_bias_of
from causalsig.estimation.moving_safe import bounded_gap_of
from causalsig.estimation.moving_sites import look_across
from causalsig.moved import BandRow, PassedRoute

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.crossed import ReleasedThreshold
    from causalsig.estimation import SiteBins
    from causalsig.estimation.moving_sites import Extrapolation, Sight
    from causalsig.moved import ReleasedMove

    Floats = NDArray[np.float64]

NO_ROUTE = "estimation-no-route"
BEFORE_SITES = ("changed_band", "changed_jumps")
BY_SITES = ("constant_bias", "safe_cutoffs")
"""Routes that other sites' tables answer; before them come a site's own changes, after them its own line."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One site's answer for one candidate.

    Attributes
    ----------
    move : ReleasedMove
    band : BandRow or None
    passed : tuple of PassedRoute
    own : bool, whether by a route of its own
    others : int
    shares : tuple of float, of the other sites that took part, in its rise
    weights : tuple of (table, (B,) weights): with means of bins they add up to the estimate
    """

    move: ReleasedMove
    band: BandRow | None
    passed: tuple[PassedRoute, ...]
    own: bool
    others: int = 0
    shares: tuple[float, ...] = ()
    weights: tuple[tuple[int, Floats], ...] = ()


class Tables:
    """Released tables of bins, and answers from them; a site lends one a period, of its fullest threshold."""

    def __init__(self, blocks: Iterable[ReleasedThreshold], slope_bound: float | None, level: float) -> None:
        self._slope_bound, self._level = slope_bound, level
        self._sights: dict[tuple[Any, ...], Sight | EstimationError] = {}
        self._answers: dict[tuple[Any, ...], Answer] = {}
        kept: dict[tuple[Any, ...], tuple[float, ReleasedThreshold, SiteBins]] = {}
        # Of one cutoff the effect with a robust error tells what clustering adds to its table's.
        for block in sorted(blocks, key=lambda b: (b.bias_bound is not None, b.estimand)):
            if not block.bins or not block.admitted:
                continue
            try:
                table = released_bins(block)
            except EstimationError:
                continue
            place = (block.site, *_alike(block), block.period, block.cutoff)
            if place not in kept:
                kept[place] = (float(table.episodes.sum()), block, table)
        self._own = {place: number for number, place in enumerate(kept)}
        self._blocks = [block for _, block, _ in kept.values()]
        self._bins = [table for _, _, table in kept.values()]
        fullest: dict[tuple[Any, ...], int] = {}
        for number, (size, block, _) in enumerate(kept.values()):
            lender = (block.site, *_alike(block), block.period)
            if lender not in fullest or size > self._bins[fullest[lender]].episodes.sum():
                fullest[lender] = number
        self._lenders = sorted(fullest.values())

    def answer(self, move: ReleasedMove, without: str | None) -> Answer:
        """Give a site's answer by the strongest route that holds, as if one other site were not there."""
        gone = self._without(move, without)
        key = (*_alike(move), move.site, move.period, move.cutoff, move.part, gone)
        if key not in self._answers:
            self._answers[key] = self._found(move, gone)
        return self._answers[key]

    def parts(self, answers: Sequence[Answer]) -> dict[str, Floats]:
        """Covariances (n, n) of what answers take from each site's bins, by site."""
        found: dict[str, Floats] = {}
        lent: dict[int, dict[int, Floats]] = {}
        for row, one in enumerate(answers):
            for table, weights in one.weights:
                lent.setdefault(table, {})[row] = weights
        for table, rows in lent.items():
            stacked = np.zeros((len(answers), len(self._bins[table].score)))
            for row, weights in rows.items():
                stacked[row] = weights
            part = (stacked * self._bins[table].errors) @ stacked.T
            site = self._blocks[table].site
            found[site] = found.get(site, np.zeros_like(part)) + part
        return found

    def weighting_variances(self, answers: Sequence[Answer]) -> Floats:
        """Variances (n,) that do not lean on the outcomes they belong to, for weights.

        As `network_variances`: of an answer by sites, what outcomes of variance one would give it, times the
        network's spread; of a site's own route the one that it released.
        """
        variances = np.zeros(len(answers))
        unit = np.full(len(answers), np.nan)
        for row, one in enumerate(answers):
            if one.band is not None:
                variances[row] = one.band.std_error**2 + (one.move.steps**2 / 12.0 if one.own else 0.0)
            if not one.own:
                unit[row] = sum(
                    float(w**2 @ (self._bins[table].inflation / self._bins[table].episodes))
                    for table, w in one.weights
                )
        known = np.isfinite(unit)
        if known.any():
            spread = (variances[known] / unit[known] ** 2).sum() / (1.0 / unit[known]).sum()
            variances[known] = spread * unit[known]
        return variances

    def _without(self, move: ReleasedMove, without: str | None) -> str | None:
        """Name the site left out only where its table takes part: else the answer is as it was."""
        sight = self._sight(move)
        if without is None or sight is None or isinstance(sight, EstimationError):
            return None
        seen = {self._lender(move)[one.place] for one in sight.others}
        return without if any(self._blocks[number].site == without for number in seen) else None

    def _lender(self, move: ReleasedMove) -> list[int]:
        return [
            number
            for number in self._lenders
            if self._blocks[number].site != move.site and _alike(self._blocks[number]) == _alike(move)
        ]

    def _table(self, move: ReleasedMove) -> int | None:
        return self._own.get((move.site, *_alike(move), move.period, move.cutoff))

    def _sight(self, move: ReleasedMove) -> Sight | EstimationError | None:
        number = self._table(move)
        if number is None:
            return None
        key = (number, move.part)
        if key not in self._sights:
            site = self._bins[number]
            to = site.cutoff + float(np.log(move.part)) if move.scale == "log" else site.cutoff * move.part
            others = [self._bins[other] for other in self._lender(move)]
            try:
                self._sights[key] = look_across(site, to, others)
            except EstimationError as error:
                self._sights[key] = error
        return self._sights[key]

    def _found(self, move: ReleasedMove, gone: str | None) -> Answer:
        if move.band is not None and move.band.route in BEFORE_SITES:
            return Answer(move, move.band, _before(move, move.band.route), True)
        together = self._together(move, gone)
        asked = {name: self._ask(name, together) for name in BY_SITES if together is not None}
        given = {name: answer for name, answer in asked.items() if answer is not None}
        effect, passed = strongest(given)  # type: ignore[arg-type]
        mine = {one.route: one for one in move.passed}
        sites = {one.route: PassedRoute(one.route, one.code) for one in passed if one.route in BY_SITES}
        every = mine | sites
        if effect is None or isinstance(together, EstimationError) or together is None:
            told = tuple(every[name] for name in (*BEFORE_SITES, *BY_SITES, "continuation") if name in every)
            own = move.band is not None
            return Answer(
                move, move.band, told[:-1] if own and told[-1].route == "continuation" else told, own
            )
        band = BandRow(
            effect.route,
            effect.estimate,
            effect.std_error,
            effect.largest_bias,
            effect.conf_low,
            effect.conf_high,
        )
        lenders = self._lender(move)
        number = self._table(move)
        own_weights = [] if number is None else [(number, together.own)]
        return Answer(
            move,
            band,
            tuple(every[name] for name in (*BEFORE_SITES, *BY_SITES) if name in every and name != band.route),
            False,
            len({self._blocks[lenders[place]].site for place, _, _ in together.others}),
            self._shares(lenders, together),
            (*own_weights, *((lenders[place], w) for place, _, w in together.others)),
        )

    def _shares(self, lenders: Sequence[int], together: Extrapolation) -> tuple[float, ...]:
        """Share of every other site in the rise: of all its tables."""
        by_site: dict[str, float] = {}
        for place, share, _ in together.others:
            site = self._blocks[lenders[place]].site
            by_site[site] = by_site.get(site, 0.0) + share
        return tuple(by_site.values())

    def _together(self, move: ReleasedMove, gone: str | None) -> Extrapolation | EstimationError | None:
        sight = self._sight(move)
        if sight is None or isinstance(sight, EstimationError):
            return sight
        lenders = self._lender(move)
        left = frozenset(place for place, number in enumerate(lenders) if self._blocks[number].site == gone)
        try:
            return sight.together(left)
        except EstimationError as error:
            return error

    def _ask(self, name: str, together: Extrapolation | EstimationError) -> Any:
        if isinstance(together, EstimationError):
            return together
        if name == "constant_bias":
            return ask_route(constant_bias_of, together, level=self._level)
        if self._slope_bound is None:
            return None
        return ask_route(bounded_gap_of, together, slope_bound=self._slope_bound, level=self._level)


def _before(move: ReleasedMove, route: str) -> tuple[PassedRoute, ...]:
    ahead = BEFORE_SITES[: BEFORE_SITES.index(route)]
    return tuple(one for one in move.passed if one.route in ahead)


def _alike(one: ReleasedThreshold | ReleasedMove) -> tuple[Any, ...]:
    return (one.question, one.outcome, one.below, one.above, one.score, one.scale)
