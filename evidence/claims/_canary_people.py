"""Where that may stand which people type: who approved and why, and what a study is called.

It is no cell of a source, and the provider has to know who approved what. So it may stand in the record of
the review and in what shows that record to operator and output checker; not in what leaves (the payload and
its envelope, the pool, a crate of a release), in a report, in the ledger, in a log or on any other screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

from evidence.claims._canary_words import TYPED

PEOPLE: Final = (TYPED[0].kind, TYPED[1].kind)
STUDY: Final = TYPED[2].kind
_RECORD: Final[Mapping[str, str]] = {
    "*/review.json": "the record of the review, which the provider keeps",
    "checked/*.html": "its page, for operator and output checker",
    "kept-crate/*": "a crate made with --review, for the provider only",
}
_STUDY_FILES: Final[Mapping[str, str]] = {
    "study/*": "the study file itself, and its graph",
    "study/drawings/*": "drawings of that graph, for who wrote the study",
}
PLACES: Final[Mapping[str, Mapping[str, str]]] = {**dict.fromkeys(PEOPLE, _RECORD), STUDY: _STUDY_FILES}
"""Closed list, by kind of what is typed: files that may hold it, with the reason."""
SCREENS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(PEOPLE, ("release review",)),
    STUDY: ("study show", "study check"),
}
"""Closed list, by kind: commands that may show it."""


def may_be_in(kind: str, place: PurePath) -> bool:
    """Say whether what is typed may stand in a file, by its place below the desk."""
    return any(place.match(one) for one in PLACES.get(kind, ()))


def may_be_shown(kind: str, command: str) -> bool:
    """Say whether what is typed may be shown by a command."""
    return command in SCREENS.get(kind, ())
