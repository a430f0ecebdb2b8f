"""Who was compared: bands added up as ranges, drawn and told, never closer than they left the sites."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree

import numpy as np
import pytest

from causalsig.errors import ReportError
from causalsig.records import AttritionRow, QuestionResult, Refusal, SiteResult
from causalsig.release import ReleaseIdentity, build_release
from causalsig.release.documents import EstimatesDocument
from causalsig.report.flow import FlowArm, FlowStep, Range, StudyFlow, study_flow
from causalsig.report.flow_drawing import attrition_plot
from causalsig.report.flow_words import WIDTH, flow_lines, range_words
from causalsig.report.words import Words
from causalsig.study.digest import study_digest
from causalsig.study.models import Study
from causalsig.study.read import read_study
from tests.release.conftest import question_result

STUDY = read_study("vroegsignalering")


def row(rule: str, before: int, after: int) -> AttritionRow:
    return AttritionRow(rule, before, after, before, after)


def asked(*rows: AttritionRow, arms: tuple[int, ...] = (420, 310, 260, 230, 510)) -> QuestionResult:
    return replace(question_result("contact_method", arms, np.random.default_rng(3)), attrition=rows)


def refused(code: str, *rows: AttritionRow) -> QuestionResult:
    whole = (Refusal(code, "contact_method"),)
    return QuestionResult("contact_method", "refused", rows, (), (), (), whole)


def release(
    *questions: QuestionResult, site: str = "a", wave: int = 1, study: Study = STUDY
) -> EstimatesDocument:
    result = SiteResult("9001", study_digest(study), date(2026, 6, 30), questions, ())
    identity = ReleaseIdentity(site * 64, "b" * 64, "0.1.0", "c" * 64, wave)
    return build_release(result, study=study, identity=identity).document


WHOLE = asked(row("cohort-entry-window", 2_400, 2_000), row("cohort-linked", 2_000, 1_900))
SMALL = refused("cohort-no-episodes", row("cohort-entry-window", 250, 25), row("cohort-linked", 25, 0))


def contact(*documents: EstimatesDocument) -> StudyFlow:
    return study_flow(STUDY, documents)


def test_one_release_gives_its_own_bands() -> None:
    flow = contact(release(WHOLE))
    found = flow.questions[0]
    assert (flow.sites, flow.releases, flow.months) == (1, 1, ("2026-06", "2026-06"))
    assert found.steps == (
        FlowStep("start", Range(1000, 2999), 1),
        FlowStep("cohort-entry-window", Range(1000, 2999), 1),
        FlowStep("cohort-linked", Range(1000, 2999), 1),
    )
    assert found.arms[0] == FlowArm("letter", Range(300, 999), 1)
    assert found.arms[-1] == FlowArm("none", Range(300, 999), 1)


def test_bands_of_sites_add_up_to_a_range_and_fewer_than_ten_may_be_nobody() -> None:
    found = contact(release(WHOLE), release(SMALL, site="d")).questions[0]
    assert [step.left for step in found.steps] == [Range(1100, 3298), Range(1010, 3028), Range(1000, 3008)]
    assert found.arms[0] == FlowArm("letter", Range(300, 999), 1), "the small site has no arms"
    assert found.status == {"estimated": 1, "refused": 1}
    assert found.absent == {"cohort-no-episodes": 1}


def test_the_true_sum_lies_in_the_range() -> None:
    rng = np.random.default_rng(5)
    counts = [int(count) for count in rng.integers(0, 2_900, 12)]
    flows = [
        release(refused("cohort-no-episodes", row("cohort-entry-window", count, count // 3)), site=site)
        for count, site in zip(counts, "0123456789ef", strict=True)
    ]
    start, left = (step.left for step in contact(*flows).questions[0].steps)
    assert start.high is not None and left.high is not None
    assert start.low <= sum(counts) <= start.high
    assert left.low <= sum(count // 3 for count in counts) <= left.high


def test_a_sum_with_an_open_band_has_no_upper_end() -> None:
    large = refused("cohort-no-episodes", row("cohort-entry-window", 50_000, 40_000))
    start = contact(release(large), release(SMALL, site="d")).questions[0].steps[0]
    assert start.left == Range(3100, None)
    assert range_words(start.left, Words("nl", "flow")) == "3.100 of meer huishoudens"


def test_a_rule_of_some_sites_stands_where_they_apply_it_and_says_of_how_many() -> None:
    more = asked(
        row("cohort-entry-window", 2_400, 2_000),
        row("cohort-first-episode", 2_000, 1_200),
        row("cohort-linked", 1_200, 1_100),
    )
    steps = contact(release(WHOLE), release(more, site="d")).questions[0].steps
    assert [(step.rule, step.sites) for step in steps] == [
        ("start", 2),
        ("cohort-entry-window", 2),
        ("cohort-first-episode", 1),
        ("cohort-linked", 2),
    ]


def test_a_municipality_with_two_waves_is_one_municipality() -> None:
    flow = contact(release(WHOLE), release(WHOLE, wave=2))
    assert (flow.sites, flow.releases) == (1, 2)


def test_what_cannot_be_added_up_is_refused() -> None:
    other = STUDY.model_copy(update={"seed": 1})
    with pytest.raises(ReportError, match=r"\[report-release-twice\]"):
        contact(release(WHOLE), release(WHOLE))
    with pytest.raises(ReportError, match=r"\[report-other-study\]"):
        contact(release(WHOLE), release(WHOLE, site="d", study=other))
    with pytest.raises(ReportError, match=r"\[report-flow-empty\]"):
        contact()


def test_a_question_nobody_answers_is_told_and_not_drawn() -> None:
    flow = contact(release(WHOLE))
    unasked = flow.questions[1]
    assert (unasked.question, unasked.steps, unasked.releases) == ("accepted_help", (), 0)
    assert "No release answers this question." in "\n".join(flow_lines(flow, Words("en", "flow")))
    with pytest.raises(ReportError, match=r"\[report-figure-empty\]"):
        attrition_plot(unasked, language="en")


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_the_figure_says_every_number_and_is_the_same_bytes_again(language: str, layout: str) -> None:
    words = Words(language, "flow")  # type: ignore[arg-type]
    flow = contact(release(WHOLE), release(SMALL, site="d")).questions[0]
    drawn = attrition_plot(flow, language=language).inline(layout)  # type: ignore[arg-type]
    assert drawn == attrition_plot(flow, language=language).inline(layout)  # type: ignore[arg-type]
    told = " ".join(part.text or "" for part in ElementTree.fromstring(drawn).iter())
    for left in [*(step.left for step in flow.steps), *(arm.households for arm in flow.arms)]:
        assert range_words(left, words, short=True) in told
    assert words.arm("home_visit") in told and "1" in words.plain("figure.absent", count=1)
    assert re.findall(r'aria-labelledby="([^"]*)"', drawn) == ["flow-title flow-desc"]


def _extent(path: str) -> tuple[float, float, float, float]:
    """Where a drawn path lies: left, top, width and height."""
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", path)]
    across, down = numbers[::2], numbers[1::2]
    return min(across), min(down), max(across) - min(across), max(down) - min(down)


def test_boxes_stay_inside_the_figure_and_do_not_overlap() -> None:
    flow = contact(release(WHOLE), release(SMALL, site="d")).questions[0]
    for layout in ("wide", "narrow"):
        root = ElementTree.fromstring(attrition_plot(flow).inline(layout))  # type: ignore[arg-type]
        width, height = (float(end) for end in root.attrib["viewBox"].split()[2:])
        boxes = [
            _extent(path.attrib["d"])
            for part in root.iter("{http://www.w3.org/2000/svg}g")
            if part.attrib.get("id", "").startswith("flow-box-")
            for path in part.iter("{http://www.w3.org/2000/svg}path")
        ]
        assert len(boxes) == len(flow.steps) + len(flow.arms) + len(flow.absent)
        for x, y, wide, high in boxes:
            assert x >= 0 and y >= 0 and x + wide <= width and y + high <= height
        for at, (x, y, wide, high) in enumerate(boxes):
            for u, v, broad, tall in boxes[at + 1 :]:
                assert x + wide <= u or u + broad <= x or y + high <= v or v + tall <= y


def test_lines_fit_a_terminal_and_carry_the_code() -> None:
    lines = flow_lines(contact(release(WHOLE), release(SMALL, site="d")), Words("nl", "flow"))
    assert max(map(len, lines)) <= WIDTH
    told = " ".join(" ".join(lines).split())
    assert "[cohort-no-episodes]" in told and "1.100–3.298 Alle huishoudens met een melding" in told
