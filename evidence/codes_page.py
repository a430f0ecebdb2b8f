"""The pages of codes: all of them in both languages, and of each gate what to do when it says no."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from causalsig_cli.explain import known_codes

from causalsig.study.models import Study
from causalsig.texts import catalogue
from evidence.claim import ROOT
from evidence.page import table
from evidence.reference_page import models

ALL: Final = {"en": "docs/codes.md", "nl": "docs/codes-nl.md"}
GATES: Final = "docs/gates"
WORDS: Final = ROOT / "evidence/gate_words.toml"
_HEADS: Final = {
    "en": """# Every code

Made from the texts that `causalsig explain CODE` prints, by `python -m evidence page`; nobody edits it.
[In het Nederlands](codes-nl.md). Of a gate there is [a page that says what to do](gates/index.md).
""",
    "nl": """# Elke code

Gemaakt van de teksten die `causalsig explain CODE --language nl` toont, met `python -m evidence page`;
niemand bewerkt deze pagina. [In English](codes.md). Van elke poort is er [een bladzijde die zegt wat te
doen](gates/index.md).
""",
}
_COLUMNS: Final = {"en": ("code", "title", "what it means"), "nl": ("code", "titel", "wat het betekent")}
_GATES_HEAD: Final = """# When a gate says no · Als een poort nee zegt

A gate looks at who got what before an effect is believed. That one says no is a normal outcome: it is a
finding about the data, and it leaves in the release. **Never loosen a threshold of a study after its
outcomes were seen.** What can be changed is the next study, the source, or what is concluded. One page
a gate; `causalsig explain CODE` has the short text. Which gate is judged how:
[diagnostics](../diagnostics.md), [falsification](../falsification.md) and
[thresholds](../thresholds.md).

Een poort kijkt wie wat kreeg, voordat een effect wordt geloofd. Dat een poort nee zegt, is een gewone
uitkomst: het zegt iets over de gegevens. **Maak een drempel van een onderzoek nooit ruimer nadat
uitkomsten gezien zijn.**

"""
_EFFECTS: Final = {
    "withholds": (
        "No effect of this question, or of this estimand, is computed or shown.",
        "Van deze vraag, of van dit gemiddelde, wordt geen effect berekend of getoond.",
    ),
    "unpooled": (
        "The figures of this site do not enter the pool.",
        "De cijfers van deze gemeente tellen niet mee in het geheel.",
    ),
    "unshown": (
        "The figures enter the pool; by themselves they are not shown.",
        "De cijfers tellen mee in het geheel; los daarvan worden ze niet getoond.",
    ),
    "warns": (
        "The answer stands, with this remark beside it.",
        "Het antwoord blijft staan, met deze opmerking erbij.",
    ),
}


def gate_codes() -> list[str]:
    """Return the codes of gates."""
    return [code for code in known_codes() if code.startswith("gate-")]


def words() -> dict[str, dict[str, Any]]:
    """Read what is written by hand of each gate: its effect, the study's keys it reads, and what to do."""
    return tomllib.loads(WORDS.read_text("utf-8"))


def render_all(language: str) -> str:
    """Write the page of all codes in one language."""
    names = _COLUMNS[language]
    parts = [_HEADS[language]]
    for room, codes in groupby(known_codes(), key=lambda code: code.split("-")[0]):
        rows = [
            dict(zip(names, (f"`{code}`", *_text(code, language)), strict=True)) for code in codes
        ]  # fmt: skip
        parts.append(f"\n## {room}\n\n{table(rows)}")
    return "".join(parts)


def _text(code: str, language: str) -> tuple[str, str]:
    entries = catalogue(language)
    return entries[f"codes.{code}.title"], " ".join(entries[f"codes.{code}.explanation"].split())


def render_gate(code: str) -> str:
    """Write the page of one gate, in both languages."""
    own = words()[code]
    parts = [f"# {code}\n"]
    for at, language in enumerate(("en", "nl")):
        title, explanation = _text(code, language)
        parts.append(f"\n## {title}\n\n{explanation}\n\n**{_EFFECTS[own['effect']][at]}**\n")
        parts.append(f"\n{('What to do', 'Wat te doen')[at]}:\n\n")
        parts += [f"{number}. {line}\n" for number, line in enumerate(own[language], 1)]
    if own["keys"]:
        defaults = {key: value for key, value in study_defaults().items() if key in own["keys"]}
        rows = [{"key of the study": f"`{key}`", "default": f"`{defaults[key]}`"} for key in own["keys"]]
        parts.append(f"\n## What it is judged by\n\n{table(rows)}\n[Every key](../keys.md).\n")
    return "".join(parts)


def study_defaults() -> dict[str, object]:
    """Return the default of every key of a study that has one, by its path."""
    return {
        f"{path}{name}": field.get_default(call_default_factory=False)
        for model, (path, *_) in models(Study).items()
        for name, field in model.model_fields.items()
        if not field.is_required()
    }


def render_index() -> str:
    """Write the page that lists the gates."""
    rows = [
        {
            "gate": f"[`{code}`]({code}.md)",
            "title": _text(code, "en")[0],
            "titel": _text(code, "nl")[0],
            "what it does": _EFFECTS[words()[code]["effect"]][0],
        }
        for code in gate_codes()
    ]
    return _GATES_HEAD + table(rows)


def files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield every page with its content."""
    for language, page in ALL.items():
        yield root / page, render_all(language)
    yield root / GATES / "index.md", render_index()
    for code in gate_codes():
        yield root / GATES / f"{code}.md", render_gate(code)
