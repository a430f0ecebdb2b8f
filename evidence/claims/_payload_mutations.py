"""Documents that held every rule, with a value or two changed: what an edited release would be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from causalsig.release.build import read_model
from causalsig.release.kinds import read_site_document
from causalsig.release.pool_document import PoolDocument
from causalsig.release.strict_json import canonical
from causalsig.release.value_types import Closed
from evidence.claims._payload_grids import BANDS
from evidence.claims._payload_oracle import objects
from evidence.claims._payload_sealed import MODELS

if TYPE_CHECKING:
    from random import Random

Document = dict[str, Any]
_OTHERS: Final[Mapping[str, type[Closed]]] = {"pool": PoolDocument, **MODELS}
"""Documents that are not of the kinds a site releases."""
TEXTS: Final = (
    "Mevrouw Jansen",
    "letter",
    "other",
    "ATE",
    "release-cell-floor",
    "2026-01",
    "",
    "a" * 64,
    "0.1",
    "zqvogel",
    "mw_jansen",
    "HIV",
    "9417.3260.5",
    "codes_signals_vogel",
)
NUMBERS: Final = (0, 1, -1, 9, 10, 19, 20, -20, 29, 30, 99, 100, 1000, 10_001, 2**53, 10**6)


def _places(document: Document, fits: Callable[[Any], bool]) -> list[tuple[Any, Any]]:
    """Every (container, key) whose value fits."""
    found: list[tuple[Any, Any]] = []
    todo: list[Any] = [document]
    while todo:
        one = todo.pop()
        pairs = one.items() if isinstance(one, dict) else enumerate(one)
        for key, value in pairs:
            if fits(value):
                found.append((one, key))
            if isinstance(value, dict | list):
                todo.append(value)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _put(draw: Random, document: Document, fits: Callable[[Any], bool], make: Callable[[Any], Any]) -> bool:
    places = _places(document, fits)
    if places:
        container, key = draw.choice(places)
        container[key] = make(container[key])
    return bool(places)


def _number(draw: Random, document: Document) -> bool:
    def make(value: int) -> int:
        return draw.choice(
            (value + 1, value - 1, value * 2, -value, value + draw.randint(-9, 9), draw.choice(NUMBERS))
        )

    return _put(draw, document, _is_number, make)


def _band(draw: Random, document: Document) -> bool:
    names = list(BANDS)
    return _put(
        draw, document, lambda value: isinstance(value, str) and value in BANDS, lambda _: draw.choice(names)
    )


def _flag(draw: Random, document: Document) -> bool:
    return _put(draw, document, lambda value: isinstance(value, bool), lambda value: not value)


def _text(draw: Random, document: Document) -> bool:
    return _put(draw, document, lambda value: isinstance(value, str), lambda _: draw.choice(TEXTS))


def _other(draw: Random, document: Document) -> bool:
    """Put what stands elsewhere in the document under the same key, or nothing, or a number with a point."""
    holders = list(objects(document))
    one = draw.choice(holders)
    key = draw.choice(list(one))
    same = [other[key] for other in holders if key in other]
    chosen: Any = draw.choice((draw.choice(same), draw.choice(same), draw.choice(same), None, 0.5, []))
    one[key] = json.loads(json.dumps(chosen))  # a copy: what holds it may be a part of it
    return True


def _drop(draw: Random, document: Document) -> bool:
    lists = [
        container[key] for container, key in _places(document, lambda v: isinstance(v, list) and bool(v))
    ]
    if lists:
        one = draw.choice(lists)
        del one[draw.randrange(len(one))]
    return bool(lists)


def _repeat(draw: Random, document: Document) -> bool:
    lists = [
        container[key] for container, key in _places(document, lambda v: isinstance(v, list) and bool(v))
    ]
    if lists:
        one = draw.choice(lists)
        one.insert(draw.randrange(len(one) + 1), json.loads(json.dumps(draw.choice(one))))
    return bool(lists)


def _status(draw: Random, document: Document) -> bool:
    fits = ("estimated", "withheld", "refused", "all", "others", "contact_method", "accepted_help")
    return _put(
        draw, document, lambda value: isinstance(value, str) and value in fits, lambda _: draw.choice(fits)
    )


def _floors(draw: Random, document: Document) -> bool:
    floors = document.get("floors")
    if not isinstance(floors, dict) or not floors:
        return False  # an earlier change put something else there
    key = draw.choice(list(floors))
    floors[key] = draw.choice((1, 5, 9, 10, 29, 30, 50, 100, 101, 330, 500, 501, 670, 671, 999))
    return True


def _field(draw: Random, document: Document) -> bool:
    draw.choice(list(objects(document)))[draw.choice(("remark", "name", "exact", "n"))] = draw.choice(
        (1, "x", None)
    )
    return True


KINDS: Final[Mapping[str, Callable[[Random, Document], bool]]] = {
    "number": _number,
    "band": _band,
    "flag": _flag,
    "text": _text,
    "value of elsewhere": _other,
    "left out": _drop,
    "repeated": _repeat,
    "status": _status,
    "floors": _floors,
    "field": _field,
}
"""Ways to change a document; each says whether there was anything to change."""


def mutated(draw: Random, document: Document) -> tuple[str, Document]:
    """Change a copy of a document in one way, and now and then in two."""
    changed = json.loads(json.dumps(document))
    names: list[str] = []
    wanted = draw.choice((1, 1, 2))
    while len(names) < wanted:
        name = draw.choice([*KINDS])
        if KINDS[name](draw, changed):
            names.append(name)
    return names[0], changed


def written(document: Document) -> Document:
    """Let the door read a document; return what it would write.

    Raises
    ------
    ReleaseError
        The door refuses it.
    """
    kind = document.get("kind")
    model = _OTHERS.get(kind) if isinstance(kind, str) else None
    read = read_site_document(document) if model is None else read_model(model, document)
    said: Document = json.loads(canonical(read.model_dump(mode="json")))
    return said
