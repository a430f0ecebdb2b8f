"""The table of the docs that says which format carries what, made from the readers' own table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from causalsig.sources.carries import CARRIES
from causalsig.sources.formats import FORMATS
from causalsig.sources.schema import TABLES
from evidence import page
from evidence.claim import ROOT

PAGE: Final = "docs/sources.md"
WORDS: Final = {
    "exact": "yes",
    "euro": "whole euros",
    "named": "other name",
    "first": "first signal",
    "derived": "follows",
    "no": "–",
}
SHORT: Final = {
    "xxllnc_2026": "workbook 2026",
    "xxllnc_flat": "flat sheet",
    "ddas": "DDAS",
    "canonical": "tables",
    "database": "database",
}


def table() -> str:
    """Give formats as columns and canonical columns as rows; those carried alike share a row."""
    names = [name for name in SHORT if name in FORMATS]
    rows = []
    for part, columns in TABLES.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for column in columns:
            words = tuple(WORDS[CARRIES[name][part, column]] for name in names)
            alike.setdefault(words, []).append(f"`{column}`")
        for words, together in alike.items():
            carried = dict(zip((SHORT[name] for name in names), words, strict=True))
            rows.append({"table": part, "columns": ", ".join(together), **carried})
    return page.table(rows)


def render(text: str) -> str:
    """Put the table between its marks on the page."""
    return page.spliced(text, table())


def write(root: Path = ROOT) -> Path:
    """Write the table of the page anew."""
    path = root / PAGE
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path
