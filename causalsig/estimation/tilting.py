"""Which population an estimand speaks of: the tilting function h of the propensities.

The mean of arm a is ``ψ_a = E[h m_a] / E[h]``, its weights are ``h / π_a``.

=========== ======================== =====================================================================
ATE         1                        everybody
ATT, arm t  π_t                      who got t
ATU, arm t  1 - π_t                  who did not
ATO         1 / Σ_k 1/π_k            generalised overlap weights: Li and Li (2019), doi:10.1214/19-AOAS1282
ATM         min_k π_k                matching weights: Li and Greene (2013), doi:10.1515/ijb-2012-0030
entropy     -Σ_k π_k log π_k         Zhou, Matsouaka and Thomas (2020), doi:10.1177/0962280220940334
=========== ======================== =====================================================================
"""

from __future__ import annotations

import numpy as np

from causalsig.errors import EstimationError
from causalsig.results import Arm, Estimand, Floats

SMALLEST_PROBABILITY = 1e-12
WHOLE = ("ATE", "ATO", "ATM", "entropy")
"""Estimands of a population that no arm names."""
OF_AN_ARM = ("ATT", "ATU")


def check_estimand(
    estimand: Estimand, arms: tuple[Arm, ...], allowed: tuple[str, ...] = (*WHOLE, *OF_AN_ARM)
) -> Estimand:
    """Accept an estimand that is known, of an arm that is analysed, and among those allowed.

    Raises
    ------
    EstimationError
        ``estimation-estimand``.
    """
    found = "another estimand"
    if isinstance(estimand, str) and estimand in WHOLE and estimand in allowed:
        return estimand
    if isinstance(estimand, (tuple, list)) and len(estimand) == 2 and str(estimand[0]) in allowed:
        if estimand[0] in OF_AN_ARM and np.ndim(estimand[1]) == 0 and estimand[1] in arms:
            return (estimand[0], estimand[1])
        found = "one of an arm that is not analysed"
    names = ", ".join(f'("{name}", arm)' if name in OF_AN_ARM else f'"{name}"' for name in allowed)
    raise EstimationError(
        "estimation-estimand",
        expected=names,
        found=found,
        mend="Choose one of these, with an arm of this analysis, or the estimator of the estimand.",
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
    if estimand == "entropy":
        logs = np.log(p)
        return -np.sum(p * logs, axis=1), -1.0 - logs
    slope = np.zeros_like(p)
    if estimand == "ATM":
        # At a tie the first: a set of probability zero, where h has no derivative.
        smallest = p.argmin(axis=1)
        slope[np.arange(len(p)), smallest] = 1.0
        return p.min(axis=1), slope
    t = arms.index(estimand[1])
    if estimand[0] == "ATU":
        slope[:, t] = -1.0
        return 1.0 - p[:, t], slope
    slope[:, t] = 1.0
    return p[:, t].copy(), slope


def orthogonal_tilt(p: Floats, indicator: Floats, estimand: Estimand, arms: tuple[Arm, ...]) -> Floats:
    """Evaluate ``g = h + Σ_k ∂h/∂π_k (1{A=k} - π_k)``, which has mean E[h] and forgives errors in π.

    It is 1 for the ATE, ``1{A=t}`` for the ATT, ``1{A≠t}`` for the ATU, ``(h/π_A)²`` for the ATO,
    ``1{π_A smallest}`` for the ATM (these h have degree one in π, so ``Σ_k π_k ∂h/∂π_k = h``) and
    ``-log π_A`` for entropy: never negative.

    Parameters
    ----------
    p, indicator : (n, K)

    Returns
    -------
    (n,)
    """
    h, slope = tilt(p, estimand, arms)
    return np.asarray(h + np.sum(slope * (indicator - p), axis=1))
