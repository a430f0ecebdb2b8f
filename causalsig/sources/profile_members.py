"""Whom a profile is of, and what it counts of each: every row of theirs, as codes, flags and months."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.recorded import Recorded
from causalsig.sources.profile import CODED, DATED, FLAGS, household_keys
from causalsig.sources.schema import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.schema import SiteTables

PROFILE: Final = "profile"
_MISSING_BITS: Final = 48
"""Columns of which a number can say exactly whether each is missing."""


def profile_members(tables: SiteTables) -> Recorded:
    """Name the households of every row that a profile counts, with what it counts of the row."""
    keys = household_keys(tables)
    counted = [_counted(tables, name, place) for place, name in enumerate(keys)]
    width = max(part.shape[1] for part in counted)
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in counted]
    owners = np.concatenate([series.to_numpy(object) for series in keys.values()])
    rows = np.flatnonzero(np.fromiter((isinstance(owner, str) for owner in owners), np.bool_))
    members = [(owner, 0) for owner in owners[rows].tolist()]
    return Recorded(members, {"counted": np.concatenate(padded)[rows]}, PROFILE)


def _counted(tables: SiteTables, name: str, place: int) -> NDArray[np.float64]:
    """Give the numbers of the rows of one table: which table, and what is counted of it."""
    frame: pd.DataFrame = getattr(tables, name)
    numbers = [np.full(len(frame), float(place))]
    for (table, column), codes in CODED.items():
        if table == name:
            of = {code: number for number, code in enumerate(codes)}
            numbers.append(frame[column].map(of).to_numpy("float64"))
    numbers += [frame[column].to_numpy("float64") for table, column in FLAGS if table == name]
    if name in dict(DATED):
        months = frame[dict(DATED)[name]].to_numpy("datetime64[M]")
        numbers.append(np.where(np.isnat(months), np.nan, months.astype(np.int64)))
    missing = np.column_stack([frame[column].isna().to_numpy() for column in TABLES[name]])
    for start in range(0, missing.shape[1], _MISSING_BITS):
        part = missing[:, start : start + _MISSING_BITS]
        numbers.append(part @ (2.0 ** np.arange(part.shape[1])))
    return np.column_stack(numbers)
