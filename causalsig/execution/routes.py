"""Two routes from a cohort to effects, each with its gate first: treatments, and clones on strategies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.diagnostics.clone_gate import clone_gate
from causalsig.diagnostics.gates import DesignGate, design_gate
from causalsig.estimation import (
    clone_censor_weight,
    clone_design,
    covariate_benchmarks,
    doubly_robust,
    fit_propensity,
    hidden_cause_sensitivity,
)
from causalsig.execution.design_figures import design_figures

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort
    from causalsig.cohort.person_periods import PeriodTable
    from causalsig.diagnosed import DesignFigures
    from causalsig.estimation.sensitivity import Sensitivity
    from causalsig.estimation.sensitivity_benchmark import Benchmark
    from causalsig.records import Estimator
    from causalsig.results import ArmMeans
    from causalsig.study.models import Study

Pairs = Sequence[tuple[str, str]]
Groups = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Route:
    """A gate that has been asked, and the effects it may let through.

    Attributes
    ----------
    estimator : {"doubly_robust", "clone_censor_weight"}
    gate : DesignGate
    rows : (n,) bool
        Episodes of the cohort that are analysed. Clones: all, since whoever is on no strategy in the end was
        on all of them until then.
    codes : (rows.sum(),) int
        Place of each episode's arm; the number of arms where it is on none.
    estimate : callable
        Estimand and outcomes (rows.sum(), J) in, arm means out; raises EstimationError.
    sensitivity : callable, optional
        Estimand, outcomes and pairs (arm, reference) in, what a hidden cause can do to each contrast out.
        None where no bound is known.
    benchmarks : callable, optional
        Estimand, one outcome, columns by covariate and one pair in, what each recorded covariate would do.
    figures : callable, optional
        Gives what the treatment model says of overlap; None for clones, whose arms are no treatment.
    """

    estimator: Estimator
    gate: DesignGate
    rows: NDArray[np.bool_]
    codes: NDArray[np.int64]
    estimate: Callable[[str, NDArray[np.float64]], ArmMeans]
    sensitivity: Callable[[str, NDArray[np.float64], Pairs], tuple[Sensitivity, ...]] | None = None
    benchmarks: (
        Callable[[str, NDArray[np.float64], Groups, tuple[str, str]], tuple[Benchmark, ...]] | None
    ) = None
    figures: Callable[[], DesignFigures] | None = None


def treatment_route(
    cohort: Cohort, arms: tuple[str, ...], estimands: tuple[str, ...], study: Study, seed: int
) -> Route:
    """Cross-fitted propensity of the arms given what was known at time zero, then doubly robust means.

    Raises
    ------
    EstimationError
    """
    rows = np.isin(cohort.treatment.astype(str), arms)
    covariates, treatment = cohort.covariates[rows], cohort.treatment[rows].astype(str)
    households = cohort.households[rows]
    propensity = fit_propensity(
        covariates,
        treatment,
        arms=arms,
        households=households,
        folds=study.nuisance.folds,
        repeats=study.nuisance.repeats,
        seed=seed,
        nuisance=study.nuisance.learner,
    )
    gate = design_gate(
        propensity,
        covariates,
        cohort.covariate_names,
        cohort.plan.primary_contrast,
        estimands,
        study.diagnostics,
    )

    def estimate(estimand: str, outcomes: NDArray[np.float64]) -> ArmMeans:
        found: ArmMeans = doubly_robust(
            covariates,
            treatment,
            outcomes,
            arms=arms,
            households=households,
            estimand=estimand,
            propensity=propensity,
        )
        return found

    def sensitivity(estimand: str, outcomes: NDArray[np.float64], pairs: Pairs) -> tuple[Sensitivity, ...]:
        found: tuple[Sensitivity, ...] = hidden_cause_sensitivity(
            covariates, treatment, outcomes, propensity=propensity, contrasts=pairs, estimand=estimand
        )
        return found

    def benchmarks(
        estimand: str, outcome: NDArray[np.float64], groups: Groups, pair: tuple[str, str]
    ) -> tuple[Benchmark, ...]:
        found: tuple[Benchmark, ...] = covariate_benchmarks(
            covariates,
            treatment,
            outcome,
            groups=groups,
            propensity=propensity,
            contrasts=[pair],
            estimand=estimand,
        )
        return found

    def figures() -> DesignFigures:
        return design_figures(propensity, covariates, cohort.covariate_names, estimands, study.diagnostics)

    return Route("doubly_robust", gate, rows, propensity.codes, estimate, sensitivity, benchmarks, figures)


def clone_route(
    cohort: Cohort,
    arms: tuple[str, ...],
    estimands: tuple[str, ...],
    study: Study,
    table: PeriodTable,
) -> Route:
    """Clones weighted by what the episodes did period by period, then their weighted means.

    Raises
    ------
    EstimationError
    """
    strategies = {arm: table.strategies[arm] for arm in arms}
    design = clone_design(table, strategies=strategies, households=cohort.households, estimands=estimands)
    gate = clone_gate(
        design,
        cohort.covariates,
        cohort.covariate_names,
        cohort.plan.primary_contrast,
        estimands,
        study.diagnostics,
    )

    def estimate(estimand: str, outcomes: NDArray[np.float64]) -> ArmMeans:
        found: ArmMeans = clone_censor_weight(
            table,
            outcomes,
            strategies=strategies,
            households=cohort.households,
            estimand=estimand,
            design=design,
        )
        return found

    rows = np.ones(cohort.size, dtype=bool)
    return Route("clone_censor_weight", gate, rows, design.follows, estimate)
