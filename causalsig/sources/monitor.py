"""The national monitor's indicators of one site, by its definitions: what municipalities know today.

An episode here is a *melding* as the monitor counts it: the signals at one address in one calendar month.
Multiple: two or more of them. Successive: a signal at the address in the six months before, by the source's
flags, or without them by the signals still held. Single: neither (an episode can be both multiple and
successive). Reached and accepted are counted over closed cases; of
reach, the denominator also holds the episodes that could have become a case and did not.

Source of the definitions: Divosa, Monitor Vroegsignalering Schulden 2022 and 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.codes import CREDITOR_TYPES
from causalsig.counts import MonitorCounts, RateCount, ShareCount
from causalsig.errors import SourceError
from causalsig.sources import cells
from causalsig.sources.cells import UNKNOWN
from causalsig.sources.checks_coverage import retention_edge
from causalsig.sources.checks_view import View
from causalsig.sources.offered import offered
from causalsig.sources.window import covered_months

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.sources.schema import SiteTables

LONGEST_WINDOW: Final = 24
"""Months: this year beside last year, as the monitor shows it."""
MONTHS_TO_CLOSE: Final = 2
"""Cases of the last two months of the window are left out of reach: many of them are still open."""
METHODS: Final = ("written_only", "phone", "home_visit")
LOOK_BACK: Final = tuple(f"repeat_m{month}" for month in range(1, 7))


@dataclass(frozen=True, slots=True)
class MonitorWindow:
    """The months that are counted, numbered from 0."""

    first: np.datetime64
    months: int
    contact_months: int
    earlier: int
    """Whole months before the first that are held too."""

    def number(self, dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
        """Give the number of each date's month, ``UNKNOWN`` outside the window."""
        number: NDArray[np.int64] = (dates.astype("datetime64[M]") - self.first).astype(np.int64)
        inside = ~np.isnat(dates) & (number >= 0) & (number < self.months)
        return np.where(inside, number, UNKNOWN)

    def name(self, number: int) -> str:
        """Write a month, "2026-05"."""
        return str(self.first + number)


def monitor_counts(
    tables: SiteTables,
    *,
    inhabitants: int,
    guaranteed_months: int,
    threshold_cents: float = 0.0,
    since: str | None = None,
) -> MonitorCounts:
    """Count the monitor's indicators of one site.

    Parameters
    ----------
    tables : SiteTables
    inhabitants : int
    guaranteed_months : int
        Months for which every signal is still held; at most the last 24 of them are counted, and only whole
        ones that the signals cover.
    threshold_cents : float
        Episodes that owe less in total are never taken up, so they are not offered help.
    since : str, optional
        No month before this one ("2026-05"): those were told before.

    Returns
    -------
    MonitorCounts
        Every cell of every table, empty ones too; what may leave is not decided here.

    Raises
    ------
    SourceError
        ``source-no-whole-month``: the extract holds no month that is guaranteed, whole and not before
        `since`.
    """
    signals = tables.signals
    household = cells.households_of(signals["household_key"])
    window = monitor_window(tables, guaranteed_months, household, since=since)
    month = window.number(signals["received_on"].to_numpy("datetime64[D]"))
    episodes = monitor_episodes(tables, window, household)
    contact = _contact(tables, window, threshold_cents)
    rates = _rates(window, month, household, episodes, inhabitants)
    shares = [
        *_mix(window, episodes, by_month=False),
        *_by_creditor(window, signals, month, household, by_month=False),
        *contact.overall,
        *_mix(window, episodes, by_month=True),
        *contact.by_month,
        *_by_creditor(window, signals, month, household, by_month=True),
    ]
    seen = np.where(month >= 0, 0, UNKNOWN)
    last = window.contact_months - 1
    return MonitorCounts(
        extracted_on=tables.extracted_on,
        first=window.name(0),
        last=window.name(window.months - 1),
        contact_last=window.name(last) if last >= 0 else None,
        households=int(cells.distinct(seen, household, 1)[0]),
        rates=tuple(rates),
        shares=tuple(shares),
    )


