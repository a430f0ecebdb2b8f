"""Several jointly normal numbers: the chance that all lie within bounds, and the order they stand in.

Draws are from a generator with a fixed seed made here, so that every answer is the same on every call; with
this many a probability is known to 0.002.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

FloatArray = NDArray[np.float64]

DRAWS = 2**17
SEED = 20_260


def normal_draws(covariance: FloatArray) -> FloatArray:
    """Draws (DRAWS, m) of normals with mean zero; the covariance may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.random.default_rng(SEED).standard_normal((DRAWS, len(covariance))) @ root.T)


def smallest_p_values(covariance: FloatArray) -> FloatArray:
    """Sorted draws of the smallest two-sided p-value of m normal statistics with this covariance.

    The (1 - level) quantile is the level of one interval so that all hold together (Hothorn, Bretz & Westfall
    2008, doi:10.1002/bimj.200810425).
    """
    size = np.sqrt(np.diagonal(covariance))
    size = np.where(size > 0.0, size, 1.0)
    largest = np.abs(normal_draws(covariance / np.outer(size, size))).max(axis=1)
    return np.sort(2.0 * special.ndtr(-largest))


def rank_probabilities(means: FloatArray, covariance: FloatArray) -> FloatArray:
    """P(quantity j has rank r), (m, m); rank 0 is the smallest. Rows and columns add to one."""
    m = len(means)
    if m == 2:
        spread = np.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1]))
        gap = float(means[1] - means[0])
        first = float(special.ndtr(gap / spread)) if spread > 0.0 else 0.5 * (1.0 + np.sign(gap))
        return np.array([[first, 1.0 - first], [1.0 - first, first]])
    draws = normal_draws(covariance)
    values = means + np.concatenate([draws, -draws])
    order = np.argsort(values, axis=1)
    found = np.empty((m, m))
    for rank in range(m):
        found[:, rank] = np.bincount(order[:, rank], minlength=m) / len(order)
    return found
