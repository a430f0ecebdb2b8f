"""How much the sums of a masked pool tell of a single site, and how many sites a round therefore needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """To a coordinator who knows every site's standard error, and tau, the sums of a masked pool at every
point of the grid tell at most half of the bits that the sites' estimates have on the grid of a release, and
at most one estimate in a hundred to within a quarter of its standard error, in the smallest round that each
number of points and of binary digits allows (60 networks each in which no site dominates). An attack that
solves the sums for the estimates is right to within a quarter of a standard error at most 3 in a hundred
sites more often than the pooled estimate itself is as a guess. Ten sites with 32 digits and 33 points, which
no round allows, are told in full: at least 95 % of the estimates within a quarter of their standard error."""
ISSUE = 12
COVERS = (
    "causalsig/meta/on_grid.py",
    "causalsig/release/masked_documents.py",
)
SEED = 20_261_124
NETWORKS = 60
POINTS = (3, 5, 9, 17, 33, 257)
BITS = (8, 12, 20, 32)
TOP = 4.0
"""Largest tau of the grid, in units."""
MOST_BITS, MOST_TOLD, MOST_GAINED, TOLD = 0.5, 0.01, 0.03, 0.95
STEP = 0.375
"""Step of a released estimate in standard errors: between a quarter and a half."""
SMALL = 10
Floats = NDArray[np.float64]


def run(context: Context) -> Verdict:
    """Measure every smallest round, and the one that shows what many digits of few sites tell."""
    from causalsig.release.masked_documents import least_sites
    from causalsig.release.masks import MOST_SITES

    rng = np.random.default_rng(SEED)
    rows: list[dict[str, Any]] = []
    for bits in BITS:
        for points in POINTS:
            sites = least_sites(points, bits)
            if sites <= MOST_SITES:
                share, told, gained = measured(rng, sites, points, bits)
                rows.append(
                    {
                        "digits": bits,
                        "points": points,
                        "sites": sites,
                        "bits told of bits there": round(share, 3),
                        "estimates told": round(told, 4),
                        "solved more often than guessed": round(gained, 4),
                        "passed": share <= MOST_BITS and told <= MOST_TOLD and gained <= MOST_GAINED,
                    }
                )
    _, few, _ = measured(rng, SMALL, 33, 32)
    return {
        "passed": all(row["passed"] for row in rows) and few >= TOLD,
        "figures": {"rows": rows, "estimates told of ten sites, 33 points, 32 digits": round(few, 4)},
        "seed": SEED,
        "replications": NETWORKS,
    }


def measured(
    rng: np.random.Generator, sites: int, points: int, bits: int, networks: int = NETWORKS
) -> tuple[float, float, float]:
    """Give means over networks: shares of bits told, of estimates told, of estimates solved less guessed."""
    grid = np.square(np.linspace(0.0, TOP, points))
    found = np.array([_one_network(rng, sites, grid, bits) for _ in range(networks)])
    share, told, gained = found.mean(axis=0)
    return float(share), float(told), float(gained)


def _network(rng: np.random.Generator, sites: int) -> tuple[Floats, Floats, float]:
    """Estimates and variances in units, and tau; no site dominates, as in a pool that may be shown."""
    tau, scale = float(rng.choice((0.3, 1.0, 2.0))), float(rng.choice((0.5, 1.0, 2.0)))
    while True:
        v = np.square(np.maximum(scale * np.exp(rng.normal(0.0, 0.5, sites)), 0.25))
        weights = np.sort(1.0 / v)[::-1] / (1.0 / v).sum()
        if weights[0] <= 0.5 and weights[:2].sum() <= 0.67:
            return rng.normal(-1.0, np.sqrt(v + tau * tau)), v, tau


def _one_network(rng: np.random.Generator, sites: int, grid: Floats, bits: int) -> tuple[float, float, float]:
    from causalsig.meta.on_grid import grid_terms

    y, v, tau = _network(rng, sites)
    terms = grid_terms(y, v, grid)
    w = terms[..., 0].T
    noise = np.sqrt(sites / 12.0) * 2.0**-bits
    prior = np.sqrt(v + tau * tau)
    # What Σ w y and Σ w y² say of each y once the others are known roughly: their derivatives.
    gains, directions = _singular(np.vstack((w, 2.0 * w * y)) * prior / noise)
    left = prior * np.sqrt(np.square(directions.T) @ (1.0 / (1.0 + gains * gains)))
    told = 0.5 * np.log2(1.0 + gains * gains).sum()
    there = np.log2(np.sqrt(2.0 * np.pi * np.e) * prior / (STEP * np.sqrt(v))).sum()
    guess = float((w[-1] * y).sum() / w[-1].sum())
    solved = _solve(terms, grid, prior, bits, noise, guess)
    right, lucky = (np.mean(np.abs(one - y) < np.sqrt(v) / 4.0) for one in (solved, guess))
    return float(told / there), float(np.mean(left < np.sqrt(v) / 4.0)), float(right - lucky)


def _solve(terms: Floats, grid: Floats, prior: Floats, bits: int, noise: float, guess: float) -> Floats:
    """Best linear answer to the rounded sums of w y, of who knows every w."""
    w = terms[..., 0].T
    sums = (np.rint(terms[..., 1] * 2.0**bits) * 2.0**-bits).sum(axis=0)
    gap = (sums - w.sum(axis=1) * guess) / noise
    left, gains, right = np.linalg.svd(w * prior / noise, full_matrices=False)
    found: Floats = guess + prior * (right.T @ ((gains / (1.0 + gains * gains)) * (left.T @ gap)))
    return found


def _singular(whitened: Floats) -> tuple[Floats, Floats]:
    """Singular values, zero where there are fewer equations than sites, and all directions of sites."""
    _, found, directions = np.linalg.svd(whitened, full_matrices=True)
    gains = np.zeros(whitened.shape[1])
    gains[: len(found)] = found
    return gains, directions
