"""Effects of groups in a pool's document: on the grid of their standard errors, of enough sites."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from causalsig.grouped import PooledDifference, PooledGroupRow
from causalsig.release.grouped_entries import GROUPS, FamilyCode
from causalsig.release.pool_beside import MIN_SITES
from causalsig.release.pool_entries import (
    COMPARED,
    ComparedEntry,
    IntervalOnGrid,
    PerMille,
    fits_grid,
    off_grid,
    on_grid,
    per_mille_up,
)
from causalsig.study.models import Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

_NAMES = (*COMPARED, "family", "group", "sites", "publishable")
_compared = attrgetter(*COMPARED)


class PooledDifferenceEntry(IntervalOnGrid):
    """Effect in a group less that in its family's first."""


class PooledGroupEntry(ComparedEntry, IntervalOnGrid):
    """Effect of one group over the sites; p-values rounded up."""

    family: FamilyCode
    group: Slug
    sites: Annotated[int, Field(ge=1, le=1000)]
    publishable: bool
    p_of_family: PerMille | None
    difference: PooledDifferenceEntry | None = None

    @model_validator(mode="after")
    def _holds(self) -> PooledGroupEntry:
        if self.group not in GROUPS[self.family]:
            raise ValueError("a group is not of its family")
        if self.publishable and self.sites < MIN_SITES:
            raise ValueError("an effect of too few sites is called publishable")
        return self


def group_entries(result: PoolResult) -> tuple[PooledGroupEntry, ...]:
    """Write the rows that may stand in this pool, publishable only beside a contrast of their arms that is.

    Of all sites a row needs one more than the fewest, so that it is of enough without any of them too; in a
    pool of the others only what a municipality may see is left. A group whose interval is not defined stays
    out.
    """
    others = result.kind == "others"
    shown = {_compared(c) for c in result.contrasts if c.publishable and c.sites >= MIN_SITES}
    entries = [
        _entry(
            row,
            row.sites >= MIN_SITES + (not others) and _compared(row) in shown,
        )
        for row in result.groups
        if fits_grid(row)
    ]
    return tuple(entry for entry in entries if entry.publishable or not others)


def decode_groups(entries: Iterable[PooledGroupEntry]) -> tuple[PooledGroupRow, ...]:
    """Give the rows that entries stand for."""
    return tuple(
        PooledGroupRow(
            **{name: getattr(entry, name) for name in _NAMES},
            **off_grid(entry),
            p_of_family=None if entry.p_of_family is None else entry.p_of_family / 1000.0,
            difference=None if entry.difference is None else PooledDifference(**off_grid(entry.difference)),
        )
        for entry in entries
    )


def _entry(row: PooledGroupRow, may: bool) -> PooledGroupEntry:
    difference = row.difference
    told = difference is not None and fits_grid(difference)
    return PooledGroupEntry(
        **{name: getattr(row, name) for name in _NAMES if name != "publishable"},
        publishable=row.publishable and may,
        **on_grid(row),
        difference=PooledDifferenceEntry(**on_grid(difference)) if told else None,
        p_of_family=per_mille_up(row.p_of_family),
    )
