"""Variances of effects at cutoffs that do not lean on the outcomes they belong to.

Where later signals are many they also stray more. A site whose left side came out high by chance therefore
has a low effect and a large variance, and weights by estimated variances prefer high effects: in simulated
networks of small sites the pool lost a tenth of the effect. So the pool takes from each site how much its
design tells (scores and bandwidths), and from the network how much outcomes stray, as it does for arms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.crossed import ReleasedBin
from causalsig.errors import EstimationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.crossed import ReleasedThreshold

    Floats = NDArray[np.float64]


def bins_of_cutoffs(blocks: Iterable[ReleasedThreshold]) -> Mapping[tuple[Any, ...], tuple[ReleasedBin, ...]]:
    """Find the bins of each site's cutoff: they came with its primary outcome and hold for the others too."""
    return {_cutoff(block): block.bins for block in blocks if block.bins}


def network_variances(
    blocks: Sequence[ReleasedThreshold], bins: Mapping[tuple[Any, ...], tuple[ReleasedBin, ...]]
) -> Floats:
    """Variances (k,) of the effects of one family: rounding's own is in them.

    ``V_i = r u_i`` with u the variance that outcomes of variance one would give the site's estimate (of a
    ratio of jumps: over its squared jump in handling), and r the network's mean of ``v_i / u_i`` by
    ``1 / u_i``, with v the released variance: outcomes' spread, with what households have in common. The
    released variances themselves where a site has no bins, or effects are honest ones with bandwidths of
    their own.
    """
    released = np.array([block.std_error**2 for block in blocks])
    rounding = np.array([block.steps**2 / 12.0 for block in blocks])
    unit = [_unit_variance(block, bins.get(_cutoff(block), ())) for block in blocks]
    if any(value is None for value in unit) or len(blocks) == 1:
        return np.asarray(released + rounding)
    known = np.array(unit, dtype=np.float64)
    spread = (released / known**2).sum() / (1.0 / known).sum()
    return np.asarray(spread * known + rounding)


def _cutoff(block: ReleasedThreshold) -> tuple[Any, ...]:
    return block.site, block.period, block.question, block.score, block.below, block.above, block.cutoff


def _unit_variance(block: ReleasedThreshold, bins: Sequence[ReleasedBin]) -> float | None:
    """Variance of the site's estimate were outcomes independent and of variance one; None: not known."""
    from causalsig.estimation import effect_at_cutoff
    from causalsig.estimation.threshold_released import table_of_bins

    jump = 1.0 if block.jumps is None or block.estimand == "E1" else block.jumps[1]
    if block.bias_bound is not None or not bins or jump == 0.0:
        return None
    alike = [ReleasedBin(b.episodes, b.distance, 0.0, 1.0, None, None) for b in bins]
    h, b = (float(np.mean(block.bandwidths[i : i + 2])) for i in (0, 2))
    try:
        fitted = effect_at_cutoff(
            table_of_bins(alike), 0.0, bandwidth=(h, b), kernel=block.kernel, degree=block.degree
        )
        found = fitted.robust.std_error
    except EstimationError:
        return None
    return found**2 / jump**2 if np.isfinite(found) and found > 0.0 else None
