"""A threshold's effect in words: what is compared, how much, and how sure; one municipality's or a pool's."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig.report import views
from causalsig.report.effects import SCALE, Shown
from causalsig.report.numbers import decimal
from causalsig.report.words import Words
from causalsig.texts import catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.crossed import ReleasedThreshold
    from causalsig.crossed_pooled import PooledCurve, PooledThresholdRow
    from causalsig.report.pages import OutcomeSpec

PER_1000 = frozenset({"any", "count"})
"""Kinds of outcome that are shown per 1,000; days and euros are shown as they are."""


def scale_of(kind: str) -> float:
    """Say what an outcome of this kind is multiplied by on a page."""
    return SCALE if kind in PER_1000 else 1.0


def own_effect(block: ReleasedThreshold, level: float) -> Shown:
    """Give a municipality's effect with its interval; with a bound of bias the honest one."""
    from causalsig.meta import honest_effects

    variance = block.std_error**2 + block.steps**2 / 12.0
    found = honest_effects([block.estimate], [variance], [block.bias_bound or 0.0], level=level)
    scale = scale_of(block.kind)
    return Shown(
        scale * found.estimate, scale * found.conf_low, scale * found.conf_high, scale * found.std_error
    )


def pooled_effect(row: PooledThresholdRow) -> Shown | None:
    """Give a pooled effect with its interval; None where it has none."""
    if not (isfinite(row.conf_low) and isfinite(row.conf_high)):
        return None
    scale = scale_of(row.kind)
    known = isfinite(row.prediction_low) and isfinite(row.prediction_high)
    return Shown(
        scale * row.estimate,
        scale * row.conf_low,
        scale * row.conf_high,
        scale * row.std_error,
        sites=row.sites,
        prediction=(scale * row.prediction_low, scale * row.prediction_high) if known else None,
    )


def same_comparison(row: PooledThresholdRow, block: ReleasedThreshold) -> bool:
    """Say whether a pool compares what a municipality's own effect does."""
    names = ("outcome", "estimand", "below", "above", "score")
    alike = all(getattr(row, name) == getattr(block, name) for name in names)
    return alike and row.honest == (block.bias_bound is not None)


def handling(words: Words, code: str) -> Markup:
    """Name what a rule lets follow."""
    return words(f"threshold.handling.{code}")


def code_title(words: Words, code: str) -> Markup:
    """Say a code in a sentence: the title that every code has."""
    title = catalogue(words.language).get(f"codes.{code}.title")
    return words.reason(code) if title is None else Markup("{}.").format(title)


def cutoff(words: Words, score: str, value: float) -> Markup:
    """Write a cutoff with its unit."""
    digits = 0 if value == round(value) else 2
    return words(f"threshold.cutoff.{score}", value=decimal(value, words.language, digits))


def outcome(words: Words, specs: Sequence[OutcomeSpec], code: str, *, first_in_line: bool = False) -> Markup:
    """Name an outcome as the study defines it; by its code where the study has it no more."""
    found = next((spec for spec in specs if spec.outcome == code), None)
    name = Markup.escape(code) if found is None else views.outcome_name(words, found)
    return name if first_in_line else name[:1].lower() + name[1:]


def difference(words: Words, shown: Shown, kind: str) -> Markup:
    """Say how much, with its interval, and what that allows one to say."""
    unit = words(f"threshold.unit.{'per-1000' if kind in PER_1000 else kind}")
    first = words(
        "threshold.difference",
        amount=Markup("<strong>{}</strong>").format(words.amount(shown.estimate)),
        interval=words.interval(shown.low, shown.high),
        unit=unit,
    )
    if kind not in PER_1000:
        return first
    return Markup(" ").join((first, words(f"certain.{views.verdict_of(shown)}")))


def axis(words: Words, specs: Sequence[OutcomeSpec], code: str, kind: str) -> str:
    """Name what a plot's height shows."""
    name = str(outcome(words, specs, code, first_in_line=True).unescape())
    return f"{name}{words.plain('threshold.axis-per-1000')}" if kind in PER_1000 else name


def doubling(words: Words, curve: PooledCurve) -> Markup:
    """Say how the effect goes with the cutoff."""
    scale = scale_of(curve.kind)
    low, high = scale * curve.doubling_low, scale * curve.doubling_high
    form = "rises" if low > 0.0 else "falls" if high < 0.0 else "unclear"
    ends = (decimal(end, words.language, signed=True) for end in (low, high))
    change = decimal(scale * curve.doubling, words.language, signed=True)
    low_words, high_words = ends
    return words(f"threshold.curve.{form}", change=change, low=low_words, high=high_words)
