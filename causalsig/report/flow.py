"""The cohort's flow, from episodes to arms, in the bands that left the sites: of one site, or added up.

A band is all that is known of a count, so a sum of sites is a range: from the sum of the lower ends to the
sum of the upper ones. A sum with an open band has no upper end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalsig.errors import ReportError
from causalsig.release import grid
from causalsig.report.gather import own_questions
from causalsig.report.pages import AttritionBand, OwnQuestion, QuestionSpec, specs_from_study
from causalsig.study.digest import study_digest

if TYPE_CHECKING:
    from causalsig.records import QuestionStatus
    from causalsig.release.documents import EstimatesDocument
    from causalsig.study.models import Study


@dataclass(frozen=True, slots=True)
class Range:
    """A count of households of which only bands are known; ``high`` None: no upper end."""

    low: int
    high: int | None

    def __add__(self, other: Range) -> Range:
        high = None if self.high is None or other.high is None else self.high + other.high
        return Range(self.low + other.low, high)


NOBODY = Range(0, 0)


@dataclass(frozen=True, slots=True)
class FlowStep:
    """Households left after a rule; ``sites`` is the number of releases that have this rule."""

    rule: str
    left: Range
    sites: int


@dataclass(frozen=True, slots=True)
class FlowArm:
    """One arm as it was analysed, over the ``sites`` whose primary block has it."""

    arm: str
    households: Range
    sites: int


@dataclass(frozen=True, slots=True)
class QuestionFlow:
    """The flow of one question.

    Attributes
    ----------
    question : str
    releases : int
        Releases that ask the question.
    steps : tuple of FlowStep
        Everybody first, then each rule in the order in which it was applied.
    arms : tuple of FlowArm
        In the study's order; empty when no release has a primary block.
    status : dict of str to int
        Releases by what became of the question there: estimated, withheld or refused.
    absent : dict of str to int
        Releases without the primary contrast, each once, by the first code that says why.
    """

    question: str
    releases: int
    steps: tuple[FlowStep, ...]
    arms: tuple[FlowArm, ...]
    status: dict[QuestionStatus, int]
    absent: dict[str, int]


@dataclass(frozen=True, slots=True)
class StudyFlow:
    """The flow of every question of a study.

    Attributes
    ----------
    sites : int
        Municipalities, each once, however many waves it released.
    releases : int
    months : (str, str)
        First and last month of extraction ("2026-06").
    questions : tuple of QuestionFlow
        Questions that carry the conclusion first; one that no release answers has no steps.
    """

    sites: int
    releases: int
    months: tuple[str, str]
    questions: tuple[QuestionFlow, ...]


def study_flow(study: Study, documents: Sequence[EstimatesDocument]) -> StudyFlow:
    """Add up the flow of one or more releases of a study.

    Parameters
    ----------
    study : Study
    documents : sequence of EstimatesDocument
        Verified releases, at most one of a site and wave.

    Raises
    ------
    ReportError
        ``report-flow-empty`` without any, ``report-other-study`` when one is of another study,
        ``report-release-twice`` when two are of one site and wave.
    """
    if not documents:
        raise ReportError(
            "report-flow-empty",
            expected="at least one release",
            found="none",
            mend="Give released files (*.release.json), or the folder that holds them.",
        )
    if any(document.study_digest != study_digest(study) for document in documents):
        raise ReportError(
            "report-other-study",
            expected="releases of the study that was given",
            found="the digest of another study",
            mend="Give the study file the releases were made with.",
        )
    waves = Counter((document.site_code, document.wave) for document in documents)
    if max(waves.values()) > 1:
        raise ReportError(
            "report-release-twice",
            expected="one release of a site and wave",
            found="two",
            mend="Keep the one that counts; households would be counted twice.",
        )
    found = [own_questions(document) for document in documents]
    months = sorted(document.extracted for document in documents)
    return StudyFlow(
        sites=len({document.site_code for document in documents}),
        releases=len(documents),
        months=(months[0], months[-1]),
        questions=tuple(_question_flow(spec, found) for spec in specs_from_study(study)[0]),
    )


def _question_flow(spec: QuestionSpec, found: Sequence[tuple[OwnQuestion, ...]]) -> QuestionFlow:
    own = [one for questions in found for one in questions if one.question == spec.question]
    reasons = Counter(one.reasons(spec)[0] for one in own if one.reasons(spec))
    return QuestionFlow(
        question=spec.question,
        releases=len(own),
        steps=_steps([one.attrition for one in own]),
        arms=_arms(spec.arms, own),
        status=dict(Counter(one.status for one in own)),
        absent=dict(reasons.most_common()),
    )


def _steps(flows: Sequence[tuple[AttritionBand, ...]]) -> tuple[FlowStep, ...]:
    """Add the rules up by name, in an order that keeps every release's own.

    A release that ends early (nobody was left) has no more rules; the steps after that are of fewer releases,
    and say of how many.
    """
    order: list[str] = []
    for flow in flows:
        place = 0
        for row in flow:
            if row.rule not in order:
                order.insert(place, row.rule)
            place = order.index(row.rule) + 1
    steps = []
    for rule in order:
        left = [_range(row.households) for flow in flows for row in flow if row.rule == rule]
        steps.append(FlowStep(rule, sum(left, NOBODY), len(left)))
    return tuple(steps)


def _arms(names: Iterable[str], own: Sequence[OwnQuestion]) -> tuple[FlowArm, ...]:
    primary = [block for one in own for block in one.arms if block.primary]
    found = []
    for name in names:
        bands = [block.household_bands[block.arms.index(name)] for block in primary if name in block.arms]
        if bands:
            found.append(FlowArm(name, sum((Range(*band) for band in bands), NOBODY), len(bands)))
    return tuple(found)


def _range(band: tuple[int, int | None] | None) -> Range:
    """Read a band; a suppressed one is under the floor of a cell, and may be nobody."""
    return Range(*grid.band_limits("under-10")) if band is None else Range(*band)
