"""What was counted at one site for its profile and its monitor: exact, with the households behind it.

The counts stay inside. :mod:`causalsig.release.cell_rules` decides which of them may leave, on grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

AmountNotation = Literal["nl", "en", "detected"]
AbsentReason = Literal["source-cases-only", "source-repeat-flags-missing"]
"""Why a source cannot give a figure, whatever its size: the code of the finding that says so."""
Scale = Literal["below", "usual", "above"]
"""Of a median arrear: within what is plausible for its kind of creditor, below it, or above it."""


@dataclass(frozen=True, slots=True)
class HouseholdCount:
    """One cell of a table that counts households.

    Attributes
    ----------
    table, column : str
        Canonical names; the column "" counts the table itself.
    code : str
        A code of the column's list, "missing", "yes", "no", or a month "2026-03".
    households : int
        Distinct households.
    """

    table: str
    column: str
    code: str
    households: int


@dataclass(frozen=True, slots=True)
class ScaleCount:
    """Whether the arrears of a kind of creditor have a plausible scale, and how many households have any."""

    creditor_type: str
    scale: Scale
    households: int


@dataclass(frozen=True, slots=True)
class FindingCount:
    """A finding; ``households`` is what its rows stand for at the least, None when it is about the file."""

    code: str
    table: str
    column: str
    households: int | None


@dataclass(frozen=True, slots=True)
class ShareCount:
    """Of how many, how many: ``numerator / denominator``.

    Attributes
    ----------
    figure, group : str
        What is counted, and in which group of it ("" for all).
    month : str or None
        "2026-03"; None: the whole window.
    numerator, denominator : int
    households, households_with, households_without : int
        Distinct households in the denominator, in the numerator and in what is left of the denominator.
    """

    figure: str
    group: str
    month: str | None
    numerator: int
    denominator: int
    households: int
    households_with: int
    households_without: int

    @property
    def value(self) -> float:
        """The share itself."""
        return self.numerator / self.denominator


@dataclass(frozen=True, slots=True)
class RateCount:
    """Signals per unit of exposure.

    Attributes
    ----------
    figure : str
    month : str or None
        None: the whole window.
    numerator : int
        Signals.
    exposure : float
        What they are divided by: thousands of inhabitants times months, or episodes.
    households : int
        Distinct households behind the signals.
    largest, two_largest : int
        Signals of the household, and the two households, with the most.
    """

    figure: str
    month: str | None
    numerator: int
    exposure: float
    households: int
    largest: int
    two_largest: int

    @property
    def value(self) -> float:
        """The rate itself."""
        return self.numerator / self.exposure


@dataclass(frozen=True, slots=True)
class AbsentFigure:
    """A figure of the monitor, or one group of it ("": all), that the source cannot give."""

    figure: str
    group: str
    reason: AbsentReason


@dataclass(frozen=True, slots=True)
class ProfileCounts:
    """All that a profile is made from.

    Attributes
    ----------
    extracted_on : datetime.date
    households : int
        Distinct households of the site's signals.
    amounts : {"nl", "en", "detected"}
        How the notation of amounts was settled.
    scale : tuple of ScaleCount
        Of each kind of creditor with enough amounts.
    findings : tuple of FindingCount
    codes, months : tuple of HouseholdCount
        By code of each code list, and by month of each dated table.
    missing, links, acceptance : tuple of ShareCount
        Rows of a table (``figure``) whose column (``group``) is empty; rows that find what they refer to; how
        acceptance is coded.
    not_carried : tuple of str
        Figures of acceptance whose column the source has no place for; they are not among ``acceptance``.
    """

    extracted_on: date
    households: int
    amounts: AmountNotation
    scale: tuple[ScaleCount, ...]
    findings: tuple[FindingCount, ...]
    codes: tuple[HouseholdCount, ...]
    months: tuple[HouseholdCount, ...]
    missing: tuple[ShareCount, ...]
    links: tuple[ShareCount, ...]
    acceptance: tuple[ShareCount, ...]
    not_carried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MonitorCounts:
    """All that a monitor is made from.

    Attributes
    ----------
    extracted_on : datetime.date
    first, last : str
        Months that signals are counted over, inclusive.
    contact_last : str or None
        Last month of cases whose reach is counted; later ones may still be reached. None: there is none.
    households : int
        Distinct households of the signals in the window.
    rates : tuple of RateCount
    shares : tuple of ShareCount
        In the order in which they matter, when not all may leave.
    absent : tuple of AbsentFigure
        What the source cannot give; no rate or share is of these.
    """

    extracted_on: date
    first: str
    last: str
    contact_last: str | None
    households: int
    rates: tuple[RateCount, ...]
    shares: tuple[ShareCount, ...]
    absent: tuple[AbsentFigure, ...] = ()
