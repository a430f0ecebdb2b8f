"""Time to an event: doubly robust risk and restricted mean time at each horizon, an arm.

Discrete time t = 1, 2, ...; T the period of the first event, ε its kind (1 of interest, others compete), C
the period after which an episode is no longer followed. With hazards λ_1 of the event, λ of any event and λ_C
of C, ``S(t) = Π_{s<=t} (1 - λ(s))``, ``F(t) = Σ_{s<=t} λ_1(s) S(s-1)``, ``G(t⁻) = Π_{s<t} (1 - λ_C(s))``, all
given arm and covariates, and increments ``dM = dN - Y λ`` of the martingales of N_1 and N, the
pseudo-residual of ``1{T <= h, ε = 1}`` is

    R(h) = Σ_{t <= min(T, h)} [dM_1(t) - (F(h) - F(t)) / S(t) dM(t)] / G(t⁻)

and that of ``1{T > h}`` is ``-Σ (S(h) / S(t)) dM(t) / G(t⁻)``. Without censoring R(h) is the plain residual
``1{T <= h, ε = 1} - F(h)``: from here on everything is as in `augmented`, with ``w_a = 1{A=a} h / π_a``.
The same R(h) is the outcome weighted by ``1 / G`` at min(T, h)⁻ plus the augmentation by the censoring
martingale. Ozenne, Scheike, Stærk and Gerds (2020), doi:10.1002/bimj.201800298; Rytgaard and van der Laan
(2024), doi:10.1007/s10985-022-09576-2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.estimation.hazards import cross_fitted_hazards
from causalsig.estimation.inference import Influence, arm_means, influence_of
from causalsig.estimation.inputs import Outcomes, check_aligned, read_labels, read_numbers
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.nuisances import read_nuisance
from causalsig.estimation.prepare import Prepared, prepare
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import Measure, Request
from causalsig.estimation.tilting import orthogonal_tilt, tilt
from causalsig.results import ArmMeans, Floats, Integers

MEASURES = ("risk", "free", "time_lost", "time_free")
MOST_PERIODS = 120
SMALLEST_CHANCE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Periods until event or end (n,), what ended them (n,): 0 followed no longer, 1, or 2 competing."""

    period: Integers
    ended: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Of every row in one arm, by period 1 to H: λ_1, λ and G(t⁻), each (n, H)."""

    event: Floats
    anything: Floats
    followed: Floats


def survival_means(request: Request) -> ArmMeans:
    """Estimate what `doubly_robust` is asked of a time: see its `event`, `horizons` and `measure`."""
    times, horizons, single = _read(request)
    known = _known(times, horizons)
    outcome = np.where(known, _measured(times, horizons, request.measure), 0.0)
    columns = np.column_stack([outcome, times.period, times.ended])
    seen = np.column_stack([known, np.ones((len(known), 2), dtype=bool)])
    fitted, packed = prepare(replace(request, outcome=columns, observed=seen, event=None, horizons=None))
    if not fitted.cross_fitted or not read_nuisance(request.nuisance).engine_outcome:
        _refuse('folds and nuisance "linear" for the outcome', "the in-sample estimator or another learner")
    # Trimming may have left rows out: times come back with those who stayed.
    inner = packed.outcomes
    values, followed = inner.values[:, :-2], inner.observed[:, :-2]
    prepared = replace(packed, outcomes=Outcomes(values, followed, single))
    kept = Times(inner.values[:, -2].astype(np.int64), inner.values[:, -1].astype(np.int64))
    return arm_means(
        _means(fitted, prepared, kept, horizons, request.measure), prepared, method="doubly_robust"
    )


def _means(
    fitted: Propensity, prepared: Prepared, times: Times, horizons: Integers, measure: Measure
) -> Influence:
    """Average the influence of every split."""
    order = prepared.sample.order
    ordered = Times(times.period[order], times.ended[order])
    values, splits = [], []
    notes: tuple[str, ...] = ()
    total = np.zeros((len(horizons), len(order), len(fitted.arms)))
    for r in range(len(fitted.folds)):
        one, weights, said = _one_split(fitted, prepared, ordered, horizons, measure, r)
        values.append(one)
        splits.append(one.mean(axis=1))
        total += weights / len(fitted.folds)
        notes += said
    width, latest = fitted.design.shape[1], int(horizons.max())
    models = len(fitted.arms) * (int(times.ended.max()) + 1) * (width + latest - 1)
    return Influence(np.mean(values, axis=0), total, np.stack(splits), fitted.parameters + models, notes)


def _one_split(
    fitted: Propensity, prepared: Prepared, times: Times, horizons: Integers, measure: Measure, r: int
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Influence and weights (J, n, K) under one split, rows in the summing order."""
    order, arms = prepared.sample.order, len(fitted.arms)
    x, codes, p = fitted.design[order], fitted.codes[order], fitted.probabilities[r][order]
    indicator = indicators(codes, arms)
    h = tilt(p, prepared.estimand, fitted.arms)[0]
    g = orthogonal_tilt(p, indicator, prepared.estimand, fitted.arms)
    w = indicator * h[:, None] / p
    spread = g if prepared.target == "population" else g - h
    m, residual = np.zeros((2, len(horizons), len(x), arms))
    weights = np.zeros_like(m)
    seen = prepared.outcomes.observed[order]
    notes: tuple[str, ...] = ()
    for a in range(arms):
        found, said = fit_curves(x, times, indicator[:, a], fitted.folds[r][order], int(horizons.max()))
        notes += said
        parts = pseudo_residuals(times, found, measure, horizons)
        m[:, :, a], residual[:, :, a] = parts
        ended = np.clip(times.period[:, None], 1, horizons) - 1
        at_end = np.take_along_axis(found.followed, ended, axis=1)
        weights[:, :, a] = (w[:, a, None] * seen / at_end).T
    values = [influence_of(residual[j], m[j], w, g, spread) for j in range(len(horizons))]
    return np.stack(values), weights, notes


