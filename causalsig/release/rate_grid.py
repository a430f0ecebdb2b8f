"""Shares and rates as integers on grids that follow from the band of their households alone.

A standard error beside a share would give away its denominator, so none is released and the step may depend
on nothing but the band: it is what a quarter of a standard error comes to at the band's lower end, hence at
least a quarter of it everywhere in the band. One share of so coarse a step is at chance for who would
difference it (``disclosure.md``).
"""

from __future__ import annotations

import math

from causalsig.release import grid

MAX_RATE_EXPONENT, MIN_RATE_EXPONENT = 10, -20


def share_exponent(band: str) -> int:
    """Return e, with ``2^e`` the step of a share: a quarter of the standard error of one half, or just above.

    Parameters
    ----------
    band : str
        Band of the households in the denominator, from ``10-29`` up. Items are at least as many as
        households, so a share of items has at most this standard error as far as households are independent.
    """
    return grid.step_exponent(math.sqrt(0.25 / _lower(band)))


def share_steps(value: float, band: str) -> int:
    """Return the integer k nearest to ``value / 2^e``; the error is at most half a step."""
    return grid.to_steps(value, share_exponent(band))


def fewest_rate_steps(band: str) -> int:
    """Return K, a power of two: a rate has the form ``k · 2^e`` with ``K <= k < 2K``.

    A rate of signals of n households has a relative standard error of at least 1/sqrt(n) (Poisson), and a
    step between 1/(2K) and 1/K of it; K is the largest power of two that keeps 1/(2K) at a quarter or more.
    """
    return 1 << math.floor(math.log2(2.0 * math.sqrt(_lower(band))))


def rate_steps(value: float, band: str) -> tuple[int, int]:
    """Return ``(k, e)`` with ``k · 2^e`` nearest to a positive rate; the error is at most half of ``2^e``."""
    fewest = fewest_rate_steps(band)
    exponent = math.frexp(value / fewest)[1] - 1
    steps = grid.to_steps(value, exponent)
    return (fewest, exponent + 1) if steps == 2 * fewest else (steps, exponent)


def is_rate_form(steps: int, band: str) -> bool:
    """Say whether a rate's steps are in the one form its band allows."""
    fewest = fewest_rate_steps(band)
    return fewest <= steps < 2 * fewest


def _lower(band: str) -> int:
    lower = grid.band_limits(band)[0]
    if lower == 0:
        raise ValueError("a band of fewer than 10 households has no grid: nothing of it leaves")
    return lower
