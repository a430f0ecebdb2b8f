"""Checks of household keys against what a household can have: a placeholder makes one of thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.sources import cells

if TYPE_CHECKING:
    from causalsig.sources.checks_view import View
    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import SiteTables

FEWEST_SIGNALS: Final = 20
"""A household with fewer signals may be one, whatever they are."""
MOST_A_MONTH: Final = 10
"""Signals in a month that there are any: four contracts, health for each adult, some reported twice. In the
invented country four at the most."""
MOST_CREDITORS: Final = 10
"""Different creditors: a landlord or two, and a few of each other kind over years. In the invented country
six."""
MOST_OF_ALL: Final = 0.2
"""Share of all signals of a municipality; of one of 2,000 inhabitants it is 4 % in two years."""
MOST_AT_SUCH_KEYS: Final = 0.05
"""Share of the signals that may be of such keys: a care home, a postal address of the municipality."""


def check_households(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Count signals of keys with more signals or creditors than a household can have."""
    household = cells.households_of(tables.signals["household_key"])
    known = household >= 0
    if not known.any():
        return
    size = int(household.max()) + 1
    signals = cells.items(household, size)
    if signals.max() < FEWEST_SIGNALS:
        return
    months = cells.distinct(household, _months(view), size)
    creditors = cells.distinct(household, view.creditor, size)
    implausible = (signals >= FEWEST_SIGNALS) & (
        (signals > MOST_A_MONTH * np.maximum(months, 1))
        | (creditors > MOST_CREDITORS)
        | (signals > MOST_OF_ALL * known.sum())
    )
    count = int(signals[implausible].sum())
    severity = "error" if count > MOST_AT_SUCH_KEYS * known.sum() else "warning"
    findings.add("source-household-implausible", "signals", "household_key", count, severity)  # type: ignore[arg-type]


def _months(view: View) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Calendar month of each signal, numbered from the first, ``UNKNOWN`` where it has no date."""
    day = np.where(np.isnan(view.received), 0, view.received).astype("int64").astype("datetime64[D]")
    month = day.astype("datetime64[M]").astype("int64")
    dated = ~np.isnan(view.received)
    first = month[dated].min() if dated.any() else 0
    return np.where(dated, month - first, cells.UNKNOWN)
