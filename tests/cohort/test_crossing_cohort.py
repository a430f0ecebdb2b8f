"""The cohort of Q3: both sides of a threshold, what was done with them, and whether that was the rule."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from causalsig.cohort.build import site_facts
from causalsig.cohort.crossing import CrossingCohort, crossing_cohort, pivotal_sets, received
from causalsig.cohort.handling import HANDLINGS, scores_of
from causalsig.study.models import Study
from causalsig.study.read import read_study
from tests.cohort.small_tables import DAY, EXTRACTED, MATCHING, signal, site, tables

RULE = {
    "steps": [{"when": [[{"score": "amount", "at_least": 500}]], "handling": "phone"}],
    "otherwise": "letter",
}
MATCHED = date(2026, 1, 15)
STUDY = read_study("vroegsignalering")


def made(
    amounts: dict[str, int], methods: dict[str, str], study: Study = STUDY, **traits: Any
) -> CrossingCohort:
    """Households with an amount each (euro); some of them with a case and a first attempt."""
    signals = [
        signal(name, MATCHED - DAY, "water", euro * 100, **(_passed_on(name) if name in methods else {}))
        for name, euro in amounts.items()
    ]
    cases = [
        {"case_id": f"c-{name}", "household_key": name, "opened_on": MATCHED, "result": "not_reached"}
        for name in methods
    ]
    attempts = [
        {"attempt_id": f"a-{name}", "case_id": f"c-{name}", "attempted_on": MATCHED + 3 * DAY, "method": m}
        for name, m in methods.items()
    ]
    found = tables(signals, cases, attempts)
    facts = site_facts(found)
    place = site(**({"handling": [RULE]} | traits))
    outcome = study.outcome("any_new_arrears_3m")
    scores = scores_of(found, facts)
    return crossing_cohort(facts, scores, EXTRACTED, study, place, MATCHING, [outcome], from_day=14)


def _passed_on(name: str) -> dict[str, Any]:
    return {"forwarded_on": MATCHED, "case_id": f"c-{name}"}


def of(cohort: CrossingCohort, values: Any) -> dict[str, Any]:
    return dict(zip(cohort.household_keys.tolist(), np.asarray(values).tolist(), strict=True))


def test_those_below_the_sites_own_amount_stay_in() -> None:
    cohort = made({"low": 100, "high": 900}, {}, rule={"threshold_eur": 500})
    assert sorted(cohort.household_keys.tolist()) == ["high", "low"]
    assert [row.rule for row in cohort.attrition][-1] == "cohort-rule-valid"
    assert "cohort-above-threshold" not in [row.rule for row in cohort.attrition]


def test_the_rule_assigns_and_the_register_says_what_was_done() -> None:
    cohort = made({"a": 499, "b": 500, "c": 900, "d": 100}, {"a": "letter", "b": "phone", "c": "home_visit"})
    names = [HANDLINGS[code] for code in cohort.assigned]
    assert of(cohort, names) == {"a": "letter", "b": "phone", "c": "phone", "d": "letter"}
    assert of(cohort, cohort.followed()) == {"a": True, "b": True, "c": False, "d": False}


def test_what_counts_as_handled_is_what_the_rule_gives_above_and_not_below() -> None:
    cohort = made({"a": 499, "b": 500, "c": 900}, {"a": "letter", "b": "phone", "c": "letter"})
    (pivotal,) = pivotal_sets(cohort)
    assert (pivotal.below, pivotal.above, pivotal.cutoff.value) == ("letter", "phone", 500.0)
    got, got_below = received(cohort, pivotal)
    assert of(cohort, got) == {"a": False, "b": True, "c": False}
    assert of(cohort, got_below) == {"a": True, "b": False, "c": True}


def test_taken_up_is_any_attempt() -> None:
    plain = {"handling": (), "rule": {"threshold_eur": 500}}
    cohort = made({"a": 499, "b": 500, "c": 900}, {"b": "letter", "c": "other"}, **plain)
    (pivotal,) = pivotal_sets(cohort)
    assert (pivotal.below, pivotal.above) == ("none", "taken_up")
    assert of(cohort, received(cohort, pivotal)[0]) == {"a": False, "b": True, "c": True}
    assert cohort.followed().all()


def test_on_a_day_without_a_rule_nobody_is_asked() -> None:
    cohort = made({"a": 499, "b": 900}, {}, handling=[RULE | {"valid_from": date(2026, 2, 1)}])
    assert cohort.size == 0
    assert [refusal.code for refusal in cohort.refusals] == ["cohort-no-episodes"]


def test_where_capacity_decides_there_is_no_threshold() -> None:
    cohort = made({"a": 499, "b": 900}, {}, handling=[RULE | {"highest_of_month": 1}])
    assert cohort.size == 2
    assert pivotal_sets(cohort) == ()


def test_a_threshold_of_two_periods_is_one_while_it_stays() -> None:
    later = RULE | {"valid_from": date(2026, 1, 1)}
    earlier = RULE | {"valid_to": date(2025, 12, 31)}
    moved = earlier | {
        "steps": [{"when": [[{"score": "amount", "at_least": 300}]], "handling": "phone"}],
    }
    amounts = {"a": 499, "b": 900}
    assert [one.periods for one in pivotal_sets(made(amounts, {}, handling=[earlier, later]))] == [(0, 1)]
    assert [one.periods for one in pivotal_sets(made(amounts, {}, handling=[moved, later]))] == [(1,)]


def test_an_unknown_amount_is_on_neither_side() -> None:
    signals = [signal("x", MATCHED - DAY, "water"), signal("y", MATCHED - DAY, "water", amount=90_000)]
    signals[0]["amount_cents"] = None
    raw = tables(signals)
    facts = site_facts(raw)
    cohort = crossing_cohort(
        facts, scores_of(raw, facts), EXTRACTED, STUDY, site(handling=[RULE]), MATCHING,
        [STUDY.outcome("any_new_arrears_3m")], from_day=14,
    )  # fmt: skip
    (pivotal,) = pivotal_sets(cohort)
    assert of(cohort, pivotal.members) == {"x": False, "y": True}
