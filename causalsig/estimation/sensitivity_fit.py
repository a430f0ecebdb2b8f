"""The sensitivity of every doubly robust contrast to hidden causes, from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from causalsig.estimation.asked import Asked, read_asked
from causalsig.estimation.inference import influence_of
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import OutcomeModel, Request
from causalsig.estimation.sensitivity import Sensitivity, bias_scores, from_values
from causalsig.results import Arm, Estimand, Floats


def hidden_cause_sensitivity(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    *,
    propensity: Propensity,
    contrasts: Sequence[tuple[Arm, Arm]] | None = None,
    estimand: Estimand = "ATO",
    observed: Any = None,
    nuisance: Any = "linear",
    outcome_model: OutcomeModel = "auto",
    level: float = 0.95,
) -> tuple[Sensitivity, ...]:
    """Say of every contrast how strong a cause that was not recorded must be to explain it away.

    The estimates are those of `doubly_robust` with the same arguments.

    Parameters
    ----------
    covariates, treatment, outcome : as `doubly_robust`
    propensity : Propensity
        Cross-fitted; its arms and households hold.
    contrasts : sequence of (arm, reference), optional
        Default every pair of arms.
    estimand, observed, nuisance, outcome_model : as `doubly_robust`
    level : float
        Of one-sided intervals.

    Returns
    -------
    tuple of Sensitivity
        Outcome by outcome, within each in the order of `contrasts`.

    Raises
    ------
    EstimationError
        As `doubly_robust`; ``estimation-folds`` for a propensity that was fitted in-sample,
        ``estimation-contrast``, ``estimation-sensitivity-scale``.
    """
    request = Request(
        covariates,
        treatment,
        outcome,
        observed=observed,
        estimand=estimand,
        propensity=propensity,
        nuisance=nuisance,
        outcome_model=outcome_model,
        level=level,
    )
    asked = read_asked(request, contrasts)
    splits = range(len(asked.fitted.folds))
    order = asked.prepared.sample.order
    probabilities = [asked.fitted.probabilities[r][order] for r in splits]
    return sensitivities(asked, asked.x, probabilities, [asked.predict(asked.x, r) for r in splits])


def sensitivities(
    asked: Asked, x: Floats, probabilities: Sequence[Floats], predictions: Sequence[Floats]
) -> tuple[Sensitivity, ...]:
    """Average the scores of every split.

    Parameters
    ----------
    x : (n, P) design of the models of being followed
    probabilities : R arrays (n, K); predictions : R arrays (J, n, K)
    """
    values = np.stack(
        [_one_split(asked, x, r, probabilities[r], predictions[r]) for r in range(len(probabilities))]
    )
    splits, average = values.mean(axis=-2), values.mean(axis=0)
    total = len(asked.prepared.sample.household_ids)
    found = []
    for j, c in np.ndindex(average.shape[:2]):
        point, covariance, sums = from_values(average[j, c], splits[:, j, c], asked.clusters, total)
        arm, reference = (asked.fitted.arms[k] for k in asked.pairs[c])
        found.append(
            Sensitivity(
                arm=arm,
                reference=reference,
                estimand=asked.prepared.name,
                outcome=j,
                estimate=float(point[0]),
                sigma2=float(point[1]),
                nu2=float(point[2]),
                covariance=covariance,
                influence=sums,
                level=asked.prepared.level,
            )
        )
    return tuple(found)


def _one_split(asked: Asked, x: Floats, r: int, p: Floats, m: Floats) -> Floats:
    """Give values (J, M, n, 3) whose means over n are (θ, σ², ν²)."""
    values = np.empty((asked.y.shape[1], len(asked.pairs), len(p), 3))
    for j, one in enumerate(asked.pieces(x, p, r)):
        phi = influence_of(asked.y[:, j, None] - m[j], m[j], one.w, one.g, one.g)
        for c, (a, b) in enumerate(asked.pairs):
            values[j, c, :, 0] = phi[:, a] - phi[:, b]
            scores = bias_scores(asked.y[:, j], m[j], one.w, one.both, one.h, one.g, one.own, (a, b))
            values[j, c, :, 1], values[j, c, :, 2] = scores
    return values
