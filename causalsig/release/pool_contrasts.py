"""Pooled contrasts and means as they leave and as they are read: numbers on the grids of their error."""

from __future__ import annotations

import math
from typing import Any

from causalsig.records import PooledContrast, PooledMean
from causalsig.release import grid
from causalsig.release.pool_beside import MIN_SITES
from causalsig.release.pool_entries import (
    PooledContrastEntry,
    PooledMeanEntry,
    PooledNumbers,
    TwoDigits,
    from_pair,
    in_steps,
    interval_exponent,
    two_digits,
)
from causalsig.release.registry import rule as registered
from causalsig.release.vocabulary import to_code

_OPEN = "open"
_EMPTY = "empty"


def _names(item: PooledMean | PooledContrast | PooledMeanEntry | PooledContrastEntry) -> dict[str, Any]:
    fields = ("question", "outcome", "estimand", "estimator", "kind", "months", "arm", "sites")
    return {name: getattr(item, name) for name in fields}


@registered(
    "pool",
    "release-pool-not-publishable",
    "own: 6 sites, where vantage6 asks 3",
    ("min_sites", "max_site_weight", "max_two_site_weight"),
)
def contrast_entry(contrast: PooledContrast, others: bool) -> PooledContrastEntry:
    """Write a contrast; in a pool of the others without numbers where it is not publishable."""
    may = contrast.publishable and contrast.sites >= MIN_SITES
    hidden = others and not may
    reasons = [to_code(reason) for reason in contrast.reasons]
    if (hidden or may != contrast.publishable) and not reasons:
        reasons.append("release-pool-not-publishable")
    return PooledContrastEntry(
        **_names(contrast),
        reference=contrast.reference,  # type: ignore[arg-type]
        primary=contrast.primary,
        publishable=may,
        reasons=tuple(reasons),
        numbers=None if hidden else _numbers(contrast),
    )


def _numbers(contrast: PooledContrast) -> PooledNumbers | None:
    defined = (
        math.isfinite(contrast.estimate) and math.isfinite(contrast.std_error) and contrast.std_error > 0
    )
    if not defined:
        return None
    digits, decimal = grid.two_digits_up(contrast.std_error)
    step = grid.step_exponent(grid.from_two_digits(digits, decimal))
    low, high = contrast.tau2_interval
    state = _EMPTY if math.isnan(low) or math.isnan(high) else _OPEN if math.isinf(high) else "closed"
    return PooledNumbers(
        exponent=step,
        estimate=grid.to_steps(contrast.estimate, step),
        std_error=digits,
        std_error_exponent=decimal,
        df_tenths=_scaled(contrast.df, 10, math.floor),
        conf_low=_scaled(contrast.conf_low, 2.0**-step, math.floor),
        conf_high=_scaled(contrast.conf_high, 2.0**-step, math.ceil),
        prediction_low=_scaled(contrast.prediction_low, 2.0**-step, math.floor),
        prediction_high=_scaled(contrast.prediction_high, 2.0**-step, math.ceil),
        p_value=_scaled(contrast.p_value, 1000, math.ceil),
        tau2=two_digits(contrast.tau2),
        tau2_low=None if state == _EMPTY else two_digits(low, down=True),
        tau2_high=two_digits(high) if state == "closed" else None,
        tau2_interval=state,  # type: ignore[arg-type]
        i2_percent=_scaled(contrast.i2, 1, round),
        q=two_digits(contrast.q),
        q_p_value=_scaled(contrast.q_p_value, 1000, math.ceil),
    )


def mean_entry(mean: PooledMean, level: float) -> PooledMeanEntry | None:
    """Write an arm's mean; None where it is not defined."""
    width = mean.conf_high - mean.conf_low
    if not (math.isfinite(mean.estimate) and math.isfinite(width) and width > 0):
        return None
    step = interval_exponent(mean.conf_low, mean.conf_high, level)
    return PooledMeanEntry(
        **_names(mean),
        exponent=step,
        estimate=grid.to_steps(mean.estimate, step),
        conf_low=math.floor(mean.conf_low * 2.0**-step),
        conf_high=math.ceil(mean.conf_high * 2.0**-step),
    )


def _scaled(value: float | None, factor: float, rounding: Any) -> int | None:
    return None if value is None or not math.isfinite(value) else in_steps(value, factor, rounding)


def decode_contrast(entry: PooledContrastEntry) -> PooledContrast:
    """Decode a contrast; numbers that are not there are NaN."""
    numbers = entry.numbers
    values: dict[str, Any] = dict.fromkeys(_NUMBER_FIELDS, math.nan) | {"df": None}
    values["tau2_interval"] = (math.nan, math.nan)
    if numbers is not None:
        values = _decode_numbers(numbers)
    return PooledContrast(
        **_names(entry),
        reference=entry.reference,
        primary=entry.primary,
        publishable=entry.publishable,
        reasons=entry.reasons,
        **values,
    )


_NUMBER_FIELDS = (
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "p_value",
    "tau2",
    "i2",
    "q",
    "q_p_value",
    "prediction_low",
    "prediction_high",
)


def _decode_numbers(numbers: PooledNumbers) -> dict[str, Any]:
    steps = ("estimate", "conf_low", "conf_high", "prediction_low", "prediction_high")
    values: dict[str, Any] = {name: _steps(getattr(numbers, name), numbers.exponent) for name in steps}
    values["std_error"] = grid.from_two_digits(numbers.std_error, numbers.std_error_exponent)
    values["df"] = None if numbers.df_tenths is None else numbers.df_tenths / 10
    values["p_value"] = _divided(numbers.p_value, 1000)
    values["q_p_value"] = _divided(numbers.q_p_value, 1000)
    values["i2"] = _divided(numbers.i2_percent, 1)
    values["tau2"], values["q"] = _value(numbers.tau2), _value(numbers.q)
    high = math.inf if numbers.tau2_interval == _OPEN else _value(numbers.tau2_high)
    values["tau2_interval"] = (_value(numbers.tau2_low), high)
    return values


def decode_mean(entry: PooledMeanEntry) -> PooledMean:
    """Decode an arm's mean."""
    return PooledMean(
        **_names(entry),
        estimate=grid.from_steps(entry.estimate, entry.exponent),
        conf_low=grid.from_steps(entry.conf_low, entry.exponent),
        conf_high=grid.from_steps(entry.conf_high, entry.exponent),
    )


def _steps(value: int | None, exponent: int) -> float:
    return math.nan if value is None else grid.from_steps(value, exponent)


def _divided(value: int | None, by: int) -> float:
    return math.nan if value is None else value / by


def _value(number: TwoDigits | None) -> float:
    value = from_pair(number)
    return math.nan if value is None else value
