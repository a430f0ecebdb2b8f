"""Overlap of the arms, judged from the propensities alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def preference_scores(first: Floats, second: Floats, size_first: int, size_second: int) -> Floats:
    """Preference score of one arm against another.

    With propensities π and shares p of the two arms among themselves,
    ``logit F = logit π - logit p``: 0.5 means that the episode is as likely to get the first arm as the
    arm's share says (Walker et al. 2013, doi:10.2147/CER.S40357).

    Parameters
    ----------
    first, second : (n,)
        Probabilities of the two arms; only their ratio matters.
    size_first, size_second : int
        Episodes in the two arms.

    Returns
    -------
    (n,) between 0 and 1
    """
    odds = (first / second) / (size_first / size_second)
    scores: Floats = odds / (1.0 + odds)
    return scores


def equipoise_share(
    probabilities: Floats, codes: Integers, first: int, second: int, bounds: tuple[float, float]
) -> float:
    """Share of the two arms' episodes whose preference score lies within ``bounds``.

    Parameters
    ----------
    probabilities : (n, K)
    codes : (n,)
        Arm of each episode, as a position on the K axis.
    first, second : int
        The two arms compared.
    """
    sizes = np.bincount(codes, minlength=probabilities.shape[1])
    either = (codes == first) | (codes == second)
    scores = preference_scores(
        probabilities[either, first], probabilities[either, second], int(sizes[first]), int(sizes[second])
    )
    return float(np.mean((scores >= bounds[0]) & (scores <= bounds[1])))


def share_without_positivity(probabilities: Floats, floor: float) -> Floats:
    """Share of episodes whose probability of each arm lies under ``floor``, shape (K,)."""
    shares: Floats = np.mean(probabilities < floor, axis=0)
    return shares
