"""The page on the generator is what the results and the package make of it."""

from __future__ import annotations

from pathlib import Path

from causalsig.simulation import TRAP_NAMES, scenario_names
from causalsig.simulation.calibration import targets

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_results() -> None:
    from evidence.generator_page import PAGE, render
    from evidence.record import read_all

    page = (ROOT / PAGE).read_text("utf-8")
    assert page == render(read_all(ROOT)), "write it again: python -m evidence page"
    named = [*scenario_names(), *TRAP_NAMES]
    assert all(f"`{name}`" in page for name in named)
    assert all(target.name in page for target in targets())
