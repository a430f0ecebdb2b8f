"""Hand-written pages speak of files, names and claims that are there; both languages say as much."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evidence.claim import all_claims

ROOT = Path(__file__).parents[2]
PAIRS = (("taking-part", "taking-part-nl"), ("dpia", "dpia-nl"))
STEPS = "extend"
METHODS = ("federated", "prediction", "why-counts", "time-zero", "doubly-robust", "few-sites", "retention")


def read(name: str) -> str:
    return (ROOT / f"docs/{name}.md").read_text("utf-8")


@pytest.mark.parametrize("name", [STEPS, "carry-on"])
def test_every_file_that_a_page_names_is_there(name: str) -> None:
    named = re.findall(r"`((?:causalsig|evidence|tests)/[\w/.]+)`", read(name))
    made_by_the_reader = {"causalsig/sources/NAME.py"}
    assert named
    assert [path for path in named if path not in made_by_the_reader and not (ROOT / path).exists()] == []


def test_every_name_of_the_code_that_the_steps_name_stands_in_a_file_they_name() -> None:
    """Each step is judged by itself: the name is in one of the files of the same step, or of its section."""
    missing, found = [], 0
    for section in read(STEPS).split("\n## ")[1:]:
        files = [ROOT / path for path in re.findall(r"`((?:causalsig|evidence)/[\w/.]+\.py)`", section)]
        code = "\n".join(path.read_text("utf-8") for path in files if path.exists())
        names = set(re.findall(r"`@?([A-Za-z_]*(?:[A-Z]|_)[A-Za-z_]*)`", section))
        found += len(names)
        missing += [name for name in names if not re.search(rf"\b{name}\b", code)]
    assert found > 10
    assert missing == []


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_the_same_parts(pair: tuple[str, str]) -> None:
    for mark in (r"^#+ ", r"^\|", r"^- ", r"^\d\. ", r"\*\*", r"\]\((?!privacy)"):
        first, second = (len(re.findall(mark, read(name), flags=re.MULTILINE)) for name in pair)
        assert first == second, mark


@pytest.mark.parametrize("name", METHODS)
def test_a_page_of_a_method_says_its_question_its_assumptions_and_its_evidence(name: str) -> None:
    text = read(name)
    assert "**The question.**" in text and "| looked at by |" in text
    _, evidence = text.split("**The evidence**")
    claims = re.findall(r"`([a-z-]+)`", evidence)
    assert claims and set(claims) <= set(all_claims())


@pytest.mark.parametrize("name", [*METHODS, *(name for pair in PAIRS for name in pair)])
def test_no_figure_is_typed_by_hand(name: str) -> None:
    """No decimals, shares or sizes: these pages point to where figures are made."""
    prose = re.sub(r"\[[^\]]*\]\([^)]*\)|Apache-2\.0|^\d\. ", "", read(name), flags=re.MULTILINE)
    assert re.findall(r"\d+[.,]\d+|\d+ ?%|\b\d{2,}\b", prose) == []
