"""Checks of canonical tables, whatever format they came from: counts of what does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalsig.sources.checks_acceptance import check_acceptance
from causalsig.sources.checks_amounts import check_amounts
from causalsig.sources.checks_codes import check_codes
from causalsig.sources.checks_coverage import check_coverage, check_retention
from causalsig.sources.checks_households import check_households
from causalsig.sources.checks_links import check_links
from causalsig.sources.checks_repeats import check_repeats
from causalsig.sources.checks_tables import check_form, check_values
from causalsig.sources.checks_view import View
from causalsig.sources.findings import Finding, FindingList

if TYPE_CHECKING:
    from causalsig.sources.schema import SiteTables


def check_tables(tables: SiteTables) -> tuple[Finding, ...]:
    """Check columns, keys, codes, links, order, households, flags, retention, coverage, amounts, acceptance.

    Parameters
    ----------
    tables : SiteTables
        One municipality; not changed.

    Returns
    -------
    tuple of Finding
        In a fixed order; nothing in them is a value from a cell. When a column is not there or not of its
        kind, only that: the rest cannot be looked at.
    """
    findings = FindingList()
    if check_form(tables, findings):
        check_values(tables, findings)
        view = View.of(tables)
        check_links(tables, view, findings)
        check_codes(tables, view, findings)
        check_households(tables, view, findings)
        check_repeats(tables, view, findings)
        check_retention(view, findings)
        check_coverage(tables, view, findings)
        check_amounts(tables, view, findings)
        check_acceptance(tables, view, findings)
    return findings.freeze()
