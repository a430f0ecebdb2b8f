"""Which time zeros a site's retention, its agreements and a horizon leave: arithmetic on dates alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import StudyError

if TYPE_CHECKING:
    from causalsig.sources.schema import Matching
    from causalsig.study.inventory import Site
    from causalsig.study.models import DataWindow

Span = tuple[date, date]
"""First and last day, inclusive; nothing is left when the first lies after the last."""


@dataclass(frozen=True, slots=True)
class EntryWindow:
    """Time zeros that are followed to the end and whose signals are all still there.

    Attributes
    ----------
    first, last : datetime.date
        Inclusive; nothing is left when ``first > last``. Where the three spans below overlap.
    look_back : bool
        Whether ``look_back_days`` before every time zero are still retained, so that covariates made of
        earlier contacts exist for every episode alike.
    retained : (date, date)
        What retention, extraction, horizon and the study's own dates leave.
    agreed : (date, date)
        What the agreements in the inventory leave by the same arithmetic.
    fresh : (date, date)
        What earlier extracts of the site have not released yet.
    """

    first: date
    last: date
    look_back: bool
    retained: Span
    agreed: Span
    fresh: Span


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
    after: date | None = None,
) -> EntryWindow:
    """Entry window ``E - R ≤ time zero ≤ E - (start of follow-up + horizon)``.

    The lower end is moved up by one matching period, so that no episode has lost some of its own signals,
    and by the look-back where retention leaves at least one matching period after doing so. An agreement
    that begins on day B is to the data what retention is (nothing before B counts), one that ends on day F
    what extraction is (nothing after F counts).

    Parameters
    ----------
    extracted_on : date
        E, the date of the extract.
    site : Site
        Gives R, the months for which every signal is kept whatever happened to it, and the agreements.
    matching : Matching
        Length of a matching period.
    window : DataWindow
        The study's own limits and look-back.
    follow_up_from_day, horizon_days : int
        Days from time zero to the start of follow-up, and its length.
    after : date, optional
        Last time zero of an earlier wave: this one begins the day after it.
    """
    period = timedelta(days=31 if matching.frequency == "monthly" else 7)
    followed = timedelta(days=follow_up_from_day + horizon_days)
    kept_from = subtract_months(extracted_on, site.guaranteed_months)
    agreed_from, agreed_until = agreed_data(site)
    earliest = max(kept_from, agreed_from or kept_from) + period
    latest = min(extracted_on, agreed_until or extracted_on) - followed
    look_back_days = timedelta(days=window.look_back_days)
    look_back = earliest + look_back_days + period <= latest
    before = period + look_back_days * look_back
    retained = (
        max(kept_from + before, window.first_time_zero or date.min),
        min(extracted_on - followed, window.last_time_zero or date.max),
    )
    agreed = (
        date.min if agreed_from is None else agreed_from + before,
        date.max if agreed_until is None else agreed_until - followed,
    )
    fresh = (date.min if after is None else after + timedelta(days=1), date.max)
    spans = (retained, agreed, fresh)
    return EntryWindow(
        max(span[0] for span in spans), min(span[1] for span in spans), look_back, retained, agreed, fresh
    )


def agreed_data(site: Site) -> tuple[date | None, date | None]:
    """First and last day of data that all agreements in the inventory cover; None where none says so.

    A creditor that began or stopped to report makes later signals appear or disappear by themselves, so an
    agreement with one creditor narrows the window as the municipality's own does.
    """
    terms = [(site.agreement.data_from, site.agreement.data_until)]
    terms += [(one.starts_on, one.ends_on) for one in site.creditor_agreements]
    return (
        max((begin for begin, _ in terms if begin is not None), default=None),
        min((end for _, end in terms if end is not None), default=None),
    )


def waves(
    extracts: Sequence[date],
    site: Site,
    matching: Matching,
    window: DataWindow,
    *,
    follow_up_from_day: int,
    horizon_days: int,
) -> tuple[EntryWindow, ...]:
    """Entry windows of successive extracts of one site; no time zero lies in two of them.

    Parameters
    ----------
    extracts : sequence of date
        Dates of the extracts, the earliest first.
    site, matching, window, follow_up_from_day, horizon_days
        As for :func:`entry_window`; the traits that the site has now are used for all extracts.

    Raises
    ------
    StudyError
        ``cohort-wave-order`` when an extract is not later than the one before it.
    """
    if any(later <= earlier for earlier, later in pairwise(extracts)):
        raise StudyError(
            "cohort-wave-order",
            expected="every extract later than the ones released before it",
            found="an extract that is not",
            mend="Correct earlier_extracts or extracted_on in the inventory; a wave is never released twice.",
            where=f"site {site.code}",
        )
    found: list[EntryWindow] = []
    after: date | None = None
    for extracted_on in extracts:
        one = entry_window(
            extracted_on,
            site,
            matching,
            window,
            follow_up_from_day=follow_up_from_day,
            horizon_days=horizon_days,
            after=after,
        )
        found.append(one)
        if one.first <= one.last:
            after = one.last
    return tuple(found)
