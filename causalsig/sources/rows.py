"""Rows of frames sorted, kept, matched and grouped by arrays: quick for a small site as well as a large one.

Every call of pandas costs about as much as handling a thousand rows, and a small site has a hundred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalsig.sources.checks_view import as_objects, days, earliest, positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def sort_rows(frame: pd.DataFrame, by: Sequence[str], *, missing_first: bool = False) -> pd.DataFrame:
    """Sort rows stably by these columns, with a plain index; the frame itself when they are in order."""
    if not by:
        return frame
    order = order_of(frame, by, missing_first=missing_first)
    if np.array_equal(order, np.arange(len(order))):
        return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index(drop=True)
    return _take(frame, order)


def order_of(frame: pd.DataFrame, by: Sequence[str], *, missing_first: bool = False) -> NDArray[np.int64]:
    """Rows in the stable order of these columns, shape (n,)."""
    *most, last = by
    ranks = [_ranks(frame[name], missing_first) for name in most]
    if not most or frame[last].dtype != object:
        ranks.append(_ranks(frame[last], missing_first))
        return np.lexsort(ranks[::-1])
    # Texts are slow to rank, and the last ones mostly identifiers: only those that decide are looked at.
    order = np.lexsort(ranks[::-1])
    same = np.ones(max(len(order) - 1, 0), dtype=bool)
    for rank in ranks:
        same &= rank[order][1:] == rank[order][:-1]
    tied = np.append(same, False) | np.append(False, same)
    if tied.any():
        group = np.append(0, np.cumsum(~same))[tied]
        rows = order[tied]
        order[tied] = rows[np.lexsort([_ranks(frame[last].iloc[rows], missing_first), group])]
    return order


def _ranks(column: pd.Series, missing_first: bool) -> NDArray[np.generic]:
    """Numbers in the order of the values, shape (n,)."""
    values = column.to_numpy()
    if values.dtype.kind == "M":
        moments: NDArray[np.int64] = values.view("int64")  # of these what is missing is the lowest
        return moments if missing_first else np.where(np.isnat(values), np.iinfo(np.int64).max, moments)
    if values.dtype.kind == "f":
        return np.where(np.isnan(values), -np.inf if missing_first else np.inf, values)
    if values.dtype.kind in "iub":
        return values
    codes, _ = pd.factorize(as_objects(column), sort=True)
    return codes if missing_first else np.where(codes < 0, len(codes), codes)


def keep_rows(frame: pd.DataFrame, kept: NDArray[np.bool_]) -> pd.DataFrame:
    """Keep rows, with a plain index; the frame itself when all of them are kept."""
    return frame if kept.all() else _take(frame, np.flatnonzero(kept))


def _take(frame: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    taken = frame.take(rows)
    taken.index = pd.RangeIndex(len(rows))
    return taken


def repeated(keys: pd.Series) -> int:
    """How many rows carry a key that an earlier row carries too; missing ones are no key."""
    codes, unique = pd.factorize(as_objects(keys))
    return int((codes >= 0).sum()) - len(unique)


def is_in(keys: pd.Series, *tables: pd.Series) -> NDArray[np.bool_]:
    """Whether any of the tables holds each key, shape (n,); a missing one never."""
    known = np.concatenate([as_objects(table) for table in tables])
    return positions(keys, pd.Series(known, dtype=object)) >= 0


def first_days(of: pd.Series, keys: pd.Series, dates: pd.Series) -> NDArray[np.datetime64]:
    """Earliest of the dates that go with each key of ``of``, which are unique; shape (len(of),)."""
    return _as_dates(earliest(positions(keys, of), days(dates), len(of)))


def last_days(of: pd.Series, keys: pd.Series, dates: pd.Series) -> NDArray[np.datetime64]:
    """Latest of the dates that go with each key of ``of``, which are unique; shape (len(of),)."""
    return _as_dates(-earliest(positions(keys, of), -days(dates), len(of)))


def _as_dates(day: NDArray[np.float64]) -> NDArray[np.datetime64]:
    found = np.full(len(day), np.datetime64("NaT", "s"))
    known = ~np.isnan(day)
    found[known] = day[known].astype("int64").astype("datetime64[D]")
    return found
