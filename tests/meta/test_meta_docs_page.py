"""The page on the meta-analysis does what it shows."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/meta-analysis.md"


def test_the_page_does_what_it_shows() -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    # One after another in one namespace, as a reader would.
    page = doctest.DocTestParser().get_doctest("".join(blocks), {}, "meta-analysis.md", str(PAGE), 0)
    assert len(page.examples) > 20
    printed: list[str] = []
    found = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(page, out=printed.append)
    assert not found.failed, "".join(printed)
