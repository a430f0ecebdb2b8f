"""The page of fixed terms in both languages, made from one list that a test holds against the texts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from evidence.claim import ROOT
from evidence.page import table

PAGE: Final = "docs/glossary.md"
WORDS: Final = ROOT / "evidence/glossary.toml"
_HEAD: Final = """# Words, in English and Dutch

Made from `evidence/glossary.toml` by `python -m evidence page`; nobody edits it. Pages, reports and codes use
these words for these things, and a test compares the texts of both languages.

"""


def terms() -> list[dict[str, Any]]:
    """Return the fixed terms, by their English name."""
    found = tomllib.loads(WORDS.read_text("utf-8"))["term"]
    return sorted(found, key=lambda term: str(term["en"]))


def render() -> str:
    """Write the page."""
    columns = {"English": "en", "Nederlands": "nl", "means": "means", "betekent": "betekent"}
    return _HEAD + table([{name: term[key] for name, key in columns.items()} for term in terms()])


def files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield the page."""
    yield root / PAGE, render()
