"""Signals before time zero as a placebo outcome: false alarms where nothing is hidden, and what it sees."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from evidence.claim import Verdict
from evidence.claims import _chain
from evidence.context import Context
from evidence.montecarlo import rate_figures

CLAIM = """The default study's placebo outcome (any signal in months 4 to 6 before time zero, adjusted as
the answer is, judged among 200 placebos) warns at most at 2 % of invented municipalities of 100,000 in
which recorded facts alone decide who is visited first, its level being 1 %. Where stress that nobody
records decides as well, the share that warns is tabulated by its strength and by size. Twice the packaged
stress moves the placebo outcome of municipalities of 400,000 away from zero on average, by more than half
of its standard error; alone few of them see it. The check can find a hidden cause and rules none out."""
ISSUE = 7
COVERS = (
    *_chain.SITE,
    "causalsig/cohort/earlier.py",
    "causalsig/diagnostics/falsification.py",
    "causalsig/estimation/placebo*.py",
    "causalsig/execution/falsify.py",
    "causalsig/simulation/scenarios/hidden_stress.toml",
    "causalsig/simulation/scenarios/ignorable.toml",
    "causalsig/simulation/scenarios/base.toml",
    "causalsig/study/falsification.py",
    "evidence/claims/_stress_sites.py",
)

SITES = 200
FEW = 60
FEWER = 40
WARNS = (0.0, 0.02)
MOVED = 0.5
"""Standard errors that the mean shift exceeds, where a strong hidden cause meets a large municipality."""
NORMAL_99 = 2.576
TYPICAL, LARGE = 100_000, 400_000
CELLS: dict[str, tuple[float, int, int]] = {
    "nothing hidden": (0.0, TYPICAL, SITES),
    "packaged stress": (1.0, TYPICAL, FEW),
    "twice the packaged stress": (2.0, TYPICAL, FEW),
    "twice the packaged stress, large": (2.0, LARGE, FEWER),
}
MONTHS = 42


def run(context: Context) -> Verdict:
    """Replicate every strength and size."""
    rows = []
    for name, (_, _, count) in CELLS.items():
        part = name.replace(",", "").replace(" ", "-")
        found = context.replicate(partial(replicate, name), range(count), part=part)
        rows.append(_judged(name, found))
    return {
        "passed": all(row["passed"] for row in rows),
        "figures": {"cells": rows},
        "replications": min(row["replications"] for row in rows),
    }


def _judged(name: str, found: list[dict[str, float | None]]) -> dict[str, Any]:
    """Rate of warnings where the placebo outcome could be judged; the shift in standard errors beside it."""
    strength, inhabitants, _ = CELLS[name]
    judged = [one for one in found if one["p"] is not None]
    warned = sum(one["passed"] == 0.0 for one in judged)
    shifts = np.array([one["in errors"] for one in judged], dtype=np.float64)
    mean, error = float(shifts.mean()), float(shifts.std(ddof=1) / np.sqrt(len(shifts)))
    rates = rate_figures(warned, len(judged), WARNS if strength == 0.0 else (0.0, 1.0))
    moved = inhabitants < LARGE or abs(mean) - NORMAL_99 * error > MOVED
    return {
        "cell": name,
        "strength": strength,
        "inhabitants": inhabitants,
        "municipalities": len(found),
        "mean shift in standard errors": round(mean, 3),
        "error of that mean": round(error, 3),
        **rates,
        "passed": bool(rates["passed"] and moved),
    }


def replicate(name: str, seed: int) -> dict[str, float | None]:
    """Try to falsify the contact question at one municipality; None where its gate closed."""
    from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
    from causalsig.execution.analyse import answer
    from causalsig.execution.falsify import PLACEBO, falsification
    from causalsig.execution.truth import inventory_site
    from causalsig.simulation import draw_sites, simulate_site
    from causalsig.study.falsification import Falsification
    from causalsig.study.read import read_study
    from causalsig.threads import one_thread
    from evidence.claims._stress_sites import Design, law_of

    strength, inhabitants, _ = CELLS[name]
    law = law_of(Design(strength=strength, inhabitants=inhabitants, months=MONTHS, shock=0.2))
    [spec] = draw_sites(law, 1, seed, inhabitants=inhabitants, retention="full")
    made = simulate_site(spec, law, seed, months=MONTHS, six_months=False)
    default = read_study("vroegsignalering")
    study = default.model_copy(update={"falsification": Falsification(random_causes=0, subsets=0)})
    plan = next(p for p in plan_cohorts(study) if p.question == "contact_method")
    site = inventory_site(spec, months=MONTHS)
    with one_thread():
        facts = site_facts(made.tables)
        cohort = build_cohort(made.tables, plan, study, site, spec.matching, facts=facts)
        tried = falsification(answer(cohort, study), cohort, facts, study, seed, 0)
    row = None if tried is None else next((one for one in tried.rows if one.outcome == PLACEBO), None)
    if row is None or row.estimate is None or row.conf_high is None or row.conf_low is None:
        return {"p": None}
    error = (row.conf_high - row.conf_low) / (2.0 * 1.96)
    return {"p": row.p_value, "passed": float(row.passed), "in errors": row.estimate / error}