def fit_curves(
    x: Floats, times: Times, rows: Floats, folds: Integers, latest: int
) -> tuple[Curves, tuple[str, ...]]:
    """Fit hazards of events and of no longer being followed in one arm, predict all rows out of fold.

    Who is censored in a period was there for its events; it ends before the next period begins.
    """
    kinds = 2 if bool(np.any((times.ended == 2) & (rows > 0))) else 1
    periods = np.arange(1, latest + 1)
    by_kind, notes = cross_fitted_hazards(x, times.period, times.ended, rows, folds, periods, kinds)
    gone = np.asarray(times.ended == 0, dtype=np.int64)
    # An event leaves nobody to be censored in its period.
    until = np.where(times.ended == 0, times.period, times.period - 1)
    _check_followed(until[rows > 0], gone[rows > 0], latest)
    leaving, said = cross_fitted_hazards(x, until, gone, rows, folds, np.arange(latest), 1)
    followed = np.maximum(np.cumprod(1.0 - leaving[0], axis=1), SMALLEST_CHANCE)
    return Curves(by_kind[0], by_kind.sum(axis=0), followed), (*notes, *said)


def _check_followed(until: Integers, gone: Integers, latest: int) -> None:
    """Refuse an arm in which all who were left are followed no longer before the last horizon."""
    for s in np.unique(until[(gone > 0) & (until < latest)]):
        if gone[until >= s].all() and until.max() == s:
            raise EstimationError(
                "estimation-positivity",
                expected="in every arm somebody followed to the last horizon",
                found=f"an arm followed for {s} of {latest} periods",
                mend="Take a shorter horizon.",
                where="horizons",
            )


