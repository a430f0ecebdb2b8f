"""Arm means when who was in which arm was recorded with errors of a declared size.

Accepted help is coded differently from town to town: an advice talk counts as help in one and as none in the
next. Let A be the truth, R what was recorded, sensitivity ``s = P(R=1 | A=1)`` and specificity
``c = P(R=0 | A=0)``, the same whatever the covariates and the outcome (non-differential errors). With
``M`` the 2 × 2 matrix of ``P(R=r | A=a)``, every mean of a product with the indicator of R is M times that of
A (Barron 1977, doi:10.2307/2529795), so the inverse gives back

- indicators ``B = M⁻¹ (1{R=0}, 1{R=1})`` with ``E[B_a | A, X, Y] = 1{A=a}``; they are below 0 or above 1;
- propensities ``e = M⁻¹ ρ`` from those of what was recorded, ρ;
- outcome regressions ``m_a = (M⁻¹ (ρ m^R))_a / e_a`` from those among the recorded.

These stand in the doubly robust score of `augmented` where 1{A=a}, π and m stand. It stays orthogonal: as
``E[B_a | X] = e_a``, small errors of ρ and m^R fall out. Without the correction, at given covariates the
difference is that between the truth times ``P(A=1 | R=1) + P(A=0 | R=0) - 1``: errors that do not depend on
the outcome draw an effect to zero (Lewbel 2007, doi:10.1111/j.1468-0262.2006.00756.x).

Sensitivity and specificity are not in the data. A study declares ranges, and the bounds are the smallest and
the largest corrected contrast over them, with an interval of Imbens and Manski (`identified_sets`). Errors
that depend on the outcome are another matter: see `sensitivity_coding.tipping_point`.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.augmented import outcome_nuisance
from causalsig.estimation.identified_sets import IdentifiedSet, identified_set, read_range
from causalsig.estimation.inference import Influence, arm_means, influence_of
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.outcome_models import choose_kinds, predict_out_of_fold
from causalsig.estimation.prepare import Prepared, prepare
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import Request
from causalsig.estimation.tilting import orthogonal_tilt, tilt
from causalsig.results import Arm, ArmMeans, Contrast, Floats

SMALLEST = 0.005
"""True propensities are held between this and its complement: below it a weight is an error of the model."""
LEAST_TOLD = 0.05
"""Sensitivity plus specificity less one, at least: at 0 a record is a coin."""
GRID = 5
"""Values of each range that are tried, ends included: between them the contrast is smooth and nearly always
monotone, so that its extremes lie at corners."""
ESTIMANDS = ("ATE", "ATO")
Range = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class CodingBounds:
    """A contrast over all declared errors of coding.

    Attributes
    ----------
    recorded : Contrast
        As recorded: sensitivity and specificity 1.
    bounds : IdentifiedSet
        Smallest and largest corrected contrast; its interval holds the true one with the level asked for, if
        the true errors lie in the ranges and do not depend on the outcome.
    sensitivity, specificity, estimates, std_errors : (g,)
        Pairs that were tried and are compatible with the share recorded, and the contrast at each.
    left_out : int
        Pairs of the grid that the share recorded rules out.
    notes : tuple of str
    """

    recorded: Contrast
    bounds: IdentifiedSet
    sensitivity: Floats
    specificity: Floats
    estimates: Floats
    std_errors: Floats
    left_out: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Recorded:
    """Models of what was recorded, by repeat, rows in the summing order; fitted once for all pairs."""

    fitted: Propensity
    prepared: Prepared
    indicator: Floats
    outcome: Floats
    propensities: list[Floats]
    regressions: list[Floats]
    notes: tuple[str, ...]
    parameters: int


def corrected_arm_means(
    covariates: Any,
    recorded: Any,
    outcome: Any,
    *,
    arms: tuple[Arm, Arm],
    sensitivity: float,
    specificity: float,
    households: Any = None,
    estimand: str = "ATO",
    folds: Any = 5,
    repeats: int = 1,
    seed: int = 0,
    propensity: Propensity | None = None,
    level: float = 0.95,
) -> ArmMeans:
    """Estimate means under the true arms from recorded ones, for known errors of recording.

    Parameters
    ----------
    recorded : (n,) labels of two arms
    outcome : (n,) numbers, all observed
    arms : (reference, exposed)
    sensitivity : float
        Share of the truly exposed that are recorded as exposed.
    specificity : float
        Share of the truly unexposed that are recorded as unexposed.
    estimand : "ATE" or "ATO"
        The ATO of the true arms: ``h = e_0 e_1`` of the corrected propensities.
    propensity : of what was recorded, fitted before
    others : as in `Request`

    Returns
    -------
    ArmMeans
        ``method`` "misclassification_corrected". Counts (`n`, `households`, `followed`) are of the recorded
        arms.

    Raises
    ------
    EstimationError
        ``estimation-misclassification``; whatever is wrong with the input, by its code.
    """
    _check_errors(sensitivity, specificity)
    models = _fit(
        Request(
            covariates,
            recorded,
            outcome,
            arms,
            households,
            estimand=estimand,
            folds=folds,
            repeats=repeats,
            seed=seed,
            propensity=propensity,
            level=level,
        )
    )
    if not _compatible(models, sensitivity, specificity):
        _refuse("errors of coding with which the share recorded can come about", "others")
    return _corrected(models, sensitivity, specificity)


def coding_bounds(
    covariates: Any,
    recorded: Any,
    outcome: Any,
    *,
    arms: tuple[Arm, Arm],
    sensitivity: Range,
    specificity: Range,
    households: Any = None,
    estimand: str = "ATO",
    folds: Any = 5,
    repeats: int = 1,
    seed: int = 0,
    propensity: Propensity | None = None,
    level: float = 0.95,
) -> CodingBounds:
    """Bound the difference of the exposed against the reference over ranges of errors of recording.

    Parameters
    ----------
    sensitivity, specificity : (low, high)
        Declared ranges; see `corrected_arm_means`, as for everything else.

    Returns
    -------
    CodingBounds

    Raises
    ------
    EstimationError
        ``estimation-misclassification`` also when no pair within the ranges fits the share recorded;
        ``estimation-bounds`` for what is no range.
    """
    pairs = [(s, c) for s in _values(sensitivity, "sensitivity") for c in _values(specificity, "specificity")]
    for s, c in pairs:
        _check_errors(s, c)
    models = _fit(
        Request(
            covariates,
            recorded,
            outcome,
            arms,
            households,
            estimand=estimand,
            folds=folds,
            repeats=repeats,
            seed=seed,
            propensity=propensity,
            level=level,
        )
    )
    kept = [pair for pair in pairs if _compatible(models, *pair)]
    if not kept:
        _refuse("errors of coding with which the share recorded can come about", "none in the ranges")
    found = [_corrected(models, *pair) for pair in kept]
    contrasts = [one.contrast(arms[1], arms[0]) for one in found]
    estimates = np.array([one.estimate for one in contrasts])
    errors = np.array([one.std_error for one in contrasts])
    low, high = int(estimates.argmin()), int(estimates.argmax())
    notes = tuple(dict.fromkeys(note for one in found for note in one.notes))
    return CodingBounds(
        recorded=_corrected(models, 1.0, 1.0).contrast(arms[1], arms[0]),
        bounds=identified_set(estimates[low], estimates[high], errors[low], errors[high], level),
        sensitivity=np.array([s for s, _ in kept]),
        specificity=np.array([c for _, c in kept]),
        estimates=estimates,
        std_errors=errors,
        left_out=len(pairs) - len(kept),
        notes=(*notes, "estimation-misclassification-partly") if len(kept) < len(pairs) else notes,
    )


def _fit(request: Request) -> _Recorded:
    """Model the recorded arm, and the outcome among the recorded, out of fold."""
    if request.arms is None:
        _refuse("arms as (reference, exposed)", "none")
    fitted, prepared = prepare(request, ESTIMANDS)
    if len(prepared.sample.arms) != 2 or not prepared.outcomes.single:
        _refuse("two arms and one outcome", "more")
    if not fitted.cross_fitted or not outcome_nuisance(request, fitted).engine_outcome:
        _refuse('folds, and nuisance "linear"', "others")
    order, outcomes = prepared.sample.order, prepared.outcomes
    x, codes = fitted.design[order], fitted.codes[order]
    y, seen = outcomes.values[order], outcomes.observed[order].astype(np.float64)
    kinds = choose_kinds("auto", outcomes, cross_fitted=True)
    regressions, notes = [], prepared.notes
    for labels in fitted.folds:
        predicted, said = predict_out_of_fold(x, y, seen, codes, 2, labels[order], kinds)
        regressions.append(predicted[0])
        notes += said
    return _Recorded(
        fitted=fitted,
        prepared=prepared,
        indicator=indicators(codes, 2),
        outcome=y[:, 0],
        propensities=[p[order] for p in fitted.probabilities],
        regressions=regressions,
        notes=notes,
        parameters=fitted.parameters + 2 * x.shape[1],
    )


def _inverse(sensitivity: float, specificity: float) -> Floats:
    """Invert the matrix of ``P(R=r | A=a)``: rows are true arms, columns recorded ones."""
    told = sensitivity + specificity - 1.0
    return np.array([[sensitivity, sensitivity - 1.0], [specificity - 1.0, specificity]]) / told


def _compatible(models: _Recorded, sensitivity: float, specificity: float) -> bool:
    """Say whether the true shares that follow from the recorded ones lie above 0."""
    share = _inverse(sensitivity, specificity) @ models.indicator.mean(axis=0)
    return bool((share > SMALLEST).all())


def _corrected(models: _Recorded, sensitivity: float, specificity: float) -> ArmMeans:
    back, exact = _inverse(sensitivity, specificity).T, sensitivity == specificity == 1.0
    indicator = models.indicator @ back
    prepared, notes = models.prepared, models.notes
    values, weights = [], []
    for recorded, regression in zip(models.propensities, models.regressions, strict=True):
        p, m = recorded, regression
        if not exact:
            raw = recorded @ back
            p = np.clip(raw, SMALLEST, 1.0 - SMALLEST)
            notes += ("estimation-misclassification-floored",) if (raw != p).any() else ()
            m = np.clip((recorded * regression) @ back / p, models.outcome.min(), models.outcome.max())
        h = tilt(p, prepared.estimand, prepared.sample.arms)[0]
        g = orthogonal_tilt(p, indicator, prepared.estimand, prepared.sample.arms)
        w = indicator * h[:, None] / p
        values.append(influence_of(models.outcome[:, None] - m, m, w, g, g))
        weights.append(w)
    splits = np.stack([v.mean(axis=0) for v in values])[:, None, :]
    found = Influence(
        np.mean(values, axis=0)[None], np.mean(weights, axis=0)[None], splits, models.parameters, notes
    )
    return arm_means(found, prepared, method="misclassification_corrected")


def _values(between: Range, where: str) -> list[float]:
    ends = read_range(between, where, 1.0)
    return [float(v) for v in np.unique(np.linspace(ends[0], ends[1], GRID))]


def _check_errors(sensitivity: Any, specificity: Any) -> None:
    numbers = all(isinstance(v, Real) and 0.0 < float(v) <= 1.0 for v in (sensitivity, specificity))
    if not numbers or sensitivity + specificity - 1.0 < LEAST_TOLD:
        _refuse("sensitivity and specificity up to 1 that together exceed 1.05", "others")


def _refuse(expected: str, found: str) -> NoReturn:
    raise EstimationError(
        "estimation-misclassification",
        expected=expected,
        found=found,
        mend="See corrected_arm_means for what is declared.",
    )
