"""The TARGET checklist has its 21 items; what the files say is filled in, the rest is said to be left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from causalsig.errors import ReportError
from causalsig.records import PoolResult, Refusal, Verdict
from causalsig.release.documents import EstimatesDocument
from causalsig.report import checklist_markdown, flow_html, study_flow, target_checklist
from causalsig.report.effects import show_contrast
from causalsig.report.pages import specs_from_study
from causalsig.report.target_items import SECTIONS, ChecklistPart
from causalsig.report.words import Words
from causalsig.study.digest import study_digest
from causalsig.study.graph_identify import hidden_causes
from causalsig.study.models import Study
from causalsig.study.read import read_study
from tests.release.conftest import question_result
from tests.report.page_factory import pool
from tests.report.test_report_flow import SMALL, WHOLE, release

STUDY = read_study("vroegsignalering")
PERSONAL = {"2", "4", "15", "17", "20", "21"}
"""Items of which no file can say anything."""


def parts(
    documents: Sequence[EstimatesDocument], language: str = "en", study: Study = STUDY
) -> dict[str, ChecklistPart]:
    found = target_checklist(study, study_flow(study, documents), documents, language)  # type: ignore[arg-type]
    return {part.number: part for part in found}


def accepted() -> EstimatesDocument:
    helped = question_result("accepted_help", (240, 900), np.random.default_rng(4))
    return release(WHOLE, helped)


def test_there_are_21_items_in_six_sections_in_order() -> None:
    numbers = [number for section in SECTIONS.values() for number in section]
    assert len(SECTIONS) == 6
    assert list(dict.fromkeys(int(number.rstrip("abcdefgh")) for number in numbers)) == list(range(1, 22))
    assert list(parts([release(WHOLE)])) == numbers


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_part_is_answered_or_said_to_be_left(language: str) -> None:
    found = parts([accepted(), release(SMALL, site="d")], language)
    assert all(part.answers or part.authors for part in found.values())
    assert {number for number, part in found.items() if not part.answers} == PERSONAL | {"9", "13"}, (
        "no check on balance here"
    )
    told = [sentence for part in found.values() for sentence in (*part.answers, part.authors)]
    assert not [sentence for sentence in told if "{" in sentence or "None" in sentence]


def test_answers_come_from_the_study_file() -> None:
    contact = STUDY.questions.contact_method
    assert contact is not None
    changed = STUDY.model_copy(
        update={
            "seed": 77,
            "questions": STUDY.questions.model_copy(
                update={"contact_method": contact.model_copy(update={"grace_days": 9})}
            ),
        }
    )
    before, after = parts([release(WHOLE)]), parts([release(WHOLE, study=changed)], study=changed)
    assert "within 14 days" in before["6b"].answers[0] and "within 9 days" in after["6b"].answers[0]
    assert "seed 77" in after["7h"].answers[0]
    assert study_digest(changed) in after["18"].answers[0]
    assert study_digest(STUDY) in before["18"].answers[0]


def test_a_negative_control_is_an_outcome_of_the_protocol() -> None:
    controls = STUDY.falsification.model_copy(update={"negative_controls": ("any_all_3m",)})
    study = STUDY.model_copy(update={"falsification": controls})
    document = release(WHOLE).model_copy(update={"study_digest": study_digest(study)})
    told = [sentence for part in parts([document], study=study).values() for sentence in part.answers]
    assert any("any_all_3m" in sentence for sentence in told)


def test_what_nobody_records_is_named_by_the_graph() -> None:
    graph = STUDY.graph
    assert graph is not None
    hidden = ("stress", "contact_details", "early_payment")
    assert hidden_causes(graph, "contact_method") == hidden
    # By period only another signal is held; who is contacted and reached is not, so their causes stay.
    assert hidden_causes(graph, "accepted_help", by_period=True) == hidden
    assert hidden_causes(graph, "threshold") == ()
    told = " ".join(parts([release(WHOLE)])["7g"].answers)
    assert graph.label("stress", "en") in told
    without = STUDY.model_copy(update={"graph": None})
    assert "no causal graph" in " ".join(parts([release(WHOLE, study=without)], study=without)["7g"].answers)


def test_one_release_gives_numbers_and_several_point_to_the_pool() -> None:
    one, many = parts([accepted()]), parts([accepted(), release(WHOLE, site="d")])
    assert any("per 1,000 households" in sentence for sentence in one["13"].answers)
    assert not one["13"].authors
    assert not many["13"].answers and "report national" in many["13"].authors


def test_the_pool_fills_in_means_and_differences_and_what_may_not_be_shown_is_not() -> None:
    documents = [accepted(), release(WHOLE, site="d")]
    flow = study_flow(STUDY, documents)
    everyone = replace(pool("all"), study_digest=study_digest(STUDY))

    def filled(given: PoolResult) -> dict[str, ChecklistPart]:
        found = target_checklist(STUDY, flow, documents, "en", pool=given)
        return {part.number: part for part in found}

    whole = filled(everyone)
    spec = next(one for one in specs_from_study(STUDY)[0] if one.question == "contact_method")
    [shown] = [
        c
        for c in everyone.contrasts
        if (c.question, c.outcome, c.estimand) == (spec.question, spec.outcome, spec.estimand)
        and (c.arm, c.reference) == spec.contrast
    ]
    value = Words("en").signed(show_contrast(shown))
    assert any(value in sentence for sentence in whole["13"].answers)
    assert not whole["12"].authors and not whole["13"].authors
    held = tuple(replace(c, publishable=False, reasons=("pool-few-sites",)) for c in everyone.contrasts)
    told = " ".join(filled(replace(everyone, contrasts=held))["13"].answers)
    assert value not in told and "no primary result" in told
    with pytest.raises(ReportError, match=r"\[report-other-study\]"):
        filled(replace(everyone, study_digest="0" * 64))


def test_a_refused_question_says_why_in_place_of_its_effect() -> None:
    told = " ".join(parts([release(SMALL)])["13"].answers)
    assert "no primary result" in told and "no report was left" in told


def test_what_an_analysis_had_to_do_without_stands_among_the_limits() -> None:
    remark = Refusal("cohort-acceptance-coded-otherwise", "contact_method")
    documents = [release(replace(WHOLE, refusals=(remark,))), release(WHOLE, site="d")]
    told = parts(documents)["16"].answers
    assert len(told) == 2 and "in 1 release: Advice talks" in told[1]
    assert len(parts([release(WHOLE)])["16"].answers) == 1


def test_checks_are_counted_by_release_and_one_failed_arm_fails_it() -> None:
    good = Verdict("design", "gate-balance", True, 0.04, 0.1, "phone", "ATO")
    failed = Verdict("design", "gate-balance", False, 0.40, 0.1, "letter", "ATO")
    other = Verdict("design", "gate-balance", False, 0.40, 0.1, "letter", "ATE")
    documents = [
        release(replace(WHOLE, verdicts=(good, other))),
        release(replace(WHOLE, verdicts=(good, failed)), site="d"),
    ]
    (told,) = parts(documents)["9"].answers
    assert told.endswith("1 of 2.")


def test_markdown_has_a_row_a_part_and_survives_a_pipe() -> None:
    document = release(WHOLE)
    found = target_checklist(STUDY, study_flow(STUDY, [document]), [document], "en")
    piped = (ChecklistPart("2", "introduction", "a|b", ("c|d",), ""), *found[2:])
    rows = [
        line
        for line in checklist_markdown(STUDY, piped, "en").splitlines()
        if line.startswith("| ") and not line.startswith("| Item")
    ]
    assert len(rows) == len(piped)
    assert "| 2 | a\\|b | c\\|d |" in rows
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_page_stands_alone_and_warns_when_few_are_added_up(language: str) -> None:
    def page(*documents: EstimatesDocument, demo: bool = False) -> str:
        flow = study_flow(STUDY, documents)
        found = target_checklist(STUDY, flow, documents, language)  # type: ignore[arg-type]
        return flow_html(STUDY, flow, found, language, demo=demo)  # type: ignore[arg-type]

    many = page(*(release(WHOLE, site=site) for site in "012345"))
    few = page(*(release(WHOLE, site=site) for site in "01"))
    assert "default-src &#39;none&#39;" in many and "<script" not in many
    assert many.count("<svg") == 2 and 'class="banner"' not in many
    assert 'class="banner"' in few and 'class="banner"' in page(release(WHOLE), demo=True)
    assert "a" * 64 not in page(release(WHOLE)), "no site code"
