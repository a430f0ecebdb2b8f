"""The page on attacks is what the attacks and the results make of it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_results() -> None:
    from evidence.attacks_page import PAGE, render
    from evidence.record import read_all

    assert (ROOT / PAGE).read_text("utf-8") == render(read_all(ROOT)), (
        "write it again: python -m evidence page"
    )
