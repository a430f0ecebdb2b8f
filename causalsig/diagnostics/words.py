"""Sentences of the diagnostics, Dutch and English: what a gate said, and where an arm is not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalsig.diagnostics.falsification import CONTROL, PLACEBO_OUTCOME, SUBSETS
from causalsig.texts import catalogue, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from causalsig.diagnosed import FalsificationRow, RegionCondition, UnusedRegion
    from causalsig.diagnostics.atlas import Region
    from causalsig.diagnostics.questions import Condition
    from causalsig.records import Verdict

PERCENT = frozenset({"gate-equipoise", "gate-positivity", "gate-follow-up"})
"""Gates whose figure is a share, shown in per cent."""
POINTS = frozenset({"gate-power"})
"""Gates whose figure is a difference of risks, shown in percentage points."""
WHOLE = frozenset(
    {"gate-effective-sample-size", "gate-known-failure", "gate-threshold-size", "gate-threshold-values"}
)


def verdict_sentence(verdict: Verdict, language: str = "nl") -> str:
    """Say in one sentence what a gate found: its figure, the threshold, and whether it passed.

    Parameters
    ----------
    verdict : Verdict
    language : {"nl", "en"}
    """
    outcome = "passed" if verdict.passed else "failed"
    return text(
        f"diagnostics.gate.{outcome}.{verdict.code}",
        language,
        figure=_figure(verdict.code, verdict.value, language),
        threshold=_figure(verdict.code, verdict.threshold, language),
        arm=_arm(verdict.arm, language) if verdict.arm is not None else "",
    )


def falsification_sentence(row: FalsificationRow, language: str = "nl") -> str:
    """Say in one sentence what an attempt to falsify found, and whether it warns.

    Parameters
    ----------
    row : FalsificationRow
    language : {"nl", "en"}
    """
    outcome = "passed" if row.passed else "failed"
    return text(
        f"diagnostics.gate.{outcome}.{row.code}",
        language,
        figure=_attempt_figure(row.code, row.figure, language),
        threshold=_attempt_figure(row.code, row.threshold, language),
        arm=_arm(row.arm, language),
        reference=_arm(row.reference, language),
    )


def has_sentence(verdict: Verdict, language: str = "nl") -> bool:
    """Say whether :func:`verdict_sentence` knows a verdict's code: a later version may have other gates."""
    outcome = "passed" if verdict.passed else "failed"
    return f"diagnostics.gate.{outcome}.{verdict.code}" in catalogue(language)


def region_sentence(region: Region | UnusedRegion, households: str, language: str = "nl") -> str:
    """Say where an arm is (almost) never used.

    Parameters
    ----------
    region : Region or UnusedRegion
    households : str
        Band of their number, as the reader is shown it ("100–299").
    language : {"nl", "en"}
    """
    return text(
        "diagnostics.atlas.region",
        language,
        arm=_arm(region.arm, language),
        conditions=conditions_words(region.conditions, language),
        households=households,
    )


def conditions_words(conditions: Iterable[Condition | RegionCondition], language: str = "nl") -> str:
    """Say for whom all of some conditions hold: "er huurachterstand is, en het bedrag ...".

    Parameters
    ----------
    conditions : iterable of Condition or RegionCondition
    language : {"nl", "en"}
    """
    between = text("diagnostics.atlas.and", language) + " "
    return between.join(_condition(condition, language) for condition in conditions)


def atlas_key(question: str) -> str:
    """Key of a column of 0 and 1 in the texts; months of the calendar share one."""
    name = question.split("=")[0] if question.startswith("calendar_month=") else question
    return name.replace(">=", "-from-").replace("=", "-").replace("+", "-plus")


def _condition(condition: Condition | RegionCondition, language: str) -> str:
    answer = "yes" if condition.holds else "no"
    key = f"diagnostics.atlas.{answer}.{atlas_key(condition.question)}"
    if key not in catalogue(language):
        # A column of a later study: its own name says more than nothing.
        key = f"diagnostics.atlas.{answer}.other"
    value = "" if condition.value is None else _whole(condition.value, language)
    month = condition.question.split("=")[1] if condition.question.startswith("calendar_month=") else ""
    return text(key, language, value=value, name=condition.question, month=month)


def _arm(arm: str, language: str) -> str:
    key = f"report.arm.{arm}.name"
    return text(key, language) if key in catalogue(language) else arm


def _figure(code: str, value: float, language: str) -> str:
    if code in PERCENT or code in POINTS:
        return _decimal(f"{100.0 * value:.1f}", language)
    if code in WHOLE:
        return _whole(value, language)
    return _decimal(f"{value:.2f}", language)


def _attempt_figure(code: str, value: float, language: str) -> str:
    if code == SUBSETS:
        return _decimal(f"{100.0 * value:.0f}", language)
    return _decimal(f"{value:.3f}" if code in (PLACEBO_OUTCOME, CONTROL) else f"{value:.2f}", language)


def _whole(value: float, language: str) -> str:
    written = f"{value:,.0f}"
    return written.replace(",", ".") if language == "nl" else written


def _decimal(written: str, language: str) -> str:
    return written.replace(".", ",") if language == "nl" else written
