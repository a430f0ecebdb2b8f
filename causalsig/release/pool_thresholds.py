"""Effects at cutoffs in a pool's document: on the grid of their standard errors, of enough sites."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from causalsig.crossed import ScoreName, ThresholdEstimand
from causalsig.crossed_pooled import CurvePoint, PooledCurve, PooledThresholdRow
from causalsig.records import OutcomeKind
from causalsig.release import grid
from causalsig.release.pool_beside import MIN_SITES
from causalsig.release.pool_entries import (
    IntervalOnGrid,
    PerMille,
    PoolSteps,
    TwoDigits,
    fits_grid,
    from_pair,
    in_steps,
    off_grid,
    on_grid,
    per_mille_up,
    two_digits,
)
from causalsig.release.value_types import Closed, Code
from causalsig.release.vocabulary import to_code
from causalsig.study.handling import Handling
from causalsig.study.models import Horizon, Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

_NAMES = ("question", "outcome", "estimand", "kind", "months", "below", "above", "score", "sites")
_ENDS = ("conf_low", "conf_high", "mixture_low", "mixture_high", "prediction_low", "prediction_high")


class _Compared(Closed):
    question: Literal["threshold"]
    outcome: Slug
    estimand: ThresholdEstimand
    kind: OutcomeKind
    months: Horizon
    below: Handling
    above: Handling
    score: ScoreName
    sites: Annotated[int, Field(ge=1, le=1000)]
    publishable: bool
    reasons: tuple[Code, ...] = Field(max_length=10)

    @model_validator(mode="after")
    def _of_enough_sites(self) -> _Compared:
        if self.publishable and (self.sites < MIN_SITES or self.reasons):
            raise ValueError(
                "an effect at a cutoff is called publishable, of too few sites or against a reason"
            )
        if self.below == self.above:
            raise ValueError("crossing leads to the same handling")
        return self


class PooledThresholdNumbers(IntervalOnGrid):
    """The numbers of one pooled effect; None: not defined."""

    mixture_low: PoolSteps | None
    mixture_high: PoolSteps | None
    prediction_low: PoolSteps | None
    prediction_high: PoolSteps | None
    p_value: PerMille | None
    largest_bias: TwoDigits | None
    tau2: TwoDigits | None


class PooledThresholdEntry(_Compared):
    """Effect of crossing a cutoff over the sites; without numbers when it is not defined."""

    honest: bool
    numbers: PooledThresholdNumbers | None

    @model_validator(mode="after")
    def _bias_where_honest(self) -> PooledThresholdEntry:
        if self.numbers is not None and (self.numbers.largest_bias is None) == self.honest:
            raise ValueError("an honest effect has a bound of its bias, and no other has")
        return self


class CurvePointEntry(IntervalOnGrid):
    """The line at one round cutoff."""

    cutoff: Annotated[int, Field(ge=1, le=100_000)]


class DoublingEntry(IntervalOnGrid):
    """Change of the effect when the cutoff doubles."""

    p_value: PerMille | None


class PooledCurveEntry(_Compared):
    """Effects over cutoffs; without points where a code says why."""

    points: tuple[CurvePointEntry, ...] = Field(max_length=40)
    doubling: DoublingEntry | None
    refusal: Code | None

    @model_validator(mode="after")
    def _line_or_refusal(self) -> PooledCurveEntry:
        told = [point.cutoff for point in self.points]
        if told != sorted(set(told)) or len(told) == 1:
            raise ValueError("a line has its cutoffs in order, and two of them at least")
        if (self.refusal is None) != bool(self.points) or bool(self.points) != (self.doubling is not None):
            raise ValueError("a curve has points and a slope, or a code that says why not")
        if self.publishable and not self.points:
            raise ValueError("a curve without a line is called publishable")
        return self


def threshold_entries(result: PoolResult) -> tuple[PooledThresholdEntry, ...]:
    """Write the effects; in a pool of the others the publishable ones alone."""
    entries = (
        PooledThresholdEntry(
            **_named(row),
            publishable=row.publishable and row.sites >= MIN_SITES and fits_grid(row),
            reasons=tuple(map(to_code, row.reasons)),
            honest=row.honest,
            numbers=_numbers(row),
        )
        for row in result.thresholds
        if result.kind == "all" or row.publishable
    )
    return tuple(entry for entry in entries if entry.publishable or result.kind == "all")


def curve_entries(result: PoolResult) -> tuple[PooledCurveEntry, ...]:
    """Write the curves of the pool of all; a municipality has the national page."""
    if result.kind != "all":
        return ()
    return tuple(
        PooledCurveEntry(
            **_named(curve),
            publishable=curve.publishable and curve.sites >= MIN_SITES,
            reasons=tuple(map(to_code, curve.reasons)),
            points=tuple(
                CurvePointEntry(cutoff=round(point.cutoff), **on_grid(point)) for point in curve.points
            ),
            doubling=_doubling(curve) if curve.points else None,
            refusal=None if curve.refusal is None else to_code(curve.refusal),
        )
        for curve in result.curves
        if not curve.points or all(map(fits_grid, (*curve.points, _slope(curve))))
    )


def decode_thresholds(entries: Iterable[PooledThresholdEntry]) -> tuple[PooledThresholdRow, ...]:
    """Give the rows that entries stand for; numbers that are not defined are NaN."""
    return tuple(_row(entry) for entry in entries)


def decode_curves(entries: Iterable[PooledCurveEntry]) -> tuple[PooledCurve, ...]:
    """Give the curves that entries stand for."""
    return tuple(
        PooledCurve(
            **_named(entry),
            points=tuple(CurvePoint(float(p.cutoff), **off_grid(p)) for p in entry.points),
            **_decoded_slope(entry.doubling),
            publishable=entry.publishable,
            reasons=entry.reasons,
            refusal=entry.refusal,
        )
        for entry in entries
    )


def _named(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _NAMES}


def _numbers(row: PooledThresholdRow) -> PooledThresholdNumbers | None:
    if not fits_grid(row):
        return None
    values = on_grid(row)
    ends: dict[str, Any] = {
        name: in_steps(end, 2.0 ** -values["exponent"], math.floor if name.endswith("low") else math.ceil)
        if math.isfinite(end := getattr(row, name))
        else None
        for name in _ENDS[2:]
    }
    return PooledThresholdNumbers(
        **values,
        **ends,
        p_value=per_mille_up(row.p_value),
        largest_bias=two_digits(row.largest_bias),
        tau2=two_digits(row.tau2),
    )


def _slope(curve: PooledCurve) -> CurvePoint:
    return CurvePoint(0.0, curve.doubling, curve.doubling_error, curve.doubling_low, curve.doubling_high)


def _doubling(curve: PooledCurve) -> DoublingEntry:
    return DoublingEntry(**on_grid(_slope(curve)), p_value=per_mille_up(curve.p_value))


def _row(entry: PooledThresholdEntry) -> PooledThresholdRow:
    numbers = entry.numbers
    values: dict[str, Any] = dict.fromkeys(("estimate", "std_error", *_ENDS, "tau2"), math.nan)
    values |= {"p_value": None, "largest_bias": None}
    if numbers is not None:
        values |= off_grid(numbers)
        for name in _ENDS[2:]:
            steps = getattr(numbers, name)
            values[name] = math.nan if steps is None else grid.from_steps(steps, numbers.exponent)
        values["p_value"] = None if numbers.p_value is None else numbers.p_value / 1000.0
        values["largest_bias"] = from_pair(numbers.largest_bias)
        tau2 = from_pair(numbers.tau2)
        values["tau2"] = math.nan if tau2 is None else tau2
    return PooledThresholdRow(
        **_named(entry),
        honest=entry.honest,
        publishable=entry.publishable,
        reasons=entry.reasons,
        **values,
    )


def _decoded_slope(entry: DoublingEntry | None) -> dict[str, Any]:
    names = ("doubling", "doubling_error", "doubling_low", "doubling_high", "p_value")
    if entry is None:
        return dict.fromkeys(names, math.nan)
    found = off_grid(entry)
    p_value = math.nan if entry.p_value is None else entry.p_value / 1000.0
    told = (found["estimate"], found["std_error"], found["conf_low"], found["conf_high"], p_value)
    return dict(zip(names, told, strict=True))
