"""What reading and checking found: codes and counts, never a value from a cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from causalsig.sources.schema import SiteTables

Severity = Literal["info", "warning", "error"]
Carries = Literal["all_signals", "cases_only"]
"""Of which signals a format holds rows: all of them, or only those that became a case."""

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "source-optional-column-missing": "an optional column is absent; what it carries is unknown",
        "source-optional-tab-missing": "an optional tab is absent; what it carries is unknown",
        "source-extraction-date-inferred": "no extraction date was given: the latest date in the file",
        "source-amount-locale-detected": "no amount notation was declared; the cells settle which one it is",
        "source-municipality-unconfirmed": "the file holds one municipality, not named as the one asked for",
        "source-other-municipality": "rows of other municipalities, left out",
        "source-municipality-blank": "rows that name no municipality",
        "source-unreadable-date": "dates that do not exist or are not written dd-mm-yyyy; read as missing",
        "source-date-out-of-range": "dates before 2000, after 2100 or far after all others; read as missing",
        "source-date-after-extraction": "dates after the extraction date; read as missing",
        "source-unreadable-amount": "amounts that are not an amount in the file's notation; read as missing",
        "source-negative-amount": "amounts below zero; read as missing",
        "source-unreadable-number": "cells that should hold a number and do not; read as missing",
        "source-absurd-age": "ages outside 0 to 120; read as missing",
        "source-unreadable-flag": "cells that say neither yes, no nor not applicable; read as unknown",
        "source-unknown-code": "texts outside the code list; read as other or as missing",
        "source-result-by-keyword": "final results recognised by a word, not by the standard's exact text",
        "source-wants-help-by-appointment": "an appointment or a wish for contact, read as wanting help",
        "source-missing-key": "rows without their own identifier",
        "source-odd-key": "identifiers shaped unlike the others in their column",
        "source-repeated-attempt": "contact attempts whose identifier occurs more than once in their tab",
        "source-case-of-several-periods": "cases with signals in several matching periods; the first counts",
        "source-forwarded-before-matching": "signals passed on before the inventory's matching day",
        "source-several-final-results": "cases with more than one final result; the last one counts",
        "source-attempt-without-case": "contact attempts whose case number is in no other tab; left out",
        "source-followup-without-case": "follow-ups whose case number is in no other tab; left out",
        "source-forwarded-contradiction": "signals whose forwarded flag and date contradict each other",
        "source-signal-without-household": "signals without a household key; they belong to no episode",
        "source-signal-without-date": "signals without a date; they belong to no episode",
        "source-case-number-without-case": "signals whose case number is not among the cases",
        "source-signal-without-creditor": "signals whose creditor is not among the creditors",
        "source-case-without-signals": "cases none of whose signals is kept; their household is unknown",
        "source-case-of-several-households": "cases whose signals name more than one household",
        "source-attempt-outside-cases": "contact attempts whose case is not among the cases",
        "source-attempt-without-date": "contact attempts without a date",
        "source-attempt-before-signal": "contact attempts dated before the first signal of their case",
        "source-attempt-after-close": "contact attempts dated after their case was closed",
        "source-closed-before-opened": "cases closed before they were opened",
        "source-creditor-without-type": "creditors whose kind is not told",
        "source-closed-without-result": "closed cases without a final result",
        "source-reach-unknown": "contact attempts that do not say whether the person was reached",
        "source-accepted-without-reach": "cases with an accepted result and no reached attempt",
        "source-repeat-flags-missing": "signals without repeat flags; the look-back needs kept signals",
        "source-retention-edge": "signals vanish while cases remain; the count is the months of signals kept",
        "source-household-implausible": "signals of keys with more signals than a household can have",
        "source-repeat-flags-contradicted": "signals whose repeat flags contradict the signals that are kept",
        "source-codes-mostly-unknown": "rows without a known kind, method or result, when most have none",
        "source-month-without-signals": "calendar months without any signal, between the first and the last",
        "source-signal-far-off": "few signals that a quarter without any parts from all others",
        "source-creditor-gap": "creditor-months without a signal, for creditors that report most months",
        "source-cases-only": "rows of a format that lists cases only: signals not taken up are not in it",
        "source-amount-jump": "creditor-months with a median amount eight times the usual, or an eighth",
        "source-format-version": "the version of the format, told by the names of its fields",
        "source-wrong-json-type": "values of another type than their field; missing, or read as text",
        "source-unknown-field": "objects with a field that the version does not have; the field is not read",
        "source-code-of-another-version": "texts of another version's code list; read as it means them",
        "source-unreadable-address": "addresses or citizen numbers that are none; they name no household",
        "source-household-by-person": "signals by citizen number only, that no case links to an address",
        "source-person-linked": "signals by citizen number only, linked to an address by a case with both",
        "source-delivery-dates-contradict": "files whose period or day of delivery contradict each other",
        "source-extraction-date-of-delivery": "no extraction date was given: the end of the period delivered",
        "source-arrears-after-signal": "arrears that began after the signal that reports them",
        "source-column-not-in-format": "the format has no such column; what it carries is unknown",
        "source-creditor-is-a-kind": "creditors are named by kind only: those of one kind count as one",
        "source-reference-without-signal": "references of cases to signals that are not in the file",
        "source-signal-of-several-cases": "signals in more than one case; the case matched first counts",
        "source-status-contradiction": "signals whose status and case contradict each other",
        "source-case-without-matching-date": "cases without a matching date; matched as the inventory says",
        "source-case-not-taken-up": "cases that were matched and not taken up: episodes only",
        "source-matched-before-signal": "signals received after the matching date of their case",
        "source-close-date-inferred": "cases with a result, in a format without closing dates: inferred",
        "source-table-column-missing": "a canonical column is not there",
        "source-table-column-kind": "a canonical column is not of its kind",
        "source-needed-column-empty": "a column that the questions need is wholly empty",
        "source-repeated-key": "rows whose own identifier another row carries too",
        "source-code-outside-list": "codes outside the code list",
        "source-date-impossible": "dates before 2000 or after the extract that are still there",
        "source-value-impossible": "ages, amounts and flags that cannot be and are still there",
        "source-absurd-amount": "amounts above a million euro; read as missing",
        "source-debtor-under-age": "signals of debtors younger than 18",
        "source-forwarded-without-case": "signals passed on that name no case",
        "source-forwarded-before-received": "signals passed on before they were received",
        "source-signal-twice": "signals with the household, creditor, day and amount of another one",
        "source-signal-outside-episodes": "signals whose episode is not among the episodes",
        "source-episode-without-household": "episodes of no household, by themselves and by their signals",
        "source-episode-without-signals": "episodes none of whose dated signals is kept",
        "source-episode-of-unknown-case": "episodes whose case number is not among the cases",
        "source-episode-household-contradiction": "episodes with a household that no signal of theirs names",
        "source-episode-period-backwards": "episodes whose period ends before it begins",
        "source-case-before-signal": "cases opened before the first of their signals that is kept",
        "source-case-household-contradiction": "cases with a household that none of their signals names",
        "source-case-without-opening": "cases with signals and without an opening date",
        "source-followup-outside-cases": "follow-ups whose case is not among the cases",
        "source-month-without-attempts": "calendar months without any attempt, after the first one",
        "source-creditor-began": "creditors that report every month, from some months after the first signal",
        "source-creditor-stopped": "creditors that reported every month, and no longer in the last ones",
        "source-creditor-volume-jump": "creditor-months with three times the usual signals, or a third",
        "source-retention-survivors": "signals older than the retention edge that were kept",
        "source-amount-two-scales": "creditors of whose amounts a tenth is eight times the usual",
        "source-amount-unlike-kind": "creditors with a median eight times that of their kind, or an eighth",
        "source-amount-whole-euros": "no amount has cents",
        "source-amount-implausible": "kinds of creditors whose median arrear lies outside the plausible",
        "source-instalment-above-arrears": "signals that owe less than an instalment, when most do",
        "source-acceptance-quick-fix": "cases accepted as advice or quick fix",
        "source-acceptance-without-quick-fix": "cases accepted as any other help",
        "source-cases-reached": "cases with a reached attempt",
        "source-reached-declined": "cases with a reached attempt whose result is declined",
        "source-acceptance-talks-elsewhere": "cases accepted, hardly any of them as advice or quick fix",
    }
)
"""Every code a finding can carry, with what it means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in a source.

    Attributes
    ----------
    code : str
        Stable, one of ``MEANINGS``.
    table, column : str
        Where: a tab or canonical table, and a column of it ("" when it is about the whole).
    count : int
        Rows concerned; months, creditors or creditor-months where ``MEANINGS`` says so. Exact: it stays
        inside the site.
    severity : {"info", "warning", "error"}
        error: the tables are no basis for an analysis until it is mended.
    """

    code: str
    table: str
    column: str
    count: int
    severity: Severity


class FindingList:
    """Findings under construction: a count of zero is no finding."""

    def __init__(self) -> None:
        self._items: list[Finding] = []

    def add(
        self, code: str, table: str, column: str = "", count: int = 1, severity: Severity = "warning"
    ) -> None:
        """Record ``count`` rows under ``code``; nothing when there are none."""
        if code not in MEANINGS:
            raise KeyError(code)
        if count > 0:
            self._items.append(Finding(code, table, column, int(count), severity))

    def freeze(self) -> tuple[Finding, ...]:
        """Return the findings in a fixed order, whatever the order of the rows."""
        return tuple(sorted(self._items, key=lambda item: (item.table, item.column, item.code, item.count)))


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What an adapter gives back.

    Attributes
    ----------
    tables : SiteTables
        One municipality in canonical form.
    findings : tuple of Finding
        What reading met and what :func:`causalsig.sources.checks.check_tables` says of the tables.
    carries : {"all_signals", "cases_only"}
        What the format declares (:attr:`causalsig.sources.formats.Format.carries`).
    known_again : mapping of str to str, optional
        By household key of the tables, a keyed hash of what the source calls the household
        (:func:`causalsig.sources.household.known_again`); None when it was read without a secret.
    """

    tables: SiteTables
    findings: tuple[Finding, ...]
    carries: Carries = "all_signals"
    known_again: Mapping[str, str] | None = field(default=None, repr=False)
