"""Moved thresholds in a pool's document: on grids, of enough sites; a municipality's own answer by others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from causalsig.crossed import ScoreName
from causalsig.moved import BandRow, MoveByOthers, PooledMove, RouteName
from causalsig.records import OutcomeKind
from causalsig.release import grid
from causalsig.release.pool_beside import MIN_SITES
from causalsig.release.pool_entries import (
    IntervalOnGrid,
    PoolSteps,
    TwoDigits,
    fits_grid,
    from_pair,
    in_steps,
    off_grid,
    on_grid,
    two_digits,
)
from causalsig.release.value_types import Closed, Code
from causalsig.release.vocabulary import to_code
from causalsig.study.handling import Handling
from causalsig.study.models import Horizon, Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

_NAMES = ("question", "outcome", "kind", "months", "below", "above", "score", "sites")
_PARTS = 1000.0
Sites = Annotated[int, Field(ge=0, le=1000)]


class _Moved(Closed):
    question: Literal["threshold"]
    outcome: Slug
    kind: OutcomeKind
    months: Horizon
    below: Handling
    above: Handling
    score: ScoreName
    part: Annotated[int, Field(ge=100, le=10_000)]
    sites: Sites

    @model_validator(mode="after")
    def _another_threshold(self) -> _Moved:
        if self.below == self.above or self.part == 1000:
            raise ValueError("a moved threshold leads to the same handling, or is not moved")
        return self


class RouteEntry(Closed):
    """How many sites had their answer by one route."""

    route: RouteName
    sites: Annotated[int, Field(ge=1, le=1000)]


class PooledMoveNumbers(IntervalOnGrid):
    """The numbers of one moved threshold over the sites; None: not defined."""

    largest_bias: TwoDigits
    tau2: TwoDigits | None
    prediction_low: PoolSteps | None
    prediction_high: PoolSteps | None


class PooledMoveEntry(_Moved):
    """One candidate, in thousandths of a site's own threshold; without numbers where a code says why."""

    routes: tuple[RouteEntry, ...] = Field(max_length=5)
    unanswered: Sites
    publishable: bool
    reasons: tuple[Code, ...] = Field(max_length=10)
    numbers: PooledMoveNumbers | None
    refusal: Code | None

    @model_validator(mode="after")
    def _of_enough_sites(self) -> PooledMoveEntry:
        if self.publishable and (self.sites < MIN_SITES or self.reasons or self.numbers is None):
            raise ValueError("a moved threshold is called publishable, of too few sites or against a reason")
        if self.refusal is not None and self.numbers is not None:
            raise ValueError("a moved threshold has numbers and a code that says why not")
        told = [entry.route for entry in self.routes]
        if len(set(told)) < len(told):
            raise ValueError("a route is counted twice")
        return self


class MoveByOthersEntry(_Moved, IntervalOnGrid):
    """One candidate of the recipient's own threshold, by the tables of enough others."""

    cutoff: TwoDigits
    period: Annotated[int, Field(ge=1, le=99)]
    route: Literal["constant_bias", "safe_cutoffs"]
    largest_bias: TwoDigits

    @model_validator(mode="after")
    def _by_enough(self) -> MoveByOthersEntry:
        if self.sites < MIN_SITES:
            raise ValueError("a moved threshold is answered by too few others")
        return self


def move_entries(result: PoolResult) -> tuple[PooledMoveEntry, ...]:
    """Write the rows; in a pool of the others the publishable ones alone, without how many by which route."""
    others = result.kind == "others"
    entries = (_entry(row, others) for row in result.moves)
    return tuple(entry for entry in entries if entry.publishable or not others)


def by_others_entries(result: PoolResult) -> tuple[MoveByOthersEntry, ...]:
    """Write a municipality's own answers; the pool of all has none."""
    if result.kind != "others":
        return ()
    return tuple(
        MoveByOthersEntry(
            **_named(row),
            cutoff=_certain(row.cutoff),
            period=row.period,
            route=row.band.route,  # type: ignore[arg-type]  # pydantic checks it
            largest_bias=_certain(row.band.largest_bias),
            **on_grid(row.band),
        )
        for row in result.moved_by_others
        if row.sites >= MIN_SITES and fits_grid(row.band)
    )


def decode_moves(entries: Iterable[PooledMoveEntry]) -> tuple[PooledMove, ...]:
    """Give the rows that entries stand for; numbers that are not defined are NaN."""
    return tuple(
        PooledMove(
            **_names_of(entry),
            **_numbers_of(entry.numbers),
            by_route=tuple((one.route, one.sites) for one in entry.routes),
            unanswered=entry.unanswered,
            publishable=entry.publishable,
            reasons=entry.reasons,
            refusal=entry.refusal,
        )
        for entry in entries
    )


def decode_by_others(entries: Iterable[MoveByOthersEntry]) -> tuple[MoveByOthers, ...]:
    """Give the answers that entries stand for."""
    return tuple(
        MoveByOthers(
            **_names_of(entry),
            cutoff=from_pair(entry.cutoff) or 0.0,
            period=entry.period,
            band=BandRow(
                route=entry.route, largest_bias=from_pair(entry.largest_bias) or 0.0, **off_grid(entry)
            ),
        )
        for entry in entries
    )


def _named(row: PooledMove | MoveByOthers) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _NAMES} | {"part": round(row.part * _PARTS)}


def _names_of(entry: _Moved) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _NAMES} | {"part": entry.part / _PARTS}


def _certain(value: float) -> TwoDigits:
    return two_digits(value) or TwoDigits(digits=0, exponent=0)


def _entry(row: PooledMove, others: bool) -> PooledMoveEntry:
    told = fits_grid(row)
    routes = () if others else tuple(RouteEntry(route=name, sites=count) for name, count in row.by_route)
    return PooledMoveEntry(
        **_named(row),
        routes=routes,
        unanswered=0 if others else row.unanswered,
        publishable=row.publishable and row.sites >= MIN_SITES + (not others) and told,
        reasons=tuple(map(to_code, row.reasons)),
        numbers=_numbers(row) if told else None,
        refusal=None if row.refusal is None else to_code(row.refusal),
    )


def _numbers(row: PooledMove) -> PooledMoveNumbers:
    values = on_grid(row)
    factor = 2.0 ** -values["exponent"]
    told = math.isfinite(row.prediction_low)
    return PooledMoveNumbers(
        **values,
        largest_bias=_certain(row.largest_bias),
        tau2=two_digits(row.tau2),
        prediction_low=in_steps(row.prediction_low, factor, math.floor) if told else None,
        prediction_high=in_steps(row.prediction_high, factor, math.ceil) if told else None,
    )


def _numbers_of(numbers: PooledMoveNumbers | None) -> dict[str, Any]:
    ends = ("prediction_low", "prediction_high")
    if numbers is None:
        names = ("estimate", "std_error", "conf_low", "conf_high", "largest_bias", "tau2", *ends)
        return dict.fromkeys(names, math.nan)
    tau2 = from_pair(numbers.tau2)
    steps = {name: getattr(numbers, name) for name in ends}
    return (
        off_grid(numbers)
        | {"largest_bias": from_pair(numbers.largest_bias) or 0.0, "tau2": math.nan if tau2 is None else tau2}
        | {
            name: math.nan if value is None else grid.from_steps(value, numbers.exponent)
            for name, value in steps.items()
        }
    )
