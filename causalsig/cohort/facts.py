"""From canonical tables to arrays: the facts of every episode and the dated history of every household."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.arms import acceptance_dates
from causalsig.cohort.covariates import CREDITOR_GROUPS, ContactHistory, EpisodeFacts
from causalsig.cohort.history import Floats, History, Integers, to_days

if TYPE_CHECKING:
    import pandas as pd

    from causalsig.sources.schema import SiteTables

REPEAT_COLUMNS = tuple(f"repeat_m{month}" for month in range(1, 7))
FAR = 400_000
"""A day beyond every date, for what has not ended."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """One site's tables as arrays over its m episodes, computed once for all questions and horizons.

    Attributes
    ----------
    facts : EpisodeFacts
        Of all m episodes.
    case_ids : (m,) object
        Case that each episode opened, None when it opened none. Of several episodes that name one case, the
        first opened it.
    household_keys : (m,) object
    unlinked : (m,) bool
        Episodes that were passed on for contact but whose case cannot be found.
    open_case : (m,) bool
        Another case of the household was opened before time zero and not closed by then, or the episode was
        added to a case that an earlier one opened.
    undated_acceptance : (m,) bool
        The episode's case says that help was accepted, and nothing says when.
    history : ContactHistory
    new_arrears : History
        Signals of new arrears.
    """

    facts: EpisodeFacts
    case_ids: NDArray[np.object_]
    household_keys: NDArray[np.object_]
    unlinked: NDArray[np.bool_]
    open_case: NDArray[np.bool_]
    undated_acceptance: NDArray[np.bool_]
    history: ContactHistory
    new_arrears: History


def site_facts(tables: SiteTables) -> SiteFacts:
    """Collect facts and histories from canonical tables; one pass, whatever the number of questions."""
    import pandas as pd

    episodes, signals = tables.episodes, tables.signals
    keys = pd.Index(sorted(episodes["household_key"].unique()))
    households = keys.get_indexer(pd.Index(episodes["household_key"])).astype(np.int64)
    time_zero = to_days(episodes["matched_on"].to_numpy("datetime64[D]"))
    signal_household = _household_codes(keys, signals["household_key"])
    signal_day = to_days(signals["received_on"].to_numpy("datetime64[D]"))
    dated = np.where(signal_day > 0, signal_household, -1)

    facts, forwarded = _episode_facts(episodes, signals, households, time_zero)
    case_ids = episodes["case_id"].to_numpy(object)
    case_row = pd.Index(tables.cases["case_id"]).get_indexer(pd.Index(case_ids)).astype(np.int64)
    opens = _opens_its_case(case_row, time_zero)
    owner = _case_households(tables.cases, keys, case_ids, households)
    contact, undated = _contact_history(tables, owner, dated, signal_day)
    own_case = np.where(opens, case_row, -1)
    return SiteFacts(
        facts=facts,
        case_ids=_where(opens, case_ids),
        household_keys=episodes["household_key"].to_numpy(object),
        unlinked=forwarded & (case_row < 0),
        open_case=_open_case(tables.cases, owner.to_numpy("int64"), own_case, households, time_zero)
        | ((case_row >= 0) & ~opens),
        undated_acceptance=np.array([case in undated for case in case_ids], dtype=bool),
        history=contact,
        new_arrears=History.of(
            dated, signal_day, np.nan_to_num(signals["new_arrears"].to_numpy("float64"), nan=0.0)
        ),
    )


def _opens_its_case(case_row: Integers, time_zero: Integers) -> NDArray[np.bool_]:
    """Mark the first episode of each case, shape (m,)."""
    with_case = np.flatnonzero(case_row >= 0)
    order = with_case[np.lexsort((time_zero[with_case], case_row[with_case]))]
    first = np.ones(len(order), dtype=bool)
    first[1:] = case_row[order][1:] != case_row[order][:-1]
    opens = np.zeros(len(case_row), dtype=bool)
    opens[order[first]] = True
    return opens


def _where(known: NDArray[np.bool_], values: NDArray[np.object_]) -> NDArray[np.object_]:
    kept = values.copy()
    kept[~known] = None
    return kept


def _household_codes(keys: pd.Index, values: pd.Series) -> Integers:
    import pandas as pd

    codes: Integers = keys.get_indexer(pd.Index(values)).astype(np.int64)
    codes[values.isna().to_numpy()] = -1
    return codes


def _episode_facts(
    episodes: pd.DataFrame, signals: pd.DataFrame, households: Integers, time_zero: Integers
) -> tuple[EpisodeFacts, NDArray[np.bool_]]:
    """Facts of the m episodes, and whether any of its signals was passed on for contact."""
    import pandas as pd

    position = pd.Index(episodes["episode_id"]).get_indexer(pd.Index(signals["episode_id"]))
    inside = signals["episode_id"].notna().to_numpy() & (position >= 0)
    signals, position = signals[inside], position[inside]
    m = len(episodes)

    def total(values: Floats) -> Floats:
        return np.bincount(position, weights=values, minlength=m).astype(np.float64)

    def largest(values: Floats) -> Floats:
        best = np.full(m, np.nan)
        known = ~np.isnan(values)
        filled = np.full(m, -np.inf)
        np.maximum.at(filled, position[known], values[known])
        best[filled > -np.inf] = filled[filled > -np.inf]
        return best

    amount = signals["amount_cents"].to_numpy("float64") / 100.0
    instalment = signals["instalment_cents"].to_numpy("float64") / 100.0
    owed = np.divide(amount, instalment, out=np.full(len(amount), np.nan), where=instalment > 0)
    kinds = signals["creditor_type"].to_numpy(object)
    facts = EpisodeFacts(
        households=households,
        time_zero=time_zero,
        amount_eur=total(amount),
        months_in_arrears=largest(owed),
        n_creditors=episodes["n_creditors"].to_numpy("float64"),
        n_new_arrears=total(np.nan_to_num(signals["new_arrears"].to_numpy("float64"), nan=0.0)),
        crisis=np.nan_to_num(largest(signals["crisis"].to_numpy("float64")), nan=0.0),
        creditors=np.column_stack(
            [(total((kinds == group).astype(np.float64)) > 0).astype(np.float64) for group in CREDITOR_GROUPS]
        ),
        repeat_flags=np.column_stack([largest(signals[name].to_numpy("float64")) for name in REPEAT_COLUMNS]),
        age=largest(signals["age"].to_numpy("float64")),
        minor_children=largest(signals["minor_children"].to_numpy("float64")),
        districts=_first(signals["district"].to_numpy(object), position, m),
    )
    forwarded = total(np.asarray(signals["forwarded_on"].notna(), dtype=np.float64)) > 0
    return facts, forwarded


def _first(values: NDArray[np.object_], position: Integers, m: int) -> NDArray[np.object_]:
    """First value of each episode in the order of the text itself, so that row order does not matter."""
    result = np.full(m, None, dtype=object)
    known = np.array([value is not None for value in values], dtype=bool)
    order = np.argsort(values[known].astype(str), kind="stable")[::-1]
    result[position[known][order]] = values[known][order]
    return result


def _contact_history(
    tables: SiteTables, case_household: pd.Series, signal_household: Integers, signal_day: Integers
) -> tuple[ContactHistory, frozenset[str]]:
    """Dated attempts, reach and acceptance of households, and the cases whose acceptance has no date."""
    import pandas as pd

    attempts = tables.attempts
    owner = case_household.reindex(pd.Index(attempts["case_id"])).fillna(-1).to_numpy("int64")
    day = to_days(attempts["attempted_on"].to_numpy("datetime64[D]"))
    owner = np.where(day > 0, owner, -1)
    method = attempts["method"].to_numpy(object)
    personal = np.isin(method.astype(str), ("phone", "home_visit", "card_left")).astype(np.float64)
    reached = np.nan_to_num(attempts["reached"].to_numpy("float64"), nan=0.0)
    accepted_on, undated = acceptance_dates(tables.cases, attempts)
    accepted_owner = case_household.reindex(accepted_on.index).fillna(-1).to_numpy("int64")
    history = ContactHistory(
        signals=History.of(signal_household, signal_day),
        attempts=History.of(owner, day),
        visits_and_calls=History.of(owner, day, personal),
        reached=History.of(owner, day, reached),
        accepted=History.of(accepted_owner, to_days(accepted_on.to_numpy("datetime64[D]"))),
    )
    return history, undated


def _case_households(
    cases: pd.DataFrame, keys: pd.Index, case_ids: NDArray[np.object_], households: Integers
) -> pd.Series:
    """Household code of each case: by the case's own key, else by the episode that links to it."""
    import pandas as pd

    own = pd.Series(_household_codes(keys, cases["household_key"]), index=pd.Index(cases["case_id"]))
    linked = pd.Series(households, index=pd.Index(case_ids, dtype=object))
    linked = linked[linked.index.notna()]
    linked = linked[~linked.index.duplicated()]
    return own.where(own >= 0, linked.reindex(own.index)).fillna(-1).astype("int64")


