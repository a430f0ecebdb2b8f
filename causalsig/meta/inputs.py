"""The boundary of `meta`: whatever array-like came in, checked and turned into float arrays once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import Basis, constant_basis, orthonormal_basis

FloatArray = NDArray[np.float64]

# Of the largest variance over the smallest, with moderators: the normal equations lose as many digits as this
# has, and six are left. An intercept alone loses none (:mod:`causalsig.meta.sums`).
MOST_UNEQUAL = 1e10
# Above this the third power of a weight is far from overflow.
LEAST_VARIANCE = 1e-100


@dataclass(frozen=True, slots=True, eq=False)
class MetaInputs(ComparedByValue):
    """Checked data of one meta-analysis.

    Attributes
    ----------
    estimates, variances : (k,) arrays
        One effect a site, any scale; its sampling variance on that scale squared, known and positive.
    design : (k, p) array
        Intercept first (when there is one), then the moderators.
    basis : Basis
        Orthonormal basis of the design's column space.
    names : tuple of p str
        Column names of the design.
    intercept : bool
        Whether the first column is the intercept.
    """

    estimates: FloatArray
    variances: FloatArray
    design: FloatArray
    basis: Basis
    names: tuple[str, ...]
    intercept: bool


def freeze(values: Any) -> FloatArray:
    """Copy into a read-only float array."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def as_floats(name: str, values: Any) -> FloatArray:
    """Turn array-likes (lists, arrays, Series, frames) into floats, without echoing a value in errors."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise MetaError(
            "meta-not-numbers",
            expected=f"{name} to be an array of numbers",
            found=f"a {type(values).__name__} that cannot be read as one",
            mend="Give floats; leave sites without an estimate out.",
        ) from None


def check_effects(
    estimates: Any, variances: Any, axes: int, *, missing: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Check estimates with so many axes, the sites last, and their variances of the same shape.

    Where sites may be missing, a missing estimate says so; its variance is then made missing too.

    Raises
    ------
    MetaError
        ``meta-shape``, ``meta-empty``, ``meta-not-finite``, ``meta-variance`` or ``meta-not-numbers``.
    """
    y = as_floats("estimates", estimates)
    v = as_floats("variances", variances)
    if axes == 2 and v.ndim == 1 and y.ndim == 2:
        v = np.repeat(v[None], len(y), axis=0)
    if y.ndim != axes or v.shape != y.shape:
        raise MetaError(
            "meta-shape",
            expected=f"estimates and variances of one shape {'(k,)' if axes == 1 else '(B, k)'}",
            found=f"estimates {y.shape} and variances {v.shape}",
            mend="Give one estimate and one variance a site; random_effects_batch takes a leading axis.",
        )
    if y.size == 0:
        raise MetaError(
            "meta-empty", expected="at least one estimate", found="none", mend="Pool at least one site."
        )
    absent = np.isnan(y)
    if missing and absent.any():
        present = ~absent
        _refuse_not_finite("estimates", y[present])
        _refuse_not_finite("variances", v[present])
        if present.any():
            _refuse_variances(v[present])
        v[absent] = np.nan
        return y, v
    _refuse_not_finite("estimates", y)
    _refuse_not_finite("variances", v)
    _refuse_variances(v)
    return y, v


def check_inputs(estimates: Any, variances: Any, moderators: Any, intercept: bool) -> MetaInputs:
    """Check and assemble the data of one meta-analysis.

    Raises
    ------
    MetaError
        ``meta-shape``, ``meta-empty``, ``meta-not-finite``, ``meta-variance``, ``meta-no-columns``,
        ``meta-too-many-moderators``, ``meta-collinear`` or ``meta-not-numbers``.
    """
    y, v = check_effects(estimates, variances, 1)
    design, names = design_of(moderators, intercept, len(y))
    basis = checked_basis(design, names)
    refuse_unequal(v, basis)
    # These three are copies of what the caller gave already.
    for each in (y, v, design):
        each.setflags(write=False)
    return MetaInputs(y, v, design, basis, names, intercept)


