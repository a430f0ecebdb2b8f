"""From released and pooled numbers to what a page shows: households per 1,000, with an interval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite, sqrt
from statistics import NormalDist

from causalsig.records import PooledContrast, PooledMean, PoolResult, ReleasedArms

SCALE = 1000.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A mean or a difference per 1,000 households, with its interval.

    Attributes
    ----------
    estimate, low, high, std_error : float
        Per 1,000. A difference is `arm` minus `reference`: negative means fewer returns.
    households : (int, int or None) or None
        Band of the households in the arm, where it is known.
    sites : int
        Municipalities behind it; 1 for a municipality's own.
    prediction : (float, float) or None
        Where another municipality is expected, per 1,000.
    tau2 : float
        Variance between municipalities, per 1,000 squared.
    tau2_low : float
        Lower end of its interval, in the same unit.
    """

    estimate: float
    low: float
    high: float
    std_error: float
    households: tuple[int, int | None] | None = None
    sites: int = 1
    prediction: tuple[float, float] | None = None
    tau2: float = 0.0
    tau2_low: float = 0.0


def own_mean(block: ReleasedArms, arm: str, level: float = 0.95) -> Shown | None:
    """Return one arm's mean at the site; None when the arm is not in the block.

    The interval is a normal one: the arms hold at least 30 households, and the release carries no degrees of
    freedom. The rounding of the grid adds step² / 12 to the variance.
    """
    if arm not in block.arms:
        return None
    k = block.arms.index(arm)
    variance = block.covariance[k][k] + block.steps[k] ** 2 / 12.0
    return _shown(block.means[k], variance, level, block.household_bands[k])


def own_contrast(block: ReleasedArms, arm: str, reference: str, level: float = 0.95) -> Shown | None:
    """Return arm minus reference at the site; None when either is not in the block."""
    if arm not in block.arms or reference not in block.arms:
        return None
    a, b = block.arms.index(arm), block.arms.index(reference)
    v = block.covariance
    variance = v[a][a] + v[b][b] - 2.0 * v[a][b] + (block.steps[a] ** 2 + block.steps[b] ** 2) / 12.0
    return _shown(block.means[a] - block.means[b], variance, level, block.household_bands[a])


def _shown(value: float, variance: float, level: float, households: tuple[int, int | None]) -> Shown:
    std_error = sqrt(max(variance, 0.0)) * SCALE
    half = NormalDist().inv_cdf(0.5 + level / 2.0) * std_error
    centre = value * SCALE
    return Shown(centre, centre - half, centre + half, std_error, households)


def pooled_contrast(
    pool: PoolResult | None, question: str, outcome: str, estimand: str, arm: str, reference: str
) -> PooledContrast | None:
    """Find a pooled contrast; None when the pool has none."""
    wanted = (question, outcome, estimand, arm, reference)
    for found in () if pool is None else pool.contrasts:
        if (found.question, found.outcome, found.estimand, found.arm, found.reference) == wanted:
            return found
    return None


def pooled_mean(
    pool: PoolResult | None, question: str, outcome: str, estimand: str, arm: str
) -> PooledMean | None:
    """Find a pooled mean; None when the pool has none."""
    wanted = (question, outcome, estimand, arm)
    for found in () if pool is None else pool.means:
        if (found.question, found.outcome, found.estimand, found.arm) == wanted:
            return found
    return None


def show_contrast(found: PooledContrast) -> Shown:
    """Put a pooled contrast on the page's scale."""
    ends = (found.prediction_low * SCALE, found.prediction_high * SCALE)
    return Shown(
        found.estimate * SCALE,
        found.conf_low * SCALE,
        found.conf_high * SCALE,
        found.std_error * SCALE,
        sites=found.sites,
        prediction=ends if all(isfinite(end) for end in ends) else None,
        tau2=found.tau2 * SCALE**2,
        tau2_low=found.tau2_interval[0] * SCALE**2,
    )


def show_mean(found: PooledMean) -> Shown:
    """Put a pooled mean on the page's scale; its standard error is not in the pool."""
    return Shown(
        found.estimate * SCALE,
        found.conf_low * SCALE,
        found.conf_high * SCALE,
        float("nan"),
        sites=found.sites,
    )


def as_printed(shown: Shown) -> Shown:
    """Round to whole households, as pages print them.

    A drawn coordinate has six digits: unrounded it would tell more of a pool than the table beside it.
    """
    low, high = shown.prediction or (0.0, 0.0)
    return replace(
        shown,
        estimate=float(round(shown.estimate)),
        low=float(round(shown.low)),
        high=float(round(shown.high)),
        prediction=None if shown.prediction is None else (float(round(low)), float(round(high))),
    )


def agree(own: Shown, others: Shown, level: float = 0.95) -> bool:
    """Say whether a municipality's own difference fits the others'.

    The pool of the others does not hold the municipality's own numbers, so the two are independent; a
    municipality may differ from the pool's mean by the spread between municipalities.
    """
    std_error = sqrt(own.std_error**2 + others.std_error**2 + max(others.tau2, 0.0))
    return abs(own.estimate - others.estimate) <= NormalDist().inv_cdf(0.5 + level / 2.0) * std_error


def shrunken(own: Shown, others: Shown, level: float = 0.95) -> Shown | None:
    """Weigh a municipality's own difference with what is expected of it from the others alone.

    An empirical-Bayes estimate (Raudenbush & Bryk 1985, doi:10.3102/10769986010002075) with the others'
    prediction interval as normal prior: its length holds the error of their mean, the spread between
    municipalities and what is not known of that spread. Nothing goes into it that is not on the page beside
    it. None where the others have no prediction interval.
    """
    if others.prediction is None:
        return None
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    low, high = others.prediction
    here, there = own.std_error**-2, (0.5 * (high - low) / z) ** -2
    centre = (here * own.estimate + there * others.estimate) / (here + there)
    std_error = (here + there) ** -0.5
    return Shown(centre, centre - z * std_error, centre + z * std_error, std_error, own.households)
