"""Route 5: one site, and a mean that goes on beyond its threshold, bending no more than declared.

A local line of one side, carried into the band; its largest bias over all means within the bound: Armstrong
and Kolesár (2018), doi:10.3982/ECTA14434; Kolesár and Rothe (2018), doi:10.1257/aer.20160945.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.moving_results import BandEffect, Check, band_effect, check_within
from causalsig.estimation.option_numbers import read_number
from causalsig.estimation.threshold import effect_at_cutoff
from causalsig.estimation.threshold_columns import columns_of
from causalsig.estimation.threshold_honest import critical_value, largest_bias
from causalsig.estimation.threshold_inference import jump_covariance, root
from causalsig.estimation.threshold_local import Kernel
from causalsig.estimation.threshold_request import ThresholdRequest, read_request
from causalsig.estimation.threshold_side import Fit, Side, cut
from causalsig.estimation.threshold_table import ScoreTable
from causalsig.estimation.threshold_variance import Weighted, side_covariance
from causalsig.results import Floats

CANDIDATES = 40
"""Bandwidths tried for the shortest interval."""
CURVED = "estimation-too-curved"


def bounded_continuation(
    table: ScoreTable,
    cutoff: float,
    to: float,
    *,
    curvature_bound: float,
    outcome: int = 0,
    variance: str = "nn",
    scale: str = "linear",
    kernel: Kernel = "triangular",
    level: float = 0.95,
    reach: float | None = None,
) -> BandEffect:
    """Bound what moving a threshold a little does, by how much the mean may bend.

    Assumption: under the handling that the band would get, the mean outcome goes on from the far side of the
    threshold into the band with a second derivative of at most `curvature_bound` in size. The interval covers
    for every such mean; it is wide, and wider the further the threshold moves. Declare the bound in the
    study; the data can only refute it, on the side where that handling is seen.

    With t the distance into the band, the line ``a + b t`` of the far side is taken from the band's mean:
    ``effect = ± (Σ p m(t) - a - b t̄)``, within a bandwidth that makes the interval shortest.

    Parameters
    ----------
    table : from `collapse_scores`
    cutoff, to : float
        The present and the moved threshold, in the score's own unit.
    curvature_bound : float
        In outcome units a squared unit of the analysis, see `scale`.
    outcome, variance, scale, kernel, level : as in `effect_at_cutoff`
        Covariates of the table take no part: it is a mean that is carried on, not a jump.
    reach : float or None
        Bandwidth of the honest interval at the present threshold, where `honest_reach` gave it already.

    Returns
    -------
    BandEffect
        With the check ``estimation-too-curved``, where there are scores enough for it.

    Raises
    ------
    EstimationError
        ``estimation-beyond-bandwidth`` when the threshold moves further than the bandwidth of the honest
        interval at it; ``estimation-band-empty``; and those of `effect_at_cutoff`.
    """
    bound = read_number(curvature_bound, "curvature_bound", lowest=0.0)
    options: dict[str, Any] = {"variance": variance, "scale": scale, "kernel": kernel, "level": level}
    request = read_request(table, cutoff, outcome, options)
    if reach is None:
        reach = honest_reach(table, cutoff, curvature_bound=bound, outcome=outcome, **options)
    place = read_number(to, "to")
    width = _distance(place, request)
    _check_distance(width, reach)
    sides = cut(table, request.cutoff, scale=request.scale)
    lowered = place < request.cutoff
    band, far = (sides[0], sides[1]) if lowered else (sides[1], sides[0])
    rows = _rows(band, width, lowered)
    p = np.zeros(rows)
    p[:] = band.moments.counts[:rows] / band.moments.counts[:rows].sum()
    t = band.distance[:rows]
    combination = columns_of(table, outcome).alone()[:, None]
    h = _shortest(far, t, p, combination, request, bound)
    line = _continued(far.fit(h, 1, request.kernel), float(p @ t))
    # A line of the band's own side: what its mean is within clusters.
    beside = band.fit(max(h, 2.0 * width, float(band.distance[1]) * (1.0 + 1e-9)), 1, request.kernel)
    mean = Weighted(p / band.moments.counts[:rows], beside, 2)
    value = float(p @ (band.moments.sums[:rows] @ combination[:, 0] / band.moments.counts[:rows]))
    carried = float(line.weights @ (far.moments.sums[: len(line.weights)] @ combination[:, 0]))
    parts = (mean, line) if lowered else (line, mean)
    covariance = jump_covariance(sides, parts, combination, request.variance)
    return band_effect(
        "continuation",
        (min(place, request.cutoff), max(place, request.cutoff)),
        carried - value if lowered else value - carried,
        root(covariance[0, 0]),
        level=request.level,
        episodes=float(band.moments.counts[:rows].sum()),
        largest_bias=bound * _bias(far, line, t, p),
        checks=_bend(far, 2.0 * h, combination, request, bound),
        bandwidths=(h,),
    )


def honest_reach(
    table: ScoreTable, cutoff: float, *, curvature_bound: float, outcome: int = 0, **options: Any
) -> float:
    """Tell how far from a threshold a bound on the curvature says anything: the honest interval's bandwidth.

    Parameters
    ----------
    table, cutoff, curvature_bound, outcome, options : as in `bounded_continuation`

    Returns
    -------
    float, in units of the analysis

    Raises
    ------
    EstimationError
        Those of `effect_at_cutoff`.
    """
    found = effect_at_cutoff(table, cutoff, outcome=outcome, curvature_bound=curvature_bound, **options)
    assert found.honest is not None
    return found.honest.bandwidth


def _distance(place: float, request: ThresholdRequest) -> float:
    if request.scale == "log":
        if place <= 0.0:
            raise EstimationError(
                "estimation-cutoff",
                expected="a moved threshold above zero on the log scale",
                found="zero or less",
                mend="Give it in the unit of the scores.",
                where="to",
            )
        return float(abs(np.log(place / request.cutoff)))
    return abs(place - request.cutoff)


def _check_distance(width: float, bandwidth: float) -> None:
    if width > bandwidth:
        raise EstimationError(
            "estimation-beyond-bandwidth",
            expected="a threshold moved no further than the bandwidth at the present one",
            found="one moved further",
            mend="So far away the mean is anybody's guess: another route has to answer, or none.",
            where="to",
        )


def _rows(band: Side, width: float, lowered: bool) -> int:
    """Distinct scores of the band; the moved threshold itself belongs to it where it is the lower end."""
    rows = int(np.searchsorted(band.distance, width, side="right" if lowered else "left"))
    if not rows:
        raise EstimationError(
            "estimation-band-empty",
            expected="scores between the present and the moved threshold",
            found="none",
            mend="Nobody would be handled otherwise.",
            where="to",
        )
    return rows


def _continued(fit: Fit, reach: float) -> Weighted:
    """Weights of the line's value `reach` beyond the threshold: distances grow to the other side."""
    slope, _ = fit.order(1)
    return Weighted(fit.weights[:, 0] - reach * slope, fit, 2)


