"""Signals matched on one household on one date are an episode: grouping them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.sources.checks_view import as_objects
from causalsig.sources.rows import order_of
from causalsig.sources.schema import frame_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.schema import Matching


CASE_ORDER: Final = (
    "forwarded_on",
    "received_on",
    "creditor_type",
    "amount_cents",
    "instalment_cents",
    "arrears_start",
    "crisis",
    "age",
    "minor_children",
    "case_id",
)
"""Where the signals of an episode name several cases, the one of the first signal in this order is its case.
What a case is called decides only between signals that are alike."""


def matching_dates(received_on: NDArray[np.datetime64], matching: Matching) -> NDArray[np.datetime64]:
    """Date on which signals received on these dates are matched, shape (n,), datetime64[D]."""
    received = received_on.astype("datetime64[D]")
    matched: NDArray[np.datetime64]
    if matching.frequency == "weekly":
        weekday = (received.astype("int64") + 3) % 7 + 1
        matched = received + ((matching.day - weekday) % 7).astype("timedelta64[D]")
        return matched
    month = received.astype("datetime64[M]")
    day = (received - month.astype("datetime64[D]")).astype("int64") + 1
    month = month + (day > matching.day).astype("timedelta64[M]")
    matched = month.astype("datetime64[D]") + np.timedelta64(matching.day - 1, "D")
    return matched


def episodes_of(
    signals: pd.DataFrame,
    matched_on: NDArray[np.datetime64],
    period_start: NDArray[np.datetime64],
    period_end: NDArray[np.datetime64],
) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Group n signals by household and matching date.

    Parameters
    ----------
    signals : pandas.DataFrame
        With ``household_key``, ``received_on``, ``creditor_id`` and ``case_id``; rows without a household or
        a date belong to no episode.
    matched_on, period_start, period_end : (n,) arrays of datetime64[s]
        Of each signal; an episode spans those of its signals.

    Returns
    -------
    episodes : pandas.DataFrame
        Canonical episodes, ordered by household and date.
    episode_id : (n,) array
        The episode of each signal, None where it has none.
    """
    keys = as_objects(signals["household_key"])
    rows = np.flatnonzero(~pd.isna(keys) & ~np.isnat(signals["received_on"].to_numpy()))
    household, names = pd.factorize(keys[rows], sort=True)
    order = np.lexsort((matched_on[rows], household))  # stable: within an episode as the signals came
    rows, household = rows[order], household[order]
    matched = matched_on[rows]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (household[1:] != household[:-1]) | (matched[1:] != matched[:-1])
    group, begin = np.cumsum(first) - 1, np.flatnonzero(first)
    ids = np.array([f"e{number}" for number in range(len(begin))], dtype=object)
    episodes = frame_of(
        {
            "episode_id": ids,
            "household_key": np.asarray(names, dtype=object)[household[begin]],
            "matched_on": matched[begin],
            "period_start": np.minimum.reduceat(period_start[rows], begin) if len(begin) else matched,
            "period_end": np.maximum.reduceat(period_end[rows], begin) if len(begin) else matched,
            "n_creditors": _distinct(as_objects(signals["creditor_id"])[rows], group, len(begin)),
            "case_id": _first_case(signals, rows, group, len(begin)),
        },
        len(begin),
    )
    episode_id = np.full(len(signals), None, dtype=object)
    episode_id[rows] = ids[group]
    return episodes, episode_id


def cases_of_episodes(signals: pd.DataFrame) -> pd.Series:
    """Case by episode, of signals that say which episode they belong to; None where none names one."""
    group, names = pd.factorize(as_objects(signals["episode_id"]))
    rows = np.flatnonzero(group >= 0)
    cases = _first_case(signals, rows, group[rows].astype(np.int64), len(names))
    return pd.Series(cases, index=pd.Index(names, dtype=object), dtype=object)


def _first_case(
    signals: pd.DataFrame, rows: NDArray[np.int64], group: NDArray[np.int64], size: int
) -> NDArray[np.object_]:
    """Case of each group of signals, shape (size,); None where there is none.

    Of several, the first in `CASE_ORDER`: never by the order of the rows.
    """
    values = as_objects(signals["case_id"])[rows]
    found = _first_known(values, group, size)
    named = np.flatnonzero(~pd.isna(values))
    several = np.zeros(size, dtype=bool)
    several[group[named[values[named] != found[group[named]]]]] = True
    at = named[several[group[named]]]
    if len(at):
        known = [name for name in CASE_ORDER if name in signals]
        order = order_of(signals[known].iloc[rows[at]].assign(group=group[at]), ["group", *known])
        found[group[at]] = _first_known(values[at][order], group[at][order], size)[group[at]]
    return found


def _first_known(values: NDArray[np.object_], group: NDArray[np.int64], size: int) -> NDArray[np.object_]:
    """First value of each group that is not missing, shape (size,); None where there is none."""
    found = np.full(size, None, dtype=object)
    known = np.flatnonzero(~pd.isna(values))[::-1]
    found[group[known]] = values[known]  # of several the last one written stays, which is the first
    return found


def _distinct(values: NDArray[np.object_], group: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """How many values differ in each group, missing ones apart, shape (size,)."""
    codes, unique = pd.factorize(values)
    pairs = np.unique((group * max(len(unique), 1) + codes)[codes >= 0])
    return np.bincount(pairs // max(len(unique), 1), minlength=size).astype("float64")


def episodes_by_matching_day(
    signals: pd.DataFrame, matching: Matching
) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Group signals into the episodes that the inventory's matching day makes.

    Parameters and results as :func:`episodes_of`.
    """
    received = signals["received_on"].to_numpy("datetime64[s]")
    matched = matching_dates(received.astype("datetime64[D]"), matching).astype("datetime64[s]")
    return episodes_of(signals, matched, received, received)
