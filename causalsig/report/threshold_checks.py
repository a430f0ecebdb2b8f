"""Whether a threshold may be believed, on its municipality's page: each check, and why there is no effect."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig.diagnostics.words import has_sentence, verdict_sentence
from causalsig.report import threshold_words as said
from causalsig.report import views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.records import Verdict
    from causalsig.report.pages import OwnGates
    from causalsig.report.words import Words

ADVICE = frozenset({"gate-density"})
"""Checks whose failing holds nothing back."""


def check_sections(words: Words, gates: Sequence[OwnGates]) -> list[views.Section]:
    """Tell the checks of every threshold that was checked."""
    return [_section(words, one, number) for number, one in enumerate(gates, start=1) if one.verdicts]


def _section(words: Words, gates: OwnGates, number: int) -> views.Section:
    at = said.cutoff(words, gates.score, gates.cutoff)
    reasons = [said.code_title(words, code) for code in gates.reasons]
    return views.Section(
        "threshold-checks" if number == 1 else f"threshold-checks-{number}",
        words("threshold.checks.title", cutoff=at),
        paragraphs=(words("checks.intro"),),
        checks=tuple(_check(words, verdict, gates) for verdict in gates.verdicts),
        after=(words("threshold.checks.withheld"),) if reasons else (),
        bullets=tuple(reasons),
    )


def _check(words: Words, verdict: Verdict, gates: OwnGates) -> views.Check:
    code = verdict.code.removeprefix("gate-")
    name = words(f"threshold.checks.{code}") if words.has(f"threshold.checks.{code}") else None
    sentence: Markup | str = words(f"check.other.{'passed' if verdict.passed else 'failed'}")
    if isfinite(verdict.value) and has_sentence(verdict, words.language):
        sentence = Markup.escape(verdict_sentence(verdict, words.language))
    elif words.has(f"threshold.checks.{code}-size"):
        form = "size" if verdict.passed else "small"
        sentence = words(f"threshold.checks.{code}-{form}", limit=round(verdict.threshold))
    noted = verdict.code in ADVICE or (code == "heaping" and gates.donut)
    label = "passed" if verdict.passed else "noted" if noted else "failed"
    return views.Check(
        name or words("check.other.name"),
        verdict.passed,
        words("threshold.checks.noted") if label == "noted" else words(f"checks.{label}"),
        sentence,
    )
