"""What sites with another threshold say of the scores in between: from released tables of bins alone.

A site's own mean under the other handling is not seen beyond its threshold; another site's is. What is added
is the gap between the two sites, which is seen up to the threshold:
``m_own(x) = m_other(x) + d(x)``, with d at the threshold estimated and d in between assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.moving_request import read_number
from causalsig.estimation.moving_results import ERROR_RATE, Check
from causalsig.estimation.moving_weights import curve_weights
from causalsig.estimation.threshold import effect_at_cutoff
from causalsig.estimation.threshold_table import Moments, ScoreTable
from causalsig.results import Floats

if TYPE_CHECKING:
    from causalsig.crossed import ReleasedThreshold

CURVE = 3
"""Order of the curve that sites share in the test of their gap."""
FEWEST_BINS = CURVE + 2
"""Of a site, under the other handling, for its part of that test."""


@dataclass(frozen=True, slots=True, eq=False)
class SiteBins:
    """A site's released table: bins of scores, ascending, and its threshold on the same scale.

    Attributes
    ----------
    cutoff : float
        On a scale all sites share: euro or its logarithm, never the distance to a site's own threshold.
    score, episodes, mean, variance : (B,)
        Mean score; episodes; mean and variance of the outcome within each bin.
    inflation : float
        The site's released squared error over that of its table: what households with several episodes add.
    """

    cutoff: float
    score: Floats
    episodes: Floats
    mean: Floats
    variance: Floats
    inflation: float = 1.0

    @property
    def table(self) -> ScoreTable:
        """The bins as a table of scores."""
        n, y = self.episodes, self.mean
        products = (n * (self.variance + y**2))[:, None, None]
        moments = Moments(n, (n * y)[:, None], products)
        return ScoreTable(self.score, moments, 1, False, 0, households=int(n.sum()))

    @property
    def errors(self) -> Floats:
        """Variances (B,) of the bins' means."""
        return self.inflation * self.variance / self.episodes


def site_bins(
    cutoff: Any, score: Any, episodes: Any, mean: Any, variance: Any, *, inflation: float = 1.0
) -> SiteBins:
    """Read a table of bins.

    Raises
    ------
    EstimationError
        ``estimation-option`` for what is no number, ``estimation-shape`` for columns of several lengths,
        ``estimation-score-bins`` for scores that do not ascend, no episodes, or no variance,
        ``estimation-cutoff`` without bins on both sides.
    """
    columns = [np.asarray(one, dtype=np.float64) for one in (score, episodes, mean, variance)]
    if any(one.ndim != 1 or len(one) != len(columns[0]) for one in columns):
        raise _error("estimation-shape", "columns of one length", "columns of several lengths")
    x, n, _, v = columns
    good = all(np.isfinite(one).all() for one in columns) and (np.diff(x) > 0.0).all()
    if not good or not (n > 0.0).all() or not (v > 0.0).all():
        raise _error("estimation-score-bins", "ascending scores, with episodes and a variance each", "others")
    place = read_number(cutoff, "cutoff")
    if not len(x) or not x[0] < place <= x[-1]:
        raise _error("estimation-cutoff", "bins on both sides of the threshold", "none on one side")
    return SiteBins(place, x, n, columns[2], v, read_number(inflation, "inflation", lowest=0.0))


def released_bins(released: ReleasedThreshold) -> SiteBins:
    """Put a released table on a scale that all sites share, and see what clustering adds to its errors.

    Raises
    ------
    EstimationError
        ``estimation-few-scores`` without bins on both sides.
    """
    from causalsig.estimation.threshold_released import table_of_bins

    table = table_of_bins(released.bins)
    log = released.scale == "log"
    cutoff = float(np.log(released.cutoff)) if log else float(released.cutoff)
    return bins_around(table, cutoff, inflation=_inflation(released, table))


def bins_around(table: ScoreTable, cutoff: float, *, inflation: float = 1.0) -> SiteBins:
    """Put a table of distances from a threshold where the threshold is, on a scale that all sites share."""
    n, y = table.all.counts, table.all.sums[:, 0]
    variance = table.all.products[:, 0, 0] / n - (y / n) ** 2
    return SiteBins(cutoff, table.values + cutoff, n, y / n, variance, inflation)


