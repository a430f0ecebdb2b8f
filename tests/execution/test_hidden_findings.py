"""What a study declared about the hidden stands in site.json, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from causalsig.cohort.build import plan_cohorts, site_facts
from causalsig.execution.analyse import analyse_site
from causalsig.execution.hidden import codes_of_households, hidden_findings
from causalsig.execution.record import site_record
from causalsig.execution.truth import inventory_site
from causalsig.simulation import SiteSpec, load_scenario, simulate_site
from causalsig.study.hidden import Coding, Hidden, Instrument, Moving

ALL = Hidden(
    moving=Moving(yearly_turnover=(0.08, 0.13), occupants_return=(0.03, 0.1)),
    coding=Coding(sensitivity=(0.7, 1.0), specificity=(0.99, 1.0)),
    instrument=Instrument(),
)


SPEC = SiteSpec("9004", "Voorbeeldstad 04", 60_000)
MONTHS = 34


@pytest.fixture(scope="module")
def declared(study):
    """A site in which enough people accept, under a study that declares everything; first plans only."""
    whole = study.model_copy(update={"hidden": ALL})
    first = {plan.question: plan for plan in reversed(plan_cohorts(whole)) if plan.exposure == "question"}
    made = simulate_site(SPEC, load_scenario("ignorable", "modest"), 1, months=MONTHS, truth=False)
    site = inventory_site(SPEC, months=MONTHS)
    result = analyse_site(made.tables, whole, site, SPEC.matching, plans=tuple(first.values()))
    return {question.question: question for question in result.questions}, result


def primary(question):
    return next(analysis for analysis in question.analyses if analysis.primary)


def test_moving_is_bounded_under_each_assumption_around_the_primary_contrast(declared):
    questions, _ = declared
    for question in questions.values():
        rows = [row for row in question.hidden.bounds if row.about == "moving"]
        assert [row.assumption for row in rows] == ["anything", "unrelated", "same_occupants"]
        effect = primary(question).result.contrast(rows[0].arm, rows[0].reference).estimate
        assert rows[0].low < effect < rows[0].high
        assert all(row.conf_low < row.low <= row.high < row.conf_high for row in rows)
        same = rows[2]
        assert min(abs(same.low), abs(same.high)) >= abs(effect)


def test_coding_and_instrument_are_of_accepted_help_only(declared):
    questions, _ = declared
    assert [row.about for row in questions["contact_method"].hidden.bounds] == ["moving"] * 3
    assert questions["contact_method"].hidden.instrument is None
    found = questions["accepted_help"].hidden
    [coding] = [row for row in found.bounds if row.about == "coding"]
    assert coding.low <= coding.high and coding.estimand == "ATO"
    row = found.instrument
    assert row.source == "others" and row.months >= 18
    # An intercept, four columns of season, a trend, and the instrument.
    assert row.df == row.months - 7
    assert row.set_kind in ("interval", "rays", "line") and not found.refusals


def test_histories_are_found_whatever_order_the_tables_are_in():
    made = simulate_site(SPEC, load_scenario("ignorable", "modest"), 1, months=12, truth=False).tables
    shuffled = made.episodes.sample(frac=1.0, random_state=1).reset_index(drop=True)
    found = []
    for tables in (made, replace(made, episodes=shuffled)):
        known = site_facts(tables)
        keys = np.sort(known.household_keys)
        codes = codes_of_households(known, keys)
        whole = np.zeros(len(codes), dtype=np.int64)
        found.append(known.history.attempts.between(codes, whole, whole + 100_000))
    assert found[0].sum() > 0
    assert (found[0] == found[1]).all()


def test_all_of_it_is_written_into_the_record_of_the_site(declared):
    _, result = declared
    record = site_record(result)
    again = json.loads(json.dumps(record, allow_nan=False))
    for question in again["questions"]:
        assert {row["about"] for row in question["hidden"]["bounds"]} >= {"moving"}


def test_without_a_declaration_nothing_is_computed(declared, study):
    questions, result = declared
    question = questions["accepted_help"]
    # Neither cohort nor facts are looked at.
    assert hidden_findings(question, None, None, study, 0) is None
    bare = replace(result, questions=(replace(question, hidden=None),))
    assert site_record(bare)["questions"][0]["hidden"] is None


def test_without_a_primary_estimate_there_is_nothing_to_bound(declared, study):
    questions, _ = declared
    whole = study.model_copy(update={"hidden": ALL})
    withheld = replace(questions["accepted_help"], analyses=())
    assert hidden_findings(withheld, None, None, whole, 0) is None
