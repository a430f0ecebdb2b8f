"""How strong a hidden cause must be, at every site, to explain the pooled effect away.

At a site the bias of a hidden cause that explains shares r of what is left of the outcome and of the
assignment is at most ``S r/√(1 - r)``, with S the site's own scale (Cinelli & Hazlett 2020,
doi:10.1111/rssb.12348; Chernozhukov, Cinelli, Newey, Sharma & Syrgkanis 2022, doi:10.48550/arXiv.2112.13398:
S² is the mean squared outcome residual times the mean squared weight). Bias does not average out: with one
cause of one strength everywhere the pool is off by the weighted mean of S times that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import PoolError
from causalsig.meta import RandomEffects


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


def pooled_robustness(pooled: RandomEffects, bias_scales: Any) -> PooledRobustness:
    """Robustness value of a pooled effect.

    Parameters
    ----------
    pooled : RandomEffects
        Of the effect; its interval is the one that is used.
    bias_scales : (k,) array-like
        S of each site, positive, on the scale of the effect.

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
    scale = float(pooled.weights @ scales)
    bias = abs(float(pooled.coefficients[0]))
    low, high = float(pooled.conf_low[0]), float(pooled.conf_high[0])
    nearest = max(low, -high, 0.0)
    return PooledRobustness(_share(bias / scale), _share(nearest / scale), bias, nearest, scale)


def _share(f: float) -> float:
    """Solve ``r²/(1 - r) = f²``, in the form without cancellation."""
    return 2.0 / (1.0 + float(np.sqrt(1.0 + 4.0 / f**2))) if f > 0.0 else 0.0
