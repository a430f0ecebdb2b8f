"""The code lists of the release documents: every string that may leave, beside the study's own identifiers.

The codes that `causalsig explain` knows (gates, attrition rules, refusals) and the disclosure rules are the
list. A code that is not in it leaves as ``other``, so that no room can send a word of its own.
"""

from __future__ import annotations

import re
from functools import cache

OTHER = "other"

RULE_CODES: tuple[str, ...] = (
    "release-cell-floor",
    "release-arm-floor",
    "release-admission",
    "release-class-floor",
    "release-residual-df",
    "release-parameters",
    "release-dominance",
    "release-effective-size",
    "release-no-variance",
    "release-grid",
    "release-nested-difference",
    "release-not-estimated",
    "release-no-admitted-arm",
    "release-pool-not-publishable",
)
"""Reason codes of the disclosure rules; the texts are in the catalogue under ``release.rules``."""

_SHAPE = re.compile(r"[a-z][a-z0-9_-]{1,47}")


@cache
def known_codes() -> frozenset[str]:
    """Return every code that may leave."""
    from causalsig.texts import catalogue

    keys = (key.split(".") for key in catalogue("en"))
    explained = {parts[1] for parts in keys if parts[0] == "codes"}
    return frozenset(code for code in {OTHER, *RULE_CODES, *explained} if _SHAPE.fullmatch(code))


def to_code(code: str) -> str:
    """Return the code itself when it is in the lists, else ``other``."""
    return code if code in known_codes() else OTHER


def check_code(code: str) -> str:
    """Return the code; a ValueError when it is in no list (for pydantic)."""
    if code not in known_codes():
        raise ValueError("not a code of the release's code lists")
    return code


def check_rule(code: str) -> str:
    """Return the rule's code; a ValueError when there is no such rule (for pydantic)."""
    if code not in RULE_CODES:
        raise ValueError("not the code of a disclosure rule")
    return code
