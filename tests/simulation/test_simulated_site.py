from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from causalsig.errors import SimulationError
from causalsig.simulation import (
    TRAP_NAMES,
    SimulatedSite,
    SiteSpec,
    draw_sites,
    expected_counts,
    guaranteed_months,
    load_scenario,
    simulate_site,
)
from causalsig.sources.schema import TABLES, Matching

QUESTIONS = ("contact_method", "accepted_help")
HIGHEST_Z = 4.0
"""Standard errors a frequency may be off: 1 in 16,000 by chance, for fixed seeds only a guard."""
LOWEST_Z = 3.0
"""Standard errors at which confounding by something hidden counts as seen."""


@cache
def one_site(scenario: str, effect: str, number: int) -> SimulatedSite:
    law = load_scenario(scenario, effect=effect)  # type: ignore[arg-type]
    (spec,) = draw_sites(law, 1, 20, inhabitants=40_000, retention="full", first=number)
    return simulate_site(spec, law, 8)


def sites(scenario: str, effect: str, n: int = 4) -> tuple[SimulatedSite, ...]:
    return tuple(one_site(scenario, effect, number) for number in range(1, n + 1))


def recorded(site: SimulatedSite) -> pd.DataFrame:
    """Facts of each episode of the truth as a cohort would take them from the tables."""
    signals, truth = site.tables.signals, site.truth
    assert truth is not None
    months = load_scenario("ignorable").assignment.successive_months
    flags = signals[[f"repeat_m{k}" for k in range(1, months + 1)]].max(axis=1)
    facts = signals.assign(
        successive=flags,
        rent_or_crisis=((signals["creditor_type"] == "rent") | (signals["crisis"] > 0)).astype(float),
        youth=signals["age"].between(18, 26).astype(float),
    ).groupby("episode_id")
    episodes = site.tables.episodes.set_index("episode_id")
    frame = pd.DataFrame(
        {
            "household_key": episodes["household_key"],
            "matched_on": episodes["matched_on"],
            "case_id": episodes["case_id"],
            "multiple": (facts.size() >= 2).astype(float),
            "successive": facts["successive"].max(),
            "rent_or_crisis": facts["rent_or_crisis"].max(),
            "log_amount": np.log(facts["amount_cents"].sum() / 30_000),
            "minor_children": facts["minor_children"].max(),
            "repeat": 1.0 - facts["new_arrears"].max(),
            "youth": facts["youth"].max(),
        }
    ).reset_index(drop=True)
    frame["row"] = truth.rows_of(frame["household_key"], frame["matched_on"])
    return frame[frame["row"] >= 0].sort_values("row").reset_index(drop=True)


def observed(site: SimulatedSite, start: int, days: int, new_only: bool) -> np.ndarray:
    """Count signals of each episode of the truth from ``start`` to ``start + days`` after time zero."""
    truth = site.truth
    assert truth is not None
    signals = site.tables.signals
    if new_only:
        signals = signals[signals["new_arrears"] > 0]
    episodes = pd.DataFrame({"household_key": truth.household_key, "matched_on": truth.matched_on})
    episodes["row"] = np.arange(len(truth))
    pairs = episodes.merge(signals[["household_key", "received_on"]], on="household_key")
    after = (pairs["received_on"] - pairs["matched_on"]).dt.days
    inside = pairs[(after >= start) & (after < start + days)]
    return np.bincount(inside["row"], minlength=len(truth)).astype(float)


def test_the_same_seed_gives_the_same_site_whatever_was_simulated_before():
    law = load_scenario("ignorable")
    one, two = draw_sites(law, 2, 3, inhabitants=8_000)
    alone = simulate_site(two, law, 5)
    simulate_site(one, law, 5)
    again = simulate_site(two, law, 5)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(alone.tables, name), getattr(again.tables, name))
    assert alone.truth is not None and again.truth is not None
    for question in QUESTIONS:
        np.testing.assert_array_equal(
            alone.truth.potential[question]["count_new_arrears_3m"],
            again.truth.potential[question]["count_new_arrears_3m"],
        )
    other = simulate_site(two, law, 6)
    assert not alone.tables.signals["amount_cents"].equals(other.tables.signals["amount_cents"])


