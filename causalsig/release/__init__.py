"""What may leave a site: the closed documents, one rule engine, the grid, approval and signatures."""

from __future__ import annotations

from importlib import import_module

_EXPORTS = {
    "CheckedRelease": "build",
    "ReleaseIdentity": "build",
    "build_release": "build",
    "released_arms": "build",
    "site_code": "build",
    "snapshot_hash": "build",
    "EstimatesDocument": "documents",
    "Memory": "remember",
    "memory_of": "remember",
    "admit_arms": "rules",
    "PoolDocument": "pool_document",
    "build_pool_document": "pool_document",
    "pool_result": "pool_document",
    "TrustedKeys": "keys",
    "new_key": "keys",
    "new_keys": "keys",
    "read_signing_key": "keys",
    "read_provider_key": "keys",
    "read_trusted": "keys",
    "OpenedRelease": "life",
    "approve": "life",
    "look": "life",
    "open_release": "life",
    "read_pool": "life",
    "read_release": "life",
    "refuse": "life",
    "verify": "life",
    "write_pool": "life",
    "write_review": "life",
}

__all__ = [*_EXPORTS]


def __getattr__(name: str) -> object:
    """Import the module that holds `name` when it is first asked for."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"causalsig.release.{_EXPORTS[name]}"), name)
    globals()[name] = value
    return value
