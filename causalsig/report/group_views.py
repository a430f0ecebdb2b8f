"""Parts of pages on groups: sentences, figures and tables; the same for a municipality and for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup

from causalsig.report import views
from causalsig.report.numbers import band, decimal
from causalsig.report.words import Words

if TYPE_CHECKING:
    from causalsig.report.effects import Shown
    from causalsig.report.forest_figure import ForestRow
    from causalsig.report.groups import Family
    from causalsig.report.pages import QuestionSpec

Whose = Literal["own", "others", "all"]
OWN: Whose = "own"
SMALLEST_P = 0.001
"""A pool's p-values are per mille, rounded up."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of one question on one page. ``name`` is the municipality's, empty on a page of all."""

    language: Literal["nl", "en"]
    spec: QuestionSpec
    families: tuple[Family, ...]
    level: float
    name: str = ""

    @property
    def words(self) -> Words:
        """Texts of the reports."""
        return Words(self.language)

    @property
    def say(self) -> Words:
        """Texts on groups."""
        return Words(self.language, "groups")

    @property
    def slug(self) -> str:
        """Name of the question in the page's addresses."""
        return self.spec.question.replace("_", "-")

    @property
    def together(self) -> Whose:
        """What the pool is called on this page."""
        return "others" if self.name else "all"

    def group(self, code: str) -> str:
        """Name a group; everybody without one."""
        return self.say.plain(f"group.{code or 'everybody'}")

    def title(self, family: str) -> Markup:
        """Name a family as a heading."""
        return self.say(f"family.{family}.title")

    @property
    def pair(self) -> dict[str, str]:
        """Values that sentences about the contrast take."""
        return self.words.pair(*self.spec.contrast)


def said_of(groups: Groups, family: Family) -> list[Markup]:
    """Say whether a family's groups differ, here and in the pool; nothing where nothing was tested."""
    own, pooled = family.said(groups.level)
    said = [(OWN, own), (groups.together, pooled)]
    return [groups.say(f"said.{whose}-{answer}", name=groups.name) for whose, answer in said if answer]


def summary_table(groups: Groups) -> tuple[views.Table, ...]:
    """Say of every family, in a word, whether its groups differ; nothing where nothing was tested."""
    say, words = groups.say, groups.words
    rows = []
    for family in groups.families:
        cells = [
            say(f"said.short-{answer}") if answer else words("status.no-numbers")
            for answer in family.said(groups.level)
        ]
        if any(family.said(groups.level)):
            rows.append((groups.title(family.family), *cells))
    columns = (say("said.column-family"), words("page.own"), words("page.others"))
    return (views.Table(say("said.caption", **groups.pair), columns, tuple(rows)),) if rows else ()


def tests_line(groups: Groups, family: Family) -> tuple[Markup, ...]:
    """Give the p-values of a family's tests."""
    found = [(OWN, family.own_p), (groups.together, family.pooled_p)]
    tests = [
        groups.say.plain(f"said.test-{whose}", p=p_value(p, groups.language))
        for whose, p in found
        if p is not None
    ]
    return (groups.say("said.test", tests="; ".join(tests)),) if tests else ()


def p_value(p: float, language: Literal["nl", "en"]) -> str:
    """Write a p-value: two digits, three below 0.01, never 0."""
    if p < SMALLEST_P:
        return f"< {decimal(SMALLEST_P, language, 3)}"
    return decimal(p, language, 3 if p < 10 * SMALLEST_P else 2)


def family_figure(groups: Groups, family: Family) -> views.Figure | None:
    """Draw one family: in each group a municipality's own and the pool's."""
    rows: list[ForestRow] = []
    words = groups.words
    for row in family.rows:
        heading = groups.group(row.group)
        if row.own is not None:
            rows.append(views.row(words.plain("page.own"), row.own, group=heading))
        if row.pooled is not None:
            rows.append(_pooled(words.plain("page.others-short"), row.pooled, heading))
    return _figure(groups, rows, f"groups-{groups.slug}-{family.family.replace('_', '-')}")


