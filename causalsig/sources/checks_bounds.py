"""How much of a file may be wrong before it is the file that is wrong."""

from __future__ import annotations

from typing import Final

MOST: Final = 0.5
"""Share of rows whose link is broken, or whose code is unknown: more, and what is left is no basis."""
FEW: Final = 10
"""So many rows are never most of a file."""


def is_most(wrong: int, rows: int) -> bool:
    """Whether so many of the rows are wrong that it is no longer a row here and there."""
    return wrong > max(FEW, MOST * rows)
