"""The page on invented municipalities names every figure they are held to, with its target."""

from __future__ import annotations

import re
from pathlib import Path

from causalsig.simulation.monitor import TARGETS

PAGE = Path(__file__).parents[2] / "docs" / "invented.md"


def test_every_target_stands_on_the_page_with_its_value_and_where_it_is_from() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (\S.*) \|$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    assert {name: float(value) for name, value, _ in rows} == TARGETS
