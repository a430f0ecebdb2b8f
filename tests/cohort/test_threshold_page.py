"""The page on a municipality's own threshold: its Python runs, and it names every choice and every no."""

from __future__ import annotations

import doctest
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from causalsig.execution import crossed, crossed_block
from causalsig.moved import RouteName
from causalsig.study.crossing import Threshold
from causalsig.study.handling import SCORES, FlagName, Handling, HandlingRule
from causalsig.study.moving import Moving

PAGE = Path(__file__).parents[2] / "docs" / "thresholds-at-a-site.md"
TEXT = PAGE.read_text("utf-8")


def test_the_page_gives_what_it_shows() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False, verbose=False)
    assert found.attempted > 8
    assert found.failed == 0


def test_the_rule_on_the_page_is_one() -> None:
    toml = TEXT.split("```toml\n")[1].split("```")[0]
    (rule,) = tomllib.loads(toml)["sites"]["handling"]
    assert len(HandlingRule.model_validate(rule).all_steps) == 3


def test_the_choices_for_another_threshold_on_the_page_are_all_of_them() -> None:
    toml = TEXT.split("```toml\n")[2].split("```")[0]
    asked = tomllib.loads(toml)["questions"]["threshold"]
    names = {"outcomes": ["any_new_arrears_3m"], "primary_outcome": "any_new_arrears_3m"}
    told = Threshold.model_validate(asked | names)
    assert set(asked["moving"]) == set(Moving.model_fields)
    assert f"costs {told.moving.contact_cost('letter', 'home_visit', {}):g}." in TEXT
    for route in get_args(RouteName):
        assert f"`{route}`" in TEXT


@pytest.mark.parametrize("name", [*SCORES, *get_args(FlagName), *get_args(Handling)])
def test_every_score_and_handling_is_told(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize(
    "code",
    [crossed.RANK, crossed_block.ONE_SIDE, crossed_block.NO_CURVATURE, crossed_block.SEVERAL,
     crossed_block.TOO_FEW],
)  # fmt: skip
def test_every_no_of_a_threshold_is_told(code: str) -> None:
    assert f"`{code}`" in TEXT
