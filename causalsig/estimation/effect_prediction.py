"""Predicted effects, to be judged and never used: whether a learned pattern holds where it was not learned.

A model of the effect (econml's `LinearDRLearner` or `CausalForestDML`) is learned on some folds and
predicts the next one, fold after fold, as rules are valued (:mod:`causalsig.estimation.rules`): were each
fold predicted by all others, their luck would make its predictions, and where effects are the same for
everybody errors of the folds would go together. Two things are said of the predictions. The calibration
slope is the best linear projection of the effect on them: 1 when an effect that is predicted a point larger
is a point larger, 0 when nothing of the pattern is real; a slope above 0 says that there is heterogeneity
at all. And effects by groups of predicted effect, smallest to largest. Chernozhukov, Demirer, Duflo and
Fernández-Val (2018), doi:10.3386/w24678; households stay whole in every fold, and the effects are our own
doubly robust ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.heterogeneity import GroupMeans, group_means
from causalsig.estimation.projection import Projection, best_linear_projection
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.rules import valued_parts
from causalsig.results import Arm, Estimand, Floats
from causalsig.threads import one_thread

Learner = Literal["linear", "forest"]
TEACHES_ONLY = -1
TREES = 200
FEWEST_IN_LEAF = 20


@dataclass(frozen=True, slots=True, eq=False)
class PredictedEffects:
    """How predicted effects relate to effects.

    Attributes
    ----------
    predictions : (n,)
        Out of fold, missing in the folds that only teach; one row an episode, never leaves the process.
    slope : Projection
        Of the effect on its prediction: coefficients (mean effect, slope).
    by_quantile : GroupMeans
        Arm means in groups of predicted effect, "1" the smallest.
    predicted : tuple of float
        Mean prediction in each of these groups; the groups are of the episodes that were predicted.
    learner : {"linear", "forest"}
    """

    predictions: Floats = field(repr=False)
    slope: Projection
    by_quantile: GroupMeans
    predicted: tuple[float, ...]
    learner: Learner

    @property
    def p_value(self) -> float:
        """One-sided p-value that effects differ as predicted at all: slope above 0."""
        from scipy.special import stdtr

        joint = self.slope.joint()
        return float(stdtr(joint.df[0], -joint.estimates[0] / joint.std_errors[0]))


def predicted_effects(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    modifiers: Any,
    arm: Arm,
    reference: Arm,
    *,
    propensity: Propensity,
    learner: Learner = "linear",
    quantiles: int = 4,
    estimand: Estimand = "ATO",
    seed: int = 0,
) -> PredictedEffects:
    """Learn how an effect varies, and judge that where it was not learned.

    Parameters
    ----------
    covariates, treatment, outcome : as `doubly_robust`; one outcome, followed in every episode
    modifiers : (n, Q) numbers
        What the effect may vary with.
    arm, reference : labels
    propensity : Propensity
        Cross-fitted; its first split into folds is used, in their order.
    learner : {"linear", "forest"}
    quantiles : int
        Groups of predicted effect.
    estimand : as `doubly_robust`
    seed : int

    Raises
    ------
    EstimationError
        ``estimation-predicted-effects`` for an unknown learner or too few groups, or for predictions that are
        the same for everybody; as `group_means` and `best_linear_projection`.
    """
    if learner not in ("linear", "forest") or quantiles < 2:
        _refuse('learner "linear" or "forest" and two groups or more', "another learner, or fewer groups")
    x, z = np.asarray(covariates, dtype=np.float64), np.asarray(modifiers, dtype=np.float64)
    y, labels = np.asarray(outcome, dtype=np.float64), np.asarray(treatment)
    folds = propensity.folds[0]
    found = np.full(len(y), np.nan)
    compared = np.isin(labels, (arm, reference))
    for f in valued_parts(folds):
        keep, out = compared & (folds < f), folds == f
        model = _model(learner, seed + f)
        with one_thread():
            model.fit(
                y[keep],
                (labels[keep] == arm).astype(int),
                X=z[keep],
                W=x[keep],
                groups=propensity.clusters[keep],
            )
            found[out] = np.asarray(model.effect(z[out])).ravel()
    valued = np.isin(folds, valued_parts(folds))
    if not np.isfinite(found[valued]).all() or found[valued].std() == 0.0:
        _refuse("predictions that differ", "the same for everybody")
    # Models of different folds have different centres, which would pull the slope down.
    middle = found[valued].mean()
    for f in valued_parts(folds):
        found[folds == f] += middle - found[folds == f].mean()
    # Who only taught stands at the centre, and so has no part in the slope.
    slope = best_linear_projection(
        x, labels, y, np.where(valued, found - middle, 0.0), arm, reference,
        propensity=propensity, names=["predicted"], estimand=estimand,
    )  # fmt: skip
    place = _quantiles_in_folds(found, np.where(valued, folds, TEACHES_ONLY), quantiles)
    groups = {str(k + 1): place == k for k in range(quantiles)}
    return PredictedEffects(
        predictions=found,
        slope=slope,
        by_quantile=group_means(x, labels, y, groups, propensity=propensity, estimand=estimand),
        predicted=tuple(float(found[members].mean()) for members in groups.values()),
        learner=learner,
    )


def _quantiles_in_folds(values: Floats, folds: Any, quantiles: int) -> Any:
    """Place of each row among the quantiles of its own fold: models of other folds are not compared."""
    place = np.full(len(values), TEACHES_ONLY)
    for f in np.unique(folds[folds != TEACHES_ONLY]):
        rows = np.flatnonzero(folds == f)
        order = np.argsort(values[rows], kind="stable")
        place[rows[order]] = np.arange(len(rows)) * quantiles // len(rows)
    return place


def _model(learner: Learner, seed: int) -> Any:
    """Build econml's learner with nuisances like ours: logistic for the arm, linear for the outcome."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    arm, outcome = LogisticRegression(max_iter=1000), LinearRegression()
    if learner == "linear":
        from econml.dr import LinearDRLearner

        return LinearDRLearner(
            model_propensity=arm, model_regression=outcome, min_propensity=0.01, random_state=seed
        )
    from econml.dml import CausalForestDML

    return CausalForestDML(
        model_t=arm,
        model_y=outcome,
        discrete_treatment=True,
        n_estimators=TREES,
        min_samples_leaf=FEWEST_IN_LEAF,
        random_state=seed,
        n_jobs=1,
    )


def _refuse(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-predicted-effects",
        expected=expected,
        found=found,
        mend='Use learner="linear" with four groups, and modifiers that vary.',
        where="learner",
    )
