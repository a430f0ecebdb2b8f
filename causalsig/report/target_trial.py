"""Items 1 to 6 of the TARGET checklist: the question, the data, and the trial one would like to have done."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from causalsig.report.flow_words import months_words
from causalsig.report.numbers import written_date
from causalsig.report.target_given import Given, Sentences
from causalsig.study.models import AcceptedHelp, ContactMethod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from causalsig.report.target_given import Answer


def _abstract(given: Given) -> Sentences:
    yield given.say("abstract", sites=given.sites(), covariates=len(given.study.covariates))


def _question(given: Given) -> Sentences:
    for spec in given.specs:
        arm, reference = spec.contrast
        yield given.say(
            "question",
            question=given.question(spec.question),
            arm=given.report.arm(arm),
            reference=given.report.arm(reference),
            outcome=given.outcome(spec.outcome),
        )


def _data(given: Given) -> Sentences:
    months = months_words(given.flow.months, given.report_of("flow"))
    yield given.say("data", sites=given.sites(), months=months, releases=given.flow.releases)


def _eligible(given: Given) -> Sentences:
    first_only = given.study.eligibility.first_episode_only
    yield given.say("eligible-first" if first_only else "eligible")
    window = given.study.data
    yield given.say(
        "eligible-window",
        first=_day(given, window.first_time_zero, "window-open"),
        last=_day(given, window.last_time_zero, "window-late"),
    )


def _day(given: Given, day: date | None, otherwise: str) -> str:
    return given.say(otherwise) if day is None else written_date(day, given.words.language)


def strategies(given: Given) -> Sentences:
    """Say the strategies of each question."""
    for spec in given.specs:
        settings = given.study.asked[spec.question]
        if isinstance(settings, ContactMethod):
            yield given.say("strategy-contact", grace=settings.grace_days, arms=given.arms(settings.arms))
        elif isinstance(settings, AcceptedHelp):
            yield given.say("strategy-help", day=settings.landmark_day)


def _assigned(given: Given) -> Sentences:
    yield given.say("assigned")


def _follow_up(given: Given) -> Sentences:
    for spec in given.specs:
        start = given.study.asked[spec.question].follow_up_from_day
        yield given.say("follow-up", question=given.question(spec.question), start=start)


def _outcomes(given: Given) -> Sentences:
    primary = {spec.outcome for spec in given.specs}
    for outcome in given.study.outcomes:
        name = given.outcome(outcome.id)
        marked = given.say("primary", name=name) if outcome.id in primary else name
        yield given.say("outcome", id=outcome.id, name=marked)


def _contrasts(given: Given) -> Sentences:
    for spec in given.specs:
        arm, reference = spec.contrast
        yield given.say(
            "contrast",
            question=given.question(spec.question),
            arm=given.report.arm(arm),
            reference=given.report.arm(reference),
            estimand=given.report.plain(f"estimand.{spec.question}.{spec.estimand}"),
        )
        also = given.study.estimands_of(spec.question)[1:]
        if also:
            yield given.say("contrasts-also", estimands=", ".join(also))
    yield given.say("contrasts-primary")


def _assumed(given: Given) -> Sentences:
    yield given.say("assume-trial")


def _analysed(given: Given) -> Sentences:
    yield given.say("analysis-trial")


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "1": _abstract,
        "3": _question,
        "5": _data,
        "6a": _eligible,
        "6b": strategies,
        "6c": _assigned,
        "6d": _follow_up,
        "6e": _outcomes,
        "6f": _contrasts,
        "6g": _assumed,
        "6h": _analysed,
    }
)
"""Item or part, and the sentences that answer it."""
