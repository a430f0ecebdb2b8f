"""What every format has in common but few write down: episodes, and which signals are new arrears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.sources.schema import Matching

DAYS_A_MONTH = 30.4375
REPEAT_WINDOW_MONTHS = 6
"""A creditor's earlier signal older than this says nothing on whether the arrear is the same one."""


def is_new_arrears(
    months_since_previous: NDArray[np.float64],
    amount_cents: NDArray[np.float64],
    previous_amount_cents: NDArray[np.float64],
    instalment_cents: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Say which signals report new arrears, where the source keeps no date on which the arrear began.

    A signal repeats an old arrear when the same creditor reported the same household at most six months
    before and the amounts fit one continuing arrear: at least the instalments that fell due since then
    (less would mean that the arrear began after the previous signal), and at most what was owed then plus
    those instalments (more would mean that it grew by something new). Half an instalment of play either way.

    Parameters
    ----------
    months_since_previous : (n,) array
        Whole months since the same creditor's previous signal on the household; NaN when there is none.
    amount_cents, previous_amount_cents, instalment_cents : (n,) arrays
        Now, at the previous signal, and one instalment; NaN when unknown.

    Returns
    -------
    (n,) array of bool
        An unknown amount counts as a repeat if there is an earlier signal within the window.
    """
    earlier = months_since_previous <= REPEAT_WINDOW_MONTHS
    instalment = np.where(np.isnan(instalment_cents), 0.0, instalment_cents)
    restarted = amount_cents < instalment * (months_since_previous - 0.5)
    grown = amount_cents > previous_amount_cents + instalment * (months_since_previous + 0.5)
    return ~earlier | restarted | grown


def classify_new_arrears(signals: pd.DataFrame) -> NDArray[np.float64]:
    """Flag of new arrears for each row of canonical ``signals``, shape (n,), 1.0 or 0.0.

    Where ``arrears_start`` is known it decides: new when it lies after the creditor's previous signal on
    the household. Elsewhere :func:`is_new_arrears` decides from the amounts.
    """
    order = signals.sort_values(
        ["household_key", "creditor_id", "received_on", "signal_id"], kind="stable", na_position="last"
    )
    same = (order["household_key"].to_numpy()[1:] == order["household_key"].to_numpy()[:-1]) & (
        order["creditor_id"].to_numpy()[1:] == order["creditor_id"].to_numpy()[:-1]
    )
    has_previous = np.concatenate([[False], same])
    received = order["received_on"].to_numpy("datetime64[D]")
    previous_received = np.concatenate([received[:1], received[:-1]])
    days = (received - previous_received).astype("float64")
    months = np.where(has_previous, np.round(days / DAYS_A_MONTH), np.nan)
    amount = order["amount_cents"].to_numpy("float64")
    previous_amount = np.concatenate([amount[:1], amount[:-1]])
    new = is_new_arrears(months, amount, previous_amount, order["instalment_cents"].to_numpy("float64"))
    start = order["arrears_start"].to_numpy("datetime64[D]")
    dated = ~np.isnat(start)
    new = np.where(dated, ~has_previous | (start > previous_received), new)
    flags = np.empty(len(signals))
    flags[signals.index.get_indexer(order.index)] = new.astype("float64")
    return flags


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


def derive_episodes(signals: pd.DataFrame, matching: Matching) -> tuple[pd.DataFrame, pd.Series]:
    """Episodes: the signals matched on one household in one matching period.

    Parameters
    ----------
    signals : pandas.DataFrame
        Canonical signals; rows without a household key belong to no episode.
    matching : Matching
        The municipality's matching frequency and day.

    Returns
    -------
    episodes : pandas.DataFrame
        Canonical episodes, ordered by household and date.
    episode_id : pandas.Series
        The episode of each signal, aligned with ``signals``.
    """
    import pandas as pd

    matched = pd.Series(
        matching_dates(signals["received_on"].to_numpy("datetime64[D]"), matching).astype("datetime64[s]"),
        index=signals.index,
    )
    linked = signals["household_key"].notna() & signals["received_on"].notna()
    frame = pd.DataFrame(
        {
            "household_key": signals["household_key"],
            "matched_on": matched,
            "received_on": signals["received_on"],
            "creditor_id": signals["creditor_id"],
            "case_id": signals["case_id"],
        }
    )[linked]
    grouped = frame.groupby(["household_key", "matched_on"], sort=True)
    episodes = grouped.agg(
        period_start=("received_on", "min"),
        period_end=("received_on", "max"),
        n_creditors=("creditor_id", "nunique"),
        case_id=("case_id", "first"),
    ).reset_index()
    episodes.insert(0, "episode_id", [f"e{i}" for i in range(len(episodes))])
    ids = pd.Series([None] * len(signals), index=signals.index, dtype=object)
    ids[linked] = episodes["episode_id"].to_numpy()[grouped.ngroup().to_numpy()]
    return episodes, ids
