"""Sets of effects the data do not reject, however weak the instrument.

Anderson and Rubin (1949),
doi:10.1214/aoms/1177730090.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from causalsig.results import Floats

Kind = Literal["interval", "rays", "line", "empty"]
TIES = 1e-12
"""A leading coefficient below this share of its parts is zero: the set has one end."""


@dataclass(frozen=True, slots=True)
class ConfidenceSet:
    """Every effect the data do not reject.

    Attributes
    ----------
    kind : {"interval", "rays", "line", "empty"}
        "interval": from `low` to `high`, one of which may be infinite. "rays": everything up to `low` and
        everything from `high`. "line": nothing is rejected, the instrument says nothing. "empty" cannot occur
        with one instrument unless all values agree.
    low, high : float
    level : float
    """

    kind: Kind
    low: float
    high: float
    level: float

    def __contains__(self, effect: float) -> bool:
        """Whether an effect is not rejected."""
        if self.kind == "interval":
            return self.low <= effect <= self.high
        return self.kind == "line" or (self.kind == "rays" and (effect <= self.low or effect >= self.high))

    @property
    def bounded(self) -> bool:
        """Whether the set has two finite ends."""
        return self.kind == "interval" and bool(np.isfinite([self.low, self.high]).all())


def anderson_rubin(effects: Floats, covariance: Floats, df: float, level: float) -> ConfidenceSet:
    """Solve ``(a - θ b)² <= t² (V_aa - 2 θ V_ab + θ² V_bb)`` for θ.

    Parameters
    ----------
    effects : (2,), a on the outcome and b on the treatment
    covariance : (2, 2)
    """
    from scipy.special import stdtrit

    t2 = float(stdtrit(df, 0.5 + level / 2.0)) ** 2
    a, b = (float(v) for v in effects)
    square = b**2 - t2 * float(covariance[1, 1])
    half = a * b - t2 * float(covariance[0, 1])
    rest = a**2 - t2 * float(covariance[0, 0])
    # square θ² - 2 half θ + rest <= 0
    if abs(square) <= TIES * max(b**2, t2 * float(covariance[1, 1])):
        if half == 0.0:
            return ConfidenceSet("line" if rest <= 0.0 else "empty", -np.inf, np.inf, level)
        end = rest / (2.0 * half)
        low, high = (end, np.inf) if half > 0.0 else (-np.inf, end)
        return ConfidenceSet("interval", low, high, level)
    inside = half**2 - square * rest
    if inside < 0.0:
        return ConfidenceSet("line" if square < 0.0 else "empty", -np.inf, np.inf, level)
    ends = sorted(((half - np.sqrt(inside)) / square, (half + np.sqrt(inside)) / square))
    return ConfidenceSet("interval" if square > 0.0 else "rays", float(ends[0]), float(ends[1]), level)
