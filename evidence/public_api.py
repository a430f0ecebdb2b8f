"""Every public name with its signature, one a line: what a version may not change unsaid."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from evidence.claim import ROOT

MODULES: Final = (
    "causalsig",
    "causalsig.cohort",
    "causalsig.diagnostics",
    "causalsig.estimation",
    "causalsig.meta",
    "causalsig.pooling",
    "causalsig.release",
    "causalsig.report",
    "causalsig.simulation",
    "causalsig.sources",
)
"""The rooms that say in `__all__` what is public."""
GOLDEN: Final = ROOT / "tests" / "golden" / "public_api.txt"


def lines() -> list[str]:
    """Return a line a public name: parameters of a function, fields or parameters of a class."""
    return [
        f"{module}.{name}{_signature(getattr(import_module(module), name))}"
        for module in MODULES
        for name in sorted(import_module(module).__all__)
    ]


def _signature(thing: Any) -> str:
    if is_dataclass(thing):
        return "{" + ", ".join(field.name for field in fields(thing)) + "}"
    if not callable(thing):
        return f": {type(thing).__name__}"
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:
        return "(...)"
    return "(" + ", ".join(_parameter(one) for one in parameters) + ")"


def _parameter(one: inspect.Parameter) -> str:
    """Write a parameter: how it is given, and if it may be left out; types are no part of the promise."""
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(one.kind.name, "")
    named = "=" if one.default is not inspect.Parameter.empty else ""
    keyword = "~" if one.kind is inspect.Parameter.KEYWORD_ONLY else ""
    return f"{stars}{keyword}{one.name}{named}"


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Give the file and what stands in it."""
    yield root / GOLDEN.relative_to(ROOT), page()


def page() -> str:
    """Return the whole list."""
    return "\n".join(lines()) + "\n"
