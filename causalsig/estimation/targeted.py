"""Targeted maximum likelihood for bounded outcomes: doubly robust means that stay between the bounds.

Outcomes are brought to [0, 1]; a logistic model an arm gives m_a; then ``logit m*_a = logit m_a + ε_a`` with
ε_a from a logistic regression weighted by ``w_a = 1{A=a} C h / (π_a κ_a)``, so that ``Σ w_a (Y - m*_a) = 0``
and ``ψ_a = mean(g̃ m*_a)``, with g as in `augmented`. Van der Laan and Rubin (2006),
doi:10.2202/1557-4679.1043; Gruber and van der Laan (2010), doi:10.2202/1557-4679.1260; cross-fitted: Zheng
and van der Laan (2011), doi:10.1007/978-1-4419-9782-1_27.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from causalsig.estimation.augmented import Recipe, cross_fitted_means, outcome_nuisance
from causalsig.estimation.generalised import mean_of
from causalsig.estimation.in_sample import stacked_means
from causalsig.estimation.inference import Influence, arm_means
from causalsig.estimation.inputs import Outcomes
from causalsig.estimation.outcome_models import Kind, is_binary
from causalsig.estimation.prepare import prepare
from causalsig.estimation.request import Request, effect_function
from causalsig.estimation.stacked import Pieces
from causalsig.results import ArmMeans, Floats

EDGE = 5e-4
"""Out-of-fold predictions stay this far from the bounds: one at a bound could not be moved away from it."""
STEPS = 200


@effect_function(takes=("trim", "target"))
def targeted_maximum_likelihood(request: Request) -> ArmMeans:
    """Estimate arm means by targeted maximum likelihood.

    Bounds are 0 and 1 for outcomes that are 0 or 1; for others the smallest and the largest value that was
    followed, so the means never leave the range of the data.

    Parameters
    ----------
    target : {"population", "sample"}
    trim : as in `doubly_robust`
    others : as in `Request`

    Returns
    -------
    ArmMeans
        ``method`` "targeted_maximum_likelihood".

    Raises
    ------
    EstimationError
        Whatever is wrong with the input, named by its code.
    """
    fitted, prepared = prepare(request)
    low, width, binary = _bounds(prepared.outcomes)
    scaled = np.where(prepared.outcomes.observed, (prepared.outcomes.values - low) / width, 0.0)
    within = replace(prepared, outcomes=replace(prepared.outcomes, values=scaled))
    kinds: list[Kind] = ["logistic"] * len(low)
    nuisance = outcome_nuisance(request, fitted)
    if fitted.cross_fitted:
        recipe = Recipe(kinds, update=_move, share=not binary, nuisance=nuisance)
        found = cross_fitted_means(fitted, within, recipe)
    else:
        found = stacked_means(fitted, within, kinds, targeting=_target, share=not binary)
    return arm_means(_back(found, low, width), prepared, method="targeted_maximum_likelihood")


def _bounds(outcomes: Outcomes) -> tuple[Floats, Floats, bool]:
    """Lower bound and width of every outcome (J,), and whether all are 0 or 1."""
    columns = [y[seen] for y, seen in zip(outcomes.values.T, outcomes.observed.T, strict=True)]
    binary = [is_binary(y) for y in columns]
    low = np.array([0.0 if b else y.min() for y, b in zip(columns, binary, strict=True)])
    high = np.array([1.0 if b else y.max() for y, b in zip(columns, binary, strict=True)])
    return low, np.where(high > low, high - low, 1.0), all(binary)


def _back(found: Influence, low: Floats, width: Floats) -> Influence:
    """Bring influence values from [0, 1] to the outcome's own scale."""
    return replace(
        found,
        values=low[:, None, None] + width[:, None, None] * found.values,
        splits=low[:, None] + width[:, None] * found.splits,
    )


def _move(y: Floats, m: Floats, w: Floats) -> Floats:
    """Move out-of-fold predictions (n, K)."""
    inside = np.clip(m, EDGE, 1.0 - EDGE)
    return np.stack([fluctuate(y, inside[:, a], w[:, a]) for a in range(m.shape[1])], axis=1)


def _target(pieces: Pieces) -> Pieces:
    """Move in-sample predictions; their slopes, and what a weight does, follow from the score of ε."""
    w = pieces.indicator * (pieces.seen * pieces.h)[:, None] / (pieces.p * pieces.kappa)
    arms = range(w.shape[1])
    m = np.stack([fluctuate(pieces.y, pieces.m[:, a], w[:, a]) for a in arms], axis=1)
    v = m * (1.0 - m)
    through_epsilon = np.sum(w * v, axis=0)
    by_epsilon = pieces.h @ v / pieces.h.sum()
    # Where every outcome of an arm is at one bound nothing moves, and every residual is 0.
    gain = np.divide(by_epsilon, through_epsilon, out=1.0 / w.sum(axis=0), where=through_epsilon > 0)
    models = [replace(model, slope=v[:, a]) for a, model in enumerate(pieces.outcome_models)]
    return replace(pieces, m=m, gain=gain, outcome_models=models)


def fluctuate(y: Floats, m: Floats, w: Floats) -> Floats:
    """Solve ``Σ w (y - expit(logit m + ε)) = 0`` and give the moved predictions: all (n,)."""
    total, wanted = float(w.sum()), float(w @ y)
    if wanted <= 0.0 or wanted >= total:
        return np.full(len(m), 0.0 if wanted <= 0.0 else 1.0)
    used = w > 0
    inside = np.clip(m, 1e-12, 1.0 - 1e-12)
    eta = np.log(inside / (1.0 - inside))
    near, weight = eta[used], w[used]
    low, high = -60.0 - near.max(), 60.0 - near.min()
    epsilon = 0.0
    for _ in range(STEPS):
        moved = mean_of(near + epsilon, "logistic")
        score = wanted - float(weight @ moved)
        low, high = (epsilon, high) if score > 0 else (low, epsilon)
        if abs(score) <= 1e-14 * total:
            break
        slope = float(weight @ (moved * (1.0 - moved)))
        step = epsilon + score / slope if slope > 0 else np.inf
        # Newton while it stays between the bounds, halving otherwise.
        epsilon = step if low < step < high else 0.5 * (low + high)
    return mean_of(eta + epsilon, "logistic")
