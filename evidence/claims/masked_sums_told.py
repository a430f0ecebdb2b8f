"""How much the sums of a masked pool tell of a single site, and how many sites a round therefore needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """In the smallest round that each number of grid points and of binary digits allows (200 networks
each in which no site dominates), the sums of a masked pool tell a coordinator who knows tau and every site's
standard error at most half of the bits that the sites' estimates have on the grid of a release, and at most
one estimate in a hundred to within a quarter of its standard error. Who knows neither estimates nor errors
learns at most one standard error in a hundred to within 5 %. An attack that solves the sums for the
estimates, with every standard error known, is right to within a quarter of it at most 3 in a hundred sites
more often than the pooled estimate is as a guess. Ten sites with 32 digits and 33 points, which no round
allows, are told: at least 95 % of the estimates and of the standard errors."""
ISSUE = 12
COVERS = (
    "causalsig/meta/on_grid.py",
    "causalsig/release/masked_documents.py",
)
SEED = 20_261_124
NETWORKS = 200
POINTS = (3, 5, 9, 17, 33, 257)
BITS = (8, 12, 20, 32)
TOP = 4.0
"""Largest tau of the grid, in units."""
MOST_BITS, MOST_TOLD, MOST_GAINED, TOLD = 0.5, 0.01, 0.03, 0.95
LOG_VARIANCE = 0.8
"""Standard deviation of the logarithm of a site's variance, before any sum is known."""
NEAR = 0.05
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
                share, told, gained, errors = measured(rng, sites, points, bits)
                rows.append(
                    {
                        "digits": bits,
                        "points": points,
                        "sites": sites,
                        "bits told of bits there": round(share, 3),
                        "estimates told": round(told, 4),
                        "standard errors told": round(errors, 4),
                        "solved more often than guessed": round(gained, 4),
                        "passed": (
                            share <= MOST_BITS and max(told, errors) <= MOST_TOLD and gained <= MOST_GAINED
                        ),
                    }
                )
    _, few, _, few_errors = measured(rng, SMALL, 33, 32)
    return {
        "passed": all(row["passed"] for row in rows) and min(few, few_errors) >= TOLD,
        "figures": {
            "rows": rows,
            "estimates told of ten sites, 33 points, 32 digits": round(few, 4),
            "standard errors told of ten sites, 33 points, 32 digits": round(few_errors, 4),
        },
        "seed": SEED,
        "replications": NETWORKS,
    }


def measured(
    rng: np.random.Generator, sites: int, points: int, bits: int, networks: int = NETWORKS
) -> tuple[float, float, float, float]:
    """Give means over networks: shares of bits, of estimates, of solved less guessed ones, and of errors."""
    grid = np.square(np.linspace(0.0, TOP, points))
    found = np.array([_one_network(rng, sites, grid, bits) for _ in range(networks)])
    share, told, gained, errors = found.mean(axis=0)
    return float(share), float(told), float(gained), float(errors)


def _network(rng: np.random.Generator, sites: int) -> tuple[Floats, Floats, float]:
    """Estimates and variances in units, and tau; no site dominates, as in a pool that may be shown."""
    tau, scale = float(rng.choice((0.3, 1.0, 2.0))), float(rng.choice((0.5, 1.0, 2.0)))
    while True:
        v = np.square(np.maximum(scale * np.exp(rng.normal(0.0, 0.5, sites)), 0.25))
        weights = np.sort(1.0 / v)[::-1] / (1.0 / v).sum()
        if weights[0] <= 0.5 and weights[:2].sum() <= 0.67:
            return rng.normal(-1.0, np.sqrt(v + tau * tau)), v, tau


def _one_network(
    rng: np.random.Generator, sites: int, grid: Floats, bits: int
) -> tuple[float, float, float, float]:
    from causalsig.meta.on_grid import grid_terms

    y, v, tau = _network(rng, sites)
    terms = grid_terms(y, v, grid)
    w = terms[..., 0].T
    noise = np.sqrt(sites / 12.0) * 2.0**-bits
    prior = np.sqrt(v + tau * tau)
    # What Σ w y and Σ w y² say of each y once the others are known roughly: their derivatives.
    gains, remaining = _left(np.vstack((w, 2.0 * w * y)) * prior / noise)
    left = prior * remaining
    told = 0.5 * np.log2(1.0 + gains * gains).sum()
    flat = np.zeros_like(w)
    of_y = np.vstack((w, 2.0 * w * y, flat, flat, flat)) * prior
    of_v = np.vstack((-w * w * y, -((w * y) ** 2), -w * w, w, -2.0 * w**3)) * v * LOG_VARIANCE
    _, both = _left(np.hstack((of_y, of_v)) / noise)
    errors_told = float(np.mean(0.5 * LOG_VARIANCE * both[sites:] < NEAR))
    there = np.log2(np.sqrt(2.0 * np.pi * np.e) * prior / (STEP * np.sqrt(v))).sum()
    guess = float((w[-1] * y).sum() / w[-1].sum())
    solved = _solve(terms, grid, prior, bits, noise, guess)
    right, lucky = (np.mean(np.abs(one - y) < np.sqrt(v) / 4.0) for one in (solved, guess))
    return (
        float(told / there),
        float(np.mean(left < np.sqrt(v) / 4.0)),
        float(right - lucky),
        errors_told,
    )


def _solve(terms: Floats, grid: Floats, prior: Floats, bits: int, noise: float, guess: float) -> Floats:
    """Best linear answer to the rounded sums of w y, of who knows every w."""
    w = terms[..., 0].T
    sums = (np.rint(terms[..., 1] * 2.0**bits) * 2.0**-bits).sum(axis=0)
    gap = (sums - w.sum(axis=1) * guess) / noise
    left, gains, right = np.linalg.svd(w * prior / noise, full_matrices=False)
    found: Floats = guess + prior * (right.T @ ((gains / (1.0 + gains * gains)) * (left.T @ gap)))
    return found


def _left(whitened: Floats) -> tuple[Floats, Floats]:
    """Give singular values, and of each unknown the share of its prior standard deviation that is left."""
    _, found, directions = np.linalg.svd(whitened, full_matrices=True)
    gains = np.zeros(whitened.shape[1])
    gains[: len(found)] = found
    return gains, np.sqrt(np.square(directions.T) @ (1.0 / (1.0 + gains * gains)))
