"""Checks of the repeat flags against the signals themselves: does a flag say what the months before hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.sources import cells
from causalsig.sources.checks_coverage import retention_edge
from causalsig.sources.checks_view import month_of
from causalsig.sources.window import covered_months

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.checks_view import View
    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import SiteTables

FLAGS: Final = tuple(f"repeat_m{month}" for month in range(1, 7))
MOST_WITHOUT_SIGNAL: Final = 0.75
"""Share of the flags that say yes to a month without a signal. Signals that were deleted in part make it a
third; flags that always say yes nine in ten."""


def check_repeats(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Count signals whose flags contradict the signals kept of the months they speak of.

    A flag that says no to a month of which a signal is kept always does. One that says yes to a month of
    which none is kept does when most do: a signal here and there was deleted.
    """
    flags = tables.signals[list(FLAGS)].to_numpy("float64")
    household = cells.households_of(tables.signals["household_key"])
    rows = np.flatnonzero(~np.isnan(flags).all(axis=1) & (household >= 0) & ~np.isnan(view.received))
    if not len(rows):
        return
    flags, household = flags[rows], household[rows]
    month = month_of(view.received[rows])
    start = int(month.min())
    month = month - start
    covered = covered_months(month, household, int(month.max()) + 1)
    first = 0 if covered is None else covered[0]
    edge = retention_edge(view)
    first = first if edge is None else max(first, edge - start)
    back = np.arange(1, len(FLAGS) + 1)
    held = _held(month, household)
    looked = (month[:, None] - back >= first) & ~np.isnan(flags)
    unsaid = (looked & (flags == 0) & held).any(axis=1)
    yes = looked & (flags > 0)
    if (yes & ~held).sum() > MOST_WITHOUT_SIGNAL * max(int(yes.sum()), 1):
        unsaid |= (yes & ~held).any(axis=1)
    findings.add("source-repeat-flags-contradicted", "signals", FLAGS[0], int(unsaid.sum()))


def _held(month: NDArray[np.int64], household: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the household has a signal one to six months before each signal, shape (n, 6)."""
    reach = len(FLAGS)
    width = int(month.max()) + 1 + reach  # so that the months of two households never touch
    there, where = np.unique(household * width + month, return_inverse=True)
    held = np.zeros((len(there), reach), dtype=bool)
    for step in range(1, min(reach, len(there) - 1) + 1):
        apart = there[step:] - there[:-step]
        near = np.flatnonzero(apart <= reach)
        held[near + step, apart[near] - 1] = True
    found: NDArray[np.bool_] = held[where]
    return found
