"""Batches in which data sets lack sites: one batch for each set of sites that are there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.batch import RandomEffectsBatch
from causalsig.meta.fits import Fits
from causalsig.meta.inputs import MetaInputs, checked_basis, freeze, refuse_unequal
from causalsig.meta.options import IntervalMethod, Tau2Method
from causalsig.meta.univariate import fit_rows

FloatArray = NDArray[np.float64]


def fit_with_missing(
    y: FloatArray,
    v: FloatArray,
    design: FloatArray,
    names: tuple[str, ...],
    intercept: bool,
    method: Tau2Method,
    interval: IntervalMethod,
    level: float,
) -> RandomEffectsBatch:
    """Fit checked effects and variances (B, k), nan where a site is missing.

    Raises
    ------
    MetaError
        ``meta-empty`` when a data set has no site; ``meta-too-many-moderators`` or ``meta-collinear``
        when its sites cannot be fitted.
    """
    present = ~np.isnan(y)
    if not present.any(axis=1).all():
        raise MetaError(
            "meta-empty",
            expected="at least one estimate in every data set",
            found=f"{int((~present.any(axis=1)).sum())} of {len(y)} without any",
            mend="Leave those data sets out.",
        )
    patterns, place = np.unique(present, axis=0, return_inverse=True)
    parts: list[tuple[NDArray[np.intp], RandomEffectsBatch]] = []
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(place.reshape(-1) == number)
        some = design[pattern]
        basis = checked_basis(some, names)
        effects, variances = (np.ascontiguousarray(each[rows][:, pattern]) for each in (y, v))
        refuse_unequal(variances, basis)
        data = MetaInputs(freeze(effects), freeze(variances), freeze(some), basis, names, intercept)
        parts.append((rows, fit_rows(data, method, interval, level)))
    whole = MetaInputs(freeze(y), freeze(v), freeze(design), checked_basis(design, names), names, intercept)
    return RandomEffectsBatch.of(_together(parts, present, interval), whole, method, level, tuple(parts))


def _together(
    parts: list[tuple[NDArray[np.intp], RandomEffectsBatch]],
    present: NDArray[np.bool_],
    interval: IntervalMethod,
) -> Fits:
    columns: dict[str, Any] = {"interval": interval, "df": np.empty(len(present))}
    for rows, batch in parts:
        columns["df"][rows] = batch.df
        for each in fields(Fits):
            value = getattr(batch.fits, each.name)
            if not isinstance(value, np.ndarray):
                continue
            if each.name == "weights":
                into = columns.setdefault("weights", np.zeros(present.shape))
                into[np.ix_(rows, np.flatnonzero(present[rows[0]]))] = value
                continue
            shape = (len(present), *value.shape[1:])
            columns.setdefault(each.name, np.empty(shape, value.dtype))[rows] = value
    return Fits(**columns)
