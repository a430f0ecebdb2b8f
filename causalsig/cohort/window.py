"""Which time zeros a site's retention and a horizon leave: arithmetic on dates, never on outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from causalsig.sources.schema import Matching
    from causalsig.study.inventory import Site
    from causalsig.study.models import DataWindow


@dataclass(frozen=True, slots=True)
class EntryWindow:
    """Time zeros that are followed to the end and whose signals are all still there.

    Attributes
    ----------
    first, last : datetime.date
        Inclusive; nothing is left when ``first > last``.
    look_back : bool
        Whether ``look_back_days`` before every time zero are still retained, so that covariates made of
        earlier contacts exist for every episode alike.
    """

    first: date
    last: date
    look_back: bool


def subtract_months(day: date, months: int) -> date:
    """Date ``months`` calendar months earlier, on the last day of the month where the day does not exist."""
    month = np.datetime64(day, "M") - months
    last = (month + 1).astype("datetime64[D]") - 1
    wanted = month.astype("datetime64[D]") + (day.day - 1)
    result: date = min(wanted, last).astype(object)
    return result


def entry_window(
    extracted_on: date,
    site: Site,
    matching: Matching,
    window: DataWindow,
    *,
    follow_up_from_day: int,
    horizon_days: int,
) -> EntryWindow:
    """Entry window ``E - R ≤ time zero ≤ E - (start of follow-up + horizon)``.

    The lower end is moved up by one matching period, so that no episode has lost some of its own signals,
    and by the look-back where retention leaves at least one matching period after doing so.

    Parameters
    ----------
    extracted_on : date
        E, the date of the extract.
    site : Site
        Gives R, the months for which every signal is kept whatever happened to it.
    matching : Matching
        Length of a matching period.
    window : DataWindow
        The study's own limits and look-back.
    follow_up_from_day, horizon_days : int
        Days from time zero to the start of follow-up, and its length.
    """
    period = 31 if matching.frequency == "monthly" else 7
    retained = np.datetime64(subtract_months(extracted_on, site.guaranteed_months)) + period
    last = np.datetime64(extracted_on) - follow_up_from_day - horizon_days
    with_look_back = retained + window.look_back_days
    look_back = bool(with_look_back + period <= last)
    first = with_look_back if look_back else retained
    if window.first_time_zero is not None:
        first = max(first, np.datetime64(window.first_time_zero))
    if window.last_time_zero is not None:
        last = min(last, np.datetime64(window.last_time_zero))
    return EntryWindow(first.astype(object), last.astype(object), look_back)
