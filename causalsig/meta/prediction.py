"""True effects: of a new site, and of the sites there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import in_units_of_design, weighted_fit
from causalsig.meta.inputs import MetaInputs, freeze
from causalsig.meta.intervals import critical_value
from causalsig.meta.options import PredictionMethod, ShrinkageMethod

if TYPE_CHECKING:
    from causalsig.meta.mixture import ConfidenceDistribution, Mixture
    from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PredictionInterval:
    """Interval for the true effect of a new site, on the scale of the effects; nan when not estimable."""

    low: float
    high: float
    level: float
    method: PredictionMethod


@dataclass(frozen=True, slots=True, eq=False)
class ShrunkenEstimates(ComparedByValue):
    """Each site's own effect drawn towards the pool (empirical Bayes), arrays of shape (k,).

    ``shrinkage`` is the weight of the pool: 0 leaves a site its own estimate. For ``plug-in`` it is
    v/(v + tau²) and the standard errors treat tau² as known; for ``mixture`` both are averages over the
    confidence distribution of tau², and the bounds its quantiles.
    """

    estimates: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    shrinkage: FloatArray


def prediction_interval(
    result: RandomEffects, method: PredictionMethod, point: FloatArray
) -> PredictionInterval:
    """Prediction interval at a row of the design (p,)."""
    nothing = PredictionInterval(np.nan, np.nan, result.level, method)
    if result.k == 1:
        return nothing
    if method == "mixture":
        tail = 0.5 * (1.0 - result.level)
        low, high = new_site_mixture(result, point).quantiles((tail, 1.0 - tail))
        return PredictionInterval(float(low[0, 0]), float(high[0, 0]), result.level, method)
    df = _plug_in_df(result, method)
    if df < 1:
        return nothing
    centre, spread = _plug_in(result, point)
    half = critical_value(result.level, df) * spread
    return PredictionInterval(centre - half, centre + half, result.level, method)


def probability_below(
    result: RandomEffects, threshold: float, method: PredictionMethod, point: FloatArray
) -> float:
    """P(true effect of a new site < threshold) at a row of the design (p,)."""
    if result.k == 1:
        return float("nan")
    if method == "mixture":
        return float(new_site_mixture(result, point).below(threshold)[0, 0])
    df = _plug_in_df(result, method)
    if df < 1:
        return float("nan")
    centre, spread = _plug_in(result, point)
    gap = threshold - centre
    if spread == 0.0:
        # All effects are equal and the interval method takes its variance from them.
        return 0.5 if gap == 0.0 else float(gap > 0.0)
    standard = gap / spread
    return float(special.ndtr(standard) if np.isinf(df) else special.stdtr(df, standard))


def new_site_mixture(result: RandomEffects, point: FloatArray) -> Mixture:
    """Mixture of a new site's true effect."""
    from causalsig.meta.mixture import mixture_of_coefficients

    data = result.inputs
    return mixture_of_coefficients(
        data.estimates[None],
        data.variances[None],
        data.basis,
        point[None],
        new_site=True,
        given=_distribution(result),
    )


def shrunken(result: RandomEffects, method: ShrinkageMethod) -> ShrunkenEstimates:
    """Shrunken estimates; with one site they are that estimate."""
    if method == "mixture" and result.k > 1:
        return shrunken_mixture(result.inputs, _distribution(result), result.level)
    data = result.inputs
    tau2 = np.inf if np.isnan(result.tau2) else result.tau2
    shrinkage = 1.0 / (1.0 + tau2 / data.variances)
    own = 1.0 - shrinkage
    centre = data.design @ result.coefficients
    centre_variance = np.einsum("ip,pq,iq->i", data.design, result.covariance, data.design)
    estimates = own * data.estimates + shrinkage * centre
    std_errors = np.sqrt(own * data.variances + shrinkage**2 * centre_variance)
    half = critical_value(result.level, np.inf if np.isnan(result.df) else result.df) * std_errors
    arrays = (estimates, std_errors, estimates - half, estimates + half, shrinkage)
    return ShrunkenEstimates(*(freeze(each) for each in arrays))


def shrunken_mixture(data: MetaInputs, found: ConfidenceDistribution, level: float) -> ShrunkenEstimates:
    """Each site's own true effect, mixed over a distribution of tau²."""
    from causalsig.meta.mixture import Mixture

    nodes = found.tau2[0]
    fitted = weighted_fit(data.estimates, data.variances, data.basis, nodes)
    coefficients, covariance = in_units_of_design(fitted, data.basis)
    shrinkage = data.variances / (data.variances + nodes[:, None])
    centre = coefficients @ data.design.T
    centre_variance = np.einsum("ip,npq,iq->ni", data.design, covariance, data.design)
    means = (1.0 - shrinkage) * data.estimates + shrinkage * centre
    variances = (1.0 - shrinkage) * data.variances + shrinkage**2 * centre_variance
    mixed = Mixture(found.mass, found.tau2, means[None], np.sqrt(variances)[None])
    tail = 0.5 * (1.0 - level)
    low, high = mixed.quantiles((tail, 1.0 - tail))
    mass = found.mass[0]
    estimates = mass @ means
    std_errors = np.sqrt(mass @ (variances + (means - estimates) ** 2))
    arrays = (estimates, std_errors, low[0], high[0], mass @ shrinkage)
    return ShrunkenEstimates(*(freeze(each) for each in arrays))


def _distribution(result: RandomEffects) -> ConfidenceDistribution:
    from causalsig.meta.mixture import confidence_distribution, known_tau2

    if result.method == "EE":
        return known_tau2(np.zeros(1))
    data: MetaInputs = result.inputs
    return confidence_distribution(data.estimates[None], data.variances[None], data.basis)


def _plug_in(result: RandomEffects, point: FloatArray) -> tuple[float, float]:
    return float(point @ result.coefficients), float(np.sqrt(result.tau2 + point @ result.covariance @ point))


def _plug_in_df(result: RandomEffects, method: PredictionMethod) -> float:
    return np.inf if method == "normal" else float(result.q_df - (method == "t(k-2)"))
