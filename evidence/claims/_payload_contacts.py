"""The oracle on shares of contact: which hidden cells follow from the shown ones, by linear algebra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from evidence.claims._payload_oracle import band_of, share_step

if TYPE_CHECKING:
    from causalsig.contacted import ContactBlock, GroupContact
    from causalsig.records import QuestionResult
    from causalsig.study.models import Study
    from evidence.claims._payload_judged import Judged

EXACT = 1e-7
"""Nothing but rounding of the linear algebra."""


def contacts_broken(
    study: Study, result: QuestionResult, entry: Mapping[str, Any], told: Judged
) -> list[str]:
    """Name the rules on shares of contact that a question breaks."""
    block = result.contacts
    if block is None:
        return ["closed: contact of nothing"] * bool(entry["contacts"])
    if not entry["contacts"]:
        said = any(one["what"] == "contacts" for one in entry["suppressions"])
        return ["listed: contacts"] * (not said and result.status != "refused")
    [shown] = entry["contacts"]
    parts: dict[str, Mapping[str, Any]] = {"": shown["everybody"]}
    parts |= {one["group"]: one["contact"] for family in shown["families"] for one in family["groups"]}
    exact = {"": block.everybody} | {one.group: one for one in block.groups}
    cells = {name: {one["arm"]: one["share"] for one in part["shares"]} for name, part in parts.items()}
    floors, found = study.disclosure, []
    for name, own in exact.items():
        for place, arm in enumerate(block.arms):
            sound = _sound(own, place, floors.min_households_arm, floors.min_households_cell)
            told.check("contact-floor", sound, arm in cells.get(name, {}))
    for name, part in parts.items():
        own = exact[name]
        step = 2.0 ** share_step(part["households"])
        if part["households"] != band_of(own.households):
            found.append("bands: contact")
        for arm, share in cells[name].items():
            if abs(own.shares[block.arms.index(arm)] - share * step) > step / 2 * (1 + 1e-6):
                found.append("grid: a share that is not the nearest step")
    known = _determined(block, cells)
    for name, place in known:
        sound = _sound(exact[name], place, floors.min_households_arm, floors.min_households_cell)
        # A group too small to be shown at all may be known to have no share: only shown groups are asked.
        told.check("contact-follows", sound, name in cells)
    for near in block.near:
        names = [*near.one, *(near.other or ("",))]
        for arm in near.arms:
            places = [(name, block.arms.index(arm)) for name in names]
            shown_both = all(arm in cells.get(name, {}) or (name, place) in known for name, place in places)
            told.check("contact-near", False, shown_both)
    return found


def _sound(part: GroupContact, place: int, arm: int, cell: int) -> bool:
    return part.households >= arm and min(part.with_arm[place], part.without_arm[place]) >= cell


def _determined(block: ContactBlock, cells: Mapping[str, Mapping[str, int]]) -> set[tuple[str, int]]:
    """Cells that are not shown and follow exactly from those that are.

    Unknown are all hidden shares. What a reader of the document knows: shares of a shown group are one, and
    where a family is everybody an arm's counts add up; sizes of groups count as known, at the worst.
    """
    arms = block.arms
    found: set[tuple[str, int]] = set()
    for family in dict.fromkeys(one.family for one in block.groups):
        groups = [one for one in block.groups if one.family == family]
        names = ["", *(one.group for one in groups)]
        hidden = [(n, k) for n in names for k, arm in enumerate(arms) if arm not in cells.get(n, {})]
        if not hidden:
            continue
        column = {cell: at for at, cell in enumerate(hidden)}
        rows = []
        for name in names:
            if cells.get(name):
                row = np.zeros(len(hidden))
                row[[column[name, k] for k in range(len(arms)) if (name, k) in column]] = 1.0
                rows.append(row)
        if family in block.complete and all(cells.get(one.group) for one in groups):
            for k in range(len(arms)):
                row = np.zeros(len(hidden))
                for name, weight in [
                    ("", -block.everybody.households),
                    *((o.group, o.households) for o in groups),
                ]:
                    if (name, k) in column:
                        row[column[name, k]] = weight
                rows.append(row)
        found |= {cell for cell, at in column.items() if _follows(np.array(rows), at)}
    return found


def _follows(rows: np.ndarray[Any, Any], at: int) -> bool:
    """Say whether one unknown is fixed: its unit vector lies in the space of the rows."""
    if not len(rows):
        return False
    unit = np.zeros(rows.shape[1])
    unit[at] = 1.0
    scaled = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1.0)
    solution = np.linalg.lstsq(scaled.T, unit, rcond=None)[0]
    return bool(np.abs(scaled.T @ solution - unit).max() < EXACT)
