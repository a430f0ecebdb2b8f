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
from causalsig.release.pool_entries import Exponent, PerMille, PoolSteps, TwoDigits
from causalsig.release.value_types import Closed, Code, DecimalExponent, Digits
from causalsig.release.vocabulary import to_code
from causalsig.study.handling import Handling
from causalsig.study.models import Horizon, Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

_NAMES = ("question", "outcome", "estimand", "kind", "months", "below", "above", "score", "sites")
_ENDS = ("conf_low", "conf_high", "mixture_low", "mixture_high", "prediction_low", "prediction_high")
_SLACK = 1e-9
"""Of a step: a number that is on the grid already stays where it is."""


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


class _OnGrid(Closed):
    """An estimate with its standard error; steps are in units of ``2^exponent``, ends rounded outward."""

    exponent: Exponent
    estimate: PoolSteps
    std_error: Digits
    std_error_exponent: DecimalExponent
    conf_low: PoolSteps
    conf_high: PoolSteps

    @model_validator(mode="after")
    def _declared_grid(self) -> _OnGrid:
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.exponent != grid.step_exponent(std_error):
            raise ValueError("an effect is not on the grid its standard error declares")
        return self


class PooledThresholdNumbers(_OnGrid):
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


class CurvePointEntry(_OnGrid):
    """The line at one round cutoff."""

    cutoff: Annotated[int, Field(ge=1, le=100_000)]


class DoublingEntry(_OnGrid):
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
    rows = [row for row in result.thresholds if result.kind == "all" or row.publishable]
    return tuple(
        PooledThresholdEntry(
            **_named(row),
            publishable=row.publishable and row.sites >= MIN_SITES,
            reasons=tuple(map(to_code, row.reasons)),
            honest=row.honest,
            numbers=_numbers(row),
        )
        for row in rows
    )


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
                CurvePointEntry(cutoff=round(point.cutoff), **_on_grid(point)) for point in curve.points
            ),
            doubling=_doubling(curve) if curve.points else None,
            refusal=None if curve.refusal is None else to_code(curve.refusal),
        )
        for curve in result.curves
        if all(point.std_error > 0.0 for point in curve.points)
    )


def decode_thresholds(entries: Iterable[PooledThresholdEntry]) -> tuple[PooledThresholdRow, ...]:
    """Give the rows that entries stand for; numbers that are not defined are NaN."""
    return tuple(_row(entry) for entry in entries)


def decode_curves(entries: Iterable[PooledCurveEntry]) -> tuple[PooledCurve, ...]:
    """Give the curves that entries stand for."""
    return tuple(
        PooledCurve(
            **_named(entry),
            points=tuple(CurvePoint(float(p.cutoff), **_decoded(p)) for p in entry.points),
            **_slope(entry.doubling),
            publishable=entry.publishable,
            reasons=entry.reasons,
            refusal=entry.refusal,
        )
        for entry in entries
    )


def _named(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _NAMES}


def _on_grid(one: Any) -> dict[str, int]:
    digits, decimal = grid.two_digits_up(one.std_error)
    exponent = grid.step_exponent(grid.from_two_digits(digits, decimal))
    return {
        "exponent": exponent,
        "estimate": grid.to_steps(one.estimate, exponent),
        "std_error": digits,
        "std_error_exponent": decimal,
        "conf_low": _outward(one.conf_low, exponent, math.floor),
        "conf_high": _outward(one.conf_high, exponent, math.ceil),
    }


def _outward(value: float, exponent: int, rounding: Any) -> int:
    return int(rounding(math.ldexp(value, -exponent) + (_SLACK if rounding is math.floor else -_SLACK)))


def _numbers(row: PooledThresholdRow) -> PooledThresholdNumbers | None:
    if not (math.isfinite(row.conf_low) and math.isfinite(row.conf_high) and row.std_error > 0.0):
        return None
    values = _on_grid(row)
    ends: dict[str, Any] = {
        name: _outward(end, values["exponent"], math.floor if name.endswith("low") else math.ceil)
        if math.isfinite(end := getattr(row, name))
        else None
        for name in _ENDS[2:]
    }
    return PooledThresholdNumbers(
        **values,
        **ends,
        p_value=_per_mille(row.p_value),
        largest_bias=_two_digits(row.largest_bias),
        tau2=_two_digits(row.tau2),
    )


def _per_mille(p_value: float | None) -> int | None:
    known = p_value is not None and math.isfinite(p_value)
    return math.ceil(p_value * 1000.0 - _SLACK) if known and p_value is not None else None


def _two_digits(value: float | None) -> TwoDigits | None:
    if value is None or not math.isfinite(value):
        return None
    if value < 1e-28:
        return TwoDigits(digits=0, exponent=0)
    digits, exponent = grid.two_digits_up(value)
    return TwoDigits(digits=digits, exponent=exponent)


def _doubling(curve: PooledCurve) -> DoublingEntry:
    point = CurvePoint(0.0, curve.doubling, curve.doubling_error, curve.doubling_low, curve.doubling_high)
    return DoublingEntry(**_on_grid(point), p_value=_per_mille(curve.p_value))


def _decoded(entry: _OnGrid) -> dict[str, float]:
    steps = ("estimate", "conf_low", "conf_high")
    values = {name: grid.from_steps(getattr(entry, name), entry.exponent) for name in steps}
    return values | {"std_error": grid.from_two_digits(entry.std_error, entry.std_error_exponent)}


def _row(entry: PooledThresholdEntry) -> PooledThresholdRow:
    numbers = entry.numbers
    values: dict[str, Any] = dict.fromkeys(("estimate", "std_error", *_ENDS, "tau2"), math.nan)
    values |= {"p_value": None, "largest_bias": None}
    if numbers is not None:
        values |= _decoded(numbers)
        for name in _ENDS[2:]:
            steps = getattr(numbers, name)
            values[name] = math.nan if steps is None else grid.from_steps(steps, numbers.exponent)
        values["p_value"] = None if numbers.p_value is None else numbers.p_value / 1000.0
        values["largest_bias"] = _value(numbers.largest_bias)
        tau2 = _value(numbers.tau2)
        values["tau2"] = math.nan if tau2 is None else tau2
    return PooledThresholdRow(
        **_named(entry),
        honest=entry.honest,
        publishable=entry.publishable,
        reasons=entry.reasons,
        **values,
    )


def _value(number: TwoDigits | None) -> float | None:
    return None if number is None else grid.from_two_digits(number.digits, number.exponent)


def _slope(entry: DoublingEntry | None) -> dict[str, Any]:
    names = ("doubling", "doubling_error", "doubling_low", "doubling_high", "p_value")
    if entry is None:
        return dict.fromkeys(names, math.nan)
    found = _decoded(entry)
    p_value = math.nan if entry.p_value is None else entry.p_value / 1000.0
    told = (found["estimate"], found["std_error"], found["conf_low"], found["conf_high"], p_value)
    return dict(zip(names, told, strict=True))