def answer_figure(groups: Groups, family: Family) -> views.Figure | None:
    """Draw one family for the first screen: the pool's, who are surer, or else a municipality's own."""
    pooled = [(row, row.pooled) for row in family.rows if row.pooled is not None]
    heading = groups.words.plain("page.others-short" if pooled else "page.own")
    rows = [_pooled(groups.group(row.group), shown, heading) for row, shown in pooled] or [
        views.row(groups.group(row.group), row.own, group=heading)
        for row in family.rows
        if row.own is not None
    ]
    return _figure(groups, rows, f"answer-{groups.slug}", wide=False)


def all_families_figure(groups: Groups) -> views.Figure | None:
    """Draw the pool of every group, family by family."""
    rows = [
        _pooled(groups.group(row.group), row.pooled, str(groups.title(family.family)))
        for family in groups.families
        for row in family.rows
        if row.pooled is not None
    ]
    return _figure(groups, rows, f"groups-{groups.slug}")


def _pooled(label: str, shown: Shown, heading: str) -> ForestRow:
    return replace(views.row(label, shown, pool=True, group=heading), prediction=None)


def _figure(
    groups: Groups, rows: Sequence[ForestRow], name: str, *, wide: bool = True
) -> views.Figure | None:
    words, say = groups.words, groups.say
    reference = words.arm(groups.spec.contrast[1], "short")
    after = words.arm(groups.spec.contrast[1], "after")
    return views.forest(
        words,
        name,
        rows,
        title=say.plain("effects.figure-title", reference=reference),
        description=say.plain("effects.figure-description", reference_after=after),
        reading=(say("effects.reading"),) if wide else (),
        wide=wide,
    )


def own_table(groups: Groups, family: Family) -> views.Table:
    """List a family's groups: a municipality's own, the others', and how many households there are.

    A column without any number is left out.
    """
    words, say = groups.words, groups.say
    empty = words("status.no-numbers")

    def number(shown: Shown | None) -> Markup:
        return empty if shown is None else Markup.escape(words.signed(shown))

    def size(shown: Shown | None) -> Markup:
        known = shown is not None and shown.households is not None
        return Markup.escape(band(shown.households, words.language)) if known else empty  # type: ignore[union-attr, arg-type]  # known

    cells = {
        "own": [number(row.own) for row in family.rows],
        "pooled": [number(row.pooled) for row in family.rows],
        "households": [size(row.own) for row in family.rows],
    }
    shown = {name: column for name, column in cells.items() if any(cell != empty for cell in column)}
    rows = tuple(
        (groups.group(row.group), *(column[at] for column in shown.values()))
        for at, row in enumerate(family.rows)
    )
    columns = tuple(say(f"effects.column-{name}") for name in ("group", *shown))
    return views.Table(_caption(groups, family), columns, rows)


def pooled_table(groups: Groups, family: Family) -> views.Table:
    """List a family's groups over all municipalities, and their differences with the first one."""
    words, say = groups.words, groups.say
    empty = words("status.no-numbers")
    rows: list[tuple[Markup | str, ...]] = []
    for row in family.rows:
        if row.pooled is None:
            continue
        first = Markup('<span class="small">{}</span>').format(say("effects.first"))
        compared: Markup | str = first if not rows else empty
        if row.difference is not None:
            compared = words.signed(row.difference)
        rows.append((groups.group(row.group), words.signed(row.pooled), compared, str(row.pooled.sites)))
    columns = tuple(say(f"effects.column-{name}") for name in ("group", "all", "difference", "sites"))
    title = groups.title(family.family)
    intro = Markup(" ").join((*said_of(groups, family), *tests_line(groups, family)))
    return views.Table(_caption(groups, family), columns, tuple(rows), title, intro)


def _caption(groups: Groups, family: Family) -> Markup:
    return groups.say("effects.caption", family=groups.title(family.family), **groups.pair)
