"""Files that stay: JSON for people's eyes with its own digest, so that none is read as it was not written.

A digest is no signature: who edits such a file on purpose can write another one. It is for what nobody meant:
a bit that fell over, half a copy, an editor that saved. A provider's key that changed by one letter would
otherwise name every household anew, and the ledger would compare nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from causalsig.errors import ReleaseError
from causalsig.release.strict_json import canonical, parse_any_form

DIGEST = "sha256"
"""Name of the digest, beside the other fields."""


def kept_bytes(values: Mapping[str, Any]) -> bytes:
    """Write values with the SHA-256 of their RFC 8785 form.

    Raises
    ------
    ReleaseError
        ``release-schema`` for text that has no form in UTF-8.
    """
    try:
        whole = {**values, DIGEST: _digest(values)}
        return (json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    except ValueError:
        raise ReleaseError(
            "release-schema",
            expected="names and reasons in letters that can be written down",
            found="half a character",
            mend="Type it again, in a terminal that is set to UTF-8.",
        ) from None


def kept_values(content: bytes) -> dict[str, Any]:
    """Read what :func:`kept_bytes` wrote; without the digest.

    Raises
    ------
    ReleaseError
        ``release-too-large``, ``release-not-json``; ``release-schema`` when the digest does not fit.
    """
    values = parse_any_form(content)
    told = values.pop(DIGEST, None) if isinstance(values, dict) else None
    try:
        fits = told is not None and told == _digest(values)
    except (ValueError, RecursionError):
        fits = False
    if not fits:
        raise ReleaseError(
            "release-schema",
            expected="a file as causalsig wrote it",
            found="one that was changed since",
            mend="Put back a copy, or run the step again that made it; never edit one by hand.",
        )
    return dict(values)


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(dict(values))).hexdigest()
