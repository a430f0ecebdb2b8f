"""Route 3: sites with another threshold, and a gap between sites that stays what it is at the threshold.

Cattaneo, Keele, Titiunik and Vazquez-Bare (2021), doi:10.1080/01621459.2020.1751646.
"""

from __future__ import annotations

from collections.abc import Sequence

from causalsig.estimation.moving_gaps import gap_check
from causalsig.estimation.moving_request import read_level
from causalsig.estimation.moving_results import BandEffect, band_effect
from causalsig.estimation.moving_sites import Extrapolation, SiteBins, extrapolate


def constant_bias(
    site: SiteBins, to: float, others: Sequence[SiteBins], *, level: float = 0.95
) -> BandEffect:
    """Estimate what a site's threshold, moved, does to its band, as if gaps between sites were constant.

    Assumption: handled alike, the site's mean outcome differs from that of each other site by a constant,
    from the site's own threshold to the far end of the band. It is tested on the other side of the threshold,
    where both handle alike and both are seen: there the gap may have no slope. That is no proof for the band.

    Parameters
    ----------
    site : SiteBins, whose threshold is moved
    to : float
        The moved threshold, on the scale of the tables. Above the present one the band loses the handling,
        below it the band gets it; the estimate is the effect of having it, either way.
    others : sequence of SiteBins
        Those whose threshold lies at `to` or beyond take part.
    level : float

    Returns
    -------
    BandEffect
        With the check ``estimation-bias-not-constant``.

    Raises
    ------
    EstimationError
        ``estimation-no-other-site``, ``estimation-band-empty``, ``estimation-few-scores``.
    """
    return constant_bias_of(extrapolate(site, to, others), level=level)


def constant_bias_of(found: Extrapolation, *, level: float = 0.95) -> BandEffect:
    """Give the answer of this route from what the sites show together; see `constant_bias`."""
    level = read_level(level)
    return band_effect(
        "constant_bias",
        found.band,
        found.estimate,
        found.std_error,
        level=level,
        episodes=found.episodes,
        checks=gap_check("estimation-bias-not-constant", found, 0.0),
    )
