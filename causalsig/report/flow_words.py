"""Ranges of households in words, and the flow as lines for a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from causalsig.report.numbers import band, decimal, month_name
from causalsig.report.words import Words

if TYPE_CHECKING:
    from causalsig.report.flow import QuestionFlow, Range, StudyFlow

WIDTH = 96


def range_words(left: Range, words: Words, *, short: bool = False) -> str:
    """Write a range of households: ``100–299 households``; short: the numbers only."""
    language = words.language
    if left.high is not None and left.low == 0:
        number = words.plain("range.under", count=decimal(left.high + 1, language))
    else:
        number = band((left.low, left.high), language)
    return number if short else words.plain("range.households", number=number)


def rule_words(question: str, code: str, words: Words) -> str:
    """Say an eligibility rule, with a question's own words for it where it has them."""
    own = f"rules.{question}.{code}"
    return words.plain(own) if words.has(own) else str(Words(words.language).rule(code).unescape())


def releases_words(releases: int, words: Words) -> str:
    """Say of how many releases a number is."""
    return words.plain("range.one-release" if releases == 1 else "range.releases", count=releases)


def months_words(months: tuple[str, str], words: Words) -> str:
    """Write the months of extraction: one, or from the first to the last."""
    first, last = (month_name(month, words.language) for month in months)
    return first if months[0] == months[1] else words.plain("range.months", first=first, last=last)


def flow_lines(flow: StudyFlow, words: Words) -> list[str]:
    """Write every question's flow as lines of text, the number first."""
    head = words.plain(
        "text.head-one" if flow.sites == 1 else "text.head",
        sites=flow.sites,
        releases=flow.releases,
        months=months_words(flow.months, words),
    )
    lines = textwrap.wrap(head, WIDTH)
    for question in flow.questions:
        lines += ["", *question_lines(question, words)]
    return lines


def question_lines(flow: QuestionFlow, words: Words) -> list[str]:
    """Write one question's flow as lines of text."""
    report = Words(words.language)
    asked = report.plain(f"question.{flow.question}.title")
    lines = [f"{flow.question}: {asked}"]
    if not flow.steps:
        return [*lines, f"  {words.plain('text.none')}"]
    rows = [
        (range_words(step.left, words, short=True), rule_words(flow.question, step.rule, words), step.sites)
        for step in flow.steps
    ]
    rows += [
        (range_words(arm.households, words, short=True), f"\u2192 {words.arm(arm.arm)}", arm.sites)
        for arm in flow.arms
    ]
    wide = max(len(number) for number, _, _ in rows)
    for number, said, sites in rows:
        fewer = "" if sites == flow.releases else f" ({releases_words(sites, words)})"
        lines += _hanging(f"  {number:>{wide}}  ", f"{said}{fewer}")
    for code, count in flow.absent.items():
        why = str(report.reason(code).unescape())
        one = flow.releases == 1
        said = words.plain("figure.absent-one" if one else "figure.absent", count=count)
        lines += _hanging(f"  {'':>{wide}}  ", f"{said} {why} [{code}]")
    return lines


def _hanging(start: str, said: str) -> list[str]:
    return textwrap.wrap(said, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
