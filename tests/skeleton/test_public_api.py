"""The public names and their signatures are those that were written down."""

from __future__ import annotations

from evidence.public_api import GOLDEN, MODULES, lines, page


def test_every_room_has_names_and_each_is_listed_once() -> None:
    found = lines()
    assert len(set(found)) == len(found) > 150
    assert {module for module in MODULES if not any(one.startswith(f"{module}.") for one in found)} == set()
    assert any(one.startswith("causalsig.meta.random_effects(estimates, variances") for one in found)


def test_they_are_what_was_written_down() -> None:
    told = "what is gone or takes other arguments breaks who uses it; see docs/versions.md"
    assert page() == GOLDEN.read_text("utf-8"), told
