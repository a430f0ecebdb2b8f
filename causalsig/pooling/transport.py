"""What the pool says of a population with another mix of strata than the sites had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import PoolError
from causalsig.meta import MultivariateRandomEffects, multivariate_random_effects

Floats = NDArray[np.float64]
SUM = 1e-6
"""Shares add to one up to this; they are often typed."""


@dataclass(frozen=True, slots=True)
class Transported:
    """The effect in a named target population.

    Attributes
    ----------
    target : str
    estimate, std_error, conf_low, conf_high, p_value : float
        Over sites like these, with the target's mix of strata.
    prediction_low, prediction_high : float
        For one site with that mix.
    strata : dict
        Share of each stratum in the target.
    sites : (S,) int
        Sites behind each stratum.
    fit : MultivariateRandomEffects
    """

    target: str
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float
    prediction_low: float
    prediction_high: float
    strata: Mapping[str, float]
    sites: NDArray[np.int_]
    fit: MultivariateRandomEffects


def transport_to(
    effects: Any,
    covariances: Any,
    strata: Sequence[str],
    shares: Mapping[str, float],
    *,
    target: str,
    structure: Literal["unstructured", "compound-symmetric", "diagonal", "identity"] = "compound-symmetric",
    level: float = 0.95,
) -> Transported:
    """Weigh effects by stratum, pooled jointly over the sites, by a target population's shares.

    Valid when, within a stratum, the effect differs between sites and target by no more than it does among
    the sites (Dahabreh et al. 2020, doi:10.1002/sim.8426, for the assumption).

    Parameters
    ----------
    effects : (k, S) array-like
        Effect (or arm mean) of each stratum at each site; nan where a site did not release one.
    covariances : (k, S, S) array-like
    strata : S names
    shares : dict of name to share
        Of the target; adds to one. A stratum of the target that no site has is refused: nothing is known of
        it. A stratum the target lacks has share 0 or is not named.
    target : str
        Name of the population, for whoever reads the number.
    structure, level
        As `multivariate_random_effects`.

    Raises
    ------
    PoolError
        ``pool-target``.
    MetaError
        As `multivariate_random_effects`.
    """
    unknown = sorted(set(shares) - set(strata))
    weights = np.array([float(shares.get(name, 0.0)) for name in strata])
    if unknown or not target or not (weights >= 0.0).all() or abs(weights.sum() - 1.0) > SUM:
        raise PoolError(
            "pool-target",
            expected="a named target whose shares of known strata are not negative and add to one",
            found=f"{len(unknown)} strata no site has, or shares that do not add to one",
            mend="Name a target within the strata the sites released.",
        )
    fit = multivariate_random_effects(effects, covariances, structure=structure, level=level)
    mean, new = fit.contrasts(weights / weights.sum()), fit.predict(weights / weights.sum())
    return Transported(
        target=target,
        estimate=float(mean.estimates[0]),
        std_error=float(mean.std_errors[0]),
        conf_low=float(mean.conf_low[0]),
        conf_high=float(mean.conf_high[0]),
        p_value=float(mean.p_values[0]),
        prediction_low=float(new.low[0]),
        prediction_high=float(new.high[0]),
        strata=dict(zip(strata, weights.tolist(), strict=True)),
        sites=fit.inputs.present.sum(axis=0),
        fit=fit,
    )
