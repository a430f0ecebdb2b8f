"""Route 2: the threshold really moved. Jumps at the same score while it was there, and while it was not.

Difference in discontinuities: Grembi, Nannicini and Troiano (2016), doi:10.1257/app.20150076.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.moving_jump_rows import (
    Estimate,
    apart,
    earlier_stood_still,
    read_rows,
    recipe_at,
    stood_still,
)
from causalsig.estimation.moving_request import Change, read_level, read_range
from causalsig.estimation.moving_results import BandEffect, Check, band_effect
from causalsig.estimation.option_numbers import read_number
from causalsig.estimation.threshold_inference import jump
from causalsig.estimation.threshold_results import Jump
from causalsig.results import Floats


@dataclass(frozen=True, slots=True, eq=False)
class BothEnds:
    """What the jumps at both places of a threshold that moved say, before a band is asked for.

    Attributes
    ----------
    change : Change
    after, before : the differences in discontinuities at the two places
    late_scores : (m,) scores since the change
    scale : str
    checks : tuple of Check
    bandwidths : (left, right) after and (left, right) before
    """

    change: Change
    after: Estimate
    before: Estimate
    late_scores: Floats
    scale: str
    checks: tuple[Check, ...]
    bandwidths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class JumpChange:
    """A jump at one score while the threshold was there, less the jump there while it was not.

    Attributes
    ----------
    difference : Jump, the effect of crossing for episodes at that score
    there, away : Jump
    checks : tuple of Check, ``estimation-jump-moved``
    """

    difference: Jump
    there: Jump
    away: Jump
    checks: tuple[Check, ...]


def difference_in_discontinuities(
    score: Any,
    outcome: Any,
    month: Any,
    *,
    changed: float,
    before: float,
    after: float,
    at: str = "before",
    earlier: Any = None,
    households: Any = None,
    bandwidth: Any = "cerrd",
    scale: str = "linear",
    donut: float = 0.0,
    level: float = 0.95,
) -> JumpChange:
    """Estimate the effect of crossing a threshold that something else shares its score with.

    Assumption: whatever else jumps at that score (another rule, habits of rounding) jumps by as much while
    the threshold is there as while it is not, and adds to its effect. The jump is compared within the months
    on either side of the change; a jump that came with the change is not seen.

    Parameters
    ----------
    score, outcome, month, changed, before, after, households, level : as in `changed_band`
    at : "before" or "after"
        At which of the two thresholds.
    earlier : (n,) numbers or None
        A fact settled before the score, such as earlier signals: its jump may not have changed either.
    bandwidth, scale, donut : as in `threshold_effect`
        Robust bias-corrected lines; the bandwidths are chosen once, from both periods together.

    Returns
    -------
    JumpChange
        Errors clustered by household over both periods and both sides.

    Raises
    ------
    EstimationError
        ``estimation-band-not-changed``, and those of `threshold_effect`.
    """
    change = Change.read(changed, before, after)
    if at not in ("before", "after"):
        raise EstimationError(
            "estimation-option",
            expected="before or after",
            found="something else",
            mend="Say at which of the two thresholds.",
            where="at",
        )
    rows = read_rows(score, outcome, month, households)
    options = {"bandwidth": bandwidth, "scale": scale, "donut": donut}
    recipes = {at: recipe_at(rows, change, at, options)}
    there, away = apart(rows, change, at, recipes[at])
    checks = [stood_still(rows, change, recipes)]
    if earlier is not None:
        checks.append(earlier_stood_still(rows, earlier, change, recipes))
    level = read_level(level)
    difference, with_, without = (jump(one.value, one.error, level) for one in (there - away, there, away))
    return JumpChange(difference, with_, without, tuple(checks))


def changed_jumps(
    score: Any,
    outcome: Any,
    month: Any,
    *,
    changed: float,
    before: float,
    after: float,
    band: tuple[float, float] | None = None,
    effect_curvature: float = 0.0,
    earlier: Any = None,
    households: Any = None,
    bandwidth: Any = "cerrd",
    scale: str = "linear",
    donut: float = 0.0,
    level: float = 0.95,
) -> BandEffect:
    """Estimate what a threshold that moved did to the scores it moved over, from the jumps at both its ends.

    Assumption: that of `difference_in_discontinuities` at both thresholds; and in between the effect changes
    along a line, from the one to the other, or strays from it no more than `effect_curvature` allows.

    The effect of the band is ``(1 - s) τ(after) + s τ(before)``, with s the mean place of its episodes
    between the two. An effect with a second derivative of at most κ strays from that line by at most
    ``κ / 2`` times the mean of the product of both distances.

    Parameters
    ----------
    score, outcome, month, changed, before, after, band, households, level : as in `changed_band`
    effect_curvature : float
        Largest second derivative of the effect itself, in outcome units a squared unit of the analysis.
    earlier, bandwidth, scale, donut : as in `difference_in_discontinuities`

    Returns
    -------
    BandEffect
        With the check ``estimation-jump-moved``, once for the outcome and once for `earlier`.

    Raises
    ------
    EstimationError
        ``estimation-band-not-changed``, ``estimation-band-empty``, and those of `threshold_effect`.
    """
    change = Change.read(changed, before, after)
    band = change.band if band is None else read_range(band, "band")
    change.check_band(band)
    ends = jumps_at_both_ends(
        score,
        outcome,
        month,
        change,
        earlier=earlier,
        households=households,
        bandwidth=bandwidth,
        scale=scale,
        donut=donut,
    )
    return jumps_over_band(ends, band, effect_curvature=effect_curvature, level=level)


def jumps_at_both_ends(
    score: Any,
    outcome: Any,
    month: Any,
    change: Change,
    *,
    earlier: Any = None,
    households: Any = None,
    **options: Any,
) -> BothEnds:
    """Fit what `changed_jumps` takes from the data, once for every band that the threshold moved over.

    Parameters
    ----------
    score, outcome, month, earlier, households : as in `changed_jumps`
    change : Change
    options : bandwidth, scale and donut, as in `changed_jumps`

    Returns
    -------
    BothEnds
        For `jumps_over_band`.

    Raises
    ------
    EstimationError
        ``estimation-band-empty``, and those of `threshold_effect`.
    """
    chosen: dict[str, Any] = {"bandwidth": "cerrd", "scale": "linear", "donut": 0.0} | options
    rows = read_rows(score, outcome, month, households)
    recipes = {at: recipe_at(rows, change, at, chosen) for at in ("after", "before")}
    ends = []
    for at, recipe in recipes.items():
        there, away = apart(rows, change, at, recipe)
        ends.append(there - away)
    checks = [stood_still(rows, change, recipes)]
    if earlier is not None:
        checks.append(earlier_stood_still(rows, earlier, change, recipes))
    widths = [recipe.bandwidths for recipe in recipes.values()]
    return BothEnds(
        change,
        ends[0],
        ends[1],
        rows.score[rows.month >= change.month],
        chosen["scale"],
        tuple(checks),
        tuple(h for one in widths for h in (one.left, one.right)),
    )


def jumps_over_band(
    ends: BothEnds, band: tuple[float, float], *, effect_curvature: float = 0.0, level: float = 0.95
) -> BandEffect:
    """Take the effect of a band from the jumps at both ends of what changed; see `changed_jumps`.

    Raises
    ------
    EstimationError
        ``estimation-band-not-changed``, ``estimation-band-empty``, ``estimation-option``.
    """
    band, change = read_range(band, "band"), ends.change
    change.check_band(band)
    curvature = read_number(effect_curvature, "effect_curvature", lowest=0.0)
    inside = ends.late_scores[(ends.late_scores >= band[0]) & (ends.late_scores < band[1])]
    if not len(inside):
        raise EstimationError(
            "estimation-band-empty",
            expected="episodes in the band since the change",
            found="none",
            mend="Take a wider band, or wait.",
            where="band",
        )
    x, first, last = (
        _unit(np.asarray(v, dtype=np.float64), ends.scale) for v in (inside, change.after, change.before)
    )
    s = float(((x - first) / (last - first)).mean())
    found = ends.after * (1.0 - s) + ends.before * s
    return band_effect(
        "changed_jumps",
        band,
        found.value,
        found.error,
        level=read_level(level),
        episodes=float(len(inside)),
        largest_bias=0.5 * curvature * float(np.abs((x - first) * (last - x)).mean()),
        checks=ends.checks,
        bandwidths=ends.bandwidths,
    )


def _unit(values: Any, scale: str) -> Any:
    return np.log(values) if scale == "log" else values
