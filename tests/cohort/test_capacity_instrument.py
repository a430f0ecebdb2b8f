"""Monthly capacity: what stands for it, from whom it is made, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.cohort.facts import site_facts
from causalsig.cohort.history import History
from causalsig.cohort.instruments import (
    CapacityInstrument,
    accepted_before,
    called_or_visited,
    capacity_instrument,
    season_controls,
)
from causalsig.estimation.shared_instrument import grouped_instrument, instrument_balance
from causalsig.records import Refusal

FIRST = np.datetime64("2024-01-15").astype(np.int64)


def episodes(months=24, size=12, seed=0):
    """Time zero on the 15th of each month, household keys of which some come back, who was called."""
    r = np.random.default_rng(seed)
    start = np.datetime64("2024-01", "M") + np.repeat(np.arange(months), size)
    zero = start.astype("datetime64[D]").astype(np.int64) + 14
    keys = np.array([f"h{v:04d}" for v in r.integers(0, 200, len(zero))], dtype=object)
    return zero, keys, (r.random(len(zero)) < 0.3).astype(float)


def test_a_call_counts_from_the_day_of_matching_to_day_14_and_only_once():
    household = np.array([0, 0, 1, 2, 3, 3])
    day = FIRST + np.array([0, 5, 14, 15, -1, 40])
    calls = History.of(household, day)
    found = called_or_visited(calls, np.arange(4), np.full(4, FIRST))
    assert found.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_acceptance_counts_until_follow_up_begins():
    accepted = History.of(np.array([0, 1, 2]), FIRST + np.array([28, 59, 60]))
    by_60 = accepted_before(accepted, np.arange(4), np.full(4, FIRST), 60)
    assert by_60.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_the_share_is_that_of_the_same_month_without_anyone_of_the_own_fold():
    zero, keys, called = episodes()
    found = capacity_instrument(zero, keys, called)
    assert isinstance(found, CapacityInstrument) and found.folds is not None
    month = zero.astype("datetime64[D]").astype("datetime64[M]")
    for i in range(0, len(zero), 7):
        others = (month == month[i]) & (found.folds != found.folds[i])
        assert found.values[i] == pytest.approx(called[others].mean())
        assert not np.isin(keys[others], keys[i]).any(), "a household is in one fold"


def test_neither_the_own_contact_nor_that_of_the_own_household_moves_the_own_value():
    zero, keys, called = episodes(seed=1)
    before = capacity_instrument(zero, keys, called)
    own = keys == keys[5]
    after = capacity_instrument(zero, keys, np.where(own, 1.0 - called, called))
    np.testing.assert_array_equal(before.values[own], after.values[own])
    assert not np.array_equal(before.values, after.values)


def test_the_order_of_rows_changes_nothing():
    zero, keys, called = episodes(seed=2)
    shuffled = np.random.default_rng(0).permutation(len(zero))
    found, again = (
        capacity_instrument(*(a[rows] for a in (zero, keys, called)))
        for rows in (np.arange(len(zero)), shuffled)
    )
    np.testing.assert_array_equal(found.folds[shuffled], again.folds)
    np.testing.assert_allclose(found.values[shuffled], again.values, rtol=1e-12)  # sums in another order


def test_a_recorded_capacity_needs_every_month_and_no_folds():
    zero, keys, _ = episodes()
    months = np.unique(zero.astype("datetime64[D]").astype("datetime64[M]").astype(str))
    recorded = {month: float(place) for place, month in enumerate(months)}
    found = capacity_instrument(zero, keys, recorded=recorded)
    assert found.folds is None and found.source == "recorded"
    assert found.values[0] == 0.0 and found.values[-1] == 23.0
    del recorded["2024-05"]
    missing = capacity_instrument(zero, keys, recorded=recorded)
    assert missing == Refusal("cohort-instrument-not-recorded", "accepted_help")


@pytest.mark.parametrize(
    ("months", "season", "code"),
    [
        (17, "harmonic", "cohort-instrument-few-months"),
        (18, "harmonic", None),
        (23, "month_of_year", "cohort-instrument-few-months"),
        (24, "month_of_year", None),
    ],
)
def test_too_few_months_are_refused(months, season, code):
    zero, keys, called = episodes(months)
    found = capacity_instrument(zero, keys, called, season=season)
    assert (found.code if isinstance(found, Refusal) else None) == code


def test_a_month_of_the_year_that_came_once_is_too_few():
    zero, keys, called = episodes(25)
    month = zero.astype("datetime64[D]").astype("datetime64[M]").astype(str)
    keep = month != "2025-03"
    found = capacity_instrument(zero[keep], keys[keep], called[keep], season="month_of_year")
    assert found == Refusal("cohort-instrument-few-months", "accepted_help")


def test_without_calls_and_visits_there_is_no_instrument():
    zero, keys, called = episodes()
    for nothing in (None, np.zeros_like(called)):
        found = capacity_instrument(zero, keys, nothing)
        assert found == Refusal("cohort-instrument-not-recorded", "accepted_help")


def test_small_months_get_fewer_folds_and_tiny_ones_none():
    zero, keys, called = episodes(size=16, seed=3)
    found = capacity_instrument(zero, keys, called)
    assert 2 <= len(np.unique(found.folds)) < 5
    single = np.unique(zero, return_index=True)[1]
    tiny = capacity_instrument(zero[single], keys[single], np.ones(len(single)))
    assert tiny == Refusal("cohort-instrument-few-months", "accepted_help")


def test_months_of_the_year_span_every_season_and_harmonics_a_smooth_one():
    month = np.arange(36) + 600
    levels, names = season_controls(month, "month_of_year", 2)
    assert levels.shape == (36, 13) and names[-2:] == ("trend_1", "trend_2")
    design = np.column_stack([np.ones(36), levels])
    assert np.linalg.matrix_rank(design) == 14
    waves, names = season_controls(month, "harmonic", 1)
    assert waves.shape == (36, 5)
    np.testing.assert_allclose(waves[:24, :4], waves[12:, :4], atol=1e-12)  # the same every year, by rounding


def test_an_invented_municipality_gives_an_instrument_that_recorded_facts_do_not_go_with():
    """Through the generator: capacity moves acceptance, and no fact known at time zero goes with it."""
    from causalsig.simulation import SiteSpec, load_scenario, simulate_site
    from causalsig.simulation.switches import CapacityShocks

    scenario = load_scenario("hidden_stress", "null").switch(off=("acceptance_coding",))
    traps = scenario.traps.model_copy(update={"capacity_shocks": CapacityShocks(sd=0.8)})
    scenario = scenario.model_copy(update={"traps": traps})
    site = simulate_site(SiteSpec("9001", "Voorbeeldstad 01", 25_000), scenario, 1, months=32, truth=False)
    known = site_facts(site.tables)
    facts = known.facts
    inside = np.flatnonzero(facts.time_zero < facts.time_zero.max() - 151)
    households, zero = facts.households[inside], facts.time_zero[inside]
    called = called_or_visited(known.history.visits_and_calls, households, zero)
    found = capacity_instrument(zero, known.household_keys[inside], called)
    assert isinstance(found, CapacityInstrument)
    shared = {"instrument": found.values, "groups": found.months, "controls": found.controls}
    accepted = accepted_before(known.history.accepted, households, zero, 60)
    returned = known.history.signals.between(households, zero + 60, zero + 151) > 0
    effect = grouped_instrument(accepted, returned.astype(float), **shared, folds=found.folds)
    assert effect.first_stage.f_statistic > 10
    assert 0.0 in effect.confidence_set
    covariates = np.column_stack([facts.creditors, facts.n_creditors, facts.crisis])[inside]
    assert (instrument_balance(covariates, **shared, folds=found.folds).holm > 0.01).all()
