"""Look for canaries in whatever a program leaves: archives opened, tables and JSON read, texts decoded."""

from __future__ import annotations

import bz2
import gzip
import html
import io
import json
import lzma
import pickletools
import re
import sqlite3
import tarfile
import tempfile
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from evidence.claims._canary_words import encoded_found, number_found, words_found

DEEPEST: Final = 6
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEXADECIMAL: Final = re.compile(r"(?:[0-9a-fA-F]{2}){4,}")
_DRAWN: Final = re.compile(
    r'\s(?:d|points|transform|x|y|x1|x2|y1|y2|cx|cy|r|width|height|viewBox|style)="[^"]*"'
)
"""Places in a drawing: numbers with a decimal point, of no household."""
Found = set[tuple[str, str]]
"""Kind of canary, and the way it was hidden."""


def search_file(path: Path, root: Path) -> Found:
    """Canaries in a file, its name and the folders below ``root`` it is in included."""
    named = {(kind, "name") for kind in words_found(str(path.relative_to(root)))}
    return named | search_bytes(path.read_bytes())


def search_bytes(content: bytes, how: str = "text", depth: int = 0) -> Found:
    """Canaries in bytes, however packed; ``how`` says what they were unpacked from."""
    if depth > DEEPEST or not content:
        return set()
    found: Found = {(kind, "encoded") for kind in encoded_found(content)}
    opened = [one for name, open_ in _OPENERS if (one := _open(name, open_, content)) is not None]
    for name, parts in opened:
        for part in parts:
            found |= search_bytes(part, name, depth + 1)
    for text in _as_texts(content):
        found |= search_text(text, how, depth)
    return found


def search_text(text: str, how: str = "text", depth: int = 0) -> Found:
    """Canaries in a text, as it stands and decoded."""
    if depth > DEEPEST:
        return set()
    values = _json_values(text)
    drawing = "<svg" in text
    found: Found = {(kind, how) for kind in words_found(text, plain_numbers=values is not None or drawing)}
    if drawing:
        found |= {(kind, how) for kind in words_found(_DRAWN.sub(" ", text))}
    for value in values or ():
        if isinstance(value, str):
            found |= search_text(value, "JSON", depth + 1) if value != text else set()
        else:
            found |= {(kind, "JSON") for kind in number_found(value)}
    for name, other in (("HTML", html.unescape(text)), ("percent", unquote(text))):
        if other != text and not drawing:
            found |= {(kind, name) for kind in words_found(other, plain_numbers=values is not None)}
        elif other != text:
            found |= {(kind, name) for kind in words_found(_DRAWN.sub(" ", other))}
    for name, pattern, decode in _HIDDEN:
        for match in pattern.finditer(text):
            inner = _decoded(decode, match.group())
            if inner is not None:
                found |= search_bytes(inner, name, depth + 1)
    return found


def _as_texts(content: bytes) -> Iterator[str]:
    yield content.decode("utf-8", "replace")
    if b"\0" in content:
        for start in (0, 1):
            yield content[start:].decode("utf-16-le", "replace")
            yield content[start:].decode("utf-16-be", "replace")


def _decoded(decode: Callable[[str], bytes], word: str) -> bytes | None:
    """Decode a word that stands for text, JSON or an archive; a digest is neither."""
    with suppress(ValueError):
        inner = decode(word)
        if inner[:2] in (b"PK", b"\x1f\x8b"):
            return inner
        if inner.decode("utf-8").isprintable() or inner[:1] in b"{[":
            return inner
    return None


def _base64(word: str) -> bytes:
    plain = word.rstrip("=").translate(str.maketrans("-_", "+/"))
    return b64decode(plain + "=" * (-len(plain) % 4))


_HIDDEN: Final = (("base64", _BASE64, _base64), ("hexadecimal", _HEXADECIMAL, bytes.fromhex))


def _json_values(text: str) -> list[Any] | None:
    """Every key, text and number of JSON, or of one JSON a line; None when it is neither."""
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return None
    for whole in ([text], text.splitlines()):
        with suppress(ValueError, RecursionError):
            return [value for part in whole if part.strip() for value in _walk(json.loads(part))]
    return None


def _walk(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _walk(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _walk(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value


def _open(name: str, open_: Callable[[bytes], list[bytes]], content: bytes) -> tuple[str, list[bytes]] | None:
    try:
        parts = open_(content)
    except Exception:  # not of this kind, or broken: the bytes themselves are searched
        return None
    return (name, parts) if parts else None


def _zip(content: bytes) -> list[bytes]:
    if content[:2] != b"PK":
        return []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [part for name in archive.namelist() for part in (name.encode(), archive.read(name))]


def _tar(content: bytes) -> list[bytes]:
    if content[257:262] != b"ustar":
        return []
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = ((item, archive.extractfile(item)) for item in archive)
        return [part for item, file in files for part in (item.name.encode(), file.read() if file else b"")]


def _packed(content: bytes) -> list[bytes]:
    for start, unpack in (
        (b"\x1f\x8b", gzip.decompress),
        (b"BZh", bz2.decompress),
        (b"\xfd7zXZ", lzma.decompress),
        (b"\x78", zlib.decompress),
    ):
        if content.startswith(start):
            return [unpack(content)]
    return []


def _parquet(content: bytes) -> list[bytes]:
    if content[:4] != b"PAR1":
        return []
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    return [json.dumps(table.to_pydict(), default=str).encode(), str(table.schema.metadata).encode()]


def _array(content: bytes) -> list[bytes]:
    if content[:6] != b"\x93NUMPY":
        return []
    import numpy as np

    return [json.dumps(np.load(io.BytesIO(content), allow_pickle=False).tolist(), default=str).encode()]


def _pickle(content: bytes) -> list[bytes]:
    """Every constant in a pickle; nothing of it is executed."""
    start = content.find(b"\x80")
    if start < 0 or content[start + 1 : start + 2] not in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return []
    constants: list[Any] = []
    with suppress(Exception):  # a torn one still tells what it held
        for _, value, _ in pickletools.genops(content[start:]):
            constants.append(value)
    texts = [value.encode() if isinstance(value, str) else value for value in constants]
    numbers = [value for value in constants if isinstance(value, int | float)]
    return [*(one for one in texts if isinstance(one, bytes)), json.dumps(numbers).encode()]


def _sqlite(content: bytes) -> list[bytes]:
    if not content.startswith(b"SQLite format 3\0"):
        return []
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with closing(sqlite3.connect(file.name)) as connection:
            names = [
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
            rows = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names]
    return [json.dumps(rows, default=str).encode()]


_OPENERS: Final[tuple[tuple[str, Callable[[bytes], list[bytes]]], ...]] = (
    ("zip", _zip),
    ("tar", _tar),
    ("compressed", _packed),
    ("Parquet", _parquet),
    ("array", _array),
    ("pickle", _pickle),
    ("database", _sqlite),
)
"""A kind of file that can hold others is one line here."""
