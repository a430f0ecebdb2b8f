"""Pooling estimates that may be biased, each by no more than it says: worst cases do not average out.

The mean of estimates with biases ``|b_i| <= B_i`` is biased by at most ``Σ w_i B_i``, whatever the number of
sites; only its standard error shrinks. The interval's critical value is the folded normal's of Armstrong and
Kolesár (2018), doi:10.3982/ECTA14434, and (2020), doi:10.3982/QE1199: the smallest c for which
``estimate ± c`` keeps its level at the worst bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import weighted_fit
from causalsig.meta.inputs import as_floats, check_inputs, freeze
from causalsig.meta.mixture import confidence_distribution
from causalsig.meta.options import (
    DEFAULT_INTERVAL,
    IntervalMethod,
    Tau2Method,
    check_level,
    check_option,
)
from causalsig.meta.results import RandomEffects
from causalsig.meta.shifted import Components
from causalsig.meta.univariate import fit

FloatArray = NDArray[np.float64]
HonestWeights = Literal["precision", "shortest"]


@dataclass(frozen=True, slots=True, eq=False)
class HonestPool(ComparedByValue):
    """A pooled effect whose interval holds whatever the biases are, within their bounds.

    Attributes
    ----------
    estimate, std_error : float
        Weighted mean, and its standard error with tau² in it (and the factor of the interval method).
    largest_bias : float
        ``Σ w_i B_i``.
    conf_low, conf_high : float
    weights : (k,) array, add to one; 0 for a site whose bias would cost more than it brings
    tau2 : float
        Between sites, from the estimates as they are: biases that differ add to it, biases alike cannot.
    df : float
        Of t; inf for the normal, nan for the mixture.
    k : int
    method, interval, weighting, level
        As asked; with one site the interval is ``"wald"``.
    """

    estimate: float
    std_error: float
    largest_bias: float
    conf_low: float
    conf_high: float
    weights: FloatArray
    tau2: float
    df: float
    k: int
    method: Tau2Method
    interval: IntervalMethod
    weighting: HonestWeights
    level: float


def honest_effects(
    estimates: Any,
    variances: Any,
    largest_biases: Any,
    *,
    weights: HonestWeights = "precision",
    tau2: Tau2Method = "REML",
    interval: IntervalMethod = DEFAULT_INTERVAL,
    level: float = 0.95,
) -> HonestPool:
    """Pool estimates ``y_i ~ N(θ_i + b_i, v_i)``, ``θ_i ~ N(μ, tau²)``, with ``|b_i| <= B_i``.

    Parameters
    ----------
    estimates, variances : (k,) array-like
        As `random_effects`.
    largest_biases : (k,) array-like
        B, zero or more, on the scale of the estimates.
    weights : {"precision", "shortest"}
        ``precision``: those of random effects. ``shortest``: those of the shortest interval, from variances
        and bounds alone, never from the estimates (but for tau²).
    tau2, interval, level
        As `random_effects`. Without biases the interval is that of `random_effects`.

    Returns
    -------
    HonestPool

    Raises
    ------
    MetaError
        As `random_effects`; ``meta-bias`` for a bound that is missing, negative or infinite.
    """
    check_option("weights", weights, HonestWeights)
    check_option("tau2", tau2, Tau2Method)
    check_option("interval", interval, IntervalMethod)
    data = check_inputs(estimates, variances, None, True)
    biases = check_biases(largest_biases, len(data.estimates))
    pooled = fit(data, tau2, interval, check_level(level))
    total = data.variances + np.nan_to_num(pooled.tau2)
    chosen = pooled.weights if weights == "precision" else _shortest_weights(total, biases, level)
    components = _components(pooled, biases, chosen, fixed=weights == "shortest")
    centre = components.centre(level)
    half = components.half_length(centre, level)
    factor = _factor(pooled, total)
    return HonestPool(
        estimate=float(chosen @ data.estimates),
        std_error=float(np.sqrt(factor * (chosen**2 @ total))),
        largest_bias=float(chosen @ biases),
        conf_low=centre - half,
        conf_high=centre + half,
        weights=freeze(chosen),
        tau2=pooled.tau2,
        df=pooled.df,
        k=pooled.k,
        method=tau2,
        interval=pooled.interval,
        weighting=weights,
        level=pooled.level,
    )


def check_biases(values: Any, k: int) -> FloatArray:
    """Read k bounds of bias; ``meta-bias`` for others."""
    biases = as_floats("largest_biases", values)
    if biases.shape != (k,) or not np.isfinite(biases).all() or (biases < 0.0).any():
        raise MetaError(
            "meta-bias",
            expected=f"{k} finite bounds of bias, zero or more",
            found=f"shape {biases.shape}, or one that is missing, infinite or negative",
            mend="Give the largest bias of every estimate; leave a site out that does not know its own.",
        )
    return biases


def _factor(pooled: RandomEffects, total: FloatArray) -> float:
    """Factor of the interval method in the variance, the same for every weighted mean."""
    return float(pooled.covariance[0, 0] * (1.0 / total).sum())


def _components(pooled: RandomEffects, biases: FloatArray, weights: FloatArray, *, fixed: bool) -> Components:
    data = pooled.inputs
    total = data.variances + np.nan_to_num(pooled.tau2)
    if pooled.interval != "mixture" or pooled.method == "EE":
        spread = np.sqrt(_factor(pooled, total) * (weights**2 @ total))
        one = np.ones(1)
        return Components(
            one, one * (weights @ data.estimates), one * spread, one * (weights @ biases), float(pooled.df)
        )
    found = confidence_distribution(data.estimates[None], data.variances[None], data.basis)
    mass, at = found.mass[0], found.tau2[0]
    if fixed:
        rows = np.broadcast_to(weights, (len(at), pooled.k))
    else:
        rows = weighted_fit(data.estimates[None], data.variances[None], data.basis, at).weights
        rows = rows / rows.sum(axis=1, keepdims=True)
    variances = (rows**2 * (data.variances + at[:, None])).sum(axis=1)
    return Components(mass, rows @ data.estimates, np.sqrt(variances), rows @ biases, np.inf)


def _shortest_weights(total: FloatArray, biases: FloatArray, level: float) -> FloatArray:
    """Weights of the shortest honest interval of a normal mean.

    Its length rises in variance and in bias, so the best weights lie on the frontier of both:
    ``w_i = max(0, a - λ B_i) / s_i²`` minimises ``Σ w² s²/2 + λ Σ w B``; one number λ is left to search.
    """
    if not biases.any():
        return np.asarray((1.0 / total) / (1.0 / total).sum())

    def weights_at(strength: float) -> FloatArray:
        order = np.argsort(biases, kind="stable")
        b, s = biases[order], 1.0 / total[order]
        # The water level a with the first j sites in: 1 = Σ (a - λ b) s; the last j whose own bias fits.
        level_of = (1.0 + strength * np.cumsum(b * s)) / np.cumsum(s)
        inside = int(np.flatnonzero(level_of > strength * b)[-1])
        found = np.maximum(0.0, level_of[inside] - strength * biases) / total
        return np.asarray(found / found.sum())

    def length(log_strength: float) -> float:
        w = weights_at(float(np.exp(log_strength)))
        one = np.ones(1)
        bias, spread = float(w @ biases), float(np.sqrt(w**2 @ total))
        return Components(one, 0.0 * one, one * spread, one * bias, np.inf).half_length(0.0, level)

    # λ trades a variance for a bias: its scale is a variance of the mean over a bias.
    scale = float(np.log(1.0 / ((1.0 / total).sum() * biases.max())))
    grid = scale + np.linspace(-12.0, 12.0, 49)
    lengths = [length(at) for at in grid]
    best = int(np.argmin(lengths))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = optimize.minimize_scalar(length, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    at = float(found.x) if found.fun < lengths[best] else float(grid[best])
    return weights_at(float(np.exp(at)))