def _inflation(released: ReleasedThreshold, table: ScoreTable) -> float:
    """Square of the released error of the jump over that of its table; 1 where they cannot be compared."""
    h_left, h_right, b_left, b_right = released.bandwidths
    error = released.std_error
    if released.estimand == "E2":
        error = 0.0 if released.jump_errors is None else released.jump_errors[0]
    if h_left != h_right or b_left != b_right or released.bias_bound is not None:
        return 1.0
    again = effect_at_cutoff(table, 0.0, bandwidth=(h_left, b_left))
    jump = again.robust if again.reduced_form is None else again.reduced_form.robust
    return max(1.0, (error / jump.std_error) ** 2) if jump.std_error > 0.0 else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A site seen from its own, or another's, threshold: the other handling below 0, the band from 0 on.

    Attributes
    ----------
    place : (B,) ascending; episodes, mean, errors : (B,)
    end : float
        Where the site's own threshold lies: up to there it handles as the moved threshold would.
    """

    place: Floats
    episodes: Floats
    mean: Floats
    errors: Floats
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Extrapolation:
    """What a site's threshold, moved, does to its band, by other sites' curves.

    Attributes
    ----------
    band : (low, high)
    estimate, std_error : float
        Effect of the handling above the threshold, were the sites' gap the same in the band as at the
        threshold.
    stray : float
        Mean distance of the band's episodes from the threshold: times the slope of the gap, the largest bias.
    episodes : float
    sites : int, how many others took part
    views : own first, for the checks
    reach : float, how far below the threshold the checks look
    """

    band: tuple[float, float]
    estimate: float
    std_error: float
    stray: float
    episodes: float
    sites: int
    views: tuple[View, ...]
    reach: float


def extrapolate(site: SiteBins, to: float, others: Sequence[SiteBins]) -> Extrapolation:
    """Estimate the effect on the band between a site's threshold and another one.

    With u the distance from the site's threshold towards the new one, the band is ``0 <= u < δ``. Below 0 the
    site itself, and up to their own thresholds the others, handle episodes as the band would be. Then

        ``effect = Σ p m_own(u) - m_own(0-) - Σ a_k [Σ p m_k(u) - m_k(0)]``

    with p the shares of the band's episodes, ``m(0-)`` and ``m_k`` bias-corrected local lines, and weights
    ``a_k`` of the sites by the inverse of their variances. All of it is a weighted sum of means of bins.

    Raises
    ------
    EstimationError
        ``estimation-option``, ``estimation-band-empty``, ``estimation-no-other-site``,
        ``estimation-few-scores``.
    """
    new = read_number(to, "to")
    sign = 1.0 if new > site.cutoff else -1.0
    width = abs(new - site.cutoff)
    own = _view(site, site.cutoff, sign)
    inside = (own.place >= 0.0) & (own.place < width)
    if not inside.any():
        raise _error("estimation-band-empty", "a bin of the site between both thresholds", "none", "to")
    seen = [view for view in (_view(one, site.cutoff, sign) for one in others) if view.end >= width]
    seen = [view for view in seen if _reaches(view)]
    if not seen:
        raise _error(
            "estimation-no-other-site",
            "another site whose threshold lies at the new one or beyond it",
            "none",
            "others",
        )
    p = own.episodes[inside] / own.episodes[inside].sum()
    below = own.place < 0.0
    h = _bandwidth(site, sign)
    at_edge = curve_weights(own.place[below], own.episodes[below], np.zeros(1), h)[0]
    value = float(p @ own.mean[inside] - at_edge @ own.mean[below])
    variance = float(p**2 @ own.errors[inside] + at_edge**2 @ own.errors[below])
    rises, spreads = _rises(seen, own.place[inside], p, h)
    a = (1.0 / spreads) / (1.0 / spreads).sum()
    estimate = value - float(a @ rises)
    return Extrapolation(
        band=(min(site.cutoff, new), max(site.cutoff, new)),
        estimate=sign * estimate,
        std_error=float(np.sqrt(variance + a**2 @ spreads)),
        stray=float(p @ own.place[inside]),
        episodes=float(own.episodes[inside].sum()),
        sites=len(seen),
        views=(own, *seen),
        reach=max(h, width),
    )


def _view(site: SiteBins, origin: float, sign: float) -> View:
    place = sign * (site.score - origin)
    order = np.argsort(place)
    return View(
        place[order],
        site.episodes[order],
        site.mean[order],
        site.errors[order],
        sign * (site.cutoff - origin),
    )


def _reaches(view: View) -> bool:
    """Whether a site has bins enough of the other handling, on both sides of the threshold that moves."""
    usable = view.place[view.place < view.end]
    return bool(len(usable) >= FEWEST_BINS and usable[0] < 0.0 and usable[-1] >= 0.0)


def _bandwidth(site: SiteBins, sign: float) -> float:
    """Bandwidth of the side of the site's threshold that is handled as the band would be."""
    try:
        found = effect_at_cutoff(site.table, site.cutoff, bandwidth="msetwo").bandwidths
    except EstimationError:
        # Too little to choose from: all of that side.
        below = sign * (site.score - site.cutoff) < 0.0
        return float(np.abs(site.score[below] - site.cutoff).max())
    return found.left if sign > 0.0 else found.right


