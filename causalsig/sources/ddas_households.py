"""Citizen numbers and addresses that stand in one case: the municipality says that they are one household.

Insurers may send a citizen number only. The municipality looks up where that person lives and matches on the
address, so a case that holds both says what the signals do not. Without this link a household's health
signals would be another household's, and its returns not be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.sources import ddas_versions as layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.findings import FindingList

    Numbers = NDArray[np.int64]

NEVER: Final = np.iinfo(np.int32).min
"""Day of a case or signal without a date: before all others."""
SPAN: Final = np.int64(1) << 33
"""More days than there are between any two; keeps persons apart in one sorted column."""


def link_persons(
    signals: pd.DataFrame, cases: pd.DataFrame, links: pd.DataFrame, findings: FindingList
) -> None:
    """Give signals known by citizen number the household of the address they share a case with, in place.

    A case with exactly one address links its persons to it; one with several says nothing. All signals of a
    linked person follow, those in no case too: to the address of the latest linking case until then (people
    move), or else of the first. Addresses are never joined with each other through a person. Persons who only
    share cases with each other become one household.

    Parameters
    ----------
    signals : pandas.DataFrame
        With ``household_key``, ``by_person``, ``received_on`` and ``case``; ``by_person`` stays true for
        those that no case links to an address.
    cases : pandas.DataFrame
        With ``matched_on``.
    links : pandas.DataFrame
        Pairs of case row and signal row.
    findings : FindingList
    """
    household, names = pd.factorize(signals["household_key"])
    by_person = signals["by_person"].to_numpy(dtype=bool) & (household >= 0)
    if by_person.any():
        is_person = np.zeros(len(names), dtype=bool)
        is_person[household[by_person]] = True
        case, signal = links["case"].to_numpy(np.int64), links["signal"].to_numpy(np.int64)
        case, signal = case[household[signal] >= 0], signal[household[signal] >= 0]
        days = _days(signals, cases, case, signal)
        facts = _facts(case, household[signal], days, is_person)
        at = signals["case"].to_numpy(np.int64)
        day = _day_numbers(signals["received_on"])
        day[at >= 0] = days[at[at >= 0]]
        settled = household.astype(np.int64)
        settled[by_person] = _as_of(facts, settled[by_person], day[by_person])
        left = by_person & is_person[settled]
        same = _joined(case, settled[signal], is_person)
        settled[left] = same[settled[left]]
        keys = np.array([*names, None], dtype=object)[settled]  # the last one for a signal of nobody
        signals["household_key"] = pd.Series(keys, index=signals.index, dtype=object)
        findings.add(
            "source-person-linked", layout.CLIENT, "household_key", int((by_person & ~left).sum()), "info"
        )
        by_person = left
    signals["by_person"] = by_person
    findings.add("source-household-by-person", layout.CLIENT, "household_key", int(by_person.sum()))


def _day_numbers(dates: pd.Series) -> Numbers:
    days = dates.to_numpy("datetime64[D]")
    return np.where(np.isnat(days), NEVER, days.astype(np.int64)).astype(np.int64)


def _days(signals: pd.DataFrame, cases: pd.DataFrame, case: Numbers, signal: Numbers) -> Numbers:
    """Day of each case: its matching date, or else that of the last signal in it."""
    last = np.full(len(cases), NEVER, dtype=np.int64)
    np.maximum.at(last, case, _day_numbers(signals["received_on"])[signal])
    matched = _day_numbers(cases["matched_on"])
    return np.where(matched == NEVER, last, matched)


def _facts(case: Numbers, household: Numbers, days: Numbers, is_person: NDArray[np.bool_]) -> pd.DataFrame:
    """Who lived where when: person, day and address, as far as the cases say, directly or by one another."""
    pairs = pd.DataFrame({"case": case, "person": household, "day": days[case]}).drop_duplicates()
    pairs["settled"] = pairs["person"]
    known: list[pd.DataFrame] = []
    while True:
        here = pairs.loc[~is_person[pairs["settled"]], ["case", "settled"]].drop_duplicates()
        here = here[~here["case"].duplicated(keep=False)].rename(columns={"settled": "address"})
        open_ = pairs[is_person[pairs["settled"]]]
        new = open_.merge(here, on="case")[["person", "day", "address"]]
        if new.empty:
            break
        known.append(new)
        facts = _sorted(known)
        rows = open_.index[open_["person"].isin(new["person"])]
        pairs.loc[rows, "settled"] = _as_of(
            facts, pairs.loc[rows, "person"].to_numpy(), pairs.loc[rows, "day"].to_numpy()
        )
    return _sorted(known)


def _sorted(known: list[pd.DataFrame]) -> pd.DataFrame:
    columns = ["person", "day", "address"]
    facts = pd.concat(known) if known else pd.DataFrame({name: np.empty(0, np.int64) for name in columns})
    return facts.sort_values(columns, kind="stable", ignore_index=True)


def _as_of(facts: pd.DataFrame, person: Numbers, day: Numbers) -> Numbers:
    """Address of each person on a day: the latest until then, or else the first; the person when unknown."""
    if facts.empty:
        return person
    whose, address = facts["person"].to_numpy(), facts["address"].to_numpy()
    at = np.searchsorted(whose * SPAN + facts["day"].to_numpy(), person * SPAN + day, side="right") - 1
    at = np.where((at < 0) | (whose[at] != person), at + 1, at)
    inside = at < len(facts)
    at = np.where(inside, at, 0)
    known = inside & (whose[at] == person)
    return np.where(known, address[at], person)


def _joined(case: Numbers, household: Numbers, is_person: NDArray[np.bool_]) -> Numbers:
    """First household of those that persons without an address share cases with, for every household."""
    same = np.arange(len(is_person), dtype=np.int64)
    only = is_person[household]
    case, household = case[only], household[only]
    if not len(case):
        return same
    while True:
        first = np.full(int(case.max()) + 1, len(same), dtype=np.int64)
        np.minimum.at(first, case, same[household])
        before = same.copy()
        np.minimum.at(same, household, first[case])
        if (same == before).all():
            return same
