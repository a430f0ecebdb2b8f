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


def moved(seed: int, *, drift: float = 0.0, rival: float = 0.0, rival_grows: bool = False) -> dict[str, Any]:
    """Draw a threshold that came down halfway; households of two episodes that go together.

    Parameters
    ----------
    drift : of the band against all others, a month
    rival : what else jumps, at both thresholds, all the time
    rival_grows : whether it grows to ten times its size at the new threshold, over the months before
    """
    r = np.random.default_rng([seed, 21])
    household = np.repeat(np.arange(N // 2), 2)
    x = scores(r, N)
    month = r.integers(0, MONTHS, N)
    late = month >= CHANGED
    handled = np.where(late, x >= NEW, x >= OLD)
    inside = (x >= NEW) & (x < OLD)
    size = rival * (1.0 + 9.0 * rival_grows * np.minimum(month / CHANGED, 1.0))
    mean = curve(x) + effect(x) * handled + 0.003 * month + 0.1 * np.sin(month / 2.0)
    mean = mean + drift * month * inside + size * (x >= NEW) + rival * (x >= OLD)
    y = mean + 0.3 * r.normal(size=N // 2)[household] + 0.6 * r.normal(size=N)
    truth = float(effect(x[inside & late]).mean())
    return {"score": x, "outcome": y, "month": month, "households": household, "truth": truth}


def bins(
    r: np.random.Generator, cutoff: float, *, level: float = 0.0, slope: float = 0.0, n: int = N
) -> tuple[Any, Any]:
    """Draw one site as its table left it: n in multiples of 5, means and variances on a grid; and its scores.

    The site's mean is the common curve, plus `level`, plus `slope` a unit of score.
    """
    from causalsig.estimation import collapse_scores, fill_bins
    from causalsig.estimation.moving_sites import site_bins

    x = scores(r, n)
    mean = curve(x) + level + slope * x + effect(x) * (x >= cutoff)
    y = np.maximum(np.rint(4.0 * (mean + 0.7 * r.normal(size=n))), -4.0) / 4.0
    filled = fill_bins(collapse_scores(x, y), cutoff, smallest=10)
    counts, sums = filled.moments.counts, filled.moments.sums[:, 0]
    means = sums / counts
    variances = filled.moments.products[:, 0, 0] / counts - means**2
    shown = 5.0 * np.maximum(np.rint(counts / 5.0), 1.0)
    return site_bins(
        cutoff,
        np.round(filled.score, 3),
        shown,
        np.round(means, 2),
        np.maximum(np.round(variances, 2), 0.01),
    ), x


def bent(seed: int, bend: float, n: int = N) -> dict[str, Any]:
    """Draw scores around a threshold at 0 and means that bend by `bend`: the worst that bound allows."""
    r = np.random.default_rng([seed, 23])
    x = scores(r, n)
    handled = x >= 0.0
    # Away from the threshold both means bend the same way as the handling's own side hides them.
    mean = 0.9 + 0.25 * x + 0.5 * bend * np.where(handled, -1.0, 1.0) * x**2
    hidden = 0.9 + 0.25 * x + 0.5 * bend * x**2 * np.where(handled, 1.0, -1.0)
    return {"score": x, "mean": mean, "hidden": hidden, "noise": 0.7 * r.normal(size=n)}
