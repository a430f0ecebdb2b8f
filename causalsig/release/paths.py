"""Every place in a document where a value can stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel


def exported_paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the path of every leaf of a model: names joined by dots, ``[]`` after a list."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        inner, listed = inner_model(info.annotation)
        path += "[]" if listed else ""
        if inner is None:
            yield path
        else:
            yield from exported_paths(inner, f"{path}.")


def inner_model(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the model inside an annotation, and whether it is in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    found: type[BaseModel] | None = None
    listed = getattr(annotation, "__origin__", None) is tuple
    for part in get_args(annotation):
        inner, deeper = inner_model(part)
        found, listed = found or inner, listed or deeper
    return found, listed


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield ``(place, path, value)`` of every leaf of a dumped document; the place has the indices."""
    yield from _leaves(value, "", path)


def _leaves(value: Any, place: str, path: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            dot = "." if place else ""
            yield from _leaves(inner, f"{place}{dot}{name}", f"{path}{dot}{name}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{index}]", f"{path}[]")
    else:
        yield place, path, value
