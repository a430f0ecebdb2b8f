"""What the end-to-end claims share: one replication is twelve municipalities through the whole chain."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal

import numpy as np

from causalsig.cohort import CohortPlan, plan_cohorts
from causalsig.execution.truth import replicate_contrast
from causalsig.simulation import draw_sites, load_scenario
from causalsig.study.models import Study
from causalsig.study.read import read_study

_ROOMS = {
    "cohort": "arms build content covariates eligibility events facts history outcomes person_periods"
    " plan window",
    "diagnostics": "balance clone_gate gates overlap",
    "estimation": "augmented clone_censoring clone_checks clone_strategies clone_target clone_weights design"
    " folds inference inputs multinomial nuisances ordering outcome_models person_periods prepare propensity"
    " regressions request reuse stacked tilting weighted_clones weighting",
    "execution": "analyse comparison routes truth",
    "meta": "fits gls heterogeneity inputs intervals maximum mixture only_maximum options prediction results"
    " roots scan sums tau2_intervals univariate weights",
    "pooling": "lineup pool",
    "release": "build documents grid rules vocabulary",
    "simulation": "acceptance accepted arrears attempts calendar choice clones draws episode_facts ledger"
    " months policies population rules scenario scenario_files seasons second_signals site sites switches"
    " tables threshold truth",
    "sources": "arrears checks_view episodes rows schema",
    "study": "models questions",
}
COVERS = (
    "causalsig/records.py",
    "causalsig/results.py",
    *(f"causalsig/{room}/{name}.py" for room, names in _ROOMS.items() for name in names.split()),
    "causalsig/simulation/scenarios/ignorable.toml",
    "causalsig/study/studies/vroegsignalering.toml",
    "evidence/claims/_end_to_end.py",
)
"""What a replication runs; a test looks whether anything else is called."""
SITES = 12
MONTHS = 30
MIN_INHABITANTS = 60_000
BAND = (0.91, 0.99)


@cache
def _study() -> tuple[Study, CohortPlan]:
    study = read_study("vroegsignalering")
    plan = next(p for p in plan_cohorts(study) if p.question == "contact_method")
    return study, plan


def replicate(effect: Literal["null", "modest"], seed: int) -> dict[str, Any]:
    """Draw twelve municipalities with full retention, run the default study's Q2 at each, release and pool.

    The municipalities and everybody's lives are drawn anew for every seed.
    """
    from threadpoolctl import threadpool_limits

    study, plan = _study()
    scenario = load_scenario("ignorable", effect)
    specs = draw_sites(scenario, SITES, seed, minimum_inhabitants=MIN_INHABITANTS, retention="full")
    with threadpool_limits(limits=1):
        found = replicate_contrast(scenario, specs, seed, study, plan, months=MONTHS)
    return {
        "truth": found.truth,
        "sites": found.pooled.sites,
        "pooled": _row(found.pooled),
        "naive": _row(found.naive),
        "tau2": found.pooled.tau2,
    }


def _row(contrast: Any) -> list[float]:
    return [contrast.estimate, contrast.std_error, contrast.conf_low, contrast.conf_high]


def columns(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Estimate, standard error and interval of every replication as arrays, with their averages."""
    estimate, std_error, low, high = np.array([row[name] for row in rows]).T
    return {
        "estimates": estimate,
        "low": low,
        "high": high,
        "mean_estimate": float(estimate.mean()),
        "empirical_sd": float(estimate.std(ddof=1)),
        "mean_std_error": float(std_error.mean()),
        "mean_width": float((high - low).mean()),
        "monte_carlo_error": float(estimate.std(ddof=1) / math.sqrt(len(rows))),
    }


def covered(table: dict[str, Any], truth: float) -> int:
    """Replications whose interval holds the truth."""
    return int(np.sum((table["low"] <= truth) & (truth <= table["high"])))


def averages(table: dict[str, Any]) -> dict[str, float]:
    """Give the averages of `columns`, for the result file."""
    return {name: value for name, value in table.items() if isinstance(value, float)}
