"""Arm means by weighting alone: none (difference in means), inverse probability, overlap."""

from __future__ import annotations

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inference import Influence, arm_means
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.prepare import Followed, Prepared, followed_models, prepare, prepare_sample
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import Request, effect_function
from causalsig.estimation.stacked import Pieces, stacked_influence
from causalsig.estimation.tilting import tilt
from causalsig.results import ArmMeans, Floats

__all__ = ["difference_in_means", "inverse_probability", "overlap_weighting"]


@effect_function()
def difference_in_means(request: Request) -> ArmMeans:
    """Estimate the plain mean of each arm, among the followed: what a naive comparison shows.

    Parameters
    ----------
    covariates : ignored, may be None
    estimand : "ATE" only: without weights no other population is meant
    folds, repeats, seed, nuisance, propensity : nothing is fitted; taken so that estimators can be exchanged
    others : as in `Request`

    Returns
    -------
    ArmMeans
        ``method`` "difference_in_means".

    Raises
    ------
    EstimationError
        Whatever is wrong with the input, named by its code.
    """
    prepared = prepare_sample(request, ("ATE",), covariates=False)
    return arm_means(mean_influence(prepared), prepared, method="difference_in_means")


def mean_influence(prepared: Prepared) -> Influence:
    """Influence of the plain mean of each arm, among the followed."""
    order, outcomes = prepared.sample.order, prepared.outcomes
    indicator = indicators(prepared.sample.codes[order], len(prepared.sample.arms))
    weights, values = [], []
    for j in range(outcomes.values.shape[1]):
        w = indicator * outcomes.observed[order, j][:, None]
        y = outcomes.values[order, j][:, None]
        means = np.sum(w * y, axis=0) / w.sum(axis=0)
        values.append(means + w / w.mean(axis=0) * (y - means))
        weights.append(w)
    stacked = np.stack(values)
    return Influence(stacked, np.stack(weights), stacked.mean(axis=1)[None], 0, ())


@effect_function(takes=("trim",))
def inverse_probability(request: Request) -> ArmMeans:
    """Estimate Hájek inverse-probability-weighted arm means.

    The variance includes the estimated propensity and censoring models: taking them as known makes standard
    errors 4 to 18 % too large. Cross-fitted, the influence of the coefficients is that of the fit on
    all rows, to which leave-fold-out coefficients are equal to first order. Stabilised weights give the same
    means, as every arm's weights are divided by their sum.

    Parameters
    ----------
    estimand : "ATE", ("ATT", arm) or ("ATU", arm)
    others : as in `Request`

    Returns
    -------
    ArmMeans
        ``method`` "inverse_probability".

    Raises
    ------
    EstimationError
        Whatever is wrong with the input, named by its code.
    """
    fitted, prepared = prepare(request, ("ATE", "ATT", "ATU"))
    return arm_means(_weighted(fitted, prepared), prepared, method="inverse_probability")


@effect_function(takes=("trim",), estimand="ATO")
def overlap_weighting(request: Request) -> ArmMeans:
    """Estimate arm means under weights that stay bounded where arms do not overlap.

    Generalised overlap weights (ATO; Li and Li 2019, doi:10.1214/19-AOAS1282; two arms: Li, Morgan and
    Zaslavsky 2018, doi:10.1080/01621459.2016.1260466), matching weights (ATM; Li and Greene 2013,
    doi:10.1515/ijb-2012-0030) or entropy weights (Zhou, Matsouaka and Thomas 2020,
    doi:10.1177/0962280220940334). The variance includes the estimated models, as in `inverse_probability`.

    Parameters
    ----------
    estimand : "ATO", "ATM" or "entropy"
    others : as in `Request`

    Returns
    -------
    ArmMeans
        ``method`` "overlap_weighting".

    Raises
    ------
    EstimationError
        Whatever is wrong with the input, named by its code.
    """
    fitted, prepared = prepare(request, ("ATO", "ATM", "entropy"))
    return arm_means(_weighted(fitted, prepared), prepared, method="overlap_weighting")


def _weighted(fitted: Propensity, prepared: Prepared) -> Influence:
    """Average the stacked influence of weighted means over repeats."""
    sample, outcomes = prepared.sample, prepared.outcomes
    if fitted.full is None:
        raise EstimationError(
            "estimation-nuisance",
            expected="a linear propensity: of another learner weighting alone has no standard error",
            found="a propensity of another learner",
            mend='Use doubly_robust, or fit the propensity with nuisance="linear".',
            where="nuisance",
        )
    x = fitted.design[sample.order]
    seen = outcomes.observed[sample.order].astype(np.float64)
    followed = followed_models(x, sample.codes[sample.order], seen, len(sample.arms), None)
    values, weights, splits = [], [], []
    for r in range(len(fitted.probabilities)):
        one = [_one(fitted, prepared, x, f, r, j) for j, f in enumerate(followed)]
        values.append(np.stack([value for value, _ in one]))
        weights.append(np.stack([weight for _, weight in one]))
        splits.append(values[-1].mean(axis=1))
    notes = tuple(code for f in followed for code in f.notes)
    parameters = fitted.parameters + max(len(f.models) for f in followed) * x.shape[1]
    return Influence(np.mean(values, axis=0), np.mean(weights, axis=0), np.stack(splits), parameters, notes)


def _one(
    fitted: Propensity, prepared: Prepared, x: Floats, followed: Followed, r: int, j: int
) -> tuple[Floats, Floats]:
    order, arms = prepared.sample.order, len(fitted.arms)
    p = fitted.probabilities[r][order]
    h, slope_h = tilt(p, prepared.estimand, fitted.arms)
    pieces = Pieces(
        x=x,
        indicator=indicators(fitted.codes[order], arms),
        y=prepared.outcomes.values[order, j],
        seen=prepared.outcomes.observed[order, j].astype(np.float64),
        p=p,
        full_p=fitted.full_probabilities[order],
        kappa=followed.kappa,
        m=np.zeros((len(x), arms)),
        h=h,
        slope_h=slope_h,
        treatment_model=fitted.full,
        followed_models=followed.models,
        outcome_models=[],
    )
    return stacked_influence(pieces)
