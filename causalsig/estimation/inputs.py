"""Checks at the boundary: what the estimators were given, as arrays that fit together.

DataFrames are accepted by duck typing (`.to_numpy`, `.index`); rows are aligned by position and a mismatched
index is an error. No message holds a value from the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.results import Arm, Floats, Integers

LARGEST_VALUE = 1e9
LEFT_OUT = ("score", "outcome", "taken_up")
"""What an episode cannot do without; other missing facts are a category of their own."""
"""Beyond it squares lose the digits a standard error needs: the unit should be changed."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Who was in which arm: checked arrays in the caller's row order.

    Attributes
    ----------
    covariates : (n, p)
    codes : (n,) int, position in `arms`
    arms : tuple, length K
    clusters : (n,) int, 0 to G - 1, numbered in the order of the sorted household ids
    household_ids : tuple of str, length G
    order : (n,) int
        The row order in which every sum is taken, fixed by household, arm and covariates; what these leave
        equal is settled by `ordering.settled`.
    named : bool
        Whether households were given; otherwise every row is one of its own.
    """

    covariates: Floats
    codes: Integers
    arms: tuple[Arm, ...]
    clusters: Integers
    household_ids: tuple[str, ...]
    order: Integers
    named: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Outcomes (n, J), zero where not observed, with `observed` (n, J); `single` when a vector came in."""

    values: Floats
    observed: NDArray[np.bool_]
    single: bool


def check_aligned(**inputs: Any) -> None:
    """Refuse inputs whose row labels differ."""
    labelled = [(name, v.index) for name, v in inputs.items() if hasattr(v, "index") and hasattr(v, "iloc")]
    for name, index in labelled[1:]:
        if not labelled[0][1].equals(index):
            raise EstimationError(
                "estimation-index",
                expected=f"the row labels of {name} in the order of {labelled[0][0]}",
                found="another index",
                mend="Align the rows first, or give numpy arrays.",
                where=name,
            )


def read_sample(
    covariates: Any, treatment: Any, *, arms: Sequence[Arm] | None = None, households: Any = None
) -> Sample:
    """Check covariates, treatment and households together.

    Raises
    ------
    EstimationError
        ``estimation-length``, ``estimation-dtype``, ``estimation-missing``, ``estimation-magnitude``,
        ``estimation-one-arm``, ``estimation-empty-arm``, ``estimation-unknown-arm``,
        ``estimation-one-household``.
    """
    x, codes, names = read_rows(covariates, treatment, arms)
    n = len(codes)
    content = np.lexsort((*x.T[::-1], codes))
    if households is None:
        # Without ids a row's content names it, so that the splits still do not depend on the row order.
        clusters = np.empty(n, dtype=np.int64)
        clusters[content] = np.arange(n)
        ids = tuple(map(str, range(n)))
        order = content
    else:
        clusters, ids = code_households(households, n)
        order = content[np.argsort(clusters[content], kind="stable")]
    if len(ids) < 2:
        raise EstimationError(
            "estimation-one-household",
            expected="at least two households",
            found=f"{len(ids)}",
            mend="A single household has no variance: leave this analysis out.",
            where="households",
        )
    return Sample(x, codes, names, clusters, ids, order.astype(np.int64), households is not None)


def read_rows(
    covariates: Any, treatment: Any, arms: Sequence[Arm] | None
) -> tuple[Floats, Integers, tuple[Arm, ...]]:
    """Check covariates (n, p) and treatment: numbers, codes (n,) and the arms they stand for."""
    labels = read_labels(treatment, "treatment")
    n = len(labels)
    x = np.zeros((n, 0)) if covariates is None else read_numbers(covariates, "covariates", n, ndim=2)
    return x, *_code_arms(labels, arms)


def check_households(codes: Integers, clusters: Integers, arms: tuple[Arm, ...], where: str) -> None:
    """Refuse an arm whose rows all belong to one household: its mean would seem to have no error.

    Parameters
    ----------
    codes, clusters : (m,) of the rows that count
    """
    for k, arm in enumerate(arms):
        inside = clusters[codes == k]
        if len(inside) and inside.min() == inside.max():
            raise EstimationError(
                "estimation-one-household",
                expected="at least two households in every arm",
                found=f"one in {arm}",
                mend="A single household has no variance: leave the arm out.",
                where=where,
            )


