"""Whether propensities mean what they say: of those given 30 %, 30 % got the arm.

Slope and intercept are those of a logistic regression of being in the arm on the log odds of its probability:
1 and 0 when calibrated; a slope below 1 says the probabilities are too extreme. Cox (1958),
doi:10.1093/biomet/45.3-4.562; Van Calster et al. (2019), doi:10.1186/s12916-019-1466-7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.multinomial import fit, penalty
from causalsig.results import Arm, Floats, Integers

EDGE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Calibration of every arm's probability.

    Attributes
    ----------
    arms : tuple, length K
    intercept, slope : (K,)
        On the log-odds scale; NaN where all probabilities of an arm are equal.
    slope_error : (K,)
        Standard error of the slope, clustered by household.
    predicted, observed : (K, B)
        Mean probability and share in the arm, a bin.
    n : (K, B) int
        Episodes a bin. Bins never leave the process.
    """

    arms: tuple[Arm, ...]
    intercept: Floats
    slope: Floats
    slope_error: Floats
    predicted: Floats = field(repr=False)
    observed: Floats = field(repr=False)
    n: Integers = field(repr=False)


def calibrate(
    p: Floats, codes: Integers, arms: tuple[Arm, ...], clusters: Integers, bins: int
) -> Calibration:
    """Compare p (n, K) with codes (n,), households in clusters (n,).

    Raises
    ------
    EstimationError
        ``estimation-bins`` when there are more bins than episodes, or less than one.
    """
    if not 1 <= bins <= len(p):
        raise EstimationError(
            "estimation-bins",
            expected=f"1 to {len(p)} bins",
            found=f"{bins}",
            mend="Use 10 bins.",
            where="bins",
        )
    lines, shown = [], []
    for k in range(len(arms)):
        got = np.asarray(codes == k, dtype=np.float64)
        lines.append(_line(p[:, k], got, clusters))
        parts = np.array_split(np.argsort(p[:, k], kind="stable"), bins)
        shown.append([(p[part, k].mean(), got[part].mean(), len(part)) for part in parts])
    a, b, error = np.array(lines).T
    table = np.array(shown)
    return Calibration(arms, a, b, error, table[:, :, 0], table[:, :, 1], table[:, :, 2].astype(np.int64))


def _line(p: Floats, got: Floats, clusters: Integers) -> tuple[float, float, float]:
    """Intercept, slope and the clustered error of the slope."""
    inside = np.clip(p, EDGE, 1.0 - EDGE)
    eta = np.log(inside / (1.0 - inside))
    if np.ptp(eta) < EDGE:
        return np.nan, np.nan, np.nan
    # Fitted on a scaled column, for the solver's tolerance.
    middle, spread = float(eta.mean()), float(eta.std())
    x = np.column_stack([np.ones(len(p)), (eta - middle) / spread])
    model = fit(x, np.array([got, 1.0 - got]).T, penalty(2, 2, 0.0), np.zeros((1, 2)))
    a, b = model.coefficients[0]
    mean = 1.0 / (1.0 + np.exp(-(x @ model.coefficients[0])))
    by_row = (got - mean) * (x @ model.solve(np.array([0.0, 1.0])))
    sums = np.bincount(clusters, weights=by_row)
    error = float(np.sqrt(len(sums) / (len(sums) - 1.0) * np.sum(sums**2)))
    return float(a - b * middle / spread), float(b / spread), error / spread
