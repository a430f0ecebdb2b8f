"""A rule asks what the study lets it ask, keeps its floors, and costs nothing where no study asks for one."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
from causalsig.diagnostics.questions import CUT_POINTS
from causalsig.execution.analyse import answer
from causalsig.study.subgroups import Rules

ASKS = ("creditor_mix", "log_amount", "n_creditors")
SETTINGS = Rules(asks=ASKS, value_eur=400, costs_eur={"home_visit": 40, "phone": 8, "letter": 1})


@pytest.fixture(scope="module")
def made(city, study):
    whole = study.model_copy(update={"rules": SETTINGS})
    plan = next(p for p in plan_cohorts(whole) if p.question == "contact_method" and p.months == 3)
    facts = site_facts(city.tables)
    cohort = build_cohort(city.tables, plan, whole, city.site, city.spec.matching, facts=facts)
    return cohort, whole


def test_a_rule_stands_beside_the_answer(made):
    cohort, study = made
    block = answer(cohort, study).rule
    assert block is not None
    names = {points.name for points in CUT_POINTS.values()} - {"months"}
    for leaf in block.leaves:
        assert leaf.households >= SETTINGS.min_households_leaf and len(leaf.conditions) <= 2
        for condition in leaf.conditions:
            assert condition.question in names or condition.question.startswith(
                ("creditor=", "n_creditors", "amount=")
            )
    assert [gain.over for gain in block.gains] == ["best_single", "now"]
    assert sum(share for _, share, _ in block.shares) == pytest.approx(1.0)
    assert sum(now for _, _, now in block.shares) == pytest.approx(1.0)
    json.dumps(asdict(block), allow_nan=False)


def test_where_some_hardly_ever_get_an_arm_no_rule_is_for_everybody(made):
    cohort, study = made
    strict = study.diagnostics.model_copy(update={"positivity_probability": 0.15})  # a tenth is visited
    found = answer(cohort, study.model_copy(update={"diagnostics": strict}))
    assert found.rule is None
    assert "rule-needs-everybody" in {refusal.code for refusal in found.refusals}


def test_a_study_without_rules_asks_for_none(made):
    cohort, study = made
    assert answer(cohort, study.model_copy(update={"rules": None})).rule is None


def test_a_rule_never_asks_who_somebody_is():
    for name in ("age_band", "minor_children", "district"):
        with pytest.raises(ValueError, match="about people"):
            Rules(asks=(name,), value_eur=1)
    for wrong in ({"costs_eur": {"phone": -1}}, {"capacity": {"phone": 0}}, {"value_eur": 0}, {"asks": ()}):
        with pytest.raises(ValueError):
            Rules(**({"asks": ASKS, "value_eur": 1} | wrong))
