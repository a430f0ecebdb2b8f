"""Arm means whose models are fitted on all rows, with the variance of those models stacked in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from causalsig.estimation.inference import Influence
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.outcome_models import Kind, fit_all_rows
from causalsig.estimation.prepare import Prepared, followed_models
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.stacked import Pieces, stacked_influence
from causalsig.estimation.tilting import tilt

Targeting: TypeAlias = Callable[[Pieces], Pieces]


def stacked_means(
    fitted: Propensity,
    prepared: Prepared,
    kinds: list[Kind],
    *,
    normalise: bool = True,
    targeting: Targeting | None = None,
    share: bool = False,
) -> Influence:
    """Influence of every outcome; what outcomes share is fitted once.

    Parameters
    ----------
    targeting : moves the predictions of the outcome models, and says what their slopes become
    share : outcomes lie between 0 and 1, modelled by logistic quasi-likelihood
    """
    order, arms = prepared.sample.order, len(fitted.arms)
    x, codes, p = fitted.design[order], fitted.codes[order], fitted.full_probabilities[order]
    y, seen = prepared.outcomes.values[order], prepared.outcomes.observed[order].astype(np.float64)
    h, slope_h = tilt(p, prepared.estimand, fitted.arms)
    followed = followed_models(x, codes, seen, arms, None)
    models = fit_all_rows(x, y, seen, codes, arms, kinds, share=share)
    values, weights = np.empty((len(kinds), len(x), arms)), np.empty((len(kinds), len(x), arms))
    for j in range(len(kinds)):
        pieces = Pieces(
            x=x,
            indicator=indicators(codes, arms),
            y=y[:, j],
            seen=seen[:, j],
            p=p,
            full_p=p,
            kappa=followed[j].kappa,
            m=np.stack([model.predicted for model in models[j]], axis=1),
            h=h,
            slope_h=slope_h,
            treatment_model=fitted.full,
            followed_models=followed[j].models,
            outcome_models=models[j],
            normalise=normalise,
            target=prepared.target,
        )
        values[j], weights[j] = stacked_influence(pieces if targeting is None else targeting(pieces))
    notes = tuple(code for one in followed for code in one.notes)
    notes += tuple(code for one in models for model in one for code in model.notes)
    parameters = fitted.parameters + (arms + max(len(f.models) for f in followed)) * x.shape[1]
    return Influence(values, weights, values.mean(axis=1)[None], parameters, notes)
