"""From canonical tables to arrays: the facts of every episode and the dated history of every household."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.codes import ACCEPTED_RESULTS
from causalsig.cohort.arms import acceptance_days
from causalsig.cohort.content import Hashes, hashes_of, sums_of_events
from causalsig.cohort.covariates import CREDITOR_GROUPS, ContactHistory, EpisodeFacts
from causalsig.cohort.events import (
    Attempts,
    Mask,
    Signals,
    Texts,
    first_of,
    places_of,
    rank_of_texts,
    text_codes,
)
from causalsig.cohort.history import SPAN, Floats, History, Integers, to_days

if TYPE_CHECKING:
    import pandas as pd

    from causalsig.sources.schema import SiteTables

REPEAT_COLUMNS = tuple(f"repeat_m{month}" for month in range(1, 7))
PERSONAL = ("phone", "home_visit", "card_left")
FAR = 400_000
"""A day beyond every date, for what has not ended."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """One site's tables as arrays over its m episodes, computed once for all questions and horizons.

    Attributes
    ----------
    facts : EpisodeFacts
        Of all m episodes.
    case : (m,) int
        Code of the case that each episode opened, -1 when it opened none. Of several episodes that name one
        case, the first opened it.
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
    signals : Signals
    attempts : Attempts
    lives : (m,) uint64
        Hash of all that happened to the episode's household: settles ties without looking at names.
    """

    facts: EpisodeFacts
    case: Integers
    household_keys: NDArray[np.object_]
    unlinked: Mask
    open_case: Mask
    undated_acceptance: Mask
    history: ContactHistory
    new_arrears: History
    signals: Signals
    attempts: Attempts
    lives: Hashes


@dataclass(frozen=True, slots=True)
class _Cases:
    """Cases by code, 0 to C - 1; a code that only episodes or attempts name has no row.

    ``household``, ``opened`` and ``closed`` are (C,): -1, -1 and `FAR` when unknown.
    """

    listed: Mask
    household: Integers
    opened: Integers
    closed: Integers
    accepted: Mask


def site_facts(tables: SiteTables) -> SiteFacts:
    """Collect facts and histories from canonical tables; one pass, whatever the number of questions."""
    episodes = tables.episodes
    households, keys = text_codes(episodes["household_key"])
    time_zero = to_days(episodes["matched_on"].to_numpy("datetime64[D]"))
    signals = Signals.of(tables.signals, places_of(tables.signals["household_key"], keys))
    facts, forwarded = _episode_facts(episodes, tables.signals, households, time_zero)

    case, case_row, attempt_case, names = text_codes(
        episodes["case_id"], tables.cases["case_id"], tables.attempts["case_id"]
    )
    cases = _cases(tables.cases, case_row, len(names), keys, case, households)
    attempts = Attempts.of(tables.attempts, attempt_case)
    opens = _opens_its_case(case, time_zero, episodes["household_key"].to_numpy(object))
    history, undated = _contact_history(signals, attempts, cases)
    named = case >= 0
    found = named & cases.listed[case]
    own = np.where(opens & found, case, -1)
    return SiteFacts(
        facts=facts,
        case=own,
        household_keys=episodes["household_key"].to_numpy(object),
        unlinked=forwarded & ~found,
        open_case=_open_case(cases, own, households, time_zero) | (found & ~opens),
        undated_acceptance=named & undated[case],
        history=history,
        new_arrears=signals.history("new_arrears"),
        signals=signals,
        attempts=attempts,
        lives=_lives(signals, attempts, cases, len(keys))[households],
    )


def _lives(signals: Signals, attempts: Attempts, cases: _Cases, total: int) -> Hashes:
    """Hash of the dated events of each household, (total,); kinds by their texts, not by their codes."""
    kinds = np.append(rank_of_texts(np.array(signals.kinds, dtype=object)), -1)
    methods = np.append(rank_of_texts(np.array(attempts.methods, dtype=object)), -1)
    of_signals = hashes_of(signals.keys % SPAN, signals.new, kinds[signals.kind], signals.cents)
    of_attempts = hashes_of(attempts.day, methods[attempts.method], attempts.reached, attempts.wanted)
    owner = np.where(attempts.case >= 0, cases.household[attempts.case], -1)
    of_cases = hashes_of(cases.opened, cases.closed, cases.accepted)
    return (
        sums_of_events(signals.keys // SPAN, of_signals, total)
        + sums_of_events(owner, of_attempts, total)
        + sums_of_events(cases.household, of_cases, total)
    )


def _opens_its_case(case: Integers, time_zero: Integers, keys: Texts) -> Mask:
    """Mark the first episode of each case, shape (m,); of several on one day the household's key decides."""
    named = np.flatnonzero(case >= 0)
    opens = np.zeros(len(case), dtype=bool)
    opens[named[first_of(case[named], time_zero[named])]] = True
    order = named[np.lexsort((time_zero[named], case[named]))]
    tied = (case[order][1:] == case[order][:-1]) & (time_zero[order][1:] == time_zero[order][:-1])
    if tied.any():
        shared = np.flatnonzero(np.isin(case, np.unique(case[order][1:][tied])))
        opens[shared] = False
        first = first_of(case[shared], time_zero[shared], rank_of_texts(keys[shared]))
        opens[shared[first]] = True
    return opens


