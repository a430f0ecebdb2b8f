"""A cohort by week: who is still at risk, what is known before the week, what happens in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalsig.cohort import build_cohort, plan_cohorts
from causalsig.cohort.facts import site_facts
from causalsig.cohort.person_periods import PeriodTable, period_edges, person_periods
from causalsig.errors import StudyError
from causalsig.estimation import clone_censor_weight
from causalsig.execution.truth import inventory_site
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.sources.arrears import new_arrears
from causalsig.sources.episodes import episodes_by_matching_day
from causalsig.sources.schema import Matching, SiteTables, conform
from causalsig.study.inventory import Site
from causalsig.study.read import read_study

STUDY = read_study("vroegsignalering")
Q1, _, Q2, _ = plan_cohorts(STUDY)
MATCHING = Matching("monthly", 15)
ZERO = date(2026, 1, 15)
DAY = timedelta(days=1)
SITE = Site(code="9001", name="Voorbeeldstad", inhabitants=60_000, retention="full", retention_months=24)
ALL = ("signals", "new_arrears", "attempts", "visits_and_calls", "reached")


def tables(signals: list[tuple[str, int]], attempts: list[tuple[str, int, str, bool]] = ()) -> SiteTables:
    """Signals (household, days after time zero) beside those of time zero, and attempts (household, days,
    method, wants help) on the household's case.
    """
    homes = sorted({home for home, *_ in [*signals, *attempts]} | {"other"})
    opening = [(home, -10, "rent") for home in homes]
    later = [(home, days, "water") for home, days in signals]
    frame = pd.DataFrame(
        [
            {
                "signal_id": f"s{i}",
                "household_key": home,
                "received_on": ZERO + days * DAY,
                "creditor_id": creditor,
                "creditor_type": creditor,
                "amount_cents": 50_000,
                "instalment_cents": 10_000,
                "case_id": f"c-{home}" if days < 0 else None,
                "forwarded_on": ZERO if days < 0 else None,
            }
            for i, (home, days, creditor) in enumerate([*opening, *later])
        ]
    )
    frame = conform("signals", frame)
    frame["new_arrears"] = new_arrears(frame)
    episodes, frame["episode_id"] = episodes_by_matching_day(frame, MATCHING)
    cases = pd.DataFrame(
        [
            {
                "case_id": f"c-{home}",
                "household_key": home,
                "opened_on": ZERO,
                "closed_on": None,
                "result": None,
            }
            for home in homes
        ]
    )
    talks = pd.DataFrame(
        [
            {
                "attempt_id": f"a{i}",
                "case_id": f"c-{home}",
                "attempted_on": ZERO + days * DAY,
                "method": method,
                "reached": 1.0 if method == "phone" else 0.0,
                "wants_help": float(wants),
            }
            for i, (home, days, method, wants) in enumerate(attempts)
        ],
        columns=["attempt_id", "case_id", "attempted_on", "method", "reached", "wants_help"],
    )
    return SiteTables(
        municipality="9001",
        extracted_on=date(2026, 6, 30),
        signals=frame,
        episodes=conform("episodes", episodes),
        cases=conform("cases", cases),
        attempts=conform("attempts", talks),
        followups=conform("followups", pd.DataFrame()),
        creditors=conform("creditors", pd.DataFrame()),
    )


def by_period(
    made: SiteTables, plan: Any = Q1, **options: Any
) -> tuple[PeriodTable, dict[str, pd.DataFrame]]:
    """Build the table, and its rows at time zero a household, with a column an event and covariate."""
    cohort = build_cohort(made, plan, STUDY, SITE, MATCHING)
    table = person_periods(cohort, site_facts(made), **options)
    rows = pd.DataFrame(table.covariates, columns=list(table.names))
    rows["period"], rows["event"], rows["episode"] = table.period, table.event, table.episode
    zero = cohort.time_zero == np.datetime64(ZERO).astype(int)
    return table, {
        str(cohort.household_keys[i]): rows[rows["episode"] == i].reset_index(drop=True)
        for i in np.flatnonzero(zero)
    }


@pytest.mark.parametrize(
    ("day", "events"),
    [
        (0, [1]),
        (6, [1]),
        (7, [0, 1]),
        (20, [0, 0, 1]),
        (21, [0, 0, 0, 1]),
        (28, [0, 0, 0, 1]),
        (29, [0, 0, 0, 0]),
    ],
)
def test_an_episode_is_at_risk_until_the_week_in_which_help_is_accepted(day: int, events: list[int]) -> None:
    table, rows = by_period(tables([], [("h", day, "phone", True)]))
    assert rows["h"]["event"].tolist() == events
    assert rows["h"]["period"].tolist() == list(range(len(events)))
    assert rows["other"]["event"].tolist() == [0, 0, 0, 0]
    assert table.edges.tolist() == [0, 7, 14, 21, 29]


@pytest.mark.parametrize(
    ("attempts", "events"),
    [
        ([(0, "phone")], [3]),
        ([(6, "letter"), (8, "phone")], [1]),
        ([(8, "phone"), (8, "home_visit")], [0, 4]),
        ([(14, "email")], [0, 2]),
        ([(15, "letter")], [0, 0]),
        ([(-3, "letter"), (2, "phone")], [1]),
    ],
)
def test_the_first_attempt_ends_the_wait_for_a_method(
    attempts: list[tuple[int, str]], events: list[int]
) -> None:
    others = [(f"m{i}", 1, m, False) for i, m in enumerate(("letter", "email", "phone", "home_visit"))]
    made = tables([], [("h", day, method, False) for day, method in attempts] + others)
    table, rows = by_period(made, Q2)
    assert rows["h"]["event"].tolist() == events
    assert table.strategies == {"letter": 1, "message": 2, "phone": 3, "home_visit": 4, "none": 0}


def test_covariates_know_what_happened_before_the_week_and_nothing_of_the_week_itself() -> None:
    made = tables(
        [("g", 0), ("h", 6), ("h", 14)],
        [("h", 3, "letter", False), ("h", 13, "phone", False), ("h", 21, "home_visit", False)],
    )
    _, rows = by_period(made, since=ALL)
    seen = {name: rows["h"][name].tolist() for name in rows["h"] if name.startswith("since")}
    assert seen == {
        "since_signals>=1": [0, 1, 1, 1],
        "since_signals>=2": [0, 0, 0, 1],
        "since_new_arrears>=1": [0, 1, 1, 1],
        "since_attempts>=1": [0, 1, 1, 1],
        "since_attempts>=2": [0, 0, 1, 1],
        "since_visits_and_calls>=1": [0, 0, 1, 1],
        "since_reached>=1": [0, 0, 1, 1],
    }
    # A signal on the day itself is part of the episode.
    assert not rows["g"].filter(like="since").to_numpy().any()


def test_reach_is_left_out_unless_asked_for() -> None:
    """Who was reached and is still there declined: nobody like that accepts later."""
    made = tables([("h", 3)], [("h", 3, "phone", False), ("g", 9, "phone", True)])
    assert "since_reached>=1" not in by_period(made)[0].names
    assert "since_reached>=1" in by_period(made, since=ALL)[0].names
    bare = by_period(made, since=())[0]
    assert not [name for name in bare.names if name.startswith("since")]


def test_what_never_varies_is_no_covariate() -> None:
    table, _ = by_period(tables([("h", 3)]))
    assert [name for name in table.names if name.startswith("since")] == [
        "since_signals>=1",
        "since_new_arrears>=1",
    ]


@pytest.mark.parametrize(
    ("grace", "days", "edges"),
    [
        (28, 7, [0, 7, 14, 21, 29]),
        (28, 28, [0, 29]),
        (14, 7, [0, 7, 15]),
        (14, 5, [0, 5, 15]),
        (3, 1, [0, 1, 2, 4]),
    ],
)
def test_the_last_period_has_the_last_day_and_what_is_left(grace: int, days: int, edges: list[int]) -> None:
    assert period_edges(grace, days).tolist() == edges


@pytest.mark.parametrize("days", [0, -7, 29])
def test_a_period_is_part_of_the_grace_period(days: int) -> None:
    with pytest.raises(StudyError, match="periods of 1 to 28 days"):
        period_edges(28, days)


@pytest.fixture(scope="module")
def municipality() -> dict[str, Any]:
    """One invented municipality with its cohorts of both questions."""
    scenario = load_scenario("ignorable", "modest")
    spec = draw_sites(scenario, 1, 3, minimum_inhabitants=50_000, retention="full")[0]
    made = simulate_site(spec, scenario, 5, months=30).tables
    site, facts = inventory_site(spec, months=30), site_facts(made)
    cohorts = {
        plan.question: build_cohort(made, plan, STUDY, site, spec.matching, facts=facts) for plan in (Q1, Q2)
    }
    return {"tables": made, "facts": facts, "cohorts": cohorts, "site": site, "matching": spec.matching}


@pytest.mark.parametrize("question", ["accepted_help", "contact_method"])
@pytest.mark.parametrize("days", [3, 7, 14])
def test_every_episode_ends_with_the_event_of_its_arm(municipality: Any, question: str, days: int) -> None:
    cohort = municipality["cohorts"][question]
    table = person_periods(cohort, municipality["facts"], period_days=days)
    last = np.append(table.episode[1:] != table.episode[:-1], True)
    np.testing.assert_array_equal(table.episode[last], np.arange(cohort.size))
    wanted = [table.strategies[arm] for arm in cohort.treatment]
    np.testing.assert_array_equal(table.event[last], wanted)
    assert set(table.event) == set(table.strategies.values()) and not table.event[~last].any()
    assert tuple(table.strategies) == tuple(arm for arm in cohort.arms if arm in set(cohort.treatment))
    assert table.covariates.shape == (len(table.event), len(table.names))
    first = table.period == 0
    width = len(cohort.covariate_names)
    np.testing.assert_array_equal(table.covariates[first][:, :width], cohort.covariates)
    assert not table.covariates[first][:, width:].any()


@pytest.mark.parametrize("question", ["accepted_help", "contact_method"])
def test_the_estimator_takes_the_table_as_it_is(municipality: Any, question: str) -> None:
    cohort = municipality["cohorts"][question]
    table = person_periods(cohort, municipality["facts"])
    found = clone_censor_weight(
        table,
        np.column_stack(list(cohort.outcomes.values())),
        strategies=table.strategies,
        households=cohort.household_keys,
        estimand="ATO",
    )
    assert found.arms == tuple(table.strategies)
    assert found.n.tolist() == [int(np.sum(cohort.treatment == arm)) for arm in found.arms]
    assert ((found.means[0] > 0) & (found.means[0] < 0.5)).all() and (found.std_errors > 0).all()


def test_the_order_of_the_rows_changes_nothing(municipality: Any) -> None:
    made: SiteTables = municipality["tables"]
    mixed = replace(
        made,
        **{
            name: getattr(made, name).sample(frac=1.0, random_state=4).reset_index(drop=True)
            for name in ("signals", "episodes", "cases", "attempts")
        },
    )
    for plan in (Q1, Q2):
        pair = []
        for source in (made, mixed):
            cohort = build_cohort(source, plan, STUDY, municipality["site"], municipality["matching"])
            pair.append(person_periods(cohort, site_facts(source)))
        for name in ("episode", "period", "covariates", "event", "edges"):
            np.testing.assert_array_equal(getattr(pair[0], name), getattr(pair[1], name))
        assert pair[0].names == pair[1].names and pair[0].strategies == pair[1].strategies


def test_a_cohort_of_nobody_has_no_rows(municipality: Any) -> None:
    made, facts = municipality["tables"], municipality["facts"]
    strict = municipality["site"].model_copy(update={"retention": "strict6", "retention_months": None})
    cohort = build_cohort(made, Q1, STUDY, strict, municipality["matching"], facts=facts)
    table = person_periods(cohort, facts)
    assert cohort.size == len(table.event) == 0 and table.strategies == {}
