"""Episodes followed by period until something decides which strategy they are on.

The table has one row an episode and period at risk: from the period after time zero on, up to and with the
one in which the event happens that ends it, or to the end of the grace period. Its covariates are known
before the period begins; Hernán and Robins (2016), doi:10.1093/aje/kwv254.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import check_aligned, read_numbers
from causalsig.results import Floats, Integers

LOST = -1
NOTHING = 0


class PersonPeriodTable(Protocol):
    """Whatever has the four arrays of `PersonPeriods`."""

    @property
    def episode(self) -> Any: ...  # noqa: D102
    @property
    def period(self) -> Any: ...  # noqa: D102
    @property
    def covariates(self) -> Any: ...  # noqa: D102
    @property
    def event(self) -> Any: ...  # noqa: D102


@dataclass(frozen=True, slots=True, eq=False)
class PersonPeriods:
    """One row an episode and period, in any order.

    Attributes
    ----------
    episode : (R,) int
        Place of the episode in the outcomes, 0 to n - 1; every episode has rows.
    period : (R,) int
        0 for the first period after time zero, T - 1 for the last of the grace period. An episode has the
        periods from 0 on without gaps, and ends with its event or with period T - 1.
    covariates : (R, q)
        Known before the period begins: what was so at time zero, repeated, and what has happened since.
        Intercepts of the periods are added by the estimator.
    event : (R,) int
        What happens in the period: 0 nothing, 1 and more the kind of event (help accepted; a first attempt
        by one of several methods), -1 lost to follow-up. Not 0 only in an episode's last row.
    """

    episode: Integers = field(repr=False)
    period: Integers = field(repr=False)
    covariates: Floats = field(repr=False)
    event: Integers = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """A checked table, rows by episode and period, and how every episode ends.

    Attributes
    ----------
    episode, period, event : (R,) int
    covariates : (R, q)
    last : (n,) int, the episode's last row
    periods : T
    """

    episode: Integers
    period: Integers
    covariates: Floats
    event: Integers
    last: Integers
    periods: int

    @property
    def first(self) -> Integers:
        """First row of each episode: (n,)."""
        return np.append(0, self.last[:-1] + 1)

    @property
    def ends(self) -> Integers:
        """Last period of each episode: (n,)."""
        return self.period[self.last]

    @property
    def outcome(self) -> Integers:
        """Event of each episode, 0 when the grace period passed without one: (n,)."""
        return self.event[self.last]

    @property
    def fingerprints(self) -> Floats:
        """One number an episode that its covariates decide, whatever the order of the rows: (n,)."""
        columns = np.cos(1.0 + np.arange(self.covariates.shape[1]))
        by_row = np.sum(self.covariates * columns, axis=1) * np.sqrt(2.0 + self.period)
        size = np.abs(by_row).max(initial=0.0)
        total = np.bincount(self.episode, weights=by_row / (size if size > 0 else 1.0))
        return total.astype(np.float64)

    def same(self, other: Courses) -> bool:
        """Whether another table holds the same, row by row."""
        return all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("last", "event", "period", "covariates")
        )

    def take(self, order: Integers) -> Courses:
        """Renumber the episodes, so that episode ``order[i]`` becomes i."""
        lengths = np.diff(self.last, prepend=-1)[order]
        ends = np.cumsum(lengths)
        rows = np.arange(len(self.event)) + np.repeat(self.last[order] + 1 - ends, lengths)
        return Courses(
            np.repeat(np.arange(len(order)), lengths),
            self.period[rows],
            self.covariates[rows],
            self.event[rows],
            ends - 1,
            self.periods,
        )


def read_person_periods(table: PersonPeriodTable, n: int) -> Courses:
    """Check a table of n episodes and sort it.

    Raises
    ------
    EstimationError
        ``estimation-periods`` when the rows are not the course of every episode; ``estimation-length``,
        ``estimation-dtype``, ``estimation-missing``, ``estimation-magnitude``, ``estimation-shape``,
        ``estimation-index``.
    """
    check_aligned(episode=table.episode, period=table.period, covariates=table.covariates, event=table.event)
    size = len(table.episode)
    episode, period, event = (
        _whole(getattr(table, name), name, size) for name in ("episode", "period", "event")
    )
    covariates = read_numbers(table.covariates, "covariates", size, ndim=2)
    present = np.zeros(n, dtype=bool)
    inside = (episode >= 0) & (episode < n)
    present[episode[inside]] = True
    _demand(bool(inside.all()), f"episodes 0 to {n - 1}, places in the outcomes", "others")
    _demand(bool(present.all()), "rows of every episode", f"{int(np.sum(~present))} episodes without")
    _demand(int(event.min()) >= LOST, "events -1, 0, 1, 2, ...", "another number")
    order = np.lexsort((period, episode))
    episode, period, event = episode[order], period[order], event[order]
    ends = np.flatnonzero(np.append(episode[1:] != episode[:-1], True)).astype(np.int64)
    _check_course(episode, period, event, ends)
    return Courses(episode, period, covariates[order], event, ends, int(period.max()) + 1)


def _check_course(episode: Integers, period: Integers, event: Integers, ends: Integers) -> None:
    """Periods from 0 on without gaps, an event only at the end, and an end for every episode."""
    first = np.append(True, episode[1:] != episode[:-1])
    follows = np.where(first, period == 0, np.append(True, period[1:] == period[:-1] + 1))
    gaps = len(np.unique(episode[~follows]))
    _demand(gaps == 0, "the periods of an episode from 0 on, each once", f"{gaps} episodes with others")
    closing = np.zeros(len(event), dtype=bool)
    closing[ends] = True
    after = int(np.sum(~closing & (event != NOTHING)))
    _demand(after == 0, "an event only in the last row of an episode", f"{after} rows before it")
    short = int(np.sum((event[ends] == NOTHING) & (period[ends] < period.max())))
    _demand(
        short == 0,
        "an event, or the last period, at the end of every episode",
        f"{short} episodes that end before it with nothing (-1 when lost)",
    )


def _whole(value: Any, where: str, size: int) -> NDArray[np.int64]:
    """Read whole numbers."""
    numbers = read_numbers(value, where, size, ndim=1)
    rounded = numbers.astype(np.int64)
    _demand(bool(np.array_equal(rounded, numbers)), f"whole numbers in {where}", "others")
    return rounded


def _demand(holds: bool, expected: str, found: str) -> None:
    if not holds:
        raise EstimationError(
            "estimation-periods",
            expected=expected,
            found=found,
            mend="Give one row an episode and period while it is at risk; see PersonPeriods.",
            where="person_periods",
        )
