"""Checks of each table on its own: columns, kinds, keys, code lists, and values that cannot be."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from causalsig.codes import CREDITOR_TYPES, DAYPARTS, METHODS, RESULTS
from causalsig.sources.amounts import LARGEST_CENTS
from causalsig.sources.checks_view import as_objects, days, is_missing
from causalsig.sources.schema import TABLES
from causalsig.sources.tabs import EARLIEST, OLDEST_AGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from causalsig.sources.findings import FindingList, Severity
    from causalsig.sources.schema import Kind, SiteTables

ADULT: Final = 18
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "signals": "signal_id",
        "episodes": "episode_id",
        "cases": "case_id",
        "attempts": "attempt_id",
        "creditors": "creditor_id",
    }
)
"""The column of each table that must be there on every row and differ on every row."""
NEEDED: Mapping[str, Mapping[str, Severity]] = MappingProxyType(
    {
        "signals": MappingProxyType(
            {
                "household_key": "error",
                "received_on": "error",
                "creditor_id": "warning",
                "amount_cents": "warning",
            }
        ),
        "attempts": MappingProxyType({"case_id": "error", "attempted_on": "error", "reached": "warning"}),
    }
)
"""Columns that the questions need; wholly empty they are worse than a row here and there without."""
CODE_LISTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "creditor_type": frozenset(CREDITOR_TYPES),
        "method": frozenset(METHODS),
        "daypart": frozenset(DAYPARTS),
        "result": frozenset(RESULTS),
    }
)
DAYS_AHEAD: Mapping[str, int] = MappingProxyType(
    {"matched_on": 62, "period_start": 62, "period_end": 62, "followed_up_on": 3653}
)
"""Signals of the last days wait for a matching day after the extract; follow-ups are planned ahead."""


def check_form(tables: SiteTables, findings: FindingList) -> bool:
    """Whether every canonical column is there and of its kind; without that nothing else can be looked at."""
    whole = True
    for table, kinds in TABLES.items():
        frame: pd.DataFrame = getattr(tables, table)
        types = dict(zip(frame.columns, frame.dtypes, strict=True))
        for name, kind in kinds.items():
            if name not in types:
                code = "source-table-column-missing"
            elif not _of_kind(types[name], kind):
                code = "source-table-column-kind"
            else:
                continue
            findings.add(code, table, name, 1, "error")
            whole = False
    return whole


def _of_kind(dtype: Any, kind: Kind) -> bool:
    if kind == "date":
        return pd.api.types.is_datetime64_dtype(dtype)
    if kind in ("key", "code"):
        return pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype)
    return pd.api.types.is_float_dtype(dtype)


def check_values(tables: SiteTables, findings: FindingList) -> None:
    """Count missing and repeated keys, empty columns, and values outside a code list or the possible."""
    for table, kinds in TABLES.items():
        frame = getattr(tables, table)
        if frame.empty:
            continue
        if table in KEYS:
            _check_key(frame[KEYS[table]], table, findings)
        for name, weight in NEEDED.get(table, {}).items():
            empty = len(frame) if is_missing(frame[name]).all() else 0
            findings.add("source-needed-column-empty", table, name, empty, weight)
        for name, kind in kinds.items():
            if kind == "code":
                outside = _outside(frame[name], CODE_LISTS[name])
                findings.add("source-code-outside-list", table, name, outside, "error")
            elif kind == "date":
                impossible = _impossible_dates(frame[name], name, tables)
                findings.add("source-date-impossible", table, name, impossible, "error")
            elif kind != "key":
                impossible = int(_impossible(name, kind, frame[name].to_numpy("float64")).sum())
                severity: Severity = "warning" if kind == "number" else "error"
                findings.add("source-value-impossible", table, name, impossible, severity)
    ages = tables.signals["age"].to_numpy("float64")
    minor = int(((ages >= 0) & (ages < ADULT)).sum())
    findings.add("source-debtor-under-age", "signals", "age", minor)


def _check_key(column: pd.Series, table: str, findings: FindingList) -> None:
    codes, unique = pd.factorize(as_objects(column))
    known = int((codes >= 0).sum())
    findings.add("source-missing-key", table, KEYS[table], len(codes) - known)
    findings.add("source-repeated-key", table, KEYS[table], known - len(unique), "error")


def _outside(column: pd.Series, codes: frozenset[str]) -> int:
    found, unique = pd.factorize(as_objects(column))
    outside = np.array([*(text not in codes for text in unique.tolist()), False], dtype=bool)
    return int(outside[found].sum())


def _impossible_dates(column: pd.Series, name: str, tables: SiteTables) -> int:
    day = days(column)
    extracted = float(np.datetime64(tables.extracted_on, "D").astype("int64"))
    late = day > extracted + DAYS_AHEAD.get(name, 0)
    return int(((day < float(EARLIEST.astype("int64"))) | late).sum())


def _impossible(name: str, kind: Kind, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    known = ~np.isnan(values)
    if kind == "flag":
        wrong = (values != 0) & (values != 1)
    elif kind == "cents":
        wrong = (values < 0) | (values > LARGEST_CENTS) | (values != np.floor(values))
    else:
        wrong = (values < 0) | (values > (OLDEST_AGE if name == "age" else np.finfo("float64").max))
    return np.asarray(known & wrong)
