"""Sites that release more than once: waves are nested in sites, and no site counts twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import PoolError
from causalsig.meta import random_effects, two_level


@dataclass(frozen=True, slots=True)
class PooledWaves:
    """Pool over sites of effects that repeat within them.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high, p_value : float
    site_variance, wave_variance : float
        Of true effects between sites, and between the waves of a site; nan where it cannot be estimated.
    sites, waves : int
    model : {"one wave a site", "waves in sites", "waves of one site"}
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float
    site_variance: float
    wave_variance: float
    sites: int
    waves: int
    model: str


def pool_waves(estimates: Any, variances: Any, sites: Any, *, level: float = 0.95) -> PooledWaves:
    """Pool one effect a wave, with disjoint windows of time zero, over sites.

    Parameters
    ----------
    estimates, variances : (n,) array-like
        Independent given the true effects, as windows do not overlap.
    sites : (n,) array-like
        Site of each wave.
    level : float

    Returns
    -------
    PooledWaves
        With one wave a site it is `random_effects` with the mixture interval. With one site it is the mean
        over its waves, which says nothing of other sites.

    Raises
    ------
    PoolError
        ``pool-shape``: a wave without a site.
    MetaError
        As `two_level`.
    """
    labels = list(sites)
    if any(label is None or label != label for label in labels):
        raise PoolError(
            "pool-shape",
            expected="the site of every wave",
            found=f"{sum(label is None or label != label for label in labels)} waves without one",
            mend="Name the site of each wave: waves of no site would be taken for one site's.",
        )
    count, n = len(set(labels)), len(labels)
    if count == n or count == 1:
        one = random_effects(estimates, variances, level=level)
        between = (one.tau2, np.nan) if count == n else (np.nan, one.tau2)
        return PooledWaves(
            float(one.coefficients[0]),
            float(one.std_errors[0]),
            float(one.conf_low[0]),
            float(one.conf_high[0]),
            float(one.p_values[0]),
            *between,
            count,
            n,
            "one wave a site" if count == n else "waves of one site",
        )
    both = two_level(estimates, variances, labels, level=level)
    return PooledWaves(
        float(both.coefficients[0]),
        float(both.std_errors[0]),
        float(both.conf_low[0]),
        float(both.conf_high[0]),
        float(both.p_values[0]),
        both.site_variance,
        both.wave_variance,
        both.sites,
        both.effects,
        "waves in sites",
    )
