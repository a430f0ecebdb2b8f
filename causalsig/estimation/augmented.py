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

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.in_sample import stacked_means
from causalsig.estimation.inference import Influence, arm_means, influence_of
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.nuisances import Nuisance, outcomes_out_of_fold, read_nuisance
from causalsig.estimation.outcome_models import Kind, choose_kinds, predict_out_of_fold
from causalsig.estimation.prepare import Prepared, followed_models, prepare
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import Request, effect_function
from causalsig.estimation.survival import survival_means
from causalsig.estimation.tilting import orthogonal_tilt, tilt
from causalsig.results import ArmMeans, Floats, Integers

Update = Callable[[Floats, Floats, Floats], Floats]
"""Moves predictions (n, K) given the outcome (n,), predictions (n, K) and weights (n, K)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the pieces of a cross-fitted estimator are put together.

    Attributes
    ----------
    kinds : outcome model of each outcome
    normalise : divide the weights by their mean
    update : how predictions are moved before they are averaged; None leaves them
    share : outcomes lie between 0 and 1, modelled by logistic quasi-likelihood
    nuisance : learner of the outcome
    """

    kinds: list[Kind]
    normalise: bool = True
    update: Update | None = None
    share: bool = False
    nuisance: Nuisance = field(default_factory=Nuisance)


@effect_function(takes=("outcome_model", "trim", "target", "normalise", "measure"))
def doubly_robust(request: Request) -> ArmMeans:
    """Estimate arm means that are right when the treatment model or the outcome model is.

    For the ATE, ATT and ATU either model may be wrong. The populations of the ATO, ATM and entropy estimands
    are defined by the propensity itself: there the outcome model makes the estimate precise, and errors of
    the propensity fall out to first order only.

    Parameters
    ----------
    folds : int, labels, or None for the in-sample estimator with its stacked variance
    nuisance : "linear", "boosting", "stacked", a scikit-learn estimator or a `Nuisance`
    outcome_model : {"auto", "least_squares", "logistic", "poisson"}
        "auto": see `outcome_models.choose_kinds`.
    trim : leave out who does not overlap, fit anew among who stays; the estimand's name changes
    target : {"population", "sample"}
        "sample": the variance leaves out that other households would have other covariates.
    normalise : bool
        False: the textbook mean of ``m_a + w_a (Y - m_a)`` instead of Hájek's.
    event : (n,) whole numbers, with `horizons`: the outcome is a time in periods
        What ended the time: 0 not followed beyond that period, 1 the event, 2 and more competing events.
    horizons : int or sequence of int
        Periods; a sequence gives one outcome a horizon, as the columns of a matrix would.
    measure : {"risk", "free", "time_lost", "time_free"}
        At a horizon h: the risk of the event by h (its cumulative incidence where others compete), the chance
        to be free of any event after h, and in periods the mean time lost to the event, ``E (h - T)⁺``, and
        the restricted mean time free of any, ``E min(T, h)``.
    others : as in `Request`

    Returns
    -------
    ArmMeans
        ``method`` "doubly_robust".

    Raises
    ------
    EstimationError
        Whatever is wrong with the input, named by its code.
    """
    if request.event is not None or request.horizons is not None or request.measure != "risk":
        return survival_means(request)
    fitted, prepared = prepare(request)
    kinds = choose_kinds(request.outcome_model, prepared.outcomes, cross_fitted=fitted.cross_fitted)
    nuisance = outcome_nuisance(request, fitted)
    if fitted.cross_fitted:
        recipe = Recipe(kinds, request.normalise, nuisance=nuisance)
        found = cross_fitted_means(fitted, prepared, recipe)
    else:
        found = stacked_means(fitted, prepared, kinds, normalise=request.normalise)
    return arm_means(found, prepared, method="doubly_robust")


def cross_fitted_means(fitted: Propensity, prepared: Prepared, recipe: Recipe) -> Influence:
    """Average the influence of every split."""
    order = prepared.sample.order
    values, weights, splits = [], [], []
    notes: tuple[str, ...] = ()
    parameters = 0
    for r in range(len(fitted.folds)):
        one = _one_split(fitted, prepared, recipe, fitted.folds[r][order], r)
        values.append(one.values)
        weights.append(one.weights)
        splits.append(one.splits[0])
        notes, parameters = notes + one.notes, one.parameters
    return Influence(np.mean(values, axis=0), np.mean(weights, axis=0), np.stack(splits), parameters, notes)


def _one_split(fitted: Propensity, prepared: Prepared, recipe: Recipe, folds: Integers, r: int) -> Influence:
    """Influence of every outcome under one split, rows in the summing order."""
    order, arms = prepared.sample.order, len(fitted.arms)
    x, codes, p = fitted.design[order], fitted.codes[order], fitted.probabilities[r][order]
    y, seen = prepared.outcomes.values[order], prepared.outcomes.observed[order].astype(np.float64)
    indicator = indicators(codes, arms)
    h = tilt(p, prepared.estimand, fitted.arms)[0]
    g = orthogonal_tilt(p, indicator, prepared.estimand, fitted.arms)
    spread = g if prepared.target == "population" else g - h
    predicted, notes = _predict(fitted, x, y, seen, codes, folds, recipe)
    followed = followed_models(x, codes, seen, arms, folds)
    values, weights = np.empty_like(predicted), np.empty_like(predicted)
    parameters = 0
    for j, m in enumerate(predicted):
        w = indicator * (seen[:, j] * h)[:, None] / (p * followed[j].kappa)
        if recipe.update is not None:
            m = recipe.update(y[:, j], m, w)
        values[j] = influence_of(y[:, j, None] - m, m, w, g, spread, recipe.normalise)
        weights[j] = w
        models = arms * x.shape[1] * (1 if seen[:, j].all() else 2)
        parameters = max(parameters, fitted.parameters + models)
    notes += tuple(code for one in followed for code in one.notes)
    return Influence(values, weights, values.mean(axis=1)[None], parameters, notes)


def outcome_nuisance(request: Request, fitted: Propensity) -> Nuisance:
    """Read the learner of the outcome; in-sample only the engine's has a variance."""
    nuisance = read_nuisance(request.nuisance)
    if not fitted.cross_fitted and not nuisance.engine_outcome:
        raise EstimationError(
            "estimation-nuisance",
            expected='nuisance "linear" for the in-sample estimator',
            found="a learner that would predict the rows it was trained on",
            mend="Give a number of folds.",
            where="nuisance",
        )
    return nuisance


def _predict(
    fitted: Propensity,
    x: Floats,
    y: Floats,
    seen: Floats,
    codes: Integers,
    folds: Integers,
    recipe: Recipe,
) -> tuple[Floats, tuple[str, ...]]:
    """Predict outcomes (J, n, K) out of fold, by the engine or by a learner; and notes."""
    arms = len(fitted.arms)
    if recipe.nuisance.engine_outcome:
        return predict_out_of_fold(x, y, seen, codes, arms, folds, recipe.kinds, share=recipe.share)
    households = fitted.clusters[fitted.sample.order]
    seed = fitted.seed or 0
    nuisance, kinds = recipe.nuisance, recipe.kinds
    return outcomes_out_of_fold(nuisance, x, y, seen, codes, arms, households, folds, kinds, seed), ()
