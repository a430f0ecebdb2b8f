"""Who is in the cohort, in which arm, with which outcome: told on tables small enough to check by eye."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from causalsig.cohort import build_cohort, plan_cohorts
from causalsig.cohort.window import entry_window, subtract_months
from causalsig.study.inventory import Rule
from causalsig.study.read import read_study
from tests.cohort.small_tables import DAY, EXTRACTED, MATCHING, signal, site, tables

STUDY = read_study("vroegsignalering")
Q1, Q1_SIX, Q2, Q2_SIX = plan_cohorts(STUDY)
KINDS = ("rent", "water")


def arm_of(attempts: list[tuple[int, str]], plan: Any = Q2, **changes: Any) -> str | None:
    """Arm of one episode matched on 15 January 2026, by (days after, method) of its attempts."""
    zero = date(2026, 1, 15)
    rows = [
        {"attempt_id": f"a{i}", "case_id": "c1", "attempted_on": zero + days * DAY, "method": method}
        | changes
        for i, (days, method) in enumerate(attempts)
    ]
    made = tables(
        [signal("h1", date(2026, 1, 5), case_id="c1", forwarded_on=zero)],
        [{"case_id": "c1", "household_key": "h1", "opened_on": zero}],
        rows,
    )
    cohort = build_cohort(made, plan, STUDY, site(), MATCHING)
    return None if cohort.size == 0 else str(cohort.treatment[0])


@pytest.mark.parametrize(
    ("attempts", "arm"),
    [
        ([], "none"),
        ([(0, "letter")], "letter"),
        ([(14, "phone")], "phone"),
        ([(15, "phone")], "none"),
        ([(3, "letter"), (9, "home_visit")], "letter"),
        ([(9, "home_visit"), (3, "letter")], "letter"),
        ([(5, "letter"), (5, "home_visit"), (5, "phone")], "home_visit"),
        ([(5, "card_left")], "home_visit"),
        ([(5, "email")], "message"),
        ([(5, "text_message")], "message"),
        ([(-3, "phone"), (4, "letter")], "phone"),
        ([(-40, "phone"), (4, "letter")], "letter"),
        ([(2, "office_appointment"), (4, "letter")], None),
    ],
)
def test_the_arm_is_the_first_attempt_within_fourteen_days(
    attempts: list[tuple[int, str]], arm: str | None
) -> None:
    assert arm_of(attempts) == arm


def test_an_attempt_counts_whether_or_not_anyone_was_reached() -> None:
    assert arm_of([(3, "phone")], reached=0.0) == arm_of([(3, "phone")], reached=1.0) == "phone"


@pytest.mark.parametrize(("day", "arm"), [(0, "accepted"), (28, "accepted"), (29, "not_accepted")])
def test_help_is_accepted_by_day_28_or_not(day: int, arm: str) -> None:
    assert arm_of([(day, "phone")], plan=Q1, reached=1.0, wants_help=1.0) == arm


def test_accepted_help_that_nothing_dates_is_in_no_arm() -> None:
    """Called not accepted it would put a treated household among the untreated."""
    made = tables(
        [signal("h1", date(2026, 1, 5), case_id="c1", forwarded_on=date(2026, 1, 15))],
        [{"case_id": "c1", "household_key": "h1", "opened_on": date(2026, 1, 15), "result": "quick_fix"}],
        [{"attempt_id": "a", "case_id": "c1", "attempted_on": date(2026, 1, 20), "method": "phone"}],
    )
    assert build_cohort(made, Q1, STUDY, site(), MATCHING).size == 0
    assert build_cohort(made, Q2, STUDY, site(), MATCHING).size == 1


def test_a_case_opened_before_the_matching_day_is_the_handling_and_not_an_open_case() -> None:
    made = tables(
        [signal("h1", date(2026, 1, 5), case_id="c1", forwarded_on=date(2026, 1, 6))],
        [{"case_id": "c1", "household_key": "h1", "opened_on": date(2026, 1, 6)}],
        [{"attempt_id": "a", "case_id": "c1", "attempted_on": date(2026, 1, 17), "method": "phone"}],
    )
    cohort = build_cohort(made, Q2, STUDY, site(), MATCHING)
    assert cohort.treatment.tolist() == ["phone"]


def test_a_later_episode_added_to_a_case_neither_takes_its_attempts_nor_enters() -> None:
    made = tables(
        [
            signal("h1", date(2026, 1, 5), case_id="c1", forwarded_on=date(2026, 1, 15)),
            signal("h1", date(2026, 2, 5), "water", case_id="c1", forwarded_on=date(2026, 1, 15)),
        ],
        [
            {
                "case_id": "c1",
                "household_key": "h1",
                "opened_on": date(2026, 1, 15),
                "closed_on": date(2026, 1, 30),
            }
        ],
        [{"attempt_id": "a", "case_id": "c1", "attempted_on": date(2026, 1, 17), "method": "phone"}],
    )
    cohort = build_cohort(made, Q2, STUDY, site(), MATCHING)
    assert cohort.treatment.tolist() == ["phone"]
    assert cohort.time_zero.tolist() == [np.datetime64("2026-01-15").astype(int)]


def test_an_administrative_step_mapped_to_none_hides_no_later_attempt() -> None:
    settings = Q2.settings.model_copy(
        update={"method_map": Q2.settings.method_map | {"administrative": "none"}}
    )
    plan = replace(Q2, settings=settings)
    assert arm_of([(2, "administrative"), (3, "home_visit")], plan=plan) == "home_visit"
    assert arm_of([(2, "administrative")], plan=plan) == "none"


def test_short_retention_without_repeat_flags_leaves_those_covariates_out_and_says_so() -> None:
    strict = site(retention="strict6", retention_months=None)
    monthly = [signal(f"h{m % 3}", date(2026, m, 5), KINDS[m % 2]) for m in range(1, 7)]
    cohort = build_cohort(tables(monthly), Q2, STUDY, strict, MATCHING)
    assert cohort.size > 0
    assert not [name for name in cohort.covariate_names if name.startswith(("signal_m", "earlier"))]
    assert {refusal.code for refusal in cohort.refusals} == {
        "cohort-look-back-not-retained",
        "cohort-hidden-cause",
        "cohort-new-arrears-short-history",
    }


def returns(days: list[int], *, creditor: str = "water", amount: int = 50_000) -> dict[str, float]:
    """Outcomes of an episode matched on 15 January 2025 with later signals so many days after."""
    zero = date(2025, 1, 15)
    rows = [signal("h1", date(2025, 1, 5))]
    rows += [signal("h1", zero + day * DAY, creditor, amount) for day in days]
    made = tables(rows)
    first = build_cohort(made, Q2, STUDY, site(retention_months=36), MATCHING)
    zero_row = int(np.flatnonzero(first.time_zero == np.datetime64(zero).astype(int))[0])
    return {name: float(values[zero_row]) for name, values in first.outcomes.items()}


@pytest.mark.parametrize(("day", "counted"), [(13, 0), (14, 1), (104, 1), (105, 0)])
def test_a_return_counts_from_day_14_for_91_days(day: int, counted: int) -> None:
    found = returns([day])
    assert found["any_new_arrears_3m"] == found["any_all_3m"] == counted


def test_an_old_arrear_reported_again_is_a_signal_but_no_new_arrear() -> None:
    month_later = date(2025, 2, 5) - date(2025, 1, 15)
    again = returns([month_later.days], creditor="rent", amount=60_000)
    grown = returns([month_later.days], creditor="rent", amount=90_000)
    assert (again["any_all_3m"], again["any_new_arrears_3m"]) == (1, 0)
    assert (grown["any_all_3m"], grown["any_new_arrears_3m"]) == (1, 1)


def test_a_count_counts_every_signal_in_the_window() -> None:
    assert returns([20, 50, 80, 120])["count_new_arrears_3m"] >= 1
    assert returns([20])["count_new_arrears_3m"] == 1


def test_time_zero_is_the_matching_date_whatever_came_of_it() -> None:
    made = tables([signal("h1", date(2026, 1, 5)), signal("h2", date(2026, 1, 20))])
    cohort = build_cohort(made, Q2, STUDY, site(), MATCHING)
    zero = cohort.time_zero.astype("datetime64[D]").astype(str).tolist()
    assert sorted(zero) == ["2026-01-15", "2026-02-15"]
    assert set(cohort.treatment) == {"none"}


def test_entry_ends_where_follow_up_would_not_be_complete() -> None:
    window = entry_window(EXTRACTED, site(), MATCHING, STUDY.data, follow_up_from_day=14, horizon_days=91)
    assert window.last == EXTRACTED - 105 * DAY
    assert window.look_back
    assert window.first == date(2024, 6, 30) + (31 + 183) * DAY


def test_six_months_of_retention_leave_no_window_for_accepted_help_and_a_short_one_for_contact() -> None:
    strict = site(retention="strict6", retention_months=None)
    monthly = [signal(f"h{m}", date(2026, m, 5)) for m in range(1, 7)]
    help_cohort = build_cohort(tables(monthly), Q1, STUDY, strict, MATCHING)
    contact = build_cohort(tables(monthly), Q2, STUDY, strict, MATCHING)
    assert help_cohort.size == 0
    assert {refusal.code for refusal in help_cohort.refusals} == {"cohort-no-entry-window"}
    assert contact.size > 0
    assert "cohort-look-back-not-retained" in {refusal.code for refusal in contact.refusals}


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 8, 31), 6, date(2026, 2, 28)),
        (date(2026, 6, 30), 6, date(2025, 12, 30)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
    ],
)
def test_months_are_calendar_months(day: date, months: int, expected: date) -> None:
    assert subtract_months(day, months) == expected


def test_every_rule_has_an_attrition_row_and_counts_households() -> None:
    zero = date(2026, 1, 15)
    made = tables(
        [
            signal("old", date(2024, 1, 5)),
            signal("small", date(2026, 1, 5), amount=4_000),
            signal("open", date(2025, 12, 5), case_id="c1", forwarded_on=date(2025, 12, 15)),
            signal("open", date(2026, 1, 5), "water"),
            signal("lost", date(2026, 1, 5), case_id=None, forwarded_on=zero),
            signal("kept", date(2026, 1, 5)),
            signal("kept", date(2026, 2, 5), "water"),
        ],
        [{"case_id": "c1", "household_key": "open", "opened_on": date(2025, 12, 15)}],
    )
    cohort = build_cohort(made, Q2, STUDY, site(rule=Rule(threshold_eur=50)), MATCHING)
    rows = {row.rule: row for row in cohort.attrition}
    assert list(rows) == [
        "cohort-entry-window",
        "cohort-linked",
        "cohort-above-threshold",
        "cohort-no-open-case",
        "cohort-arm-defined",
    ]
    assert rows["cohort-entry-window"].households_before == 5
    assert rows["cohort-entry-window"].households_after == 4
    assert rows["cohort-linked"].households_after == 3
    assert rows["cohort-above-threshold"].households_after == 2
    # The household with the open case stays with its first episode, and loses its second.
    assert rows["cohort-no-open-case"].episodes_before - rows["cohort-no-open-case"].episodes_after == 1
    assert sorted(cohort.household_keys) == ["kept", "kept", "open"]


@pytest.mark.parametrize(("closed", "kept"), [(date(2026, 1, 15), True), (date(2026, 1, 16), False)])
def test_a_case_closed_by_time_zero_does_not_exclude(closed: date, kept: bool) -> None:
    made = tables(
        [signal("h", date(2026, 1, 5))],
        [{"case_id": "c0", "household_key": "h", "opened_on": date(2025, 12, 1), "closed_on": closed}],
    )
    assert (build_cohort(made, Q2, STUDY, site(), MATCHING).size == 1) is kept


def test_covariates_look_only_before_time_zero() -> None:
    """Changing everything after time zero changes no covariate."""
    rng = np.random.default_rng(5)
    rows = [
        signal(f"h{i % 40}", date(2025, 3, 1) + int(rng.integers(0, 300)) * DAY, KINDS[int(rng.integers(2))])
        for i in range(300)
    ]
    made = tables(rows)
    cohort = build_cohort(made, Q2, STUDY, site(), MATCHING)
    latest = cohort.time_zero.min().astype("datetime64[D]").astype(date)
    shortened = tables([row for row in rows if row["received_on"] <= latest])
    before = build_cohort(shortened, Q2, STUDY, site(), MATCHING)
    first = cohort.time_zero == cohort.time_zero.min()
    shared = [name for name in before.covariate_names if name in cohort.covariate_names and "age" not in name]
    assert before.size == first.sum() > 0
    ours, theirs = (
        np.argsort(keys.astype(str)) for keys in (cohort.household_keys[first], before.household_keys)
    )
    for name in shared:
        np.testing.assert_array_equal(
            cohort.covariates[first][ours, cohort.covariate_names.index(name)],
            before.covariates[theirs, before.covariate_names.index(name)],
        )
