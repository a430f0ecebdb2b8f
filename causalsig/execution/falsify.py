"""Beside a question's answer: attempts to show that its analysis is wrong. They advise, and close nothing.

Everything here is of the primary outcome's cohort and of the doubly robust route, through its own design gate
first: placebo outcome and all. For accepted help, answered with clones, that is the landmark analysis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.earlier import earlier_signals
from causalsig.diagnosed import Falsification, FalsificationRow
from causalsig.diagnostics.falsification import (
    SPREAD,
    judge_adjustment,
    judge_negative_controls,
    judge_permutation,
    judge_placebo_outcome,
    judge_random_causes,
    judge_subsets,
)
from causalsig.diagnostics.gates import design_gate
from causalsig.errors import EstimationError
from causalsig.estimation import difference_in_means, doubly_robust, fit_propensity, permutation_placebo
from causalsig.estimation.placebo_refits import random_cause_shifts, subset_shifts
from causalsig.records import Refusal

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort
    from causalsig.cohort.facts import SiteFacts
    from causalsig.estimation import PermutationPlacebo, Propensity
    from causalsig.records import QuestionResult
    from causalsig.results import ArmMeans
    from causalsig.study.models import Study

Floats = NDArray[np.float64]
PLACEBO = "signals_m4_m6"
"""Name of the placebo outcome: any signal in months 4 to 6 before time zero."""
NO_HISTORY = "cohort-placebo-history"
NOT_TRIED = "estimation-no-falsification"


@dataclass(frozen=True, slots=True)
class _Fitted:
    """One cohort, its treatment model of one split, and what is asked of it."""

    cohort: Cohort
    study: Study
    rows: NDArray[np.bool_]
    propensity: Propensity
    estimand: str
    seed: int

    @property
    def about(self) -> dict[str, str]:
        """Contrast and estimand that every attempt is about."""
        arm, reference = self.cohort.plan.primary_contrast
        return {"estimand": self.estimand, "arm": arm, "reference": reference}

    def outcome(self, name: str) -> Floats:
        """Take one outcome of the episodes that are analysed."""
        return self.cohort.outcomes[name][self.rows]

    def estimate(self, outcome: Floats) -> ArmMeans:
        """Estimate arm means; nan is not observed."""
        seen = ~np.isnan(outcome)
        found: ArmMeans = doubly_robust(
            self.cohort.covariates[self.rows],
            self.cohort.treatment[self.rows].astype(str),
            outcome,
            observed=None if seen.all() else seen,
            estimand=self.estimand,
            propensity=self.propensity,
        )
        return found

    def placebo(self, outcome: Floats) -> PermutationPlacebo | None:
        """Deal the arms by lot; None where the study asks for none or somebody's outcome is not known."""
        count = self.study.falsification.placebos
        if not count or np.isnan(outcome).any():
            return None
        return permutation_placebo(self.propensity, outcome, replications=count, seed=self.seed, **self.about)


def falsification(
    found: QuestionResult, cohort: Cohort, known: SiteFacts, study: Study, seed: int, retained_days: int
) -> Falsification | None:
    """Try to show that a question's analysis is wrong, in the ways its study declares.

    Parameters
    ----------
    found : QuestionResult
        With its primary analysis: where the design gate withheld it, nothing is tried.
    cohort : Cohort
        The same question's, of its primary outcome.
    known : SiteFacts
        Of the same tables, for signals before time zero.
    study : Study
    seed : int
    retained_days : int
        Days before every time zero that retention has left.

    Returns
    -------
    Falsification or None
        None without a primary analysis.
    """
    primary = next((analysis for analysis in found.analyses if analysis.primary), None)
    if primary is None or cohort.plan.exposure != "question":
        return None
    nothing = Falsification((), (Refusal(NOT_TRIED, found.question, primary.outcome),), 0)
    try:
        fitted = _fit(cohort, primary.result.arms, study, seed)
    except EstimationError:
        return nothing
    if fitted is None:
        return nothing
    rows: list[FalsificationRow] = []
    refusals: list[Refusal] = []
    earlier = earlier_signals(cohort, known, retained_days)
    if earlier is None:
        refusals.append(Refusal(NO_HISTORY, found.question, primary.outcome))
    absent = [name for name in study.falsification.negative_controls if name not in cohort.outcomes]
    refusals += [Refusal(NOT_TRIED, found.question, name) for name in absent]
    attempts: list[Callable[[], tuple[FalsificationRow, ...]]] = [
        lambda: () if earlier is None else _placebo_outcome(fitted, earlier),
        lambda: _permutation(fitted, primary.outcome),
        lambda: _controls(fitted),
        lambda: _adjustment(fitted, primary.outcome),
        lambda: _refits(fitted, primary.outcome),
    ]
    for attempt in attempts:
        try:
            rows += attempt()
        except EstimationError as error:
            refusals.append(Refusal(error.code, found.question, primary.outcome))
    dealt = study.falsification.placebos if any(row.code == SPREAD for row in rows) else 0
    return Falsification(tuple(rows), tuple(dict.fromkeys(refusals)), dealt)


