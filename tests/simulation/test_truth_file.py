"""The truth file holds every estimand, and the truth about a rule is what its definition says."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from causalsig.errors import SimulationError
from causalsig.simulation import (
    SimulatedSite,
    TruthFile,
    country_truth,
    draw_sites,
    load_scenario,
    simulate_site,
    simulate_waves,
    site_rows,
)
from causalsig.simulation.truth_file import TruthRow


@cache
def made(scenario: str, effect: str | None, number: int = 1) -> SimulatedSite:
    law = load_scenario(scenario, effect)  # type: ignore[arg-type]
    (spec,) = draw_sites(law, 1, 5, inhabitants=25_000, first=number)
    return simulate_site(spec, law, 2, six_months=False)


def rows_by_key(rows: list[TruthRow]) -> dict[tuple[str, str, str, str], TruthRow]:
    return {row.key: row for row in rows}


def test_every_estimand_of_every_question_is_there_and_pooled_over_sites():
    truths = [made("threshold_change", None, number).truth for number in (1, 2)]
    assert all(truth is not None and truth.threshold is not None for truth in truths)
    file = country_truth("threshold_change", "modest", [site_rows(t) for t in truths if t is not None])
    assert TruthFile.model_validate_json(file.model_dump_json()) == file
    pooled = rows_by_key(file.pooled)
    for estimand in ("ATO", "ATE", "ATT:home_visit"):
        assert set(pooled["contact_method", "any_new_arrears_3m", estimand, "all"].contrasts) == {
            "message",
            "phone",
            "home_visit",
            "none",
        }
    for subgroup in ("rent", "not_rent"):
        assert pooled["accepted_help", "any_new_arrears_3m", "ATO", subgroup].episodes > 100
    ones = [rows_by_key(site.rows)["contact_method", "any_all_3m", "ATO", "all"] for site in file.sites]
    both = pooled["contact_method", "any_all_3m", "ATO", "all"]
    differences = [row.contrasts["phone"].difference for row in ones]
    assert both.sites == 2 and both.episodes == sum(row.episodes for row in ones)
    assert both.contrasts["phone"].difference == pytest.approx(np.mean(differences), abs=1e-7)
    row = ones[0]
    assert row.contrasts["phone"].difference == pytest.approx(
        row.arms["phone"] - row.arms["letter"], abs=1e-7
    )
    ratio = np.log(row.arms["phone"] / row.arms["letter"])
    assert row.contrasts["phone"].log_ratio == pytest.approx(ratio, abs=1e-6)


def test_a_truth_file_is_closed():
    truth = made("ignorable", "modest").truth
    assert truth is not None
    row = site_rows(truth).rows[0].model_dump()
    with pytest.raises(ValidationError):
        TruthRow.model_validate(row | {"gossip": 1})


def test_who_received_an_arm_is_a_population_of_its_own():
    truth = made("ignorable", "harmful").truth
    assert truth is not None
    received = truth.received["contact_method"] == 3
    values = truth.potential["contact_method"]["any_all_3m"]
    treated = truth.arm_means("contact_method", "any_all_3m", ("ATT", "home_visit"))
    np.testing.assert_allclose(treated.means, values[received].mean(axis=0))
    with pytest.raises(SimulationError, match="ATT"):
        truth.arm_means("contact_method", "any_all_3m", ("ATT", "drone"))


def test_a_subgroup_effect_is_in_the_subgroup_only():
    help_in, help_out = [], []
    for number in range(1, 5):
        truth = made("ignorable", "subgroup", number).truth
        assert truth is not None
        rent = truth.subgroups["rent"]
        for member, found in ((rent, help_in), (~rent, help_out)):
            means = truth.arm_means("accepted_help", "any_new_arrears_3m", "ATE", member).means
            found.append(means[0] - means[1])
    assert np.mean(help_in) < -0.01
    # Later episodes of the others may hold rent; the index episode itself does nothing for them.
    assert abs(np.mean(help_out)) < 0.2 * abs(np.mean(help_in))


def test_an_effect_that_fades_is_smaller_later():
    law = load_scenario("ignorable", "fading")
    spec = draw_sites(law, 1, 5, inhabitants=25_000)[0]
    still = law.model_copy(
        update={
            "effects": law.effects
            | {"fading": law.effects["fading"].model_copy(update={"half_life_months": None})}
        }
    )
    reduction = []
    for each in (law, still):
        truth = simulate_site(spec, each, 2, six_months=False).truth
        assert truth is not None
        means = truth.arm_means("accepted_help", "count_new_arrears_3m", "ATE").means
        reduction.append(means[1] - means[0])
    assert 0.0 < reduction[0] < reduction[1]


def test_the_cutoff_decides_in_the_pivotal_set_and_nowhere_else():
    site = made("threshold_change", None)
    assert site.truth is not None and site.truth.threshold is not None
    threshold = site.truth.threshold
    assert set(np.unique(threshold.cutoff_cents)) == {20_000.0, 30_000.0}
    changed = np.datetime64("2025-04-01")
    np.testing.assert_array_equal(threshold.cutoff_cents == 20_000.0, threshold.matched_on >= changed)
    np.testing.assert_array_equal(threshold.received == 1, threshold.cents >= threshold.cutoff_cents)
    signals = site.tables.signals
    facts = signals.assign(
        other=((signals["creditor_type"] == "rent") | (signals["crisis"] > 0)).astype(float)
    ).groupby("episode_id")
    episodes = site.tables.episodes.set_index("episode_id")
    owed, other = facts["amount_cents"].sum(), facts["other"].max() > 0
    cutoff = np.where(episodes["matched_on"] >= changed, 20_000.0, 30_000.0)
    left_alone = (owed.reindex(episodes.index) < cutoff) & ~other.reindex(episodes.index)
    assert episodes.loc[left_alone, "case_id"].isna().all()
    assert episodes.loc[~left_alone, "case_id"].notna().mean() > 0.4


def test_crossing_the_cutoff_and_moving_it_have_a_truth():
    site = made("threshold_change", "harmful")
    assert site.truth is not None and site.truth.threshold is not None
    threshold = site.truth.threshold
    at = threshold.at_the_cutoff("any_all_3m")
    near = np.abs(np.log(threshold.cents / threshold.cutoff_cents)) <= 0.10
    assert 50 < at.episodes <= near.sum() and at.extra_contacts == 0
    lower, higher = (threshold.moved_to(factor, "any_all_3m") for factor in (0.8, 1.25))
    assert lower.extra_contacts == lower.episodes > 0 > higher.extra_contacts
    assert threshold.moved_to(0.5, "any_all_3m").episodes > lower.episodes
    with pytest.raises(SimulationError, match="an outcome out of"):
        threshold.at_the_cutoff("gossip")
    with pytest.raises(SimulationError, match="at least one episode"):
        threshold.moved_to(1.0, "any_all_3m")


def test_beyond_the_band_that_is_kept_there_is_no_truth():
    site = made("threshold_change", "harmful")
    assert site.truth is not None and site.truth.threshold is not None
    narrow = replace(site.truth.threshold, band=0.2)
    assert narrow.moved_to(0.85, "any_all_3m").episodes > 0
    for ask in (lambda: narrow.moved_to(0.5, "any_all_3m"), lambda: narrow.at_the_cutoff("any_all_3m", 0.3)):
        with pytest.raises(SimulationError, match=r"within the band, 0\.2"):
            ask()
    labels = {row.estimand for row in site_rows(replace(site.truth, threshold=narrow)).rows}
    assert "cutoff" in labels and not {"moved:0.5", "moved:0.8", "moved:2"} & labels


def test_extra_contacts_of_a_moved_cutoff_are_the_same_for_every_outcome():
    law = load_scenario("threshold_change", "harmful")
    (spec,) = draw_sites(law, 1, 5, inhabitants=25_000)
    truth = simulate_site(spec, law, 2, months=18).truth
    assert truth is not None and truth.threshold is not None
    three, six = (truth.threshold.moved_to(0.5, outcome) for outcome in ("any_all_3m", "any_all_6m"))
    assert three.extra_contacts == six.extra_contacts == three.episodes > six.episodes > 0


def test_a_plain_threshold_has_a_truth_as_well():
    law = load_scenario("ignorable", "harmful")
    (spec,) = draw_sites(law, 1, 5, inhabitants=25_000)
    spec = replace(spec, threshold_eur=75.0)
    truth = simulate_site(spec, law, 2, six_months=False).truth
    assert truth is not None and truth.threshold is not None
    assert set(np.unique(truth.threshold.cutoff_cents)) == {7_500.0}
    assert truth.threshold.moved_to(2.0, "any_all_3m").extra_contacts < 0
    without = simulate_site(replace(spec, threshold_eur=0.0), law, 2, six_months=False).truth
    assert without is not None and without.threshold is None


def test_a_rank_by_capacity_has_no_cutoff():
    law = load_scenario("clean").switch(on=("threshold_rule", "severity"))
    rule = law.traps.threshold_rule
    assert rule is not None
    traps = law.traps.model_copy(update={"threshold_rule": rule.model_copy(update={"kind": "rank"})})
    law = law.model_copy(update={"traps": traps})
    (spec,) = draw_sites(law, 1, 5, inhabitants=30_000)
    site = simulate_site(spec, law, 2, six_months=False)
    assert spec.rank_share == 0.6 and site.truth is not None and site.truth.threshold is None
    taken = site.tables.episodes["case_id"].notna()
    owed = site.tables.signals.groupby("episode_id")["amount_cents"].sum()
    amounts = owed.reindex(site.tables.episodes["episode_id"]).to_numpy()
    assert np.median(amounts[taken]) > np.median(amounts[~taken]), "the list is sorted by severity"
    assert (amounts[taken] < np.quantile(amounts[~taken], 0.9)).any(), "no amount decides by itself"


def test_waves_are_the_same_lives_seen_a_quarter_apart():
    law = load_scenario("waves")
    (spec,) = draw_sites(law, 1, 5, inhabitants=15_000)
    waves = simulate_waves(spec, law, 2, truth=False)
    assert spec.retention == "strict6" and len(waves) == law.waves == 4
    last = simulate_site(spec, law, 2, truth=False)
    assert waves[-1].tables.signals.equals(last.tables.signals)
    dates = [wave.tables.extracted_on.isoformat() for wave in waves]
    assert dates == ["2025-09-30", "2025-12-31", "2026-03-31", "2026-06-30"]
    first, second = (wave.tables.signals for wave in waves[:2])
    columns = ["household_key", "received_on", "creditor_id", "amount_cents"]
    begin, end = second["received_on"].min(), first["received_on"].max()
    shared = [frame[frame["received_on"].between(begin, end)][columns] for frame in (first, second)]
    assert len(shared[0]) > 50
    assert shared[0].reset_index(drop=True).equals(shared[1].reset_index(drop=True))
    with pytest.raises(SimulationError, match="first wave"):
        simulate_waves(spec, law, 2, months=12)


@pytest.mark.parametrize(
    ("scenario", "sizes"), [("one_giant_site", (400_000, 15_000)), ("tiny_sites", (6_000, 6_000))]
)
def test_scenarios_of_size_have_their_sizes(scenario: str, sizes: tuple[int, int]):
    drawn = [spec.inhabitants for spec in draw_sites(load_scenario(scenario), 15, 1)]
    assert min(drawn) >= sizes[1]
    assert (drawn[0] == sizes[0]) == (scenario == "one_giant_site")
    assert np.median(drawn) < 40_000


def test_heterogeneous_sites_differ_in_their_effect():
    spread = {}
    for name in ("ignorable", "heterogeneous"):
        specs = draw_sites(load_scenario(name), 60, 1)
        spread[name] = np.std([spec.log_hazard_ratio for spec in specs])
        assert (
            np.corrcoef([(s.log_hazard_ratio, s.log_hazard_ratio_help) for s in specs], rowvar=False)[0, 1]
            < 0.5
        )
    assert spread["heterogeneous"] == pytest.approx(4 * spread["ignorable"])
