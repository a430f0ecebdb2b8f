"""The sensitivity of every doubly robust contrast to hidden causes, from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.augmented import outcome_nuisance
from causalsig.estimation.inference import influence_of
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.nuisances import Nuisance, outcomes_out_of_fold
from causalsig.estimation.outcome_models import Kind, choose_kinds, predict_out_of_fold
from causalsig.estimation.prepare import Prepared, followed_models, prepare
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import OutcomeModel, Request
from causalsig.estimation.sensitivity import Sensitivity, bias_scores, from_values
from causalsig.estimation.tilting import orthogonal_tilt, tilt
from causalsig.results import Arm, Estimand, Floats, Integers

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a sensitivity analysis works on, rows in the summing order.

    Attributes
    ----------
    fitted, prepared : as every estimator has them
    kinds, nuisance : outcome models
    pairs : positions of arm and reference
    x : (n, P) standard design
    codes, clusters : (n,)
    y, seen : (n, J)
    """

    fitted: Propensity
    prepared: Prepared
    kinds: list[Kind]
    nuisance: Nuisance
    pairs: tuple[Pair, ...]
    x: Floats
    codes: Integers
    clusters: Integers
    y: Floats
    seen: Floats

    def folds(self, split: int) -> Integers:
        """Fold of each row of one split, in the summing order."""
        return np.asarray(self.fitted.folds[split][self.prepared.sample.order])

    def predict(self, x: Floats, split: int) -> Floats:
        """Predict outcomes (J, n, K) out of fold from a design (n, P')."""
        arms, folds = len(self.fitted.arms), self.folds(split)
        if self.nuisance.engine_outcome:
            return predict_out_of_fold(x, self.y, self.seen, self.codes, arms, folds, self.kinds)[0]
        return outcomes_out_of_fold(
            self.nuisance, x, self.y, self.seen, self.codes, arms, self.clusters, folds, self.kinds,
            self.fitted.seed or 0,
        )  # fmt: skip


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


def read_asked(request: Request, contrasts: Sequence[tuple[Arm, Arm]] | None) -> Asked:
    """Check what was asked and bring the rows into the summing order."""
    fitted, prepared = prepare(request)
    if not fitted.cross_fitted:
        raise EstimationError(
            "estimation-folds",
            expected="a cross-fitted propensity",
            found="one that was fitted in-sample",
            mend="Fit it with a number of folds.",
            where="propensity",
        )
    order = prepared.sample.order
    return Asked(
        fitted=fitted,
        prepared=prepared,
        kinds=choose_kinds(request.outcome_model, prepared.outcomes, cross_fitted=True),
        nuisance=outcome_nuisance(request, fitted),
        pairs=_pairs(fitted.arms, contrasts),
        x=fitted.design[order],
        codes=fitted.codes[order],
        clusters=fitted.clusters[order],
        y=prepared.outcomes.values[order],
        seen=prepared.outcomes.observed[order].astype(np.float64),
    )


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
    fitted, estimand = asked.fitted, asked.prepared.estimand
    indicator = indicators(asked.codes, len(fitted.arms))
    h = tilt(p, estimand, fitted.arms)[0]
    g = orthogonal_tilt(p, indicator, estimand, fitted.arms)
    followed = followed_models(x, asked.codes, asked.seen, len(fitted.arms), asked.folds(r))
    values = np.empty((asked.y.shape[1], len(asked.pairs), len(p), 3))
    for j, one in enumerate(followed):
        own = indicator * asked.seen[:, j, None]
        both = p * one.kappa
        w = own * h[:, None] / both
        phi = influence_of(asked.y[:, j, None] - m[j], m[j], w, g, g)
        for c, (a, b) in enumerate(asked.pairs):
            values[j, c, :, 0] = phi[:, a] - phi[:, b]
            scores = bias_scores(asked.y[:, j], m[j], w, both, h, g, own, (a, b))
            values[j, c, :, 1], values[j, c, :, 2] = scores
    return values


def _pairs(arms: tuple[Arm, ...], contrasts: Sequence[tuple[Arm, Arm]] | None) -> tuple[Pair, ...]:
    if contrasts is None:
        return tuple((b, a) for a, b in combinations(range(len(arms)), 2))
    found = []
    for pair in contrasts:
        if len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(arms):
            raise EstimationError(
                "estimation-contrast",
                expected="pairs of two different arms of this analysis",
                found="another pair",
                mend="Name arms of the propensity.",
                where="contrasts",
            )
        found.append((arms.index(pair[0]), arms.index(pair[1])))
    return tuple(found)
