"""The primary estimator: doubly robust arm means.

Cross-fitted, with g the orthogonal tilt of the estimand (`tilting.orthogonal_tilt`; 1 for the ATE) and tildes
for "divided by its mean": ``w_a = 1{A=a} C h / (π_a κ_a)``, ``μ_a = mean(g̃ m_a)``,
``r_a = mean(w̃_a (Y - m_a))``, ``ψ_a = μ_a + r_a`` and ``φ_a = ψ_a + g̃ (m_a - μ_a) + w̃_a (Y - m_a - r_a)``.
At the truth r = 0 and φ - ψ is the efficient influence function of ``E[h m_a] / E[h]``:
``h (m_a - ψ_a) + w_a (Y - m_a) + Σ_k ∂h/∂π_k (1{A=k} - π_k) (m_a - ψ_a)``, divided by E[h].

Robins, Rotnitzky and Zhao (1994), doi:10.1080/01621459.1994.10476818; Chernozhukov et al. (2018),
doi:10.1111/ectj.12097; Li and Li (2019), doi:10.1214/19-AOAS1282.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inference import Influence, arm_means
from causalsig.estimation.inputs import Outcomes
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.prepare import followed_probabilities, prepare, refuse_time_to_event
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.regressions import (
    cross_fitted_least_squares,
    cross_fitted_logistic,
    least_squares,
    logistic,
)
from causalsig.estimation.stacked import Pieces, stacked_influence
from causalsig.estimation.tilting import check_estimand, orthogonal_tilt, tilt
from causalsig.results import Arm, ArmMeans, Estimand, Floats, Integers

OutcomeModel: TypeAlias = Literal["auto", "least_squares", "logistic"]


def doubly_robust(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    *,
    arms: Sequence[Arm] | None = None,
    households: Any = None,
    observed: Any = None,
    estimand: Estimand = "ATE",
    folds: int | Any | None = 5,
    repeats: int = 1,
    seed: int = 0,
    nuisance: str = "linear",
    propensity: Propensity | None = None,
    event: Any = None,
    horizons: Any = None,
    level: float = 0.95,
    outcome_model: OutcomeModel = "auto",
) -> ArmMeans:
    """Estimate arm means that are right when the treatment model or the outcome model is.

    Parameters
    ----------
    covariates : (n, p) numbers
    treatment : (n,) labels
    outcome : (n,) or (n, J) numbers; NaN only where not observed
    arms : order of the arms, default sorted
    households : (n,) ids; the clusters of the variance and of the folds
    observed : (n,) or (n, J) bool, True = followed to the end of the window
    estimand : "ATE", "ATO" or ("ATT", arm)
    folds : int, labels, or None for the in-sample estimator with its stacked variance
    repeats : independent splits; influence values are averaged, the covariance of the split is added
    seed : key of the splits
    nuisance : {"linear"}
    propensity : a fitted one, whose folds, repeats and seed then hold
    event, horizons : not taken (time to return)
    level : confidence level
    outcome_model : {"auto", "least_squares", "logistic"}
        "auto": least squares when cross-fitted, for binary outcomes too (all folds and outcomes share one
        set of moments; the treatment model keeps the mean right); in-sample, logistic for outcomes that
        are 0 or 1 and least squares for others.

    Returns
    -------
    ArmMeans
        ``method`` "doubly_robust".

    Raises
    ------
    EstimationError
        Whatever is wrong with the input, named by its code.
    """
    refuse_time_to_event(event, horizons)
    fitted, outcomes = prepare(
        covariates,
        treatment,
        outcome,
        arms=arms,
        households=households,
        observed=observed,
        folds=folds,
        repeats=repeats,
        seed=seed,
        nuisance=nuisance,
        propensity=propensity,
        level=level,
    )
    checked = check_estimand(estimand, fitted.arms)
    kinds = _choose_models(outcome_model, outcomes, fitted.cross_fitted)
    compute = _cross_fitted if fitted.cross_fitted else _in_sample
    found = compute(fitted, outcomes, checked, kinds)
    return arm_means(found, fitted, outcomes, estimand=checked, method="doubly_robust", level=level)


def _choose_models(choice: str, outcomes: Outcomes, cross_fitted: bool) -> list[str]:
    """Decide least squares or logistic for each outcome."""
    if choice not in ("auto", "least_squares", "logistic"):
        raise EstimationError(
            "estimation-outcome-model",
            expected='"auto", "least_squares" or "logistic"',
            found="another model",
            mend='Use outcome_model="auto".',
            where="outcome_model",
        )
    binary = [
        bool(np.isin(y[seen], (0.0, 1.0)).all())
        for y, seen in zip(outcomes.values.T, outcomes.observed.T, strict=True)
    ]
    if choice == "logistic" and not all(binary):
        raise EstimationError(
            "estimation-outcome-model",
            expected="outcomes that are 0 or 1 for a logistic model",
            found=f"{len(binary) - sum(binary)} other outcomes",
            mend='Use outcome_model="auto".',
            where="outcome_model",
        )
    if choice == "auto":
        return ["logistic" if b and not cross_fitted else "least_squares" for b in binary]
    return [choice] * len(binary)


def _cross_fitted(fitted: Propensity, outcomes: Outcomes, estimand: Estimand, kinds: list[str]) -> Influence:
    order = fitted.sample.order
    values, weights, splits = [], [], []
    notes: tuple[str, ...] = ()
    parameters = 0
    for r in range(len(fitted.folds)):
        one = _one_split(fitted, outcomes, estimand, kinds, fitted.folds[r][order], r)
        values.append(one.values)
        weights.append(one.weights)
        splits.append(one.splits[0])
        notes, parameters = notes + one.notes, one.parameters
    return Influence(np.mean(values, axis=0), np.mean(weights, axis=0), np.stack(splits), parameters, notes)


def _one_split(
    fitted: Propensity, outcomes: Outcomes, estimand: Estimand, kinds: list[str], folds: Integers, r: int
) -> Influence:
    """Influence of every outcome under one split, rows in the summing order."""
    order, arms = fitted.sample.order, len(fitted.arms)
    x, codes, p = fitted.design[order], fitted.codes[order], fitted.probabilities[r][order]
    y, seen = outcomes.values[order], outcomes.observed[order].astype(np.float64)
    indicator = indicators(codes, arms)
    h = tilt(p, estimand, fitted.arms)[0]
    g = orthogonal_tilt(p, indicator, estimand, fitted.arms)
    g = (g / g.mean())[:, None]
    predicted, notes = _predict(x, y, seen, codes, arms, folds, kinds)
    values, weights = np.empty_like(predicted), np.empty_like(predicted)
    parameters, patterns = 0, {}
    for j, m in enumerate(predicted):
        pattern = seen[:, j].tobytes()
        if pattern not in patterns:
            patterns[pattern] = followed_probabilities(x, codes, seen[:, j], arms, folds)
        kappa, _, said = patterns[pattern]
        w = indicator * (seen[:, j] * h)[:, None] / (p * kappa)
        values[j] = _influence(y[:, j], m, w / w.mean(axis=0), g)
        weights[j] = w
        notes += said
        models = arms * x.shape[1] * (1 if seen[:, j].all() else 2)
        parameters = max(parameters, fitted.parameters + models)
    return Influence(values, weights, values.mean(axis=1)[None], parameters, notes)


def _influence(y: Floats, m: Floats, w: Floats, g: Floats) -> Floats:
    """Give φ (n, K) from m (n, K) and w, g with mean one."""
    residual = y[:, None] - m
    mu, r = np.mean(g * m, axis=0), np.mean(w * residual, axis=0)
    return np.asarray(mu + r + g * (m - mu) + w * (residual - r))


def _predict(
    x: Floats, y: Floats, seen: Floats, codes: Integers, arms: int, folds: Integers, kinds: list[str]
) -> tuple[Floats, tuple[str, ...]]:
    """Held-out predictions (J, n, K) of every outcome under every arm."""
    predicted = np.empty((y.shape[1], len(x), arms))
    notes: tuple[str, ...] = ()
    linear = [j for j, kind in enumerate(kinds) if kind == "least_squares"]
    if linear:
        predicted[linear] = cross_fitted_least_squares(x, y[:, linear], seen[:, linear], codes, arms, folds)
    for j in sorted(set(range(len(kinds))) - set(linear)):
        for a in range(arms):
            rows = seen[:, j] * (codes == a)
            predicted[j, :, a], said = cross_fitted_logistic(x, y[:, j], rows, folds)
            notes += said
    return predicted, notes


def _in_sample(fitted: Propensity, outcomes: Outcomes, estimand: Estimand, kinds: list[str]) -> Influence:
    order, arms = fitted.sample.order, len(fitted.arms)
    x, codes, p = fitted.design[order], fitted.codes[order], fitted.full_probabilities[order]
    h, slope_h = tilt(p, estimand, fitted.arms)
    values, weights = [], []
    notes: tuple[str, ...] = ()
    parameters = 0
    for j, kind in enumerate(kinds):
        y, seen = outcomes.values[order, j], outcomes.observed[order, j].astype(np.float64)
        kappa, followed, said = followed_probabilities(x, codes, seen, arms, None)
        regress = logistic if kind == "logistic" else least_squares
        models = [regress(x, y, seen * (codes == a)) for a in range(arms)]
        pieces = Pieces(
            x=x,
            indicator=indicators(codes, arms),
            y=y,
            seen=seen,
            p=p,
            full_p=p,
            kappa=kappa,
            m=np.stack([model.predicted for model in models], axis=1),
            h=h,
            slope_h=slope_h,
            treatment_model=fitted.full,
            followed_models=followed,
            outcome_models=models,
        )
        value, weight = stacked_influence(pieces)
        values.append(value)
        weights.append(weight)
        notes += said + tuple(code for model in models for code in model.notes)
        parameters = max(parameters, fitted.parameters + (arms + len(followed)) * x.shape[1])
    stacked = np.stack(values)
    return Influence(stacked, np.stack(weights), stacked.mean(axis=1)[None], parameters, notes)
