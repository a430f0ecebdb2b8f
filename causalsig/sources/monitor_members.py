"""Whom each figure of a monitor is of: the households of its denominators, for the window and by month.

A household is named with the month: in another month it comes in anew, and its later figures are others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.sources import cells
from causalsig.sources.monitor import monitor_window
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
) -> dict[str, list[HouseholdMonth]]:
    """Name the households of every denominator of :func:`causalsig.sources.monitor.monitor_counts`.

    Returns
    -------
    dict of list of (str, int)
        Key of a household and month since 1970: of ``everybody``, see :func:`everybody_of`; and of
        ``monitor.signals``, ``monitor.offered`` and ``monitor.reached`` of the window, with ``.2026-05`` of a
        month, or with a kind of creditor or a method. Each once.

    Raises
    ------
    SourceError
        ``source-no-whole-month``.
    """
    signals = tables.signals
    window = monitor_window(
        tables, guaranteed_months, cells.households_of(signals["household_key"]), since=since
    )
    month = window.number(signals["received_on"].to_numpy("datetime64[D]"))
    begin = int(window.first.astype("datetime64[M]").astype(np.int64))
    found: dict[str, list[HouseholdMonth]] = {}

    def tell(name: str, keys: NDArray[np.object_], numbers: NDArray[np.int64], *, by_month: bool) -> None:
        inside = numbers >= 0
        found[name] = _known(keys[inside], numbers[inside] + begin)
        for number in range(window.months) if by_month else ():
            here = numbers == number
            found[f"{name}.{window.name(number)}"] = _known(keys[here], numbers[here] + begin)

    keys = signals["household_key"].to_numpy(object)
    tell("monitor.signals", keys, month, by_month=True)
    seen = offered(tables, window.first, window.contact_months, threshold_cents)
    for name, numbers in (
        ("monitor.offered", seen.month),
        ("monitor.reached", np.where(seen.reached, seen.month, cells.UNKNOWN)),
    ):
        tell(name, seen.keys, numbers, by_month=True)
        for part, members in (*_parts("method", seen.by_method), *_parts("creditor", seen.by_creditor)):
            tell(f"{name}.{part}", seen.keys, np.where(members, numbers, cells.UNKNOWN), by_month=False)
    return found | {EVERYBODY: found["monitor.signals"]}


def everybody_of(tables: SiteTables) -> list[HouseholdMonth]:
    """Name the households of all signals, with their months: whom a document counts, whatever its kind."""
    received = tables.signals["received_on"].to_numpy("datetime64[M]")
    known = ~np.isnat(received)
    keys = tables.signals["household_key"].to_numpy(object)
    return _known(keys[known], received[known].astype(np.int64))


def _parts(name: str, members: dict[str, NDArray[np.bool_]]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for part, inside in members.items():
        yield f"{name}.{part}", inside


def _known(keys: NDArray[np.object_], months: NDArray[np.int64]) -> list[HouseholdMonth]:
    pairs = set(zip(keys.tolist(), months.tolist(), strict=True))
    return sorted((key, month) for key, month in pairs if isinstance(key, str))
