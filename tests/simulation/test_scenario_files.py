from __future__ import annotations

from pathlib import Path

import pytest

from causalsig.errors import SimulationError
from causalsig.simulation import TRAP_NAMES, list_scenarios, load_scenario, scenario_names


def changed(tmp_path: Path, old: str, new: str) -> Path:
    import causalsig.simulation

    packaged = Path(causalsig.simulation.__file__).parent / "scenarios" / "base.toml"
    text = packaged.read_text("utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new), "utf-8")
    return path


def written(tmp_path: Path, text: str, name: str = "mine.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_every_packaged_scenario_loads_under_every_effect_and_says_what_it_is_for():
    asked = {"ignorable", "hidden_stress", "null", "modest", "fading", "subgroup", "harmful", "heterogeneous"}
    asked |= {"one_giant_site", "tiny_sites", "threshold_change", "waves", "base", "clean"}
    assert set(scenario_names()) == asked
    sentences = dict(list_scenarios())
    assert len(set(sentences.values())) == len(asked)
    for name in scenario_names():
        assert load_scenario(name).name == name
        assert sentences[name].endswith(".")
        null = load_scenario(name, effect="null").hazard_ratios
        assert (null.written, null.reached, null.accepted) == (1.0, 1.0, 1.0)
        assert load_scenario(name, effect="harmful").hazard_ratios.accepted > 1.0


def test_ignorable_knows_no_hidden_cause_and_is_otherwise_the_base():
    law, base = load_scenario("ignorable"), load_scenario("base")
    assert set(base.traps.on) - set(law.traps.on) == {"hidden_stress", "retention", "acceptance_coding"}
    assert law.resolved().traps.hidden_stress.score == 0.0
    assert law.resolved().traps.hidden_stress.reach == 1.0
    assert not law.resolved().traps.hidden_stress.by_stress
    assert (law.care, law.acceptance, law.effects) == (base.care, base.acceptance, base.effects)
    own = {"successive_months": 6, "slope_home_visit": base.assignment.slope_home_visit}
    assert law.assignment.model_copy(update=own) == base.assignment


def test_an_inheriting_file_changes_what_it_says_and_replaces_shares_whole(tmp_path: Path):
    text = """name = "mine"
about = "A country of one policy."
base = "ignorable"
[care]
late_share = 0.4
[sites.policies]
amsterdam = 1.0
"""
    mine, base = load_scenario(written(tmp_path, text)), load_scenario("ignorable")
    assert mine.care.late_share == 0.4
    assert mine.care.model_copy(update={"late_share": base.care.late_share}) == base.care
    assert mine.sites.policies == {"amsterdam": 1.0}
    child = written(tmp_path, 'name = "child"\nabout = "Of mine."\nbase = "mine.toml"\n', "child.toml")
    assert load_scenario(child).sites.policies == {"amsterdam": 1.0}
    assert load_scenario(child).name == "child"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("late_share = 0.5", "late_share = 0.5\ngossip = 1", "care.gossip.*Known here: .*reach_phone"),
        ("reach_phone = 0.36", "reach_fone = 0.36", "Did you mean 'reach_phone'"),
        ("reach_phone = 0.36", "reach_fone = 0.36", r"\(1 more after this one\)"),
        ("reach_phone = 0.36", "reach_phone = nan", "care.reach_phone: expected a finite number"),
        ("slope_phone = 0.8", "slope_phone = inf", "assignment.slope_phone: expected a finite number"),
        ("intercept = ", "intercept = nan #", "acceptance.intercept: expected a finite number"),
        ("repeat_refused = [0.05, 0.60]", "repeat_refused = [0.9, 0.1]", "begins above its end"),
        ("2026-06-30", "1999-12-31", "Take one of 2021 to 2099"),
        ("late_share = 0.5", "late_share = 0.9", "exceed 1"),
        ("late_share = 0.5", 'late_share = "half"', "care.late_share"),
        ("reach_phone = 0.36", "reach_phone = 1.35", "care.reach_phone"),
        ("full = 0.4", "full = 0.5", "do not add to 1"),
        ("letter_first = 0.35", "letter_first = 0.45", "do not add to 1"),
        ("2026-06-30", "2026-06-29", "last day of a month"),
        ('effect = "modest"', 'effect = "enormous"', "effect"),
        ("[care]", "[care", "not TOML"),
        ('name = "base"', 'name = "base"\nbase = "mine.toml"', "each other's base"),
        ('name = "base"', 'name = "base"\nbase = 3', "something else"),
        ('about = "The country as the monitor describes it, with help that works a little."', "", "about"),
    ],
)
def test_a_bad_scenario_says_where_and_how_to_mend_it(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(SimulationError, match=message) as caught:
        load_scenario(changed(tmp_path, old, new))
    assert caught.value.exit_code == 2
    assert caught.value.code == "simulation-scenario"
    assert caught.value.mend.endswith((".", "?"))


@pytest.mark.parametrize(
    ("old", "new"), [('"severity",', '"gossip",'), ("[traps.retention]", "[traps.gossip]")]
)
def test_an_unknown_trap_is_an_error_that_lists_the_traps(tmp_path: Path, old: str, new: str):
    with pytest.raises(SimulationError) as caught:
        load_scenario(changed(tmp_path, old, new))
    assert all(name in str(caught.value) for name in TRAP_NAMES)
    with pytest.raises(SimulationError, match="canaries") as switched:
        load_scenario("base").switch(on=["gossip"])  # type: ignore[list-item]
    assert switched.value.code == "simulation-trap"


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("changes_on = 2025-01-01", "go together"),
        ('kind = "rank"\nchanges_on = 2025-01-01\namount_eur_after = 100.0', "no amount that changes"),
        ("amount_eur = -1.0", "threshold_rule.amount_eur"),
    ],
)
def test_a_trap_of_an_impossible_size_is_an_error(tmp_path: Path, size: str, message: str):
    text = f'name = "mine"\nabout = "Bad."\nbase = "ignorable"\n[traps.threshold_rule]\n{size}\n'
    with pytest.raises(SimulationError, match=message):
        load_scenario(written(tmp_path, text))


def test_a_scenario_that_is_not_there_names_those_that_are():
    with pytest.raises(SimulationError, match="hidden_stress, ignorable"):
        load_scenario("no-such-scenario")


def test_the_order_of_switches_means_nothing():
    law = load_scenario("clean")
    one = law.switch(on=("pause", "movers", "outage")).switch(off=("movers",))
    two = law.switch(on=("outage",)).switch(on=("pause",))
    assert one == two
    assert one.resolved().traps.movers.monthly == 0.0
    assert one.traps.movers.monthly > 0.0, "the size stays, for when it is switched on again"
