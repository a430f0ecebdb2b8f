"""How often the intervals of a random-effects pool hold the truth, and how wide they are."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.options import IntervalMethod
from evidence.claim import Verdict
from evidence.context import Context
from evidence.montecarlo import rate_figures

CLAIM = """With 3 to 50 sites of equal, lognormal or one-giant sizes, heterogeneity of 0 to 3 times the median
sampling variance, and normal or binary outcomes, the mixture interval of the mean covers at 93 % or more in
every cell, and the mixture prediction interval at 92 to 97 % from 5 sites and a third of the median variance,
at 92 % or more elsewhere. Wald and Knapp-Hartung are shown beside it, coverage and width."""
ISSUE = 10
COVERS = ("causalsig/meta/*.py",)

SITES = (3, 5, 8, 13, 20, 50)
SIZES = ("equal", "lognormal", "one giant")
RATIOS = (0.0, 1 / 3, 1.0, 3.0)  # tau² over the median sampling variance
OUTCOMES = ("normal", "binary")
CELLS = tuple(product(SITES, SIZES, RATIOS, OUTCOMES))
BLOCK = 500  # replications fitted at once
BLOCKS = 8  # of each cell: 4,000 replications
METHODS: tuple[IntervalMethod, ...] = ("mixture", "knapp-hartung-floored", "knapp-hartung", "wald")
MEAN, MEAN_BAND = -0.016, (0.93, 1.0)
PREDICTION_BAND, PREDICTION_BAND_ELSEWHERE = (0.92, 0.97), (0.92, 1.0)
HOUSEHOLDS, RISK = 400, 0.21  # an arm of the median site; the control arm's risk
VARIANCE = (RISK * (1 - RISK) + (RISK + MEAN) * (1 - RISK - MEAN)) / HOUSEHOLDS

Floats = NDArray[np.float64]


def draw(cell: int, generator: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Estimates and variances (BLOCK, k) of one cell, and the true effect of a new site in each (BLOCK,)."""
    k, sizes, ratio, outcome = CELLS[cell]
    size = np.ones((BLOCK, k))
    if sizes == "lognormal":
        size = np.exp(generator.normal(size=(BLOCK, k)))
    if sizes == "one giant":
        # Two thirds of all households.
        size[:, 0] = 2.0 * (k - 1)
    tau = np.sqrt(ratio * VARIANCE)
    effects = MEAN + tau * generator.normal(size=(BLOCK, k))
    new = MEAN + tau * generator.normal(size=BLOCK)
    if outcome == "normal":
        variances = VARIANCE / size
        return effects + np.sqrt(variances) * generator.normal(size=(BLOCK, k)), variances, new
    n = np.maximum(np.rint(HOUSEHOLDS * size), 20.0).astype(np.int64)
    control = generator.binomial(n, RISK)
    treated = generator.binomial(n, np.clip(RISK + effects, 0.001, 0.999))
    # Half an event and half a non-event more, in the variances only, so that none is zero.
    risks = [(count + 0.5) / (n + 1.0) for count in (control, treated)]
    first, second = (p * (1.0 - p) / n for p in risks)
    return (treated - control) / n, first + second, new


def one(seed: int) -> dict[str, Any]:
    """One block of one cell: hits and summed widths of every interval."""
    from threadpoolctl import threadpool_limits

    from causalsig.meta import random_effects_batch

    cell, block = divmod(seed, BLOCKS)
    y, v, new = draw(cell, np.random.default_rng([10, cell, block]))
    found: dict[str, Any] = {}
    with threadpool_limits(limits=1):
        for method in METHODS:
            fits = random_effects_batch(y, v, interval=method)
            low, high = fits.conf_low[:, 0], fits.conf_high[:, 0]
            found[method] = [int(((low <= MEAN) & (high >= MEAN)).sum()), float((high - low).sum())]
            if method == "mixture":
                below, above = fits.prediction_intervals()
                found["prediction"] = [
                    int(((below <= new) & (above >= new)).sum()),
                    float((above - below).sum()),
                ]
                found["zero"] = int(fits.boundary.sum())
    return found


def run(context: Context) -> Verdict:
    """Judge every cell; a limited run takes the first blocks of every cell."""
    blocks = BLOCKS if context.limit is None else max(1, context.limit // len(CELLS))
    seeds = [cell * BLOCKS + block for cell in range(len(CELLS)) for block in range(blocks)]
    results = context.replicate(one, seeds)
    rows, failed = [], []
    for cell, (k, sizes, ratio, outcome) in enumerate(CELLS):
        parts = results[cell * blocks : (cell + 1) * blocks]
        if len(parts) < blocks:
            break
        trials = blocks * BLOCK
        total = {name: np.sum([part[name] for part in parts], axis=0) for name in (*METHODS, "prediction")}
        inner = k >= 5 and ratio > 0.0
        bands = {"mixture": MEAN_BAND, "prediction": PREDICTION_BAND if inner else PREDICTION_BAND_ELSEWHERE}
        row: dict[str, Any] = {"sites": k, "sizes": sizes, "tau2 ratio": round(ratio, 3), "outcome": outcome}
        for name, (hits, width) in total.items():
            row[f"{name} coverage"] = round(float(hits) / trials, 4)
            row[f"{name} width"] = round(float(width) / trials, 5)
            if name in bands and not rate_figures(int(hits), trials, bands[name])["passed"]:
                failed.append(f"{name}: k = {k}, {sizes}, tau2 ratio {ratio:.2f}, {outcome}")
        row["tau2 zero"] = round(sum(part["zero"] for part in parts) / trials, 3)
        rows.append(row)
    lowest = {name: min(row[f"{name} coverage"] for row in rows) for name in (*METHODS, "prediction")}
    return {
        "passed": not failed and len(rows) == len(CELLS),
        "replications": blocks * BLOCK * len(rows),
        "seed": 10,
        "figures": {
            "cells": len(rows),
            "replications a cell": blocks * BLOCK,
            "lowest coverage": lowest,
            "cells outside their band": failed,
            "table": rows,
        },
    }
