"""Days and months of a run: when signals come in, and when they are matched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.population import CONTRACTS

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from causalsig.sources.schema import Matching

DELIVERY_DAYS: Final = 10
WORKING_DAYS: Final = 5
_CONTRACTS: Final = np.arange(CONTRACTS)


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

    @property
    def extract(self) -> int:
        """Day number of the extraction date."""
        return int(self.first_day[-1]) - 1

    def time_zero(self, month: int) -> int:
        """Middle of the month: the day that decides which rule is valid for the month's episodes."""
        return int(self.first_day[month]) + 14

    def matching_days(self, month: int, matching: Matching) -> NDArray[np.int64]:
        """Days of a month on which signals are matched, all of them at least six days into it.

        Six, so that a week's signals never come in before the month begins.
        """
        first, following = int(self.first_day[month]), int(self.first_day[month + 1])
        if matching.frequency == "monthly":
            return np.array([first + matching.day - 1])
        day = np.arange(first + 6, following)
        # Day 0, 1 January 1970, was a Thursday.
        matched: NDArray[np.int64] = day[(day + 3) % 7 + 1 == matching.day]
        return matched

    def month_of(self, day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Month each day falls in; days beyond the run count on in months of 30 days."""
        inside = np.searchsorted(self.first_day, day, side="right").astype(np.int64) - 1
        beyond: NDArray[np.int64] = np.maximum(day - self.first_day[-1], 0) // 30
        return inside + beyond


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a month's signals come in, in the month with these days of matching.

    Monthly: each creditor on one of the first ten days. Weekly: the signals on a household come in within
    the five days that end on one of the month's matching days; which one differs between households.

    Attributes
    ----------
    first : int
        First day of the month.
    matched : (w,) int64
        Days of matching.
    one_day : bool
        Each creditor delivers everything on one day; otherwise each signal has its own.
    """

    first: int
    matched: NDArray[np.int64]
    one_day: bool

    def days(
        self, key: int, month: int, household: NDArray[np.int64], creditor: NDArray[np.int16]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Day each signal comes in, (m, 5), and day on which the household's are matched, (m,)."""
        if self.one_day:
            luck = draws.uniforms(key, 0, draws.LIBRARY, month * 64 + creditor.astype(np.int64))
        else:
            luck = draws.uniforms(key, month, draws.DELIVERY + _CONTRACTS, household[:, None])
        if len(self.matched) == 1:
            day = self.first + (luck * DELIVERY_DAYS).astype(np.int64)
            return day, np.full(len(household), self.matched[0])
        week = draws.uniforms(key, month, draws.WEEK, household) * len(self.matched)
        zero = self.matched[week.astype(np.int64)]
        return zero[:, None] - (luck * WORKING_DAYS).astype(np.int64), zero
