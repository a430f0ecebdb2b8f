"""Bands and correlations of the handbook, as the oracles of random payloads read them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

BANDS: Final[Mapping[str, tuple[int, float]]] = {
    "under-10": (0, 9),
    "10-29": (10, 29),
    "30-99": (30, 99),
    "100-299": (100, 299),
    "300-999": (300, 999),
    "1000-2999": (1000, 2999),
    "3000+": (3000, math.inf),
}
SMALLEST_EIGENVALUE: Final = 0.01
ROUNDING: Final = 1e-9


def definite(twentieths: Sequence[int], size: int) -> bool:
    """Say whether correlations in twentieths are positive definite as they stand on the grid."""
    if size < 3:
        return all(abs(one) < 20 * (1.0 - SMALLEST_EIGENVALUE) for one in twentieths)
    matrix = np.eye(size)
    rows, columns = np.tril_indices(size, -1)
    matrix[rows, columns] = matrix[columns, rows] = np.array(twentieths) / 20.0
    return bool(np.linalg.eigvalsh(matrix)[0] > SMALLEST_EIGENVALUE - ROUNDING)
