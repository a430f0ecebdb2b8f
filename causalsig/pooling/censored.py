"""Which sites gave an arm as a class only, lined up for one contrast or one arm's level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.pooling.interval_censored import CensoredSites

if TYPE_CHECKING:
    from causalsig.censored import ArmClass
    from causalsig.pooling.lineup import Lineup

_Row = tuple["ArmClass", int, float, float, int, "int | None"]
HALF_STEP = 2.0**0.25
"""A size is known to the nearest power of √2: within this factor."""


def censored_contrast(lineup: Lineup, place: int, reference: int) -> CensoredSites | None:
    """Sites with a class of one of two arms, and the mean of the other; None without any.

    A site with classes of both arms says nearly nothing of their difference, and is not there.
    """
    rows: list[_Row] = []
    for row, arms in enumerate(_by_place(lineup)):
        pair = [(arm, other) for arm, other in ((place, reference), (reference, place)) if arm in arms]
        if len(pair) != 1 or np.isnan(lineup.means[row, pair[0][1]]):
            continue
        arm, other = pair[0]
        turned = 1.0 if arm == place else -1.0
        rows.append((arms[arm], arm, turned, -turned * float(lineup.means[row, other]), row, other))
    return _sites(lineup, rows)


def censored_level(lineup: Lineup, place: int) -> CensoredSites | None:
    """Sites with a class of one arm, for its level; None without any."""
    found = [(row, arms[place]) for row, arms in enumerate(_by_place(lineup)) if place in arms]
    return _sites(lineup, [(one, place, 1.0, 0.0, row, None) for row, one in found])


def _by_place(lineup: Lineup) -> list[dict[int, ArmClass]]:
    return [
        {lineup.arms.index(one.arm): one for one in site if one.arm in lineup.arms} for site in lineup.classes
    ]


def _sites(lineup: Lineup, rows: list[_Row]) -> CensoredSites | None:
    """Turn classes into ``y = sign · X + offset``, where X is the share of the few."""
    if not rows:
        return None
    covariances = lineup.weighting_covariances()
    # One variance an effective household, the same for every site of the network.
    units = np.nanmax(np.einsum("iaa->ia", covariances) * lineup.effective_sizes, axis=0)
    values = []
    for one, arm, turned, offset, row, other in rows:
        with_it = one.side == "with"
        known = 0.0 if other is None else float(covariances[row, other, other])
        own = 0.0 if other is None else float(lineup.covariances[row, other, other])
        size = 2.0 ** (one.size_steps / 2.0)
        least = max(size / HALF_STEP, float(one.least))
        values.append(
            (
                turned if with_it else -turned,
                offset if with_it else offset + turned,
                own,
                units[arm] / one.effective_size + known,
                float(one.below),
                least,
                max(size * HALF_STEP, least),
            )
        )
    return CensoredSites(*np.array(values).T)
