"""Pictures of every page that people read, of a demo's pages: for the docs, and whole ones to look at.

``python -m evidence.pictures DEMO`` writes what `docs/reports.md` shows; with ``--look FOLDER`` also each
page from top to bottom, as a phone, a laptop, a dark screen and paper show it. DEMO is the folder of
``causalsig demo``. Needs Debian's Chromium.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evidence.claim import ROOT

CHROMIUM: Final = "/usr/bin/chromium"
SHOWN: Final = ROOT / "docs" / "assets"
LAPTOP, PHONE = (1000, 900), (360, 1100)
COLOURS: Final = 64
"""Of a picture in the docs: pages are of few colours, and the site is to stay small."""
STUDY: Final = "vroegsignalering"
"""The packaged study that the demo runs."""
SCREENS: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    "laptop": (1280, {}),
    "phone": (360, {}),
    "dark": (820, {"color_scheme": "dark"}),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the docs: which page, how wide and high, and from which heading on."""

    name: str
    page: str
    size: tuple[int, int]
    begin: str | None = None


PICTURES: Final = (
    Picture("report-municipality", "municipality", LAPTOP),
    Picture("report-municipality-phone", "municipality", PHONE),
    Picture("report-national", "national", LAPTOP),
    Picture("report-national-sites", "sites", (1000, 780), "#sites-accepted-help-title"),
    Picture("report-threshold", "sites", (1000, 760), "#threshold-site-1-title"),
    Picture("report-inside", "inside", LAPTOP),
    Picture("report-review", "review", LAPTOP),
    Picture("report-flow", "flow", LAPTOP),
    Picture("report-refused", "refused", LAPTOP),
)


def pages(demo: Path, folder: Path) -> dict[str, Path]:
    """Write the pages that the demo does not write itself, and tell where each is."""
    keys, pool, outbox = demo / "keys", demo / "university" / "pool.json", demo / "provider" / "outbox"
    sites = sorted((demo / "provider" / "sites").iterdir())
    answered, refused = _first(sites, "estimated"), _first(sites, "refused")
    found = {name: folder / f"{name}.html" for name in ("sites", "inside", "review")}
    _causalsig(
        *("report", "national", pool, "--keys", keys, "--releases", outbox, "--study", STUDY),
        *("--sites", "--language", "en", "--demo", "--output", found["sites"]),
    )
    _causalsig("report", "site", answered / "site.json", "--language", "en", "--output", found["inside"])
    _causalsig("release", "review", answered, "--html", found["review"])
    _causalsig(
        *("study", "flow", STUDY, outbox, "--keys", keys, "--pool", pool, "--out", folder / "flow"),
        *("--language", "en", "--demo"),
    )
    municipal = demo / "reports" / "gemeenten"
    return found | {
        "municipality": municipal / f"{answered.name}.html",
        "refused": municipal / f"{refused.name}.html",
        "national": demo / "reports" / "landelijk.html",
        "flow": folder / "flow" / "flow.html",
    }


def draw(found: dict[str, Path], into: Path) -> Iterator[Path]:
    """Write the pictures of the docs."""
    with _started() as browser:
        for picture in PICTURES:
            width, height = picture.size
            with _opened(browser, found[picture.page], width, height) as page:
                if picture.begin is not None:
                    page.evaluate("at => document.querySelector(at).scrollIntoView()", picture.begin)
                yield _small(page.screenshot(), into / f"{picture.name}.png")


def look(found: dict[str, Path], into: Path) -> Iterator[Path]:
    """Write every page from top to bottom, as each screen and paper show it."""
    into.mkdir(parents=True, exist_ok=True)
    with _started() as browser:
        for name, path in found.items():
            for kind, (width, options) in SCREENS.items():
                with _opened(browser, path, width, 900, **options) as page:
                    yield _small(page.screenshot(full_page=True), into / f"{name}-{kind}.png")
            with _opened(browser, path, 820, 900) as page:
                page.pdf(path=str(into / f"{name}.pdf"), prefer_css_page_size=True)
                yield into / f"{name}.pdf"


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures and print where they are."""
    parser = argparse.ArgumentParser(prog="python -m evidence.pictures", description=__doc__)
    parser.add_argument("demo", type=Path, help="folder of a finished `causalsig demo`")
    parser.add_argument("--look", type=Path, help="folder for whole pages, as each screen shows them")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = pages(options.demo, Path(folder))
        for path in draw(found, SHOWN):
            print(path.relative_to(ROOT))
        for path in look(found, options.look) if options.look else ():
            print(path)
    return 0


def _first(sites: list[Path], status: str) -> Path:
    """Find the first site whose first question came to this."""
    for site in sites:
        if json.loads((site / "review.json").read_bytes())["document"]["questions"][0]["status"] == status:
            return site
    raise SystemExit(f"pictures: expected a site with a question {status}; found none: make a larger demo")


def _causalsig(*arguments: object) -> None:
    command = Path(sys.executable).with_name("causalsig")
    subprocess.run([str(command), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _started() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def _opened(browser: Any, path: Path, width: int, height: int, **options: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": width, "height": height}, **options)
    page.goto(path.as_uri())
    yield page
    page.close()


def _small(picture: bytes, path: Path) -> Path:
    from PIL import Image

    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


if __name__ == "__main__":
    sys.exit(main())
