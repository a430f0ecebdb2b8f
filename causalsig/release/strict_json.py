"""JSON as a release is written: canonical, no key twice, no float, no huge number, no deep nesting."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import rfc8785

from causalsig.errors import ReleaseError

MAX_BYTES = 2_000_000
_MAX_DIGITS = 15
"""Integers beyond 2^53 are not JSON that every reader reads alike, and none here comes near."""
_LONG_NUMBER = re.compile(rb"(?:^|[-:,\[])[0-9]{%d}" % (_MAX_DIGITS + 1))
_ALL_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a value."""
    content = _plainly(value)
    return rfc8785.dumps(value) if content is None else content


def _plainly(value: Any) -> bytes | None:
    """Write what `json` writes as the standard does, many times as fast; None where that takes a closer look.

    See :func:`_plain`. That it comes back as it was says that every key is a text and no number has a point.
    """
    try:
        content = _plainly_written(value).encode("ascii")
        if _has_long_number(content):
            return None
        same = json.loads(content, parse_float=_no_float, parse_constant=_no_float) == value
    except (TypeError, ValueError, RecursionError):
        return None
    return content if same else None


def _has_long_number(content: bytes) -> bool:
    run = b"0" * (_MAX_DIGITS + 1) in content.translate(_ALL_ZEROS)
    return run and _LONG_NUMBER.search(content) is not None


def parse(content: bytes) -> Any:
    """Read canonical JSON.

    Raises
    ------
    ReleaseError
        ``release-too-large``, ``release-not-json`` (not JSON, a key twice, a float, a number too long,
        nested too deep) or ``release-not-canonical`` (JSON, but not in its RFC 8785 form: someone has
        edited it).
    """
    value = _plain(content)
    if value is not None:
        return value
    value = parse_any_form(content)
    try:
        same = canonical(value) == content
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise _error("release-not-canonical", "JSON in its canonical form (RFC 8785)", "another form")
    return value


def _plain(content: bytes) -> Any:
    """Read what is canonical beyond doubt, several times as fast; None where that takes a closer look.

    Of ASCII with integers of at most 15 digits, `json` writes what RFC 8785 does: the orders of code points
    and of UTF-16 units are one, and so are both ways to escape. What is written twice comes back once, and
    differs.
    """
    if len(content) > MAX_BYTES or not content.isascii():
        return None
    if _has_long_number(content):
        return None
    try:
        value = json.loads(content, parse_float=_no_float, parse_constant=_no_float)
        same = _plainly_written(value).encode("ascii") == content
    except (ValueError, RecursionError):
        return None
    return value if same else None


def is_written_so(value: Any, content: bytes) -> bool:
    """Say whether canonical bytes are those of a value without floats; False also beyond ASCII."""
    return content.isascii() and _plainly_written(value).encode("utf-8", "surrogatepass") == content


_plainly_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def parse_any_form(content: bytes) -> Any:
    """Read JSON that may have blanks and any order of keys, and is as strict in all else.

    Raises
    ------
    ReleaseError
        ``release-too-large``, ``release-not-json``.
    """
    if len(content) > MAX_BYTES:
        raise _error("release-too-large", f"at most {MAX_BYTES} bytes", "more")
    try:
        return json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
    except (ValueError, RecursionError):
        raise _error("release-not-json", "strict JSON of integers and strings", "something else") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_float(text: str) -> NoReturn:
    raise ValueError("a number that is not an integer")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS + 1:
        raise ValueError("an integer that is too long")
    return int(text)


def _error(code: str, expected: str, found: str) -> ReleaseError:
    return ReleaseError(
        code,
        expected=expected,
        found=found,
        mend="Ask the sender for the file again; it was changed on its way.",
    )