def test_truth_changes_nothing_in_the_tables():
    law = load_scenario("hidden_stress", effect="harmful")
    spec = draw_sites(law, 1, 3, inhabitants=10_000)[0]
    with_truth, without = simulate_site(spec, law, 5), simulate_site(spec, law, 5, truth=False)
    assert without.truth is None
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(with_truth.tables, name), getattr(without.tables, name))


def test_following_six_months_does_not_change_three():
    law = load_scenario("ignorable")
    spec = draw_sites(law, 1, 3, inhabitants=10_000, retention="full")[0]
    long, short = (simulate_site(spec, law, 5, six_months=six).truth for six in (True, False))
    assert long is not None and short is not None
    for question in QUESTIONS:
        for outcome in ("any_new_arrears_3m", "any_all_3m"):
            np.testing.assert_array_equal(
                long.potential[question][outcome], short.potential[question][outcome]
            )
        assert np.isnan(short.potential[question]["any_new_arrears_6m"]).all()
        assert not np.isnan(long.potential[question]["any_new_arrears_6m"]).all()


@pytest.mark.parametrize("scenario", ["ignorable", "hidden_stress"])
def test_without_effect_every_arm_leads_to_the_same(scenario: str):
    for site in sites(scenario, "null", 2):
        assert site.truth is not None
        for question in QUESTIONS:
            for outcome, values in site.truth.potential[question].items():
                followed = values[~np.isnan(values[:, 0])]
                assert len(followed) and followed.max() >= 1, outcome
                assert (followed == followed[:, :1]).all(), (question, outcome)


def test_an_effect_moves_the_arms_the_way_it_is_meant_to():
    for effect, sign in (("modest", -1), ("harmful", 1)):
        help_, phone = [], []
        for site in sites("ignorable", effect):
            assert site.truth is not None
            accepted, not_accepted = site.truth.arm_means("accepted_help", "any_new_arrears_3m").means
            help_.append(accepted - not_accepted)
            contact = site.truth.arm_means("contact_method", "any_new_arrears_3m").means
            phone.append(contact[2] - contact[0])
        assert sign * np.mean(help_) > 0.005
        assert sign * np.mean(phone) > 0.0


@pytest.mark.parametrize("scenario", ["ignorable", "hidden_stress"])
@pytest.mark.parametrize("effect", ["modest", "harmful"])
def test_the_potential_outcome_of_the_arm_received_is_what_the_tables_show(scenario: str, effect: str):
    windows = {"contact_method": 14, "accepted_help": 60}
    for site in sites(scenario, effect, 2):
        truth = site.truth
        assert truth is not None
        for question, start in windows.items():
            received = truth.received[question]
            for outcome, days, new_only in (
                ("any_new_arrears_3m", 91, True),
                ("any_all_3m", 91, False),
                ("any_new_arrears_6m", 182, True),
            ):
                potential = truth.potential[question][outcome][np.arange(len(truth)), received]
                known = ~np.isnan(potential)
                seen = observed(site, start, days, new_only) > 0
                assert known.sum() > 500
                np.testing.assert_array_equal(potential[known], seen[known])


def test_the_arm_received_is_what_the_attempts_show():
    site = sites("ignorable", "modest")[0]
    truth = site.truth
    assert truth is not None
    facts = recorded(site)
    assert len(facts) == len(truth), "every episode of the truth is an episode of the tables"
    first = site.tables.attempts.sort_values(["case_id", "attempted_on"]).drop_duplicates("case_id")
    merged = facts.merge(first[["case_id", "attempted_on", "method"]], on="case_id", how="left")
    days = (merged["attempted_on"] - merged["matched_on"]).dt.days
    names = {"letter": 0, "email": 1, "text_message": 1, "phone": 2, "home_visit": 3}
    arm = merged["method"].map(names).where(days <= 14).fillna(4).to_numpy()
    np.testing.assert_array_equal(arm, truth.received["contact_method"])
    wants = site.tables.attempts[site.tables.attempts["wants_help"] == 1].drop_duplicates("case_id")
    wants = facts.merge(wants[["case_id", "attempted_on"]], on="case_id", how="left")
    in_time = (wants["attempted_on"] - wants["matched_on"]).dt.days <= 28
    np.testing.assert_array_equal(np.where(in_time, 0, 1), truth.received["accepted_help"])


