"""The pages of the public Python API, made from its signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from evidence.claim import ROOT

MODULES: Final = ("causalsig.estimation", "causalsig.meta")
"""The rooms that are libraries of their own; each says in `__all__` what is public."""
_GUIDES: Final = {
    "causalsig.estimation": "[The estimators by themselves](estimation.md)",
    "causalsig.meta": "[The meta-analysis on its own](meta-analysis.md)",
}
_WIDE: Final = 110
"""Signatures are broken beyond this many characters."""


def page_of(module: str) -> str:
    """Return the page of a room."""
    return f"docs/api-{module.rpartition('.')[2]}.md"


def public(module: str) -> list[tuple[str, Any]]:
    """Return every public name of a room with what it is, functions before the classes they return."""
    room = import_module(module)
    found = [(name, getattr(room, name)) for name in sorted(room.__all__, key=str.lower)]
    return sorted(found, key=lambda item: inspect.isclass(item[1]))


def methods(thing: Any) -> list[tuple[str, Any]]:
    """Return the public methods that a class itself defines and describes."""
    own = vars(thing).items() if inspect.isclass(thing) else ()
    return [(name, item) for name, item in own if inspect.isfunction(item) and not name.startswith("_")]


def signature(name: str, thing: Any) -> str:
    """Write how a name is called, one argument a line when it is long."""
    made = inspect.signature(thing)
    shown = _marked(made, [_argument(parameter) for parameter in made.parameters.values()])
    returns = "" if inspect.isclass(thing) else f" -> {made.return_annotation}"
    line = f"{name}({', '.join(shown)}){returns}"
    if len(line) <= _WIDE:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in shown), f"){returns}"])


def _argument(parameter: inspect.Parameter) -> str:
    """Write one argument; its annotation is text already, because every module postpones them."""
    stars: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    said = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{stars.get(parameter.kind, '')}{parameter.name}{said}{default}"


def _marked(made: inspect.Signature, shown: list[str]) -> list[str]:
    """Put the star before what is only given by name."""
    kinds = [parameter.kind for parameter in made.parameters.values()]
    at = kinds.index(inspect.Parameter.KEYWORD_ONLY) if inspect.Parameter.KEYWORD_ONLY in kinds else None
    if at is None or inspect.Parameter.VAR_POSITIONAL in kinds:
        return shown
    return [*shown[:at], "*", *shown[at:]]


def render(module: str) -> str:
    """Write the page of a room."""
    about = " ".join((inspect.getdoc(import_module(module)) or "").split())
    head = fill(
        f"Made from the code by `python -m evidence page`; nobody edits it. {about} How they are used, "
        f"with examples that run: {_GUIDES[module]}.",
        _WIDE,
        break_on_hyphens=False,
        break_long_words=False,
    )
    parts = [f"# Python: {module}\n\n{head}\n"]
    for name, thing in public(module):
        parts.append(f"\n## {name}\n\n{_entry(name, thing)}")
        parts += [f"\n### {name}.{inner}\n\n{_entry(inner, item)}" for inner, item in methods(thing)]
    return "".join(parts)


def _entry(name: str, thing: Any) -> str:
    if not callable(thing):
        return f"`{type(thing).__name__}` with the keys {', '.join(f'`{key}`' for key in thing)}.\n"
    words = inspect.getdoc(thing) or ""
    return f"```text\n{signature(name, thing)}\n\n{words}\n```\n"


def files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield a page a room."""
    for module in MODULES:
        yield root / page_of(module), render(module)
