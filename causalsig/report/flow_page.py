"""The page of `causalsig study flow`: the flow of each question, and the TARGET checklist filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig import __version__
from causalsig.report import views
from causalsig.report.flow_drawing import attrition_plot
from causalsig.report.flow_words import months_words, range_words, rule_words
from causalsig.report.target_items import SECTIONS, ChecklistPart, said
from causalsig.report.words import Words
from causalsig.study.digest import study_digest

if TYPE_CHECKING:
    from causalsig.report.flow import QuestionFlow, StudyFlow
    from causalsig.report.numbers import Language
    from causalsig.study.models import Study


def flow_view(
    study: Study, flow: StudyFlow, parts: Sequence[ChecklistPart], language: Language, *, demo: bool = False
) -> views.Page:
    """Build the page.

    Parameters
    ----------
    study : Study
    flow : StudyFlow
    parts : sequence of ChecklistPart
        Of the same releases and language.
    language : {"nl", "en"}
    demo : bool
        Whether any release carries a demo approval.
    """
    words = Words(language, "flow")
    title, banner = _banner(words, study, flow, demo)
    return views.Page(
        title=words("page.title", study=study.name),
        brand=words("brand"),
        audience=words("page.audience"),
        banner_title=title,
        banner=banner,
        answer=_answer(words, flow, parts),
        sections=(
            *(_flow_section(words, question) for question in flow.questions),
            _checklist_section(Words(language, "target"), study, parts),
        ),
        footer=words("footer", version=__version__),
    )


def _banner(words: Words, study: Study, flow: StudyFlow, demo: bool) -> tuple[Markup | str, Markup | str]:
    if demo:
        return words("page.draft-title"), words("page.draft")
    if flow.sites == 1:
        return words("page.few-title"), words("page.one")
    if flow.sites < study.pooling.min_sites:
        return words("page.few-title"), words("page.few", sites=flow.sites, floor=study.pooling.min_sites)
    return "", ""


def _answer(words: Words, flow: StudyFlow, parts: Sequence[ChecklistPart]) -> views.Answer:
    verdict = "page.verdict-one" if flow.sites == 1 else "page.verdict"
    lead = [words("page.lead"), words("page.lead-bands")]
    if flow.releases > flow.sites:
        lead.append(words("page.lead-waves"))
    return views.Answer(
        kicker=words("page.kicker"),
        headline=words("page.headline"),
        verdict=words(verdict, sites=flow.sites, releases=flow.releases),
        tone="sure",
        lead=tuple(lead),
        small=words("page.small", months=months_words(flow.months, words)),
        advice_title=words("page.advice-title"),
        advice=words("page.advice", open=sum(bool(part.authors) for part in parts), all=len(parts)),
    )


def _flow_section(words: Words, flow: QuestionFlow) -> views.Section:
    question = Words(words.language)(f"question.{flow.question}.title")
    name = f"flow-{flow.question.replace('_', '-')}"
    title = words("section.flow", question=question)
    if not flow.steps:
        return views.Section(name, title, paragraphs=(words("section.none"),))
    drawn = views.on_page(attrition_plot(flow, name=name, language=words.language))
    return views.Section(
        name,
        title,
        paragraphs=(words("section.flow-intro"),),
        figure=drawn,
        tables=tuple(_tables(words, flow, question)),
    )


def _tables(words: Words, flow: QuestionFlow, question: Markup) -> list[views.Table]:
    report, about = Words(words.language), question.rstrip("?")
    head = (words("section.rule"), words("section.left"), words("section.releases"))
    steps = tuple(
        (
            rule_words(flow.question, step.rule, words),
            range_words(step.left, words, short=True),
            str(step.sites),
        )
        for step in flow.steps
    )
    tables = [views.Table(words("section.caption", question=about), head, steps)]
    if flow.arms:
        arms = tuple(
            (report.arm(arm.arm), range_words(arm.households, words, short=True), str(arm.sites))
            for arm in flow.arms
        )
        caption = words("section.arms-caption", question=about)
        tables.append(views.Table(caption, (words("section.arm"), *head[1:]), arms))
    if flow.absent:
        absent = tuple((report.reason(code), str(count)) for code, count in flow.absent.items())
        caption = words("section.absent-caption", question=about)
        tables.append(views.Table(caption, (words("section.reason"), words("section.releases")), absent))
    return tables


def _checklist_section(words: Words, study: Study, parts: Sequence[ChecklistPart]) -> views.Section:
    head = tuple(words(f"page.{name}") for name in ("number", "asked", "answer"))
    tables = []
    for section in SECTIONS:
        rows = tuple(
            (part.number, part.asked, Markup("<br>").join(said(part, words)))
            for part in parts
            if part.section == section
        )
        caption = words("page.caption", section=words(f"section.{section}"))
        tables.append(views.Table(caption, head, rows))
    source = words("page.source", study=study.name, digest=study_digest(study))
    return views.Section(
        "target",
        words("page.title"),
        paragraphs=(words("page.intro"), source),
        tables=tuple(tables),
        after=(words("page.cite"),),
    )
