"""A line of a coverage table: how often intervals held the truth, and how far estimates lay from it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.montecarlo import rate_figures

LARGEST_BIAS = 0.1  # of a standard error at the largest n; a bias that stays would be several by then
NOISE = 3.0  # Monte Carlo errors a mean over replications may be off


def coverage_row(
    names: dict[str, Any],
    values: NDArray[np.float64],
    truth: float,
    band: tuple[float, float],
    *,
    judged: bool = True,
    bias_judged: bool = False,
) -> dict[str, Any]:
    """Judge one estimate over replications.

    Parameters
    ----------
    names : what it is, the first columns of the line
    values : (R, 4)
        Estimate, standard error, lower and upper end.
    band : of the coverage that is claimed
    bias_judged : the mean must lie within `LARGEST_BIAS` of a standard error and Monte Carlo noise too
    """
    estimate, error, low, high = values.T
    hits = int(np.sum((low <= truth) & (truth <= high)))
    rate = rate_figures(hits, len(estimate), band)
    bias, spread = float(estimate.mean() - truth), float(estimate.std(ddof=1))
    vanished = not biased(bias, spread, len(estimate))
    held = bool(rate["passed"]) and (vanished or not bias_judged)
    return names | {
        "coverage": rate["rate"],
        "coverage_low": rate["rate_low"],
        "coverage_high": rate["rate_high"],
        "replications": len(estimate),
        "truth": truth,
        "bias": bias,
        "empirical_sd": spread,
        "error_ratio": float(error.mean()) / spread,
        "judged": judged,
        "passed": held or not judged,
    }


def biased(bias: float, spread: float, replications: int) -> bool:
    """Whether a mean lies further from the truth than `LARGEST_BIAS` and Monte Carlo noise allow."""
    return abs(bias) > LARGEST_BIAS * spread + NOISE * spread / math.sqrt(replications)
