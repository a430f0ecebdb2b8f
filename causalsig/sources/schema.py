"""The canonical tables every adapter produces and every later step reads.

One row a signal, an episode, a case, a contact attempt. Names are the field's English terms; code lists are
in :mod:`causalsig.codes`. Dates are midnight timestamps without a zone, money is whole cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Kind = Literal["key", "date", "cents", "number", "flag", "code"]
"""key: text identifier · date: datetime64 · cents: float64 whole cents, NaN missing · number: float64, NaN
missing · flag: float64 1 / 0, NaN unknown · code: text out of a code list, missing is None."""

SIGNALS: Mapping[str, Kind] = MappingProxyType(
    {
        "signal_id": "key",
        "household_key": "key",
        "received_on": "date",
        "arrears_start": "date",
        "creditor_id": "key",
        "creditor_type": "code",
        "amount_cents": "cents",
        "instalment_cents": "cents",
        "crisis": "flag",
        "age": "number",
        "minor_children": "flag",
        "repeat_m1": "flag",
        "repeat_m2": "flag",
        "repeat_m3": "flag",
        "repeat_m4": "flag",
        "repeat_m5": "flag",
        "repeat_m6": "flag",
        "district": "key",
        "forwarded_on": "date",
        "case_id": "key",
        "episode_id": "key",
        "new_arrears": "flag",
    }
)
EPISODES: Mapping[str, Kind] = MappingProxyType(
    {
        "episode_id": "key",
        "household_key": "key",
        "matched_on": "date",
        "period_start": "date",
        "period_end": "date",
        "n_creditors": "number",
        "case_id": "key",
    }
)
CASES: Mapping[str, Kind] = MappingProxyType(
    {
        "case_id": "key",
        "household_key": "key",
        "opened_on": "date",
        "closed_on": "date",
        "withdrawn": "flag",
        "unjustified": "flag",
        "result": "code",
    }
)
ATTEMPTS: Mapping[str, Kind] = MappingProxyType(
    {
        "attempt_id": "key",
        "case_id": "key",
        "attempted_on": "date",
        "method": "code",
        "daypart": "code",
        "reached": "flag",
        "wants_help": "flag",
        "is_final": "flag",
    }
)
FOLLOWUPS: Mapping[str, Kind] = MappingProxyType(
    {"case_id": "key", "followed_up_on": "date", "method": "code"}
)
CREDITORS: Mapping[str, Kind] = MappingProxyType({"creditor_id": "key", "creditor_type": "code"})

TABLES: Mapping[str, Mapping[str, Kind]] = MappingProxyType(
    {
        "signals": SIGNALS,
        "episodes": EPISODES,
        "cases": CASES,
        "attempts": ATTEMPTS,
        "followups": FOLLOWUPS,
        "creditors": CREDITORS,
    }
)


@dataclass(frozen=True, slots=True)
class Matching:
    """How a municipality turns signals into episodes.

    Attributes
    ----------
    frequency : {"monthly", "weekly"}
        Monthly: signals of a calendar month are matched on ``day`` of that month. Weekly: signals up to and
        including weekday ``day`` (1 = Monday) of a week are matched on that day.
    day : int
        Day of the month (1 to 28) or ISO weekday (1 to 7). Signals received after it wait for the next one.
    """

    frequency: Literal["monthly", "weekly"] = "monthly"
    day: int = 15


@dataclass(frozen=True, slots=True)
class SiteTables:
    """One municipality's data in canonical form.

    Attributes
    ----------
    municipality : str
        The municipality's own code, text with leading zeros ("0363").
    extracted_on : datetime.date
        Date of the extract E; nothing after it is known.
    signals, episodes, cases, attempts, followups, creditors : pandas.DataFrame
        Columns and kinds as in ``TABLES``; every frame has a plain RangeIndex.
    """

    municipality: str
    extracted_on: date
    signals: pd.DataFrame
    episodes: pd.DataFrame
    cases: pd.DataFrame
    attempts: pd.DataFrame
    followups: pd.DataFrame
    creditors: pd.DataFrame


def conform(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with exactly the canonical columns of ``table``, in order and of the canonical types.

    Missing columns are added as missing values; columns outside the schema are dropped (names, streets and
    free text never come further than the adapter).
    """
    there = set(frame.columns)
    columns = {
        name: _conformed(frame[name], kind) if name in there else _missing(kind, len(frame))
        for name, kind in TABLES[table].items()
    }
    return frame_of(columns, len(frame))


def frame_of(columns: Mapping[str, NDArray[Any]], rows: int) -> pd.DataFrame:
    """Frame of arrays of shape (rows,), in which texts stay Python's, and None where there is none.

    Else pandas chooses a text type by its version and by what is installed, and what is missing compares
    differently in each.
    """
    import pandas as pd

    index = pd.RangeIndex(rows)
    texts = {
        name: pd.Series(values, index=index, dtype=object, copy=False)
        for name, values in columns.items()
        if values.dtype == object
    }
    return pd.DataFrame({**columns, **texts}, index=index)


def _missing(kind: Kind, rows: int) -> NDArray[Any]:
    """Column of ``kind`` in which nothing is known, shape (rows,)."""
    import numpy as np

    if kind == "date":
        return np.full(rows, np.datetime64("NaT", "s"))
    return np.full(rows, None, dtype=object) if kind in ("key", "code") else np.full(rows, np.nan)


def _conformed(values: pd.Series, kind: Kind) -> NDArray[Any]:
    """Column of its canonical type, shape (n,); the frame's own memory where the type is right already."""
    import numpy as np
    import pandas as pd

    if kind == "date":
        if values.dtype == "datetime64[s]":
            return values.to_numpy()
        return pd.to_datetime(values).astype("datetime64[s]").to_numpy()
    if kind not in ("key", "code"):
        return values.to_numpy() if values.dtype == np.float64 else values.astype("float64").to_numpy()
    texts: NDArray[np.object_] = values.to_numpy(dtype=object, copy=True)
    if pd.api.types.infer_dtype(texts, skipna=True) not in ("string", "empty"):
        texts = np.array(values.astype("string"), dtype=object)
    texts[pd.isna(texts)] = None
    return texts