def test_true_propensities_are_a_multinomial_logit_in_recorded_facts():
    law = load_scenario("ignorable").assignment
    for site in sites("ignorable", "modest"):
        truth = site.truth
        assert truth is not None
        facts = recorded(site)
        p = truth.propensity["contact_method"]
        score = sum(
            getattr(law, name) * facts[name]
            for name in ("multiple", "successive", "rent_or_crisis", "log_amount", "minor_children")
        ).to_numpy()
        log_odds = np.log(p[:, 2] / p[:, 0]) - law.slope_phone * score
        spread = pd.Series(log_odds).groupby(truth.matched_on).agg(np.ptp)
        assert spread.max() < 1e-9
        assert pd.Series(p[:, 2]).groupby(truth.matched_on).std().max() > 0.01


@pytest.mark.parametrize("scenario", ["ignorable", "hidden_stress"])
def test_propensities_add_to_one_and_are_how_often_arms_are_received(scenario: str):
    for question in QUESTIONS:
        received, expected = [], []
        for site in sites(scenario, "modest"):
            assert site.truth is not None
            p = site.truth.propensity[question]
            np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
            received.append(site.truth.received[question])
            expected.append(p)
        arm, p = np.concatenate(received), np.concatenate(expected)
        for k in range(p.shape[1]):
            for part in (p[:, k] < np.median(p[:, k]), p[:, k] >= np.median(p[:, k])):
                error = ((arm == k) - p[:, k])[part]
                assert abs(error.mean()) < HIGHEST_Z * error.std() / np.sqrt(len(error))


def test_forced_arms_are_exchangeable_with_those_received():
    # Weighted by the true propensities, who received an arm must show its potential outcome mean.
    for question in QUESTIONS:
        truths = [site.truth for site in sites("ignorable", "harmful")]
        p = np.concatenate([t.propensity[question] for t in truths])
        arm = np.concatenate([t.received[question] for t in truths])
        y = np.concatenate([t.potential[question]["any_new_arrears_3m"] for t in truths])
        known = ~np.isnan(y[:, 0])
        p, arm, y = p[known], arm[known], y[known]
        tilt = 1.0 / (1.0 / p).sum(axis=1)
        for k in range(p.shape[1]):
            weight = tilt / p[:, k] * (arm == k)
            shown = weight @ y[:, k] / weight.sum()
            meant = tilt @ y[:, k] / tilt.sum()
            influence = weight * (y[:, k] - shown) / weight.mean() - tilt * (y[:, k] - meant) / tilt.mean()
            assert abs(shown - meant) < HIGHEST_Z * influence.std() / np.sqrt(len(p))


def test_naive_contrast_makes_visits_look_harmful_without_any_effect():
    letter, visit = [], []
    for site in sites("ignorable", "null", 4):
        assert site.truth is not None
        arm = site.truth.received["contact_method"]
        y = site.truth.potential["contact_method"]["any_all_6m"]
        letter.append(y[arm == 0, 0])
        visit.append(y[arm == 3, 3])
    a, b = (np.concatenate(arm)[~np.isnan(np.concatenate(arm))] for arm in (letter, visit))
    error = np.sqrt(a.var() / len(a) + b.var() / len(b))
    assert b.mean() - a.mean() > 2.5 * error
    assert b.mean() - a.mean() > 0.02


