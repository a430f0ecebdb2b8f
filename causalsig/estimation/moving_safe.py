"""Route 4: sites with another threshold, and a gap between sites no steeper than declared; safe thresholds.

Zhang, Ben-Michael and Imai (2022), arXiv:2208.13323. Theirs maximises the estimated worst case; here the
worst case has its sampling error with it, over all candidates at once, so that staying put is the answer
unless the data say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from causalsig.errors import EstimationError
from causalsig.estimation.moving_gaps import gap_check
from causalsig.estimation.moving_request import read_level
from causalsig.estimation.moving_results import BandEffect, band_effect
from causalsig.estimation.moving_sites import Extrapolation, SiteBins, extrapolate
from causalsig.estimation.option_numbers import read_number


@dataclass(frozen=True, slots=True)
class CandidateGain:
    """What one threshold would gain over the present one, in outcomes avoided, costs counted.

    Attributes
    ----------
    cutoff : float
    gain : float, estimated
    worst : float, the least that the declared bound allows, without sampling error
    conf_low : float, the least with it, jointly for all candidates
    effect : BandEffect, by itself
    """

    cutoff: float
    gain: float
    worst: float
    conf_low: float
    effect: BandEffect


@dataclass(frozen=True, slots=True)
class SafeCutoff:
    """The threshold whose worst case is best.

    Attributes
    ----------
    cutoff : float, the present one unless another's worst case is better
    moved : bool
    candidates : tuple of CandidateGain
    refused : tuple of (cutoff, code)
    slope_bound, price, level : float
    """

    cutoff: float
    moved: bool
    candidates: tuple[CandidateGain, ...]
    refused: tuple[tuple[float, str], ...]
    slope_bound: float
    price: float
    level: float


def bounded_gap(
    site: SiteBins, to: float, others: Sequence[SiteBins], *, slope_bound: float, level: float = 0.95
) -> BandEffect:
    """Bound what a site's threshold, moved, does to its band, by how fast gaps between sites may change.

    Assumption: handled alike, the site's mean outcome less another site's changes by at most `slope_bound` a
    unit of score, from the site's own threshold to the far end of the band (0: `constant_bias`). The interval
    covers for every such gap. Declare the bound in the study; the data can only refute it: on the other side
    of the threshold, where both handle alike, no gap may be steeper.

    Parameters
    ----------
    site, to, others, level : as in `constant_bias`
    slope_bound : float
        In outcome units a unit of the tables' scale.

    Returns
    -------
    BandEffect
        With the check ``estimation-bias-too-steep``; `largest_bias` is the bound times the mean distance of
        the band's episodes from the threshold.

    Raises
    ------
    EstimationError
        As `constant_bias`.
    """
    return bounded_gap_of(extrapolate(site, to, others), slope_bound=slope_bound, level=level)


def bounded_gap_of(found: Extrapolation, *, slope_bound: float, level: float = 0.95) -> BandEffect:
    """Give the answer of this route from what the sites show together; see `bounded_gap`."""
    bound = read_number(slope_bound, "slope_bound", lowest=0.0)
    level = read_level(level)
    return band_effect(
        "safe_cutoffs",
        found.band,
        found.estimate,
        found.std_error,
        level=level,
        episodes=found.episodes,
        largest_bias=bound * found.stray,
        checks=gap_check("estimation-bias-too-steep", found, bound),
    )


def safe_cutoff(
    site: SiteBins,
    candidates: Sequence[float],
    others: Sequence[SiteBins],
    *,
    slope_bound: float,
    price: float = 0.0,
    level: float = 0.95,
) -> SafeCutoff:
    """Choose the threshold whose worst case is best; the present one, whose gain is 0, unless one is above.

    Assumption: that of `bounded_gap`. Then, at most once in ``1 / (1 - level)`` studies, the choice is worse
    than staying put: the lower ends, one-sided, hold for all candidates together (Bonferroni).

    Parameters
    ----------
    candidates : numbers on the scale of the tables
    price : float
        What handling one episode costs, in outcomes: signals one would give for it.
    site, others, slope_bound, level : as in `bounded_gap`; outcomes are better when lower

    Returns
    -------
    SafeCutoff
        A candidate that cannot be answered, or whose check fails, is refused and never chosen.

    Raises
    ------
    EstimationError
        ``estimation-option``.
    """
    from scipy.special import ndtri

    cost = read_number(price, "price", lowest=0.0)
    bound = read_number(slope_bound, "slope_bound", lowest=0.0)
    places = [read_number(one, "candidates") for one in candidates]
    places = [one for one in places if one != site.cutoff]
    level = read_level(level)
    quantile = float(ndtri(1.0 - (1.0 - level) / max(len(places), 1)))
    rows: list[CandidateGain] = []
    refused: list[tuple[float, str]] = []
    for place in places:
        try:
            effect = bounded_gap(site, place, others, slope_bound=bound, level=level)
        except EstimationError as error:
            refused.append((place, error.code))
            continue
        failing = [check.code for check in effect.checks if not check.passed]
        if failing:
            refused.append((place, failing[0]))
            continue
        rows.append(_gain(place, effect, cost, quantile, lowered=place < site.cutoff))
    best = max(rows, key=lambda row: row.conf_low, default=None)
    moved = best is not None and best.conf_low > 0.0
    return SafeCutoff(
        cutoff=best.cutoff if best is not None and moved else site.cutoff,
        moved=moved,
        candidates=tuple(rows),
        refused=tuple(refused),
        slope_bound=bound,
        price=cost,
        level=level,
    )


def _gain(
    cutoff: float, effect: BandEffect, price: float, quantile: float, *, lowered: bool
) -> CandidateGain:
    """Outcomes avoided, less the price of handling: a lower threshold brings it to the band."""
    n = effect.episodes
    gain = (-effect.estimate - price) if lowered else (effect.estimate + price)
    worst = gain - effect.largest_bias
    return CandidateGain(cutoff, n * gain, n * worst, n * (worst - quantile * effect.std_error), effect)