def _rises(seen: Sequence[View], places: Floats, p: Floats, h: float) -> tuple[Floats, Floats]:
    """Rise of every other site's curve from the threshold to the band, and its variance."""
    rises, spreads = [], []
    for view in seen:
        usable = view.place < view.end
        at = np.concatenate([[0.0], places])
        weights = curve_weights(view.place[usable], view.episodes[usable], at, h)
        w = p @ weights[1:] - weights[0]
        rises.append(float(w @ view.mean[usable]))
        spreads.append(float(w**2 @ view.errors[usable]))
    return np.array(rises), np.array(spreads)


def gap_slopes(found: Extrapolation) -> tuple[Floats, Floats]:
    """Slopes of the gaps between the site and each other below the threshold, and their covariance (K, K).

    Least squares on bins of both with a curve of third order in common, an own level a site, and an own slope
    beside the first site's, weighted by episodes.

    Raises
    ------
    EstimationError
        ``estimation-few-scores`` when a site has too few bins there.
    """
    parts = []
    for view in found.views:
        usable = (view.place < 0.0) & (view.place >= -found.reach)
        if usable.sum() < FEWEST_BINS:
            # Fewer than the curve needs within reach: the nearest that there are.
            usable = np.zeros(len(view.place), dtype=bool)
            usable[np.flatnonzero(view.place < 0.0)[-FEWEST_BINS:]] = True
        columns = (view.place, view.mean, view.errors, view.episodes)
        parts.append([column[usable] for column in columns])
    size = len(parts)
    x, y, v, n = (np.concatenate(column) for column in zip(*parts, strict=True))
    who = np.repeat(np.arange(size), [len(part[0]) for part in parts])
    unit = float(np.abs(x).max())
    t = x / unit
    member = (who[:, None] == np.arange(size)[None, :]).astype(np.float64)
    design = np.column_stack([t, t**2, t**3, member, member[:, 1:] * t[:, None]])
    if len(x) <= design.shape[1]:
        raise _error("estimation-few-scores", "more bins below the threshold than the test asks", "fewer")
    # Weighted by episodes: by variances of ten episodes each, errors would seem smaller than they are.
    weighted = design * n[:, None]
    solved = (np.linalg.pinv(weighted.T @ design) @ weighted.T)[-(size - 1) :]
    # Of the site's gap to another: the other's slope with its sign turned.
    return -(solved @ y) / unit, (solved * v) @ solved.T / unit**2


def gap_check(code: str, found: Extrapolation, bound: float) -> tuple[Check, ...]:
    """Test that no gap is steeper than `bound`; empty where too few bins can tell.

    One test for all sites: the smallest p-value times their number.
    """
    from scipy.special import ndtr

    try:
        slopes, covariance = gap_slopes(found)
    except EstimationError:
        return ()
    errors = np.sqrt(np.diag(covariance))
    size, ratio = np.abs(slopes) / errors, bound / errors
    p_values = ndtr(ratio - size) + ndtr(-ratio - size)
    least = int(np.argmin(p_values))
    p_value = min(1.0, float(p_values[least]) * len(slopes))
    return (Check(code, float(slopes[least]), float(errors[least]), p_value, p_value >= ERROR_RATE),)


def _error(code: str, expected: str, found: str, where: str = "bins") -> EstimationError:
    return EstimationError(
        code,
        expected=expected,
        found=found,
        mend="This route has no answer from these tables.",
        where=where,
    )
