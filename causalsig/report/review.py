"""The page of an output checker: exactly what would leave, each value with the rule that lets it pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from causalsig.report.review_rows import ReviewRow, held_back, review_rows
from causalsig.report.words import Words

if TYPE_CHECKING:
    from causalsig.release.review import Review
    from causalsig.report.numbers import Language

NAMED_BY = 4
"""So many codes at most name a part: outcome, estimand, estimator and the like."""


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one field in a table: all have its meaning and its rule."""

    name: str
    row: ReviewRow


@dataclass(frozen=True, slots=True)
class Table:
    """Parts of one list that hold values only: a row each, a column each field."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[ReviewRow | None, ...], ...]


@dataclass(slots=True)
class Part:
    """One object of the document: its own values, its tables, and the objects in it."""

    place: str
    name: str
    rows: list[ReviewRow] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """Name for a link to it."""
        return "at-" + "".join(c if c.isalnum() else "-" for c in self.place or "document")

    def count(self) -> int:
        """Count the values in it."""
        own = len(self.rows) + sum(cell is not None for t in self.tables for row in t.rows for cell in row)
        return own + sum(part.count() for part in self.parts)


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """All that the template shows."""

    review: Review
    whole: Part
    held: tuple[tuple[str, str, str], ...]
    values: int


def review_page(review: Review, language: Language) -> ReviewPage:
    """Lay a review out: every value of its document once, in the order of the document."""
    words = Words(language, "release")
    rows = {row.place: row for row in review_rows(review.document, language)}
    whole = _part(review.document.model_dump(mode="json"), "", review.document.kind, rows)
    held = [(what, words.plain(f"rules.{rule}.title"), rule) for what, rule in held_back(review.document)]
    return ReviewPage(review, whole, tuple(held), len(rows))


def _part(value: dict[str, Any], place: str, name: str, rows: dict[str, ReviewRow]) -> Part:
    part = Part(place, name)
    for key, inner in value.items():
        at = f"{place}.{key}" if place else key
        if isinstance(inner, dict):
            part.parts.append(_part(inner, at, key, rows))
        elif isinstance(inner, list):
            _list(part, inner, at, key, rows)
        else:
            part.rows.append(rows[at])
    return part


def _list(part: Part, values: list[Any], place: str, key: str, rows: dict[str, ReviewRow]) -> None:
    """Add a list: as a table where its elements hold values only, else each as a part of its own."""
    if not values:
        return
    if any(isinstance(one, dict) and any(map(_nested, one.values())) for one in values):
        for at, one in enumerate(values):
            part.parts.append(_part(one, f"{place}[{at}]", _named(key, one, at), rows))
        return
    plain = not isinstance(values[0], dict)
    names = [""] if plain else list(dict.fromkeys(name for one in values for name in one))
    cells = [
        tuple(rows.get(f"{place}[{at}]{'.' if name else ''}{name}") for name in names)
        for at in range(len(values))
    ]
    first = [next(row[k] for row in cells if row[k] is not None) for k in range(len(names))]
    columns = tuple(Column(name or key, row) for name, row in zip(names, first, strict=True) if row)
    part.tables.append(Table(key, columns, tuple(cells)))


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _named(key: str, value: dict[str, Any], at: int) -> str:
    codes = [str(one) for one in value.values() if isinstance(one, str)]
    return f"{key} {at + 1}: {', '.join(codes[:NAMED_BY])}" if codes else f"{key} {at + 1}"


def measure(row: ReviewRow) -> str:
    """Write the unit and the grid of a value, where it has them."""
    return "; ".join(part for part in (row.field.unit, row.field.grid) if part != "-")


def shown(value: Any) -> str:
    """Write a value as it stands in the document: a dash for none, quotes where a code is empty."""
    if value is None or value == "":
        return "–" if value is None else '""'
    return str(value).lower() if isinstance(value, bool) else str(value)


def meant(row: ReviewRow) -> str:
    """Write what a value stands for, where that is another number; else nothing."""
    return "" if row.stands_for is None else f"{row.stands_for:.4g}"


def parts_of(whole: Part) -> Iterator[tuple[int, Part]]:
    """Yield a part and all parts in it, with how deep they lie."""
    stack = [(0, whole)]
    while stack:
        depth, part = stack.pop()
        yield depth, part
        stack += [(depth + 1, inner) for inner in reversed(part.parts)]
