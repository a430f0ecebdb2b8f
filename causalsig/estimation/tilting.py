"""Which population an estimand speaks of: the tilting function h of the propensities.

The mean of arm a is ``ψ_a = E[h m_a] / E[h]``, its weights are ``h / π_a``. ATE: h = 1; ATT of arm t:
h = π_t; ATO: ``h = 1 / Σ_k 1/π_k``, the generalised overlap weights of Li and Li (2019),
doi:10.1214/19-AOAS1282.
"""

from __future__ import annotations

import numpy as np

from causalsig.errors import EstimationError
from causalsig.results import Arm, Estimand, Floats

SMALLEST_PROBABILITY = 1e-12


def check_estimand(estimand: Estimand, arms: tuple[Arm, ...]) -> Estimand:
    """Accept "ATE", "ATO" or ("ATT", arm).

    Raises
    ------
    EstimationError
        ``estimation-estimand``.
    """
    if isinstance(estimand, str) and estimand in ("ATE", "ATO"):
        return estimand
    if isinstance(estimand, (tuple, list)) and len(estimand) == 2 and estimand[0] == "ATT":
        if estimand[1] in arms:
            return ("ATT", estimand[1])
        found = '"ATT" of an arm that is not analysed'
    else:
        found = "another estimand"
    raise EstimationError(
        "estimation-estimand",
        expected='"ATE", "ATO" or ("ATT", arm)',
        found=found,
        mend="Choose one of these, with an arm of this analysis.",
        where="estimand",
    )


def tilt(p: Floats, estimand: Estimand, arms: tuple[Arm, ...]) -> tuple[Floats, Floats]:
    """Evaluate h and its derivative to every probability.

    Parameters
    ----------
    p : (n, K)

    Returns
    -------
    h : (n,), and ∂h/∂π : (n, K)
    """
    if p.min() < SMALLEST_PROBABILITY:
        raise EstimationError(
            "estimation-positivity",
            expected="every episode to have some probability of every arm",
            found=f"{int(np.sum(p.min(axis=1) < SMALLEST_PROBABILITY))} episodes with a probability of 0",
            mend="A covariate decides the arm: leave these episodes out by an eligibility rule.",
            where="propensity",
        )
    if estimand == "ATE":
        return np.ones(len(p)), np.zeros_like(p)
    if estimand == "ATO":
        h = 1.0 / np.sum(1.0 / p, axis=1)
        return h, (h[:, None] / p) ** 2
    slope = np.zeros_like(p)
    slope[:, arms.index(estimand[1])] = 1.0
    return p[:, arms.index(estimand[1])].copy(), slope


def orthogonal_tilt(p: Floats, indicator: Floats, estimand: Estimand, arms: tuple[Arm, ...]) -> Floats:
    """Evaluate ``g = h + Σ_k ∂h/∂π_k (1{A=k} - π_k)``, which has mean E[h] and forgives errors in π.

    It is 1 for the ATE, ``1{A=t}`` for the ATT and ``(h/π_A)²`` for the ATO (h has degree one in π, so
    ``Σ_k π_k ∂h/∂π_k = h``): never negative.

    Parameters
    ----------
    p, indicator : (n, K)

    Returns
    -------
    (n,)
    """
    h, slope = tilt(p, estimand, arms)
    return np.asarray(h + np.sum(slope * (indicator - p), axis=1))
