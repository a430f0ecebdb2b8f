"""An oracle of documents that say a few fixed texts only: words of withdrawal, masked contributions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_HASH: Final = "[0-9a-f]{64}"


def _head(kind: str) -> dict[str, str]:
    return {"kind": kind, "schema_version": r"0\.1"}


FORMS: Final[Mapping[str, Mapping[str, re.Pattern[str]]]] = {
    kind: {
        name: re.compile(form) for name, form in {**forms, "kind": kind, "schema_version": r"0\.1"}.items()
    }
    for kind, forms in {
        "withdrawal": {
            "of": "estimates|profile|monitor",
            "payload_hash": _HASH,
            "reason": "erasure|error|agreement_ended|other",
        },
        "masked_contribution": {
            "round": _HASH,
            "public_key": _HASH,
            "payload_hash": _HASH,
            "words": "([0-9a-f]{16})+",
        },
    }.items()
}
"""All that such a document says: every field is a text of this form."""


def sealed_broken(document: Mapping[str, Any]) -> list[str]:
    """Name what such a document says that has no place in it."""
    forms = FORMS[document["kind"]]
    fits = all(isinstance(document.get(name), str) for name in forms) and set(document) == set(forms)
    if not fits or any(not form.fullmatch(document[name]) for name, form in forms.items()):
        return ["closed: a word or a field that such a document has not"]
    return []
