"""What noise costs: pooled intervals of private releases still hold the truth, and are wider by so much."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from evidence.claim import Verdict
from evidence.claims import _private_sites as sites
from evidence.context import Context
from evidence.montecarlo import observed_figures

CLAIM = """Simulated sites, the cross-fitted doubly robust estimator, private releases at epsilon 1 and 3
(clipped household sums, discrete Laplace noise, the document with its grids) and the pool: where sites differ
in their effects by 2.5 points, 95 % intervals by the mixture hold the truth in 93 to 97 % of pools of 12 and
of 24 sites of very unequal size (observed rates). The floored Knapp-Hartung interval, the study's default, is
beside it: noise lowers its coverage by at most two points of what the same pools cover without noise. (In a
first run, of other seeds, it alone was judged, and covered 92.3 and 92.8 % at 12 sites, with 92.8 % without
noise: that is the interval's own shortfall at few unequal sites.) Where sites do not differ both cover more,
with and without noise, and are held to 93 % at least. A private release's standard error, sampling and noise
together, is within 15 % of the spread of what is released, at 300 to 10,000 households; the cost in standard
error is tabulated by size."""
ISSUE = 12
COVERS = (
    "causalsig/pooling/lineup.py",
    "causalsig/pooling/pool.py",
    "causalsig/release/private_draw.py",
    "causalsig/release/private_entries.py",
    "causalsig/release/private_mechanism.py",
    "causalsig/release/private_waiting.py",
    "evidence/claims/_private_sites.py",
)

EPSILONS = (1.0, 3.0)
INTERVALS = ("mixture", "knapp-hartung-floored")
AT_MOST_LOST = 0.02
"""Coverage that noise may take from the default interval, in the same pools."""
BAND, AT_LEAST = (0.93, 0.97), (0.93, 1.0)
EFFECT = -0.03
CELLS: dict[str, tuple[int, float, int, tuple[float, float]]] = {
    "12 sites, apart": (12, 0.025, 800, BAND),
    "24 sites, apart": (24, 0.025, 500, BAND),
    "12 sites, alike": (12, 0.0, 300, AT_LEAST),
}
"""Sites, spread of their effects, pools, and the band of their coverage."""
SIZES = (300, 1000, 3000, 10_000)
"""Households of a site."""
REPEATS, DRAWS = 600, 5
"""Sites of a size, and draws of the noise of each. Of 200 the spread was known to 4 %: such a run failed with
1.17 for 300 households at epsilon 1, of which 600 other sites gave 1.13."""
LARGEST_GAP = 0.15
"""Between stated and seen standard error; the Monte Carlo error of the latter is some 2 %."""
BATCH = 10
SEED = 13


def run(context: Context) -> Verdict:
    """Pool every cell, and measure one release at every size."""
    rows = []
    for name, (count, _, pools, band) in CELLS.items():
        part = name.replace(",", "").replace(" ", "-")
        batches = context.replicate(partial(replicate, name), range(pools // BATCH), part=part)
        rows += _coverage(name, count, np.array([one for batch in batches for one in batch]), band)
    costs = []
    for size in SIZES:
        batches = context.replicate(partial(released, size), range(REPEATS // BATCH), part=f"size-{size}")
        costs += _costs(size, np.array([one for batch in batches for one in batch]))
    return {
        "passed": all(row["passed"] for row in rows + costs),
        "figures": {"coverage": rows, "cost": costs, "bound": sites.BOUND},
        "seed": SEED,
        "replications": sum(cell[2] for cell in CELLS.values()),
    }


def replicate(name: str, batch: int) -> list[list[list[list[float]]]]:
    """Give [estimate, standard error, low, high]: (BATCH, no noise and each epsilon, INTERVALS, 4)."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return [_pool(name, seed) for seed in range(batch * BATCH, (batch + 1) * BATCH)]


def _pool(name: str, seed: int) -> list[list[list[float]]]:
    count, spread, _, _ = CELLS[name]
    r = np.random.default_rng([SEED, list(CELLS).index(name), seed])
    sizes = np.clip(np.exp(r.normal(math.log(1200.0), 0.8, size=count)), 300, 8000).astype(int)
    made = [sites.one_site(r, int(size), EFFECT + spread * r.normal()) for size in sizes]
    networks = [[sites.without_noise(site, k) for k, site in enumerate(made)]]
    for epsilon in EPSILONS:
        networks.append([sites.with_noise(site, k, epsilon) for k, site in enumerate(made)])
    return [[list(sites.pooled(blocks, interval)) for interval in INTERVALS] for blocks in networks]


def _coverage(name: str, count: int, values: Any, band: tuple[float, float]) -> list[dict[str, Any]]:
    """One row an interval and epsilon; values (R, 3, 2, 4)."""
    rows = []
    for which, interval in enumerate(INTERVALS):
        plain = values[:, 0, which]
        without = float(_holds(plain).mean())
        for place, epsilon in enumerate((None, *EPSILONS)):
            own = values[:, place, which]
            rate = observed_figures(int(_holds(own).sum()), len(own), band)
            judged = epsilon is not None
            good = bool(rate["passed"])
            if interval != "mixture" and band == BAND:
                good = float(rate["rate"]) >= without - AT_MOST_LOST
            rows.append(
                {
                    "cell": name, "sites": count, "interval": interval, "epsilon": epsilon,
                    "bias": float(own[:, 0].mean() - EFFECT), "std_error": float(own[:, 1].mean()),
                    "width": float((own[:, 3] - own[:, 2]).mean() / (plain[:, 3] - plain[:, 2]).mean()),
                    **rate, "judged": judged, "passed": good or not judged,
                }
            )  # fmt: skip
    return rows


def _holds(values: Any) -> Any:
    return (values[:, 2] <= EFFECT) & (values[:, 3] >= EFFECT)


def released(size: int, batch: int) -> list[list[list[float]]]:
    """Give [contrast, standard error] of sites of one size: without noise, then DRAWS at each epsilon."""
    from threadpoolctl import threadpool_limits

    found = []
    with threadpool_limits(limits=1):
        for seed in range(batch * BATCH, (batch + 1) * BATCH):
            r = np.random.default_rng([SEED, size, seed])
            site = sites.one_site(r, size, EFFECT)
            rows = [sites.contrast_of(sites.without_noise(site, 0))]
            for epsilon in EPSILONS:
                rows += [sites.contrast_of(sites.with_noise(site, 0, epsilon)) for _ in range(DRAWS)]
            found.append([list(row) for row in rows])
    return found


def _costs(size: int, values: Any) -> list[dict[str, Any]]:
    """One row an epsilon; values (R, 1 + 2 DRAWS, 2). Spread is about the truth: bias counts."""
    plain = _spread(values[:, :1, 0])
    rows = []
    for place, epsilon in enumerate(EPSILONS):
        own = values[:, 1 + place * DRAWS : 1 + (place + 1) * DRAWS]
        seen, stated = _spread(own[:, :, 0]), float(np.sqrt((own[:, :, 1] ** 2).mean()))
        rows.append(
            {
                "households": size, "epsilon": epsilon, "without_noise": plain, "with_noise": seen,
                "stated": stated, "times": seen / plain,
                "passed": abs(stated / seen - 1.0) <= LARGEST_GAP,
            }
        )  # fmt: skip
    return rows


def _spread(estimates: Any) -> float:
    return float(np.sqrt(((estimates - EFFECT) ** 2).mean()))
