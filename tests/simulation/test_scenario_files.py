from __future__ import annotations

from pathlib import Path

import pytest

from causalsig.errors import SimulationError
from causalsig.simulation import load_scenario, scenario_names


def changed(tmp_path: Path, old: str, new: str) -> Path:
    import causalsig.simulation

    packaged = Path(causalsig.simulation.__file__).parent / "scenarios" / "ignorable.toml"
    text = packaged.read_text("utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new), "utf-8")
    return path


def test_every_packaged_scenario_loads_under_every_effect():
    assert scenario_names() == ("hidden_stress", "ignorable")
    for name in scenario_names():
        assert load_scenario(name).name == name
        null = load_scenario(name, effect="null").hazard_ratios
        assert (null.written, null.reached, null.accepted) == (1.0, 1.0, 1.0)
        assert load_scenario(name, effect="harmful").hazard_ratios.accepted > 1.0


def test_ignorable_knows_no_hidden_cause():
    law = load_scenario("ignorable")
    assert law.assignment.stress == 0.0
    assert law.care.reach_factor_in_stress == 1.0
    assert not law.acceptance.by_stress


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("late_share = 0.5", "late_share = 0.5\ngossip = 1", "care.gossip"),
        ("late_share = 0.5", "late_share = 0.9", "exceed 1"),
        ("late_share = 0.5", 'late_share = "half"', "care.late_share"),
        ("reach_phone = 0.35", "reach_phone = 1.35", "care.reach_phone"),
        ("full = 0.4", "full = 0.5", "do not add to 1"),
        ("2026-06-30", "2026-06-29", "last day of a month"),
        ('effect = "modest"', 'effect = "enormous"', "effect"),
        ("[care]", "[care", "not TOML"),
    ],
)
def test_a_bad_scenario_says_where_and_how_to_mend_it(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(SimulationError, match=message) as caught:
        load_scenario(changed(tmp_path, old, new))
    assert caught.value.exit_code == 2
    assert "packaged scenario" in str(caught.value)


def test_a_scenario_that_is_not_there_names_those_that_are():
    with pytest.raises(SimulationError, match="hidden_stress, ignorable"):
        load_scenario("no-such-scenario")
