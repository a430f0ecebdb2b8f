"""When a simulated rate supports a claim: its exact interval overlaps the claimed band."""

from __future__ import annotations

import math

LEVEL = 0.99  # one correct claim in a hundred fails at the edge of its band; inside the band far fewer


def exact_interval(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Clopper-Pearson interval of a rate.

    Parameters
    ----------
    hits, trials : int
        Replications in which it happened, and all replications.
    level : float
        Confidence level, at least that for every true rate.

    Returns
    -------
    tuple of float
        Lower and upper bound, both between 0 and 1.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26, 404-413, doi:10.1093/biomet/26.4.404.
    """
    if not 0 <= hits <= trials or trials == 0:
        raise ValueError(f"expected 0 <= hits <= trials and trials > 0; got {hits} of {trials}")
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits > 0 else 0.0
    high = float(beta.isf(tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


def rate_figures(hits: int, trials: int, band: tuple[float, float]) -> dict[str, float | int | bool]:
    """Judge an observed rate against a claimed band.

    Returns
    -------
    dict
        ``hits``, ``replications``, ``rate``, ``rate_low`` and ``rate_high`` (exact 99 %), ``band_low``,
        ``band_high`` and ``passed``: whether interval and band overlap.
    """
    low, high = exact_interval(hits, trials)
    return {
        "hits": hits,
        "replications": trials,
        "rate": hits / trials,
        "rate_low": low,
        "rate_high": high,
        "band_low": band[0],
        "band_high": band[1],
        "passed": low <= band[1] and band[0] <= high,
    }


def observed_figures(hits: int, trials: int, band: tuple[float, float]) -> dict[str, float | int | bool]:
    """Judge as `rate_figures`, and ask that the observed rate itself is inside the band."""
    found = rate_figures(hits, trials, band)
    return {**found, "passed": band[0] <= hits / trials <= band[1]}


def mean_and_error(values: list[float]) -> tuple[float, float]:
    """Mean over replications and its Monte Carlo standard error."""
    count = len(values)
    if count < 2:
        raise ValueError(f"expected at least two replications; got {count}")
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return mean, math.sqrt(variance / count)
