"""What the threat model says is tested has a test of that name."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_threat_model_names_is_there() -> None:
    text = (ROOT / "docs/threat-model.md").read_text("utf-8")
    named = set(re.findall(r"`(test_[a-z_]+)`", text))
    there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(named) > 15
    assert named - there == set()


def test_both_languages_have_the_same_parts() -> None:
    """The Dutch page is the English one in another language: as many heads, tables, lists and commands."""
    pages = [(ROOT / f"docs/{name}.md").read_text("utf-8") for name in ("privacy", "privacy-nl")]
    for mark in (r"^#+ ", r"^\|", r"^- ", r"^\d\. ", r"`causalsig"):
        counts = [len(re.findall(mark, page, flags=re.MULTILINE)) for page in pages]
        assert counts[0] == counts[1], mark
