"""Local polynomials as weights: the limit at a boundary, and the value at any place of a smooth curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalsig.estimation.threshold_local import few_scores, powers
from causalsig.results import Floats, Integers

MOST_PULL = 0.9
"""Beyond it an episode alone makes the fit, and what the fit would be without it is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """A bias-corrected limit as a weighted sum.

    Attributes
    ----------
    value : float
    rows : (m,) int, the episodes with weight
    weights : (m,)
    residuals : (m,)
        Of the polynomial of the bias, each as if its episode had not been fitted (HC3): those at the boundary
        pull the polynomial towards themselves.
    """

    value: float
    rows: Integers
    weights: Floats
    residuals: Floats


def boundary_limit(distance: Floats, outcome: Floats, h: float, b: float) -> Limit:
    """Limit at distance 0 of a line within h, less its bias by a parabola within b; triangular kernel.

    Calonico, Cattaneo and Titiunik (2014), doi:10.3982/ECTA11757, episode by episode.

    Parameters
    ----------
    distance, outcome : (n,); distances from the boundary, 0 and more

    Raises
    ------
    EstimationError
        ``estimation-few-scores``.
    """
    line, curve = _weights(distance, h, 1), _weights(distance, b, 2)
    left_over = float(line[:, 0] @ (distance / b) ** 2)
    weights = line[:, 0] - left_over * curve[:, 2]
    rows = np.flatnonzero((distance < h) | (distance < b))
    coefficients = curve.T @ outcome
    design = powers(distance[rows] / b, 2).T
    pull = np.minimum((design * curve[rows]).sum(axis=1), MOST_PULL)
    residuals = (outcome[rows] - design @ coefficients) / (1.0 - pull)
    return Limit(float(weights @ outcome), rows, weights[rows], residuals)


def _weights(distance: Floats, bandwidth: float, degree: int) -> Floats:
    """Weights (n, degree + 1) of the coefficients in ``u = distance / bandwidth``."""
    distinct = len(np.unique(distance[distance < bandwidth]))
    if distinct <= degree:
        raise few_scores(degree + 1, f"{distinct} within the bandwidth on one side")
    u = distance / bandwidth
    design = powers(u, degree).T
    weighted = design * np.maximum(1.0 - u, 0.0)[:, None]
    return np.asarray(weighted @ np.linalg.inv(weighted.T @ design))


def curve_weights(x: Floats, counts: Floats, at: Floats, bandwidth: float, degree: int = 2) -> Floats:
    """Weights of means at x for the value of a smooth curve at other places.

    A polynomial of even degree within the bandwidth is the line of the same bandwidth less its bias by the
    curve (Calonico et al. 2014, remark 7).

    Parameters
    ----------
    x, counts : (B,) places, and how many episodes each mean is of
    at : (Q,)
    bandwidth : float; widened where fewer places than coefficients lie within it

    Returns
    -------
    (Q, B), each row adds up to 1

    Raises
    ------
    EstimationError
        ``estimation-few-scores`` where there are fewer places than coefficients.
    """
    if len(x) < degree + 2:
        raise few_scores(degree + 2, f"{len(x)}")
    found = np.zeros((len(at), len(x)))
    for q, place in enumerate(at):
        away = np.abs(x - place)
        h = max(bandwidth, float(np.partition(away, degree + 1)[degree + 1]) * (1.0 + 1e-9))
        u = (x - place) / h
        design = powers(u, degree).T
        weighted = design * (np.maximum(1.0 - np.abs(u), 0.0) * counts)[:, None]
        first = np.zeros(degree + 1)
        first[0] = 1.0
        found[q] = weighted @ np.linalg.solve(design.T @ weighted, first)
    return found
