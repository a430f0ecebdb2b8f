"""Parts of pages on contact by group: shares per 1,000 households, with a bar, and what they do not say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig.release.grouped_entries import GROUPS
from causalsig.report import views
from causalsig.report.effects import SCALE
from causalsig.report.numbers import decimal

if TYPE_CHECKING:
    from causalsig.contacted import PooledContactRow, ReleasedContact
    from causalsig.report.group_views import Groups

ALIKE = 0.02
"""Shares no further apart are told as alike: that of a group of some hundred households is known to 0.016."""
Cells = Mapping[str, Mapping[str, tuple[float, float | None]]]
"""By group ("" everybody) and arm: a share, and that among everybody where another one stands beside it."""


def own_cells(parts: Sequence[ReleasedContact], question: str) -> Cells:
    """Line up what a municipality released of one question."""
    return {
        part.group: {arm: (share, None) for arm, share in part.shares}
        for part in parts
        if part.question == question
    }


def pooled_cells(rows: Iterable[PooledContactRow], question: str, *, unpublished: bool = False) -> Cells:
    """Line up what the pool says of one question: what may be shown, or all of it for the statistician."""
    found: dict[str, dict[str, tuple[float, float | None]]] = {}
    for row in rows:
        if row.question == question and (row.publishable or unpublished):
            beside = row.everybody if row.group else None
            found.setdefault(row.group, {})[row.arm] = (row.share, beside)
    return found


def own_table(groups: Groups, cells: Cells, family: str) -> tuple[views.Table, ...]:
    """List how a family's groups were first contacted in one municipality."""
    say = groups.say
    title = say("contacts.own-title", name=groups.name)
    caption = say("contacts.own-caption", family=groups.title(family))
    return _table(groups, cells, family, title, caption, (*_sentence(groups, cells, family),))


def pooled_table(groups: Groups, cells: Cells, family: str) -> tuple[views.Table, ...]:
    """List how a family's groups were first contacted in municipalities together."""
    say = groups.say
    title = say("contacts.pooled-title") if groups.name else groups.title(family)
    caption = say("contacts.pooled-caption", family=groups.title(family))
    return _table(groups, cells, family, title, caption, ())


def _table(
    groups: Groups, cells: Cells, family: str, title: Markup, caption: Markup, intro: tuple[Markup, ...]
) -> tuple[views.Table, ...]:
    names = [name for name in GROUPS[family] if cells.get(name)]
    arms = [arm for arm in groups.spec.arms if any(arm in cells[name] for name in names)]
    if not names or not arms:
        return ()
    whole = [""] if cells.get("") else []
    rows = tuple(
        (groups.group(name), *(_cell(groups, cells[name].get(arm)) for arm in arms))
        for name in (*whole, *names)
    )
    columns = (groups.say("contacts.column-group"), *(groups.words.arm(arm) for arm in arms))
    return (views.Table(caption, columns, rows, title, Markup(" ").join(intro)),)


def _cell(groups: Groups, cell: tuple[float, float | None] | None) -> Markup:
    """Write a share with a bar as long as it is."""
    if cell is None:
        return groups.words("status.no-numbers")
    share, beside = cell
    number = tens(share, groups)
    said = number if beside is None else f"{number} ({tens(beside, groups)})"
    return Markup('<span class="share" style="--part:{:.0f}%">{}</span>').format(100.0 * share, said)


def tens(share: float, groups: Groups) -> str:
    """Write a share per 1,000, to tens: the grid of a small group is no finer."""
    return decimal(round(share * SCALE, -1), groups.language)


def _sentence(groups: Groups, cells: Cells, family: str) -> list[Markup]:
    """Say between which groups the arm of the primary contrast varies most, where two or more show it."""
    arm = groups.spec.contrast[0]
    found = sorted((cells[name][arm][0], name) for name in GROUPS[family] if arm in cells.get(name, {}))
    everybody = cells.get("", {}).get(arm)
    if len(found) < 2 or everybody is None:
        return []
    (low, lowest), (high, highest) = found[0], found[-1]
    return [
        groups.say(
            "contacts.same" if high - low <= ALIKE else "contacts.sentence",
            name=groups.name,
            everybody=tens(everybody[0], groups),
            arm=groups.words.arm(arm, "short"),
            family=groups.say(f"family.{family}.name"),
            low=tens(low, groups),
            lowest=_named(groups, lowest),
            high=tens(high, groups),
            highest=_named(groups, highest),
        )
    ]


def _named(groups: Groups, code: str) -> str:
    """Write a group inside a sentence: a name that is no amount begins small."""
    name = groups.group(code)
    return name[:1].lower() + name[1:]
