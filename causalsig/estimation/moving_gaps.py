"""How gaps between sites go with the score where all handle alike: a test of routes by other sites."""

from __future__ import annotations

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.moving_results import ERROR_RATE, Check
from causalsig.estimation.moving_sites import FEWEST_BINS, Extrapolation, no_answer
from causalsig.results import Floats


def gap_slopes(found: Extrapolation) -> tuple[Floats, Floats]:
    """Slopes of the gaps between the site and each other below the threshold, and their covariance (K, K).

    Least squares on bins of both with a curve of third order in common, an own level a site, and an own slope
    beside the first site's, weighted by episodes.

    Raises
    ------
    EstimationError
        ``estimation-few-scores`` when a site has too few bins there.
    """
    parts = []
    for view in found.views:
        usable = (view.place < 0.0) & (view.place >= -found.reach)
        if usable.sum() < FEWEST_BINS:
            # Fewer than the curve needs within reach: the nearest that there are.
            usable = np.zeros(len(view.place), dtype=bool)
            usable[np.flatnonzero(view.place < 0.0)[-FEWEST_BINS:]] = True
        columns = (view.place, view.mean, view.errors, view.episodes)
        parts.append([column[usable] for column in columns])
    size = len(parts)
    x, y, v, n = (np.concatenate(column) for column in zip(*parts, strict=True))
    who = np.repeat(np.arange(size), [len(part[0]) for part in parts])
    unit = float(np.abs(x).max())
    t = x / unit
    member = (who[:, None] == np.arange(size)[None, :]).astype(np.float64)
    design = np.column_stack([t, t**2, t**3, member, member[:, 1:] * t[:, None]])
    if len(x) <= design.shape[1]:
        raise no_answer("estimation-few-scores", "more bins below the threshold than the test asks", "fewer")
    # Weighted by episodes: by variances of ten episodes each, errors would seem smaller than they are.
    weighted = design * n[:, None]
    solved = (np.linalg.pinv(weighted.T @ design) @ weighted.T)[-(size - 1) :]
    # Of the site's gap to another: the other's slope with its sign turned.
    return -(solved @ y) / unit, (solved * v) @ solved.T / unit**2


def gap_check(code: str, found: Extrapolation, bound: float) -> tuple[Check, ...]:
    """Test that no gap is steeper than `bound`; empty where too few bins can tell.

    One test for all sites: the smallest p-value times their number.
    """
    from scipy.special import ndtr

    try:
        slopes, covariance = gap_slopes(found)
    except EstimationError:
        return ()
    errors = np.sqrt(np.diag(covariance))
    size, ratio = np.abs(slopes) / errors, bound / errors
    p_values = ndtr(ratio - size) + ndtr(-ratio - size)
    least = int(np.argmin(p_values))
    p_value = min(1.0, float(p_values[least]) * len(slopes))
    return (Check(code, float(slopes[least]), float(errors[least]), p_value, p_value >= ERROR_RATE),)