def _bias(far: Side, line: Weighted, t: Floats, p: Floats) -> float:
    """Largest error of the line for the band's mean, over means that bend by at most one.

    Seen from the far end of the band, both are weights that take no line: see `largest_bias`.
    """
    distance = np.concatenate([t, -far.distance[: len(line.weights)]])
    weights = np.concatenate([-p, line.weights * far.moments.counts[: len(line.weights)]])
    ahead = distance.max() - distance
    order = np.argsort(ahead, kind="stable")
    return largest_bias(ahead[order], weights[order])


def _shortest(
    far: Side, t: Floats, p: Floats, combination: Floats, request: ThresholdRequest, bound: float
) -> float:
    """Bandwidth of the shortest interval, were the outcome's variance one constant."""
    spread = float(np.einsum("vij,ic,jc->", far.residuals, combination, combination)) / far.episodes
    usable = far.distance[1:]
    if len(usable) > CANDIDATES:
        usable = usable[np.unique(np.linspace(0, len(usable) - 1, CANDIDATES).astype(int))]
    best, found = np.inf, float(usable[-1]) * 2.0
    for h in np.append(usable * (1.0 + 1e-6), usable[-1] * 2.0):
        if far.within(float(h), request.kernel) < 2:
            continue
        fit = far.fit(float(h), 1, request.kernel)
        line = _continued(fit, float(p @ t))
        error = float(np.sqrt(spread * (far.moments.counts[: fit.rows] @ line.weights**2)))
        bias = bound * _bias(far, line, t, p)
        length = critical_value(bias / error, request.level) * error if error > 0.0 else bias
        if length < best:
            best, found = length, float(h)
    return found


def _bend(
    far: Side, window: float, combination: Floats, request: ThresholdRequest, bound: float
) -> tuple[Check, ...]:
    """Test the bound: a parabola's second derivative is a mean of the curve's own, with positive weights."""
    if far.within(window, "uniform") < 4:
        return ()
    fit = far.fit(window, 2, "uniform")
    weights, coefficients = fit.order(2)
    spread = side_covariance(far, Weighted(weights, fit, 3), combination, request.variance)
    bend = 2.0 * float(coefficients @ combination[:, 0])
    return (check_within(CURVED, bend, 2.0 * root(spread[0, 0]), bound),)
