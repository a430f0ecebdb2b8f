"""In a browser, on a phone and a laptop: nothing clipped, nothing sideways, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.opened_pages import ACCESSIBILITY, PAGES, started, written

pytestmark = pytest.mark.browser

SCREENS = {"phone": (360, 740), "tablet": (800, 1100), "laptop": (1366, 768)}
CLIPPED = """() => [...document.querySelectorAll('body *')].filter(e => {
  const style = getComputedStyle(e);
  if (style.clipPath !== 'none' || style.display === 'inline') return false;
  if (e.closest('thead') || e.closest('svg')) return false;
  const hides = ['hidden', 'clip'].includes(style.overflowX) || style.textOverflow === 'ellipsis';
  return hides && e.scrollWidth > e.clientWidth;
}).map(e => e.tagName + '.' + e.className)"""
OUTSIDE = """() => [...document.querySelectorAll('svg text')].filter(e => {
  const svg = e.closest('svg');
  if (!svg.getBoundingClientRect().width) return false;
  const box = e.getBoundingClientRect(), frame = svg.getBoundingClientRect();
  return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
    || box.bottom > frame.bottom + 1;
}).map(e => e.textContent)"""
OVERLAPPING = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
  const boxes = [...svg.querySelectorAll('text')].map(e => [e.getBoundingClientRect(), e.textContent]);
  return boxes.flatMap(([a, x], i) => boxes.slice(i + 1).filter(([b]) =>
    a.width && b.width && a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 3 && b.top < a.bottom - 3
  ).map(([, y]) => x + ' | ' + y));
})"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll('svg text')].map(e => {
  const svg = e.closest('svg'), width = svg.getBoundingClientRect().width;
  return width ? parseFloat(getComputedStyle(e).fontSize) * width / svg.viewBox.baseVal.width : 99;
}))"""
READABLE = 10.5
"""Smallest size of drawn text in CSS pixels: that of an axis label on a phone, still larger than in print."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as browser:
        yield browser


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SCREENS[request.param]


@pytest.fixture(params=PAGES)
def opened(
    request: pytest.FixtureRequest, browser: Any, screen: tuple[int, int], tmp_path: Path
) -> Iterator[Any]:
    """Open a page, with what it logged and asked for."""
    address = written(tmp_path, request.param)
    context = browser.new_context(viewport={"width": screen[0], "height": screen[1]})
    page = context.new_page()
    page.logged, page.asked = [], []
    page.on("console", lambda message: page.logged.append(message.text))
    page.on("pageerror", lambda error: page.logged.append(str(error)))
    page.on("request", lambda asked: page.asked.append(asked.url))
    page.goto(address)
    yield page
    context.close()


def test_a_page_reads_well_on_this_screen(opened: Any, screen: tuple[int, int]) -> None:
    width, client = opened.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert width <= client, "scrolls sideways"
    assert opened.evaluate(CLIPPED) == []
    assert opened.evaluate(OUTSIDE) == []
    assert opened.evaluate(OVERLAPPING) == []
    assert opened.evaluate(SMALLEST) >= READABLE
    for selector in ("h1", ".lead"):
        box = opened.locator(selector).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= screen[1], (
            f"{selector} is not on the first screen"
        )
    assert opened.logged == []
    assert [url for url in opened.asked if not url.startswith("file:")] == []
    assert len(opened.asked) == 1


def test_the_interval_stands_on_the_first_screen_and_a_name_runs_nothing(
    browser: Any, tmp_path: Path
) -> None:
    address = written(tmp_path, "hostile")
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(address)
    assert "30 minder tot 6 meer" in page.locator(".lead").inner_text().replace("\u00a0", " ")
    assert page.locator("img").count() == 0
    assert page.locator("h1").inner_text().count("<img") == 1
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", PAGES)
def test_no_rule_of_accessibility_is_broken(browser: Any, tmp_path: Path, kind: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    address = written(tmp_path, kind)
    page = browser.new_page(color_scheme=scheme)
    page.goto(address)
    assert page.evaluate(ACCESSIBILITY) == []
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
    page.close()


def test_a_broken_page_is_seen_to_be_broken(browser: Any) -> None:
    page = browser.new_page()
    page.set_content(
        '<main><h1 style="color:#aaa;background:#fff">Grey</h1><h3>Skipped</h3><a href="#x"></a>'
        "<table><tr><th>No scope</th></tr></table><svg role='img'></svg></main>"
    )
    told = " ".join(page.evaluate(ACCESSIBILITY))
    for rule in ("contrast", "skips a level", "link without", "without a caption", "scope", "figure without"):
        assert rule in told
    page.close()
