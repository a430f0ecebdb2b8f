"""What the analyses of a batch share, and which of them are refused: the others go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_columns import Columns
from causalsig.estimation.threshold_local import Kernel
from causalsig.estimation.threshold_neighbours import Flags
from causalsig.estimation.threshold_side import Side, Variance
from causalsig.estimation.threshold_windows import Stretches
from causalsig.results import Integers


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """What R analyses share that differ in where they are cut and in their bandwidths.

    Attributes
    ----------
    stretches : Stretches
    sides : (left, right) of every cutoff, where variances are clustered
    index : (2 R,) int, rows of the left and the right side of each analysis
    columns, degree, kernel, variance
    """

    stretches: Stretches
    sides: Sequence[Side]
    index: Integers
    columns: Columns
    degree: int
    kernel: Kernel
    variance: Variance

    def only(self, some: Sequence[int]) -> Recipe:
        """Keep some of the analyses."""
        return replace(self, index=self.index.reshape(-1, 2)[list(some)].ravel())


@dataclass(frozen=True, slots=True)
class Refusals:
    """The first reason each of R analyses was refused for, or None."""

    reasons: list[EstimationError | None]

    def where(self, refused: Flags, reason: Callable[[int], EstimationError]) -> None:
        """Refuse those (R,) that have no reason yet; `reason` is given the place of each."""
        for r in np.flatnonzero(refused):
            if self.reasons[r] is None:
                self.reasons[r] = reason(int(r))