def _open_case(
    cases: pd.DataFrame,
    owner: Integers,
    own_case: Integers,
    households: Integers,
    time_zero: Integers,
) -> NDArray[np.bool_]:
    """Whether another case of the household was opened before time zero and not yet closed then, shape (m,).

    ``own_case`` (m,) is the row of the case that the episode itself opened, -1 for none: a case opened a few
    days before the matching day is the handling, not what went before it.
    """
    opened = to_days(cases["opened_on"].to_numpy("datetime64[D]"))
    closed = to_days(cases["closed_on"].to_numpy("datetime64[D]"))
    closed = np.maximum(np.where(closed > 0, closed, FAR), opened)
    dated = opened > 0
    opened_by = History.of(owner[dated], opened[dated])
    closed_by = History.of(owner[dated], closed[dated])
    one_day = dated & (opened == closed)
    opened_and_closed = History.of(owner[one_day], opened[one_day])
    never = np.zeros_like(time_zero)
    number = opened_by.between(households, never, time_zero) - (
        closed_by.between(households, never, time_zero + 1)
        - opened_and_closed.between(households, time_zero, time_zero + 1)
    )
    has = own_case >= 0
    own = own_case[has]
    number[has] -= dated[own] & (opened[own] < time_zero[has]) & (closed[own] > time_zero[has])
    return number > 0
