"""Invented worlds for the routes to a moved threshold: where each one's assumption holds, and where not."""

from __future__ import annotations

from typing import Any

import numpy as np

CENTRE = 500.0
"""Euro; scores are logarithms of the amount over it."""
OLD, NEW = 0.7, 0.0
"""A threshold that came down from about 1,000 to 500 euro."""
EFFECT, EFFECT_SLOPE = -0.2, 0.1
"""Of the handling at the new threshold, and by how much less a unit of the score further."""
MONTHS, CHANGED = 36, 18
"""A year and a half on either side of the change."""
NUMBERS = 0.1
"""A household may be told in this many numbers, at most."""
N = 6000
"""Episodes of a middle-sized municipality in three years."""


def effect(score: Any) -> Any:
    """Effect of the handling at a score: along a line."""
    return EFFECT + EFFECT_SLOPE * score


def curve(score: Any) -> Any:
    """Mean outcome without handling."""
    return 0.9 + 0.25 * score - 0.12 * score**2 + 0.05 * score**3


def scores(r: np.random.Generator, n: int) -> Any:
    """Whole euros, most of them below 1,000, as logarithms over `CENTRE`."""
    amount = np.rint(np.exp(r.normal(np.log(CENTRE) + 0.2, 0.7, n))).clip(20.0, 8000.0)
    return np.log(amount / CENTRE)


def moved(
    seed: int,
    n: int = N,
    *,
    drift: float = 0.0,
    rival: float = 0.0,
    rival_grows: float = 0.0,
    event: float = 0.0,
    works: float = 1.0,
) -> dict[str, Any]:
    """Draw a threshold that came down halfway; households of two episodes that go together.

    Parameters
    ----------
    drift : of the band against all others, a month
    rival : what else jumps, at both thresholds, all the time
    rival_grows : by how many times its size it grows at the new threshold, over the months before
    event : what else befell the band in the month of the change, and stayed
    works : how much of the effect there is
    """
    r = np.random.default_rng([seed, 21])
    household = np.repeat(np.arange(n // 2), 2)
    x = scores(r, n)
    month = r.integers(0, MONTHS, n)
    late = month >= CHANGED
    handled = np.where(late, x >= NEW, x >= OLD)
    inside = (x >= NEW) & (x < OLD)
    size = rival * (1.0 + rival_grows * np.minimum(month / CHANGED, 1.0))
    mean = curve(x) + works * effect(x) * handled + 0.003 * month + 0.1 * np.sin(month / 2.0)
    mean = mean + (drift * month + event * late) * inside + size * (x >= NEW) + rival * (x >= OLD)
    y = mean + 0.3 * r.normal(size=n // 2)[household] + 0.6 * r.normal(size=n)
    truth = works * float(effect(x[inside & late]).mean())
    return {"score": x, "outcome": y, "month": month, "households": household, "truth": truth}


def bins(r: np.random.Generator, cutoff: float, **site: Any) -> tuple[Any, Any]:
    """Draw one site, as its table left it, and its scores; options as of `town`."""
    from causalsig.estimation.moving_sites import bins_around
    from causalsig.estimation.threshold_released import table_of_bins

    x, _, released = town(r, cutoff, **site)
    return bins_around(table_of_bins(released), cutoff), x


def town(
    r: np.random.Generator,
    cutoff: float,
    *,
    level: float = 0.0,
    slope: float = 0.0,
    works: float = 1.0,
    n: int = N,
) -> tuple[Any, Any, tuple[Any, ...]]:
    """Draw one site: its scores and counts, and the bins that left it.

    The table is filled, rounded and read back as a release is.

    Parameters
    ----------
    level, slope : what the site's mean has beside the common curve, at 0 and a unit of score
    works : how much of the effect there is
    """
    from causalsig.execution.crossed_numbers import Scored, bin_rows
    from causalsig.release.crossed import bin_entries
    from causalsig.release.crossed_read import released_bin

    x = scores(r, n)
    mean = curve(x) + level + slope * x + works * effect(x) * (x >= cutoff)
    counts = r.poisson(np.maximum(mean, 0.02)).astype(np.float64)
    amount = CENTRE * np.exp(cutoff)
    scored = Scored(
        values=CENTRE * np.exp(x), cutoff=amount, scale="log", households=np.arange(n), taken_up=np.ones(n)
    )
    rows = bin_rows(scored, counts, 0.0, smallest=10, numbers=NUMBERS * n)
    return x, counts, tuple(released_bin(entry, "log") for entry in bin_entries(rows, "log"))


def bent(seed: int, bend: float, n: int = N) -> dict[str, Any]:
    """Draw scores around a threshold at 0, and means that bend as far as that bound allows.

    `mean` is what is seen; `hidden` what would be under the other handling, each a parabola all along.
    """
    r = np.random.default_rng([seed, 23])
    x = scores(r, n)
    line, parabola = 0.9 + 0.25 * x, 0.5 * bend * x**2
    below, above = line + parabola, line - parabola - 0.2
    handled = x >= 0.0
    return {
        "score": x,
        "mean": np.where(handled, above, below),
        "hidden": np.where(handled, below, above),
        "noise": 0.7 * r.normal(size=n),
    }
