"""The design every nuisance model shares: intercept, columns of like scale, none that others determine."""

from __future__ import annotations

import numpy as np

from causalsig.results import Floats

CONSTANT = 1e-10
"""A column whose spread is below this share of its size is constant up to rounding."""
DEPENDENT = 1e-7
"""A standardised column with less than this left after the columns before it is determined by them."""
USUAL_KURTOSIS = 4.0
"""Somewhat above a normal covariate's 3; a column with more is made narrower, so that the ridge holds it too.

A category of share q has kurtosis of about 1/q. Brought to variance 1 a household of a rare category stands
√(1/q) away, and a ridge on that scale leaves its log odds all but free: who is the first of the category
outside his fold to get an arm then gets a weight like that of the rest of the arm (at sites of 1,000
households with arms drawn by lot an arm was worth 5 % of its households under the weights of the ATE; 77 %
on the scale used here). With variance 4 q the ridge is a prior of standard deviation 2 on the log odds of
the category, however rare.
"""
RIDGE = 1.0
"""Weight of one observation on a slope: it vanishes as 1/n, and bounds a sparse category."""
SEPARATION_RIDGE = 25.0
"""Used when the covariates (nearly) decide the arm; the result says so."""
SEPARATED = 1e-6
"""A fitted probability below this is separation, not information."""


def standard_design(covariates: Floats) -> tuple[Floats, tuple[int, ...], tuple[str, ...]]:
    """Build the design matrix.

    Of columns that determine each other the first stay (as R's ``lm`` does): with a pivot on the column norm,
    which are all equal here, rounding and so the row order would choose.

    Parameters
    ----------
    covariates : (n, p)

    Returns
    -------
    design : (n, 1 + kept), the first column 1, the others with mean 0 and variance 1, or 4 over their kurtosis
        where that is less (see `USUAL_KURTOSIS`)
    kept : positions of the columns that stayed
    notes : stable codes of what was dropped
    """
    n, width = covariates.shape
    notes: list[str] = []
    centred = covariates - covariates.mean(axis=0)
    spread = np.sqrt(np.mean(centred**2, axis=0))
    varying = spread > CONSTANT * np.maximum(np.abs(covariates).max(axis=0, initial=0.0), 1e-300)
    kept = np.flatnonzero(varying)
    if len(kept) < width:
        notes.append("propensity-constant-column")
    x = centred[:, kept] / spread[kept]
    if x.shape[1]:
        # The diagonal of R is what each column has left after those before it.
        left = np.zeros(x.shape[1])
        diagonal = np.abs(np.diagonal(np.linalg.qr(x, mode="r")))
        left[: len(diagonal)] = diagonal
        independent = left > DEPENDENT * np.sqrt(n)
        if not independent.all():
            notes.append("propensity-dependent-column")
            kept, x = kept[independent], x[:, independent]
    x = x / np.sqrt(np.maximum(1.0, np.mean(x**4, axis=0) / USUAL_KURTOSIS))
    return np.hstack([np.ones((n, 1)), x]), tuple(int(k) for k in kept), tuple(notes)
