"""The page on falsification: its Python runs and gives what it shows, and it names every option."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from causalsig.study.falsification import Falsification

PAGE = (Path(__file__).parents[2] / "docs" / "falsification.md").read_text(encoding="utf-8")


def test_the_page_gives_what_it_shows() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    test = doctest.DocTestParser().get_doctest("".join(blocks), {}, "page", "falsification.md", 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)
    assert len(test.examples) > 10


def test_every_option_of_a_study_is_on_the_page() -> None:
    assert [name for name in Falsification.model_fields if f"`{name}`" not in PAGE] == []
