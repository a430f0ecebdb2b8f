"""The page on the instrument and the bounds: its Python runs, from top to bottom, and gives what it shows."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from causalsig.texts import text

PAGE = Path(__file__).parents[2] / "docs" / "instrument-and-bounds.md"


def test_the_page_gives_what_it_shows():
    content = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", content, flags=re.DOTALL | re.MULTILINE)
    names, tried, said = {}, 0, []
    runner = doctest.DocTestRunner(verbose=False)
    for place, block in enumerate(blocks):
        test = doctest.DocTestParser().get_doctest(block, names, f"block {place}", str(PAGE), 0)
        runner.run(test, out=said.append, clear_globs=False)
        names = test.globs
        tried += len(test.examples)
    assert not runner.failures, "".join(said)
    assert tried > 25


@pytest.mark.parametrize(
    "code", re.findall(r"^\| `([a-z-]+-[a-z-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
)
def test_every_code_on_the_page_exists(code):
    assert text(f"codes.{code}.title", "en")
