"""A given rule is valued by the site's scores, keeps its floors, and says why where it cannot be followed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
from causalsig.execution.analyse import answer
from causalsig.execution.given_rules import given_blocks, marked
from causalsig.execution.rule_scores import Scores
from causalsig.grouped import LEARNED
from causalsig.records import SiteResult
from causalsig.release.build import site_code
from causalsig.study.given_rules import GivenRule
from causalsig.study.subgroups import Rules

KEY = b"k" * 32
FIRST_STUDY = "f" * 64
COSTS = {"home_visit": 40, "phone": 8, "letter": 1}


def given(name: str, question: str = "creditor-rent", yes: str = "home_visit", **when: int) -> GivenRule:
    asked = {"question": question} | when
    return GivenRule.model_validate(
        {
            "name": name,
            "learned_under": FIRST_STUDY,
            "learned_at": [site_code(KEY, "9009" if name == "ours" else "9008", FIRST_STUDY)],
            "leaves": [
                {"arm": yes, "when": [asked | {"holds": True}]},
                {"arm": "letter", "when": [asked | {"holds": False}]},
            ],
        }
    )


RULES = (
    given("ours"),
    given("amounts", "amount", "phone", value=500),
    given("nearly-ours", "rent_or_crisis"),
    given("nobody-asks", "signal_m1_to_m3-missing"),
)


@pytest.fixture(scope="module")
def made(city, study):
    rules = Rules(asks=("creditor_mix",), value_eur=400, costs_eur=COSTS, given=RULES)
    whole = study.model_copy(update={"rules": rules})
    plan = next(p for p in plan_cohorts(whole) if p.question == "contact_method" and p.months == 3)
    facts = site_facts(city.tables)
    cohort = build_cohort(city.tables, plan, whole, city.site, city.spec.matching, facts=facts)
    return cohort, whole, answer(cohort, whole)


def test_a_given_rule_is_valued_by_the_arms_own_scores(made):
    cohort, _, found = made
    block = next(one for one in found.given if one.name == "ours")
    whole = next(a for a in found.analyses if a.estimand == "ATE" and a.primary is False).result
    arms = list(whole.arms)
    assert [gain.over for gain in block.gains] == ["best_single", "now", *arms]
    rent = cohort.covariates[:, cohort.covariate_names.index("creditor=rent")]
    rows = np.isin(cohort.treatment.astype(str), arms)
    rent, costs = rent[rows] == 1.0, np.array([COSTS.get(arm, 0) for arm in arms])
    rewards = -400 * whole.influence - costs
    got = np.where(rent, rewards[:, arms.index("home_visit")], rewards[:, arms.index("letter")])
    for place, arm in enumerate(arms):
        assert block.gains[2 + place].estimate == pytest.approx((got - rewards[:, place]).mean(), rel=1e-9)
        assert block.gains[2 + place].over == arm
    used = {arm: share for arm, share, _ in block.shares}
    assert used["home_visit"] == pytest.approx(rent.mean()) and used["phone"] == 0.0
    json.dumps([asdict(one) for one in found.given], allow_nan=False)


def test_what_it_rests_on_are_the_households_of_both_arms_where_they_differ(made):
    cohort, _, found = made
    block = next(one for one in found.given if one.name == "ours")
    treated = cohort.treatment.astype(str)
    rent = cohort.covariates[:, cohort.covariate_names.index("creditor=rent")] == 1.0
    counts = []
    for arm in ("home_visit", "letter"):
        counts.append(len(np.unique(cohort.households[rent & (treated == arm)])))
    assert 30 <= block.behind.arm <= min(counts)
    assert 0.0 < block.behind.largest_share < block.behind.two_largest_share < 0.1
    assert block.behind.effective_size > 30


def test_rules_that_differ_for_a_few_households_know_it(made):
    cohort, study, found = made
    blocks = {one.name: one for one in found.given}
    assert blocks["amounts"].close == ()
    # With a floor that nothing holds every rule is close to all before it, the learned one too.
    strict = study.disclosure.model_copy(update={"min_households_arm": 100_000})
    whole = next(a for a in found.analyses if a.estimand == "ATE").result
    rows = np.isin(cohort.treatment.astype(str), whole.arms)
    codes = np.array([whole.arms.index(arm) for arm in cohort.treatment[rows].astype(str)])
    happened = cohort.outcomes["any_new_arrears_3m"][rows]
    clusters = np.unique(cohort.households[rows], return_inverse=True)[1]
    scores = Scores(
        ("contact_method", "any_new_arrears_3m"), whole.arms, -400 * whole.influence, -400 * happened, codes,
        clusters, happened > 0,
    )  # fmt: skip
    study = study.model_copy(update={"disclosure": strict})
    told, _ = given_blocks(cohort, rows, scores, study, 1, np.zeros(len(codes), dtype=np.int64))
    assert [one.close for one in told] == [
        (LEARNED,),
        (LEARNED, "ours"),
        (LEARNED, "ours", "amounts"),
    ]


def test_a_rule_that_cannot_be_followed_here_says_why(made):
    cohort, study, found = made
    assert [one.name for one in found.given] == ["ours", "amounts", "nearly-ours"]
    assert "rule-question-missing" in {refusal.code for refusal in found.refusals}
    scarce = study.rules.model_copy(update={"capacity": {"home_visit": 0.01}, "given": RULES[:1]})
    none = answer(cohort, study.model_copy(update={"rules": scarce}))
    assert not none.given and "rule-beyond-capacity" in {refusal.code for refusal in none.refusals}
    assert none.rule is not None


def test_only_who_holds_the_key_says_where_a_rule_was_learned(made, city):
    _, study, found = made
    assert {one.learned_here for one in found.given} == {None}
    site = SiteResult("9009", "a" * 64, city.tables.extracted_on, (found,), ())
    told = {one.name: one.learned_here for one in marked(site, study, KEY).questions[0].given}
    assert told == {"ours": True, "amounts": False, "nearly-ours": False}
    other = {one.learned_here for one in marked(site, study, b"o" * 32).questions[0].given}
    assert other == {False}
    elsewhere = marked(replace(site, municipality="9008"), study, KEY).questions[0].given
    assert [one.learned_here for one in elsewhere] == [False, True, True]
