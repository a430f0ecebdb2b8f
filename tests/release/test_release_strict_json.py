"""Reading fast reads the same: what is accepted, as what, and why something is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from causalsig.errors import ReleaseError
from causalsig.release.strict_json import canonical, is_written_so, parse, parse_any_form

WHOLE = st.integers(-(10**18), 10**18)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def slowly(content: bytes) -> Any:
    """Read by the standard's own writer alone."""
    try:
        value = parse_any_form(content)
    except ReleaseError as error:
        return error.code
    try:
        same = canonical(value) == content
    except (ValueError, RecursionError):
        same = False
    return (value, json.dumps(value)) if same else "release-not-canonical"


def read(content: bytes) -> Any:
    try:
        value = parse(content)
    except ReleaseError as error:
        return error.code
    return value, json.dumps(value)


@settings(max_examples=300, deadline=None)
@given(value=VALUES, at=st.integers(0, 200), byte=st.sampled_from(b' ",:{}[]019-+.eE\\uan\x7f\xc3'))
def test_every_reading_is_that_of_the_standard(value: Any, at: int, byte: int) -> None:
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(
        "utf-8", "replace"
    )
    changed = written[: at % (len(written) + 1)] + bytes([byte]) + written[at % (len(written) + 1) :]
    for content in (written, changed):
        assert read(content) == slowly(content)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1.0}', b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}', b'{"a":"\\u0041"}', b'{"a":"\\ud800"}', b'{"a":"\\u001f"}', b'{"a":"\\u001F"}',
        b'{"a":"\\/"}', b'{"a":NaN}', b'{"a":true}', b"12345678901234567", b"-12345678901234567",
        b"9007199254740993", b"9007199254740991", b'{"a":9007199254740993}', b'["1234567890123456789"]', b"",
        b'{"a":1}\n', b"\xef\xbb\xbf{}", b"{}", '{"é":1,"z":2}'.encode(), b"[" * 5000 + b"]" * 5000,
    ],
)  # fmt: skip
def test_what_is_nearly_canonical_is_read_as_the_standard_does(content: bytes) -> None:
    assert read(content) == slowly(content)


@example(left=True, right=1)
@example(left=1, right="1")
@given(left=st.booleans() | WHOLE | st.text(max_size=3), right=st.booleans() | WHOLE | st.text(max_size=3))
def test_only_what_is_written_alike_is_the_same(left: Any, right: Any) -> None:
    small = not isinstance(right, int) or abs(right) < 2**53
    if small and is_written_so({"a": left}, canonical({"a": right})):
        assert type(left) is type(right) and left == right


NUMBERS = (
    st.floats()
    | st.integers(-(2**60), 2**60)
    | st.sampled_from([10**15 - 1, 10**15, 2**53 - 1, 2**53, -(2**53)])
)
KEYS = st.text(max_size=3) | st.sampled_from(
    ["\x7f", "\x1f", "/", "\\", '"', "\u20ac", "\U0001f600", "\ufb33"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | KEYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(st.integers(0, 3) | st.booleans(), inner, max_size=2)
    ),
    max_leaves=10,
)


def written(write: Any, value: Any) -> Any:
    try:
        return write(value)
    except (ValueError, TypeError, RecursionError) as error:
        return type(error)


@settings(max_examples=600, deadline=None)
@given(value=ANYTHING)
@example(value={"b": [1, True, None], "a": {"\x7f": "\x1f/"}})
@example(value={1: 2})
@example(value=[1.0])
@example(value=float("nan"))
def test_every_value_is_written_as_the_standards_own_writer_does(value: Any) -> None:
    assert written(canonical, value) == written(rfc8785.dumps, value)
