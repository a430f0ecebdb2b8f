"""The page on thresholds of several municipalities: its Python runs, and gives what it shows."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "thresholds-together.md"


def test_the_page_gives_what_it_shows() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False, verbose=False)
    assert found.attempted > 10
    assert found.failed == 0
