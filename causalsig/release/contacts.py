"""What leaves of contact by group: shares that no few households decide, alone or by subtraction.

A share is a count in disguise, so every cell, a group and an arm, has the floors of a cell: households that
were contacted in that way, and as many that were not. What is held back must not follow from what is not:

- shares of a group add up to one, so beside an arm that is held back stands another that holds the floors;
- groups part everybody, and overlap each other: of two sets of groups that differ by a few households with or
  without an arm, not both have that arm's share; and where a family's groups are everybody, no small cell
  follows from its group and its arm together.

The step of a share depends on the band of its group's households alone (:mod:`causalsig.release.rate_grid`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from causalsig.contacted import ContactBlock, GroupContact, ReleasedContact
from causalsig.release import grid
from causalsig.release.beside import Beside
from causalsig.release.contact_entries import (
    ArmShareEntry,
    ContactsEntry,
    FamilyContactEntry,
    GroupContactEntry,
    NamedContactEntry,
    contact_numbers,
)
from causalsig.release.rate_grid import share_exponent, share_steps
from causalsig.release.registry import rule as registered

if TYPE_CHECKING:
    from causalsig.records import QuestionResult
    from causalsig.release.documents import EstimatesDocument
    from causalsig.release.rules import Limits

HELD = ("release-cell-floor",)
"""Said whether anything was held back or not: which group is small would else be told."""
EVERYBODY = ""
NOWHERE = -1
Cells = dict[str, set[int]]
"""Places of the arms that are shown, by group."""
Parts = dict[str, GroupContact]


@registered(
    "contacts",
    HELD[0],
    "10 households: ESSnet/DwB, ABS, acro",
    ("min_households_cell",),
)
@registered(
    "contacts",
    "release-parameters",
    "released numbers at most 10 % of the households: vantage6 GLM",
    ("max_parameter_share",),
)
def contact_part(result: QuestionResult, limits: Limits, spent: int) -> Beside:
    """Write a question's shares of contact, after all else that it releases; none where it is refused."""
    if result.contacts is None or result.status == "refused":
        return Beside(())
    return contacts_entry(result.contacts, limits, spent)


def contacts_entry(block: ContactBlock, limits: Limits, spent: int = 0) -> Beside:
    """Write the shares that may leave.

    Parameters
    ----------
    block : ContactBlock
    limits : Limits
    spent : int
        Numbers that the question releases already; families that take it over its budget stay.
    """
    shown = shown_cells(block, limits)
    if not shown[EVERYBODY]:
        return Beside((), HELD)
    budget = limits.disclosure.max_parameter_share * block.everybody.households - spent
    entry = ContactsEntry(everybody=_part(block, block.everybody, shown[EVERYBODY]))
    held: tuple[str, ...] = HELD
    for family in dict.fromkeys(one.family for one in block.groups):
        found = [one for one in block.groups if one.family == family and shown[one.group]]
        if not found:
            continue
        told = FamilyContactEntry(
            family=family,  # type: ignore[arg-type]  # pydantic checks it against the code list
            groups=tuple(
                NamedContactEntry(group=one.group, contact=_part(block, one, shown[one.group]))
                for one in found
            ),
        )
        longer = ContactsEntry(everybody=entry.everybody, families=(*entry.families, told))
        if contact_numbers(longer) > budget:
            held = (*HELD, "release-parameters")
        else:
            entry = longer
    if contact_numbers(entry) > budget:
        return Beside((), (*HELD, "release-parameters"))
    return Beside((entry,), held)


def shown_cells(block: ContactBlock, limits: Limits) -> Cells:
    """Decide which arms of which groups may be shown; ``""`` stands for everybody.

    Cells that hold the floors; of these the smallest go, one by one, until nothing that is held back can be
    told from the rest. An arm that is hidden of everybody is hidden of every group.
    """
    parts = {EVERYBODY: block.everybody} | {one.group: one for one in block.groups}
    sound = {name: _sound(part, limits) for name, part in parts.items()}
    shown = {name: set(places) for name, places in sound.items()}
    while _complement(parts, sound, shown, [EVERYBODY]):
        pass
    for places in shown.values():
        places &= shown[EVERYBODY]
    names = [one.group for one in block.groups]
    while (
        _complement(parts, sound, shown, names)
        or _apart(block, parts, shown)
        or _crossed(block, sound, shown)
    ):
        pass
    return shown


def _sound(part: GroupContact, limits: Limits) -> set[int]:
    """Give the arms that hold the floors in a group; none where it is too small itself."""
    floors = limits.disclosure
    if part.households < floors.min_households_arm:
        return set()
    cells = zip(part.with_arm, part.without_arm, strict=True)
    return {place for place, cell in enumerate(cells) if min(cell) >= floors.min_households_cell}


