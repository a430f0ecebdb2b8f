"""Ways to spoil a file: its bytes, its JSON, its numbers, its letters, its size."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

CANARY: Final = "Zq7canary"
DEEP: Final = 60_000
LARGE: Final = 3_000_000
ENDLESS: Final = 600_000_000
"""Bytes of a file with nothing in it: a reader that takes it all shows in the memory it took."""


@dataclass(frozen=True, slots=True)
class Sparse:
    """A file of so many bytes that takes no room."""

    size: int


Spoiled = bytes | Sparse
Way = Callable[["Random", bytes], Spoiled]


@dataclass(frozen=True, slots=True)
class Reader:
    """A way to read one file.

    Attributes
    ----------
    path : Path
        Of the file.
    content : bytes
        Of the good file.
    read : callable
        Reads the file; returns what it says.
    signed : bool
        Whether it is an envelope, of which no byte may differ.
    any_kind : bool
        Whether it reads files of other kinds too.
    instead : str
        What it may come to in place of a refusal: the name of that outcome.
    right : callable
        Takes a spoiled file and what was said of it: whether it came to that, and rightly so.
    ways : mapping
        Ways to spoil this file that no other has.
    """

    path: Path
    content: bytes
    read: Callable[[], Any]
    signed: bool = False
    any_kind: bool = False
    instead: str = ""
    right: Callable[[Spoiled, Any], bool] = lambda spoiled, said: False
    ways: Mapping[str, Way] = field(default_factory=dict)


def reader_of(path: Path, read: Callable[[], Any], **more: Any) -> Reader:
    """Make a reader of a file that lies good where it is read."""
    return Reader(path, path.read_bytes(), read, **more)


_NUMBER = re.compile(rb"(?<=[:\[,])\s*-?[0-9]+(?=[,}\]\s])")
_STRING = re.compile(rb'"[^"\\]{1,80}"(?=\s*[,}\]])')
_KEY = re.compile(rb'"[a-zA-Z0-9_]{1,60}"(?=\s*:)')
_NUMBERS: Final = (
    b"1.0", b"1e2", b"1E400", b"-0", b"01", b"0x1", b"NaN", b"Infinity", b"-Infinity", b"true", b"null",
    b"9007199254740993", b"9" * 4000, b"-" + b"9" * 20, b'"1"', b"[1]", b"{}", b"0.1", b"1_0", b"+1",
)  # fmt: skip
_LETTERS: Final = {b"a": "а", b"e": "е", b"o": "о", b"i": "і", b"c": "с"}
"""Latin letters and the Cyrillic ones that look the same."""


def _flip(draw: Random, content: bytes) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def _cut(draw: Random, content: bytes) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] if draw.random() < 0.7 else content[place:]


def _insert(draw: Random, content: bytes) -> bytes:
    place = draw.randrange(len(content) + 1)
    return (
        content[:place] + draw.choice((b"\0", b" ", b"\n", b"0", b"{", b'"', b"\xff", b",")) + content[place:]
    )


def _drop(draw: Random, content: bytes) -> bytes:
    place, length = draw.randrange(len(content)), draw.randint(1, 40)
    return content[:place] + content[place + length :]


def _twice(draw: Random, content: bytes) -> bytes:
    place, length = draw.randrange(len(content)), draw.randint(1, 200)
    return content[: place + length] + content[place:]


def _around(draw: Random, content: bytes) -> bytes:
    before = draw.choice((b"\xef\xbb\xbf", b" ", b"\n", b"\xff\xfe", b"//x\n", b"\x00"))
    after = draw.choice((b"\n", b" ", b"\x00", b"{}", b"null", b"\x1a", b",", b"# x"))
    return before + content if draw.random() < 0.5 else content + after


def _empty(draw: Random, content: bytes) -> bytes:
    return draw.choice((b"", b"{}", b"[]", b"null", b"0", b'""', b"\xff\xff", b"{", b"[" * 3))


def _noise(draw: Random, content: bytes) -> bytes:
    return draw.randbytes(draw.randint(1, 400))


def _replaced(draw: Random, content: bytes, pattern: re.Pattern[bytes], by: bytes) -> bytes:
    found = list(pattern.finditer(content))
    if not found:
        return _flip(draw, content)
    one = draw.choice(found)
    return content[: one.start()] + by + content[one.end() :]


def _number(draw: Random, content: bytes) -> bytes:
    return _replaced(draw, content, _NUMBER, draw.choice(_NUMBERS))


def _same_number(draw: Random, content: bytes) -> bytes:
    """Write a number in another way, or give what Python takes for the same."""
    found = list(_NUMBER.finditer(content))
    if not found:
        return _number(draw, content)
    one = draw.choice(found)
    text = one.group().strip()
    ways = [text + b".0", text + b"e0", b"0" + text, b'"' + text + b'"', b"-" + text, text + b"0"]
    ways += {b"1": [b"true"], b"0": [b"false", b"-0"]}.get(text, [])
    return content[: one.start()] + draw.choice(ways) + content[one.end() :]


def _string(draw: Random, content: bytes) -> bytes:
    texts = ('"' + CANARY + '"', '"\\ud800' + CANARY + '"', '"\\u0000"', '"' + CANARY * 200 + '"', "1", "[]")
    return _replaced(draw, content, _STRING, draw.choice(texts).encode())


def _escaped(draw: Random, content: bytes) -> bytes:
    """Write a letter of a string as an escape, or with a letter that only looks the same."""
    found = list((_STRING if draw.random() < 0.5 else _KEY).finditer(content)) or list(_KEY.finditer(content))
    if not found:
        return _flip(draw, content)
    one = draw.choice(found)
    text = one.group().decode("utf-8", "replace")
    place = draw.randrange(1, len(text) - 1) if len(text) > 2 else 0
    letter = text[place]
    other = draw.choice(
        (
            f"\\u{ord(letter):04x}",
            _LETTERS.get(letter.encode(), "ａ"),
            letter + "\u0301",
            "\\ud83d",
            letter.upper(),
        )
    )
    made = (text[:place] + other + text[place + 1 :]).encode("utf-8", "surrogatepass")
    return content[: one.start()] + made + content[one.end() :]


def _key(draw: Random, content: bytes) -> bytes:
    return _replaced(draw, content, _KEY, f'"{CANARY}"'.encode())


def _deep(draw: Random, content: bytes) -> bytes:
    opened, closed = draw.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opened * DEEP + b"1" + closed * draw.choice((0, DEEP))
    return nested if draw.random() < 0.3 else _replaced(draw, content, _NUMBER, nested)


def _large(draw: Random, content: bytes) -> Spoiled:
    if draw.random() < 0.3:
        return Sparse(draw.choice((LARGE, ENDLESS)))
    more = draw.choice((b" ", b"\n", b"[", b"1", b'{"a":'))
    return content + more * (LARGE // len(more))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _places(value: Any) -> list[Any]:
    """Every object in a JSON value."""
    found, todo = [], [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            found.append(one)
            todo += one.values()
        elif isinstance(one, list):
            todo += one
    return [one for one in found if one]


def _with_object(draw: Random, content: bytes, change: Callable[[dict[str, Any], str], None]) -> bytes:
    value = _json(content.splitlines()[0] if content.count(b"\n") > 1 and content[:1] == b"{" else content)
    value = _json(content) if value is None else value
    places = _places(value)
    if not places:
        return _flip(draw, content)
    one = draw.choice(places)
    change(one, draw.choice(list(one)))
    return _dumped(value)


def _dumped(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _extra(draw: Random, content: bytes) -> bytes:
    def add(one: dict[str, Any], key: str) -> None:
        one[draw.choice((CANARY, key + "x", "demo", "kind", "document", "ledger"))] = draw.choice(
            (1, CANARY, {})
        )

    return _with_object(draw, content, add)


def _missing(draw: Random, content: bytes) -> bytes:
    def remove(one: dict[str, Any], key: str) -> None:
        del one[key]

    return _with_object(draw, content, remove)


def _other_value(draw: Random, content: bytes) -> bytes:
    def put(one: dict[str, Any], key: str) -> None:
        one[key] = draw.choice((None, True, 0, 1, -1, 10**15, CANARY, [], {}, [[]], "", one[next(iter(one))]))

    return _with_object(draw, content, put)


def _double_key(draw: Random, content: bytes) -> bytes:
    """Say one key twice: another value first, so that who takes the last one sees nothing."""
    found = list(_KEY.finditer(content))
    if not found:
        return _flip(draw, content)
    one = draw.choice(found)
    value = draw.choice((b"1", b'"x"', b"null", b"{}"))
    return content[: one.start()] + one.group() + b":" + value + b"," + content[one.start() :]


def _spaced(draw: Random, content: bytes) -> bytes:
    """Write the same JSON otherwise: with blanks, or with its keys in another order."""
    value = _json(content)
    if not isinstance(value, dict):
        return _around(draw, content)
    if draw.random() < 0.5:
        return json.dumps(value, indent=draw.choice((None, 3)), sort_keys=True).encode()
    return _dumped_in(list(value.items())[::-1])


def _dumped_in(items: list[tuple[str, Any]]) -> bytes:
    inside = b",".join(json.dumps(key).encode() + b":" + _dumped(value) for key, value in items)
    return b"{" + inside + b"}"


BYTES: Final[Mapping[str, Way]] = MappingProxyType(
    {
        "bit flip": _flip,
        "truncation": _cut,
        "inserted byte": _insert,
        "dropped bytes": _drop,
        "repeated bytes": _twice,
        "around": _around,
        "nothing": _empty,
        "noise": _noise,
        "size": _large,
    }
)
"""Ways to spoil any file."""
JSON: Final[Mapping[str, Way]] = MappingProxyType(
    {
        "number": _number,
        "number written otherwise": _same_number,
        "string": _string,
        "unicode": _escaped,
        "key": _key,
        "deep nesting": _deep,
        "extra field": _extra,
        "missing field": _missing,
        "other value": _other_value,
        "duplicate key": _double_key,
        "spacing and order": _spaced,
    }
)
"""Ways to spoil JSON; what they make of other files is spoiled too."""
