"""The effect of a treatment that an instrument moves: local average effects and sets that stay honest.

With scores φ_Y and φ_D of the instrument's effects on outcome and treatment, the effect is
``θ = mean(φ_Y) / mean(φ_D)``: Wald (1940), doi:10.1214/aoms/1177731868; Imbens and Angrist (1994),
doi:10.2307/2951620; with covariates doubly robust, Tan (2006), doi:10.1198/016214505000001366, and
Chernozhukov et al. (2018), doi:10.1111/ectj.12097. The set of Anderson and Rubin (1949),
doi:10.1214/aoms/1177730090, holds every θ for which ``mean(φ_Y - θ φ_D)`` may be zero; it covers however weak
the instrument is, which the ratio's own standard error does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.augmented import Recipe, cross_fitted_means, outcome_nuisance
from causalsig.estimation.design import standard_design
from causalsig.estimation.folds import assign_folds
from causalsig.estimation.in_sample import stacked_means
from causalsig.estimation.inference import Influence, cluster_covariance
from causalsig.estimation.inputs import check_aligned, read_numbers
from causalsig.estimation.nuisances import read_nuisance
from causalsig.estimation.outcome_models import choose_kinds
from causalsig.estimation.prepare import Prepared, prepare, prepare_sample
from causalsig.estimation.regressions import cross_fitted_least_squares
from causalsig.estimation.request import Request
from causalsig.estimation.weighting import mean_influence
from causalsig.results import Arm, Floats, Integers, satterthwaite_df, t_inference

Kind = Literal["interval", "rays", "line", "empty"]
TIES = 1e-12
"""A leading coefficient below this share of its parts is zero: the set has one end."""


@dataclass(frozen=True, slots=True)
class ConfidenceSet:
    """Every effect the data do not reject.

    Attributes
    ----------
    kind : {"interval", "rays", "line", "empty"}
        "interval": from `low` to `high`, one of which may be infinite. "rays": everything up to `low` and
        everything from `high`. "line": nothing is rejected, the instrument says nothing. "empty" cannot occur
        with one instrument unless all values agree.
    low, high : float
    level : float
    """

    kind: Kind
    low: float
    high: float
    level: float

    def __contains__(self, effect: float) -> bool:
        """Whether an effect is not rejected."""
        if self.kind == "interval":
            return self.low <= effect <= self.high
        return self.kind == "line" or (self.kind == "rays" and (effect <= self.low or effect >= self.high))

    @property
    def bounded(self) -> bool:
        """Whether the set has two finite ends."""
        return self.kind == "interval" and bool(np.isfinite([self.low, self.high]).all())


@dataclass(frozen=True, slots=True)
class FirstStage:
    """What the instrument does to the treatment.

    Attributes
    ----------
    estimate, std_error : float
        Effect on the share treated; in the linear form, of the instrument's residual.
    f_statistic : float
        ``(estimate / std_error)²``, clustered. Below 10 the ratio's own interval is not to be believed; below
        104.7 it is too short (Lee et al. 2022, doi:10.1257/aer.20211063).
    """

    estimate: float
    std_error: float
    f_statistic: float


@dataclass(frozen=True, slots=True, eq=False)
class LocalEffect:
    """Effect of the treatment in those whom the instrument moves.

    Attributes
    ----------
    estimate, std_error, df, conf_low, conf_high : float
        Ratio with its delta-method standard error; to be read only when the first stage is strong. NaN, with
        an infinite standard error, when the instrument moves exactly nobody.
    p_value : float
        Of no effect, by Anderson and Rubin's test: the same as of no effect of the instrument on the outcome.
    confidence_set : ConfidenceSet
        Anderson and Rubin's, clustered.
    first_stage : FirstStage
    arms, instrument_levels : tuple
        Treatment (reference first), and the two levels of the instrument, () in the linear form.
    estimand, method : str
        "LATE"; "wald", "doubly_robust" or "partially_linear".
    n, households_total : int
    influence : (n,)
        ``(φ_Y - θ φ_D) / mean(φ_D)``, mean zero. One row an episode: never leaves the process.
    notes : tuple of str
    seed : int or None
    level : float
    """

    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float
    p_value: float
    confidence_set: ConfidenceSet
    first_stage: FirstStage
    arms: tuple[Arm, ...]
    instrument_levels: tuple[Any, ...]
    estimand: str
    method: str
    n: int
    households_total: int
    influence: Floats = field(repr=False)
    notes: tuple[str, ...] = ()
    seed: int | None = None
    level: float = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """Scores φ_Y, φ_D (n, 2) in the summing order, their covariance of the split (2, 2), and the sample."""

    values: Floats
    splits: Floats
    prepared: Prepared
    levels: tuple[Any, ...]
    method: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Ratio:
    """The ratio and its inference; without a first stage it is not a number."""

    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float
    influence: Floats


def local_average_effect(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    *,
    instrument: Any,
    arms: Sequence[Arm] | None = None,
    households: Any = None,
    observed: Any = None,
    folds: int | Any | None = 5,
    repeats: int = 1,
    seed: int = 0,
    nuisance: Any = "linear",
    level: float = 0.95,
) -> LocalEffect:
    """Estimate the average effect in those whose treatment follows the instrument.

    The instrument must be as good as random given the covariates, move the treatment one way only, and reach
    the outcome through the treatment alone; no data can show the last.

    Parameters
    ----------
    covariates : (n, p) or None
        None gives the Wald ratio. Otherwise doubly robust scores of a binary instrument.
    treatment : (n,) labels of two arms
    outcome : (n,) numbers
    instrument : (n,)
        Two levels of any kind, or numbers with more levels: then the partially linear form, one slope, which
        weighs those it moves more by how much they are moved; every outcome must be observed.
    arms : order of the two arms, reference first; default sorted
    folds : int, labels, or None for in-sample models with their stacked variance
    others : as in `Request`

    Returns
    -------
    LocalEffect

    Raises
    ------
    EstimationError
        ``estimation-instrument``, and whatever else is wrong with the input, named by its code.
    """
    check_aligned(
        covariates=covariates,
        treatment=treatment,
        outcome=outcome,
        instrument=instrument,
        households=households,
        observed=observed,
    )
    arm = _read_arms(Request(None, treatment, outcome, arms, households, observed, level=level))
    both = np.column_stack([arm.outcomes.values, arm.sample.codes])
    seen = np.column_stack([arm.outcomes.observed[:, 0], np.ones(len(both), dtype=bool)])
    request = Request(
        covariates,
        instrument,
        both,
        households=households,
        observed=seen,
        folds=folds,
        repeats=repeats,
        seed=seed,
        nuisance=nuisance,
        level=level,
    )
    levels = _count_levels(instrument, len(both))
    scores = _binary(request) if levels == 2 else _linear(request)
    return _effect(scores, arm.sample.arms, level)


def _count_levels(instrument: Any, n: int) -> int:
    values = np.asarray(instrument)
    levels = len(set(values.ravel().tolist()))
    if levels < 2 or len(values) != n:
        _refuse("an instrument with at least two levels, one value an episode", f"{levels} levels")
    return levels


def _read_arms(request: Request) -> Prepared:
    """Check the treatment as two arms, and the one outcome."""
    arm = prepare_sample(request, ("ATE",))
    if len(arm.sample.arms) != 2 or not arm.outcomes.single:
        _refuse("a treatment of two arms and one outcome", "more")
    return arm


def _binary(request: Request) -> _Scores:
    """Effects of a binary instrument on outcome and treatment."""
    notes: tuple[str, ...] = ()
    if request.covariates is None:
        prepared = prepare_sample(request, ("ATE",), covariates=False)
        found, method = mean_influence(prepared), "wald"
    else:
        fitted, prepared = prepare(request, ("ATE",))
        nuisance, method = outcome_nuisance(request, fitted), "doubly_robust"
        kinds = choose_kinds("auto", prepared.outcomes, cross_fitted=fitted.cross_fitted)
        if fitted.cross_fitted:
            found = cross_fitted_means(fitted, prepared, Recipe(kinds, nuisance=nuisance))
        else:
            found = stacked_means(fitted, prepared, kinds)
        notes = (*prepared.notes, *found.notes)
    values = (found.values[:, :, 1] - found.values[:, :, 0]).T
    return _Scores(values, _split_covariance(found), prepared, prepared.sample.arms, method, notes)


def _split_covariance(found: Influence) -> Floats:
    effects = found.splits[:, :, 1] - found.splits[:, :, 0]
    if len(effects) == 1:
        return np.zeros((2, 2))
    return np.asarray(np.cov(effects.T) / len(effects))


def _linear(request: Request) -> _Scores:
    """Covariances of outcome and treatment with the instrument's residual.

    Residuals are taken out of fold with the engine (Robinson 1988, doi:10.2307/1912705); the instrument is
    brought to unit variance first.
    """
    prepared = prepare_sample(
        Request(
            request.covariates,
            request.outcome[:, 1],
            request.outcome,
            households=request.households,
            observed=request.observed,
            level=request.level,
        ),
        ("ATE",),
        covariates=request.covariates is not None,
    )
    sample, order = prepared.sample, prepared.sample.order
    z = read_numbers(request.treatment, "instrument", len(order), ndim=1)[order]
    if not prepared.outcomes.observed.all() or request.folds is None or request.repeats != 1:
        _refuse("all outcomes observed, folds and one repeat for an instrument of many levels", "others")
    if not read_nuisance(request.nuisance).engine_outcome:
        _refuse('nuisance "linear" for an instrument of many levels', "another learner")
    x, _, notes = standard_design(sample.covariates[order])
    folds = assign_folds(sample, request.folds, 1, request.seed)[0][order]
    columns = np.column_stack([prepared.outcomes.values[order], (z - z.mean()) / z.std()])
    everyone = np.zeros(len(z), dtype=np.int64)
    held = cross_fitted_least_squares(x, columns, np.ones_like(columns), everyone, 1, folds)[:, :, 0].T
    residual = columns - held
    values = residual[:, :2] * residual[:, 2:]
    drawn = request.seed if isinstance(request.folds, (int, np.integer)) else None
    split = replace(prepared, seed=drawn)
    return _Scores(values, np.zeros((2, 2)), split, (), "partially_linear", notes)


def _effect(scores: _Scores, arms: tuple[Arm, ...], level: float) -> LocalEffect:
    sample, values = scores.prepared.sample, scores.values
    clusters, total = sample.clusters[sample.order], len(sample.household_ids)
    covariance = cluster_covariance(values, clusters, total) + scores.splits
    reduced, first = values.mean(axis=0)
    centred = values - values.mean(axis=0)
    ratio = _Ratio(np.nan, np.inf, total - 1.0, -np.inf, np.inf, np.full(len(values), np.nan))
    if abs(first) > TIES:
        ratio = _divide(centred, float(reduced), float(first), covariance, clusters, level)
    df_reduced, df_first = (float(v) for v in satterthwaite_df(_by_household(centred, clusters)))
    root = np.sqrt(np.diagonal(covariance))
    p_value = t_inference(np.asarray(reduced), root[0], np.asarray(df_reduced), level)[2]
    f = float((first / root[1]) ** 2) if root[1] > TIES else np.inf
    return LocalEffect(
        estimate=ratio.estimate,
        std_error=ratio.std_error,
        df=ratio.df,
        conf_low=ratio.conf_low,
        conf_high=ratio.conf_high,
        p_value=float(p_value),
        confidence_set=anderson_rubin(values.mean(axis=0), covariance, min(df_reduced, df_first), level),
        first_stage=FirstStage(float(first), float(root[1]), f),
        arms=arms,
        instrument_levels=scores.levels,
        estimand="LATE",
        method=scores.method,
        n=len(values),
        households_total=total,
        influence=ratio.influence[np.argsort(sample.order)],
        notes=tuple(dict.fromkeys(scores.notes)),
        seed=scores.prepared.seed,
        level=level,
    )


def _divide(
    centred: Floats, reduced: float, first: float, covariance: Floats, clusters: Integers, level: float
) -> _Ratio:
    """Ratio of the two effects by the delta method."""
    estimate = reduced / first
    influence = (centred[:, 0] - estimate * centred[:, 1]) / first
    slope = np.array([1.0, -estimate]) / first
    # Rounding may leave less than nothing where the outcome is a multiple of the treatment.
    error = float(np.sqrt(max(float(slope @ covariance @ slope), 0.0)))
    df = satterthwaite_df(_by_household(influence[:, None], clusters))[0]
    low, high, _ = t_inference(np.asarray(estimate), np.asarray(error), np.asarray(df), level)
    return _Ratio(estimate, error, float(df), float(low), float(high), influence)


def _by_household(values: Floats, clusters: Integers) -> Floats:
    """Sum columns (n, C) by household: (C, G)."""
    return np.array([np.bincount(clusters, weights=column) for column in values.T], dtype=np.float64)


def anderson_rubin(effects: Floats, covariance: Floats, df: float, level: float) -> ConfidenceSet:
    """Solve ``(a - θ b)² <= t² (V_aa - 2 θ V_ab + θ² V_bb)`` for θ.

    Parameters
    ----------
    effects : (2,), a on the outcome and b on the treatment
    covariance : (2, 2)
    """
    from scipy.special import stdtrit

    t2 = float(stdtrit(df, 0.5 + level / 2.0)) ** 2
    a, b = (float(v) for v in effects)
    square = b**2 - t2 * float(covariance[1, 1])
    half = a * b - t2 * float(covariance[0, 1])
    rest = a**2 - t2 * float(covariance[0, 0])
    # square θ² - 2 half θ + rest <= 0
    if abs(square) <= TIES * max(b**2, t2 * float(covariance[1, 1])):
        if half == 0.0:
            return ConfidenceSet("line" if rest <= 0.0 else "empty", -np.inf, np.inf, level)
        end = rest / (2.0 * half)
        low, high = (end, np.inf) if half > 0.0 else (-np.inf, end)
        return ConfidenceSet("interval", low, high, level)
    inside = half**2 - square * rest
    if inside < 0.0:
        return ConfidenceSet("line" if square < 0.0 else "empty", -np.inf, np.inf, level)
    ends = sorted(((half - np.sqrt(inside)) / square, (half + np.sqrt(inside)) / square))
    return ConfidenceSet("interval" if square > 0.0 else "rays", float(ends[0]), float(ends[1]), level)


def _refuse(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-instrument",
        expected=expected,
        found=found,
        mend="See local_average_effect for what an instrument can be.",
        where="instrument",
    )
