"""Contact by group as it leaves: shares on the grid of a band, arms and groups of code lists."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from causalsig.release.grouped_entries import GROUPS, FamilyCode
from causalsig.release.rate_grid import share_exponent
from causalsig.release.value_types import ArmBand, ArmCode, Closed
from causalsig.study.models import Slug

ShareSteps = Annotated[int, Field(ge=0, le=1024)]
_SLACK = 0.5
"""Steps that every share of a group may be rounded up by."""


class ArmShareEntry(Closed):
    """Share of a group's episodes that one arm was used for, in the steps of its group."""

    arm: ArmCode
    share: ShareSteps


class GroupContactEntry(Closed):
    """Shares of one group, ``share · 2^exponent``; an arm that is not there may be used as well."""

    households: ArmBand
    exponent: Annotated[int, Field(ge=-30, le=0)]
    shares: tuple[ArmShareEntry, ...] = Field(min_length=1, max_length=8)

    @model_validator(mode="after")
    def _declared_grid(self) -> GroupContactEntry:
        if self.exponent != share_exponent(self.households):
            raise ValueError("a share is not on the grid of its band")
        if len({entry.arm for entry in self.shares}) != len(self.shares):
            raise ValueError("an arm is listed twice")
        if sum(entry.share for entry in self.shares) > 2**-self.exponent + _SLACK * len(self.shares):
            raise ValueError("shares are more than all")
        return self


class NamedContactEntry(Closed):
    """Shares of one group of a family."""

    group: Slug
    contact: GroupContactEntry


class FamilyContactEntry(Closed):
    """Shares of the groups of one family."""

    family: FamilyCode
    groups: tuple[NamedContactEntry, ...] = Field(min_length=1, max_length=8)

    @model_validator(mode="after")
    def _of_its_family(self) -> FamilyContactEntry:
        names = [entry.group for entry in self.groups]
        if len(set(names)) != len(names) or not set(names) <= set(GROUPS[self.family]):
            raise ValueError("a group is listed twice, or is not of its family")
        return self


class ContactsEntry(Closed):
    """How a question's episodes were first contacted: everybody, and by group."""

    everybody: GroupContactEntry
    families: tuple[FamilyContactEntry, ...] = Field(default=(), max_length=5)

    @model_validator(mode="after")
    def _once(self) -> ContactsEntry:
        names = [entry.family for entry in self.families]
        if len(set(names)) != len(names):
            raise ValueError("a family is listed twice")
        return self

    def parts(self) -> tuple[GroupContactEntry, ...]:
        """Give everybody and every group."""
        return self.everybody, *(one.contact for family in self.families for one in family.groups)


def contact_numbers(entry: ContactsEntry) -> int:
    """Count free numbers: every share."""
    return sum(len(part.shares) for part in entry.parts())
