"""What a rule assigns, against a reader who takes one episode at a time; and for whom a cutoff decides."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.cohort.build import site_facts
from causalsig.cohort.handling import (
    HANDLINGS,
    NOBODY,
    Cutoff,
    Scores,
    assigned,
    cutoffs_of,
    either_side,
    pairs_at,
    rule_of_day,
    scores_of,
)
from causalsig.study.handling import Condition, HandlingRule, Step
from tests.cohort.small_tables import EXTRACTED, signal, tables

NAMES = ("amount", "months", "signals", "creditors", "age")
Episode = dict[str, Any]


def by_hand(rule: HandlingRule, episode: Episode) -> str:
    """Read a rule as it is written, for one episode."""
    for step in [*rule.exceptions, *rule.steps]:
        for line in step.when:
            fits = True
            for condition in line:
                if condition.score == "district":
                    fits = fits and episode["district"] in condition.among
                    continue
                name = condition.score
                if name == "amount":
                    name = "total" if rule.amount == "total" else "largest"
                value = episode[name]
                if math.isnan(value):
                    fits = False
                elif condition.score in ("crisis", "rent"):
                    fits = fits and value == 1.0
                elif condition.at_least is not None:
                    fits = fits and value >= condition.at_least
                else:
                    fits = fits and value < condition.below
            if fits:
                return step.handling
    return rule.otherwise


numbers = st.integers(1, 4).map(float)
conditions = st.one_of(
    st.builds(Condition, score=st.sampled_from(NAMES), at_least=numbers),
    st.builds(Condition, score=st.sampled_from(NAMES), below=numbers),
    st.builds(Condition, score=st.sampled_from(("crisis", "rent"))),
    st.builds(Condition, score=st.just("district"), among=st.sampled_from([("East",), ("North", "East")])),
)
steps = st.builds(
    Step,
    when=st.lists(st.lists(conditions, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
    handling=st.sampled_from(HANDLINGS[1:]),
)
rules = st.builds(
    HandlingRule,
    amount=st.sampled_from(("total", "largest_signal")),
    exceptions=st.lists(steps, max_size=2).map(tuple),
    steps=st.lists(steps, min_size=1, max_size=3).map(tuple),
    otherwise=st.just("none"),
)
values = st.one_of(st.integers(0, 5).map(float), st.just(float("nan")))
episodes = st.fixed_dictionaries(
    {name: values for name in ("total", "largest", "months", "signals", "creditors", "age")}
    | {name: st.sampled_from((0.0, 1.0)) for name in ("crisis", "rent")}
    | {"district": st.sampled_from(("East", "North", "West", None))}
)


def scores(rows: list[Episode]) -> Scores:
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0] if name != "district"}
    return Scores(**columns, district=np.array([row.get("district") for row in rows], dtype=object))


@settings(max_examples=150, deadline=None)
@given(rules, st.lists(episodes, min_size=1, max_size=8))
def test_a_rule_assigns_what_a_reader_would(rule: HandlingRule, rows: list[Episode]) -> None:
    found = [HANDLINGS[code] for code in assigned(rule, scores(rows))]
    assert found == [by_hand(rule, row) for row in rows]


@settings(max_examples=150, deadline=None)
@given(rules, st.lists(episodes, min_size=1, max_size=8))
def test_pivotal_is_who_would_be_handled_otherwise_if_only_that_score_crossed(
    rule: HandlingRule, rows: list[Episode]
) -> None:
    for cutoff in cutoffs_of(rule):
        name = cutoff.score if cutoff.score != "amount" else ("total", "largest")[rule.amount != "total"]
        sets = pairs_at(rule, cutoff, scores(rows))
        for place, row in enumerate(rows):
            below = by_hand(rule, row | {name: cutoff.value - 0.5})  # no other cutoff lies between
            above = by_hand(rule, row | {name: cutoff.value})
            inside = below != above and cutoff.low <= row[name] < cutoff.high
            assert [pair for pair, members in sets.items() if members[place]] == (
                [(below, above)] if inside else []
            )


@settings(max_examples=100, deadline=None)
@given(rules, st.lists(episodes, min_size=1, max_size=8))
def test_in_a_pivotal_set_the_rule_assigns_by_the_side_alone(rule: HandlingRule, rows: list[Episode]) -> None:
    made = scores(rows)
    given_to = assigned(rule, made)
    for cutoff in cutoffs_of(rule):
        crossed = made.of(cutoff.score, rule) >= cutoff.value
        for (below, above), members in pairs_at(rule, cutoff, made).items():
            wanted = np.where(crossed, HANDLINGS.index(above), HANDLINGS.index(below))
            assert (given_to[members] == wanted[members]).all()


def test_outside_a_disjunction_the_amount_decides_alone() -> None:
    """ "500 or more, or rent": with rent the amount changes nothing, so those are not pivotal."""
    rule = HandlingRule(
        steps=(
            Step(
                when=((Condition(score="amount", at_least=500),), (Condition(score="rent"),)),
                handling="home_visit",
            ),
        ),
        otherwise="letter",
    )
    plain = {name: 0.0 for name in ("months", "signals", "creditors", "age", "crisis")}
    rows = [
        {"total": total, "largest": total, "rent": rent} | plain
        for total, rent in ((499.99, 0.0), (500.0, 0.0), (499.99, 1.0), (500.0, 1.0), (float("nan"), 0.0))
    ]
    (members,) = pairs_at(rule, cutoffs_of(rule)[0], scores(rows)).values()
    assert members.tolist() == [True, True, False, False, False]


def test_several_cutoffs_of_one_score_end_where_the_next_begins() -> None:
    rule = HandlingRule(
        steps=(
            Step(when=((Condition(score="amount", at_least=1000),),), handling="home_visit"),
            Step(when=((Condition(score="amount", at_least=250),),), handling="phone"),
        ),
        otherwise="letter",
    )
    first, second = cutoffs_of(rule)
    assert (first, second) == (
        Cutoff("amount", 250.0, -np.inf, 1000.0),
        Cutoff("amount", 1000.0, 250.0, np.inf),
    )
    totals = np.array([100.0, 250.0, 999.0, 1000.0, 5000.0])
    made = Scores(totals, totals, *[np.zeros(5)] * 6)
    assert {pair: m.tolist() for pair, m in pairs_at(rule, first, made).items()} == {
        ("letter", "phone"): [True, True, True, False, False]
    }
    assert {pair: m.tolist() for pair, m in pairs_at(rule, second, made).items()} == {
        ("phone", "home_visit"): [False, True, True, True, True]
    }
    below, above = either_side(rule, second, made)
    assert (below == HANDLINGS.index("phone")).all() and (above == HANDLINGS.index("home_visit")).all()


def test_a_day_has_the_rule_that_was_valid_on_it() -> None:
    step = (Step(when=((Condition(score="rent"),),), handling="phone"),)
    rules = (
        HandlingRule(steps=step, valid_from=date(2025, 1, 1), valid_to=date(2025, 3, 31)),
        HandlingRule(steps=step, valid_from=date(2025, 4, 1)),
    )
    days = np.array(["2024-12-31", "2025-01-01", "2025-03-31", "2025-04-01"], dtype="datetime64[D]")
    assert rule_of_day(rules, days.astype(np.int64)).tolist() == [NOBODY, 0, 0, 1]


def test_the_largest_signal_and_the_total_are_two_scores() -> None:
    made = tables(
        [
            signal("a", EXTRACTED, "rent", 30_000, district="Oost "),
            signal("a", EXTRACTED, "water", 25_000, district="Oost "),
            signal("b", EXTRACTED, "energy", 49_999),
        ]
    )
    facts = site_facts(made)
    found = scores_of(made, facts)
    order = np.argsort(facts.household_keys.astype(str))
    assert found.total[order].tolist() == [550.0, 499.99]
    assert found.largest[order].tolist() == [300.0, 499.99]
    assert found.signals[order].tolist() == [2.0, 1.0]
    assert found.rent[order].tolist() == [1.0, 0.0]
    east = Step(when=((Condition(score="district", among=("OOST",)),),), handling="phone")
    given_to = assigned(HandlingRule(steps=(east,)), found)[order]
    assert [HANDLINGS[code] for code in given_to] == ["phone", "none"]  # nobody knows where b lives
