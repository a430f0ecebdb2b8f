"""A question answered in one way, and another way beside it: never mixed, each through its own gate."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.cohort import build_cohort, plan_cohorts
from causalsig.execution.analyse import NOT_BESIDE, analyse_site, answer
from causalsig.execution.truth import released_blocks
from causalsig.pooling import pool_arms
from causalsig.records import Analysis, SiteResult
from causalsig.simulation import SiteSpec
from causalsig.study.models import Study
from tests.execution.conftest import Invented, invent

CLONES, GROUPS = "clone_censor_weight", "doubly_robust"


@pytest.fixture(scope="module")
def site() -> Invented:
    """Large enough for a hundred households that accept help."""
    return invent(SiteSpec("9001", "Voorbeeldstad 01", 45_000))


@pytest.fixture(scope="module")
def result(site: Invented, study: Study) -> SiteResult:
    lenient = {"positivity_share": 0.9, "max_smd": 0.5, "min_equipoise_share": 0.01}
    open_gates = study.model_copy(update={"diagnostics": study.diagnostics.model_copy(update=lenient)})
    return analyse_site(site.tables, open_gates, site.site, site.spec.matching)


def blocks(result: SiteResult, question: str) -> dict[tuple[str, str, str], Analysis]:
    [asked] = [q for q in result.questions if q.question == question]
    return {(a.estimator, a.estimand, a.outcome): a for a in asked.analyses}


def test_clones_answer_accepted_help_and_the_landmark_stands_beside_them(result: SiteResult) -> None:
    found = blocks(result, "accepted_help")
    assert found[CLONES, "ATE", "any_new_arrears_3m"].primary
    assert sum(block.primary for block in found.values()) == 1
    assert {outcome for way, _, outcome in found if way == GROUPS} == {"any_new_arrears_3m"}
    assert {outcome for way, _, outcome in found if way == CLONES} >= {"any_new_arrears_3m", "any_all_3m"}
    assert all(block.result.method == CLONES for (way, *_), block in found.items() if way == CLONES)


def test_the_first_attempt_answers_contact_method_and_clones_stand_beside_it(result: SiteResult) -> None:
    found = blocks(result, "contact_method")
    assert found[GROUPS, "ATO", "any_new_arrears_3m"].primary
    assert not found[CLONES, "ATO", "any_new_arrears_3m"].primary
    assert {outcome for way, _, outcome in found if way == CLONES} == {"any_new_arrears_3m"}


def test_both_ways_are_of_the_same_households(result: SiteResult) -> None:
    for question in ("accepted_help", "contact_method"):
        found = blocks(result, question)
        clones, groups = (found[way, "ATO", "any_new_arrears_3m"] for way in (CLONES, GROUPS))
        assert clones.result.arms == groups.result.arms
        np.testing.assert_array_equal(clones.result.households, groups.result.households)
        assert clones.households_with == groups.households_with
        assert clones.households_without == groups.households_without
        np.testing.assert_array_equal(clones.unadjusted.means, groups.unadjusted.means)


def test_they_leave_under_codes_of_their_own_and_are_never_pooled_together(
    result: SiteResult, study: Study
) -> None:
    left = released_blocks(result, study)
    ways = {(b.question, b.estimator) for b in left if b.outcome == "any_new_arrears_3m"}
    assert {("accepted_help", CLONES), ("accepted_help", GROUPS)} <= ways
    pooled = pool_arms(left, study, "")
    for contrast in pooled.contrasts:
        assert contrast.sites == 1
        asked = study.asked[contrast.question]
        assert not contrast.primary or contrast.estimator == asked.estimator


def test_a_withheld_question_has_nothing_beside_it(site: Invented, study: Study) -> None:
    strict = study.diagnostics.model_copy(update={"min_equipoise_share": 1.0})
    closed = study.model_copy(update={"diagnostics": strict})
    result = analyse_site(site.tables, closed, site.site, site.spec.matching)
    assert {q.status for q in result.questions} == {"withheld"}
    assert all(q.analyses == () for q in result.questions)


def test_clones_need_the_cohort_by_period(site: Invented, study: Study) -> None:
    for plan in (
        plan_cohorts(study)[0],
        next(p for p in plan_cohorts(study) if p.question != "accepted_help"),
    ):
        cohort = build_cohort(site.tables, plan, study, site.site, site.spec.matching)
        if plan.question == "accepted_help":
            with pytest.raises(ValueError, match="by period"):
                answer(cohort, study)
        else:
            without = answer(cohort, study)
            assert {a.estimator for a in without.analyses} == {GROUPS}
            assert NOT_BESIDE not in {refusal.code for refusal in without.refusals}
