"""What is counted of each household, on its way to the ledger: kept in no result, and told to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Households with a day or month, and what is counted of each.

    Attributes
    ----------
    members : sequence of (str, int), length n
        Key and number of a day or month. One may stand in several rows, whose order says nothing.
    columns : mapping of name to (n,) or (n, p) array of numbers
        By what can be told apart: each outcome alone, covariates together.
    of : str
        The set they are counted for; also for every set whose name is this and goes on behind a point.
    """

    members: Sequence[tuple[str, int]]
    columns: Mapping[str, NDArray[np.generic]]
    of: str

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Give the households, as a set without anything counted would."""
        return iter(self.members)
