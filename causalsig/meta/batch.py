"""What a batch of meta-analyses returns: the arrays of one, with a leading axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.fits import Fits
from causalsig.meta.inputs import MetaInputs
from causalsig.meta.options import IntervalMethod, Tau2Method

if TYPE_CHECKING:
    from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RandomEffectsBatch:
    """Fitted models of B data sets with k sites and p coefficients each.

    Attributes
    ----------
    coefficients, std_errors, conf_low, conf_high, p_values : (B, p) arrays
    covariance : (B, p, p) array
    tau2, tau2_std_error, i2, h2, q, q_p_value, score : (B,) arrays
    converged, boundary : (B,) bool arrays
    maxima : (B,) int array
    weights : (B, k) array
        Fractions that add to one.
    df : float
    k : int
    method, interval, level
    fits : Fits
        The kernel's own arrays.
    inputs : MetaInputs
        Estimates and variances (B, k); the design is shared, or (B, k, p).
    """

    coefficients: FloatArray
    covariance: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    df: float
    tau2: FloatArray
    tau2_std_error: FloatArray
    i2: FloatArray
    h2: FloatArray
    q: FloatArray
    q_p_value: FloatArray
    weights: FloatArray
    score: FloatArray
    converged: NDArray[np.bool_]
    boundary: NDArray[np.bool_]
    maxima: NDArray[np.int_]
    k: int
    method: Tau2Method
    interval: IntervalMethod
    level: float
    fits: Fits
    inputs: MetaInputs

    @classmethod
    def of(cls, fits: Fits, inputs: MetaInputs, method: Tau2Method, level: float) -> RandomEffectsBatch:
        """Wrap the kernel's arrays, read-only."""
        numbers = (
            fits.coefficients, fits.covariance, fits.std_errors, fits.conf_low, fits.conf_high, fits.p_values,
            fits.tau2, fits.tau2_std_error, fits.i2, fits.h2, fits.q, fits.q_p_value, fits.weights, fits.score,
            fits.converged, fits.boundary, fits.maxima,
        )  # fmt: skip
        for each in numbers:
            each.setflags(write=False)
        return cls(
            *numbers[:6], fits.df, *numbers[6:], inputs.estimates.shape[1], method, fits.interval, level,
            fits, inputs,
        )  # type: ignore[arg-type]  # fmt: skip

    def __len__(self) -> int:
        """Return the number of data sets."""
        return len(self.tau2)

    def __getitem__(self, row: int) -> RandomEffects:
        """Return the result of one data set."""
        from causalsig.meta.results import RandomEffects

        row = range(len(self))[row]
        data = self.inputs
        basis = data.basis.member(row)
        design = data.design if data.design.ndim == 2 else data.design[row]
        one = MetaInputs(data.estimates[row], data.variances[row], design, basis, data.names, data.intercept)
        return RandomEffects.of(self.fits, row, one, self.method, self.level)

    def __iter__(self) -> Iterator[RandomEffects]:
        """Go over the results of all data sets."""
        return (self[row] for row in range(len(self)))
