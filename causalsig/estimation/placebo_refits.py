"""Refits that should change little: a column of noise among the covariates, and part of the households."""

from __future__ import annotations

from typing import Any

import numpy as np

from causalsig.estimation.augmented import doubly_robust
from causalsig.estimation.inputs import code_households, read_outcomes
from causalsig.estimation.ordering import by_content, settled
from causalsig.estimation.propensity import Propensity
from causalsig.results import Arm, Contrast, Estimand, Floats

PART = 0.8
"""Share of the households that a subset keeps."""


def random_cause_shifts(
    propensity: Propensity,
    outcome: Any,
    arm: Arm,
    reference: Arm,
    *,
    estimand: Estimand = "ATO",
    draws: int = 3,
    seed: int = 0,
) -> Floats:
    """Refit with a column of standard normal noise among the covariates: shifts in standard errors, (draws,).

    The folds stay, so that only the column can move anything. A column that says nothing moves a contrast by
    about ``√(1/n_a + 1/n_b)`` of its error; more says that the arms are small for so many columns.

    Raises
    ------
    EstimationError
    """
    sample = settled(propensity.sample, by_content(read_outcomes(outcome, None, len(propensity.codes))))
    labels = np.array(propensity.arms, dtype=object)[sample.codes]

    def contrast(covariates: Floats) -> Contrast:
        found = doubly_robust(
            covariates,
            labels,
            outcome,
            arms=propensity.arms,
            households=sample.clusters,
            estimand=estimand,
            folds=propensity.folds[0],
        )
        return found.contrast(arm, reference)

    before = contrast(sample.covariates)
    rng = np.random.default_rng(seed)
    shifts = []
    for _ in range(draws):
        noise = np.empty(len(labels))
        noise[sample.order] = rng.normal(size=len(labels))
        after = contrast(np.column_stack([sample.covariates, noise]))
        shifts.append((after.estimate - before.estimate) / before.std_error)
    return np.array(shifts, dtype=np.float64)


def subset_shifts(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    households: Any,
    whole: Contrast,
    *,
    arms: tuple[Arm, ...],
    estimand: Estimand = "ATO",
    folds: int = 5,
    refits: int = 10,
    seed: int = 0,
) -> Floats:
    """Refit on 80 % of the households, drawn by lot: shifts in the noise that lots give, (refits,).

    With share s kept the difference from the whole has standard error ``SE √(1/s - 1)``: about 95 % lie
    within 1.96 of it.

    Parameters
    ----------
    whole : Contrast
        Of all households.

    Raises
    ------
    EstimationError
    """
    x, labels, y = np.asarray(covariates), np.asarray(treatment), np.asarray(outcome)
    clusters, names = code_households(households, len(labels))
    kept = round(PART * len(names))
    noise = float(whole.std_error) * np.sqrt(len(names) / kept - 1.0)
    rng = np.random.default_rng(seed)
    shifts = []
    for place in range(refits):
        inside = np.zeros(len(names), dtype=bool)
        inside[rng.permutation(len(names))[:kept]] = True
        rows = inside[clusters]
        found = doubly_robust(
            x[rows],
            labels[rows],
            y[rows],
            arms=arms,
            households=clusters[rows],
            estimand=estimand,
            folds=folds,
            seed=seed + place,
        ).contrast(whole.arm, whole.reference)
        shifts.append((found.estimate - whole.estimate) / noise)
    return np.array(shifts, dtype=np.float64)
