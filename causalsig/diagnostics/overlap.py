"""Overlap of the arms, judged from the propensities alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from causalsig.estimation.propensity import Propensity
    from causalsig.study.models import Diagnostics

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
SMALLEST = 1e-300
"""A probability of nothing, where its inverse would be infinite."""
EXPECTED = 5.0
"""Households of an arm that a category must be expected to hold before their absence says anything; with five
chance leaves 7 in 1,000 categories without any."""


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


def share_without_positivity(probabilities: Floats, floor: float, rare: Flags | None = None) -> Floats:
    """Share of episodes whose probability of each arm lies under ``floor``, shape (K,).

    Parameters
    ----------
    probabilities : (n, K)
    floor : float
    rare : (n, K), optional
        Where chance alone may have left the arm unused, see :func:`too_rare`; not counted.
    """
    low = probabilities < floor
    shares: Floats = np.mean(low if rare is None else low & ~rare, axis=0)
    return shares


def too_rare(covariates: Floats, codes: Integers, clusters: Integers, arms: int) -> Flags:
    """Tell whose category is so rare that chance may have left an arm unused in it: (n, K).

    Without a ridge the likelihood calls the arm impossible in every category in which nobody got it. Of a
    category of m households ``m p_k`` are expected in an arm of share p_k; below `EXPECTED` their absence is
    no rule. A column of two values has one category, its rarer value.

    Parameters
    ----------
    covariates : (n, p)
    codes, clusters : (n,)
        Arm and household, as positions.
    arms : int
        Their number K.
    """
    total = len(np.unique(clusters))
    shares = np.array([len(np.unique(clusters[codes == k])) / total for k in range(arms)])
    rare = np.zeros((len(codes), arms), dtype=bool)
    for column in covariates.T:
        first = column == column[0]
        if first.all() or not (column[~first] == column[~first][0]).all():
            continue
        category = first if first.sum() < len(first) / 2 else ~first
        rare |= category[:, None] & (len(np.unique(clusters[category])) * shares < EXPECTED)
    return rare


def generalised_preference_scores(probabilities: Floats, sizes: Integers) -> Floats:
    """Preference scores of all arms at once: ``F_k = (π_k / p_k) / Σ_j π_j / p_j``.

    With p the arms' shares of the episodes, 1/K means as likely as the arm's share says; two arms give
    :func:`preference_scores` (Yoshida et al. 2019, doi:10.1093/aje/kwy263).

    Parameters
    ----------
    probabilities : (n, K)
    sizes : (K,)
        Episodes in each arm.

    Returns
    -------
    (n, K), rows add to 1
    """
    relative = probabilities / sizes
    scores: Floats = relative / relative.sum(axis=1, keepdims=True)
    return scores


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Overlap of K arms.

    Attributes
    ----------
    arms : tuple, length K
    pairs : (K, K)
        Share in equipoise of every two arms, nan on the diagonal.
    everywhere : float
        Share of all episodes that could well have been in any arm: every generalised preference score at
        least the lower bound times 2/K, which for two arms is equipoise.
    without_positivity : (K,)
        Share of episodes whose probability of the arm is under the study's floor, beyond chance.
    trimmed : (K,)
        Share of each arm's episodes that the cut of Crump et al. would leave out.
    effective_sizes : dict of estimand to (K,)
        In households.
    """

    arms: tuple[str, ...]
    pairs: Floats
    everywhere: float
    without_positivity: Floats
    trimmed: Floats
    effective_sizes: dict[str, Floats]


def overlap_of(propensity: Propensity, estimands: tuple[str, ...], settings: Diagnostics) -> Overlap:
    """Describe the overlap of all arms from the propensities alone.

    Parameters
    ----------
    propensity : Propensity
        Judged before any ridge or floor that keeps weights finite.
    estimands : tuple of str
    settings : Diagnostics
        The study's bounds of equipoise and floor of positivity.
    """
    from causalsig.estimation.trimming import crump_cut

    p, codes, total = propensity.judged_probabilities, propensity.codes, len(propensity.arms)
    pairs = np.full((total, total), np.nan)
    for a, b in combinations(range(total), 2):
        pairs[a, b] = pairs[b, a] = equipoise_share(p, codes, a, b, settings.equipoise_bounds)
    scores = generalised_preference_scores(p, propensity.n)
    spread = np.sum(1.0 / np.maximum(p, SMALLEST), axis=1)
    left = spread > crump_cut(spread)
    return Overlap(
        arms=tuple(str(arm) for arm in propensity.arms),
        pairs=pairs,
        everywhere=float(np.mean(scores.min(axis=1) >= settings.equipoise_bounds[0] * 2.0 / total)),
        without_positivity=share_without_positivity(
            p,
            settings.positivity_probability,
            too_rare(propensity.sample.covariates, codes, propensity.clusters, total),
        ),
        trimmed=np.array([float(np.mean(left[codes == k])) for k in range(total)]),
        effective_sizes={name: propensity.effective_sample_size(name) for name in estimands},
    )
