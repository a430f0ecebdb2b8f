"""One number given as an option: finite, within its bounds, or refused with what stood there instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from causalsig.errors import EstimationError


def read_number(value: Any, where: str, *, lowest: float = -np.inf, strict: bool = False) -> float:
    """Read one finite number of at least `lowest`, or, if `strict`, above it.

    Parameters
    ----------
    where : str, the option

    Raises
    ------
    EstimationError
        ``estimation-option``.
    """
    try:
        number = float("nan") if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    low = number < lowest or (strict and number == lowest)
    if isinstance(value, bool) or not np.isfinite(number) or low:
        least = "" if lowest == -np.inf else f" {'above' if strict else 'of at least'} {lowest:g}"
        raise EstimationError(
            "estimation-option",
            expected=f"a finite number{least}",
            found=_kind_of(value, number),
            mend="Give one such number.",
            where=where,
        )
    return number


def _kind_of(value: Any, number: float) -> str:
    """Say what stands where another number should."""
    if value is None or isinstance(value, bool | str):
        return {"NoneType": "None", "bool": "True or False", "str": "text"}[type(value).__name__]
    if np.ndim(value):
        return "several values"
    if np.isinf(number):
        return "infinity"
    if np.isnan(number):
        return "NaN" if isinstance(value, float | np.floating) else f"a {type(value).__name__}"
    return "zero" if number == 0.0 else "a negative number"