def _refuse_not_finite(name: str, values: FloatArray) -> None:
    finite = np.isfinite(values)
    bad = 0 if finite.all() else int(np.count_nonzero(~finite))
    if bad:
        raise MetaError(
            "meta-not-finite",
            expected=f"finite {name}",
            found=f"{bad} missing or infinite of {values.size}",
            mend="Leave those sites out and say so; nothing is imputed here.",
        )


def _refuse_variances(variances: FloatArray) -> None:
    if variances.min() > LEAST_VARIANCE:
        return
    with np.errstate(divide="ignore", over="ignore"):
        # Third powers of the weights enter the curvature of the likelihood.
        usable = (variances > 0.0) & np.isfinite(variances**-3.0)
    bad = int(np.count_nonzero(~usable))
    if bad:
        raise MetaError(
            "meta-variance",
            expected="variances above zero",
            found=f"{bad} of {variances.size} zero, negative or too small to invert",
            mend="A site without sampling variance cannot be weighted; leave it out or release its variance.",
        )


def refuse_unequal(variances: FloatArray, basis: Basis) -> None:
    """Refuse variances (..., k) too far apart for a meta-regression."""
    if basis.constant or basis.p == basis.k:
        return
    ratio = float((variances.max(axis=-1) / variances.min(axis=-1)).max())
    if ratio > MOST_UNEQUAL:
        raise MetaError(
            "meta-variance",
            expected=f"variances within a factor {MOST_UNEQUAL:.0e} of each other, with moderators",
            found="variances further apart",
            mend="Look at the smallest variance: nothing is known that precisely. Leave that site out.",
        )


def design_of(moderators: Any, intercept: bool, k: int) -> tuple[FloatArray, tuple[str, ...]]:
    """Design matrix (k, p), intercept first, and the names of its columns."""
    columns: list[FloatArray] = [np.ones((k, 1))] if intercept else []
    names: list[str] = ["intercept"] if intercept else []
    if moderators is not None:
        matrix = as_floats("moderators", moderators)
        matrix = matrix[:, None] if matrix.ndim == 1 else matrix
        if matrix.ndim != 2 or matrix.shape[0] != k:
            raise MetaError(
                "meta-shape",
                expected=f"moderators of shape ({k},) or ({k}, q)",
                found=str(matrix.shape),
                mend="Give one row of moderators a site.",
            )
        _refuse_not_finite("moderators", matrix)
        columns.append(matrix)
        names += _column_names(moderators, matrix.shape[1])
    if not names:
        raise MetaError(
            "meta-no-columns",
            expected="an intercept, moderators, or both",
            found="neither",
            mend="Give moderators, or leave intercept=True.",
        )
    return np.concatenate(columns, axis=1), tuple(names)


def _column_names(moderators: Any, count: int) -> list[str]:
    labels = getattr(moderators, "columns", None)
    if labels is not None:
        return [str(label) for label in labels]
    name = getattr(moderators, "name", None)
    if count == 1 and isinstance(name, str):
        return [name]
    return [f"moderator_{index + 1}" for index in range(count)]


def checked_basis(design: FloatArray, names: tuple[str, ...]) -> Basis:
    """Basis of a design (..., k, p), refused when it has too many columns or they follow from each other."""
    k, p = design.shape[-2:]
    # One site and a column of one is the identity; any other saturated design leaves nothing to estimate
    # the heterogeneity from.
    if k <= p and not (k == p == 1 and np.all(design == 1.0)):
        raise MetaError(
            "meta-too-many-moderators",
            expected=f"more sites than coefficients ({p})",
            found=f"{k} sites",
            mend="Use fewer moderators, or more sites.",
        )
    if p == 1 and (design == 1.0).all():
        return constant_basis(k)
    basis = orthonormal_basis(design)
    if basis is None:
        raise MetaError(
            "meta-collinear",
            expected="linearly independent columns in the design",
            found=f"columns {', '.join(names)} that are combinations of each other",
            mend="Drop a moderator; a constant moderator needs intercept=False.",
        )
    return basis
