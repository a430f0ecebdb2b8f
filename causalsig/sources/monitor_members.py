"""Whom each figure of a monitor is of: the households of its denominators, for the window and by month.

A household is named with the month: in another month it comes in anew, and its later figures are others. With
each denominator goes what is counted of them: signals, whether they follow earlier ones, reach, acceptance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.codes import CREDITOR_TYPES
from causalsig.recorded import Recorded
from causalsig.sources import cells
from causalsig.sources.monitor import MonitorWindow, monitor_episodes, monitor_window
from causalsig.sources.offered import offered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.schema import SiteTables

EVERYBODY: Final = "everybody"
HouseholdMonth = tuple[str, int]


def monitor_members(
    tables: SiteTables,
    *,
    guaranteed_months: int,
    threshold_cents: float = 0.0,
    since: str | None = None,
) -> dict[str, Sequence[HouseholdMonth] | Recorded]:
    """Name the households of every denominator of :func:`causalsig.sources.monitor.monitor_counts`.

    Returns
    -------
    dict of sequences of (str, int)
        Key of a household and month since 1970: of ``everybody``, see :func:`everybody_of`; and of
        ``monitor.signals``, ``monitor.offered`` and ``monitor.reached`` of the window, with ``.2026-05`` of a
        month, or with a kind of creditor or a method. Each once; with what is counted of them as
        :class:`causalsig.recorded.Recorded`, in which one may stand in several rows.

    Raises
    ------
    SourceError
        ``source-no-whole-month``.
    """
    signals = tables.signals
    household = cells.households_of(signals["household_key"])
    window = monitor_window(tables, guaranteed_months, household, since=since)
    month = window.number(signals["received_on"].to_numpy("datetime64[D]"))
    begin = int(window.first.astype("datetime64[M]").astype(np.int64))
    found: dict[str, Sequence[HouseholdMonth] | Recorded] = {}

    def tell(
        name: str, keys: NDArray[np.object_], numbers: NDArray[np.int64], counted: NDArray[np.float64]
    ) -> None:
        found[name] = _recorded(name, keys, np.where(numbers >= 0, numbers + begin, -1), counted)
        for number in range(window.months):
            here = numbers == number
            found[f"{name}.{window.name(number)}"] = _known(keys[here], numbers[here] + begin)

    keys = signals["household_key"].to_numpy(object)
    tell("monitor.signals", keys, month, _counted_signals(tables, window, household, month))
    seen = offered(tables, window.first, window.contact_months, threshold_cents)
    for name, numbers in (
        ("monitor.offered", seen.month),
        ("monitor.reached", np.where(seen.reached, seen.month, cells.UNKNOWN)),
    ):
        split = [*_parts("method", seen.by_method), *_parts("creditor", seen.by_creditor)]
        counted = [seen.reached, seen.accepted, *(members for _, members in split)]
        tell(name, seen.keys, numbers, np.column_stack(counted).astype(np.float64))
        for part, members in split:
            inside = members & (numbers >= 0)
            found[f"{name}.{part}"] = _known(seen.keys[inside], numbers[inside] + begin)
    inside = month >= 0
    return found | {EVERYBODY: _known(keys[inside], month[inside] + begin)}


def _counted_signals(
    tables: SiteTables, window: MonitorWindow, household: NDArray[np.int64], month: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give what a monitor counts of each signal: its creditor, and what went before its month; (n, 3)."""
    kinds = {code: number for number, code in enumerate(CREDITOR_TYPES)}
    creditor = tables.signals["creditor_type"].map(kinds).to_numpy("float64")
    of = monitor_episodes(tables, window, household)
    before = np.where(of.known, of.successive, np.nan)
    known = (month >= 0) & (household >= 0)
    place = np.searchsorted(
        of.household * window.months + of.month, (household * window.months + month)[known]
    )
    counted = np.full((len(month), 3), np.nan)
    counted[:, 0] = creditor
    counted[known, 1], counted[known, 2] = before[place], of.known[place]
    return counted


def everybody_of(tables: SiteTables) -> list[HouseholdMonth]:
    """Name the households of all signals, with their months: whom a document counts, whatever its kind."""
    received = tables.signals["received_on"].to_numpy("datetime64[M]")
    known = ~np.isnat(received)
    keys = tables.signals["household_key"].to_numpy(object)
    return _known(keys[known], received[known].astype(np.int64))


def _parts(name: str, members: dict[str, NDArray[np.bool_]]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for part, inside in members.items():
        yield f"{name}.{part}", inside


def _recorded(
    name: str, keys: NDArray[np.object_], months: NDArray[np.int64], counted: NDArray[np.float64]
) -> Recorded:
    rows = np.flatnonzero((months >= 0) & np.fromiter((isinstance(key, str) for key in keys), np.bool_))
    members = list(zip(keys[rows].tolist(), months[rows].tolist(), strict=True))
    return Recorded(members, {"counted": counted[rows]}, name)


def _known(keys: NDArray[np.object_], months: NDArray[np.int64]) -> list[HouseholdMonth]:
    pairs = set(zip(keys.tolist(), months.tolist(), strict=True))
    return sorted((key, month) for key, month in pairs if isinstance(key, str))
