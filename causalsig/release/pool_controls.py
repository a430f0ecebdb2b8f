"""Negative controls in a pool's document: their tests, and primary contrasts calibrated by them.

Only in the pool of all: a municipality may see neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from causalsig.diagnosed import CalibratedContrast, PooledControl
from causalsig.release import grid
from causalsig.release.pool_entries import (
    COMPARED,
    ComparedEntry,
    Exponent,
    PerMille,
    PoolSteps,
    in_steps,
    interval_exponent,
)

if TYPE_CHECKING:
    from causalsig.records import PoolResult


class ControlEntry(ComparedEntry):
    """Test of one negative control; its contrast stands among the pooled ones."""

    sites: Annotated[int, Field(ge=1, le=1000)]
    passed: bool
    p_value: PerMille


class CalibratedEntry(ComparedEntry):
    """A primary contrast less what its controls show; steps of a quarter of the half width over 1.96."""

    controls: Annotated[int, Field(ge=10, le=100)]
    publishable: bool
    exponent: Exponent
    mean: PoolSteps
    spread: Annotated[int, Field(ge=0, le=1_000_000)]
    estimate: PoolSteps
    conf_low: PoolSteps
    conf_high: PoolSteps


def control_entries(result: PoolResult) -> tuple[ControlEntry, ...]:
    """Write the tests; p-values rounded down, since a high one is what speaks for the design."""
    return tuple(
        ControlEntry(
            **{name: getattr(row, name) for name in (*COMPARED, "sites", "passed")},
            p_value=in_steps(row.p_value, 1000, math.floor),
        )
        for row in result.controls
    )


def calibrated_entries(result: PoolResult) -> tuple[CalibratedEntry, ...]:
    """Write calibrated contrasts, intervals outward and the spread up."""
    return tuple(_calibrated(row, result.level) for row in result.calibrated)


def decode_controls(entries: Iterable[ControlEntry]) -> tuple[PooledControl, ...]:
    """Give the tests that entries stand for."""
    return tuple(
        PooledControl(
            **{name: getattr(entry, name) for name in (*COMPARED, "sites", "passed")},
            p_value=entry.p_value / 1000,
        )
        for entry in entries
    )


def decode_calibrated(entries: Iterable[CalibratedEntry]) -> tuple[CalibratedContrast, ...]:
    """Give the calibrated contrasts that entries stand for."""
    return tuple(_decode_calibrated(entry) for entry in entries)


def _decode_calibrated(entry: CalibratedEntry) -> CalibratedContrast:
    values: dict[str, Any] = {name: getattr(entry, name) for name in (*COMPARED, "controls", "publishable")}
    values |= {name: grid.from_steps(getattr(entry, name), entry.exponent) for name in _STEPPED}
    return CalibratedContrast(**values)


def _calibrated(row: CalibratedContrast, level: float) -> CalibratedEntry:
    step = interval_exponent(row.conf_low, row.conf_high, level)
    scale = 2.0**-step
    return CalibratedEntry(
        **{name: getattr(row, name) for name in (*COMPARED, "controls", "publishable")},
        exponent=step,
        mean=grid.to_steps(row.mean, step),
        spread=in_steps(row.spread, scale, math.ceil),
        estimate=grid.to_steps(row.estimate, step),
        conf_low=in_steps(row.conf_low, scale, math.floor),
        conf_high=in_steps(row.conf_high, scale, math.ceil),
    )


_STEPPED = ("mean", "spread", "estimate", "conf_low", "conf_high")