def monitor_window(
    tables: SiteTables, guaranteed_months: int, household: NDArray[np.int64], *, since: str | None = None
) -> MonitorWindow:
    """Give the last whole months that are guaranteed, and that the signals cover: see ``covered_months``.

    Raises
    ------
    SourceError
        ``source-no-whole-month``.
    """
    # The month of the extract counts when the extract is of its last day.
    end = (np.datetime64(tables.extracted_on, "D") + 1).astype("datetime64[M]")
    first = end - guaranteed_months
    received = tables.signals["received_on"].to_numpy("datetime64[D]")
    number = (received.astype("datetime64[M]") - first).astype(np.int64)
    number = np.where(np.isnat(received), UNKNOWN, number)
    if not ((number >= 0) & (number < guaranteed_months)).any():
        raise _no_month(
            "Make an extract that holds whole months, or check retention_months in the inventory."
        )
    begin, last = covered_months(number, household, guaranteed_months) or (0, guaranteed_months - 1)
    edge = retention_edge(View.of(tables))
    if edge is not None:
        kept = edge - int(first.astype(np.int64))
        # A case is opened up to a month after its signals: an edge one month later says nothing else.
        begin = kept if begin + 1 < kept <= last else begin
    whole = last - begin + 1
    months = min(whole, LONGEST_WINDOW)
    if since is not None:
        months = min(months, int((first + last + 1 - np.datetime64(since, "M")).astype(np.int64)))
        if months < 1:
            raise _no_month("Give an earlier month for --since, or wait for a later extract.")
    return MonitorWindow(first + last + 1 - months, months, max(months - MONTHS_TO_CLOSE, 0), whole - months)


def _no_month(mend: str) -> SourceError:
    return SourceError(
        "source-no-whole-month",
        expected="at least one whole month of signals before the extraction date",
        found="none",
        mend=mend,
    )


@dataclass(frozen=True, slots=True)
class MonitorEpisodes:
    """Episodes by the monitor's definition, (m,); ``known``: whether earlier signals are told or held."""

    month: NDArray[np.int64]
    household: NDArray[np.int64]
    signals: NDArray[np.int64]
    successive: NDArray[np.bool_]
    known: NDArray[np.bool_]


def monitor_episodes(
    tables: SiteTables, window: MonitorWindow, household: NDArray[np.int64]
) -> MonitorEpisodes:
    """Put the signals of one household and month together, in order of household and month."""
    signals = tables.signals
    month = window.number(signals["received_on"].to_numpy("datetime64[D]"))
    flags = signals[list(LOOK_BACK)].to_numpy("float64")
    counted = (month >= 0) & (household >= 0)
    address = household[counted] * window.months + month[counted]
    distinct, where = np.unique(address, return_inverse=True)
    size = len(distinct)
    repeated = (flags[counted] > 0).any(axis=1)
    flagged = ~np.isnan(flags[counted]).all(axis=1)
    told = np.bincount(where, weights=flagged, minlength=size) > 0
    of, owner = distinct % window.months, distinct // window.months
    dates = (signals["received_on"].to_numpy("datetime64[M]") - window.first).astype(np.int64)
    held = of + window.earlier >= len(LOOK_BACK)
    return MonitorEpisodes(
        month=of,
        household=owner,
        signals=np.bincount(where, minlength=size),
        successive=np.where(
            told,
            np.bincount(where, weights=repeated, minlength=size) > 0,
            cells.seen_before(of, owner, dates, household, len(LOOK_BACK)),
        ),
        known=told | held,
    )


def _rates(
    window: MonitorWindow,
    month: NDArray[np.int64],
    household: NDArray[np.int64],
    episodes: MonitorEpisodes,
    inhabitants: int,
) -> list[RateCount]:
    """Signals per 1,000 inhabitants a month and per episode, of the window and of each month."""
    found: list[RateCount] = []
    linked = np.where(household >= 0, month, UNKNOWN)
    for overall in (True, False):
        size = 1 if overall else window.months
        names = [None] if overall else [window.name(number) for number in range(size)]
        months = window.months if overall else 1
        for figure, numbered, exposure in (
            ("signals_per_1000", month, np.full(size, inhabitants / 1000 * months)),
            ("signals_per_episode", linked, cells.items(_flat(episodes.month, overall), size)),
        ):
            cell = _flat(numbered, overall)
            numerator, households = cells.items(cell, size), cells.distinct(cell, household, size)
            largest, both = cells.largest_two(cell, household, size)
            found += [
                RateCount(
                    figure,
                    names[at],
                    int(numerator[at]),
                    float(exposure[at]),
                    int(households[at]),
                    int(largest[at]),
                    int(both[at]),
                )
                for at in range(size)
            ]
    return found


