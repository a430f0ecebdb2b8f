"""On paper: tables are tables, nothing is cut off or comes from the dark, and each sheet says what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.opened_pages import ACCESSIBILITY, PAGES, started, written

pytestmark = pytest.mark.browser

PAPER = {"width": 673, "height": 986}
"""What the margins leave of A4, in CSS pixels."""
SHEETS = 8
"""Most that a municipality's page may take."""
TABLES = """() => [...document.querySelectorAll('table')].map(table => [
  getComputedStyle(table).display, getComputedStyle(table.tHead).display,
  getComputedStyle(table.tHead).clipPath, getComputedStyle(table.rows[1]).breakInside,
  table.tHead.getBoundingClientRect().height > 10,
].join())"""
OUTSIDE = """width => [...document.querySelectorAll('body *')].filter(e =>
  !e.closest('.skip') && e.getClientRects().length && e.getBoundingClientRect().right > width + 1
).map(e => e.tagName + ': ' + e.textContent.slice(0, 40))"""
DRAWN = """() => [...document.querySelectorAll('figure.plot:not(.single)')].map(figure =>
  [...figure.querySelectorAll('svg')].filter(svg => svg.getClientRects().length).length)"""
ADDRESS = """() => {
  const [first] = document.querySelectorAll('main p');
  first.innerHTML = '<a id="out" href="https://doi.org/10.1/x">paper</a> <a id="in" href="#answer">up</a>';
  return ['out', 'in'].map(id => getComputedStyle(document.getElementById(id), '::after').content);
}"""
SAID = """() => [...document.styleSheets[0].cssRules].filter(rule => rule instanceof CSSPageRule)
  .map(rule => rule.cssText).join(' ')"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as browser:
        yield browser


@pytest.fixture
def paper(browser: Any) -> Iterator[Any]:
    """Give a sheet that is printed from a screen in the dark."""
    page = browser.new_page(color_scheme="dark", viewport=PAPER)
    yield page
    page.close()


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_prints_whole_and_light_with_headed_tables(paper: Any, tmp_path: Path, kind: str) -> None:
    paper.goto(written(tmp_path, kind))
    dark = paper.evaluate("getComputedStyle(document.body).backgroundColor")
    paper.emulate_media(media="print", color_scheme="dark")
    assert dark != paper.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert set(paper.evaluate(TABLES)) == {"table,table-header-group,none,avoid,true"}
    assert paper.evaluate(OUTSIDE, PAPER["width"]) == []
    assert set(paper.evaluate(DRAWN)) <= {1}
    found = [broken for broken in paper.evaluate(ACCESSIBILITY) if broken.startswith("contrast")]
    assert found == []


def test_a_link_that_leads_out_of_the_page_is_printed_with_its_address(paper: Any, tmp_path: Path) -> None:
    paper.goto(written(tmp_path, "municipality"))
    assert paper.evaluate(ADDRESS) == ["none", "none"]
    paper.emulate_media(media="print")
    out, within = paper.evaluate(ADDRESS)
    assert "https://doi.org/10.1/x" in out and within == "none"


@pytest.mark.parametrize(("kind", "said"), [("municipality", "Demo"), ("sites", "Demo · Niet openbaar")])
def test_every_sheet_has_its_number_and_its_marking(paper: Any, tmp_path: Path, kind: str, said: str) -> None:
    paper.goto(written(tmp_path, kind))
    rules = paper.evaluate(SAID)
    assert f'"{said}"' in rules and "counter(page)" in rules and "counter(pages)" in rules


def test_a_municipalitys_page_takes_few_sheets_and_is_read_aloud_from_paper_too(
    paper: Any, tmp_path: Path
) -> None:
    paper.goto(written(tmp_path, "municipality"))
    made = paper.pdf(prefer_css_page_size=True, tagged=True)
    sheets = len(re.findall(rb"/Type /Page\b(?!s)", made))
    assert made.startswith(b"%PDF") and 3 <= sheets <= SHEETS
    tags = re.findall(rb"/S /(\w+)", made)
    assert tags.count(b"H1") == 1 and tags.count(b"Figure") >= 3
    assert tags.count(b"Table") == paper.locator("table").count()
