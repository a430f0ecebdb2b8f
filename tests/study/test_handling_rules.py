"""A site's rule as data: what can be written down, and how a rule that cannot be is turned away."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from causalsig.study.crossing import Threshold
from causalsig.study.handling import Condition, HandlingRule, Step, plain_rule
from causalsig.study.inventory import Site
from causalsig.study.models import Study
from causalsig.study.read import read_inventory, read_study

HIGH = {"score": "amount", "at_least": 500}
VISIT = {"when": [[HIGH], [{"score": "rent"}]], "handling": "home_visit"}


def site(**changes: Any) -> Site:
    plain = {"code": "9001", "name": "V", "inhabitants": 9000, "retention": "strict6"}
    return Site.model_validate(plain | changes)


@pytest.mark.parametrize(
    ("condition", "mend"),
    [
        ({"score": "amount"}, "give at_least or below"),
        ({"score": "amount", "at_least": 1, "below": 2}, "not both"),
        ({"score": "crisis", "at_least": 1}, "leave at_least and below out"),
        ({"score": "signals", "at_least": 1.5}, "whole number"),
        ({"score": "amount", "at_least": 1.005}, "at most two decimals"),
        ({"score": "district"}, "among names districts"),
        ({"score": "rent", "among": ["Oost"]}, "among names districts"),
        ({"score": "district", "among": ["Oost"], "below": 2}, "leave at_least and below out"),
    ],
)
def test_a_condition_that_says_too_little_or_too_much_is_mended(condition: Any, mend: str) -> None:
    with pytest.raises(ValidationError, match=mend):
        Condition.model_validate(condition)


@pytest.mark.parametrize(
    ("rule", "mend"),
    [
        ({}, "add .*steps"),
        ({"steps": [VISIT], "otherwise": "home_visit"}, "say what the rule changes"),
        ({"steps": [VISIT], "valid_from": date(2025, 2, 1), "valid_to": date(2025, 1, 1)}, "swap"),
        ({"steps": [{"when": [[]], "handling": "phone"}]}, "write what must hold"),
    ],
)
def test_a_rule_that_decides_nothing_is_mended(rule: Any, mend: str) -> None:
    with pytest.raises(ValidationError, match=mend):
        HandlingRule.model_validate(rule)


def test_exceptions_are_read_before_the_steps() -> None:
    young = {"when": [[{"score": "age", "below": 27}]], "handling": "message"}
    rule = HandlingRule.model_validate({"steps": [VISIT], "exceptions": [young], "otherwise": "letter"})
    assert [step.handling for step in rule.all_steps] == ["message", "home_visit"]


def test_rules_of_one_site_are_in_order_and_never_valid_together() -> None:
    first = {"steps": [VISIT], "valid_to": date(2025, 3, 31)}
    second = {"steps": [VISIT], "valid_from": date(2025, 4, 1)}
    assert len(site(handling=[first, second]).handling_rules) == 2
    for wrong in ([second, first], [{"steps": [VISIT]}, second], [first, first | {"valid_to": None}]):
        with pytest.raises(ValidationError, match="the earliest first"):
            site(handling=wrong)


def test_a_plain_threshold_is_a_rule_of_one_step() -> None:
    plain = site(rule={"threshold_eur": 250})
    assert plain.handling_rules == (plain_rule(250),)
    assert plain.handling_rules[0].steps[0].when[0][0].cutoff == 250.0
    assert site().handling_rules == ()
    own = site(rule={"threshold_eur": 250}, handling=[{"steps": [VISIT]}])
    assert [rule.steps[0].handling for rule in own.handling_rules] == ["home_visit"]


def test_a_rule_is_read_from_an_inventory_as_it_is_written_there(tmp_path: Any) -> None:
    path = tmp_path / "inventory.toml"
    path.write_text(
        """
schema_version = "0.1"
provider = "P"
[[sites]]
code = "9001"
name = "V"
inhabitants = 9000
retention = "strict6"
[[sites.handling]]
valid_to = 2025-03-31
amount = "largest_signal"
otherwise = "letter"
exceptions = [{ when = [[{ score = "age", below = 27 }]], handling = "message" }]
[[sites.handling.steps]]
handling = "home_visit"
when = [[{ score = "amount", at_least = 1000 }], [{ score = "rent" }, { score = "months", at_least = 2 }]]
[[sites.handling]]
valid_from = 2025-04-01
highest_of_month = 40
""",
        encoding="utf-8",
    )
    found = read_inventory(path).sites[0].handling_rules
    assert found[0].amount == "largest_signal" and found[1].highest_of_month == 40
    line = (Condition(score="rent"), Condition(score="months", at_least=2))
    assert found[0].steps == (
        Step(when=((Condition(score="amount", at_least=1000),), line), handling="home_visit"),
    )


def test_the_default_study_asks_what_a_threshold_does() -> None:
    asked = read_study("vroegsignalering").questions.threshold
    assert isinstance(asked, Threshold) and asked.primary_outcome == "any_new_arrears_3m"
    assert asked.curvature.months is None  # not ours to declare


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"outcomes": ["nobody_knows"], "primary_outcome": "nobody_knows"}, "does not define"),
        ({"primary_outcome": "any_all_3m"}, "add it there"),
        ({"candidates": [2.0, 0.5]}, "lowest first"),
        ({"candidates": [1.0]}, "not 1"),
        ({"gates": {"smallest_n": 10}}, "50"),
    ],
)
def test_a_threshold_question_that_cannot_be_is_mended(change: Any, mend: str) -> None:
    whole = read_study("vroegsignalering").model_dump(mode="json")
    whole["questions"]["threshold"] |= change
    with pytest.raises(ValidationError, match=mend):
        Study.model_validate(whole)
