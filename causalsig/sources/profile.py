"""What a site's profile counts: households by code and month, what is missing, what is linked.

Every count is of distinct households, because that is the unit the disclosure rules protect. Rows whose
household is not known (cases that outlived their signals) and findings, which are counted in rows, stand for
at least as many households as there would be if each had as many rows as the household with the most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.codes import ACCEPTED_RESULTS, CREDITOR_TYPES, DAYPARTS, METHODS, RESULTS
from causalsig.counts import (
    AmountNotation,
    FindingCount,
    HouseholdCount,
    ProfileCounts,
    ScaleCount,
    ShareCount,
)
from causalsig.sources import cells
from causalsig.sources.checks_amounts import scale_by_kind
from causalsig.sources.lookup import look_up
from causalsig.sources.parts import counted_in
from causalsig.sources.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from causalsig.sources.findings import Finding
    from causalsig.sources.schema import SiteTables

ABOUT_THE_FILE: Final = frozenset(
    {
        "source-amount-implausible",
        "source-amount-jump",
        "source-amount-locale-detected",
        "source-amount-two-scales",
        "source-amount-unlike-kind",
        "source-amount-whole-euros",
        "source-cases-only",
        "source-codes-mostly-unknown",
        "source-column-not-in-format",
        "source-creditor-began",
        "source-creditor-gap",
        "source-creditor-is-a-kind",
        "source-creditor-stopped",
        "source-creditor-volume-jump",
        "source-creditor-without-type",
        "source-delivery-dates-contradict",
        "source-extraction-date-inferred",
        "source-extraction-date-of-delivery",
        "source-format-version",
        "source-instalment-above-arrears",
        "source-month-without-attempts",
        "source-month-without-signals",
        "source-municipality-unconfirmed",
        "source-needed-column-empty",
        "source-optional-column-missing",
        "source-optional-tab-missing",
        "source-retention-edge",
        "source-table-column-kind",
        "source-table-column-missing",
    }
)
"""Findings that tell of a file, a creditor or a month, and of no household; their counts do not leave."""
ABOUT_THE_FILE_WHEN_MOST: Final = frozenset(
    {
        "source-attempt-outside-cases",
        "source-attempt-without-case",
        "source-case-number-without-case",
        "source-closed-without-result",
        "source-household-implausible",
        "source-signal-without-creditor",
        "source-signal-without-household",
    }
)
"""Findings of rows that, as an error, say that most of the file is so."""
TOLD_AS_SHARES: Final = frozenset(
    {
        "source-acceptance-quick-fix",
        "source-acceptance-without-quick-fix",
        "source-cases-reached",
        "source-reached-declined",
    }
)
"""Findings that only count how acceptance is coded: the profile tells it as shares."""
CODED: Final[Mapping[tuple[str, str], Sequence[str]]] = {
    ("signals", "creditor_type"): tuple(CREDITOR_TYPES),
    ("cases", "result"): tuple(RESULTS),
    ("attempts", "method"): tuple(METHODS),
    ("attempts", "daypart"): tuple(DAYPARTS),
    ("followups", "method"): tuple(METHODS),
}
FLAGS: Final = (
    ("signals", "crisis"),
    ("signals", "minor_children"),
    ("signals", "new_arrears"),
    ("cases", "withdrawn"),
    ("cases", "unjustified"),
    ("attempts", "reached"),
    ("attempts", "wants_help"),
)
NO_PLACE: Final = frozenset(
    {"source-column-not-in-format", "source-optional-column-missing", "source-table-column-missing"}
)
"""Findings that a format or a file has no such column."""
OF_COLUMN: Final[Mapping[str, tuple[str, str]]] = {"wants_help_of_accepted": ("attempts", "wants_help")}
"""Figures of acceptance that rest on a column which not every format has."""
DATED: Final = (
    ("signals", "received_on"),
    ("cases", "opened_on"),
    ("attempts", "attempted_on"),
    ("followups", "followed_up_on"),
)


def profile_counts(
    tables: SiteTables, findings: Iterable[Finding], *, amount_locale: AmountNotation | None = None
) -> ProfileCounts:
    """Count what a profile tells of one site.

    Parameters
    ----------
    tables : SiteTables
    findings : iterable of Finding
        Of reading and of the checks.
    amount_locale : {"nl", "en"}, optional
        Notation of amounts the inventory declares; None: the cells settled it.

    Returns
    -------
    ProfileCounts
        Every cell of every table, empty ones too; what may leave is not decided here.
    """
    findings = tuple(findings)
    not_carried = _not_carried(tables, findings)
    keys = household_keys(tables)
    numbered = _Numbered(keys)
    rows = {name: _Rows(numbered.of(name), _dates(tables, name)) for name in keys}
    return ProfileCounts(
        extracted_on=tables.extracted_on,
        households=rows["signals"].households(np.ones(len(tables.signals), np.bool_)),
        amounts=amount_locale or "detected",
        scale=tuple(_scale(tables, rows["signals"])),
        findings=_findings(findings, rows),
        codes=tuple(_codes(tables, rows)),
        months=tuple(_months(tables, rows)),
        missing=tuple(_missing(tables, rows)),
        links=tuple(_links(tables, rows)),
        acceptance=tuple(
            share for share in _acceptance(tables, rows["cases"]) if share.figure not in not_carried
        ),
        not_carried=not_carried,
    )


class _Rows:
    """The rows of a table with their households."""

    def __init__(self, household: NDArray[np.int64], month: NDArray[np.int64] | None) -> None:
        self.household = household
        self.largest = _largest(household, month)
        """Rows of the household with the most, over as long as all rows span; 0: no household is known."""

    def households(self, of: NDArray[np.bool_]) -> int:
        """Households that these rows stand for, at the least."""
        known = self.household[of & (self.household >= 0)]
        unknown = int((of & (self.household < 0)).sum())
        return max(len(pd.unique(known)), self.at_least(unknown))

    def at_least(self, rows: int) -> int:
        """Households of so many rows, if each had as many as the household with the most."""
        return rows // self.largest if self.largest else 0


def _largest(household: NDArray[np.int64], month: NDArray[np.int64] | None) -> int:
    known = household >= 0
    if not known.any():
        return 0
    most = int(np.bincount(household[known]).max())
    if month is None:
        return most
    # Where signals are kept for half a year and cases for four, a household may have eight times as many.
    whole, linked = _span(month), _span(month[known])
    return most * -(-whole // max(linked, 1))


def _span(month: NDArray[np.int64]) -> int:
    dated = month[month > np.iinfo(np.int64).min]
    return int(dated.max() - dated.min() + 1) if len(dated) else 1


class _Numbered:
    """One numbering of the households for all tables."""

    def __init__(self, keys: Mapping[str, pd.Series]) -> None:
        joined = pd.concat([series.astype(object) for series in keys.values()], ignore_index=True)
        numbers = cells.households_of(joined)
        ends = np.cumsum([len(series) for series in keys.values()])
        self._parts = dict(zip(keys, np.split(numbers, ends[:-1]), strict=True))

    def of(self, table: str) -> NDArray[np.int64]:
        return self._parts[table]


def household_keys(tables: SiteTables) -> dict[str, pd.Series]:
    """Give the household of each row, by way of its case where the table has none of its own."""
    cases = tables.cases[tables.cases["case_id"].notna()].set_index("case_id")["household_key"]
    return {
        "signals": tables.signals["household_key"],
        "episodes": tables.episodes["household_key"],
        "cases": tables.cases["household_key"],
        "attempts": look_up(tables.attempts["case_id"], cases),
        "followups": look_up(tables.followups["case_id"], cases),
    }


def _dates(tables: SiteTables, name: str) -> NDArray[np.int64] | None:
    column = dict(DATED).get(name)
    if column is None:
        return None
    months: NDArray[np.int64] = getattr(tables, name)[column].to_numpy("datetime64[M]").astype(np.int64)
    return months


def _findings(findings: Iterable[Finding], rows: Mapping[str, _Rows]) -> tuple[FindingCount, ...]:
    found = []
    for finding in findings:
        if finding.code in TOLD_AS_SHARES:
            continue
        counted = counted_in(finding.table, finding.column)
        table = counted.table
        column = finding.column if finding.column in TABLES.get(table, {}) else ""
        households = None
        of_most = finding.code in ABOUT_THE_FILE_WHEN_MOST and finding.severity == "error"
        if finding.code not in ABOUT_THE_FILE and not of_most:
            of = rows.get(counted.rows_of)
            households = of.at_least(finding.count // counted.cells) if of else 0
        found.append(FindingCount(finding.code, table, column, households))
    return tuple(dict.fromkeys(found))


def _scale(tables: SiteTables, rows: _Rows) -> Iterable[ScaleCount]:
    """Whether arrears are on a plausible scale, with the households that have one."""
    kinds, cents = tables.signals["creditor_type"], tables.signals["amount_cents"].to_numpy("float64")
    for kind, scale in sorted(scale_by_kind(tables).items()):
        yield ScaleCount(kind, scale, rows.households((kinds == kind).to_numpy() & (cents > 0)))


def _codes(tables: SiteTables, rows: Mapping[str, _Rows]) -> Iterable[HouseholdCount]:
    """Households by code; first of each table, under the column "", all of them."""
    for name, counted in rows.items():
        everything = np.ones(len(counted.household), np.bool_)
        yield HouseholdCount(name, "", "", counted.households(everything))
    for (name, column), codes in CODED.items():
        values = getattr(tables, name)[column]
        for code in codes:
            yield HouseholdCount(name, column, code, rows[name].households((values == code).to_numpy()))
        yield HouseholdCount(name, column, "missing", rows[name].households(values.isna().to_numpy()))
    for name, column in FLAGS:
        flags = getattr(tables, name)[column].to_numpy("float64")
        for code, of in (("yes", flags > 0), ("no", flags == 0), ("missing", np.isnan(flags))):
            yield HouseholdCount(name, column, code, rows[name].households(of))


def _months(tables: SiteTables, rows: Mapping[str, _Rows]) -> Iterable[HouseholdCount]:
    """Households with a row in each month, from the first to that of the extract."""
    last = int(np.datetime64(tables.extracted_on, "M").astype(np.int64))
    for name, column in DATED:
        dates = getattr(tables, name)[column].to_numpy("datetime64[M]")
        known = ~np.isnat(dates)
        month = np.where(known, dates.astype(np.int64), np.iinfo(np.int64).max)
        for number in range(int(month.min()) if known.any() else last + 1, last + 1):
            count = rows[name].households(month == number)
            yield HouseholdCount(name, column, str(np.datetime64(number, "M")), count)


def _share(figure: str, group: str, rows: _Rows, of: NDArray[np.bool_], yes: NDArray[np.bool_]) -> ShareCount:
    with_it, without = of & yes, of & ~yes
    return ShareCount(
        figure,
        group,
        None,
        int(with_it.sum()),
        int(of.sum()),
        rows.households(of),
        rows.households(with_it),
        rows.households(without),
    )


def _missing(tables: SiteTables, rows: Mapping[str, _Rows]) -> Iterable[ShareCount]:
    for name, counted in rows.items():
        frame = getattr(tables, name)
        everything = np.ones(len(frame), np.bool_)
        for column in TABLES[name]:
            yield _share(name, column, counted, everything, frame[column].isna().to_numpy())


def _links(tables: SiteTables, rows: Mapping[str, _Rows]) -> Iterable[ShareCount]:
    """Rows that find what they refer to; signals without a case number refer to none."""
    signals, cases = tables.signals, tables.cases
    numbers = cases["case_id"].dropna()
    for link, name, of, yes in (
        ("signals_to_households", "signals", None, signals["household_key"].notna()),
        ("signals_to_cases", "signals", signals["case_id"].notna(), signals["case_id"].isin(numbers)),
        (
            "signals_to_creditors",
            "signals",
            None,
            signals["creditor_id"].isin(tables.creditors["creditor_id"].dropna()),
        ),
        ("cases_to_signals", "cases", None, cases["case_id"].isin(signals["case_id"].dropna())),
        ("attempts_to_cases", "attempts", None, tables.attempts["case_id"].isin(numbers)),
        ("followups_to_cases", "followups", None, tables.followups["case_id"].isin(numbers)),
    ):
        base = np.ones(len(yes), np.bool_) if of is None else of.to_numpy()
        yield _share(link, "", rows[name], base, yes.to_numpy())


def _not_carried(tables: SiteTables, findings: Iterable[Finding]) -> tuple[str, ...]:
    """Figures of acceptance whose column is not there: that nobody says yes to it would be no fact."""
    absent = {(counted_in(f.table, f.column).table, f.column) for f in findings if f.code in NO_PLACE}
    return tuple(
        figure
        for figure, (name, column) in OF_COLUMN.items()
        if (name, column) in absent and getattr(tables, name)[column].isna().all()
    )


def _acceptance(tables: SiteTables, rows: _Rows) -> Iterable[ShareCount]:
    """How acceptance is coded, over closed cases."""
    cases, attempts = tables.cases, tables.attempts
    closed = cases["closed_on"].notna().to_numpy()
    result = cases["result"]
    reached = cases["case_id"].isin(attempts["case_id"][attempts["reached"] > 0]).to_numpy()
    wants = cases["case_id"].isin(attempts["case_id"][attempts["wants_help"] > 0]).to_numpy()
    accepted = result.isin(ACCEPTED_RESULTS).to_numpy()
    for figure, of, yes in (
        ("reached_of_cases", closed, reached),
        ("accepted_of_reached", closed & reached, accepted),
        ("declined_of_reached", closed & reached, (result == "declined").to_numpy()),
        ("paid_of_reached", closed & reached, (result == "already_paid").to_numpy()),
        ("quick_fix_of_accepted", closed & accepted, (result == "quick_fix").to_numpy()),
        ("reached_of_accepted", closed & accepted, reached),
        ("wants_help_of_accepted", closed & accepted, wants),
    ):
        yield _share(figure, "", rows, of, yes)
