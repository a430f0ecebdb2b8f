"""How strong a hidden cause must be, at every site, to explain the pooled effect away.

At a site the bias of a hidden cause that explains shares r of what is left of the outcome and of the
assignment is at most ``S r/√(1 - r)``, with S the site's own scale (Cinelli & Hazlett 2020,
doi:10.1111/rssb.12348; Chernozhukov, Cinelli, Newey, Sharma & Syrgkanis 2022, doi:10.48550/arXiv.2112.13398:
S² is the mean squared outcome residual times the mean squared weight). Bias does not average out: with one
cause of one strength everywhere the pool is off by the weighted mean of S times that.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import PoolError
from causalsig.meta import RandomEffects

if TYPE_CHECKING:
    from causalsig.diagnosed import ReleasedSensitivity

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PooledRobustness:
    """Robustness of a pooled effect.

    Attributes
    ----------
    value : float
        Share r of outcome and of assignment at which the pooled effect is zero.
    value_of_interval : float
        Share at which the interval reaches zero; 0 when it holds zero already.
    bias, bias_of_interval : float
        The same as a bias at every site, on the scale of the effect.
    scale : float
        S over the sites, by their weights in the pool.
    """

    value: float
    value_of_interval: float
    bias: float
    bias_of_interval: float
    scale: float


@dataclass(frozen=True, slots=True)
class ScaleErrors:
    """How well each site knows its own scale, arrays (k,).

    Attributes
    ----------
    std_errors : (k,)
        Of S, with the variance that rounding to a grid adds.
    covariances : (k,)
        Of S with the site's own estimate.
    """

    std_errors: Floats
    covariances: Floats


def pooled_robustness(
    pooled: RandomEffects, bias_scales: Any, errors: ScaleErrors | None = None
) -> PooledRobustness:
    """Robustness value of a pooled effect.

    S is estimated at every site from the same households as the effect. With weights w of the pool and
    ``V = Σ w² SE(S)²``, ``c = Σ w² cov(θ, S)`` the pooled effect less f times the pooled scale has the
    variance ``SE² + f² V - 2 f c``; the interval of that reaches zero at the smallest f with

        ``|θ| - f S = t √(SE² + f² V - 2 f c)``,

    t the quantile that the pool's own interval stands for. Without errors S counts as known, and the end of
    the interval is simply divided by it.

    Parameters
    ----------
    pooled : RandomEffects
        Of the effect; its interval is the one that is used.
    bias_scales : (k,) array-like
        S of each site, positive, on the scale of the effect.
    errors : ScaleErrors, optional

    Raises
    ------
    PoolError
        ``pool-bias-scale``.
    """
    scales = np.asarray(bias_scales, dtype=np.float64)
    if (
        len(pooled.coefficients) != 1
        or scales.shape != (pooled.k,)
        or not np.isfinite(scales).all()
        or not (scales > 0.0).all()
    ):
        raise PoolError(
            "pool-bias-scale",
            expected=f"a pool without moderators, and {pooled.k} positive scales, one a site",
            found=f"shape {scales.shape}, or one that is not positive",
            mend="Leave out sites that did not release theirs, and pool again without them.",
        )
    weights = pooled.weights
    variance = covariance = 0.0
    if errors is not None:
        variance = float(weights**2 @ np.square(errors.std_errors))
        covariance = float(weights**2 @ np.asarray(errors.covariances))
    effect = float(pooled.coefficients[0])
    side = 1.0 if effect >= 0.0 else -1.0
    end = float(pooled.conf_low[0]) if side > 0.0 else -float(pooled.conf_high[0])
    return robustness_of(
        abs(effect),
        abs(effect) - end,
        float(pooled.std_errors[0]),
        float(weights @ scales),
        variance,
        side * covariance,
    )


def robustness_of(
    effect: float, half: float, std_error: float, scale: float, variance: float, covariance: float
) -> PooledRobustness:
    """Robustness of one effect, of a site or of a pool.

    Parameters
    ----------
    effect : float
        Without its sign.
    half, std_error : float
        From the effect to the end of its interval that is nearest to zero, and its standard error.
    scale, variance : float
        S and the square of its error.
    covariance : float
        Of S with the effect without its sign.
    """
    quantile = (half / std_error) ** 2 if std_error > 0.0 else 0.0
    nearest = max(effect - half, 0.0)
    strength = 0.0
    if nearest > 0.0:
        # The smaller root of (|θ| - f S)² = half² + t² (f² V - 2 f c), in the form without cancellation.
        square = scale**2 - quantile * variance
        middle = effect * scale - quantile * covariance
        rest = effect**2 - half**2
        strength = rest / (middle + float(np.sqrt(max(middle**2 - square * rest, 0.0))))
    return PooledRobustness(_share(effect / scale), _share(strength), effect, strength * scale, scale)


def site_robustness(
    estimate: float, std_error: float, found: ReleasedSensitivity, level: float = 0.95
) -> PooledRobustness:
    """Robustness of one site's contrast from what it released, by a one-sided normal interval.

    Parameters
    ----------
    estimate, std_error : float
        Of the contrast, with the variance of its grid.
    found : ReleasedSensitivity
    level : float
        One-sided.
    """
    quantile = NormalDist().inv_cdf(level)
    side = 1.0 if estimate >= 0.0 else -1.0
    covariance = side * found.correlation * std_error * found.scale_std_error
    variance = found.scale_std_error**2 + found.step**2 / 12.0
    return robustness_of(abs(estimate), quantile * std_error, std_error, found.scale, variance, covariance)


def _share(f: float) -> float:
    """Solve ``r²/(1 - r) = f²``, in the form without cancellation."""
    return 2.0 / (1.0 + float(np.sqrt(1.0 + 4.0 / f**2))) if f > 0.0 else 0.0
