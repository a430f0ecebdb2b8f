"""The page on the diagnostics: its Python runs, from top to bottom, and gives what it shows."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "diagnostics.md"


def test_the_page_gives_what_it_shows() -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    runner = doctest.DocTestRunner(verbose=False)
    names: dict[str, object] = {}
    said: list[str] = []
    tried = 0
    for place, block in enumerate(blocks):
        test = doctest.DocTestParser().get_doctest(block, names, f"block {place}", str(PAGE), 0)
        runner.run(test, out=said.append, clear_globs=False)
        names = test.globs
        tried += len(test.examples)
    assert not runner.failures, "".join(said)
    assert tried > 40
