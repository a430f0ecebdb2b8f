"""Invented municipalities in the formats real ones export, so that every reader has something to read."""

from __future__ import annotations

from typing import Any

_HOME = {"write_ddas": "ddas"}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load what is asked for, and only that."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
