"""What a site writes down while months pass: signals, cases, attempts, by row numbers and day numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from causalsig.simulation.arrears import Batch
    from causalsig.simulation.care import Attempts, Course, Facts

MATCHING_DAY: Final = 15
NO_CASE: Final = -1


@dataclass(frozen=True, slots=True)
class Calendar:
    """Months of a run; the last one ends on the extraction date.

    Attributes
    ----------
    first_day : (T + 1,) int64
        Day number (days since 1970-01-01) of the first of each month, one month beyond the run included.
    year, month : (T,) int64
    data_from : int
        First month of the extract; months before it are burn-in.
    """

    first_day: NDArray[np.int64]
    year: NDArray[np.int64]
    month: NDArray[np.int64]
    data_from: int

    @classmethod
    def until(cls, extracted_on: date, months: int, burn_in: int) -> Calendar:
        """Calendar of ``burn_in + months`` months that ends with the month of ``extracted_on``."""
        total = months + burn_in
        last = extracted_on.year * 12 + extracted_on.month - 1
        number = np.arange(last - total + 1, last + 2)
        first = (number - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return cls(first, number[:-1] // 12, number[:-1] % 12 + 1, burn_in)

    def __len__(self) -> int:
        return len(self.year)

    def time_zero(self, month: int) -> int:
        """Day number on which the month's signals are matched."""
        return int(self.first_day[month]) + MATCHING_DAY - 1

    def month_of(self, day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Month each day falls in; days beyond the run count on in months of 30 days."""
        inside = np.searchsorted(self.first_day, day, side="right").astype(np.int64) - 1
        beyond: NDArray[np.int64] = np.maximum(day - self.first_day[-1], 0) // 30
        return inside + beyond


@dataclass(slots=True)
class Ledger:
    """Blocks of columns, one block a month; :meth:`columns` joins them."""

    signals: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    cases: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    attempts: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    n_cases: int = 0

    def record(
        self,
        month: int,
        batch: Batch,
        facts: Facts,
        crisis: NDArray[np.bool_],
        age: NDArray[np.float64],
        taken: NDArray[np.int64],
        course: Course,
        attempts: Attempts,
    ) -> None:
        """Write down a month: ``taken`` are the episodes (rows of ``batch``) that ``course`` is about."""
        opened = np.flatnonzero(course.has_case)
        number = np.full(len(course.has_case), NO_CASE)
        number[opened] = self.n_cases + np.arange(len(opened))
        self.n_cases += len(opened)
        case = np.full(len(batch.rows), NO_CASE)
        case[taken] = number
        row, contract = np.nonzero(batch.reported)
        self.signals.append(
            {
                "household": batch.rows[row],
                "month": np.full(len(row), month),
                "contract": contract,
                "cents": batch.amount[row, contract],
                "new": batch.new[row, contract],
                "crisis": crisis[row, contract],
                "age": age[row],
                "minor": facts.minor[row],
                "recent": batch.recent[row],
                "case": case[row],
            }
        )
        self.cases.append(
            {
                "case": number[opened],
                "household": batch.rows[taken[opened]],
                "month": np.full(len(opened), month),
                "close_day": course.close_day[opened],
                "accepted": course.accepted[opened],
                "reached_day": course.reached_day[opened],
                "attempted": course.first_method[opened] >= 0,
            }
        )
        self.attempts.append(
            {
                "case": number[attempts.row],
                "household": batch.rows[taken[attempts.row]],
                "month": np.full(len(attempts.row), month),
                "number": attempts.number,
                "day": attempts.day,
                "method": attempts.method,
                "reached": attempts.reached,
                "accepted": course.accepted[attempts.row] & attempts.reached,
            }
        )


def columns(blocks: list[dict[str, NDArray[np.generic]]]) -> dict[str, NDArray[np.generic]]:
    """Join the blocks of a ledger, column by column."""
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
