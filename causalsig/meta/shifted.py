"""Intervals of a mean that may be shifted: one t, or a mixture of normals, biased by no more than said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.intervals import critical_value

FloatArray = NDArray[np.float64]

# Of a length in its own unit: intervals differ by far less than they are rounded to.
PRECISION = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Components(ComparedByValue):
    """What a mean may be, given what is known: normals or one t, (N,) each, shifted by at most `bias`."""

    mass: FloatArray
    means: FloatArray
    std_devs: FloatArray
    bias: FloatArray
    df: float

    def centre(self, level: float) -> float:
        """Middle of the interval there would be without biases."""
        if len(self.mass) == 1:
            return float(self.means[0])
        tail = 0.5 * (1.0 - level)
        return 0.5 * sum(self.quantile(p) for p in (tail, 1.0 - tail))

    def quantile(self, probability: float) -> float:
        """Quantile of a mixture of normals, as if nothing were biased."""
        z = special.ndtri(probability)
        ends = self.means + z * self.std_devs
        low, high = float(ends.min()), float(ends.max())
        if high - low <= PRECISION * float(self.std_devs.min()):
            return low

        def missing(x: float) -> float:
            inside = special.ndtr((x - self.means) / self.std_devs)
            return float(self.mass @ inside) - probability

        slack = 1e-9 * (high - low)
        return float(optimize.brentq(missing, low - slack, high + slack, xtol=PRECISION * (high - low)))

    def half_length(self, centre: float, level: float) -> float:
        """Smallest half-length around `centre` whose interval keeps its level at the worst bias."""
        z = critical_value(level, self.df)
        far = np.abs(self.means - centre) + self.bias + (z + 1.0) * self.std_devs
        high = float(far.max())
        return float(
            optimize.brentq(lambda half: self._inside(centre, half) - level, 0.0, high, xtol=PRECISION * high)
        )

    def _inside(self, centre: float, half: float) -> float:
        """Mass of ``centre ± half`` at the worst of both signs of the bias."""
        found = []
        for shift in (self.bias, -self.bias):
            at = self.means + shift
            ends = ((centre + half - at) / self.std_devs, (centre - half - at) / self.std_devs)
            below = [special.ndtr(u) if np.isinf(self.df) else special.stdtr(self.df, u) for u in ends]
            found.append(float(self.mass @ (below[0] - below[1])))
        return min(found)
