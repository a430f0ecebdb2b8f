"""Words people read, Dutch and English.

Each room has a file of its own in both languages (``nl/report.toml``, ``en/report.toml``). A key is the
file's name and the path inside it: ``report.forest.title`` is ``title`` under ``[forest]`` in
``report.toml``. ``codes.toml`` holds a title and an explanation for every error and status code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal, get_args

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def text(key: str, language: str = "nl", **values: object) -> str:
    """Return one text of a catalogue with its values filled in.

    Parameters
    ----------
    key : str
        ``<file>.<table>.<name>``, for instance ``report.forest.title``.
    language : {"nl", "en"}
        Language of the catalogue.
    **values
        What the ``{names}`` in the text stand for, already written as the language writes numbers.

    Raises
    ------
    ValueError
        The language is not one of `LANGUAGES`.
    KeyError
        The catalogue has no such key, or the text names a value that was not given.
    """
    entries = catalogue(language)
    if key not in entries:
        raise KeyError(f"no text {key!r} in catalogue {language!r}: add it to texts/nl and texts/en")
    return entries[key].format_map(values)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return every text of a language by key."""
    if language not in LANGUAGES:
        raise ValueError(f"expected a language of {', '.join(LANGUAGES)}; got {language!r}")
    entries: dict[str, str] = {}
    folder = resources.files(__name__) / language
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            tables = tomllib.loads(file.read_text(encoding="utf-8"))
            entries.update(_flatten(tables, file.name.removesuffix(".toml")))
    return MappingProxyType(entries)


def _flatten(table: Mapping[str, object], prefix: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for name, value in table.items():
        key = f"{prefix}.{name}"
        if isinstance(value, dict):
            entries.update(_flatten(value, key))
        elif isinstance(value, str):
            entries[key] = value.strip("\n")
        else:
            raise TypeError(f"text {key!r} must be a string; it is {type(value).__name__}")
    return entries