def _flat(month: NDArray[np.int64], overall: bool) -> NDArray[np.int64]:
    """Put all months in one cell, when the whole window is counted."""
    return np.minimum(month, 0) if overall else month


def _mix(window: MonitorWindow, episodes: MonitorEpisodes, *, by_month: bool) -> list[ShareCount]:
    """Count single, multiple and successive episodes; only multiple needs no record of earlier signals."""
    multiple = episodes.signals >= 2
    looked_back = np.where(episodes.known, episodes.month, UNKNOWN)
    found: list[ShareCount] = []
    for group, month, yes in (
        ("single", looked_back, ~multiple & ~episodes.successive),
        ("multiple", episodes.month, multiple),
        ("successive", looked_back, episodes.successive),
    ):
        found += _share(window, "mix", group, month, episodes.household, yes, by_month)
    return found


def _by_creditor(
    window: MonitorWindow,
    signals: pd.DataFrame,
    month: NDArray[np.int64],
    household: NDArray[np.int64],
    *,
    by_month: bool,
) -> list[ShareCount]:
    kind = signals["creditor_type"].map({code: n for n, code in enumerate(CREDITOR_TYPES)}).to_numpy()
    found: list[ShareCount] = []
    for number, creditor in enumerate(CREDITOR_TYPES):
        found += _share(window, "signals_by_creditor", creditor, month, household, kind == number, by_month)
    return found


def _share(
    window: MonitorWindow,
    figure: str,
    group: str,
    month: NDArray[np.int64],
    household: NDArray[np.int64],
    yes: NDArray[np.bool_],
    by_month: bool,
    months: int | None = None,
) -> list[ShareCount]:
    """Count one group's share over the window, or in each of its first ``months``."""
    size = (window.months if months is None else months) if by_month else 1
    found = cells.shares(_flat(month, not by_month), household, np.asarray(yes, np.bool_), size)
    return [
        ShareCount(
            figure,
            group,
            window.name(at) if by_month else None,
            int(found.numerator[at]),
            int(found.denominator[at]),
            int(found.households[at]),
            int(found.households_with[at]),
            int(found.households_without[at]),
        )
        for at in range(size)
    ]


@dataclass(frozen=True, slots=True)
class _Shares:
    """Reach and acceptance over the window, and by month."""

    overall: list[ShareCount]
    by_month: list[ShareCount]


def _contact(tables: SiteTables, window: MonitorWindow, threshold_cents: float) -> _Shares:
    """Reach of those who were or could have been offered help, acceptance of the reached."""
    seen = offered(tables, window.first, window.contact_months, threshold_cents)
    reached_only = np.where(seen.reached, seen.month, UNKNOWN)
    overall: list[ShareCount] = []
    split: list[ShareCount] = []
    by_month: list[ShareCount] = []
    for figure, month, yes in (
        ("reached", seen.month, seen.reached),
        ("accepted", reached_only, seen.accepted),
    ):
        overall += _share(window, figure, "", month, seen.household, yes, False)
        by_month += _share(window, figure, "", month, seen.household, yes, True, window.contact_months)
        for method in METHODS:
            of = np.where(seen.by_method[method], month, UNKNOWN)
            split += _share(window, f"{figure}_by_method", method, of, seen.household, yes, False)
        for creditor in CREDITOR_TYPES:
            of = np.where(seen.by_creditor[creditor], month, UNKNOWN)
            split += _share(window, f"{figure}_by_creditor", creditor, of, seen.household, yes, False)
    return _Shares(overall + split, by_month)
