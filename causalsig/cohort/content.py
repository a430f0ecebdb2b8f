"""An order of episodes that follows from what they are, not from their names or their place in a file.

Folds are dealt over households, and sums run over rows: with an order that knows neither row numbers nor
keys, the same site gives the same bits whatever its rows are called and however its files are cut.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.history import Floats, Integers

Hashes = NDArray[np.uint64]
_MULTIPLIERS = tuple(np.uint64(number) for number in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)
_SHIFTS = tuple(np.uint64(shift) for shift in (30, 27, 31))


def content_order(
    households: Integers, time_zero: Integers, arms: Integers, numbers: list[Floats], lives: Hashes
) -> tuple[Integers, Integers]:
    """Order rows by household and day, households by a hash of all that is known of their rows.

    Households that are equal in everything, also in what happened to them from day to day, tie, and may
    change places without anyone being able to tell. A hash of 64 bits puts two unequal ones on one place once
    in 10^7 sites of a million households; the order is then that of the source, and nothing but the order
    depends on it.

    Parameters
    ----------
    households : (n,) int
        Any code of the household.
    time_zero, arms : (n,) int
    numbers : list of (n,) or (n, p) float
        Covariates and outcomes.
    lives : (n,) uint64
        Hash of all events of the row's household, as :func:`sums_of_events` makes it.

    Returns
    -------
    order : (n,) int
        Rows, the first first.
    codes : (n,) int
        Household of each row in that order: 0 to G - 1, ascending.

    References
    ----------
    The finaliser of SplitMix64: Steele, Lea and Flood (2014), doi:10.1145/2714064.2660195.
    """
    columns = [column for values in numbers for column in (values.T if values.ndim == 2 else (values,))]
    content = _scrambled(lives + hashes_of(time_zero, arms, *columns))
    signature = _of_households(households, time_zero, content)
    order = np.lexsort((content, time_zero, households, signature))
    begins = np.ones(len(order), dtype=bool)
    ordered = households[order]
    begins[1:] = ordered[1:] != ordered[:-1]
    codes: Integers = np.cumsum(begins) - 1
    return order, codes


def hashes_of(*columns: Floats | Integers | NDArray[np.bool_]) -> Hashes:
    """Hash of each row of some columns of numbers, shape (n,)."""
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        hashes = _mixed(hashes, column.astype(np.float64))
    return hashes


def sums_of_events(owner: Integers, hashes: Hashes, total: int) -> Hashes:
    """Sum of the hashes of each owner's events, (total,): a sum that goes round at 2^64 knows no order.

    Events with a negative owner are left out.
    """
    sums = np.zeros(total, dtype=np.uint64)
    known = owner >= 0
    np.add.at(sums, owner[known], hashes[known])
    return sums


def _of_households(households: Integers, time_zero: Integers, content: Hashes) -> Hashes:
    """Hash of a household's rows in the order of time, for each row: (n,)."""
    order = np.lexsort((content, time_zero, households))
    owner = households[order]
    begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1])) if len(owner) else owner
    length = np.diff(np.append(begins, len(owner)))
    sums = np.zeros(len(begins), dtype=np.uint64)
    for place in range(int(length.max(initial=0))):
        longer = np.flatnonzero(length > place)
        sums[longer] = _scrambled(sums[longer] + _STEP + content[order[begins[longer] + place]])
    result = np.empty(len(owner), dtype=np.uint64)
    result[order] = np.repeat(sums, length)
    return result


def _mixed(hashes: Hashes, column: Floats) -> Hashes:
    """Take one more column into the hashes; -0.0 and 0.0 are one value, and so is every NaN."""
    plain = np.where(np.isnan(column), np.nan, column) + 0.0
    return _scrambled(hashes + _STEP + plain.view(np.uint64))


def _scrambled(hashes: Hashes) -> Hashes:
    """Spread every bit over all bits; sums and products go round at 2^64."""
    first, second, last = _SHIFTS
    mixed = (hashes ^ (hashes >> first)) * _MULTIPLIERS[0]
    mixed = (mixed ^ (mixed >> second)) * _MULTIPLIERS[1]
    result: Hashes = mixed ^ (mixed >> last)
    return result
