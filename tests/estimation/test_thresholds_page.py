"""The page on thresholds: its Python runs, from top to bottom, and gives what it shows."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import causalsig.diagnostics.threshold_gates as gates

PAGE = Path(__file__).parents[2] / "docs" / "thresholds.md"


def test_the_page_gives_what_it_shows() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False, verbose=False)
    assert found.attempted > 20
    assert found.failed == 0


def test_every_gate_is_on_the_page() -> None:
    codes = {v for v in vars(gates).values() if isinstance(v, str) and v.startswith("gate-")}
    assert codes == set(re.findall(r"`(gate-[a-z-]+)` \|", PAGE.read_text(encoding="utf-8")))
