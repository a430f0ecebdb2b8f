"""Invented designs around a cutoff: continuous and rounded scores, fuzzy, clustered, with covariates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

EFFECT = 0.3


@dataclass(frozen=True, slots=True)
class Design:
    """Arrays of a design, and the options in our words and in rdrobust's."""

    arrays: dict[str, Any]
    ours: dict[str, Any] = field(default_factory=dict)
    theirs: dict[str, Any] = field(default_factory=dict)


def draw(
    seed: int,
    n: int,
    *,
    fuzzy: bool = False,
    clustered: bool = False,
    covariates: int = 0,
    decimals: int | None = None,
) -> dict[str, Any]:
    """Scores in [-1, 1] with a curved mean, a jump of `EFFECT` at zero, and counts as outcome.

    `decimals` rounds the scores; clustered households of one to three share part of their outcome.
    """
    r = np.random.default_rng(seed)
    x = 2.0 * r.beta(2.0, 3.0, n) - 0.8
    if decimals is not None:
        x = np.round(x, decimals)
    crossed = x >= 0.0
    treated = r.random(n) < np.where(crossed, 0.75, 0.2) + 0.1 * x if fuzzy else crossed
    mean = 0.8 + 0.5 * x - 0.7 * x**2 + 0.6 * x**3 + EFFECT * treated
    arrays: dict[str, Any] = {}
    if covariates:
        z = r.normal(size=(n, covariates)) + 0.3 * x[:, None]
        mean = mean + z @ np.linspace(0.4, 0.1, covariates)
        arrays["covariates"] = z
    if clustered:
        household = r.integers(0, n // 2, n)
        mean = mean + 0.4 * r.normal(size=n // 2 + 1)[household]
        arrays["households"] = household
    if fuzzy:
        arrays["taken_up"] = treated.astype(float)
    return {"score": x, "outcome": mean + 0.5 * r.normal(size=n), **arrays}


def agreement_designs(n: int = 2000) -> dict[str, Design]:
    """Every option that ours and rdrobust's have in common, on several kinds of data."""
    kernels = {"triangular": "tri", "epanechnikov": "epa", "uniform": "uni"}

    def design(arrays: dict[str, Any], **options: Any) -> Design:
        theirs = {"kernel": kernels[options.get("kernel", "triangular")]}
        theirs["bwselect"] = options.get("bandwidth", "mserd")
        theirs["p"] = options.get("degree", 1)
        return Design(arrays, options, theirs)

    clustered = {"variance": "cluster"}
    return {
        "sharp": design(draw(1, n)),
        "sharp, epanechnikov, two bandwidths": design(draw(2, n), kernel="epanechnikov", bandwidth="msetwo"),
        "sharp, uniform, coverage": design(draw(3, n), kernel="uniform", bandwidth="cerrd"),
        "sharp, quadratic": design(draw(4, n), degree=2, bandwidth="certwo"),
        "fuzzy": design(draw(5, n, fuzzy=True)),
        "fuzzy, two bandwidths": design(draw(6, n, fuzzy=True), bandwidth="msetwo"),
        "clustered": design(draw(7, n, clustered=True), **clustered),
        "covariates": design(draw(8, n, covariates=2)),
        "fuzzy, covariates": design(draw(9, n, fuzzy=True, covariates=3)),
        "fuzzy, clustered, covariates": design(
            draw(10, n, fuzzy=True, clustered=True, covariates=2), **clustered, bandwidth="cerrd"
        ),
        "rounded": design(draw(11, n, decimals=2)),
        "rounded, fuzzy, clustered, uniform": design(
            draw(12, n, fuzzy=True, clustered=True, decimals=2), **clustered, kernel="uniform"
        ),
        "rounded, covariates, epanechnikov": design(
            draw(13, n, covariates=2, decimals=2), kernel="epanechnikov", bandwidth="certwo"
        ),
    }