def _fit(cohort: Cohort, arms: tuple[str, ...], study: Study, seed: int) -> _Fitted | None:
    """Fit one split, and ask the design gate; None where it admits no estimand or an arm is missing."""
    contrast = cohort.plan.primary_contrast
    if not set(contrast) <= set(arms):
        return None
    rows = np.isin(cohort.treatment.astype(str), arms)
    covariates = cohort.covariates[rows]
    propensity = fit_propensity(
        covariates,
        cohort.treatment[rows].astype(str),
        arms=arms,
        households=cohort.households[rows],
        folds=study.nuisance.folds,
        seed=seed,
        nuisance=study.nuisance.learner,
    )
    estimands = tuple(e for e in study.estimands.all if e != "ATO" or len(arms) == len(cohort.plan.arms))
    if not estimands:
        return None
    gate = design_gate(propensity, covariates, cohort.covariate_names, contrast, estimands, study.diagnostics)
    if not gate.admitted:
        return None
    return _Fitted(cohort, study, rows, propensity, gate.admitted[0], seed)


def _placebo_outcome(fitted: _Fitted, earlier: Floats) -> tuple[FalsificationRow, ...]:
    """Compare the arms on what came before them; nothing to compare where it never or always came."""
    outcome = earlier[fitted.rows]
    if np.nanmin(outcome) == np.nanmax(outcome):
        return ()
    arm, reference = fitted.cohort.plan.primary_contrast
    contrast = fitted.estimate(outcome).contrast(arm, reference)
    row = judge_placebo_outcome(
        contrast,
        fitted.placebo(outcome),
        fitted.study.falsification,
        outcome=PLACEBO,
        estimand=fitted.estimand,
    )
    return (row,)


def _permutation(fitted: _Fitted, outcome: str) -> tuple[FalsificationRow, ...]:
    placebo = fitted.placebo(fitted.outcome(outcome))
    return () if placebo is None else judge_permutation(placebo, fitted.study.falsification, outcome=outcome)


def _controls(fitted: _Fitted) -> tuple[FalsificationRow, ...]:
    """Estimate the negative controls that this cohort has."""
    settings, arms = fitted.study.falsification, fitted.cohort.plan.primary_contrast
    named = [name for name in settings.negative_controls if name in fitted.cohort.outcomes]
    if not named:
        return ()
    contrasts = {name: fitted.estimate(fitted.outcome(name)).contrast(*arms) for name in named}
    return judge_negative_controls(contrasts, settings, estimand=fitted.estimand)


def _adjustment(fitted: _Fitted, outcome: str) -> tuple[FalsificationRow, ...]:
    values, arms = fitted.outcome(outcome), fitted.cohort.plan.primary_contrast
    covariates = fitted.cohort.covariates[fitted.rows]
    labels = fitted.cohort.treatment[fitted.rows].astype(str)
    plain = difference_in_means(covariates, labels, values, propensity=fitted.propensity)
    row = judge_adjustment(
        fitted.estimate(values),
        plain,
        float(values.std()),
        fitted.study.falsification,
        outcome=outcome,
        arm=arms[0],
        reference=arms[1],
    )
    return (row,)


def _refits(fitted: _Fitted, outcome: str) -> tuple[FalsificationRow, ...]:
    """Refit with noise among the covariates, and on part of the households."""
    settings, values, rows = fitted.study.falsification, fitted.outcome(outcome), []
    if settings.random_causes:
        shifts = random_cause_shifts(
            fitted.propensity, values, draws=settings.random_causes, seed=fitted.seed, **fitted.about
        )
        rows.append(judge_random_causes(shifts, settings, outcome=outcome, **fitted.about))
    if settings.subsets:
        shifts = subset_shifts(
            fitted.cohort.covariates[fitted.rows],
            fitted.cohort.treatment[fitted.rows].astype(str),
            values,
            fitted.cohort.households[fitted.rows],
            fitted.estimate(values).contrast(*fitted.cohort.plan.primary_contrast),
            arms=fitted.propensity.arms,
            estimand=fitted.estimand,
            folds=fitted.study.nuisance.folds,
            refits=settings.subsets,
            seed=fitted.seed,
        )
        rows.append(judge_subsets(shifts, outcome=outcome, **fitted.about))
    return tuple(rows)
