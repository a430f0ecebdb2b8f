"""Without any effect the whole chain says so, although visits look harmful at first sight."""

from __future__ import annotations

from typing import Any

import numpy as np

from evidence.claim import Verdict
from evidence.claims import _end_to_end
from evidence.context import Context
from evidence.montecarlo import rate_figures

CLAIM = """With no effect of anything, the pooled contrast of home visit against letter covers zero at 91 to
99 %, although the naive contrast makes visits look harmful: heavier cases are visited."""
ISSUE = 2
COVERS = _end_to_end.COVERS
SEEDS = range(20_000, 20_200)
HARMFUL_MONTE_CARLO_ERRORS = 3.0


def one(seed: int) -> dict[str, Any]:
    """One replication without effect."""
    return _end_to_end.replicate("null", seed)


def run(context: Context) -> Verdict:
    """How often zero is covered, and what the naive contrast says instead."""
    rows = context.replicate(one, SEEDS)
    pooled, naive = _end_to_end.columns(rows, "pooled"), _end_to_end.columns(rows, "naive")
    coverage = rate_figures(_end_to_end.covered(pooled, 0.0), len(rows), _end_to_end.BAND)
    harmful = naive["mean_estimate"] > HARMFUL_MONTE_CARLO_ERRORS * naive["monte_carlo_error"]
    return {
        "passed": bool(coverage["passed"] and harmful),
        "replications": len(rows),
        "seed": SEEDS.start,
        "figures": {
            "coverage_of_zero": coverage,
            "largest_true_contrast": float(np.max(np.abs([row["truth"] for row in rows]))),
            "pooled": _end_to_end.averages(pooled),
            "naive_looks_harmful": bool(harmful),
            "naive": _end_to_end.averages(naive),
            "share_naive_interval_above_zero": float(np.mean(naive["low"] > 0)),
            "share_pooled_interval_above_zero": float(np.mean(pooled["low"] > 0)),
            "mean_sites_pooled": float(np.mean([row["sites"] for row in rows])),
        },
    }
