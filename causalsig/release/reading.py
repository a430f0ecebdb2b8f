"""What every value of a document says: the number that its steps or digits stand for, and the rule it passed.

`causalsig release review` reads this, in a terminal and as HTML, so that both show the same. Which grid a
value is on is told by the table of fields; the step is told by the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from causalsig.release import grid
from causalsig.release.beside_entries import noise_step
from causalsig.release.crossed_entries import DISTANCE_EXPONENT, BinEntry, mean_exponent, share_exponent
from causalsig.release.fields import Field
from causalsig.release.kinds import FIELDS, SiteDocument
from causalsig.release.paths import leaves
from causalsig.release.pool_fields import POOL
from causalsig.release.registry import judged

if TYPE_CHECKING:
    from causalsig.release.crossed_entries import ThresholdsEntry

TABLES: Final[Mapping[str, Mapping[str, Field]]] = MappingProxyType({**FIELDS, "pool": POOL})
"""Every exported field by kind of document and path."""
_INDEX: Final = re.compile(r"\[\d+\]")
_STEPPED: Final = ("smallest power of two", "a quarter of the standard error", "at least a quarter")
_DIGITS: Final = "two significant digits"
_ROOTS, _ROOTS_UP = "power of √2", "power of √2, rounded up"
_PARTS: Final[Mapping[str, int]] = MappingProxyType(
    {"twentieths": 20, "tenths": 10, "per mille": 1000, "half per cents": 200, "thousandths": 1000}
    | {"0.01": 100, "0.01, rounded up": 100, "0.001": 1000, "1/256": 256}
)
"""Whole numbers of so many parts of one, by unit or by grid."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a document.

    Attributes
    ----------
    place : str
        Where it stands, with indices: ``questions[0].analyses[2].arms[1].mean``.
    path : str
        Where it stands in the table of fields, ``[]`` for every element of a list.
    value : str, int, bool or None
        As it leaves.
    field : Field
        Meaning, unit, grid and rule.
    stands_for : float or None
        What steps, digits or parts stand for, in the field's unit; None where the value says it itself.
    """

    place: str
    path: str
    value: Any
    field: Field
    stands_for: float | None


def read_leaves(document: Mapping[str, Any]) -> tuple[Leaf, ...]:
    """Read every value of a dumped document of whatever kind, in its order.

    Parameters
    ----------
    document : mapping
        ``model_dump(mode="json")`` of a valid document.
    """
    fields = TABLES[document["kind"]]
    found = list(leaves(document))
    values = {place: value for place, _, value in found}
    return tuple(
        Leaf(place, path, value, fields[path], _stands_for(place, fields[path], values))
        for place, path, value in found
    )


def judged_lists(places: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """List what rules judged the entries of every list that has some: codes by place of the list, in order.

    Parameters
    ----------
    places : iterable of str
        Of a document's values, in their order.
    """
    lists = (place[: found.start()] for place in places for found in _INDEX.finditer(place))
    return {one: codes for one in dict.fromkeys(lists) if (codes := judged(one))}


def held_back(document: SiteDocument) -> tuple[tuple[str, str], ...]:
    """List what does not leave, as (what, code of the rule), whatever the kind of document."""
    if document.kind != "estimates":
        return tuple((held.table.replace("_", " "), held.rule) for held in document.suppressions)
    told = []
    for question in document.questions:
        for held in question.suppressions:
            what = "" if held.what == "block" else held.what
            parts = (question.question, held.outcome, held.estimand, what)
            told.append((", ".join(part for part in parts if part), held.rule))
    return (*told, *(row for entry in document.thresholds for row in _held_thresholds(entry)))


def _held_thresholds(entry: ThresholdsEntry) -> list[tuple[str, str]]:
    """List what does not leave of thresholds, and of what other ones would do."""
    rows = []
    for crossing in entry.crossings:
        name = f"threshold, {crossing.score} {crossing.cutoff.value:g}"
        rows += [(name, rule) for rule in crossing.held]
        rows += [(f"{name}, moved to {one.percent} %", one.held) for one in crossing.moves if one.held]
    return rows


def _stands_for(place: str, field: Field, values: Mapping[str, Any]) -> float | None:
    value = values[place]
    above, _, name = place.rpartition(".")
    if isinstance(value, bool) or not isinstance(value, int) or name.endswith("exponent"):
        return None
    if ".bins[" in place and name in ("distance", "mean", "taken_up"):
        return grid.from_steps(value, _step_of_bin(above, name, values))
    if field.grid == _ROOTS:
        return grid.from_half_doublings(value)
    if field.grid == _ROOTS_UP:
        return grid.from_half_doublings(-value)
    if name == "difference":
        return grid.from_steps(value, noise_step(values[f"{above}.noise"]))
    exponent = _exponent(place, values)
    if exponent is not None and field.grid.startswith(_DIGITS):
        return grid.from_two_digits(value, exponent)
    if exponent is not None and field.grid.startswith(_STEPPED):
        return grid.from_steps(value, exponent)
    parts = 1000 if name.endswith("_per_mille") else _PARTS.get(field.unit) or _PARTS.get(field.grid)
    return None if parts is None else value / parts


def _exponent(place: str, values: Mapping[str, Any]) -> int | None:
    """Find the exponent of a value: its own beside it, else that of the nearest part that it stands in."""
    own: int | None = values.get(f"{place}_exponent")
    above = place
    while own is None and above:
        above = above.rpartition(".")[0]
        own = values.get(f"{above}.exponent" if above else "exponent")
    return own


def _step_of_bin(place: str, name: str, values: Mapping[str, Any]) -> int:
    """Give e of the step 2^e of a bin's number, which follows from what stands beside it."""
    if name == "distance":
        return DISTANCE_EXPONENT[values[f"{place.rpartition('.bins[')[0]}.scale"]]
    if name == "taken_up":
        return share_exponent(values[f"{place}.episodes"])
    return mean_exponent(BinEntry(**{part: values[f"{place}.{part}"] for part in BinEntry.model_fields}))
