"""One word for one thing: the texts of both languages use the fixed terms, and no other word for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from causalsig.texts import catalogue
from evidence.glossary_page import terms

ROOT = Path(__file__).parents[2]
COMPARED = [term for term in terms() if "said" in term]
SHUNNED = sorted({word for term in terms() for word in term.get("not", ())})


def without(term: dict[str, Any]) -> set[str]:
    """Return the texts whose English uses the term and whose Dutch does not."""
    dutch = catalogue("nl")
    return {
        key
        for key, words in catalogue("en").items()
        if re.search(term["said"], words, re.IGNORECASE)
        and not re.search(term["gezegd"], dutch[key], re.IGNORECASE)
    }


@pytest.mark.parametrize("term", COMPARED, ids=[term["en"] for term in COMPARED])
def test_where_english_uses_a_term_dutch_uses_its_own(term: dict[str, Any]) -> None:
    """Texts that say it otherwise are named, and none is named that does not."""
    assert any(re.search(term["said"], words, re.IGNORECASE) for words in catalogue("en").values())
    assert without(term) == set(term.get("but", ()))


@pytest.mark.parametrize("word", SHUNNED)
def test_no_dutch_text_or_page_has_another_word_for_it(word: str) -> None:
    pages = {path.name: path.read_text("utf-8") for path in ROOT.glob("docs/*-nl.md")}
    texts = {**catalogue("nl"), **pages}
    assert len(pages) > 3
    assert [key for key, words in texts.items() if re.search(rf"\b{word}", words, re.IGNORECASE)] == []


def test_every_dutch_word_is_used_somewhere_in_the_dutch_texts_or_pages() -> None:
    pages = [path.read_text("utf-8") for path in ROOT.glob("docs/*-nl.md")]
    said = " ".join([*catalogue("nl").values(), *pages]).lower()
    words = [word.strip() for term in terms() for word in re.split("[,;]|: ", term["nl"])]
    assert len(words) > 30
    assert [word for word in words if word not in said] == []


def test_a_term_stands_once_and_says_its_meaning_in_both_languages() -> None:
    names = [term["en"] for term in terms()]
    assert len(set(names)) == len(names)
    assert [term["en"] for term in terms() if not (term["means"] and term["betekent"])] == []
