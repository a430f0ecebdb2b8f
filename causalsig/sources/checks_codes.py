"""Checks of codes over all rows: a list of words that changed leaves a column of what nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.sources.checks_bounds import is_most
from causalsig.sources.checks_view import is_missing, one_of

if TYPE_CHECKING:
    from causalsig.sources.checks_view import View
    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import SiteTables

UNKNOWN_METHODS: Final = ("other", "unknown")
DAYS_TO_A_RESULT: Final = 90
"""Cases are open for a month at the median, two and a half with help; after so long they have a result."""


def check_codes(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Whether most kinds of creditors, methods or results are unknown: an error, whatever the format."""
    for table, column, unknown in (
        ("signals", "creditor_type", ("other",)),
        ("attempts", "method", UNKNOWN_METHODS),
    ):
        values = getattr(tables, table)[column]
        count = int((is_missing(values) | one_of(values, unknown)).sum())
        if is_most(count, len(values)):
            findings.add("source-codes-mostly-unknown", table, column, count, "error")
    _check_results(tables, view, findings)


def _check_results(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Whether most cases that should have a result have none, where the source tells no closing dates."""
    if not np.isnan(view.closed).all():
        return  # closed cases without a result are counted among the links
    missing = is_missing(tables.cases["result"])
    said = ~is_missing(tables.attempts["wants_help"])
    old = view.opened < view.extracted - DAYS_TO_A_RESULT
    count = int((old & missing).sum())
    if is_most(count, int(old.sum())) and not (missing.all() and said.any()):
        findings.add("source-codes-mostly-unknown", "cases", "result", count, "error")
