"""How a folder's CSV files are written: declared, never guessed."""

from __future__ import annotations

import codecs
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from causalsig.errors import SourceError

FILE: Final = "dialect.toml"
DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """Delimiter, quote and encoding of CSV files.

    Dates, flags and whole numbers can be read in one way only, so they need no declaration.

    Attributes
    ----------
    delimiter : {",", ";", tab, "|"}
    quote : {'"', "'"}
    encoding : str
        As Python names it: utf-8, cp1252, utf-16.

    Raises
    ------
    SourceError
        ``source-dialect-invalid`` for anything else.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if self.delimiter not in DELIMITERS:
            raise _invalid("a delimiter out of comma, semicolon, tab and bar")
        if self.quote not in ('"', "'"):
            raise _invalid("a double or a single quote")
        try:
            codecs.lookup(self.encoding)
        except (LookupError, TypeError, ValueError):
            raise _invalid("an encoding that Python knows, such as utf-8 or cp1252") from None


def read_dialect(folder: Path) -> CsvDialect:
    """Dialect declared in ``dialect.toml`` of a folder; comma, double quote and UTF-8 when there is none.

    Raises
    ------
    SourceError
        ``source-dialect-invalid``.
    """
    path = folder / FILE
    if not path.is_file():
        return CsvDialect()
    try:
        declared = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise _invalid("a TOML file in UTF-8") from None
    if not set(declared) <= {"delimiter", "quote", "encoding"} or not all(
        isinstance(value, str) for value in declared.values()
    ):
        raise _invalid("the keys delimiter, quote and encoding, each with a text")
    return CsvDialect(**declared)


def _invalid(expected: str) -> SourceError:
    return SourceError(
        "source-dialect-invalid",
        expected=expected,
        found="something else",
        mend='Write, for example: delimiter = ";" and encoding = "cp1252".',
        where=FILE,
    )
