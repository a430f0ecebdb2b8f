"""What a batch of meta-analyses returns: the arrays of one, with a leading axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.fits import Fits
from causalsig.meta.inputs import MetaInputs
from causalsig.meta.options import IntervalMethod, Tau2Method

if TYPE_CHECKING:
    from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RandomEffectsBatch(ComparedByValue):
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
        Or (B,) array where sites are missing.
    k : int
        Sites, those missing of a data set among them.
    method, interval, level
    fits : Fits
        The kernel's own arrays.
    inputs : MetaInputs
        Estimates and variances (B, k); the design is shared, or (B, k, p).
    parts : tuple of (rows, RandomEffectsBatch)
        Where sites are missing: the data sets of each set of sites.
    """

    coefficients: FloatArray
    covariance: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    df: float | FloatArray
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
    parts: tuple[tuple[NDArray[np.intp], RandomEffectsBatch], ...] = ()

    @classmethod
    def of(
        cls,
        fits: Fits,
        inputs: MetaInputs,
        method: Tau2Method,
        level: float,
        parts: tuple[tuple[NDArray[np.intp], RandomEffectsBatch], ...] = (),
    ) -> RandomEffectsBatch:
        """Wrap the kernel's arrays, read-only."""
        for each in fields(fits):
            value = getattr(fits, each.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        return cls(
            coefficients=fits.coefficients,
            covariance=fits.covariance,
            std_errors=fits.std_errors,
            conf_low=fits.conf_low,
            conf_high=fits.conf_high,
            p_values=fits.p_values,
            tau2=fits.tau2,
            tau2_std_error=fits.tau2_std_error,
            i2=fits.i2,
            h2=fits.h2,
            q=fits.q,
            q_p_value=fits.q_p_value,
            weights=fits.weights,
            score=fits.score,
            converged=fits.converged,
            boundary=fits.boundary,
            maxima=fits.maxima,
            df=fits.df,
            k=inputs.estimates.shape[1],
            method=method,
            interval=fits.interval,
            level=level,
            fits=fits,
            inputs=inputs,
            parts=parts,
        )

    def prediction_intervals(self) -> tuple[FloatArray, FloatArray]:
        """Mixture prediction bounds (B,) for a new site; of models with an intercept only.

        Raises
        ------
        MetaError
            ``meta-shape`` for a meta-regression: take ``batch[b].prediction_interval(moderators=...)``.
        """
        from causalsig.meta.fits import mixture_bounds

        if self.inputs.design.shape[-1] != 1 or not self.inputs.intercept:
            raise MetaError(
                "meta-shape",
                expected="a model with an intercept only",
                found=f"{self.inputs.design.shape[-1]} columns",
                mend="Ask each result of the batch, with the new site's moderators.",
            )
        if self.parts:
            low, high = np.empty(len(self)), np.empty(len(self))
            for rows, batch in self.parts:
                low[rows], high[rows] = batch.prediction_intervals()
            return low, high
        data = self.inputs
        return mixture_bounds(data.estimates, data.variances, data.basis, self.method, self.level)

    def __len__(self) -> int:
        """Return the number of data sets."""
        return len(self.tau2)

    def __getitem__(self, row: int) -> RandomEffects:
        """Return the result of one data set."""
        from causalsig.meta.results import RandomEffects

        row = range(len(self))[row]
        for rows, batch in self.parts:
            place = int(np.searchsorted(rows, row))
            if place < len(rows) and rows[place] == row:
                return batch[place]
        data = self.inputs
        basis = data.basis.member(row)
        design = data.design if data.design.ndim == 2 else data.design[row]
        one = MetaInputs(data.estimates[row], data.variances[row], design, basis, data.names, data.intercept)
        return RandomEffects.of(self.fits, row, one, self.method, self.level)

    def __iter__(self) -> Iterator[RandomEffects]:
        """Go over the results of all data sets."""
        return (self[row] for row in range(len(self)))
