"""The pages that people read, and the browser they are opened in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from causalsig.report.render import fairness_html, inside_html, municipality_html, national_html
from tests.report import fairness_factory as grouped
from tests.report import page_factory as made
from tests.report.inside_factory import site_json

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
HOSTILE = "<img src=//x.invalid onerror=alert(1)>Ongeloofwaardiglangegemeentenaam"
ACCESSIBILITY = (Path(__file__).parent / "accessibility.js").read_text(encoding="utf-8")
"""What breaks a rule of WCAG 2.2 AA that a program can decide."""
PAGES = {
    "municipality": lambda: municipality_html(made.estimated()),
    "english": lambda: municipality_html(made.estimated(), "en"),
    "tiny": lambda: municipality_html(made.tiny()),
    "refused": lambda: municipality_html(made.refused()),
    "hostile": lambda: municipality_html(made.estimated(name=HOSTILE)),
    "groups": lambda: fairness_html(grouped.estimated()),
    "national": lambda: national_html(made.national()),
    "sites": lambda: national_html(made.national(sites=True)),
    "inside": lambda: inside_html(site_json(), version="0.1.0"),
}


@contextmanager
def started() -> Iterator[Any]:
    """Start Debian's Chromium, without a network."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


def written(folder: Path, kind: str) -> str:
    """Write a page to a file, and give its address."""
    file = folder / "page.html"
    file.write_text(PAGES[kind](), encoding="utf-8")
    return file.as_uri()
