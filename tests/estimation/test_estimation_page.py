"""The page on the estimators: its Python runs, from top to bottom, and gives what it shows."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from causalsig import estimation

PAGE = Path(__file__).parents[2] / "docs" / "estimation.md"


def blocks():
    return re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def test_the_page_gives_what_it_shows():
    names, tried = {}, 0
    runner = doctest.DocTestRunner(verbose=False)
    said = []
    for place, block in enumerate(blocks()):
        test = doctest.DocTestParser().get_doctest(block, names, f"block {place}", str(PAGE), 0)
        runner.run(test, out=said.append, clear_globs=False)
        names = test.globs
        tried += len(test.examples)
    assert not runner.failures, "".join(said)
    assert tried > 20


@pytest.mark.parametrize("name", [n for n in estimation.__all__ if n[0].islower()])
def test_every_estimator_is_on_the_page(name):
    assert re.search(rf"\b{name}\b", PAGE.read_text(encoding="utf-8"))
