"""What a study says of other cutoffs: bounds, prices and room, and how what cannot be is turned away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from causalsig_cli.app import main
from pydantic import ValidationError

from causalsig.study.models import Study
from causalsig.study.moving import Moving
from causalsig.study.read import read_study

PRICES = {"letter": 2.0, "home_visit": 40.0, "taken_up": 25.0}


def test_the_default_study_declares_its_bounds_and_prices() -> None:
    asked = read_study("vroegsignalering").questions.threshold
    assert asked is not None
    moving = asked.moving
    assert moving.curvature is not None and moving.slope_bound is not None and moving.capacity is None
    # The bound of the mean is that of a logistic curve with log-odds of one a doubling; see the study.
    assert moving.curvature == pytest.approx(1 / (0.6931**2 * 6 * 3**0.5), abs=0.001)
    for below, above in (("none", "taken_up"), ("letter", "phone"), ("phone", "home_visit")):
        cost = moving.contact_cost(below, above, {})
        assert cost is not None and cost > 0.0


@pytest.mark.parametrize(
    ("below", "above", "cost"),
    [
        ("none", "home_visit", 40.0),
        ("letter", "home_visit", 38.0),  # the letter is saved
        ("home_visit", "none", 40.0),  # whom crossing leaves alone costs nothing
        ("home_visit", "letter", None),  # nothing more is spent
        ("letter", "letter", None),
        ("none", "phone", None),  # not priced
    ],
)
def test_a_contact_costs_what_it_is_more_than_the_other(below: str, above: str, cost: float | None) -> None:
    priced = Moving.model_validate({"costs_eur": PRICES})
    assert priced.contact_cost(below, above, {"phone": 9.0}) == cost


def test_without_prices_those_of_the_rules_are_read() -> None:
    assert Moving().contact_cost("letter", "phone", {"letter": 1.0, "phone": 9.0}) == 8.0
    assert Moving().contact_cost("none", "taken_up", {"phone": 9.0}) is None


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"moving": {"curvature": 0.0}}, "greater than 0"),
        ({"moving": {"effect_curvature": -0.1}}, "greater than or equal to 0"),
        ({"moving": {"slope_bound": 0.0}}, "greater than 0"),
        ({"moving": {"capacity": 0.0}}, "greater than 0"),
        ({"moving": {"costs_eur": {"phone": -1.0}}}, "what a contact costs"),
        ({"moving": {"costs_eur": {"none": 1.0}}}, "letter"),
        ({"moving": {"bend": 0.2}}, "not permitted"),
        ({"candidates": [0.333]}, "two decimals"),
    ],
)
def test_what_cannot_be_is_mended(change: Any, mend: str) -> None:
    whole = read_study("vroegsignalering").model_dump(mode="json")
    whole["questions"]["threshold"] |= change
    with pytest.raises(ValidationError, match=mend):
        Study.model_validate(whole)


def test_every_choice_is_described_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for name, field in Moving.model_json_schema()["properties"].items():
        assert field["description"], name
    with pytest.raises(SystemExit):
        main(["study", "show"])
    text = capsys.readouterr().out
    assert "50%, 75%, 150%, 200%" in text and "mean bends by 0.2" in text and "home_visit 40" in text
    with pytest.raises(SystemExit):
        main(["study", "show", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["questions"]["threshold"]["moving"]["slope_bound"] == 0.1
