"""Attempts to falsify stand beside an answer, none where a gate withheld it, and each says what it lacks."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
from causalsig.cohort.earlier import NEEDED_DAYS, earlier_signals
from causalsig.diagnostics import falsification_sentence
from causalsig.errors import EstimationError
from causalsig.execution import falsify
from causalsig.execution.analyse import answer
from causalsig.execution.falsify import NO_HISTORY, falsification
from causalsig.study.falsification import Falsification

QUICK = Falsification(
    placebos=100, random_causes=1, subsets=3, negative_controls=("any_all_3m", "any_new_arrears_6m")
)
CODES = [
    "gate-placebo-outcome", "gate-placebo-spread", "gate-placebo-centre", "gate-negative-control",
    "gate-adjustment-shift", "gate-random-cause", "gate-subsets",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(invented, study):
    """Cohort of the contact question, its answer, and the facts of the same tables."""
    found = invented["9001"]
    whole = study.model_copy(update={"falsification": QUICK})
    plan = next(p for p in plan_cohorts(whole) if p.question == "contact_method" and p.months == 3)
    facts = site_facts(found.tables)
    cohort = build_cohort(found.tables, plan, whole, found.site, found.spec.matching, facts=facts)
    return cohort, answer(cohort, whole), facts, whole


def test_every_attempt_has_its_row_and_its_sentences(made):
    cohort, found, facts, study = made
    tried = falsification(found, cohort, facts, study, 1, NEEDED_DAYS)
    assert [row.code for row in tried.rows] == CODES
    assert tried.placebos == 100
    for row in tried.rows:
        for passed in (True, False):
            for language in ("nl", "en"):
                said = falsification_sentence(replace(row, passed=passed), language)
                assert said.endswith(".") and "{" not in said
    # A control of another window has no place in this cohort, and that is said.
    assert [(r.code, r.outcome) for r in tried.refusals] == [
        ("estimation-no-falsification", "any_new_arrears_6m")
    ]
    json.dumps(asdict(tried), allow_nan=False)


def test_nothing_is_tried_where_the_answer_was_withheld(made):
    cohort, found, facts, study = made
    withheld = replace(found, status="withheld", analyses=())
    assert falsification(withheld, cohort, facts, study, 1, NEEDED_DAYS) is None


def test_no_placebo_is_counted_where_it_was_refused_or_not_asked_for(made, monkeypatch):
    cohort, found, facts, study = made

    def refuse(*_, **__):
        raise EstimationError("estimation-placebo", expected="x", found="y", mend="z")

    none = study.model_copy(update={"falsification": Falsification(placebos=0, random_causes=0, subsets=0)})
    assert falsification(found, cohort, facts, none, 1, NEEDED_DAYS).placebos == 0
    monkeypatch.setattr(falsify, "permutation_placebo", refuse)
    tried = falsification(found, cohort, facts, study, 1, NEEDED_DAYS)
    assert "estimation-placebo" in {refusal.code for refusal in tried.refusals}
    assert "gate-placebo-spread" not in {row.code for row in tried.rows} and tried.placebos == 0


def test_signals_of_months_4_to_6_are_refused_where_nothing_was_kept(made):
    cohort, found, facts, study = made
    blank = replace(
        facts, facts=replace(facts.facts, repeat_flags=np.full_like(facts.facts.repeat_flags, np.nan))
    )
    assert earlier_signals(cohort, blank, 0) is None
    none = study.model_copy(update={"falsification": Falsification(placebos=0, random_causes=0, subsets=0)})
    tried = falsification(found, cohort, blank, none, 1, 0)
    assert [refusal.code for refusal in tried.refusals] == [NO_HISTORY]
    assert [row.code for row in tried.rows] == ["gate-adjustment-shift"]


def test_signals_that_are_still_held_are_counted_by_hand(made):
    cohort, _, facts, _ = made
    blank = replace(
        facts, facts=replace(facts.facts, repeat_flags=np.full_like(facts.facts.repeat_flags, np.nan))
    )
    found = earlier_signals(cohort, blank, NEEDED_DAYS)
    keys = facts.history.signals.keys
    for place in np.linspace(0, cohort.size - 1, 25).astype(int):
        house = facts.facts.households[facts.household_keys == cohort.household_keys[place]][0]
        days = keys[keys // 1_000_000 == house] % 1_000_000 - cohort.time_zero[place]
        assert found[place] == float(np.any((days >= -183) & (days < -91)))


def test_controls_are_outcomes_of_the_study(study):
    wrong = study.model_dump() | {"falsification": {"negative_controls": ("unknown",)}}
    with pytest.raises(ValueError, match="negative_controls names the outcome 'unknown'"):
        type(study).model_validate(wrong)
    for settings, fewest in (({"level": 0.1}, 20), ({}, 100), ({"level": 0.005}, 200)):
        Falsification(placebos=fewest, **settings)
        with pytest.raises(ValueError, match=f"at least {fewest}"):
            Falsification(placebos=fewest - 1, **settings)
