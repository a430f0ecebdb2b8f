"""Overlap, spread, Love plot and sentences stand in the statistician's file, also of a question withheld."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from causalsig.cohort.build import Cohort, build_cohort, plan_cohorts, site_facts
from causalsig.diagnosed import Falsification, FalsificationRow
from causalsig.diagnostics import falsification_sentence, verdict_sentence
from causalsig.diagnostics.overlap import equipoise_share
from causalsig.estimation import fit_propensity
from causalsig.execution.analyse import answer, seed_of
from causalsig.execution.record import site_record
from causalsig.records import QuestionResult, SiteResult
from causalsig.study.models import Study


@pytest.fixture(scope="module")
def cohort(invented: dict[str, Any], study: Study) -> Cohort:
    found = invented["9001"]
    plan = next(p for p in plan_cohorts(study) if p.question == "contact_method" and p.months == 3)
    facts = site_facts(found.tables)
    return build_cohort(found.tables, plan, study, found.site, found.spec.matching, facts=facts)


@pytest.fixture(scope="module")
def found(cohort: Cohort, study: Study) -> QuestionResult:
    return answer(cohort, study)


def recorded(question: QuestionResult) -> dict[str, Any]:
    record = site_record(SiteResult("9001", "d" * 64, date(2026, 6, 30), (question,), ()))
    made: dict[str, Any] = json.loads(json.dumps(record, allow_nan=False))["questions"][0]
    return made


def test_the_overlap_of_every_two_arms_is_that_of_the_treatment_model(
    cohort: Cohort, study: Study, found: QuestionResult
) -> None:
    told = recorded(found)["overlap"]
    names = [one["arm"] for one in told["arms"]]
    rows = np.isin(cohort.treatment.astype(str), names)
    propensity = fit_propensity(
        cohort.covariates[rows],
        cohort.treatment[rows].astype(str),
        arms=tuple(names),
        households=cohort.households[rows],
        folds=study.nuisance.folds,
        repeats=study.nuisance.repeats,
        seed=seed_of(study, cohort.plan),
        nuisance=study.nuisance.learner,
    )
    assert len(told["pairs"]) == len(names) * (len(names) - 1) / 2
    for pair in told["pairs"]:
        places = names.index(pair["arm"]), names.index(pair["reference"])
        bounds = study.diagnostics.equipoise_bounds
        expected = equipoise_share(propensity.judged_probabilities, propensity.codes, *places, bounds)
        assert pair["share"] == pytest.approx(expected)
    primary = told["estimand"]
    sizes = propensity.effective_sample_size(primary)
    for one, size in zip(told["arms"], sizes, strict=True):
        assert dict(one["effective_sizes"])[primary] == pytest.approx(size)
        assert 0.0 <= one["trimmed"] <= 1.0
    assert 0.0 < told["everywhere"] <= 1.0
    # A site that was simulated without a rule: what is adjusted for spreads alike, and only numbers spread.
    spread = told["variance_ratios"]
    assert {"log_amount"} <= {row["covariate"] for row in spread}
    assert all(0.5 < row["ratio"] < 2.0 for row in spread)


def test_balance_is_told_as_a_love_plot_and_by_its_largest_difference(found: QuestionResult) -> None:
    told = recorded(found)
    worst = {}
    for row in told["balance"]:
        worst[row["covariate"]] = max(worst.get(row["covariate"], 0.0), abs(row["weighted"]))
    assert {line["covariate"]: line["weighted"] for line in told["love_plot"]} == worst
    largest = max(told["balance"], key=lambda row: abs(row["weighted"]) / row["noise"])
    assert told["largest_difference"]["row"] == largest
    limit = next(v["threshold"] for v in told["verdicts"] if v["code"] == "gate-balance")
    assert all(line["limit"] > limit for line in told["love_plot"])


def test_every_verdict_has_its_sentence_in_both_languages(found: QuestionResult) -> None:
    row = FalsificationRow(
        "gate-random-cause", False, 0.4, 0.25, None, "any_all_3m", "ATO", "home_visit", "letter"
    )
    tried = replace(found, falsification=Falsification((row,), (), 0))
    told = recorded(tried)
    for verdict, shown in zip(found.verdicts, told["verdicts"], strict=True):
        assert shown["sentence"] == {lang: verdict_sentence(verdict, lang) for lang in ("nl", "en")}
    [shown] = told["falsification"]["rows"]
    assert shown["sentence"] == {lang: falsification_sentence(row, lang) for lang in ("nl", "en")}
    assert recorded(found)["falsification"] is None


def test_a_withheld_question_still_tells_its_overlap_and_no_effect(cohort: Cohort, study: Study) -> None:
    gates = study.diagnostics.model_copy(update={"min_equipoise_share": 1.0})
    told = recorded(answer(cohort, study.model_copy(update={"diagnostics": gates})))
    assert told["status"] == "withheld" and told["analyses"] == []
    assert told["overlap"]["pairs"] and told["love_plot"]
