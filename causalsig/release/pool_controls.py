"""Negative controls in a pool's document: their tests, and primary contrasts calibrated by them.

Only in the pool of all: a municipality may see neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from causalsig.diagnosed import CalibratedContrast, PooledControl
from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.pool_entries import Exponent, PerMille, PoolSteps
from causalsig.release.value_types import ArmCode, Closed, QuestionCode
from causalsig.study.models import Estimand, Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

SLACK = 1e-9
"""Keeps a value that is on the grid already where it is."""


class ControlEntry(Closed):
    """Test of one negative control; its contrast stands among the pooled ones."""

    question: QuestionCode
    outcome: Slug
    estimand: Estimand
    estimator: Estimator
    arm: ArmCode
    reference: ArmCode
    sites: Annotated[int, Field(ge=1, le=1000)]
    passed: bool
    p_value: PerMille


class CalibratedEntry(Closed):
    """A primary contrast less what its controls show; steps of a quarter of the half width over 1.96."""

    question: QuestionCode
    outcome: Slug
    estimand: Estimand
    estimator: Estimator
    arm: ArmCode
    reference: ArmCode
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
            **{name: getattr(row, name) for name in (*_NAMES, "sites", "passed")},
            p_value=math.floor(row.p_value * 1000 + SLACK),
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
            **{name: getattr(entry, name) for name in (*_NAMES, "sites", "passed")},
            p_value=entry.p_value / 1000,
        )
        for entry in entries
    )


def decode_calibrated(entries: Iterable[CalibratedEntry]) -> tuple[CalibratedContrast, ...]:
    """Give the calibrated contrasts that entries stand for."""
    return tuple(_decode_calibrated(entry) for entry in entries)


def _decode_calibrated(entry: CalibratedEntry) -> CalibratedContrast:
    values: dict[str, Any] = {name: getattr(entry, name) for name in (*_NAMES, "controls", "publishable")}
    values |= {name: grid.from_steps(getattr(entry, name), entry.exponent) for name in _STEPPED}
    return CalibratedContrast(**values)


def _calibrated(row: CalibratedContrast, level: float) -> CalibratedEntry:
    half = (row.conf_high - row.conf_low) / 2
    digits, decimal = grid.two_digits_up(half / NormalDist().inv_cdf(0.5 + level / 2))
    step = grid.step_exponent(grid.from_two_digits(digits, decimal))
    scale = 2.0**-step
    return CalibratedEntry(
        **{name: getattr(row, name) for name in (*_NAMES, "controls", "publishable")},
        exponent=step,
        mean=grid.to_steps(row.mean, step),
        spread=math.ceil(row.spread * scale - SLACK),
        estimate=grid.to_steps(row.estimate, step),
        conf_low=math.floor(row.conf_low * scale + SLACK),
        conf_high=math.ceil(row.conf_high * scale - SLACK),
    )


_NAMES = ("question", "outcome", "estimand", "estimator", "arm", "reference")
_STEPPED = ("mean", "spread", "estimate", "conf_low", "conf_high")
