"""Groups, contact by group and rules on the national page; each site's own for the statistician only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig.report import contact_views, group_views, rule_views, views
from causalsig.report.fairness import not_said
from causalsig.report.group_views import Groups
from causalsig.report.groups import families_of

if TYPE_CHECKING:
    from causalsig.report.asked import Question
    from causalsig.report.groups import Family
    from causalsig.report.pages import OwnQuestion


def sections(question: Question) -> list[views.Section | None]:
    """Give what the pool says of a question's groups, contact and rules; nothing where none are asked."""
    spec, page = question.spec, question.page
    if not (spec.families or spec.rule or spec.given):
        return []
    shown = question.shown(*spec.contrast) is not None
    families = families_of(
        spec,
        (),
        page.pool.groups if shown else (),
        level=page.pool.level,
        unpublished=bool(page.sites),
    )
    groups = Groups(question.words.language, spec, families, page.pool.level)
    return [
        _effects(groups),
        _contacts(groups, question),
        _sites(groups, question),
        _rules(groups, question),
        _travel(groups, question),
    ]


def caution(asked: list[Question]) -> list[views.Section]:
    """Say once what may not be concluded of groups, on a page that shows any."""
    named = [question for question in asked if question.spec.families]
    return [not_said(Groups(named[0].words.language, named[0].spec, (), 0.95).say)] if named else []


def _effects(groups: Groups) -> views.Section | None:
    if not groups.spec.families or (groups.spec.caution and not groups.families):
        return None
    say, spec = groups.say, groups.spec
    landmark = (say("effects.landmark"),) if spec.estimator != "doubly_robust" else ()
    return views.Section(
        f"groups-{groups.slug}",
        say(f"effects.title-of.{spec.question}"),
        paragraphs=(say("effects.about", **groups.pair), say("lead.named"), *landmark)
        if groups.families
        else (say("effects.none"),),
        figure=group_views.all_families_figure(groups),
        tables=tuple(group_views.pooled_table(groups, family) for family in groups.families),
        after=(say("said.test-note"),) if groups.families else (),
    )


def _contacts(groups: Groups, question: Question) -> views.Section | None:
    say, pool = groups.say, question.page.pool
    unpublished = bool(question.page.sites)
    cells = contact_views.pooled_cells(pool.contacts, groups.spec.question, unpublished=unpublished)
    tables = tuple(
        table
        for family in groups.spec.families
        for table in contact_views.pooled_table(groups, cells, family)
    )
    if not tables:
        return None
    return views.Section(
        f"contacts-{groups.slug}",
        say("contacts.title"),
        paragraphs=(say("contacts.about"), say("contacts.need")),
        tables=tables,
        after=(say("contacts.pooled-note"),),
    )


def _sites(groups: Groups, question: Question) -> views.Section | None:
    """List every site's own effects by group: the statistician's version only."""
    own = _own(question)
    found = {site: _families(groups, one) for site, one in own}
    tables = tuple(table for family in groups.spec.families for table in _site_table(groups, family, found))
    if not tables:
        return None
    return views.Section(f"groups-sites-{groups.slug}", groups.say("sites.title"), tables=tables)


def _own(question: Question) -> list[tuple[str, OwnQuestion]]:
    return [
        (site, one)
        for site, own in sorted(question.page.own)
        for one in own
        if one.question == question.spec.question
    ]


def _families(groups: Groups, own: OwnQuestion) -> dict[str, Family]:
    found = families_of(groups.spec, own.groups, (), level=groups.level)
    return {one.family: one for one in found}


def _site_table(groups: Groups, family: str, found: dict[str, dict[str, Family]]) -> tuple[views.Table, ...]:
    say, words = groups.say, groups.words
    known = {site: one[family] for site, one in found.items() if family in one}
    names = list(dict.fromkeys(row.group for one in known.values() for row in one.rows))
    if not names:
        return ()
    empty = words("status.no-numbers")
    rows = []
    for site, one in known.items():
        shown = {row.group: row.own for row in one.rows if row.own is not None}
        cells = [words.signed(shown[name]) if name in shown else empty for name in names]
        p = "" if one.own_p is None else group_views.p_value(one.own_p, groups.language)
        rows.append((site[:8], *cells, p))
    columns = (say("sites.column-site"), *map(groups.group, names), say("sites.column-p"))
    caption = say("sites.caption", family=groups.title(family))
    return (views.Table(caption, columns, tuple(rows), groups.title(family)),)


def _travel(groups: Groups, question: Question) -> views.Section | None:
    """Say which rules work where they were not learned; a number only where it may be shown."""
    say, empty = groups.say, groups.words("status.no-numbers")
    pooled = {one.name: one for one in question.page.pool.rules if one.question == groups.spec.question}
    rows = []
    for name, leaves in groups.spec.given:
        said = Markup(" ").join(rule_views.rule_sentences(groups, leaves))
        rule = pooled.get(name)
        gains = () if rule is None else rule.gains
        best = next((gain for gain in gains if gain.over == "best_single"), None)
        shown = best is not None and (best.publishable or bool(question.page.sites))
        travels = rule is not None and rule.travels and shown
        cells = (empty, empty)
        if best is not None and shown:
            cells = (
                Markup(rule_views.amount_cell(groups, best.estimate, best.conf_low, best.conf_high)),
                Markup(best.sites),
            )
        rows.append((said, say("travel.travels" if travels else "travel.stays"), *cells))
    if not rows:
        return None
    columns = tuple(say(f"travel.column-{part}") for part in ("rule", "verdict", "gain", "sites"))
    return views.Section(
        f"travel-{groups.slug}",
        say("travel.title"),
        paragraphs=(say("travel.about"),),
        tables=(views.Table(say("travel.caption"), columns, tuple(rows)),),
        after=(say("rule.worth"),),
    )


def _rules(groups: Groups, question: Question) -> views.Section | None:
    """List every site's rule, for the statistician: what one municipality learned is nobody else's."""
    say = groups.say
    rows = []
    for site, own in _own(question):
        if own.rule is None:
            continue
        found = own.rule.found
        said = Markup(" ").join(rule_views.rule_sentences(groups, own.rule.leaves)) if found else ""
        gains = (rule_views.gain_cell(groups, own.rule.gains, over) for over in ("best_single", "now"))
        rows.append((site[:8], said or say("rule.none-title"), *gains))
    if not rows:
        return None
    columns = tuple(say(f"rule.column-{name}") for name in ("site", "rule", "best_single", "now"))
    table = views.Table(say("rule.sites-caption"), columns, tuple(rows))
    return views.Section(
        f"rules-{groups.slug}",
        say("rule.sites-title"),
        paragraphs=(say("rule.about"),),
        tables=(table,),
        after=(say("rule.worth"),),
    )
