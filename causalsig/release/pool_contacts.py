"""Contact by group in a pool's document: mean shares on one coarse grid, of enough sites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from causalsig.contacted import PooledContactRow
from causalsig.release import grid
from causalsig.release.grouped_entries import GROUPS, FamilyCode
from causalsig.release.pool_beside import MIN_SITES
from causalsig.release.value_types import ArmCode, Closed, QuestionCode
from causalsig.study.models import Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

EXPONENT = -8
"""Step of a mean share, 0.4 points, whatever it rests on: the finest that one site's share has. A mean of n
sites less that of the others tells the site between them no finer than n of these steps."""
ShareSteps = Annotated[int, Field(ge=0, le=2**-EXPONENT)]
_NAMES = ("question", "family", "group", "arm", "sites")


class PooledContactEntry(Closed):
    """Mean share of a group that an arm was used for, and of everybody in the same sites, ``k / 256``."""

    question: QuestionCode
    family: FamilyCode | Literal[""]
    group: Slug | Literal[""]
    arm: ArmCode
    sites: Annotated[int, Field(ge=1, le=1000)]
    publishable: bool
    share: ShareSteps
    everybody: ShareSteps

    @model_validator(mode="after")
    def _holds(self) -> PooledContactEntry:
        groups = ("",) if self.family == "" else GROUPS[self.family]
        if self.group not in groups:
            raise ValueError("a group is not of its family")
        if self.publishable and self.sites < MIN_SITES:
            raise ValueError("a share of too few sites is called publishable")
        return self


def contact_entries(result: PoolResult) -> tuple[PooledContactEntry, ...]:
    """Write the rows that may stand in this pool: in one of the others those that a municipality may see.

    Of all sites a row needs one more than the fewest, so that it is of enough without any of them too.
    """
    others = result.kind == "others"
    entries = [_entry(row, row.sites >= MIN_SITES + (not others)) for row in result.contacts]
    return tuple(entry for entry in entries if entry.publishable or not others)


def decode_contacts(entries: Iterable[PooledContactEntry]) -> tuple[PooledContactRow, ...]:
    """Give the rows that entries stand for."""
    return tuple(
        PooledContactRow(
            **{name: getattr(entry, name) for name in _NAMES},
            share=grid.from_steps(entry.share, EXPONENT),
            everybody=grid.from_steps(entry.everybody, EXPONENT),
            publishable=entry.publishable,
        )
        for entry in entries
    )


def _entry(row: PooledContactRow, enough: bool) -> PooledContactEntry:
    return PooledContactEntry(
        **{name: getattr(row, name) for name in _NAMES},
        publishable=row.publishable and enough,
        share=grid.to_steps(row.share, EXPONENT),
        everybody=grid.to_steps(row.everybody, EXPONENT),
    )