def read_outcomes(outcome: Any, observed: Any, n: int) -> Outcomes:
    """Check outcomes: NaN only where `observed` is False.

    Raises
    ------
    EstimationError
        ``estimation-length``, ``estimation-dtype``, ``estimation-missing``, ``estimation-magnitude``,
        ``estimation-all-censored``.
    """
    y = read_numbers(outcome, "outcome", n, ndim=None, missing=True)
    single = y.ndim == 1
    y = y[:, None] if single else y
    if not y.shape[1]:
        _refuse_shape("outcome", "at least one column", "none")
    seen = np.ones(y.shape, dtype=bool)
    if observed is not None:
        flags = _array(observed, "observed")
        if flags.dtype.kind != "b":
            raise EstimationError(
                "estimation-dtype",
                expected="True and False",
                found=f"dtype {flags.dtype}",
                mend="True means followed to the end of the window.",
                where="observed",
            )
        seen = _spread(flags, y.shape)
    missing = int(np.sum(np.isnan(y) & seen))
    if missing:
        _refuse_missing("outcome", missing, "Set `observed` to False where the outcome is not known.")
    if not seen.any(axis=0).all():
        raise EstimationError(
            "estimation-all-censored",
            expected="some episodes followed to the end",
            found="none",
            mend="Take a shorter horizon.",
            where="observed",
        )
    return Outcomes(np.where(seen, np.nan_to_num(y), 0.0), seen, single)


