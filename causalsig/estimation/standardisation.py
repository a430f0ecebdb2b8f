"""Regression standardisation (the g-formula): an outcome model an arm, averaged over one population.

``ψ_a = Σ g m_a(X) / Σ g`` with g = 1 (ATE), ``1{A=t}`` (ATT) or ``1{A≠t}`` (ATU). Robins (1986),
doi:10.1016/0270-0255(86)90088-6; Snowden, Rose and Mortimer (2011), doi:10.1093/aje/kwq472.
"""

from __future__ import annotations

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.design import standard_design
from causalsig.estimation.inference import Influence, arm_means
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.nuisances import read_nuisance
from causalsig.estimation.outcome_models import choose_kinds, fit_all_rows
from causalsig.estimation.prepare import Prepared, prepare_sample
from causalsig.estimation.request import Request, effect_function
from causalsig.estimation.stacked import through
from causalsig.results import ArmMeans, Floats


@effect_function(takes=("outcome_model", "target"))
def regression_standardisation(request: Request) -> ArmMeans:
    """Estimate arm means by outcome models alone: right when the models are.

    The models are fitted on all rows and their variance is stacked in, so there is nothing to cross-fit.
    Followed to the end is taken to depend on the covariates and the arm only.

    Parameters
    ----------
    estimand : "ATE", ("ATT", arm) or ("ATU", arm)
    outcome_model : {"auto", "least_squares", "logistic", "poisson"}
    target : {"population", "sample"}
    nuisance : "linear" only: other learners would leave no variance
    folds, repeats, seed, propensity : nothing is split and no treatment is modelled; taken so that estimators
        can be exchanged
    others : as in `Request`

    Returns
    -------
    ArmMeans
        ``method`` "regression_standardisation".

    Raises
    ------
    EstimationError
        Whatever is wrong with the input, named by its code.
    """
    prepared = prepare_sample(request, ("ATE", "ATT", "ATU"))
    if not read_nuisance(request.nuisance).engine_outcome:
        raise EstimationError(
            "estimation-nuisance",
            expected='nuisance "linear": standardisation rests on the outcome model alone',
            found="another learner",
            mend="Use doubly_robust, which forgives what a learner misses.",
            where="nuisance",
        )
    kinds = choose_kinds(request.outcome_model, prepared.outcomes, cross_fitted=False)
    order, arms = prepared.sample.order, len(prepared.sample.arms)
    x, _, notes = standard_design(prepared.sample.covariates[order])
    codes = prepared.sample.codes[order]
    y, seen = prepared.outcomes.values[order], prepared.outcomes.observed[order].astype(np.float64)
    models = fit_all_rows(x, y, seen, codes, arms, kinds)
    g = population(prepared)[order]
    share = g / g.sum()
    values = np.empty((len(kinds), len(x), arms))
    for j, a in np.ndindex(len(kinds), arms):
        model = models[j][a]
        mean = float(share @ model.predicted)
        by_row = through(model, x, share)
        if prepared.target == "population":
            by_row = by_row + len(x) * share * (model.predicted - mean)
        values[j, :, a] = mean + by_row - by_row.mean()
    weights = indicators(codes, arms) * seen.T[:, :, None]
    notes += tuple(code for one in models for model in one for code in model.notes)
    found = Influence(values, weights, values.mean(axis=1)[None], arms * x.shape[1], notes)
    return arm_means(found, prepared, method="regression_standardisation")


def population(prepared: Prepared) -> Floats:
    """Mark who belongs to the population of an estimand that arms alone define: (n,), 0 or 1."""
    codes, estimand = prepared.sample.codes, prepared.estimand
    if estimand == "ATE":
        return np.ones(len(codes))
    inside = codes == prepared.sample.arms.index(estimand[1])
    return np.asarray(inside if estimand[0] == "ATT" else ~inside, dtype=np.float64)