def _complement(parts: Parts, sound: Cells, shown: Cells, names: Iterable[str]) -> bool:
    """Hide the smallest arm of a group where all that is hidden there lies below the floors."""
    for name in names:
        places = shown[name]
        hidden = set(range(len(parts[name].with_arm))) - places
        if places and hidden and not hidden & sound[name]:
            places.remove(min(places, key=lambda place: (parts[name].with_arm[place], place)))
            return True
    return False


def _apart(block: ContactBlock, parts: Parts, shown: Cells) -> bool:
    """Hide an arm in the smallest of two sets of groups that differ by a few households."""
    told = _told(block, shown)
    for near in block.near:
        names = [*near.one, *(near.other or (EVERYBODY,))]
        for place in map(block.arms.index, near.arms):
            if all(place in told[name] for name in names):
                of = [name for name in names if name != EVERYBODY]
                least = min(of, key=lambda name: (parts[name].households, name))
                # Alone it would follow from the others of its group: then one of those goes as well.
                places = shown[least] & {place} or shown[least]
                shown[least].remove(min(places, key=lambda at: (parts[least].with_arm[at], at)))
                return True
    return False


def _crossed(block: ContactBlock, sound: Cells, shown: Cells) -> bool:
    """Hide two arms of one more group where a small cell follows from its group and its arm together."""
    arms = set(range(len(block.arms)))
    for name, places in _told(block, shown).items():
        for place in sorted(places - shown[name] - sound[name]):
            both = {place, *sorted(arms - shown[name] - {place})[:1]}
            beside = [one for one in _with(block, name) if one != name and shown[one] & both]
            shown[beside[0] if beside else name] -= both if beside else arms
            return True
    return False


def _told(block: ContactBlock, shown: Cells) -> Cells:
    """Give the cells that are shown, and those that follow from sums of them.

    Shares of a group add up to one; where a family's groups are everybody, an arm's add up to everybody's. So
    hidden cells are the lines of a graph between groups and arms, and one of them follows when nothing else
    leads from its group to its arm. What has no sum, a group of which nothing is shown, who is in no group,
    and an arm that is hidden of everybody, is one place more to go by.
    """
    told = {name: set(places) for name, places in shown.items()}
    for family in dict.fromkeys(one.family for one in block.groups):
        names = [one.group for one in block.groups if one.family == family]
        dark = family not in block.complete or not all(shown[name] for name in names)
        arms = range(len(block.arms))
        ends = [place if place in shown[EVERYBODY] else NOWHERE for place in arms]
        cells = [(name, place) for name in names if shown[name] for place in arms if place not in shown[name]]
        lines: list[tuple[str | int, str | int]] = [(name, ends[place]) for name, place in cells]
        lines += [(NOWHERE, place) for place in arms if dark]
        for at, (name, place) in enumerate(cells):
            if not _linked(lines[:at] + lines[at + 1 :], *lines[at]):
                told[name].add(place)
    return told


def _linked(lines: list[tuple[str | int, str | int]], start: str | int, end: str | int) -> bool:
    """Say whether lines lead from one place to another."""
    seen: set[str | int] = set()
    more: set[str | int] = {start}
    while more != seen:
        seen = more
        more = seen | {one for line in lines for one in line if seen & set(line)}
    return end in seen


def _with(block: ContactBlock, name: str) -> list[str]:
    """Give the groups of a group's family, the smallest first."""
    family = next(one.family for one in block.groups if one.group == name)
    groups = [one for one in block.groups if one.family == family]
    return [one.group for one in sorted(groups, key=lambda one: (one.households, one.group))]


def _part(block: ContactBlock, part: GroupContact, places: Iterable[int]) -> GroupContactEntry:
    band = grid.band(part.households)
    return GroupContactEntry(
        households=band,  # type: ignore[arg-type]
        exponent=share_exponent(band),
        shares=tuple(
            ArmShareEntry(arm=block.arms[place], share=share_steps(part.shares[place], band))  # type: ignore[arg-type]
            for place in sorted(places)
        ),
    )


def released_contacts(document: EstimatesDocument) -> tuple[ReleasedContact, ...]:
    """Decode the shares of every question: everybody, then each group."""
    found = []
    for question in document.questions:
        for entry in question.contacts:
            named = [("", EVERYBODY, entry.everybody)]
            named += [(of.family, one.group, one.contact) for of in entry.families for one in of.groups]
            found += [_decoded(document.site_code, question.question, *one) for one in named]
    return tuple(found)


def _decoded(site: str, question: str, family: str, group: str, part: GroupContactEntry) -> ReleasedContact:
    shares = tuple((one.arm, grid.from_steps(one.share, part.exponent)) for one in part.shares)
    return ReleasedContact(site, question, family, group, grid.band_limits(part.households), shares)
