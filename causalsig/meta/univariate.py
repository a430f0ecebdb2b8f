"""One effect a site: random-effects meta-analysis and meta-regression, one data set or a batch of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.batch import RandomEffectsBatch
from causalsig.meta.fits import fit_batch
from causalsig.meta.inputs import (
    MetaInputs,
    check_effects,
    check_inputs,
    checked_basis,
    design_of,
    freeze,
    refuse_unequal,
)
from causalsig.meta.options import (
    DEFAULT_INTERVAL,
    IntervalMethod,
    Tau2Method,
    check_level,
    check_option,
)
from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]


def random_effects(
    estimates: Any,
    variances: Any,
    *,
    moderators: Any = None,
    intercept: bool = True,
    tau2: Tau2Method = "REML",
    interval: IntervalMethod = DEFAULT_INTERVAL,
    level: float = 0.95,
) -> RandomEffects:
    """Pool estimates of one quantity under ``y_i ~ N(x_i'β, v_i + tau²)``.

    Parameters
    ----------
    estimates : (k,) array-like
        One effect a site, on one scale, log for ratios.
    variances : (k,) array-like
        Their sampling variances, positive, taken as known.
    moderators : (k,) or (k, q) array-like, optional
        Meta-regression. A frame's column names are kept.
    intercept : bool
        Put a column of ones before the moderators. Without it the model is exactly the moderators: tau² and Q
        come from that same design, where R's metafor (3.8) centres the effects first.
    tau2 : {"REML", "ML", "DL", "HE", "HS", "SJ", "PM", "EB", "EE"}
        Estimator of tau². ``EE`` fixes it at zero (equal effects, inverse-variance pooling).
    interval : {"mixture", "knapp-hartung-floored", "knapp-hartung", "t", "wald"}
        ``mixture`` (default): quantiles of the normals of the coefficients given each tau², mixed over its
        exact confidence distribution (:mod:`causalsig.meta.mixture`); it carries the uncertainty of tau²,
        does not depend on the estimator of tau², and holds with few sites of very unequal size. The standard
        errors beside it are those at the estimate of tau². With ``EE`` it is ``wald``. ``wald``: normal.
        ``t``: k - p degrees of freedom. ``knapp-hartung``: t, and the covariance times y'Py/(k - p) (Knapp &
        Hartung 2003, doi:10.1002/sim.1482). ``knapp-hartung-floored``: that factor is at least one, so that
        the interval is never narrower than ``t`` (Jackson et al. 2017, doi:10.1002/sim.7411). With all
        effects equal ``knapp-hartung`` has a standard error of zero: its interval is that effect, its p-value
        0, and nan where the effect is zero. `preset` names choices of `tau2` and `interval` made elsewhere.
    level : float
        Confidence level of all intervals.

    Returns
    -------
    RandomEffects
        With one site the pool is that site's estimate with its normal interval, tau² is nan (zero for
        ``EE``) and the note ``meta-one-site`` says so. Two sites are pooled with the note ``meta-two-sites``.

    Raises
    ------
    MetaError
        An unknown name, a level outside (0, 1), shapes that do not fit, a missing or infinite number, a
        variance of zero or less, moderators that are too many or collinear.
    """
    check_option("tau2", tau2, Tau2Method)
    check_option("interval", interval, IntervalMethod)
    return fit(
        check_inputs(estimates, variances, moderators, bool(intercept)), tau2, interval, check_level(level)
    )


def random_effects_batch(
    estimates: Any,
    variances: Any,
    *,
    moderators: Any = None,
    intercept: bool = True,
    tau2: Tau2Method = "REML",
    interval: IntervalMethod = DEFAULT_INTERVAL,
    level: float = 0.95,
) -> RandomEffectsBatch:
    """Pool many data sets of the same sites at once: outcomes, contrasts, bootstrap draws.

    Parameters
    ----------
    estimates : (B, k) array-like
        One data set a row; nan marks a site that this data set lacks.
    variances : (B, k) or (k,) array-like
    moderators : (k,) or (k, q) array-like, optional
        Shared by all data sets.
    intercept, tau2, interval, level
        As in `random_effects`.

    Returns
    -------
    RandomEffectsBatch
        The arrays of `RandomEffects` with a leading axis; ``batch[b]`` is the `RandomEffects` of one row, and
        equals `random_effects` of that row to the last bit. Where sites are missing it is that of the sites
        there are, the missing have weight zero, and ``df`` is an array (B,).

    Raises
    ------
    MetaError
        As `random_effects`.
    """
    check_option("tau2", tau2, Tau2Method)
    check_option("interval", interval, IntervalMethod)
    y, v = check_effects(estimates, variances, 2, missing=True)
    design, names = design_of(moderators, bool(intercept), y.shape[1])
    if np.isnan(y).any():
        from causalsig.meta.batch_missing import fit_with_missing

        return fit_with_missing(y, v, design, names, bool(intercept), tau2, interval, check_level(level))
    shared = MetaInputs(y, v, design, checked_basis(design, names), names, bool(intercept))
    refuse_unequal(v, shared.basis)
    return fit_rows(shared, tau2, interval, check_level(level))


def fit(data: MetaInputs, method: Tau2Method, interval: IntervalMethod, level: float) -> RandomEffects:
    """Fit checked data of one set."""
    fits = fit_batch(data.estimates[None], data.variances[None], data.basis, method, interval, level)
    return RandomEffects.of(fits, 0, data, method, level)


def fit_rows(
    data: MetaInputs, method: Tau2Method, interval: IntervalMethod, level: float
) -> RandomEffectsBatch:
    """Fit checked data of many sets."""
    fits = fit_batch(data.estimates, data.variances, data.basis, method, interval, level)
    return RandomEffectsBatch.of(fits, data, method, level)


def without_each(
    data: MetaInputs, method: Tau2Method, interval: IntervalMethod, level: float
) -> RandomEffectsBatch:
    """Fit without each site in turn, as one batch: row i is the fit of all sites but i."""
    k = len(data.estimates)
    others = np.broadcast_to(np.arange(k), (k, k))[~np.eye(k, dtype=bool)].reshape(k, k - 1)
    design = data.design[others]
    basis = checked_basis(design, data.names)
    shared = MetaInputs(
        freeze(data.estimates[others]),
        freeze(data.variances[others]),
        freeze(design),
        basis,
        data.names,
        data.intercept,
    )
    return fit_rows(shared, method, interval, level)
