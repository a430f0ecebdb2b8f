"""One site in memory: admission before outcomes, the gate before effects, and no trace of row order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.cohort import build_cohort, plan_cohorts
from causalsig.cohort.build import Cohort
from causalsig.execution.analyse import INCOMPLETE_ARMS, WITHHELD, analyse_site, answer, seed_of
from causalsig.execution.horizons import merge_plans
from causalsig.execution.record import site_record
from causalsig.records import QuestionResult, SiteResult, Verdict
from causalsig.release.build import CheckedRelease, ReleaseIdentity, build_release
from causalsig.release.strict_json import canonical
from causalsig.study.models import Study

IDENTITY = ReleaseIdentity("a" * 64, "b" * 64, "0.1.0", "c" * 64)
LENIENT = {
    "positivity_share": 0.9,
    "max_smd": 9.0,
    "min_equipoise_share": 0.0,
    "min_effective_sample_size": 1.0,
}
"""Gates a small site passes, where the test is about something else."""


def with_gates(study: Study, **changes: float) -> Study:
    return study.model_copy(update={"diagnostics": study.diagnostics.model_copy(update=changes)})


@pytest.fixture(scope="session")
def result(invented: dict[str, Any], study: Study) -> SiteResult:
    return analysed(invented["9001"], study)


def analysed(found: Any, study: Study, tables: Any = None) -> SiteResult:
    return analyse_site(tables or found.tables, study, found.site, found.spec.matching)


def released(result: SiteResult, study: Study) -> CheckedRelease:
    return build_release(result, study=study, identity=IDENTITY)


@pytest.fixture(scope="session")
def cohort(invented: dict[str, Any], study: Study) -> Cohort:
    found = invented["9001"]
    [plan] = [p for p in plan_cohorts(study) if p.question == "contact_method" and p.months == 3]
    return build_cohort(found.tables, plan, study, found.site, found.spec.matching)


def keep(cohort: Cohort, rows: np.ndarray) -> Cohort:
    return replace(
        cohort,
        treatment=cohort.treatment[rows],
        households=cohort.households[rows],
        household_keys=cohort.household_keys[rows],
        time_zero=cohort.time_zero[rows],
        covariates=cohort.covariates[rows],
        outcomes={name: values[rows] for name, values in cohort.outcomes.items()},
    )


def only_so_many(cohort: Cohort, arm: str, households: int) -> Cohort:
    """Leave an arm the episodes of its first few households."""
    inside = cohort.treatment == arm
    kept = np.unique(cohort.households[inside])[:households]
    return keep(cohort, ~inside | np.isin(cohort.households, kept))


def test_the_small_site_answers_the_contact_question(result: SiteResult) -> None:
    question = {q.question: q for q in result.questions}["contact_method"]
    assert question.status == "estimated"
    primary = [a for a in question.analyses if a.primary]
    assert [(a.outcome, a.estimand) for a in primary] == [("any_new_arrears_3m", "ATO")]
    assert np.array_equal(
        np.add(primary[0].households_with, primary[0].households_without), primary[0].result.households
    )


def test_an_arm_below_its_floor_leaves_with_its_episodes_and_takes_the_ato_with_it(
    cohort: Cohort, study: Study
) -> None:
    """One household under the floor: 99, where 100 are asked for."""
    few = only_so_many(cohort, "message", 99)
    found = answer(few, with_gates(study, **LENIENT))
    assert ("release-admission", "message") in {(r.code, r.arm) for r in found.refusals}
    assert found.status == "estimated"
    assert {a.estimand for a in found.analyses} == {"ATE"}
    assert {a.result.arms for a in found.analyses} == {("letter", "phone", "home_visit", "none")}
    missing = {(r.outcome, r.estimand) for r in found.refusals if r.code == INCOMPLETE_ARMS}
    assert missing == {(outcome.id, "ATO") for outcome in few.plan.outcomes}
    row = found.attrition[-1]
    gone = int((few.treatment == "message").sum())
    assert (row.rule, row.episodes_before - row.episodes_after) == ("cohort-arm-admitted", gone)
    assert all(a.result.n.sum() == row.episodes_after for a in found.analyses)
    everyone = answer(only_so_many(cohort, "message", 100), with_gates(study, **LENIENT))
    assert {a.estimand for a in everyone.analyses} == {"ATO", "ATE"}
    assert not any(r.arm == "message" for r in everyone.refusals)


def design_of(found: QuestionResult) -> tuple[Verdict, ...]:
    """Verdicts that decide whether an effect is computed; those after it look at its standard error."""
    return tuple(verdict for verdict in found.verdicts if verdict.tier == "design")


def test_admission_and_gate_never_see_an_outcome(cohort: Cohort, study: Study) -> None:
    """Whatever the outcomes, who is compared and what the gates say stays the same."""
    few = only_so_many(cohort, "message", 99)
    for base in (cohort, few):
        plain = answer(base, study)
        for outcomes in (np.zeros(base.size), np.ones(base.size)):
            other = answer(replace(base, outcomes=dict.fromkeys(base.outcomes, outcomes)), study)
            assert design_of(other) == design_of(plain) and other.balance == plain.balance
            assert other.regions == plain.regions
            assert other.attrition == plain.attrition and other.refusals == plain.refusals


def test_a_site_without_its_reference_arm_is_refused(cohort: Cohort, study: Study) -> None:
    found = answer(only_so_many(cohort, "letter", 40), study)
    assert found.status == "refused" and found.analyses == () and found.verdicts == ()


def test_no_episode_at_all_is_refused(cohort: Cohort, study: Study) -> None:
    found = answer(keep(cohort, np.zeros(cohort.size, dtype=bool)), study)
    assert (found.status, found.analyses) == ("refused", ())


def test_a_small_site_with_short_retention_has_its_first_question_refused(
    invented: dict[str, Any], study: Study
) -> None:
    result = analysed(invented["9002"], study)
    found = {q.question: q for q in result.questions}["accepted_help"]
    assert (found.status, found.analyses) == ("refused", ())
    codes = {(r.code, r.outcome) for r in found.refusals}
    assert ("cohort-no-entry-window", "any_new_arrears_3m") in codes
    document = released(result, study).document
    assert [q.analyses for q in document.questions] == [(), ()]


@given(
    share=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    smd=st.sampled_from([0.001, 0.1, 0.5]),
    size=st.sampled_from([30.0, 150.0, 5000.0]),
    positivity=st.sampled_from([0.0, 0.02, 0.9]),
)
@settings(max_examples=12, deadline=None)
def test_what_is_withheld_or_refused_holds_no_effect(
    cohort: Cohort, study: Study, share: float, smd: float, size: float, positivity: float
) -> None:
    strict = with_gates(
        study,
        min_equipoise_share=share,
        max_smd=smd,
        min_effective_sample_size=size,
        positivity_share=positivity,
    )
    found = answer(cohort, strict)
    failed = {v.estimand for v in found.verdicts if v.tier == "design" and not v.passed}
    if None in failed or "ATO" in failed:
        assert found.status == "withheld"
    if found.status != "estimated":
        assert found.analyses == ()
        assert {r.estimand for r in found.refusals if r.code == WITHHELD} == {"ATO", "ATE"}
    assert not {a.estimand for a in found.analyses} & failed
    record = site_record(SiteResult("9001", "d" * 64, date(2026, 6, 30), (found,), ()))
    assert len(record["questions"][0]["analyses"]) == len(found.analyses)


def test_what_a_longer_horizon_s_gate_closed_is_told_by_outcome(cohort: Cohort, study: Study) -> None:
    """Its verdicts name no outcome: beside the question's own they would read as the question's."""
    first = answer(cohort, study)
    closed = answer(cohort, with_gates(study, min_effective_sample_size=1e6))
    assert (first.status, closed.status) == ("estimated", "withheld")
    found = merge_plans([first, closed])
    assert (found.status, found.verdicts) == ("estimated", first.verdicts)
    told = {(r.outcome, r.estimand) for r in found.refusals if r.code == WITHHELD}
    assert told == {(o.id, e) for o in cohort.plan.outcomes for e in ("ATO", "ATE")}


def test_nothing_is_estimated_of_a_withheld_question_not_even_unadjusted(
    cohort: Cohort, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("an effect was computed")

    for name in ("analyse.difference_in_means", "routes.doubly_robust", "routes.clone_censor_weight"):
        monkeypatch.setattr(f"causalsig.execution.{name}", never)
    assert answer(cohort, with_gates(study, min_equipoise_share=1.0)).status == "withheld"
    with pytest.raises(AssertionError, match="an effect was computed"):
        answer(cohort, study)


def test_a_question_withheld_at_three_months_shows_no_six_months_either(
    invented: dict[str, Any], study: Study
) -> None:
    strict = with_gates(study, min_equipoise_share=1.0)
    result = analysed(invented["9001"], strict)
    by_question = {q.question: q for q in result.questions}
    assert by_question["contact_method"].status == "withheld"
    assert all(q.analyses == () for q in result.questions)


def test_the_order_of_rows_changes_no_byte_of_what_leaves(
    invented: dict[str, Any], result: SiteResult, study: Study
) -> None:
    found = invented["9001"]
    tables = found.tables
    shuffled = replace(
        tables,
        **{
            name: getattr(tables, name).sample(frac=1, random_state=7 + at).reset_index(drop=True)
            for at, name in enumerate(("signals", "episodes", "cases", "attempts", "followups", "creditors"))
        },
    )
    assert not shuffled.signals["signal_id"].equals(tables.signals["signal_id"])
    one = released(result, study).document
    other = released(analysed(found, study, shuffled), study).document
    assert canonical(one.model_dump(mode="json")) == canonical(other.model_dump(mode="json"))
    assert any(question.analyses for question in one.questions)


def test_the_record_for_the_statistician_holds_no_household(result: SiteResult) -> None:
    """No list is as long as the site has episodes: no influence, weight or propensity of one of them."""

    def longest(value: Any) -> int:
        if isinstance(value, dict):
            return max((longest(item) for item in value.values()), default=0)
        if isinstance(value, list):
            return max([len(value), *map(longest, value)])
        return 0

    record = site_record(result)
    episodes = max(row["episodes_after"] for q in record["questions"] for row in q["attrition"])
    assert record["never_leaves"] is True
    assert longest(record) < episodes / 2


def test_a_seed_belongs_to_the_plan_and_not_to_the_site(study: Study) -> None:
    plans = plan_cohorts(study)
    seeds = [seed_of(study, plan) for plan in plans]
    assert len(set(seeds)) == len(plans) == 4
    assert seeds == [seed_of(study, plan) for plan in plans]
    assert seeds != [seed_of(study.model_copy(update={"seed": study.seed + 1}), plan) for plan in plans]
