"""The effect at a cutoff: robust bias-corrected local polynomials on collapsed scores.

Calonico, Cattaneo and Titiunik (2014), doi:10.3982/ECTA11757; covariates: Calonico, Cattaneo, Farrell and
Titiunik (2019), doi:10.1162/rest_a_00760; honest intervals: Kolesár and Rothe (2018),
doi:10.1257/aer.20160945, Armstrong and Kolesár (2020), doi:10.3982/QE1199.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from causalsig.errors import EstimationError
from causalsig.estimation.threshold_batch import estimate_all
from causalsig.estimation.threshold_request import EVERYWHERE, ThresholdRequest, read_request
from causalsig.estimation.threshold_results import ThresholdResult
from causalsig.estimation.threshold_table import ScoreTable, collapse_scores, only_outcome


def threshold_effect(
    score: Any,
    outcome: Any,
    cutoff: float,
    *,
    taken_up: Any = None,
    households: Any = None,
    covariates: Any = None,
    kernel: str = "triangular",
    bandwidth: Any = "mserd",
    degree: int = 1,
    donut: float = 0.0,
    curvature_bound: float | None = None,
    variance: str = "nn",
    scale: str = "linear",
    level: float = 0.95,
) -> ThresholdResult:
    """Estimate the effect of crossing a cutoff on those at it.

    Parameters
    ----------
    score : (n,) numbers
        An episode with a score of `cutoff` or more has crossed.
    outcome : (n,) numbers
    cutoff : float, within the scores
    taken_up : (n,) numbers or None
        Treatment that crossing makes likelier: the result is then its effect on those whom crossing moves.
    households : (n,) labels or None; needed for clustered variances
    covariates : (n, p) numbers or None
        Facts from before the score; they make the estimate more precise and must not jump themselves.
    kernel : "triangular", "epanechnikov" or "uniform"
    bandwidth : "mserd", "msetwo", "cerrd", "certwo", a number h, or (h, b)
        Smallest mean squared error or error of coverage, one bandwidth for both sides or one each. A number
        is used for the estimate and its bias; in the unit of the analysis, see `scale`.
    degree : 1 (linear) or 2 (quadratic)
    donut : float
        Scores this close to the cutoff are left out; in the score's own unit. 0 leaves out none.
    curvature_bound : float or None
        Largest second derivative of the mean outcome, in units of the analysis: adds `honest`, whose own
        bandwidth is the best one for its length unless a number was given. Declare it, do not estimate it.
    variance : "nn", "cluster" or "cluster_across"
        Nearest neighbours; by household within each side; or also across the sides, for households with
        episodes on both.
    scale : "linear" or "log"
        Distances in the score's own unit, or ``log(score / cutoff)`` (positive scores only).
    level : float

    Returns
    -------
    ThresholdResult

    Raises
    ------
    EstimationError
        ``estimation-cutoff``, ``estimation-few-scores``, ``estimation-bandwidth``,
        ``estimation-first-stage``, ``estimation-option``, and those of `collapse_scores`.
    """
    table = collapse_scores(score, outcome, taken_up=taken_up, households=households, covariates=covariates)
    if not table.single:
        raise EstimationError(
            "estimation-shape",
            expected="one outcome",
            found=f"a table of {table.outcomes}",
            mend="Collapse once with collapse_scores, then call effect_at_cutoff for each outcome.",
            where="outcome",
        )
    return effect_at_cutoff(
        table,
        cutoff,
        kernel=kernel,
        bandwidth=bandwidth,
        degree=degree,
        donut=donut,
        curvature_bound=curvature_bound,
        variance=variance,
        scale=scale,
        level=level,
    )


def effect_at_cutoff(
    table: ScoreTable, cutoff: float, *, outcome: int = 0, **options: Any
) -> ThresholdResult:
    """Estimate the effect from collapsed scores: the same table serves every outcome, bandwidth and cutoff.

    Parameters
    ----------
    table : from `collapse_scores`
    outcome : int, which of the table's outcomes
    options : those of `threshold_effect`

    Returns
    -------
    ThresholdResult

    Raises
    ------
    EstimationError
        As `threshold_effect`.
    """
    (found,) = effects_at_cutoffs(table, [{"cutoff": cutoff}], outcome=outcome, **options)
    if isinstance(found, EstimationError):
        raise found
    return found


def effects_at_cutoffs(
    table: ScoreTable, analyses: Sequence[Mapping[str, Any]], *, outcome: int = 0, **options: Any
) -> tuple[ThresholdResult | EstimationError, ...]:
    """Estimate effects at many cutoffs, bandwidths and donuts: the arithmetic is shared.

    Parameters
    ----------
    table : from `collapse_scores`
    analyses : a mapping each
        ``cutoff``; ``within``, two numbers, where only the scores from the first up to, not with, the second
        take part; and what differs from `options`.
    outcome : int, which of the table's outcomes
    options : those of `threshold_effect`

    Returns
    -------
    tuple, in the order of `analyses`: a ThresholdResult, or the error that `effect_at_cutoff` raises.

    Raises
    ------
    EstimationError
        ``estimation-option``: nothing is estimated when one of them is wrong.
    """
    found: dict[int, ThresholdResult | EstimationError] = {}
    requests: dict[int, ThresholdRequest] = {}
    for place, asked in enumerate(analyses):
        own = {**options, **asked}
        within = own.pop("within", EVERYWHERE)
        try:
            requests[place] = read_request(table, own.pop("cutoff"), outcome, own, within)
        except EstimationError as error:
            if error.code != "estimation-cutoff":
                raise
            found[place] = error
    found |= dict(estimate_all(only_outcome(table, outcome), requests))
    return tuple(found[place] for place in range(len(analyses)))
