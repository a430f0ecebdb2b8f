"""A trace tells of an episode what the cohort did with it, and is made of invented data only."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
from causalsig.cohort.eligibility import ARM_DEFINED, EXTRA_RULES, FIRST_EPISODE, OPTED_OUT, RULES
from causalsig.errors import RefusedError, StudyError
from causalsig.execution.invented_files import write_source
from causalsig.execution.synthetic import MARK, require_synthetic, write_mark
from causalsig.execution.trace import EpisodeTrace, find_episode, trace_episode
from causalsig.execution.trace_facts import FACTS
from causalsig.execution.trace_words import trace_lines
from causalsig.execution.truth import inventory_site
from causalsig.simulation import SimulatedSite, SiteSpec, load_scenario, simulate_site
from causalsig.study.inventory import Site
from causalsig.study.models import Study
from causalsig.study.read import read_study

SPEC = SiteSpec("9001", "Voorbeeldstad 01", 8_000)
MONTHS = 24


@pytest.fixture(scope="module")
def study() -> Study:
    whole = read_study("vroegsignalering")
    eligibility = whole.eligibility.model_copy(update={"also": tuple(EXTRA_RULES)})
    return whole.model_copy(update={"eligibility": eligibility})


@pytest.fixture(scope="module")
def made() -> SimulatedSite:
    return simulate_site(SPEC, load_scenario("ignorable"), 4, months=MONTHS, truth=False)


@pytest.fixture(scope="module")
def site(made: SimulatedSite) -> Site:
    return inventory_site(SPEC, months=MONTHS, extracted_on=made.tables.extracted_on)


@pytest.fixture(scope="module")
def traces(made: SimulatedSite, study: Study, site: Site) -> list[EpisodeTrace]:
    """Traces of episodes over the whole time, in and out of the cohorts."""
    rows = np.linspace(0, len(made.tables.episodes) - 1, 40).astype(int)
    return [trace_episode(made.tables, int(row), study, site, SPEC.matching) for row in rows]


def test_an_episode_is_in_a_cohort_when_it_passes_every_rule(traces: list[EpisodeTrace]) -> None:
    seen = set()
    for trace in traces:
        for plan in trace.plans:
            assert plan.in_cohort == all(rule.passed for rule in plan.rules)
            assert bool(plan.covariates) == plan.in_cohort == bool(plan.periods)
            seen.add(plan.in_cohort)
    assert seen == {True, False}


def test_arm_outcomes_and_covariates_are_the_cohorts_own(
    made: SimulatedSite, study: Study, site: Site, traces: list[EpisodeTrace]
) -> None:
    known = site_facts(made.tables)
    for at, plan in enumerate(plan_cohorts(study)):
        cohort = build_cohort(made.tables, plan, study, site, SPEC.matching, facts=known)
        by_key = {
            (key, day): n
            for n, (key, day) in enumerate(zip(cohort.household_keys, cohort.time_zero, strict=True))
        }
        checked = 0
        for trace in traces:
            row = find_episode(made.tables, number=trace.number)
            n = by_key.get((known.household_keys[row], known.facts.time_zero[row]))
            told = trace.plans[at]
            assert told.in_cohort == (n is not None)
            if n is None:
                continue
            checked += 1
            assert told.arm == cohort.treatment[n]
            assert dict(told.covariates) == dict(
                zip(cohort.covariate_names, cohort.covariates[n], strict=True)
            )
            assert {one.outcome: one.value for one in told.outcomes} == {
                name: values[n] for name, values in cohort.outcomes.items()
            }
        assert checked > 3


def test_an_outcome_is_what_its_listed_signals_say(traces: list[EpisodeTrace], study: Study) -> None:
    values = set()
    for outcome in (outcome for trace in traces for plan in trace.plans for outcome in plan.outcomes):
        kind = study.outcome(outcome.outcome).kind
        assert outcome.value == (len(outcome.days) if kind == "count" else bool(outcome.days))
        values.add(outcome.value)
    assert {0.0, 1.0} <= values


def test_the_arm_agrees_with_the_attempts_that_are_listed(traces: list[EpisodeTrace], study: Study) -> None:
    contact = study.questions.contact_method
    assert contact is not None
    arms = set()
    for trace in traces:
        own = [
            attempt
            for attempt in trace.timeline.attempts
            if attempt.own and attempt.day <= contact.grace_days
        ]
        (plan,) = [plan for plan in trace.plans if (plan.question, plan.months) == ("contact_method", 3)]
        first = {contact.method_map.get(a.method) for a in own if a.day == min(one.day for one in own)}
        assert plan.arm in first if own else plan.arm == "none", plan.why
        arms.add(plan.arm)
    assert len(arms) >= 3


def test_every_rule_there_is_says_what_it_looked_at(traces: list[EpisodeTrace]) -> None:
    codes = {rule.code for rule in (*RULES, *EXTRA_RULES.values())}
    assert codes | {ARM_DEFINED, FIRST_EPISODE, OPTED_OUT} <= set(FACTS)
    assert all(rule.fact for trace in traces for plan in trace.plans for rule in plan.rules)


def test_a_period_ends_where_the_arm_is_fixed(traces: list[EpisodeTrace]) -> None:
    ended = [plan for trace in traces for plan in trace.plans if plan.periods]
    for plan in ended:
        fixes = plan.arm if plan.arm not in ("none", "not_accepted") else ""
        assert [period.event for period in plan.periods] == [""] * (len(plan.periods) - 1) + [fixes]


def test_the_text_has_every_part(traces: list[EpisodeTrace]) -> None:
    for trace in traces:
        told = "\n".join(trace_lines(trace))
        assert f"episode {trace.number} of {trace.episodes}" in told and "(invented)" in told
        for plan in trace.plans:
            assert all(f"{rule.rule}: {rule.fact}" in told for rule in plan.rules)
            assert plan.why in told and all(one.outcome in told for one in plan.outcomes)


def test_an_episode_is_found_by_number_or_by_case(made: SimulatedSite) -> None:
    tables = made.tables
    row = find_episode(tables, number=1)
    assert tables.episodes["matched_on"].iloc[row] == tables.episodes["matched_on"].min()
    numbers = [find_episode(tables, number=n) for n in range(1, len(tables.episodes) + 1)]
    assert sorted(numbers) == list(range(len(tables.episodes)))
    case = tables.episodes["case_id"].dropna().iloc[5]
    assert tables.episodes["case_id"].iloc[find_episode(tables, case=case)] == case
    for bad in ({}, {"number": 1, "case": case}, {"number": 0}, {"number": 10**6}, {"case": "none"}):
        with pytest.raises(StudyError, match=r"\[cohort-trace-episode\]"):
            find_episode(tables, **bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["csv", "sql", "ddas-1.2"])
def test_a_source_is_invented_when_every_byte_of_it_is_marked(
    made: SimulatedSite, tmp_path: Path, form: str
) -> None:
    source = write_source(made.tables, tmp_path / "sources", form, name=SPEC.name)  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match=r"no synthetic\.sha256 .*\[cohort-trace-not-synthetic\]"):
        require_synthetic(source, "9001")
    write_mark(tmp_path, [source])
    require_synthetic(source, "9001")
    with pytest.raises(RefusedError, match="code that real municipalities have"):
        require_synthetic(source, "0363")
    data = max(
        (path for path in (tmp_path / "sources").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
    )
    data.write_bytes(data.read_bytes() + b" ")
    with pytest.raises(RefusedError, match="other than the one that was marked"):
        require_synthetic(source, "9001")


def test_a_file_that_was_not_marked_makes_a_folder_real(made: SimulatedSite, tmp_path: Path) -> None:
    source = write_source(made.tables, tmp_path / "sources", "csv", name=SPEC.name)
    write_mark(tmp_path, [source])
    shutil.copy(source / "signals.csv", source / "signals-2025.csv")
    with pytest.raises(RefusedError, match=r"\[cohort-trace-not-synthetic\]"):
        require_synthetic(source, "9001")


def test_an_address_without_its_database_is_not_invented(tmp_path: Path) -> None:
    address = tmp_path / "sources" / "9001.toml"
    address.parent.mkdir()
    address.write_text('url = "sqlite:///elsewhere.db"\n', encoding="utf-8")
    write_mark(tmp_path, [address])
    assert (tmp_path / MARK).read_text("utf-8") == ""
    with pytest.raises(RefusedError, match=r"\[cohort-trace-not-synthetic\]"):
        require_synthetic(address, "9001")


def test_what_is_not_there_is_not_invented(tmp_path: Path) -> None:
    write_mark(tmp_path, [])
    (tmp_path / "sources" / "9001").mkdir(parents=True)
    with pytest.raises(RefusedError, match=r"\[cohort-trace-not-synthetic\]"):
        require_synthetic(tmp_path / "sources" / "9001", "9001")
    with pytest.raises(RefusedError, match=r"\[cohort-trace-not-synthetic\]"):
        require_synthetic(tmp_path / "sources" / "9002.xlsx", "9002")
