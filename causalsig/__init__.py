"""Find out whether early help with payment arrears works.

Causal estimates inside each municipality, releases that are checked for disclosure, and a meta-analysis over
all of them. Exports are lazy: importing the package loads no room, and so none of the heavy libraries.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_EXPORTS = {
    "CausalsigError": "causalsig.errors",
    "RefusedError": "causalsig.errors",
    "text": "causalsig.texts",
}

__all__ = ["CausalsigError", "RefusedError", "__version__", "text"]


def __getattr__(name: str) -> object:
    """Import the room that holds `name` when it is first asked for."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted(__all__)
