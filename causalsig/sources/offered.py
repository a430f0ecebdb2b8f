"""Who was, or could have been, offered help: closed cases, and episodes that never became one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalsig.codes import ACCEPTED_RESULTS, CREDITOR_TYPES
from causalsig.sources.cells import households_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.schema import SiteTables


@dataclass(frozen=True, slots=True)
class Offered:
    """Cases closed and episodes never taken up, in the months asked for; all shape (n,).

    Attributes
    ----------
    month : int64
        Number of the month in which the case was opened, or the episode was matched.
    household : int64
        -1: not known.
    keys : object
        As the source names them; of an unknown one no string.
    reached, accepted : bool
        By any attempt; an accepted result of a reached case.
    by_method : dict of bool arrays
        Cases with an attempt: ``phone`` and ``home_visit`` with at least one of it, ``written_only`` with
        neither.
    by_creditor : dict of bool arrays
        With at least one signal of such a creditor.
    """

    month: NDArray[np.int64]
    household: NDArray[np.int64]
    keys: NDArray[np.object_]
    reached: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    by_method: dict[str, NDArray[np.bool_]]
    by_creditor: dict[str, NDArray[np.bool_]]


def offered(tables: SiteTables, first: np.datetime64, months: int, threshold_cents: float) -> Offered:
    """Collect the cases and episodes of ``months`` months from the month ``first``.

    Parameters
    ----------
    tables : SiteTables
    first : numpy.datetime64, unit month
    months : int
    threshold_cents : float
        Episodes that owe less are never offered help.
    """
    cases = tables.cases
    opened = _number(cases["opened_on"], first)
    held = _inside(opened, months) & cases["closed_on"].notna().to_numpy()
    never = _never_taken_up(tables, first, months, threshold_cents)
    names = cases["case_id"][held]
    own = tables.attempts[tables.attempts["case_id"].isin(names)]
    method = own["method"]
    attempted = names.isin(own["case_id"]).to_numpy()
    phone = names.isin(own["case_id"][method == "phone"]).to_numpy()
    visit = names.isin(own["case_id"][method == "home_visit"]).to_numpy()
    reached = names.isin(own["case_id"][own["reached"] > 0]).to_numpy()
    accepted = cases["result"][held].isin(ACCEPTED_RESULTS).to_numpy() & reached
    none = np.zeros(len(never), np.bool_)
    keys = pd.concat([cases["household_key"][held], never["household_key"]], ignore_index=True)
    matched = _number(never["matched_on"], first)
    return Offered(
        month=np.concatenate([opened[held], matched]),
        household=households_of(keys),
        keys=keys.to_numpy(object),
        reached=np.concatenate([reached, none]),
        accepted=np.concatenate([accepted, none]),
        by_method={
            "written_only": np.concatenate([attempted & ~phone & ~visit, none]),
            "phone": np.concatenate([phone, none]),
            "home_visit": np.concatenate([visit, none]),
        },
        by_creditor=_creditors(tables.signals, names, never["episode_id"]),
    )


def _number(dates: pd.Series, first: np.datetime64) -> NDArray[np.int64]:
    """Months since ``first``; far below zero for a missing date."""
    number: NDArray[np.int64] = (dates.to_numpy("datetime64[M]") - first).astype(np.int64)
    return number


def _inside(number: NDArray[np.int64], months: int) -> NDArray[np.bool_]:
    return (number >= 0) & (number < months)


def _creditors(signals: pd.DataFrame, cases: pd.Series, episodes: pd.Series) -> dict[str, NDArray[np.bool_]]:
    found = {}
    for creditor in CREDITOR_TYPES:
        of = signals[signals["creditor_type"] == creditor]
        found[creditor] = np.concatenate(
            [cases.isin(of["case_id"].dropna()), episodes.isin(of["episode_id"].dropna())]
        )
    return found


def _never_taken_up(
    tables: SiteTables, first: np.datetime64, months: int, threshold_cents: float
) -> pd.DataFrame:
    """Episodes at or above the threshold, without an open case, that never became a case."""
    episodes = tables.episodes
    owed = tables.signals.groupby("episode_id")["amount_cents"].sum().reindex(episodes["episode_id"])
    wanted = (
        episodes["case_id"].isna().to_numpy()
        & (owed.to_numpy() >= threshold_cents)
        & _inside(_number(episodes["matched_on"], first), months)
    )
    free = episodes.loc[wanted, ["episode_id", "household_key", "matched_on"]]
    known = tables.cases.dropna(subset=["household_key"])[["household_key", "opened_on", "closed_on"]]
    pairs = free.merge(known, on="household_key")
    open_then = (pairs["opened_on"] < pairs["matched_on"]) & (
        pairs["closed_on"].isna() | (pairs["closed_on"] > pairs["matched_on"])
    )
    return free[~free["episode_id"].isin(pairs["episode_id"][open_then])].reset_index(drop=True)