def test_hidden_stress_confounds_beyond_the_record():
    # Without any effect, among episodes alike on record, who is visited or accepts returns more often.
    error: dict[str, list[np.ndarray]] = {"ignorable": [], "hidden_stress": []}
    for scenario, errors in error.items():
        for site in sites(scenario, "null", 7 if scenario == "hidden_stress" else 4):
            truth = site.truth
            assert truth is not None
            facts = recorded(site)
            y = truth.potential["contact_method"]["any_new_arrears_3m"][:, 0]
            visited = truth.received["contact_method"] == 3
            cells = pd.DataFrame(
                {"y": y, "visited": visited.astype(float)}
                | {name: facts[name] for name in ("multiple", "successive", "rent_or_crisis")}
                | {"amount": np.clip(np.round(facts["log_amount"]), -2, 2)}
            )
            within = cells.groupby(["multiple", "successive", "rent_or_crisis", "amount"])
            y_off = cells["y"] - within["y"].transform("mean")
            errors.append((y_off * (cells["visited"] - within["visited"].transform("mean"))).to_numpy())
    z = {name: np.concatenate(e).mean() for name, e in error.items()}
    noise = {name: np.concatenate(e).std() / np.sqrt(sum(map(len, e))) for name, e in error.items()}
    assert abs(z["ignorable"]) < HIGHEST_Z * noise["ignorable"]
    assert z["hidden_stress"] > LOWEST_Z * noise["hidden_stress"]


@pytest.mark.parametrize("regime", ["strict6", "6-12-18", "full"])
def test_retention_leaves_what_the_regime_keeps(regime: str):
    law = load_scenario("ignorable")
    spec = draw_sites(law, 1, 9, inhabitants=30_000, retention=regime)[0]  # type: ignore[arg-type]
    site = simulate_site(spec, law, 2, six_months=False)
    tables, extract = site.tables, pd.Timestamp(site.tables.extracted_on)
    signals = tables.signals.merge(tables.cases[["case_id", "result"]], on="case_id", how="left")
    age = (extract.to_period("M") - signals["received_on"].dt.to_period("M")).map(lambda gap: gap.n)
    accepted = signals["result"].isin(["quick_fix", "follow_up_help"])
    oldest = {
        "none": age[signals["case_id"].isna()].max(),
        "taken": age[signals["case_id"].notna() & ~accepted].max(),
        "accepted": age[accepted].max(),
    }
    longest = {"strict6": (5, 5, 5), "6-12-18": (5, 11, 17), "full": (29, 29, 29)}[regime]
    assert tuple(oldest.values()) == longest
    assert tables.cases["opened_on"].min() < extract - pd.DateOffset(months=28), "cases stay"
    assert tables.cases["household_key"].isna().any() == (regime != "full")
    assert tables.attempts["attempted_on"].max() <= extract
    assert tables.cases["closed_on"].max() <= extract
    assert guaranteed_months(spec) == (24 if regime == "full" else 6)
    assert site.truth is not None
    assert site.truth.matched_on.min() >= np.datetime64(extract - pd.DateOffset(months=24), "D")


def test_episodes_below_the_threshold_are_never_taken_up():
    law = load_scenario("ignorable")
    spec = SiteSpec("9001", "Voorbeeldstad 01", 20_000, threshold_eur=100.0)
    site = simulate_site(spec, law, 4, six_months=False)
    owed = site.tables.signals.groupby("episode_id")["amount_cents"].sum()
    episodes = site.tables.episodes.set_index("episode_id")
    below = owed[owed < 10_000].index
    assert len(below) > 100
    assert episodes.loc[below, "case_id"].isna().all()
    facts = recorded(site)
    assert (facts["log_amount"] >= np.log(100 / 300) - 1e-12).all()


def test_acceptance_is_booked_as_the_site_books_it():
    law = load_scenario("ignorable")
    results = {}
    for coding in ("recorded", "quick_fix", "declined"):
        spec = SiteSpec("9001", "Voorbeeldstad 01", 15_000, acceptance_coding=coding)  # type: ignore[arg-type]
        results[coding] = (
            simulate_site(spec, law, 4, truth=False).tables.cases["result"] == "quick_fix"
        ).sum()
    assert results["declined"] == 0 < results["recorded"] < results["quick_fix"]


def test_expected_counts_are_near_what_a_run_gives():
    law = load_scenario("ignorable")
    expected, found = np.zeros(5), np.zeros(5)
    for site in sites("ignorable", "modest"):
        counts = expected_counts(site.spec, law)
        expected += [counts[arm] for arm in ("letter", "message", "phone", "home_visit", "none")]
        assert site.truth is not None
        found += np.bincount(site.truth.received["contact_method"], minlength=5)
    np.testing.assert_allclose(found, expected, rtol=0.2)


