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
from scipy import optimize, special

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import weighted_fit
from causalsig.meta.inputs import as_floats, check_inputs, freeze
from causalsig.meta.intervals import critical_value
from causalsig.meta.mixture import confidence_distribution
from causalsig.meta.options import (
    DEFAULT_INTERVAL,
    IntervalMethod,
    Tau2Method,
    check_level,
    check_option,
)
from causalsig.meta.results import RandomEffects
from causalsig.meta.univariate import fit

FloatArray = NDArray[np.float64]
HonestWeights = Literal["precision", "shortest"]

# Of a length in its own unit: intervals differ by far less than they are rounded to.
PRECISION = 1e-12


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


@dataclass(frozen=True, slots=True, eq=False)
class _Components:
    """What the mean may be, given what is known: normals or one t, (N,) each, shifted by at most `bias`."""

    mass: FloatArray
    means: FloatArray
    std_devs: FloatArray
    bias: FloatArray
    df: float

    def inside(self, centre: float, half: float) -> float:
        """Mass of ``centre ± half`` at the worst of both signs of the bias."""
        found = []
        for shift in (self.bias, -self.bias):
            at = self.means + shift
            ends = ((centre + half - at) / self.std_devs, (centre - half - at) / self.std_devs)
            below = [special.ndtr(u) if np.isinf(self.df) else special.stdtr(self.df, u) for u in ends]
            found.append(float(self.mass @ (below[0] - below[1])))
        return min(found)


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
    biases = _check_biases(largest_biases, len(data.estimates))
    pooled = fit(data, tau2, interval, check_level(level))
    total = data.variances + np.nan_to_num(pooled.tau2)
    chosen = pooled.weights if weights == "precision" else _shortest_weights(total, biases, level)
    components = _components(pooled, biases, chosen, fixed=weights == "shortest")
    centre = _centre(components, pooled, float(chosen @ data.estimates))
    half = _half_length(components, centre, level)
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


def _check_biases(values: Any, k: int) -> FloatArray:
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


def _components(
    pooled: RandomEffects, biases: FloatArray, weights: FloatArray, *, fixed: bool
) -> _Components:
    data = pooled.inputs
    total = data.variances + np.nan_to_num(pooled.tau2)
    if pooled.interval != "mixture" or pooled.method == "EE":
        spread = np.sqrt(_factor(pooled, total) * (weights**2 @ total))
        one = np.ones(1)
        return _Components(
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
    return _Components(mass, rows @ data.estimates, np.sqrt(variances), rows @ biases, np.inf)


def _centre(components: _Components, pooled: RandomEffects, estimate: float) -> float:
    """Middle of the interval there would be without biases: the estimate, but for a mixture."""
    if len(components.mass) == 1:
        return estimate
    tail = 0.5 * (1.0 - pooled.level)
    return 0.5 * sum(_quantile(components, p) for p in (tail, 1.0 - tail))


def _quantile(components: _Components, probability: float) -> float:
    z = special.ndtri(probability)
    ends = components.means + z * components.std_devs
    low, high = float(ends.min()), float(ends.max())
    if high - low <= PRECISION * float(components.std_devs.min()):
        return low

    def missing(x: float) -> float:
        inside = special.ndtr((x - components.means) / components.std_devs)
        return float(components.mass @ inside) - probability

    slack = 1e-9 * (high - low)
    return float(optimize.brentq(missing, low - slack, high + slack, xtol=PRECISION * (high - low)))


def _half_length(components: _Components, centre: float, level: float) -> float:
    """Smallest half-length whose interval keeps its level at the worst bias."""
    z = critical_value(level, components.df)
    far = np.abs(components.means - centre) + components.bias + (z + 1.0) * components.std_devs
    high = float(far.max())
    return float(
        optimize.brentq(
            lambda half: components.inside(centre, half) - level, 0.0, high, xtol=PRECISION * high
        )
    )


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
        return _half_length(_Components(one, 0.0 * one, one * spread, one * bias, np.inf), 0.0, level)

    # λ trades a variance for a bias: its scale is a variance of the mean over a bias.
    scale = float(np.log(1.0 / ((1.0 / total).sum() * biases.max())))
    grid = scale + np.linspace(-12.0, 12.0, 49)
    lengths = [length(at) for at in grid]
    best = int(np.argmin(lengths))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = optimize.minimize_scalar(length, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    at = float(found.x) if found.fun < lengths[best] else float(grid[best])
    return weights_at(float(np.exp(at)))
