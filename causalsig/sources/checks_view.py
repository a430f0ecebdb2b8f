"""The columns that checks look at, as arrays: identifiers are matched once, whatever the number of checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from causalsig.sources.schema import SiteTables


def days(dates: pd.Series) -> NDArray[np.float64]:
    """Dates as days since 1970, shape (n,); NaN when missing, so that every comparison with it is false."""
    whole = dates.to_numpy("datetime64[D]")
    return np.where(np.isnat(whole), np.nan, whole.astype("int64").astype("float64"))


def is_missing(column: pd.Series) -> NDArray[np.bool_]:
    """Whether nothing is known, shape (n,)."""
    missing: NDArray[np.bool_] = pd.isna(column.to_numpy())
    return missing


def one_of(column: pd.Series, codes: Collection[str]) -> NDArray[np.bool_]:
    """Whether a text is one of ``codes``, shape (n,); a missing one is not."""
    found, unique = pd.factorize(as_objects(column))
    return np.array([*(text in codes for text in unique.tolist()), False], dtype=bool)[found]


def month_of(day: NDArray[np.float64]) -> NDArray[np.int64]:
    """Calendar month as months since January 1970, shape (n,), of days that are all known."""
    return day.astype("int64").astype("datetime64[D]").astype("datetime64[M]").astype("int64")


def as_objects(keys: pd.Series | pd.Index) -> NDArray[np.object_]:
    """Return identifiers as Python objects: Arrow's strings are slow to look up and cannot hold all."""
    return keys.to_numpy(dtype=object)


def positions(keys: pd.Series, table: pd.Series | pd.Index) -> NDArray[np.int64]:
    """Row of ``table`` that carries each of ``keys``, shape (n,): the first one, -1 where there is none."""
    codes, unique = pd.factorize(np.concatenate([as_objects(table), as_objects(keys)]))
    first = np.full(len(unique), -1, dtype=np.int64)
    rows = np.arange(len(table))[::-1]
    known = codes[: len(table)][::-1] >= 0
    first[codes[: len(table)][::-1][known]] = rows[known]
    wanted = codes[len(table) :]
    return np.where(wanted >= 0, first[wanted], -1) if len(first) else np.full(len(keys), -1)


def earliest(rows: NDArray[np.int64], day: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Earliest day of each of ``size`` rows over what points at it (-1 at none); NaN where nothing does."""
    first = np.full(size, np.nan)
    linked = rows >= 0
    np.fmin.at(first, rows[linked], day[linked])
    return first


def at(values: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """``values`` of these rows, shape (n,); NaN where there is no row (-1)."""
    return np.where(rows >= 0, values[rows], np.nan) if len(values) else np.full(len(rows), np.nan)


def group_medians(
    groups: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return groups in rising order, their sizes and the lower medians of their values, each of shape (g,).

    The lower median is one of the values, so that a half-and-half mixture of two scales has a median on one
    of them and not between.
    """
    order = np.lexsort((values, groups))
    unique, start, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    return unique, sizes, values[order][start + (sizes - 1) // 2]


@dataclass(frozen=True, slots=True)
class View:
    """One municipality's tables as arrays over its n signals, c cases and a attempts; days are since 1970.

    Attributes
    ----------
    received, forwarded : (n,) float
    cents : (n,) float
    creditor : (n,) int
        The signal's row among the creditors, -1 where it has none.
    case : (n,) int
        The signal's row among the cases, -1 where it has none.
    named : (n,) bool
        Whether the signal names a case, found or not.
    episode : (n,) int
        The signal's row among the episodes.
    opened, closed : (c,) float
    first_signal : (c,) float
        Earliest kept signal; NaN when none is kept or dated.
    with_signals : (c,) bool
    attempt_case : (a,) int
        The attempt's row among the cases.
    attempted : (a,) float
    extracted : float
    """

    received: NDArray[np.float64]
    forwarded: NDArray[np.float64]
    cents: NDArray[np.float64]
    creditor: NDArray[np.int64]
    case: NDArray[np.int64]
    named: NDArray[np.bool_]
    episode: NDArray[np.int64]
    opened: NDArray[np.float64]
    closed: NDArray[np.float64]
    first_signal: NDArray[np.float64]
    with_signals: NDArray[np.bool_]
    attempt_case: NDArray[np.int64]
    attempted: NDArray[np.float64]
    extracted: float

    @classmethod
    def of(cls, tables: SiteTables) -> View:
        """Match the identifiers of canonical tables."""
        signals, cases, attempts = tables.signals, tables.cases, tables.attempts
        case = positions(signals["case_id"], cases["case_id"])
        received = days(signals["received_on"])
        with_signals = np.zeros(len(cases), dtype=bool)
        with_signals[case[case >= 0]] = True
        return cls(
            received=received,
            forwarded=days(signals["forwarded_on"]),
            cents=signals["amount_cents"].to_numpy("float64"),
            creditor=positions(signals["creditor_id"], tables.creditors["creditor_id"]),
            case=case,
            named=~is_missing(signals["case_id"]),
            episode=positions(signals["episode_id"], tables.episodes["episode_id"]),
            opened=days(cases["opened_on"]),
            closed=days(cases["closed_on"]),
            first_signal=earliest(case, received, len(cases)),
            with_signals=with_signals,
            attempt_case=positions(attempts["case_id"], cases["case_id"]),
            attempted=days(attempts["attempted_on"]),
            extracted=float(np.datetime64(tables.extracted_on, "D").astype("int64")),
        )
