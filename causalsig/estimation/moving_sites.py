"""What sites with another threshold say of the scores in between: from released tables of bins alone.

A site's own mean under the other handling is not seen beyond its threshold; another site's is. What is added
is the gap between the two sites, which is seen up to the threshold:
``m_own(x) = m_other(x) + d(x)``, with d at the threshold estimated and d in between assumed.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.moving_weights import curve_weights
from causalsig.estimation.option_numbers import read_number
from causalsig.estimation.threshold import effect_at_cutoff
from causalsig.estimation.threshold_table import Moments, ScoreTable
from causalsig.results import Floats, Integers

if TYPE_CHECKING:
    from causalsig.crossed import ReleasedThreshold

CURVE = 3
"""Order of the curve that sites share in the test of their gap (`moving_gaps`)."""
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
        """Variances (B,) of the bins' means: ``s² / n``, of released variances with n for a divisor."""
        n = self.episodes
        return self.inflation * self.variance / np.maximum(n - 1.0, n / 2.0)


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
        raise no_answer("estimation-shape", "columns of one length", "columns of several lengths")
    x, n, _, v = columns
    good = all(np.isfinite(one).all() for one in columns) and (np.diff(x) > 0.0).all()
    if not good or not (n > 0.0).all() or not (v > 0.0).all():
        raise no_answer(
            "estimation-score-bins", "ascending scores, each with episodes and a variance", "others"
        )
    place = read_number(cutoff, "cutoff")
    if not len(x) or not x[0] < place <= x[-1]:
        raise no_answer("estimation-cutoff", "bins on both sides of the threshold", "none on one side")
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
    order : (B,) int
        Which of the site's bins each is.
    """

    place: Floats
    episodes: Floats
    mean: Floats
    errors: Floats
    end: float
    order: Integers

    def unsorted(self, values: Floats) -> Floats:
        """Put values (B,) in the order of the site's own table."""
        found = np.empty_like(values)
        found[self.order] = values
        return found


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
    own : (B,)
        What each of the site's bins weighs: the estimate is the sum of all weights times means.
    others : tuple of (place among the others, share, (B,) weights)
        Of those that took part; shares add up to 1.
    """

    band: tuple[float, float]
    estimate: float
    std_error: float
    stray: float
    episodes: float
    sites: int
    views: tuple[View, ...]
    reach: float
    own: Floats
    others: tuple[tuple[int, float, Floats], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Other:
    """Another site's part: its curve's rise from the threshold to the band, as weights (B,) of its bins."""

    place: int
    view: View
    weights: Floats
    rise: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """All that a site and the others show of a moved threshold, before the others are put together.

    Attributes
    ----------
    band, stray, episodes, reach : as of `Extrapolation`
    sign : float, 1 where the threshold goes up
    view : View, of the site itself
    weights : (B,), of its bins in the order of the view
    others : those that see the whole band
    """

    band: tuple[float, float]
    stray: float
    episodes: float
    reach: float
    sign: float
    view: View
    weights: Floats
    others: tuple[_Other, ...]

    def together(self, without: Set[int] = frozenset()) -> Extrapolation:
        """Weigh the others by the inverse of their variances.

        Parameters
        ----------
        without : set of int
            Places of those that do not take part.

        Raises
        ------
        EstimationError
            ``estimation-no-other-site``.
        """
        seen = [one for one in self.others if one.place not in without]
        if not seen:
            raise no_answer(
                "estimation-no-other-site",
                "another site whose threshold lies at the new one or beyond it",
                "none",
                "others",
            )
        spreads = np.array([one.spread for one in seen])
        a = (1.0 / spreads) / (1.0 / spreads).sum()
        own = float(self.weights @ self.view.mean)
        variance = float(self.weights**2 @ self.view.errors + a**2 @ spreads)
        return Extrapolation(
            band=self.band,
            estimate=self.sign * (own - float(a @ [one.rise for one in seen])),
            std_error=float(np.sqrt(variance)),
            stray=self.stray,
            episodes=self.episodes,
            sites=len(seen),
            views=(self.view, *(one.view for one in seen)),
            reach=self.reach,
            own=self.sign * self.view.unsorted(self.weights),
            others=tuple(
                (one.place, float(share), -self.sign * share * one.view.unsorted(one.weights))
                for one, share in zip(seen, a, strict=True)
            ),
        )


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
    return look_across(site, to, others).together()


def look_across(site: SiteBins, to: float, others: Sequence[SiteBins]) -> Sight:
    """See what a site and others show of a moved threshold; errors as those of `extrapolate`."""
    new = read_number(to, "to")
    sign = 1.0 if new > site.cutoff else -1.0
    width = abs(new - site.cutoff)
    own = _view(site, site.cutoff, sign)
    inside = (own.place >= 0.0) & (own.place < width)
    if not inside.any():
        raise no_answer("estimation-band-empty", "a bin of the site between both thresholds", "none", "to")
    views = [_view(one, site.cutoff, sign) for one in others]
    taken = [place for place, view in enumerate(views) if view.end >= width and _reaches(view)]
    p = own.episodes[inside] / own.episodes[inside].sum()
    below = own.place < 0.0
    h = _bandwidth(site, sign)
    weights = np.zeros(len(own.place))
    weights[inside] = p
    weights[below] = -curve_weights(own.place[below], own.episodes[below], np.zeros(1), h)[0]
    return Sight(
        band=(min(site.cutoff, new), max(site.cutoff, new)),
        stray=float(p @ own.place[inside]),
        episodes=float(own.episodes[inside].sum()),
        reach=max(h, width),
        sign=sign,
        view=own,
        weights=weights,
        others=tuple(_other(place, views[place], own.place[inside], p, h) for place in taken),
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
        order,
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


def _other(place: int, view: View, places: Floats, p: Floats, h: float) -> _Other:
    usable = view.place < view.end
    at = np.concatenate([[0.0], places])
    found = curve_weights(view.place[usable], view.episodes[usable], at, h)
    weights = np.zeros(len(view.place))
    weights[usable] = p @ found[1:] - found[0]
    return _Other(place, view, weights, float(weights @ view.mean), float(weights**2 @ view.errors))


def no_answer(code: str, expected: str, found: str, where: str = "bins") -> EstimationError:
    """Give the error of a route that has no answer from these tables."""
    return EstimationError(
        code,
        expected=expected,
        found=found,
        mend="This route has no answer from these tables.",
        where=where,
    )
