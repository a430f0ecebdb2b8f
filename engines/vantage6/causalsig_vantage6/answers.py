"""What a task may be asked and may answer: closed lists, so that no text of the node can be in either."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

CODES = (
    "run-ended",  # every site of the node ended, or an earlier run of it stands
    "run-incomplete",  # a site failed or was broken off; the node's own table says which
    "released",
    "not-released",  # nothing of this study that two people approved lies in the outbox
    "pooled",
    "pool-refused",  # a release does not verify, or the pool would tell one site from the others
    "asked",  # the step of the centre that only asks the nodes to run
    "other-study",  # the node holds another study than the one that was named
    "bad-arguments",
    "bad-node",  # a folder or file that the node's configuration should give is not there
    "too-long",
    "internal-error",
)
MAX_SITES = 400
MAX_BYTES = 4 * 1024 * 1024
"""Of one envelope; a release is some tens of kilobytes."""
MAX_POOL_BYTES = 64 * 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CARRIES = {"released": "envelopes", "pooled": "pool"}
"""The one other field an answer of this code has; those of every other code have none."""

Answer = dict[str, Any]


class Ended(Exception):
    """A task that ends with this code; it never leaves the package, nor does what caused it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def answer(code: str) -> Answer:
    """Give an answer that is a code and nothing else."""
    return {"code": code if code in CODES and code not in _CARRIES else "internal-error"}


def released(envelopes: list[bytes]) -> Answer:
    """Give the signed envelopes of a node, byte for byte."""
    return closed({"code": "released", "envelopes": [_encoded(one) for one in envelopes]})


def pooled(document: bytes) -> Answer:
    """Give the signed pool, byte for byte."""
    return closed({"code": "pooled", "pool": _encoded(document)})


def closed(found: object) -> Answer:
    """Give back an answer that is one of ours, and ``internal-error`` in the place of any other."""
    if not isinstance(found, dict) or found.get("code") not in CODES:
        return answer("internal-error")
    more = _CARRIES.get(found["code"])
    if found.keys() != {"code"} | ({more} if more else set()):
        return answer("internal-error")
    if more == "envelopes":
        held = found[more]
        right = isinstance(held, list) and 0 < len(held) <= MAX_SITES
        if not right or any(opened(one) is None for one in held):
            return answer("internal-error")
    if more == "pool" and opened(found[more], MAX_POOL_BYTES) is None:
        return answer("internal-error")
    return dict(found)


def opened(text: object, most: int = MAX_BYTES) -> bytes | None:
    """Decode base64; None of what is not, or is longer than ``most`` bytes."""
    if not isinstance(text, str) or len(text) > most * 4 // 3 + 4:
        return None
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return found if 0 < len(found) <= most else None


def study_of(value: object) -> str:
    """Check the digest of a study, as ``causalsig study check`` prints it.

    Raises
    ------
    Ended
        ``bad-arguments``.
    """
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise Ended("bad-arguments")
    return value


def organizations_of(value: object) -> list[int]:
    """Check the numbers of organizations: whole, positive or zero, each once, at most ``MAX_SITES``.

    Raises
    ------
    Ended
        ``bad-arguments``.
    """
    if not isinstance(value, list) or not 0 < len(value) <= MAX_SITES:
        raise Ended("bad-arguments")
    if any(type(one) is not int or one < 0 for one in value) or len(set(value)) < len(value):
        raise Ended("bad-arguments")
    return list(value)


def step_of(value: object) -> str:
    """Check which step of the centre is asked.

    Raises
    ------
    Ended
        ``bad-arguments``.
    """
    if not isinstance(value, str) or value not in ("run", "pool"):
        raise Ended("bad-arguments")
    return value


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
