"""Municipalities with a rule in whole euros: amounts with heaps, later signals, and the law of both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from causalsig.estimation import effect_at_cutoff
from causalsig.estimation.threshold_table import Moments, ScoreTable, collapse_scores

LOWEST, HIGHEST = 50, 8000
"""Euro; an amount outside is none that is reported."""
HEAPED, HEAP = 0.1, 50
"""Share of amounts rounded to a multiple of this."""
FRAILTY = 1.0
"""Shape of the gamma that makes counts of signals stray more than Poisson's."""
LEVEL = 0.8
"""Later signals an episode at the cutoff, from below."""
POPULATION = 1e9
"""Episodes of the table of expectations: so many that every euro has thousands."""
SELECTOR = "mserd"


@dataclass(frozen=True, slots=True)
class Town:
    """One municipality: episodes with an amount, and its cutoff in euro."""

    episodes: int
    cutoff: float


@cache
def amounts() -> tuple[Any, Any]:
    """Whole euros and their probabilities: log-normal around 600, with heaps at multiples of 50."""
    from scipy.special import ndtr

    euros = np.arange(LOWEST, HIGHEST + 1)
    ends = (np.log(np.append(euros, HIGHEST + 1) - 0.5) - np.log(600.0)) / 1.1
    p = np.diff(ndtr(ends))
    p /= p.sum()
    heaps = np.clip(HEAP * np.rint(euros / HEAP).astype(int), LOWEST, HIGHEST)
    rounded = np.bincount(heaps - LOWEST, weights=p, minlength=len(p))
    return euros.astype(np.float64), (1.0 - HEAPED) * p + HEAPED * rounded


def mean_of(score: Any, town: Town, jump: float) -> Any:
    """Give the expected later signals: larger amounts have more, and crossing adds the jump."""
    distance = np.log(score / town.cutoff)
    return LEVEL * np.exp(0.25 * distance - 0.05 * distance**2) + jump * (score >= town.cutoff)


def draw(town: Town, jump: float, rng: np.random.Generator) -> ScoreTable:
    """Draw a municipality's episodes, and collapse them."""
    euros, p = amounts()
    score = rng.choice(euros, town.episodes, p=p)
    frailty = rng.gamma(FRAILTY, 1.0 / FRAILTY, town.episodes)
    return collapse_scores(score, rng.poisson(mean_of(score, town, jump) * frailty))


def estimate(table: ScoreTable, town: Town) -> tuple[float, float, tuple[float, float]]:
    """Effect of crossing, its robust standard error, and the bandwidths (h, b)."""
    found = effect_at_cutoff(table, town.cutoff, scale="log", bandwidth=SELECTOR)
    widths = (found.bandwidths.left, found.bandwidths.bias_left)
    return found.robust.estimate, found.robust.std_error, widths


def expected_error(town: Town, jump: float, widths: tuple[float, float]) -> float:
    """Robust standard error at these bandwidths, from the law of scores and outcomes alone.

    The variance of a weighted sum of independent outcomes, ``Σ ω(x)² n(x) σ²(x)``, with expected counts in
    the place of drawn ones; it falls with their number.
    """
    euros, p = amounts()
    mean = mean_of(euros, town, jump)
    second = mean + mean**2 * (1.0 + 1.0 / FRAILTY)
    counts = POPULATION * p
    moments = Moments(counts, (counts * mean)[:, None], (counts * second)[:, None, None])
    table = ScoreTable(euros, moments, outcomes=1, taken_up=False, covariates=0, households=int(POPULATION))
    found = effect_at_cutoff(table, town.cutoff, scale="log", bandwidth=widths)
    return float(found.robust.std_error * np.sqrt(POPULATION / town.episodes))