def test_sites_do_not_depend_on_how_many_are_drawn():
    law = load_scenario("ignorable")
    assert draw_sites(law, 5, 1)[:3] == draw_sites(law, 3, 1)
    assert draw_sites(law, 5, 1)[3:] == draw_sites(law, 2, 1, first=4)
    sizes = [spec.inhabitants for spec in draw_sites(law, 40, 1, minimum_inhabitants=60_000)]
    assert min(sizes) >= 60_000


def test_what_cannot_be_simulated_says_how_to_mend_it():
    law = load_scenario("ignorable")
    with pytest.raises(SimulationError, match="at least 6 months"):
        simulate_site(draw_sites(law, 1, 1)[0], law, 1, months=3)
    with pytest.raises(SimulationError, match="at least 1,000 inhabitants"):
        SiteSpec("9001", "Voorbeeldstad 01", 10)
    with pytest.raises(SimulationError, match="simulation-site"):
        draw_sites(law, 2000, 1)
    with pytest.raises(SimulationError, match="a seed of 0 or more"):
        draw_sites(law, 1, -3)
    truth = sites("ignorable", "null", 2)[0].truth
    assert truth is not None
    with pytest.raises(SimulationError, match="a question out of"):
        truth.arm_means("threshold", "any_all_3m")
    with pytest.raises(SimulationError, match="an outcome out of"):
        truth.arm_means("contact_method", "any_all_4m")
    with pytest.raises(SimulationError, match="at least one episode"):
        truth.arm_means("contact_method", "any_all_3m", eligible=np.zeros(len(truth), bool))


def test_arm_means_line_up_with_a_cohort_by_household_and_time_zero():
    site = sites("ignorable", "modest")[0]
    truth = site.truth
    assert truth is not None
    some = recorded(site).iloc[::3]
    by_key = truth.arm_means("contact_method", "any_all_3m", eligible=some)
    mask = np.zeros(len(truth), bool)
    mask[some["row"]] = True
    by_mask = truth.arm_means("contact_method", "any_all_3m", eligible=mask)
    np.testing.assert_array_equal(by_key.means, by_mask.means)
    assert by_key.episodes == len(some)
    p, y = truth.propensity["contact_method"][mask], truth.potential["contact_method"]["any_all_3m"][mask]
    tilt = 1.0 / (1.0 / p).sum(axis=1)
    np.testing.assert_allclose(by_mask.means, np.average(y, axis=0, weights=tilt))
    plain = truth.arm_means("contact_method", "any_all_3m", "ATE", mask)
    np.testing.assert_allclose(plain.means, y.mean(axis=0))


@pytest.mark.parametrize("rhythm", [Matching(), Matching("weekly", 1)])
def test_the_truth_is_what_the_tables_show_with_every_dynamic_trap_on(rhythm: Matching):
    extract = {"opt_outs", "missing_links", "reach_not_recorded", "canaries"}
    law = load_scenario("base", "harmful").switch(on=[name for name in TRAP_NAMES if name not in extract])
    spec = SiteSpec("9001", "Voorbeeldstad 01", 25_000, matching=rhythm)
    made = simulate_site(spec, law, 5)
    truth = made.truth
    assert truth is not None
    assert (
        truth.rows_of(made.tables.episodes["household_key"], made.tables.episodes["matched_on"]) >= 0
    ).sum() == len(truth)
    for question, start in (("contact_method", 14), ("accepted_help", 60)):
        for outcome, days, new_only in (
            ("any_new_arrears_3m", 91, True),
            ("any_all_3m", 91, False),
            ("any_new_arrears_6m", 182, True),
        ):
            potential = truth.potential[question][outcome][np.arange(len(truth)), truth.received[question]]
            known = ~np.isnan(potential)
            assert known.sum() > 300
            seen = observed(made, start, days, new_only) > 0
            np.testing.assert_array_equal(potential[known], seen[known])
    if rhythm.frequency == "weekly":
        assert made.tables.episodes["matched_on"].dt.day_of_week.eq(0).all()
        assert made.tables.episodes["matched_on"].dt.day.nunique() > 20
