"""Each trap does what its name says, and leaves the draws of everything else alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalsig.simulation import TRAP_NAMES, SimulatedSite, SiteSpec, draw_sites, load_scenario, simulate_site
from causalsig.simulation.scenario import Scenario
from causalsig.simulation.switches import TrapName
from causalsig.simulation.traps.canaries import canary_tokens
from causalsig.simulation.traps.mixed_locales import mix_locales
from causalsig.sources.schema import TABLES

SPEC = SiteSpec("9001", "Voorbeeldstad 01", 25_000, capacity_phone=1.2, capacity_visit=1.3)
SITE_TRAPS = {"retention", "youth_text_first", "acceptance_coding", "threshold_rule", "mixed_locales"}
"""These change how sites are drawn or how a workbook is written, not a given site's tables."""


@cache
def site(*on: TrapName, spec: SiteSpec = SPEC, truth: bool = False, **sizes: Any) -> SimulatedSite:
    return simulate_site(spec, scenario(*on, **sizes), 3, truth=truth, six_months=False)


def scenario(*on: TrapName, **sizes: Any) -> Scenario:
    law = load_scenario("clean").switch(on=on)
    changed = {name: getattr(law.traps, name).model_copy(update=dict(size)) for name, size in sizes.items()}
    return law.model_copy(update={"traps": law.traps.model_copy(update=changed)})


def same(one: SimulatedSite, two: SimulatedSite) -> bool:
    return all(getattr(one.tables, name).equals(getattr(two.tables, name)) for name in TABLES)


@pytest.mark.parametrize("name", [name for name in TRAP_NAMES if name not in SITE_TRAPS])
def test_a_switch_that_is_on_changes_the_tables(name: TrapName):
    assert not same(site(), site(name)), name


def test_a_trap_leaves_other_draws_alone():
    # With every dynamic trap on, one of the extract's traps switched off leaves all rows it did not touch.
    both, one = site("reach_not_recorded", "pause"), site("pause")
    untouched = [name for name in TABLES if name != "attempts"]
    assert all(getattr(both.tables, name).equals(getattr(one.tables, name)) for name in untouched)
    columns = [column for column in TABLES["attempts"] if column != "reached"]
    assert both.tables.attempts[columns].equals(one.tables.attempts[columns])
    # Heaping changes amounts only for who is heaped: the others' amounts and every onset are the same.
    plain, heaped = site().tables.signals, site("heaped_amounts").tables.signals
    merged = plain.merge(heaped, on=["household_key", "received_on", "creditor_id"], suffixes=("", "_heaped"))
    assert len(merged) > 0.95 * len(plain)
    assert (merged["amount_cents"] == merged["amount_cents_heaped"]).mean() > 0.6


def test_site_traps_do_not_move_other_traits():
    law = load_scenario("clean")
    plain = draw_sites(law, 20, 4)
    trapped = draw_sites(law.switch(on=("retention", "acceptance_coding", "youth_text_first")), 20, 4)
    for one, two in zip(plain, trapped, strict=True):
        traits = (
            "inhabitants",
            "policy",
            "rate_multiplier",
            "capacity_phone",
            "threshold_eur",
            "log_hazard_ratio",
        )
        assert all(getattr(one, trait) == getattr(two, trait) for trait in traits)
    assert {spec.retention for spec in plain} == {"full"}
    assert {spec.retention for spec in trapped} == {"full", "6-12-18", "strict6"}
    assert len({spec.acceptance_coding for spec in trapped}) == 3
    assert any(spec.youth_text_first for spec in trapped) and not any(s.youth_text_first for s in plain)


def test_without_severity_the_method_says_nothing_about_the_household():
    def spread(made: SimulatedSite) -> float:
        assert made.truth is not None
        visit = made.truth.propensity["contact_method"][:, 3]
        return float(pd.Series(visit).groupby(made.truth.matched_on).std().max())

    # What is left is repeats that the municipality leaves alone.
    assert spread(site("severity", truth=True)) > 3 * spread(site(truth=True))


def test_repeats_are_signals_of_arrears_that_are_not_new():
    without = site().tables.signals["new_arrears"].mean()
    with_repeats = site("repeats").tables.signals["new_arrears"].mean()
    assert without > 0.97
    assert with_repeats < 0.85


def test_a_pause_silences_the_creditors_of_the_episode_after_acceptance():
    def early_returns(made: SimulatedSite) -> float:
        wants = made.tables.attempts.query("wants_help == 1").drop_duplicates("case_id")
        accepted = wants.merge(made.tables.cases, on="case_id")
        own = made.tables.signals[made.tables.signals["case_id"].notna()][["case_id", "creditor_id"]]
        pairs = accepted.merge(own, on="case_id").merge(
            made.tables.signals[["household_key", "creditor_id", "received_on"]],
            on=["household_key", "creditor_id"],
        )
        days = (pairs["received_on"] - pairs["attempted_on"]).dt.days
        return float(((days > 0) & (days <= 30)).sum() / len(accepted))

    assert early_returns(site("repeats", "pause")) == 0.0
    assert early_returns(site("repeats")) > 0.05


