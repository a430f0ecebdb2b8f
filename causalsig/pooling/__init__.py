"""What all sites say together: lines up released arm means and calls the meta-analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.pooling.pool import pool_arms, pool_of_others

__all__ = ["pool_arms", "pool_of_others"]


def __getattr__(name: str) -> object:
    """Load the room's modules on first use, so that importing the package stays cheap."""
    if name in __all__:
        from causalsig.pooling import pool

        return getattr(pool, name)
    raise AttributeError(name)
