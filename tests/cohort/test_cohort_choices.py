"""What a study and an inventory may choose: rules, agreements, waves, outcomes, secondary exposures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causalsig.cohort import Cohort, CohortPlan, build_cohort, plan_cohorts, secondary_plans
from causalsig.cohort.eligibility import EXTRA_RULES, RULES
from causalsig.cohort.window import entry_window, waves
from causalsig.errors import StudyError
from causalsig.sources.schema import Matching
from causalsig.study.base import ExtraRule
from causalsig.study.inventory import Agreement, CreditorAgreement
from causalsig.study.models import Eligibility, Outcome
from causalsig.study.read import read_study
from tests.cohort.small_tables import DAY, EXTRACTED, MATCHING, signal, site, tables

STUDY = read_study("vroegsignalering")
Q1, _, Q2, _ = plan_cohorts(STUDY)
NUMBER, SEQUENCE = (
    plan for plan in secondary_plans(STUDY) if plan.exposure in ("attempt_number", "attempt_sequence")
)
DECLINED = next(plan for plan in secondary_plans(STUDY) if plan.exposure == "accepted_or_declined")
ZERO = date(2025, 1, 15)
QUARTER = timedelta(days=91)


def built(signals: list[dict[str, Any]], plan: CohortPlan = Q2, study: Any = STUDY, **traits: Any) -> Cohort:
    attempts = traits.pop("attempts", [])
    cases = traits.pop("cases", [])
    place = site(**({"retention_months": 36} | traits))
    return build_cohort(tables(signals, cases, attempts), plan, study, place, MATCHING)


# Outcomes.


def outcome_of(returns: list[dict[str, Any]], plan: CohortPlan = Q2, **wanted: Any) -> float:
    """Outcome of an episode matched on 15 January 2025, with these later signals."""
    outcome = Outcome(**({"id": "wanted", "kind": "any", "signals": "all_signals", "months": 3} | wanted))
    made = built(
        [signal("h1", ZERO - 10 * DAY), *returns], replace(plan, outcomes=(outcome,)), retention_months=36
    )
    row = int(np.flatnonzero(made.time_zero == np.datetime64(ZERO).astype(int))[0])
    return float(made.outcomes["wanted"][row])


def later(*days: int, creditor: str = "water", amount: int = 50_000) -> list[dict[str, Any]]:
    return [signal("h1", ZERO + day * DAY, creditor, amount) for day in days]


@pytest.mark.parametrize(
    ("days", "free"), [([13], 91), ([14], 0), ([20, 30], 6), ([104], 90), ([105], 91), ([], 91)]
)
def test_time_to_return_runs_to_the_first_signal_or_to_the_end_of_the_window(
    days: list[int], free: int
) -> None:
    assert outcome_of(later(*days), kind="days") == free


def test_a_return_is_what_ends_the_time_before_the_window_does() -> None:
    for days in ([13], [14], [104], [105], [], [40, 60]):
        returned = outcome_of(later(*days)) == 1
        assert (outcome_of(later(*days), kind="days") < 91) is returned


def test_an_amount_adds_up_new_arrears_in_euro_up_to_the_cap() -> None:
    two = [*later(20, amount=60_000), *later(30, creditor="energy", amount=40_050)]
    assert outcome_of(two, kind="amount", signals="new_arrears") == 1_000.5
    assert outcome_of(two, kind="amount", signals="new_arrears", cap_eur=700) == 700
    assert outcome_of([], kind="amount", signals="new_arrears") == 0


def test_an_amount_of_all_signals_would_count_an_arrear_again_and_is_refused() -> None:
    with pytest.raises(ValueError, match="reported again"):
        Outcome(id="wanted", kind="amount", signals="all_signals", months=3)


def test_where_amounts_are_unknown_the_outcome_in_euro_is_left_out_and_the_others_stay() -> None:
    rows = [signal("h1", ZERO - 10 * DAY), *later(20)]
    rows[1]["amount_cents"] = None
    euro = Outcome(id="euro", kind="amount", signals="new_arrears", months=3)
    plan = replace(Q2, outcomes=(*Q2.outcomes, euro))
    made = built(rows, plan)
    assert "euro" not in made.outcomes and set(made.outcomes) == {one.id for one in Q2.outcomes}
    assert ("cohort-amounts-unknown", "euro") in {(r.code, r.outcome) for r in made.refusals}
    assert built(rows, replace(Q2, outcomes=(euro,))).size == 0


def test_a_creditors_own_outcome_counts_its_signals_only() -> None:
    rows = [*later(20), *later(30, creditor="energy")]
    assert outcome_of(rows, kind="count") == 2
    assert outcome_of(rows, kind="count", creditor="energy") == 1
    assert outcome_of(rows, kind="count", creditor="rent") == 0


@pytest.mark.parametrize(("from_day", "counted"), [(30, 1), (90, 0), (None, 0)])
def test_a_window_may_begin_on_another_day_as_a_sensitivity(from_day: int | None, counted: int) -> None:
    assert outcome_of(later(40), plan=Q1, from_day=from_day) == counted


def test_twelve_months_need_a_site_that_keeps_signals_for_them() -> None:
    year = Outcome(id="year", kind="any", signals="all_signals", months=12)
    plan = replace(Q2, outcomes=(year,))
    rows = [signal("h1", date(2024, 12, 5)), signal("h1", date(2025, 12, 20))]
    assert built(rows, plan).size == 1
    refused = built(rows, plan, retention="strict6", retention_months=None)
    assert refused.size == 0 and {r.code for r in refused.refusals} == {"cohort-no-entry-window"}


def test_outcomes_with_a_window_of_their_own_get_a_cohort_of_their_own() -> None:
    late = Outcome(id="late", kind="any", signals="new_arrears", months=3, from_day=90)
    asked = Q1.settings.model_copy(update={"outcomes": (*Q1.settings.outcomes, "late")})
    questions = STUDY.questions.model_copy(update={"accepted_help": asked})
    study = STUDY.model_copy(update={"outcomes": (*STUDY.outcomes, late), "questions": questions})
    plans = [plan for plan in plan_cohorts(study) if plan.question == "accepted_help"]
    assert [(plan.months, plan.from_day) for plan in plans] == [(3, 60), (3, 90), (6, 60)]
    assert plans[0].outcomes[0].id == asked.primary_outcome


# Windows: agreements and waves.


def window(**more: Any) -> Any:
    return entry_window(EXTRACTED, site(**more), MATCHING, STUDY.data, follow_up_from_day=14, horizon_days=91)


def test_an_agreement_that_began_later_or_ended_narrows_as_retention_and_extraction_do() -> None:
    plain = window()
    began = window(agreement=Agreement(data_from=date(2025, 1, 1)))
    ended = window(creditor_agreements=(CreditorAgreement(creditor="water", ends_on=date(2026, 3, 31)),))
    assert began.first == date(2025, 1, 1) + (31 + 183) * DAY and began.last == plain.last
    assert ended.last == date(2026, 3, 31) - 105 * DAY and ended.first == plain.first


def test_the_agreement_that_leaves_nothing_is_what_the_refusal_names() -> None:
    rows = [signal(f"h{m}", date(2025, m, 5)) for m in range(1, 12)]
    short = Agreement(data_from=date(2026, 1, 1), data_until=date(2026, 3, 1))
    made = built(rows, agreement=short)
    assert {r.code for r in made.refusals} == {"cohort-agreement-window"}
    assert [row.rule for row in made.attrition][:2] == ["cohort-entry-window", "cohort-within-agreement"]


@given(
    gaps=st.lists(st.integers(1, 200), min_size=1, max_size=6),
    months=st.integers(1, 36),
    start=st.integers(0, 90),
    horizon=st.sampled_from([91, 182, 364]),
    frequency=st.sampled_from(["monthly", "weekly"]),
)
def test_no_time_zero_lies_in_two_waves_and_none_is_lost_that_was_kept_and_followed(
    gaps: list[int], months: int, start: int, horizon: int, frequency: Any
) -> None:
    extracts = [date(2024, 1, 1) + int(sum(gaps[:k])) * DAY for k in range(len(gaps) + 1)]
    place = site(retention_months=months)
    matching = Matching(frequency, 5)
    windows = {"follow_up_from_day": start, "horizon_days": horizon}
    found = waves(extracts, place, matching, STUDY.data, **windows)
    alone = [entry_window(day, place, matching, STUDY.data, **windows) for day in extracts]
    reached = date.min
    for one, whole in zip(found, alone, strict=True):
        assert one.last == whole.last
        assert one.first == max(whole.first, reached + DAY)
        if one.first <= one.last:
            reached = one.last


def test_a_later_extract_holds_what_the_earlier_one_could_not_follow_yet() -> None:
    rows = [signal(f"h{k}", date(2025, 1, 5) + 30 * k * DAY) for k in range(16)]
    first = build_cohort(
        replace(tables(rows), extracted_on=EXTRACTED - QUARTER),
        Q2,
        STUDY,
        site(retention_months=36),
        MATCHING,
    )
    second = built(rows, earlier_extracts=(EXTRACTED - QUARTER,))
    together = built(rows)
    assert first.size > 0 and second.size > 0
    assert sorted([*first.household_keys, *second.household_keys]) == sorted(together.household_keys)
    assert second.attrition[1].rule == "cohort-not-released-before"


def test_an_extract_right_after_another_has_nothing_new() -> None:
    rows = [signal(f"h{k}", date(2025, 1, 5) + 30 * k * DAY) for k in range(16)]
    made = built(rows, earlier_extracts=(EXTRACTED - DAY,))
    assert {r.code for r in made.refusals} == {"cohort-wave-window"}


def test_an_extract_older_than_one_released_before_is_an_error() -> None:
    with pytest.raises(StudyError, match="cohort-wave-order"):
        built([signal("h1", ZERO)], earlier_extracts=(EXTRACTED,))
    with pytest.raises(ValueError, match="the earliest first"):
        site(earlier_extracts=(date(2026, 2, 1), date(2026, 1, 1)))


# Rules.


def test_every_rule_a_study_may_name_exists_and_every_code_is_its_own() -> None:
    assert set(get_args(ExtraRule)) == set(EXTRA_RULES)
    codes = [rule.code for rule in (*RULES, *EXTRA_RULES.values())]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("amount_known", ["crisis", "plain", "two"]),
        ("no_crisis", ["plain", "two", "unknown"]),
        ("one_creditor", ["crisis", "plain", "unknown"]),
        ("new_arrears", ["crisis", "plain", "two", "unknown"]),
    ],
)
def test_a_rule_that_a_study_names_restricts_and_has_its_row(rule: str, left: list[str]) -> None:
    day = date(2026, 1, 5)
    rows = [
        signal("plain", day),
        signal("unknown", day) | {"amount_cents": None},
        signal("crisis", day, crisis=1.0),
        signal("two", day),
        signal("two", day, "water"),
    ]
    study = STUDY.model_copy(update={"eligibility": Eligibility(also=(rule,))})
    made = built(rows, study=study)
    assert sorted(made.household_keys) == left
    assert made.attrition[-2].rule == EXTRA_RULES[rule].code
    assert made.attrition[-2].episodes_before - made.attrition[-2].episodes_after == 4 - len(left)


def test_only_old_arrears_reported_again_are_no_new_arrears() -> None:
    rows = [signal("h", date(2025, 12, 5)), signal("h", date(2026, 1, 5), amount=60_000)]
    study = STUDY.model_copy(update={"eligibility": Eligibility(also=("new_arrears",))})
    assert built(rows).size == 2 and built(rows, study=study).size == 1


def test_the_first_episode_of_a_household_is_the_first_that_the_other_rules_leave() -> None:
    study = STUDY.model_copy(
        update={"eligibility": Eligibility(first_episode_only=True, also=("one_creditor",))}
    )
    rows = [
        signal("h", date(2025, 10, 5)),
        signal("h", date(2025, 10, 6), "water"),
        signal("h", date(2025, 11, 5), "energy"),
        signal("h", date(2025, 12, 5), "health_insurance"),
    ]
    made = built(rows, study=study)
    assert made.time_zero.tolist() == [np.datetime64("2025-11-15").astype(int)]
    assert made.attrition[-2].rule == "cohort-first-episode"


def test_households_removed_on_request_are_counted_where_the_provider_says_how_many() -> None:
    rows = [signal("h1", date(2026, 1, 5)), signal("h2", date(2026, 1, 5))]
    assert "cohort-not-opted-out" not in {row.rule for row in built(rows).attrition}
    first = built(rows, opted_out_households=3).attrition[0]
    assert (first.rule, first.households_before, first.households_after) == ("cohort-not-opted-out", 5, 2)


# Secondary exposures.


def arm_of(plan: CohortPlan, attempts: list[tuple[int, str]], **changes: Any) -> str | None:
    zero = date(2026, 1, 15)
    rows = [
        {"attempt_id": f"a{i}", "case_id": "c1", "attempted_on": zero + days * DAY, "method": method}
        | changes
        for i, (days, method) in enumerate(attempts)
    ]
    made = built(
        [signal("h1", date(2026, 1, 5), case_id="c1", forwarded_on=zero)],
        plan,
        cases=[{"case_id": "c1", "household_key": "h1", "opened_on": zero}],
        attempts=rows,
    )
    return None if made.size == 0 else str(made.treatment[0])


@pytest.mark.parametrize(
    ("attempts", "arm"),
    [
        ([], None),
        ([(1, "letter"), (5, "phone")], "one_or_two"),
        ([(1, "letter"), (5, "phone"), (28, "phone")], "three_or_more"),
        ([(1, "letter"), (5, "phone"), (29, "phone")], "one_or_two"),
        ([(1, "letter"), (5, "office_appointment"), (6, "phone")], "one_or_two"),
    ],
)
def test_attempts_are_counted_to_day_28(attempts: list[tuple[int, str]], arm: str | None) -> None:
    assert arm_of(NUMBER, attempts) == arm


@pytest.mark.parametrize(
    ("attempts", "arm"),
    [
        ([(1, "letter")], "letter"),
        ([(1, "letter"), (4, "letter")], "letter"),
        ([(9, "phone"), (1, "letter")], "letter>phone"),
        ([(1, "letter"), (9, "phone"), (12, "letter")], None),
        ([(1, "letter"), (29, "phone")], "letter"),
        ([(1, "phone"), (1, "home_visit")], None),
        ([(1, "phone"), (2, "card_left")], "phone>home_visit"),
        ([(1, "letter"), (3, "office_appointment")], None),
        ([], None),
    ],
)
def test_a_sequence_is_the_methods_in_their_order(attempts: list[tuple[int, str]], arm: str | None) -> None:
    assert arm_of(SEQUENCE, attempts) == arm


def test_attempts_that_are_counted_come_before_what_counts_as_a_return() -> None:
    assert NUMBER.from_day == SEQUENCE.from_day == 28
    assert Q2.from_day == 14


@pytest.mark.parametrize(
    ("reached", "wants", "arm"), [(1.0, 1.0, "accepted"), (1.0, 0.0, "declined"), (0.0, 0.0, None)]
)
def test_reached_and_declined_is_compared_with_accepted(
    reached: float, wants: float, arm: str | None
) -> None:
    assert arm_of(DECLINED, [(5, "phone")], reached=reached, wants_help=wants) == arm


def test_a_secondary_exposure_names_its_arms_reference_and_contrast() -> None:
    for plan in secondary_plans(STUDY):
        arm, reference = plan.primary_contrast
        assert {arm, reference} <= set(plan.arms) and reference == plan.reference
        assert arm != reference
