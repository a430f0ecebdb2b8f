"""A municipality's page on groups: effects and contact by group, and what may not be concluded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalsig.report import contact_views, group_views, rule_views, views
from causalsig.report.group_views import Groups
from causalsig.report.groups import families_of
from causalsig.report.numbers import Language, written_date
from causalsig.report.own import questions_of
from causalsig.report.words import Words

if TYPE_CHECKING:
    from causalsig.report.groups import Family
    from causalsig.report.own import Question
    from causalsig.report.pages import MunicipalityPage


def fairness_view(page: MunicipalityPage, language: Language) -> views.Page:
    """Build the page from a municipality's own release and the pool of the others."""
    words, say = Words(language), Words(language, "groups")
    asked = [(question, groups_here(question)) for question in questions_of(page, language)]
    written = written_date(page.provenance.written_on, language)
    sections = [one for question, groups in asked for one in _sections(question, groups)]
    sections += [not_said(say), views.glossary(words, national=False)]
    sections.append(views.provenance(words, page.provenance, written))
    return views.Page(
        title=say("page.title", name=page.name),
        brand=say("page.brand"),
        audience=words("page.for-municipality", name=page.name),
        banner_title=words("page.demo-title") if page.demo else "",
        banner=words("page.demo") if page.demo else "",
        answer=_answer(*asked[0]),
        sections=tuple(sections),
        footer=words("page.by", version=page.provenance.package_version, date=written),
    )


def groups_here(question: Question) -> Groups:
    """Line up a question's groups for a municipality: its own only where its own answer is shown."""
    spec, others = question.spec, question.page.others
    shown = question.here(*spec.contrast) is not None
    return Groups(
        question.words.language,
        spec,
        families_of(
            spec,
            question.own.groups if shown else (),
            # What the others say of groups stands beside what they say of everybody, or not at all.
            others.groups if others is not None and question.there(*spec.contrast) is not None else (),
            level=question.level,
            alone=not question.too_small_alone,
        ),
        question.level,
        question.page.name,
    )


def not_said(say: Words) -> views.Section:
    """List what may not be concluded."""
    keys = ("one", "two", "three", "four", "five", "six")
    return views.Section("not", say("not.title"), bullets=tuple(say(f"not.{key}") for key in keys))


def summary(question: Question) -> list[views.Section]:
    """Say on a municipality's own page what its page on groups says, in a few sentences."""
    if not question.spec.families and not question.spec.rule:
        return []
    groups = groups_here(question)
    found = []
    if question.spec.families:
        tables = group_views.summary_table(groups)
        if tables or not question.spec.caution:
            found.append(_summary_section(groups, tables))
    if question.spec.rule:
        found.append(rule_section(question, groups))
    return found


def _summary_section(groups: Groups, tables: tuple[views.Table, ...]) -> views.Section:
    say = groups.say
    return views.Section(
        f"groups-{groups.slug}",
        say(f"effects.title-of.{groups.spec.question}"),
        paragraphs=(say("lead.named"), *(() if tables else (say("lead.nothing"),))),
        tables=tables,
        after=(say("not.one"), say("effects.more")),
    )


def rule_section(question: Question, groups: Groups) -> views.Section:
    """Say a municipality's own rule where its own answer is shown."""
    shown = question.here(*question.spec.contrast) is not None
    return rule_views.own_section(groups, question.own.rule if shown else None)


def _answer(question: Question, groups: Groups) -> views.Answer:
    words, say, spec = groups.words, groups.say, question.spec
    whose, verdict, differ = _verdict(groups)
    named = ", ".join(say.plain(f"family.{one.family}.name") for one in differ)
    lead = [say(f"lead.{verdict}", families=named, **groups.pair)]
    if whose:
        lead.append(say(f"lead.from-{whose}", name=groups.name))
    first = (differ or groups.families)[:1]
    return views.Answer(
        kicker=say(f"kicker.{spec.question}", **groups.pair),
        headline=say(f"headline.{verdict}", name=groups.name),
        verdict=say(f"verdict.{verdict}"),
        tone={"differ": "sure", "alike": "unsure"}.get(verdict, "none"),
        lead=(*lead, say("lead.named")),
        figure=group_views.answer_figure(groups, first[0]) if first else None,
        small=words("sentence.returned", months=question.months),
        advice_title=words("advice.title"),
        advice=say("lead.advice"),
    )


def _verdict(groups: Groups) -> tuple[str, str, list[Family]]:
    """Say whose figures the headline follows (the others' first), what they say, and of what."""
    said = [(one, one.said(groups.level)) for one in groups.families]
    for whose, place in (("others", 1), ("own", 0)):
        answers = [(one, found[place]) for one, found in said if found[place]]
        differ = [one for one, answer in answers if answer == "differ"]
        if answers:
            return whose, "differ" if differ else "alike", differ
    return "", "untested" if groups.families else "nothing", []


def _sections(question: Question, groups: Groups) -> list[views.Section]:
    """Say how to read a question's families, then a section for every family, and one for the rule."""
    spec, others = question.spec, question.page.others
    own = contact_views.own_cells(question.own.contacts, spec.question)
    pooled = contact_views.pooled_cells(() if others is None else others.contacts, spec.question)
    known = {one.family: one for one in groups.families}
    found: list[views.Section] = []
    for family in spec.families:
        contacts = (
            *contact_views.own_table(groups, own, family),
            *contact_views.pooled_table(groups, pooled, family),
        )
        if family in known or contacts:
            found.append(_family_section(groups, family, known.get(family), contacts))
    if found:
        found.insert(0, _reading(groups, bool(own), bool(pooled)))
    if spec.rule:
        found.append(rule_section(question, groups))
    return found


def _reading(groups: Groups, own: bool, pooled: bool) -> views.Section:
    """Say once, before the first family, what its figures and tables hold; nothing of what is not there."""
    say, words, spec = groups.say, groups.words, groups.spec
    effects = (say("effects.about", **groups.pair),) if groups.families else ()
    landmark = (say("effects.landmark"),) if effects and spec.estimator != "doubly_robust" else ()
    told = (say("contacts.about"), say("contacts.need")) if own or pooled else ()
    return views.Section(
        f"reading-{groups.slug}",
        say(f"reading.{spec.question}"),
        callout_title=words("sensitivity.caution-title") if spec.caution else "",
        callout=(words("sensitivity.caution"),) if spec.caution else (),
        paragraphs=(*effects, *landmark, *told),
        after=(
            *((say("said.test-note"), say("effects.held")) if effects else ()),
            *((say("contacts.held"),) if told else ()),
            *((say("contacts.pooled-note"),) if pooled else ()),
        ),
    )


def _family_section(
    groups: Groups, family: str, found: Family | None, contacts: tuple[views.Table, ...]
) -> views.Section:
    say, cautious = groups.say, groups.spec.caution
    effects = () if found is None else (group_views.own_table(groups, found),)
    return views.Section(
        f"{groups.slug}-{family.replace('_', '-')}",
        say(f"effects.section.{groups.spec.question}", family=groups.title(family)),
        paragraphs=(
            say(f"family.{family}.note"),
            *((say("effects.none"),) if found is None else group_views.said_of(groups, found)),
        ),
        # The question that is read with caution has tables only: a page must travel by mail.
        figure=None if found is None or cautious else group_views.family_figure(groups, found),
        tables=(*effects, *contacts),
        after=() if found is None else group_views.tests_line(groups, found),
    )