def test_another_signal_makes_some_accept_who_were_not_reached():
    def accepted_after_one(made: SimulatedSite) -> tuple[float, float]:
        """Share accepted from day 14 to 28, with and without another signal before day 21."""
        tables = made.tables
        wants = tables.attempts.query("wants_help == 1").groupby("case_id")["attempted_on"].min()
        cases = tables.cases.assign(
            day=(tables.cases["case_id"].map(wants) - tables.cases["opened_on"]).dt.days
        )
        later = cases.merge(tables.signals[["household_key", "received_on"]], on="household_key")
        days = (later["received_on"] - later["opened_on"]).dt.days
        again = cases["case_id"].isin(later.loc[(days > 0) & (days <= 20), "case_id"])
        late = cases["day"].between(14, 28)
        return float(late[again].mean()), float(late[~again].mean())

    called, others = accepted_after_one(site("repeats", "second_signal"))
    usual, _ = accepted_after_one(site("repeats"))
    assert called > 0.1 > 0.05 > max(others, usual)


def test_who_accepts_after_another_signal_is_the_clone_that_was_made_to_accept():
    made = site("repeats", "second_signal", truth=True)
    plain = site("repeats", truth=True)
    assert made.truth is not None and plain.truth is not None
    accepted = (made.truth.received["accepted_help"] == 0).mean()
    assert accepted > 1.1 * (plain.truth.received["accepted_help"] == 0).mean()


def test_a_visit_finds_out_who_is_known_elsewhere_or_gone():
    found = site("found_on_visit", "escalation").tables
    ended = found.cases["result"].isin(["known_in_debt_help", "not_resident"])
    by_visit = found.cases["case_id"].isin(found.attempts.query("method == 'home_visit'")["case_id"])
    by_letter = found.cases["case_id"].isin(found.attempts.query("method == 'letter'")["case_id"])
    desk = ~found.cases["case_id"].isin(found.attempts["case_id"])
    assert ended[by_visit].mean() > 0.02
    assert ended[by_letter & ~by_visit & ~desk].mean() < 0.01
    without = site("escalation").tables
    attempted = without.cases["case_id"].isin(without.attempts["case_id"])
    assert not without.cases.loc[attempted, "result"].isin(["known_in_debt_help", "not_resident"]).any()


def test_objectors_disappear_after_they_were_attempted():
    plain, gone = site().tables, site("opt_outs", opt_outs=(("share", 0.5),)).tables
    assert len(gone.signals) < len(plain.signals)
    kept = plain.signals.merge(gone.signals[["signal_id"]], on="signal_id", how="left", indicator=True)
    lost = kept[kept["_merge"] == "left_only"]
    first = plain.attempts.groupby("case_id")["attempted_on"].min()
    since = plain.cases.assign(at=plain.cases["case_id"].map(first)).groupby("household_key")["at"].min()
    assert ((lost["received_on"] - lost["household_key"].map(since)).dt.days > 30).all()
    assert set(gone.attempts["case_id"]) <= set(gone.cases["case_id"])
    assert set(gone.signals["episode_id"]) == set(gone.episodes["episode_id"])


def test_old_signals_lose_their_case_and_the_case_its_household():
    tables = site("missing_links").tables
    age = pd.Timestamp(tables.extracted_on) - tables.signals["received_on"]
    assert tables.signals.loc[age.dt.days > 190, "case_id"].isna().all()
    assert tables.signals.loc[age.dt.days < 150, "case_id"].notna().any()
    assert 0.5 < tables.cases["household_key"].isna().mean() < 0.95


def test_benefit_clients_are_helped_where_nobody_writes_it_down():
    few, many = (site("benefit_clients", benefit_clients=(("share", share),)).tables for share in (0.0, 0.5))
    taken = [len(tables.cases) / len(tables.episodes) for tables in (few, many)]
    assert taken[1] < 0.6 * taken[0]


def test_canaries_are_in_the_extract_and_only_where_they_were_put():
    def text(made: SimulatedSite) -> str:
        return "".join(getattr(made.tables, name).to_csv(index=False) for name in TABLES)

    with_them, without = text(site("canaries")), text(site())
    assert all(token not in without for token in canary_tokens())
    assert with_them.count("kanariehuis004") > 0 and "kanariehuis005" not in with_them
    assert "98765432" in with_them


def test_two_notations_of_amounts_are_the_same_amounts():
    amounts = ["1.234,56", "75,00"] * 50
    mixed = mix_locales(amounts, 0.5)
    assert mixed == mix_locales(amounts, 0.5)
    assert 20 < sum(a != b for a, b in zip(amounts, mixed, strict=True)) < 80
    assert set(mixed) == {"1.234,56", "1,234.56", "75,00", "75.00"}


def test_calendar_shocks_are_the_same_in_every_site():
    law = scenario("calendar_shocks", calendar_shocks=(("surprise", 0.5),))
    specs = draw_sites(load_scenario("clean"), 2, 1, inhabitants=30_000)
    counts = []
    for spec in specs:
        signals = simulate_site(spec, law, 3, truth=False).tables.signals
        counts.append(np.log(signals.groupby(signals["received_on"].dt.to_period("M")).size()))
    assert np.corrcoef(counts[0], counts[1])[0, 1] > 0.8
