"""Every link of the docs leads somewhere, and no page asks the network for anything."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import markdown
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<(?:a|img)\s[^>]*(?:href|src)=\"([^\"]+)\"")
FETCHED = re.compile(r"!\[[^\]]*\]\(https?:|<(?:img|script|link|iframe|source)\b[^>]*https?:", re.IGNORECASE)


@cache
def anchors(page: Path) -> frozenset[str]:
    made = markdown.Markdown(extensions=["toc", "attr_list", "tables", "fenced_code"]).convert(prose(page))
    return frozenset(re.findall(r'\bid="([^"]+)"', made))


def prose(page: Path) -> str:
    return page.read_text("utf-8")


def links(text: str) -> list[str]:
    without_code = re.sub(r"^```.*?^```|`[^`\n]*`(?!\])", "", text, flags=re.DOTALL | re.MULTILINE)
    return [first or second for first, second in LINK.findall(without_code)]


def broken(page: Path) -> list[str]:
    wrong = []
    for link in links(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


def test_every_link_leads_to_a_file_and_a_heading_that_are_there() -> None:
    assert len(PAGES) > 60
    assert sum(len(links(prose(page))) for page in PAGES) > 300
    assert {page.name: wrong for page in PAGES if (wrong := broken(page))} == {}


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A head\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#a-head) [b](none.md) [c](other.md#no) `[d](none.md)` [e](#here)\n\n# Here\n"
    )
    assert broken(page) == ["none.md", "other.md#no"]


def test_no_page_fetches_anything_from_the_network() -> None:
    assert [page.name for page in PAGES if FETCHED.search(prose(page))] == []


def test_every_page_is_in_the_navigation_or_named_as_outside_it() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    listed: set[str] = set()

    def walk(item: object) -> None:
        if isinstance(item, str):
            listed.add(item)
        for inner in item.values() if isinstance(item, dict) else item if isinstance(item, list) else ():
            walk(inner)

    walk(config["nav"])
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    outside = {page for page in pages - listed if re.fullmatch(r"gates/gate-.*\.md", page)}
    assert pages - listed - outside == set()
    assert listed - pages == set()
