"""Masked sums give the plain pool to a step of the grid, and show nothing of a site."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray
from scipy import stats

from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """Over 1,000 random pools of 10 to 60 sites (some without the contrast), masked and unmasked by the
real arithmetic, the tau of masked REML is within one step of the grid of plain REML's, and estimate, standard
error and interval equal to 1e-6 standard errors what the sites apart give at that point. A sum that lacks
one site is noise: its words pass for uniform, and so do those of a single site, whatever it adds (chi
square of their bytes and Kolmogorov-Smirnov, p of 0.001 or more). Of 340 sites masks, sum and pool together
take under 60 seconds on one core, without the reading and checking of signed files."""
ISSUE = 12
COVERS = (
    "causalsig/meta/on_grid.py",
    "causalsig/release/masks.py",
)
SEED = 20_261_123
POOLS = 1000
STEP, POINTS = 0.125, 97
TOLERANCE = 1e-6
"""In standard errors; the fixed point is 2^-32."""
UNIFORM = 1e-3
COUNTRY, SECONDS = 340, 60.0
Floats = NDArray[np.float64]


def run(context: Context) -> Verdict:
    """Pool at random, look at the words, and time a country."""
    rng = np.random.default_rng(SEED)
    found = np.array([_one_pool(rng, pool) for pool in range(POOLS)])
    tau, same, numbers, shift = found.T
    rows: list[dict[str, Any]] = [
        _row("tau of plain REML, in steps, largest difference", float(tau.max()), 1.0),
        _row("point of the grid differs from that of the sites apart, pools", float((same == 0).sum()), 0.0),
        _row("estimate, error, interval, in standard errors, largest", float(numbers.max()), TOLERANCE),
        *_uniform(rng),
    ]
    seconds, plain = _country(rng)
    rows.append(_row(f"seconds for {COUNTRY} sites", seconds, SECONDS))
    return {
        "passed": all(row["passed"] for row in rows),
        "figures": {
            "rows": rows,
            "estimate against plain REML off the grid, in standard errors, largest": float(shift.max()),
            "seconds of the plain pool": round(plain, 4),
            "times the plain pool": round(seconds / plain),
        },
        "seed": SEED,
        "replications": POOLS,
    }


def _row(what: str, value: float, most: float) -> dict[str, Any]:
    return {"what": what, "value": float(f"{value:.3g}"), "at_most": most, "passed": bool(value <= most)}


def _keys(count: int) -> tuple[list[bytes], list[bytes]]:
    private = [X25519PrivateKey.generate() for _ in range(count)]
    pairs = sorted((one.public_key().public_bytes_raw(), one.private_bytes_raw()) for one in private)
    return [public for public, _ in pairs], [secret for _, secret in pairs]


def _masked_sum(terms: Floats, context: bytes) -> Floats:
    from causalsig.release.masks import add_masks, fixed_point, from_words

    roster, secrets = _keys(len(terms))
    total = np.zeros(terms.shape[1], dtype=np.uint64)
    for secret, values in zip(secrets, terms, strict=True):
        total += add_masks(fixed_point(values), secret, roster, context)
    return from_words(total)


def _one_pool(rng: np.random.Generator, number: int) -> tuple[float, float, float, float]:
    """Give steps from plain tau, whether the point is the same, difference there, and off the grid."""
    from causalsig.meta import random_effects
    from causalsig.meta.on_grid import fit_on_grid, grid_terms

    grid = np.square(np.arange(POINTS) * STEP)
    k = int(rng.integers(10, 61))
    v = np.exp(rng.normal(0.0, rng.uniform(0.2, 1.2), k))
    tau = float(rng.choice((0.0, 0.3, 1.0, 2.0)))
    y = rng.normal(rng.normal(0.0, 3.0), np.sqrt(v + tau * tau))
    here = rng.random(k) >= rng.uniform(0.0, 0.3)
    here[:6] = True
    terms = np.zeros((k, POINTS * 5))
    terms[here] = grid_terms(y[here], v[here], grid).reshape(here.sum(), -1)
    sums = _masked_sum(terms, f"pool {number}".encode()).reshape(POINTS, 5)
    sites, level = int(here.sum()), 0.95
    fit = fit_on_grid(sums, grid, sites, level=level)
    plain = random_effects(y[here], v[here], tau2="REML", interval="knapp-hartung-floored")
    direct = [_apart(y[here], v[here], float(point)) for point in grid]
    at = int(np.argmax([each[0] for each in direct]))
    _, estimate, std_error = direct[fit.at]
    half = float(stats.t.ppf(0.5 * (1.0 + level), sites - 1)) * std_error
    told = np.array([fit.estimate, fit.std_error, fit.conf_low, fit.conf_high])
    apart = np.array([estimate, std_error, estimate - half, estimate + half])
    return (
        abs(np.sqrt(fit.tau2) - np.sqrt(plain.tau2)) / STEP,
        float(at == fit.at),
        float(np.abs(told - apart).max() / std_error),
        abs(fit.estimate - float(plain.coefficients[0])) / std_error,
    )


def _apart(y: Floats, v: Floats, tau2: float) -> tuple[float, float, float]:
    """Restricted log-likelihood, mean and floored Knapp-Hartung error of the sites apart, by matrices."""
    covariance = np.diag(v + tau2)
    ones = np.ones((len(y), 1))
    inverse = np.linalg.inv(covariance)
    information = (ones.T @ inverse @ ones).item()
    mean = (ones.T @ inverse @ y).item() / information
    residual = y - mean
    rss = float(residual @ inverse @ residual)
    height = -0.5 * (np.linalg.slogdet(covariance)[1] + np.log(information) + rss)
    return float(height), mean, float(np.sqrt(max(1.0, rss / (len(y) - 1)) / information))


def _uniform(rng: np.random.Generator) -> list[dict[str, Any]]:
    from causalsig.release.masks import add_masks, fixed_point

    size, rows = 200_000, []
    roster, secrets = _keys(10)
    plain = {"zeros": np.zeros(size), "one large number": np.full(size, 1e6), "draws": rng.normal(size=size)}
    for name, values in plain.items():
        own = add_masks(fixed_point(values), secrets[0], roster, f"uniform {name}".encode())
        rows += _judged(f"a site that adds {name}", own)
    part = np.zeros(size, dtype=np.uint64)
    for secret in secrets[:-1]:
        part += add_masks(fixed_point(plain["draws"]), secret, roster, b"all but one")
    return rows + _judged("the sum that lacks one site of ten", part)


def _judged(what: str, words: NDArray[np.uint64]) -> list[dict[str, Any]]:
    counts = np.bincount(words.view(np.uint8), minlength=256)
    p_values = {
        "bytes": float(stats.chisquare(counts).pvalue),
        "Kolmogorov-Smirnov": float(stats.kstest(words / 2.0**64, "uniform").pvalue),
    }
    return [
        {"what": f"{what}: p, {name}", "value": round(p, 4), "at_least": UNIFORM, "passed": p >= UNIFORM}
        for name, p in p_values.items()
    ]


def _country(rng: np.random.Generator) -> tuple[float, float]:
    from causalsig.meta import random_effects
    from causalsig.meta.on_grid import fit_on_grid, grid_terms

    v = np.exp(rng.normal(size=COUNTRY))
    y = rng.normal(0.0, np.sqrt(v + 1.0))
    grid = np.square(np.arange(POINTS) * STEP)
    begin = time.perf_counter()
    terms = grid_terms(y, v, grid).reshape(COUNTRY, -1)
    fit_on_grid(_masked_sum(terms, b"country").reshape(POINTS, 5), grid, COUNTRY)
    seconds, begin = time.perf_counter() - begin, time.perf_counter()
    random_effects(y, v, interval="knapp-hartung-floored")
    return seconds, time.perf_counter() - begin
