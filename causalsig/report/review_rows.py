"""Each value that would leave, with what it means, what it stands for, and the rule that lets it pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from causalsig.release import grid
from causalsig.release.kinds import FIELDS
from causalsig.release.paths import leaves
from causalsig.texts import catalogue

if TYPE_CHECKING:
    from causalsig.release.crossed_entries import ThresholdsEntry
    from causalsig.release.fields import Field
    from causalsig.release.kinds import SiteDocument

IN_STEPS = (".mean", ".value", ".scale", ".estimate")
PARTS_OF: Mapping[str, float] = {"twentieths": 20.0, "tenths": 10.0}
PARTS_BY_GRID: Mapping[str, float] = {"0.01": 100.0, "0.001": 1000.0}


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One value of a document.

    Attributes
    ----------
    place, path : str
        Where it stands, and the same without indices.
    value : str, int, bool or None
        As it would leave.
    field : Field
        Meaning, unit, grid and rule.
    rule : str
        The rule's title in a language, or "code list", "keyed hash", "public".
    stands_for : float or None
        The number that it is read as, where that is another one.
    """

    place: str
    path: str
    value: Any
    field: Field
    rule: str
    stands_for: float | None


def review_rows(document: SiteDocument, language: str) -> tuple[ReviewRow, ...]:
    """Give every value of a document, in its order."""
    titles = catalogue(language)
    values = {place: (path, value) for place, path, value in leaves(document.model_dump(mode="json"))}
    rows = []
    for place, (path, value) in values.items():
        field = FIELDS[document.kind][path]
        rule = titles.get(f"release.rules.{field.rule}.title", field.rule)
        rows.append(ReviewRow(place, path, value, field, rule, _decoded(place, field, values)))
    return tuple(rows)


def held_back(document: SiteDocument) -> list[tuple[str, str]]:
    """List what does not leave, with the rule, whatever the kind of document."""
    if document.kind != "estimates":
        return [(held.table.replace("_", " "), held.rule) for held in document.suppressions]
    told = [
        (
            ", ".join(part for part in (question.question, held.outcome, held.estimand, what) if part),
            held.rule,
        )
        for question in document.questions
        for held in question.suppressions
        for what in ("" if held.what == "block" else held.what,)
    ]
    return told + [row for entry in document.thresholds for row in _held_thresholds(entry)]


def _held_thresholds(entry: ThresholdsEntry) -> list[tuple[str, str]]:
    """List what does not leave of thresholds, and of what other ones would do."""
    rows = []
    for crossing in entry.crossings:
        name = f"threshold, {crossing.score} {crossing.cutoff.value:g}"
        rows += [(name, rule) for rule in crossing.held]
        rows += [(f"{name}, moved to {one.percent} %", one.held) for one in crossing.moves if one.held]
    return rows


def _decoded(place: str, field: Field, values: Mapping[str, tuple[str, Any]]) -> float | None:
    """Give the number that steps, digits or parts stand for."""
    value = values[place][1]
    if value is None or isinstance(value, bool | str):
        return None
    exponent = values.get(f"{place}_exponent")
    if exponent is not None:
        decode = grid.from_steps if place.endswith(IN_STEPS) else grid.from_two_digits
        return None if exponent[1] is None else decode(value, exponent[1])
    if place.endswith(".effective_size"):
        return grid.from_half_doublings(value)
    parts = PARTS_OF.get(field.unit) or PARTS_BY_GRID.get(field.grid)
    if parts is None and place.endswith("_per_mille"):
        parts = 1000.0
    return None if parts is None else value / parts