def pseudo_residuals(
    times: Times, curves: Curves, measure: Measure, horizons: Integers
) -> tuple[Floats, Floats]:
    """Predictions and pseudo-residuals of a measure at each horizon: (J, n) each.

    Rows of other arms get a residual too; their weight is zero.
    """
    periods = np.arange(1, curves.event.shape[1] + 1)
    free = np.cumprod(1.0 - curves.anything, axis=1)
    before = np.hstack([np.ones((len(free), 1)), free[:, :-1]])
    risk = np.cumsum(curves.event * before, axis=1)
    at_risk, now = times.period[:, None] >= periods, times.period[:, None] == periods
    d_event = (now & (times.ended == 1)[:, None]) - at_risk * curves.event
    d_any = (now & (times.ended > 0)[:, None]) - at_risk * curves.anything
    left = np.maximum(free, SMALLEST_CHANCE)
    through = np.cumsum(d_any / curves.followed / left, axis=1)
    m, residual = np.asarray(free), np.asarray(-free * through)
    if measure in ("risk", "time_lost"):
        own = np.cumsum((d_event + d_any * risk / left) / curves.followed, axis=1)
        m, residual = np.asarray(risk), np.asarray(own - risk * through)
    if measure in ("risk", "free"):
        return m[:, horizons - 1].T, residual[:, horizons - 1].T
    # Σ_{t<h}: the time lost is (h - T)⁺, the time free min(T, h), whose first period is always free.
    sums = [np.cumsum(np.hstack([np.zeros((len(m), 1)), part[:, :-1]]), axis=1) for part in (m, residual)]
    first = 1.0 if measure == "time_free" else 0.0
    return first + sums[0][:, horizons - 1].T, sums[1][:, horizons - 1].T


def _measured(times: Times, horizons: Integers, measure: Measure) -> Floats:
    """Outcome of each row at each horizon, as it would be when followed that long: (n, J)."""
    t, of_interest = times.period[:, None], (times.ended == 1)[:, None]
    if measure == "risk":
        return np.asarray((t <= horizons) & of_interest, dtype=np.float64)
    if measure == "time_lost":
        return np.asarray(np.maximum(horizons - t, 0.0) * of_interest)
    free = (t > horizons) | ((t == horizons) & (times.ended == 0)[:, None])
    return np.asarray(free if measure == "free" else np.minimum(t, horizons), dtype=np.float64)


def _known(times: Times, horizons: Integers) -> NDArray[np.bool_]:
    """Whether a row's outcome at each horizon was seen: (n, J)."""
    return np.asarray((times.ended > 0)[:, None] | (times.period[:, None] >= horizons))


def _read(request: Request) -> tuple[Times, Integers, bool]:
    """Check times, events and horizons."""
    if request.event is None or request.horizons is None:
        _refuse("`event` and `horizons` together", "one of them")
    default_model = isinstance(request.outcome_model, str) and request.outcome_model == "auto"
    if request.observed is not None or not default_model or request.normalise is not True:
        _refuse("`event` to say who was followed, and the default outcome model", "an option besides")
    if not isinstance(request.measure, str) or request.measure not in MEASURES:
        _refuse(f"measure {', '.join(MEASURES)}", "another measure")
    check_aligned(
        covariates=request.covariates,
        treatment=request.treatment,
        outcome=request.outcome,
        event=request.event,
        households=request.households,
        folds=request.folds,
    )
    n = len(read_labels(request.treatment, "treatment"))
    period = read_numbers(request.outcome, "outcome", n, ndim=1)
    ended = read_numbers(request.event, "event", n, ndim=1)
    if np.any(period != np.round(period)) or np.any(ended != np.round(ended)) or ended.min() < 0:
        _refuse("whole periods, and events 0 (followed no longer), 1, 2, ...", "other numbers")
    if np.any(period < (ended > 0)):
        _refuse("events from period 1 on", f"{int(np.sum(period < (ended > 0)))} earlier ones")
    if not np.any(ended == 1):
        _refuse("some events of kind 1", "none")
    times = Times(period.astype(np.int64), np.minimum(ended, 2).astype(np.int64))
    return times, _read_horizons(request.horizons), np.ndim(request.horizons) == 0


def _read_horizons(given: Any) -> Integers:
    horizons = np.atleast_1d(np.asarray(given, dtype=None if np.ndim(given) < 2 else object))
    if horizons.ndim > 1 or not len(horizons) or horizons.dtype.kind not in "iu":
        _refuse("horizons as whole periods", "another shape or kind")
    if horizons.min() < 1 or horizons.max() > MOST_PERIODS:
        _refuse(f"horizons from 1 to {MOST_PERIODS} periods", "another horizon: take longer periods")
    return horizons.astype(np.int64)


def _refuse(expected: str, found: str) -> NoReturn:
    raise EstimationError(
        "estimation-event",
        expected=expected,
        found=found,
        mend="The outcome counts periods to the event, or to the end of following.",
        where="event",
    )
