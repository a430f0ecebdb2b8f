"""The closed document of kind ``monitor``: the indicators of the national monitor, of one site.

Signals per 1,000 inhabitants, single, multiple and successive episodes, reach and acceptance by method and
kind of creditor, by month: rates and shares on grids, and only where a cell holds enough households.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from causalsig.codes import CREDITOR_TYPES
from causalsig.counts import AbsentReason, MonitorCounts, RateCount, ShareCount
from causalsig.release import grid
from causalsig.release.build import ReleaseIdentity
from causalsig.release.cell_rules import sift
from causalsig.release.documents import Closed, Month
from causalsig.release.profile_document import too_few
from causalsig.release.rate_grid import MAX_RATE_EXPONENT, MIN_RATE_EXPONENT, is_rate_form, rate_steps
from causalsig.release.site_documents import (
    Header,
    HeldBack,
    Share,
    ShownBand,
    budget,
    check_tables,
    header,
    make,
    share_fields,
)
from causalsig.study.models import Disclosure

_CREDITORS = tuple(CREDITOR_TYPES)
_METHODS = ("written_only", "phone", "home_visit")
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mix": ("single", "multiple", "successive"),
        "signals_by_creditor": _CREDITORS,
        "reached": ("",),
        "reached_by_method": _METHODS,
        "reached_by_creditor": _CREDITORS,
        "accepted": ("",),
        "accepted_by_method": _METHODS,
        "accepted_by_creditor": _CREDITORS,
    }
)
"""The groups of each share; "" is all."""
RateName = Literal["signals_per_1000", "signals_per_episode"]
ShareName = Literal[
    "mix",
    "signals_by_creditor",
    "reached",
    "reached_by_method",
    "reached_by_creditor",
    "accepted",
    "accepted_by_method",
    "accepted_by_creditor",
]

HELD_TABLES = frozenset(
    f"{name}{by}" for name in (*get_args(RateName), *get_args(ShareName)) for by in ("", "_by_month")
)
"""Every table of which something can be held back."""


class RateEntry(Closed):
    """A rate in the one form of its band: ``value · 2^value_exponent``."""

    figure: RateName
    month: Month | None
    households: ShownBand
    value: Annotated[int, Field(ge=1, le=1024)]
    value_exponent: Annotated[int, Field(ge=MIN_RATE_EXPONENT, le=MAX_RATE_EXPONENT)]

    @model_validator(mode="after")
    def _declared_grid(self) -> RateEntry:
        if not is_rate_form(self.value, self.households):
            raise ValueError("a rate is not on the grid of its band")
        return self


class ShareEntry(Share):
    """A share of signals (by creditor), of episodes (mix, reached) or of cases (by method, accepted)."""

    figure: ShareName
    group: str
    month: Month | None

    @model_validator(mode="after")
    def _in_its_list(self) -> ShareEntry:
        if self.group not in GROUPS[self.figure]:
            raise ValueError("not a group of this figure")
        return self


class AbsentEntry(Closed):
    """A figure, or one group of it, that the source cannot give, and why; it tells nothing of anyone."""

    figure: RateName | ShareName
    group: str
    reason: AbsentReason

    @model_validator(mode="after")
    def _in_its_list(self) -> AbsentEntry:
        if self.group and self.group not in GROUPS.get(self.figure, ()):
            raise ValueError("not a group of this figure")
        return self


class MonitorDocument(Header):
    """Kind ``monitor``."""

    kind: Literal["monitor"]
    first: Month
    last: Month
    contact_last: Month | None
    rates: tuple[RateEntry, ...] = Field(max_length=500)
    shares: tuple[ShareEntry, ...] = Field(max_length=5000)
    absent: tuple[AbsentEntry, ...] = Field(max_length=30)
    suppressions: tuple[HeldBack, ...] = Field(max_length=100)

    @model_validator(mode="after")
    def _known_tables(self) -> MonitorDocument:
        check_tables(self.suppressions, HELD_TABLES)
        return self

    @model_validator(mode="after")
    def _holds_together(self) -> MonitorDocument:
        cells = [(str(rate.figure), "", rate.month) for rate in self.rates]
        cells += [(str(share.figure), share.group, share.month) for share in self.shares]
        if len(set(cells)) != len(cells):
            raise ValueError("a cell is released twice")
        if any(not self.first <= month <= self.last for *_, month in cells if month is not None):
            raise ValueError("a month outside the window")
        absent = {(str(item.figure), item.group) for item in self.absent}
        if any({(figure, ""), (figure, group)} & absent for figure, group, _ in cells):
            raise ValueError("a figure is both released and said to be absent")
        highest = grid.band_limits(self.households)[1]
        if highest is not None and len(cells) * 1000 > self.floors.max_parameter_share_per_mille * highest:
            raise ValueError("more numbers than the households allow")
        return self


def build_monitor(
    counts: MonitorCounts, *, identity: ReleaseIdentity, floors: Disclosure | None = None
) -> MonitorDocument:
    """Run the rules over a monitor's counts and write what may leave on the grids.

    Parameters
    ----------
    counts : MonitorCounts
    identity : ReleaseIdentity
    floors : Disclosure, optional
        The site's own, where it tightens the house's.

    Raises
    ------
    RefusedError
        ``release-cell-floor``: too few households for anything to leave.
    ReleaseError
        ``release-schema`` when something in the counts has no place in the document.
    """
    floors = floors or Disclosure()
    if counts.households < floors.min_households_cell:
        raise too_few(floors)
    cells: list[RateCount | ShareCount] = [*counts.rates, *counts.shares]
    cells.sort(key=lambda cell: cell.month is not None)  # the whole window matters more than its months
    released, held = sift(cells, floors, budget=budget(counts.households, floors))
    tables = [(f"{item.figure}_by_month" if item.by_month else item.figure, item.rule) for item in held]
    return make(
        MonitorDocument,
        kind="monitor",
        **header(identity, f"{counts.extracted_on:%Y-%m}", counts.households, floors),
        first=counts.first,
        last=counts.last,
        contact_last=counts.contact_last,
        rates=tuple(_rate(cell) for cell in released if isinstance(cell, RateCount)),
        shares=tuple(_share(cell) for cell in released if isinstance(cell, ShareCount)),
        absent=tuple(
            make(AbsentEntry, figure=item.figure, group=item.group, reason=item.reason)
            for item in counts.absent
        ),
        suppressions=tuple(make(HeldBack, rule=rule, table=table) for table, rule in sorted(set(tables))),
    )


def _rate(cell: RateCount) -> RateEntry:
    band = grid.band(cell.households)
    steps, exponent = rate_steps(cell.value, band)
    return make(
        RateEntry,
        figure=cell.figure,
        month=cell.month,
        households=band,
        value=steps,
        value_exponent=exponent,
    )


def _share(cell: ShareCount) -> ShareEntry:
    return make(ShareEntry, figure=cell.figure, group=cell.group, month=cell.month, **share_fields(cell))
