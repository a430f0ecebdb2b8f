"""A given rule is what a release can carry, parts everybody, and never asks who somebody is."""

from __future__ import annotations

import tomllib
from typing import Any, get_args

import pytest

from causalsig.cohort.covariates import covariate_of
from causalsig.diagnostics.questions import CUT_POINTS as ATLAS
from causalsig.errors import StudyError
from causalsig.release.vocabulary import COVARIATES, CUT_POINTS
from causalsig.study.given_rules import CUTS, GivenRule, Question, covariate_asked, given_toml
from causalsig.study.read import default_study_text, read_study
from causalsig.study.subgroups import PERSONAL, Rules

YES = {"question": "creditor-rent", "holds": True}
NO = YES | {"holds": False}
LEAVES: list[dict[str, Any]] = [
    {"arm": "home_visit", "when": [YES]},
    {"arm": "phone", "when": [NO, {"question": "amount", "value": 500, "holds": True}]},
    {"arm": "letter", "when": [NO, {"question": "amount", "value": 500, "holds": False}]},
]
RULE: dict[str, Any] = {
    "name": "rule-1",
    "learned_under": "a" * 64,
    "learned_at": ["b" * 64, "c" * 64],
    "leaves": LEAVES,
}


def given(**changes: Any) -> GivenRule:
    return GivenRule.model_validate(RULE | changes)


def test_what_may_be_asked_is_the_releases_list_without_people_and_months():
    people = [code for code in COVARIATES if code.startswith(("age-", "minor_children-"))]
    numbers = {"log_amount", "log_months_in_arrears"}  # asked by their cut points
    assert {*get_args(Question)} == {*COVARIATES, *CUT_POINTS} - {*people} - numbers
    assert dict(CUTS) == dict(CUT_POINTS)
    column_of = {points.name: column for column, points in ATLAS.items()}
    for question in get_args(Question):
        column = column_of.get(question, question.replace("-from-", ">=").replace("-", "="))
        assert covariate_asked(question) == covariate_of(column)
        assert covariate_asked(question) not in PERSONAL


@pytest.mark.parametrize(
    ("leaves", "reason"),
    [
        ([{"arm": "phone", "when": [YES]}, {"arm": "letter", "when": [YES]}], "share households"),
        (LEAVES[:2], "leaves somebody out"),
        ([LEAVES[0] | {"arm": "letter"}, {"arm": "letter", "when": [NO]}], "one arm for everybody"),
        ([LEAVES[0], {"arm": "letter", "when": [YES, NO]}], "asks one question twice|contradict"),
        ([{"arm": "phone", "when": []}, LEAVES[0]], "at least 1"),
        ([{"arm": "phone", "when": [YES, NO, YES]}, LEAVES[0]], "at most 2"),
        ([{"arm": "phone", "when": [YES | {"question": "age-18-26"}]}, LEAVES[0]], "Input should be"),
        ([{"arm": "phone", "when": [YES | {"question": "calendar_month"}]}, LEAVES[0]], "Input should be"),
        ([{"arm": "phone", "when": [{"question": "amount", "value": 501, "holds": True}]}, LEAVES[0]], "cut"),
        ([{"arm": "phone", "when": [YES | {"value": 100}]}, LEAVES[0]], "cut points"),
    ],
)  # fmt: skip
def test_a_rule_that_could_not_have_been_released_is_refused(leaves, reason):
    with pytest.raises(ValueError, match=reason):
        given(leaves=leaves)


def test_amounts_that_nobody_has_are_no_leaf():
    high, low = ({"question": "amount", "value": value, "holds": value == 500} for value in (500, 250))
    with pytest.raises(ValueError, match="contradict"):
        given(leaves=[{"arm": "phone", "when": [high, low]}, LEAVES[0]])


def test_a_study_with_given_rules_need_not_learn_one_and_one_without_either_is_refused():
    assert Rules(value_eur=400, given=(given(),)).asks == ()
    with pytest.raises(ValueError, match="learns no rule"):
        Rules(value_eur=400)
    with pytest.raises(ValueError, match="there twice"):
        Rules(value_eur=400, given=(given(), given(leaves=LEAVES[::-1], name="rule-2")))
    with pytest.raises(ValueError, match="there twice"):
        Rules(value_eur=400, given=(given(), given(leaves=[LEAVES[0], {"arm": "letter", "when": [NO]}])))


def test_what_is_printed_is_read_back_by_a_study(tmp_path):
    rules = (given(), given(name="rule-2", leaves=[LEAVES[0], {"arm": "none", "when": [NO]}]))
    assert Rules.model_validate({"value_eur": 1} | tomllib.loads(given_toml(rules))["rules"]).given == rules
    file = tmp_path / "study.toml"
    file.write_text(f"{default_study_text()}\n[rules]\nvalue_eur = 400\n\n{given_toml(rules)}", "utf-8")
    study = read_study(file)
    assert study.rules is not None and study.rules.given == rules
    few = file.read_text("utf-8").replace('"creditor_mix",', "")
    file.write_text(few, "utf-8")
    with pytest.raises(StudyError, match="covariates"):
        read_study(file)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('asks = ["creditor_mix"]', 'asks = ["earlier_methods"]', "none of the study's covariates"),
        ('also = ["ATE"]', "also = []", 'needs the "ATE"'),
    ],
)
def test_a_rule_asks_what_the_study_has_and_is_for_everybody(tmp_path, old, new, reason):
    text = f'{default_study_text()}\n[rules]\nvalue_eur = 400\nasks = ["creditor_mix"]\n'
    file = tmp_path / "study.toml"
    file.write_text(text, "utf-8")
    assert read_study(file).rules is not None
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(StudyError, match=reason):
        read_study(file)