def _spread(flags: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Give every outcome (n, J) the flags of its rows: one vector for all, or a column each."""
    column = flags[:, None] if flags.ndim == 1 else flags
    if column.ndim != 2 or column.shape[1] not in (1, shape[1]):
        _refuse_shape("observed", "a vector, or one column an outcome", f"{flags.ndim} dimensions")
    check_length(len(column), shape[0], "observed")
    return np.broadcast_to(column, shape)


def read_numbers(value: Any, where: str, n: int, *, ndim: int | None, missing: bool = False) -> Floats:
    """Read a numeric array or frame as float64.

    Parameters
    ----------
    ndim : int or None
        Required dimensions; None allows one or two.
    missing : bool
        Whether NaN may occur.
    """
    array = _array(value, where)
    kinds = _kinds(value) if array.dtype.kind == "O" else {array.dtype.kind}
    if not kinds <= set("biuf"):
        raise EstimationError(
            "estimation-dtype",
            expected="numbers",
            found=f"dtype {array.dtype}",
            mend="Encode categories as columns of 0 and 1 first.",
            where=where,
        )
    # Columns of nullable types arrive as objects, their NA as an object too.
    nullable = array.dtype.kind == "O"
    numbers = value.to_numpy(dtype=np.float64, na_value=np.nan) if nullable else array.astype(np.float64)
    if numbers.ndim not in ((1, 2) if ndim is None else (ndim,)):
        _refuse_shape(where, f"{ndim or '1 or 2'} dimensions", f"{numbers.ndim}")
    check_length(len(numbers), n, where)
    holes = int(np.isnan(numbers).sum())
    if holes and not missing:
        mend = "Leave such episodes out, and count how many."
        if where not in LEFT_OUT:
            mend = "Missing is a category of its own: encode it as a column."
        _refuse_missing(where, holes, mend)
    if numbers.size and np.nanmax(np.abs(numbers), initial=0.0) >= LARGEST_VALUE:
        raise EstimationError(
            "estimation-magnitude",
            expected="values below 1e9 in size",
            found="a larger or infinite one",
            mend="Take a larger unit, a logarithm, or look for an error in the data.",
            where=where,
        )
    return numbers


def _array(value: Any, where: str) -> NDArray[Any]:
    """Read anything as an array; entries that are masked are missing, never what lies under the mask."""
    if isinstance(value, np.ma.MaskedArray):
        plain, hidden = np.asarray(value.data), np.asarray(np.ma.getmaskarray(value))
        if not hidden.any():
            return plain
        numeric = plain.dtype.kind in "biuf"
        shown = plain.astype(np.float64 if numeric else object)
        shown[hidden] = np.nan if numeric else None
        return shown
    try:
        return np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value)
    except ValueError:
        _refuse_shape(where, "rows of one length", "rows of several lengths")
        raise


def _kinds(value: Any) -> set[str]:
    """Give the kinds of the columns of a frame or series, as letters of numpy: its own array is of objects.

    It is where numbers of several kinds meet (bool beside float), or where a type has an NA of its own.
    """
    dtypes = getattr(value, "dtypes", None)
    if dtypes is None or not hasattr(value, "iloc"):
        return {"O"}
    return {getattr(d, "kind", "O") for d in (dtypes if hasattr(dtypes, "__iter__") else [dtypes])}


def check_length(found: int, n: int, where: str) -> None:
    """Refuse another number of rows than the arrays beside it have."""
    if found != n:
        raise EstimationError(
            "estimation-length",
            expected=f"{n} rows, one an episode as in the others",
            found=f"{found}",
            mend="Give one row an episode.",
            where=where,
        )


def _refuse_shape(where: str, expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-shape", expected=expected, found=found, mend="Give one row an episode.", where=where
    )


def _refuse_missing(where: str, count: int, mend: str) -> None:
    raise EstimationError(
        "estimation-missing", expected="no missing values", found=f"{count} missing", mend=mend, where=where
    )


def read_labels(value: Any, where: str) -> list[Any]:
    """Read a vector of labels; none may be missing."""
    array = _array(value, where)
    if array.ndim != 1 or not len(array):
        _refuse_shape(where, "a vector with one entry an episode", f"shape {array.shape}")
    labels: list[Any] = array.tolist()
    # NaN and NA are the only labels that differ from themselves (NA answers with NA, which has no truth).
    holes = sum(v is None or type(v).__name__ in {"NAType", "NaTType"} or v != v for v in labels)
    if holes:
        _refuse_missing(where, holes, "Every episode needs one.")
    return labels


def _code_arms(labels: list[Any], arms: Sequence[Arm] | None) -> tuple[Integers, tuple[Arm, ...]]:
    try:
        present = set(labels)
        names = tuple(sorted(present) if arms is None else np.asarray(arms, dtype=object).tolist())
        different = len(set(names))
    except (TypeError, ValueError):
        raise EstimationError(
            "estimation-dtype",
            expected="arm labels of one type",
            found="labels that cannot be told apart or ordered",
            mend="Use text or whole numbers.",
            where="treatment",
        ) from None
    if len(names) < 2 or different < len(names):
        raise EstimationError(
            "estimation-one-arm",
            expected="at least two different arms",
            found=f"{different}",
            mend="There is nothing to compare: leave this analysis out.",
            where="treatment",
        )
    if present - set(names):
        raise EstimationError(
            "estimation-unknown-arm",
            expected=f"only the {len(names)} arms declared",
            found=f"{len(present - set(names))} other labels",
            mend="Leave episodes of other arms out before estimating.",
            where="treatment",
        )
    empty = [str(a) for a in names if a not in present]
    if empty:
        raise EstimationError(
            "estimation-empty-arm",
            expected="episodes in every declared arm",
            found=f"none in {', '.join(empty)}",
            mend="Leave the arm out of `arms`.",
            where="treatment",
        )
    place = {name: k for k, name in enumerate(names)}
    return np.array([place[v] for v in labels], dtype=np.int64), names


def code_households(households: Any, n: int) -> tuple[Integers, tuple[str, ...]]:
    """Code households by the order of their sorted ids: (n,), and the ids."""
    ids = np.array([str(v) for v in read_labels(households, "households")])
    check_length(len(ids), n, "households")
    unique, codes = np.unique(ids, return_inverse=True)
    return codes.astype(np.int64), tuple(unique.tolist())