def _episode_facts(
    episodes: pd.DataFrame, signals: pd.DataFrame, households: Integers, time_zero: Integers
) -> tuple[EpisodeFacts, Mask]:
    """Facts of the m episodes, and whether any of its signals was passed on for contact."""
    position = places_of(signals["episode_id"], episodes["episode_id"].to_numpy(object))
    inside = position >= 0
    everything = bool(inside.all())
    position = position if everything else position[inside]
    m = len(episodes)

    def column(name: str) -> Floats:
        values = signals[name].to_numpy("float64")
        return values if everything else values[inside]

    def total(values: Floats) -> Floats:
        return np.bincount(position, weights=values, minlength=m).astype(np.float64)

    def largest(values: Floats) -> Floats:
        filled = np.full(m, -np.inf)
        known = ~np.isnan(values)
        np.maximum.at(filled, position[known], values[known])
        filled[np.isneginf(filled)] = np.nan
        return filled

    cents, instalment = column("amount_cents"), column("instalment_cents")
    owed = np.divide(cents, instalment, out=np.full(len(cents), np.nan), where=instalment > 0)
    kind, kinds = text_codes(signals["creditor_type"])
    kind = kind if everything else kind[inside]
    named = [kinds.tolist().index(group) if group in kinds else -2 for group in CREDITOR_GROUPS]
    facts = EpisodeFacts(
        households=households,
        time_zero=time_zero,
        # Whole cents are summed, which is exact in any order of the rows.
        amount_eur=total(cents) / 100.0,
        months_in_arrears=largest(owed),
        n_creditors=episodes["n_creditors"].to_numpy("float64"),
        n_new_arrears=total(np.nan_to_num(column("new_arrears"), nan=0.0)),
        crisis=np.nan_to_num(largest(column("crisis")), nan=0.0),
        creditors=np.column_stack(
            [np.bincount(position[kind == place], minlength=m) > 0 for place in named]
        ).astype(np.float64),
        repeat_flags=np.column_stack([largest(column(name)) for name in REPEAT_COLUMNS]),
        age=largest(column("age")),
        minor_children=largest(column("minor_children")),
        districts=_first(signals["district"].to_numpy(object)[inside], position, m),
    )
    forwarded = signals["forwarded_on"].notna().to_numpy(dtype=bool)[inside]
    return facts, np.bincount(position[forwarded], minlength=m) > 0


def _first(values: Texts, position: Integers, m: int) -> Texts:
    """First value of each episode in the order of the text itself, so that row order does not matter."""
    result = np.full(m, None, dtype=object)
    codes, names = text_codes(values)
    if not len(names):
        return result
    ranks = rank_of_texts(names)
    by_rank = np.empty(len(names), dtype=object)
    by_rank[ranks] = names
    lowest = np.full(m, len(names), dtype=np.int64)
    known = codes >= 0
    np.minimum.at(lowest, position[known], ranks[codes[known]])
    there = lowest < len(names)
    result[there] = by_rank[lowest[there]]
    return result


