"""The months that a site's data cover, whatever strays beyond them.

One signal with a wrong date, or kept for a reason of its own, would make a window years long: rates per month
too low, months without signals that nobody missed, and a first month that is one household's. So a month
counts as covered by the households in it, ten at least: the floor of everything that leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.sources import cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_HOUSEHOLDS: Final = 10
"""Households that must be behind the first and the last month."""
SMALLEST_PART: Final = 0.1
"""Of the usual number of households a month; a batch under a wrong date is smaller."""
MONTHS_TO_SHOW: Final = 3
"""Where a month below ten households is nothing special, so many months at an end must hold them together."""


def covered_months(
    month: NDArray[np.int64], household: NDArray[np.int64], months: int
) -> tuple[int, int] | None:
    """First and last month that the data cover.

    Parameters
    ----------
    month, household : (n,) int
        Of each signal; months from 0, negative where it is to count for none.
    months : int
        How many there are.

    Returns
    -------
    (int, int) or None
        The first and the last month with ten households and a tenth of the usual number; at a site whose
        months usually hold fewer than thirty, the ends as they are when the three months there hold ten,
        else the month by which ten have been seen. None: there are no ten households.
    """
    known = (month >= 0) & (month < months) & (household >= 0)
    month, household = month[known], household[known]
    if not len(month):
        return None
    first, last = _ends(month, household, months)
    if len(first) < FEWEST_HOUSEHOLDS:
        return None
    held = cells.distinct(month, household, months)
    usual = float(np.median(np.repeat(held, held)))  # of the month a household is in
    if usual >= FEWEST_HOUSEHOLDS * MONTHS_TO_SHOW:
        busy = np.flatnonzero(held >= max(FEWEST_HOUSEHOLDS, SMALLEST_PART * usual))
        return int(busy[0]), int(busy[-1])
    tenth, tenth_last = int(first[FEWEST_HOUSEHOLDS - 1]), int(last[-FEWEST_HOUSEHOLDS])
    begin = 0 if tenth < MONTHS_TO_SHOW else tenth
    end = months - 1 if tenth_last >= months - MONTHS_TO_SHOW else tenth_last
    return (begin, end) if begin <= end else (0, months - 1)


def _ends(
    month: NDArray[np.int64], household: NDArray[np.int64], months: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last month of each household, each in rising order."""
    codes, unique = pd.factorize(household)
    first, last = np.full(len(unique), months), np.full(len(unique), -1)
    np.minimum.at(first, codes, month)
    np.maximum.at(last, codes, month)
    return np.sort(first), np.sort(last)
