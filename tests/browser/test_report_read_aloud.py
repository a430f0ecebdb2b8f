"""By keyboard and by screen reader: the order of the page, every name once, and nothing that is hidden."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.opened_pages import PAGES, started, written

pytestmark = pytest.mark.browser

PHONE, LAPTOP = {"width": 360, "height": 740}, {"width": 1366, "height": 768}
LINKS = "[...document.querySelectorAll('a')].map(e => e.getAttribute('href'))"
FOCUSED = (
    "[document.activeElement.getAttribute('href'), getComputedStyle(document.activeElement).outlineStyle]"
)
TOPS = """() => [...document.querySelectorAll('.part, .part > :is(h2, h3, p, table, figure)')]
  .map(e => e.getBoundingClientRect().top)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as browser:
        yield browser


def told(page: Any) -> list[tuple[str, str]]:
    """Give what a screen reader comes by, in its order: what each thing is, and its name."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}
    found: list[tuple[str, str]] = []

    def walk(node: dict[str, Any]) -> None:
        if not node.get("ignored"):
            found.append((node["role"]["value"], " ".join(node.get("name", {}).get("value", "").split())))
        for child in node.get("childIds", ()):
            if child in by_id:
                walk(by_id[child])

    walk(nodes[0])
    return found


@pytest.mark.parametrize("kind", PAGES)
def test_the_keyboard_goes_through_the_page_in_its_order_and_shows_where_it_is(
    browser: Any, tmp_path: Path, kind: str
) -> None:
    page = browser.new_page(viewport=LAPTOP)
    page.goto(written(tmp_path, kind))
    links = page.evaluate(LINKS)
    reached = []
    for _ in links:
        page.keyboard.press("Tab")
        href, outline = page.evaluate(FOCUSED)
        reached.append(href)
        assert outline == "solid"
    assert reached == links and links[0] == "#answer" and len(links) == len(set(links))
    page.close()


def test_the_first_link_goes_past_what_is_above_the_answer(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page(viewport=PHONE)
    page.goto(written(tmp_path, "municipality"))
    page.keyboard.press("Tab")
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#answer") and page.locator("#answer").bounding_box()["y"] < PHONE["height"] / 4
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('nav') !== null")
    page.close()


@pytest.mark.parametrize("screen", [PHONE, LAPTOP], ids=["phone", "laptop"])
@pytest.mark.parametrize("kind", PAGES)
def test_a_screen_reader_meets_the_page_as_the_eye_does(
    browser: Any, tmp_path: Path, kind: str, screen: dict[str, int]
) -> None:
    page = browser.new_page(viewport=screen)
    page.goto(written(tmp_path, kind))
    found = told(page)
    roles = [role for role, _ in found]
    landmarks = [
        role for role in roles if role in ("complementary", "banner", "main", "navigation", "contentinfo")
    ]
    expected = ["complementary"] if page.locator(".banner").count() else []
    assert landmarks == [*expected, "banner", "main", "navigation", "contentinfo"]
    headings = [name for role, name in found if role == "heading"]
    seen = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(e => e.textContent)")
    assert headings == [" ".join(name.split()) for name in seen]
    # One of each figure's two layouts is there, by name; the other is not read twice.
    images = [name for role, name in found if role in ("img", "image")]
    assert len(images) == page.locator("figure").count() and all(images)
    tables = [name for role, name in found if role == "table"]
    captions = page.evaluate("[...document.querySelectorAll('caption')].map(e => e.textContent)")
    assert tables == [" ".join(name.split()) for name in captions]
    cells = page.locator("thead th, tbody th, tbody td:not(.empty)").count()
    assert sum(role in ("cell", "columnheader", "rowheader") for role in roles) >= cells
    tops = page.evaluate(TOPS)
    assert tops == sorted(tops)
    page.close()