def _cases(
    cases: pd.DataFrame, code: Integers, total: int, keys: Texts, case: Integers, households: Integers
) -> _Cases:
    """Arrange the table of cases by code; ``code`` (r,) is that of each row, -1 for one without an id."""
    rows = np.flatnonzero(code >= 0)
    place = code[rows]
    listed = np.zeros(total + 1, dtype=bool)  # the last one answers for code -1
    listed[place] = True
    opened = np.full(total + 1, -1, dtype=np.int64)
    opened[place] = np.maximum(to_days(cases["opened_on"].to_numpy("datetime64[D]"))[rows], -1)
    closed = np.full(total + 1, FAR, dtype=np.int64)
    ended = to_days(cases["closed_on"].to_numpy("datetime64[D]"))[rows]
    closed[place] = np.where(ended > 0, ended, FAR)
    accepted = np.zeros(total + 1, dtype=bool)
    accepted[place] = cases["result"].isin(ACCEPTED_RESULTS).to_numpy(dtype=bool)[rows]
    household = np.full(total + 1, -1, dtype=np.int64)
    household[place] = places_of(cases["household_key"], keys)[rows]
    unknown = listed & (household < 0)
    linked = np.flatnonzero((case >= 0) & unknown[case])
    _link(household, case[linked], households[linked], keys)
    return _Cases(listed, household, opened, np.maximum(closed, opened), accepted)


def _link(household: Integers, case: Integers, owner: Integers, keys: Texts) -> None:
    """Give cases without a key of their own the household of the episode that names them.

    Where episodes of several households name one case, the first household in the order of the keys has it.
    """
    if not len(case):
        return
    lowest = np.full(len(household), np.iinfo(np.int64).max)
    highest = np.full(len(household), -1)
    np.minimum.at(lowest, case, owner)
    np.maximum.at(highest, case, owner)
    household[case] = owner
    shared = np.flatnonzero(lowest[case] != highest[case])
    if len(shared):
        first = shared[first_of(case[shared], rank_of_texts(keys[owner[shared]]))]
        household[case[first]] = owner[first]


def _contact_history(signals: Signals, attempts: Attempts, cases: _Cases) -> tuple[ContactHistory, Mask]:
    """Dated attempts, reach and acceptance of households, and the cases whose acceptance has no date."""
    owner = np.where(attempts.day > 0, cases.household[attempts.case], -1)
    owner[attempts.case < 0] = -1
    accepted_on, undated = acceptance_days(attempts, cases.accepted)
    helped = np.where(cases.listed & (accepted_on >= 0), cases.household, -1)

    def of(rows: Mask) -> History:
        return History.of(owner[rows], attempts.day[rows])

    history = ContactHistory(
        signals=signals.history(),
        attempts=History.of(owner, attempts.day),
        visits_and_calls=of(attempts.by(*PERSONAL)),
        reached=of(attempts.reached),
        accepted=History.of(helped, accepted_on),
    )
    return history, undated


def _open_case(cases: _Cases, own: Integers, households: Integers, time_zero: Integers) -> Mask:
    """Whether another case of the household was opened before time zero and not yet closed then, shape (m,).

    ``own`` (m,) is the code of the case that the episode itself opened, -1 for none: a case opened a few
    days before the matching day is the handling, not what went before it.
    """
    dated = cases.opened > 0
    opened, closed, owner = cases.opened[dated], cases.closed[dated], cases.household[dated]
    one_day = opened == closed
    opened_by = History.of(owner, opened)
    closed_by = History.of(owner, closed)
    opened_and_closed = History.of(owner[one_day], opened[one_day])
    never = np.zeros_like(time_zero)
    number = opened_by.between(households, never, time_zero) - (
        closed_by.between(households, never, time_zero + 1)
        - opened_and_closed.between(households, time_zero, time_zero + 1)
    )
    has = own >= 0
    mine = own[has]
    number[has] -= dated[mine] & (cases.opened[mine] < time_zero[has]) & (cases.closed[mine] > time_zero[has])
    open_case: Mask = number > 0
    return open_case
