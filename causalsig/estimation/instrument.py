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
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.augmented import Recipe, cross_fitted_means, outcome_nuisance
from causalsig.estimation.confidence_sets import TIES, ConfidenceSet, anderson_rubin
from causalsig.estimation.design import standard_design
from causalsig.estimation.folds import assign_folds
from causalsig.estimation.in_sample import stacked_means
from causalsig.estimation.inference import Influence, cluster_covariance
from causalsig.estimation.inputs import check_aligned, read_labels, read_numbers
from causalsig.estimation.nuisances import read_nuisance
from causalsig.estimation.outcome_models import choose_kinds
from causalsig.estimation.prepare import Prepared, prepare, prepare_sample
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.regressions import cross_fitted_least_squares
from causalsig.estimation.request import Request
from causalsig.estimation.weighting import mean_influence
from causalsig.results import Arm, Floats, Integers, satterthwaite_df, t_inference


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
    propensity: Propensity | None = None,
    estimand: str = "LATE",
    event: Any = None,
    horizons: Any = None,
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
    propensity : of the two levels of the instrument, fitted before; its folds, repeats and seed then hold
    estimand : "LATE" only; event, horizons : None only, taken so that estimators can be exchanged: give one
        outcome at a fixed horizon, with `observed`
    others : as in `Request`

    Returns
    -------
    LocalEffect

    Raises
    ------
    EstimationError
        ``estimation-instrument``, and whatever else is wrong with the input, named by its code.
    """
    if not isinstance(estimand, str) or estimand != "LATE":
        _refuse_estimand()
    check_aligned(
        covariates=covariates,
        treatment=treatment,
        outcome=outcome,
        instrument=instrument,
        households=households,
        observed=observed,
        folds=folds,
    )
    asked = Request(None, treatment, outcome, arms, households, observed, level=level)
    arm = _read_arms(replace(asked, event=event, horizons=horizons))
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
        propensity=propensity,
        level=level,
        given=frozenset(_other_than_default(folds=folds, repeats=repeats, seed=seed)),
    )
    levels = _count_levels(instrument, len(both))
    try:
        scores = _binary(request) if levels == 2 else _linear(request)
    except EstimationError as error:
        if error.where != "treatment":
            raise
        # What stands for the treatment there is the instrument: the treatment itself was read above.
        found = (error.expected, error.found, error.mend)
        raise EstimationError(
            error.code, expected=found[0], found=found[1], mend=found[2], where="instrument"
        ) from None
    return _effect(scores, arm.sample.arms, level)


def _other_than_default(*, folds: Any, repeats: Any, seed: Any) -> list[str]:
    changed = {"folds": not (isinstance(folds, int) and folds == 5)}
    changed |= {"repeats": not np.array_equal(repeats, 1), "seed": not np.array_equal(seed, 0)}
    return [name for name, yes in changed.items() if yes]


def _refuse_estimand() -> None:
    raise EstimationError(
        "estimation-estimand",
        expected='"LATE"',
        found="another estimand",
        mend="An instrument tells of those it moves only: leave `estimand` out.",
        where="estimand",
    )


def _count_levels(instrument: Any, n: int) -> int:
    labels = read_labels(instrument, "instrument")
    try:
        levels = len(set(labels))
    except TypeError:
        levels = 0
    if levels < 2 or len(labels) != n:
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
    numbers = read_numbers(request.treatment, "instrument", len(request.outcome), ndim=1)
    # The instrument comes as a third outcome, so that it too tells rows apart that are otherwise equal.
    columns = np.column_stack([request.outcome, numbers])
    seen = np.column_stack([request.observed, np.ones(len(numbers), dtype=bool)])
    prepared = prepare_sample(
        replace(request, treatment=request.outcome[:, 1], outcome=columns, observed=seen, propensity=None),
        ("ATE",),
        covariates=request.covariates is not None,
    )
    sample, order = prepared.sample, prepared.sample.order
    z = numbers[order]
    if request.propensity is not None:
        _refuse("no propensity for an instrument of many levels: it has no probabilities", "a propensity")
    if not prepared.outcomes.observed.all() or request.folds is None or request.repeats != 1:
        _refuse("all outcomes observed, folds and one repeat for an instrument of many levels", "others")
    if not read_nuisance(request.nuisance).engine_outcome:
        _refuse('nuisance "linear" for an instrument of many levels', "another learner")
    x, _, notes = standard_design(sample.covariates[order])
    folds = assign_folds(sample, request.folds, 1, request.seed)[0][order]
    columns = np.column_stack([prepared.outcomes.values[order, :2], (z - z.mean()) / z.std()])
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


def _refuse(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-instrument",
        expected=expected,
        found=found,
        mend="See local_average_effect for what an instrument can be.",
        where="instrument",
    )
