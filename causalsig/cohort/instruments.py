"""Monthly capacity as an instrument for accepted help: values, seasons, folds, or why there is none.

Capacity decides how far down the list of a month calls and visits go. Everybody matched in one month meets
the same capacity, so a column a calendar month would take all of it away: the season and a smooth trend are
taken out instead. Where nobody recorded capacity, the share of the month's other households that were called
or visited stands for it; "other" are those of other folds (see `causalsig.estimation.shared_instrument`).

What would have to be true, none of which the data can show: capacity differs between months for reasons
(leave, sickness, vacancies) that do not themselves go with returns, once season and trend are taken out; it
does not change who is matched; more capacity never makes anyone refuse; a call or visit helps only through
accepted help.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.history import Floats, History, Integers
from causalsig.records import Refusal

Season = Literal["harmonic", "month_of_year"]
FEWEST_MONTHS: Mapping[Season, int] = {"harmonic": 18, "month_of_year": 24}
"""Months with episodes, at least. A year and a half tells two waves a year from a straight trend; a level for
each month of the year needs every one of them twice."""
MOST_FOLDS = 5
HARMONICS = (1, 2)
"""Waves a year and half a year long: four columns where the months of the year need eleven."""
CONTACT_DAYS = 14
QUESTION = "accepted_help"


@dataclass(frozen=True, slots=True)
class CapacityInstrument:
    """The instrument of n episodes, ready for `grouped_instrument` and `instrument_balance`.

    Attributes
    ----------
    values : (n,) float
        Share called or visited within 14 days among the month's other folds, or the recorded capacity.
    months : (n,) int
        Months since 1970-01, the groups.
    controls : (n, q) float
        Season and trend, constant within a month; no intercept.
    control_names : tuple of str, length q
    folds : (n,) int or None
        Folds of households; None for a recorded capacity, which no episode is part of.
    source : {"others", "recorded"}
    """

    values: Floats
    months: Integers
    controls: Floats
    control_names: tuple[str, ...]
    folds: Integers | None
    source: Literal["others", "recorded"]


def called_or_visited(visits_and_calls: History, households: Integers, time_zero: Integers) -> Floats:
    """Whether anybody called or visited from the day of matching to day 14, shape (n,), 0 or 1.

    Attempts, not reach, and not their number: who is hard to reach is called more often.
    """
    number = visits_and_calls.between(households, time_zero, time_zero + CONTACT_DAYS + 1)
    return np.asarray(number > 0, dtype=np.float64)


def accepted_before(accepted: History, households: Integers, time_zero: Integers, by_day: int) -> Floats:
    """Whether help was accepted from the day of matching to before ``by_day``, shape (n,), 0 or 1.

    For the instrument take the day on which follow-up begins, not the landmark: capacity also moves help that
    is accepted after the landmark, and what reaches the outcome past the treatment breaks an instrument.
    """
    number = accepted.between(households, time_zero, time_zero + by_day)
    return np.asarray(number > 0, dtype=np.float64)


def capacity_instrument(
    time_zero: Integers,
    household_keys: NDArray[np.object_],
    contacted: Floats | None = None,
    *,
    recorded: Mapping[str, float] | None = None,
    season: Season = "harmonic",
    trend: int = 1,
    seed: int = 0,
) -> CapacityInstrument | Refusal:
    """Build the instrument of a cohort, or say why it has none.

    Parameters
    ----------
    time_zero : (n,) int
        Days since 1970-01-01.
    household_keys : (n,) object
        Folds are dealt by a keyed hash of these, so they do not depend on the order of the rows.
    contacted : (n,) 0 and 1, or None
        `called_or_visited`; needed unless capacity is recorded.
    recorded : mapping of month ("2025-03") to capacity, optional
        Any unit that is the same in all months, such as days of work an episode. Every month of the cohort
        must be there.
    season : {"harmonic", "month_of_year"}
        Waves of a year and half a year, or a level for each month of the year.
    trend : int
        Degree of the polynomial in time, from 0 to 3.
    seed : int

    Returns
    -------
    CapacityInstrument or Refusal
        ``cohort-instrument-few-months``, ``cohort-instrument-not-recorded``.
    """
    month = time_zero.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    if not _enough(month, season):
        return Refusal("cohort-instrument-few-months", QUESTION)
    controls, names = season_controls(month, season, trend)
    if recorded is not None:
        labels = month.astype("datetime64[M]").astype(str)
        if not set(labels.tolist()) <= set(recorded):
            return Refusal("cohort-instrument-not-recorded", QUESTION)
        values = np.array([recorded[label] for label in labels.tolist()], dtype=np.float64)
        return CapacityInstrument(values, month, controls, names, None, "recorded")
    if contacted is None or not contacted.any():
        return Refusal("cohort-instrument-not-recorded", QUESTION)
    folds = _folds(household_keys, month, seed)
    if folds is None:
        return Refusal("cohort-instrument-few-months", QUESTION)
    values = _share_of_others(contacted, month, folds)
    return CapacityInstrument(values, month, controls, names, folds, "others")


def season_controls(month: Integers, season: Season, trend: int) -> tuple[Floats, tuple[str, ...]]:
    """Columns for season and trend: (n, q) and their names; months (n,) since 1970-01."""
    columns: list[tuple[str, Any]] = []
    if season == "harmonic":
        for wave in HARMONICS:
            angle = 2.0 * np.pi * wave * (month % 12) / 12.0
            columns += [(f"season_cos{wave}", np.cos(angle)), (f"season_sin{wave}", np.sin(angle))]
    else:
        columns += [(f"month_of_year={m + 1:02d}", (month % 12 == m).astype(float)) for m in range(1, 12)]
    span = max(int(month.max() - month.min()), 1)
    time = 2.0 * (month - month.min()) / span - 1.0
    columns += [(f"trend_{power}", time**power) for power in range(1, trend + 1)]
    return np.column_stack([values for _, values in columns]), tuple(name for name, _ in columns)


def _enough(month: Integers, season: Season) -> bool:
    present = np.unique(month)
    if len(present) < FEWEST_MONTHS[season]:
        return False
    return season == "harmonic" or bool((np.bincount(present % 12, minlength=12) >= 2).all())


def _folds(keys: NDArray[np.object_], month: Integers, seed: int) -> Integers | None:
    """As many folds of households as leave none of them without a month; None when two already do."""
    names, codes = np.unique(keys.astype(str), return_inverse=True)
    salt = hashlib.sha256(f"causalsig capacity {seed}".encode()).digest()
    digests = [hashlib.blake2b(str(n).encode(), digest_size=8, key=salt).digest() for n in names]
    rank = np.empty(len(names), dtype=np.int64)
    rank[sorted(range(len(names)), key=digests.__getitem__)] = np.arange(len(names))
    place = np.unique(month, return_inverse=True)[1]
    for number in range(MOST_FOLDS, 1, -1):
        folds: Integers = rank[codes.ravel()] % number
        cells = np.bincount(place.ravel() * number + folds, minlength=(int(place.max()) + 1) * number)
        if cells.all():
            return folds
    return None


def _share_of_others(contacted: Floats, month: Integers, folds: Integers) -> Floats:
    """Share contacted of each episode's month outside its own fold, (n,)."""
    place = np.unique(month, return_inverse=True)[1].ravel()
    number = int(folds.max()) + 1
    cell = place * number + folds
    shape = (int(place.max()) + 1, number)
    total = np.bincount(cell, weights=contacted, minlength=shape[0] * number).reshape(shape)
    size = np.bincount(cell, minlength=shape[0] * number).reshape(shape).astype(np.float64)
    others = total.sum(axis=1, keepdims=True) - total
    share: Floats = (others / (size.sum(axis=1, keepdims=True) - size))[place, folds]
    return share
