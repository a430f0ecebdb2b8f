"""The rows of one household around an episode: signals, cases and attempts, in days from time zero."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from causalsig.sources.schema import SiteTables


@dataclass(frozen=True, slots=True)
class TracedSignal:
    """A signal of the household: ``day`` from time zero; ``own`` when it is part of the episode."""

    on: date
    day: int
    creditor: str
    amount_eur: float | None
    new_arrears: bool | None
    crisis: bool
    own: bool


@dataclass(frozen=True, slots=True)
class TracedCase:
    """A case of the household; ``own`` when the episode names it. ``closed_on`` None: still open."""

    case: str
    opened_on: date | None
    closed_on: date | None
    result: str | None
    own: bool


@dataclass(frozen=True, slots=True)
class TracedAttempt:
    """An attempt on one of these cases; ``day`` from time zero."""

    on: date
    day: int
    case: str
    method: str
    reached: bool | None
    wants_help: bool | None
    own: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the source holds of the household, each kind in the order of its days."""

    signals: tuple[TracedSignal, ...]
    cases: tuple[TracedCase, ...]
    attempts: tuple[TracedAttempt, ...]


def timeline(tables: SiteTables, row: int) -> Timeline:
    """Collect the rows of the household of an episode; rows without a date are left out."""
    episode = tables.episodes.iloc[row]
    key, zero = episode["household_key"], np.datetime64(episode["matched_on"], "D")
    linked = tables.episodes.loc[tables.episodes["household_key"] == key, "case_id"].dropna()
    cases = tables.cases[(tables.cases["household_key"] == key) | tables.cases["case_id"].isin(list(linked))]
    attempts = tables.attempts[tables.attempts["case_id"].isin(list(cases["case_id"]))]
    signals = tables.signals[tables.signals["household_key"] == key]
    own = episode["case_id"]
    return Timeline(
        tuple(
            TracedSignal(
                on=day_of(one["received_on"]),
                day=_elapsed(one["received_on"], zero),
                creditor=one["creditor_type"] or "unknown",
                amount_eur=_number(one["amount_cents"], 100.0),
                new_arrears=_flag(one["new_arrears"]),
                crisis=_flag(one["crisis"]) is True,
                own=one["episode_id"] == episode["episode_id"],
            )
            for one in _dated(signals, "received_on")
        ),
        tuple(
            TracedCase(
                case=one["case_id"],
                opened_on=day_of(one["opened_on"]),
                closed_on=day_of(one["closed_on"]),
                result=one["result"],
                own=one["case_id"] == own,
            )
            for one in _dated(cases, "opened_on")
        ),
        tuple(
            TracedAttempt(
                on=day_of(one["attempted_on"]),
                day=_elapsed(one["attempted_on"], zero),
                case=one["case_id"],
                method=one["method"] or "unknown",
                reached=_flag(one["reached"]),
                wants_help=_flag(one["wants_help"]),
                own=one["case_id"] == own,
            )
            for one in _dated(attempts, "attempted_on")
        ),
    )


def _dated(frame: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    known = frame[frame[column].notna()].sort_values(column, kind="stable")
    return [{str(name): value for name, value in record.items()} for record in known.to_dict("records")]


def day_of(value: Any) -> Any:
    """Date of a cell, None when it has none."""
    import pandas as pd

    return None if pd.isna(value) else np.datetime64(value, "D").astype(object)


def _elapsed(value: Any, zero: np.datetime64) -> int:
    return int(np.datetime64(value, "D").astype(np.int64) - zero.astype(np.int64))


def _number(value: float, scale: float) -> float | None:
    return None if np.isnan(value) else float(value) / scale


def _flag(value: float) -> bool | None:
    return None if np.isnan(value) else value == 1.0
