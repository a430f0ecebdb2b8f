"""The Dutch and the English catalogue hold the same texts, and a missing one is loud."""

from __future__ import annotations

import re
import string

import pytest

from causalsig.texts import LANGUAGES, catalogue, text


def names_in(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    dutch, english = set(catalogue("nl")), set(catalogue("en"))
    assert dutch
    assert dutch - english == set(), "without English"
    assert english - dutch == set(), "without Dutch"


def test_both_languages_use_the_same_values() -> None:
    english = catalogue("en")
    differ = [
        key for key, words in catalogue("nl").items() if names_in(words) != names_in(english.get(key, ""))
    ]
    assert differ == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_unnamed(language: str) -> None:
    for key, words in catalogue(language).items():
        assert words.strip() == words and words, key
        assert all(name.isidentifier() for name in names_in(words)), key


def test_a_code_has_a_title_and_an_explanation() -> None:
    parts: dict[str, set[str]] = {}
    for key in catalogue("nl"):
        if key.startswith("codes."):
            _, code, part = key.split(".")
            parts.setdefault(code, set()).add(part)
    assert all(found == {"title", "explanation"} for found in parts.values()), parts


def test_dutch_calls_the_compared_groups() -> None:
    """An arm is a "groep": "de armen" are the poor, and these texts are about people with debts."""
    quoted = re.compile(r'\{[^}]*\}|"arm"')
    poor = re.compile(r"\barm(en)?\b", re.IGNORECASE)
    assert [key for key, words in catalogue("nl").items() if poor.search(quoted.sub("", words))] == []


def test_dutch_is_the_default() -> None:
    assert text("codes.exit-3.title") == "Geweigerd" == text("codes.exit-3.title", "nl")


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"no text 'codes\.nothing' in catalogue 'nl'"):
        text("codes.nothing")


def test_an_unknown_language_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected a language of nl, en; got 'de'"):
        text("codes.exit-3.title", "de")
