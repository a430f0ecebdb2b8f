"""Intervals of the doubly robust estimator of times cover the truth as often as they say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from evidence.claim import Verdict
from evidence.claims import _survival_cells as cells
from evidence.claims._coverage_rows import biased, coverage_row
from evidence.claims._survival_cells import Cell
from evidence.context import Context

if TYPE_CHECKING:
    from causalsig.results import ArmMeans

CLAIM = """With all models right, 95 % intervals of the doubly robust risk at two horizons and of the mean
time lost cover the truth in 93 to 97 % of 2,000 replications a cell, for two and four arms, 1,000 to 3,000
episodes, households of 1 to 3, competing events and censoring that depends on covariates and arm, ATE and
ATO. With the hazards wrong, or the models of the arm and of being followed, the bias of the ATE vanishes
with n and coverage stays at 92 % or more; with both wrong, the same rule finds the bias. 500 episodes are
only tabulated. One call gives risks at every horizon, and their sum is the time lost that a call of its own
gives."""
ISSUE = 6
COVERS = (
    "causalsig/estimation/*.py",
    "causalsig/results.py",
    "evidence/claims/_survival_cells.py",
    "evidence/claims/_coverage_rows.py",
)

# At 2,000 an estimator that covers 90.6 % is found out nine times in ten, at 1,000 one that covers 89.5 %.
# The bias of the control is several standard errors: 200 see it.
REPLICATIONS = {"right": 2000, "one wrong": 2000, "tabulated": 1000, "control": 200}
BATCH = 20  # replications in a line of the log: few to lose at a kill, many beside the cost of a line
ASKED = 5  # in the first sample of every fifth batch time lost is asked for by itself
BANDS = {"right": (0.93, 0.97), "one wrong": (0.92, 1.0), "tabulated": (0.0, 1.0), "control": (0.0, 1.0)}
MEASURES = (*(f"risk at {h}" for h in cells.HORIZONS), f"time lost at {cells.LAST}")
ROUNDING = 1e-9  # of a standard error: the same influence, summed in another order


def run(context: Context) -> Verdict:
    """Replicate every cell and judge every contrast in it."""
    rows: list[dict[str, Any]] = []
    gaps: list[float] = []
    for cell in cells.CELLS:
        seeds = range(REPLICATIONS[cell.kind] // BATCH)
        batches = context.replicate(partial(replicate, cell.name), seeds, part=cell.name.replace(" ", "-"))
        rows += _judge(cell, np.array([row for batch in batches for row in batch["intervals"]]))
        gaps += [batch["gap"] for batch in batches[::ASKED]]
    full = {cell.name for cell in cells.CELLS if cell.kind in ("right", "one wrong")}
    return {
        "passed": all(row["passed"] for row in rows) and max(gaps) <= ROUNDING,
        "figures": {
            "cells": rows,
            "intervals judged": sum(row["judged"] for row in rows),
            "largest gap of time lost to a call of its own, in standard errors": max(gaps),
            "samples with a call of its own": len(gaps),
        },
        "seed": cells.SEED,
        "replications": min(row["replications"] for row in rows if row["cell"] in full),
    }


def replicate(name: str, batch: int) -> dict[str, Any]:
    """Estimate a batch of samples.

    Returns
    -------
    dict
        ``intervals`` (BATCH, M, 4): estimate, standard error, low and high of every estimand, measure and
        contrast. ``gap``: of the time lost in the first sample to that of a call that asks for it, 0 where
        none did.
    """
    from threadpoolctl import threadpool_limits

    cell = next(cell for cell in cells.CELLS if cell.name == name)
    with threadpool_limits(limits=1):
        found = [_once(cell, batch * BATCH + i, asked=i == 0 == batch % ASKED) for i in range(BATCH)]
    return {"intervals": [intervals for intervals, _ in found], "gap": max(gap for _, gap in found)}


def _once(cell: Cell, seed: int, asked: bool) -> tuple[list[list[float]], float]:
    from causalsig.estimation import doubly_robust, fit_propensity

    data = cells.draw(cell, seed)
    fitted = fit_propensity(data.covariates, data.arms, households=data.households, seed=seed)
    found, gap = [], 0.0
    for estimand in cell.estimands:
        ask = partial(
            doubly_robust,
            data.covariates,
            data.arms,
            data.periods,
            event=data.event,
            estimand=estimand,
            propensity=fitted,
        )
        # Hazards cost nearly all of it: they are fitted once, for every horizon.
        risks = ask(horizons=list(range(1, cells.LAST + 1)))
        lost = _time_lost(risks)
        for means in (*(risks.outcome(h - 1) for h in cells.HORIZONS), lost):
            found += [_interval(means, contrast) for contrast in cell.contrasts]
        if asked:
            own = ask(horizons=cells.LAST, measure="time_lost")
            both = np.array([[_interval(means, c) for c in cell.contrasts] for means in (lost, own)])
            gap = max(gap, float(np.max(np.abs(both[0] - both[1]) / both[1, :, 1:2])))
    return found, gap


def _time_lost(risks: ArmMeans) -> ArmMeans:
    """Mean time lost at the last horizon, ``Σ_{t<LAST} F(t)``, from risks at 1, 2, ... LAST."""
    from causalsig.estimation.inference import cluster_covariance

    influence = risks.influence[: cells.LAST - 1].sum(axis=0)
    return replace(
        risks.outcome(0),
        means=influence.mean(axis=0),
        influence=influence,
        covariance=cluster_covariance(influence, risks.clusters, risks.households_total),
    )


def _interval(means: ArmMeans, contrast: tuple[int, int]) -> list[float]:
    one = means.contrast(*contrast)
    return [one.estimate, one.std_error, one.conf_low, one.conf_high]


def _judge(cell: Cell, values: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """One row an estimand, measure and contrast; values (R, M, 4)."""
    places = [(e, m, c) for e in cell.estimands for m in range(len(MEASURES)) for c in cell.contrasts]
    rows = []
    for place, (estimand, measure, (arm, reference)) in enumerate(places):
        means = cells.truth(cell, estimand)[measure]
        names = {
            "cell": cell.name,
            "estimand": estimand,
            "measure": MEASURES[measure],
            "contrast": f"{arm} against {reference}",
        }
        largest = cell.kind == "right" or cell.episodes >= cells.LARGEST
        row = coverage_row(
            names,
            values[:, place],
            float(means[arm] - means[reference]),
            BANDS[cell.kind],
            judged=cell.kind in ("right", "one wrong"),
            bias_judged=largest,
        )
        if cell.kind == "control":
            seen = biased(row["bias"], row["empirical_sd"], row["replications"])
            row |= {"judged": True, "passed": seen}
        rows.append(row)
    return rows
