"""What the end-to-end claims share: one replication is twelve municipalities through the whole chain."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import numpy as np

from causalsig.cohort import CohortPlan, plan_cohorts
from causalsig.execution.truth import replicate_contrast
from causalsig.simulation import draw_sites, load_scenario
from causalsig.study.models import Study
from causalsig.study.read import read_study
from causalsig.threads import one_thread
from evidence.claims import _chain

COVERS = (
    *_chain.SITE,
    *_chain.POOL,
    "causalsig/simulation/scenarios/ignorable.toml",
    "evidence/claims/_end_to_end.py",
)
SITES = 12
MONTHS = 30
MIN_INHABITANTS = 60_000
BAND = (0.91, 0.99)


@cache
def _study() -> tuple[Study, CohortPlan]:
    study = read_study("vroegsignalering")
    plan = next(p for p in plan_cohorts(study) if p.question == "contact_method")
    # What stands beside the primary analysis takes a third of the time and is not looked at here.
    return study, replace(plan, settings=plan.settings.model_copy(update={"sensitivity": ()}))


def replicate(effect: Literal["null", "modest"], seed: int) -> dict[str, Any]:
    """Draw twelve municipalities with full retention, run the default study's Q2 at each, release and pool.

    The municipalities and everybody's lives are drawn anew for every seed.
    """
    study, plan = _study()
    scenario = load_scenario("ignorable", effect)
    specs = draw_sites(scenario, SITES, seed, minimum_inhabitants=MIN_INHABITANTS, retention="full")
    with one_thread():
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
