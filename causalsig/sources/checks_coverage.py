"""Checks over time: months and creditors without signals, and where signals vanish while cases remain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.sources import cells
from causalsig.sources.checks_bounds import is_most
from causalsig.sources.checks_view import earliest, month_of
from causalsig.sources.dates import FEWEST_DATES, LARGEST_GAP_DAYS, LARGEST_TAIL
from causalsig.sources.window import FEWEST_HOUSEHOLDS, covered_months

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.checks_view import View
    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import SiteTables

CASES_BEFORE_THE_EDGE: Final = 10
"""Cases without signals, older than those with, that make a retention edge rather than chance."""
BARE_BEFORE_THE_EDGE: Final = 0.6
"""Share of the cases before the edge without signals: some outlive it, since help was accepted."""
USUAL_REPORTS: Final = 10
"""A creditor with so many signals a month on average reports every month."""
SILENT_MONTHS: Final = 3
"""Months without signals at either end that make a creditor one that began or stopped."""
VOLUME_JUMP: Final = 3.0
"""Times the usual number of signals in a month; a delivery that was missed doubles the next one."""
DAYS_A_MONTH: Final = 30.4375
LONGEST_WAIT: Final = 31
"""Days between a signal and the opening of its case: it waits for the next matching day."""


def check_coverage(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Count covered months without signals or attempts, and what creditors skipped."""
    dated = ~np.isnan(view.received)
    if not dated.any():
        return
    findings.add("source-signal-far-off", "signals", "received_on", far_off(view.received[dated]))
    month = month_of(view.received[dated])
    earliest_month = int(month.min())
    household = cells.households_of(tables.signals["household_key"])[dated]
    months = int(month.max()) - earliest_month + 1
    first, last = covered_months(month - earliest_month, household, months) or (0, months - 1)
    inside = (month - earliest_month >= first) & (month - earliest_month <= last)
    first, span = earliest_month + first, last - first + 1
    total = np.bincount(month[inside] - first, minlength=span)
    findings.add("source-month-without-signals", "signals", "received_on", int((total == 0).sum()))
    creditor = view.creditor[dated][inside]
    creditors = int(view.creditor.max()) + 1
    if creditors:
        at = creditor * span + month[inside] - first
        counts = np.bincount(at[creditor >= 0], minlength=creditors * span)
        _check_creditors(counts.reshape(creditors, span), findings)
    _check_attempts(view, first, span, findings)


def far_off(day: NDArray[np.float64]) -> int:
    """Count the few days that a quarter without any parts from all others."""
    if len(day) < FEWEST_DATES:
        return 0
    ordered = np.sort(day)
    before = np.flatnonzero(np.diff(ordered) > LARGEST_GAP_DAYS) + 1
    few = max(1.0, LARGEST_TAIL * len(day))
    early, late = before[before <= few], before[before >= len(day) - few]
    return int(early.max(initial=0)) + int(len(day) - late.min(initial=len(day)))


def _check_attempts(view: View, first: int, span: int, findings: FindingList) -> None:
    """Count the months without an attempt, once ten cases have had their first."""
    day = np.sort(earliest(view.attempt_case, view.attempted, len(view.opened)))
    begun = month_of(day[~np.isnan(day)]) - first
    begun = begun[begun >= 0]
    contacted = month_of(view.attempted[~np.isnan(view.attempted)]) - first
    if len(begun) >= FEWEST_HOUSEHOLDS:
        start = int(begun[FEWEST_HOUSEHOLDS - 1])
        # Signals of the last month wait for their first attempt.
        made = np.bincount(contacted[(contacted >= 0) & (contacted < span)], minlength=span - 1)[start:]
        findings.add("source-month-without-attempts", "attempts", "attempted_on", int((made == 0).sum()))


def _check_creditors(counts: NDArray[np.int64], findings: FindingList) -> None:
    """Judge the (creditors, months) table of signals."""
    counts = counts[counts.any(axis=1)]
    months = counts.shape[1]
    reports = counts > 0
    begin = reports.argmax(axis=1)
    end = months - 1 - reports[:, ::-1].argmax(axis=1)
    length = end - begin + 1
    regular = counts.sum(axis=1) / length >= USUAL_REPORTS
    gaps = (length - reports.sum(axis=1))[regular]
    inside = (np.arange(months) >= begin[:, None]) & (np.arange(months) <= end[:, None])
    usual = np.array([np.median(row[row > 0]) for row in counts]) if len(counts) else np.empty(0)
    ratio = counts / usual[:, None]
    # The first and the last month of a creditor may be half a month.
    inner = inside & (np.arange(months) > begin[:, None]) & (np.arange(months) < end[:, None]) & reports
    jumps = inner & ((ratio >= VOLUME_JUMP) | (ratio <= 1 / VOLUME_JUMP)) & (usual[:, None] >= USUAL_REPORTS)
    findings.add("source-creditor-gap", "signals", "creditor_id", int(gaps.sum()))
    for code, count in (
        ("source-creditor-began", regular & (begin >= SILENT_MONTHS)),
        ("source-creditor-stopped", regular & (months - 1 - end >= SILENT_MONTHS)),
        ("source-creditor-volume-jump", jumps),
    ):
        findings.add(code, "signals", "creditor_id", int(count.sum()), "info")


def check_retention(view: View, findings: FindingList) -> None:
    """Where do signals vanish while cases remain: months of signals kept, when older cases have none."""
    month = retention_edge(view)
    if month is None:
        return
    edge = float(np.datetime64(month, "M").astype("datetime64[D]").astype("int64"))
    months = max(1, round((view.extracted - edge) / DAYS_A_MONTH))
    survivors = int((view.received < edge - LONGEST_WAIT).sum())
    findings.add("source-retention-edge", "signals", "received_on", months)
    findings.add("source-retention-survivors", "signals", "received_on", survivors)


def retention_edge(view: View) -> int | None:
    """Month, since January 1970, that best parts cases without signals from cases with; None: there is none.

    Signals from before it were kept for a reason of their own, mostly that help was accepted. Where the
    numbers of signals and cases do not fit together nothing can be said.
    """
    known = ~np.isnan(view.opened)
    if not known.any() or np.isnan(view.received).all() or mostly_broken(view):
        return None
    month = month_of(view.opened[known])
    first = int(month.min())
    linked = np.bincount((month - first)[view.with_signals[known]], minlength=int(month.max()) - first + 1)
    bare = np.bincount(month - first, minlength=len(linked)) - linked
    bare_before = np.concatenate([[0], np.cumsum(bare)[:-1]])
    linked_from = np.cumsum(linked[::-1])[::-1]
    cut = int(np.argmax(bare_before + linked_from))
    before = int(bare[:cut].sum() + linked[:cut].sum())
    if bare_before[cut] < CASES_BEFORE_THE_EDGE or bare_before[cut] < BARE_BEFORE_THE_EDGE * before:
        return None
    return first + cut


def mostly_broken(view: View) -> bool:
    """Whether most case numbers of signals are of no case."""
    return is_most(int((view.named & (view.case < 0)).sum()), int(view.named.sum()))
