"""Weighted and augmented arm means with the M-estimation variance of their nuisance models.

The mean of arm a is ``ψ_a = Σ h m_a / Σ h + Σ w_a (Y - m_a) / Σ w_a``, ``w_a = 1{A=a} C h / (π_a κ_a)``;
without an outcome model m = 0 and it is the Hájek mean. Not normalised, the second sum is over ``Σ h``.
Targeted, ``logit m_a = η_a + ε_a`` with ε_a such that the second sum is 0, and its influence enters through
ε_a. Stacking the scores of every model below it adds
``∂ψ/∂θ · IF_θ`` to the influence for each model with parameter θ: Stefanski and Boos (2002),
doi:10.1198/000313002753631330; Lunceford and Davidian (2004), doi:10.1002/sim.1903; Li and Li (2019),
doi:10.1214/19-AOAS1282.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalsig.estimation.multinomial import Fit
from causalsig.estimation.regressions import ArmModel
from causalsig.results import Floats, Target


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Arrays of one outcome, rows in the summing order.

    Attributes
    ----------
    x : (n, P); indicator, p, full_p, kappa, m, slope : (n, K); y, seen, h : (n,)
    slope_h : (n, K), ∂h/∂π; None when the propensity is not estimated
    gain : (K,) or None
        What one unit of ``Σ w_a (Y - m_a)`` adds to ψ_a; default one over the sum of weights.
    normalise : whether the weights are divided by their sum, or by that of h
    target : "population", or "sample" for the variance at these covariates
    """

    x: Floats
    indicator: Floats
    y: Floats
    seen: Floats
    p: Floats
    full_p: Floats
    kappa: Floats
    m: Floats
    h: Floats
    slope_h: Floats | None
    treatment_model: Fit | None
    followed_models: list[ArmModel]
    outcome_models: list[ArmModel]
    gain: Floats | None = None
    normalise: bool = True
    target: Target = "population"


def stacked_influence(pieces: Pieces) -> tuple[Floats, Floats]:
    """Influence (n, K) with the means as its column means, and the weights (n, K)."""
    indicator, h, n = pieces.indicator, pieces.h, len(pieces.y)
    w = indicator * (pieces.seen * h)[:, None] / (pieces.p * pieces.kappa)
    residual = pieces.y[:, None] - pieces.m
    total_h = h.sum()
    gain = pieces.gain
    if gain is None:
        gain = 1.0 / w.sum(axis=0) if pieces.normalise else np.full(w.shape[1], 1.0 / total_h)
    mu = h @ pieces.m / total_h
    r = np.sum(w * residual, axis=0) * gain
    # What a change of one weight does to ψ_a: less r where the weights are divided by their sum.
    pull = (residual - r if pieces.normalise else residual) * gain
    outcome_part = (pieces.m - (mu if pieces.normalise else mu + r)) / total_h
    influence = n * w * pull
    if pieces.target == "population":
        influence += n * h[:, None] * outcome_part
    for a in range(indicator.shape[1]):
        if pieces.treatment_model is not None:
            influence[:, a] += _through_treatment(pieces, a, outcome_part[:, a], w, pull)
        if pieces.followed_models:
            model = pieces.followed_models[a]
            influence[:, a] += through(model, pieces.x, -w[:, a] / pieces.kappa[:, a] * pull[:, a])
        if pieces.outcome_models:
            influence[:, a] += through(pieces.outcome_models[a], pieces.x, h / total_h - w[:, a] * gain[a])
    # A ridge leaves scores that do not add to zero; the means stay what they are.
    return influence - influence.mean(axis=0) + (mu + r), w


def through(model: ArmModel, x: Floats, slope: Floats) -> Floats:
    """Carry ``Σ_i slope_i · ∂prediction_i/∂θ`` to every row's influence on θ: (n,)."""
    if model.solve is None:
        return np.zeros(len(x))
    return np.asarray(len(x) * model.residual * (x @ model.solve(x.T @ (slope * model.slope))))


def _through_treatment(pieces: Pieces, a: int, outcome_part: Floats, w: Floats, pull: Floats) -> Floats:
    """Carry the dependence of ψ_a on every probability to the influence on the multinomial coefficients."""
    assert pieces.treatment_model is not None and pieces.slope_h is not None
    p, x = pieces.p, pieces.x
    by_h = outcome_part + w[:, a] / pieces.h * pull[:, a]
    by_p = by_h[:, None] * pieces.slope_h
    by_p[:, a] -= w[:, a] / p[:, a] * pull[:, a]
    by_eta = p * (by_p - np.sum(by_p * p, axis=1, keepdims=True))
    v = pieces.treatment_model.solve((by_eta[:, :-1].T @ x).ravel())
    moved = x @ v.reshape(-1, x.shape[1]).T
    residual = (pieces.indicator - pieces.full_p)[:, :-1]
    return np.asarray(len(x) * np.sum(residual * moved, axis=1))
