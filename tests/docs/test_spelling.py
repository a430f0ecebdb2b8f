"""Pages and texts are spelled as Debian's dictionaries of British English and Dutch have it.

A word that a dictionary does not have stands in `words-en.txt` or `words-nl.txt`: names of people, of
software and of the field. Pages in both languages may use either.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from causalsig.texts import catalogue

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
DUTCH = sorted(ROOT.glob("docs/*-nl.md"))
BOTH = sorted(ROOT.glob("docs/gates/*.md")) + [
    ROOT / f"docs/{name}.md"
    for name in ("glossary", "fields", "sources", "verify", "provenance", "causal-graph")
]
ENGLISH = sorted({*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")} - {*DUTCH, *BOTH})
UNSPOKEN = (
    r"^```.*?^```",
    r"<style.*?</style>",
    r"`[^`]*`",
    r"\]\([^)\s]*\)",
    r"https?:\S+",
    r"\{[^{}]*\}",
    r"<[^>\n]*>",
    r"\bdoi:?\s?\S+",
    r"\*[^*\s][^*\n]*\*(?!\*)(?<!\*\*)",
    r"\b[\w-]*(?:[/_.][\w-]+)+",
    r"\b\w*\d\w*",
    r"\b\w*[a-z][A-Z]\w*",
    r"--?[a-z][\w-]*",
)
"""Code, links, names of files and classes, and what is set in italics: words of another language."""


def prose(text: str) -> str:
    for mark in UNSPOKEN:
        text = re.sub(mark, " ", text, flags=re.DOTALL | re.MULTILINE)
    return text


def own_words(language: str) -> set[str]:
    return set((HERE / f"words-{language}.txt").read_text("utf-8").split())


def unknown(texts: Iterable[str], *languages: str) -> set[str]:
    """Return the words that no dictionary of these languages has, nor its list of ours."""
    dictionaries = ",".join({"en": "en_GB", "nl": "nl"}[language] for language in languages)
    done = subprocess.run(
        ["hunspell", "-i", "utf-8", "-d", dictionaries, "-l"],
        input="\n".join(prose(text) for text in texts),
        capture_output=True,
        text=True,
        check=True,
    )
    words = {word.strip("-'.").removesuffix("'s") for word in done.stdout.split()}
    known = {word for language in languages for word in own_words(language)}
    return {word for word in words if len(word) > 2 and word not in known}


def read(pages: Iterable[Path]) -> list[str]:
    return [page.read_text("utf-8") for page in pages]


@pytest.mark.spelling
def test_english_pages_and_texts_have_no_unknown_word() -> None:
    assert sorted(unknown([*read(ENGLISH), *catalogue("en").values()], "en")) == []


@pytest.mark.spelling
def test_dutch_pages_and_texts_have_no_unknown_word() -> None:
    assert sorted(unknown([*read(DUTCH), *catalogue("nl").values()], "nl")) == []


@pytest.mark.spelling
def test_pages_in_both_languages_have_no_unknown_word() -> None:
    assert sorted(unknown(read(BOTH), "en", "nl")) == []


@pytest.mark.spelling
def test_a_wrong_word_is_seen_in_either_language() -> None:
    assert unknown(["An estimte of the houshold, as in [a page](housholds.md) and `estimte`."], "en") == {
        "estimte",
        "houshold",
    }
    assert unknown(["Een huishoden met een achterstant."], "nl") == {"huishoden", "achterstant"}


@pytest.mark.parametrize("language", ["en", "nl"])
def test_no_word_of_ours_is_listed_that_no_page_or_text_has(language: str) -> None:
    pages = read({*ENGLISH, *BOTH} if language == "en" else {*DUTCH, *BOTH})
    said = " ".join([*pages, *catalogue(language).values()])
    assert [word for word in sorted(own_words(language)) if word not in said] == []
