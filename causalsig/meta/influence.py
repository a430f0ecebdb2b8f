"""What each site does to the fit, and how the fit builds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import in_units_of_design, weighted_fit
from causalsig.meta.inputs import MetaInputs, as_floats, checked_basis, freeze
from causalsig.meta.intervals import chi_square_upper_tail

if TYPE_CHECKING:
    from causalsig.meta.results import Cumulative, RandomEffects

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Influence(ComparedByValue):
    """Diagnostics of deleting each site, arrays of shape (k,) unless said.

    Source: Viechtbauer & Cheung (2010), doi:10.1002/jrsm.11, with metafor's scaling (its factor of the
    covariance enters wherever a variance does). A ratio to a variance of zero (Knapp-Hartung, all effects
    equal) is nan, or infinite where the other sites alone are equal.

    Attributes
    ----------
    rstudent : (k,)
        Externally studentised deleted residual.
    dffits : (k,)
        Change of the site's fitted value, in standard errors.
    cooks_distance : (k,)
        Squared distance between the coefficients with and without the site.
    covariance_ratio : (k,)
        Determinant of the covariance without the site over that with it: under 1, the site costs precision.
    tau2_deleted, q_deleted : (k,)
        tau² and residual Q without the site.
    hat : (k,)
    weight : (k,)
        Per cent.
    dfbetas : (k, p)
        Change of each coefficient, in standard errors.
    influential : (k,) bool
        |DFFITS| > 3 √(p/(k - p)), the lower tail of chi-square(p) beyond Cook's distance under a half,
        hat > 3 p/k, or any |DFBETAS| > 1.
    """

    rstudent: FloatArray
    dffits: FloatArray
    cooks_distance: FloatArray
    covariance_ratio: FloatArray
    tau2_deleted: FloatArray
    q_deleted: FloatArray
    hat: FloatArray
    weight: FloatArray
    dfbetas: FloatArray
    influential: NDArray[np.bool_]


def influence(result: RandomEffects) -> Influence:
    """Work out the deletion diagnostics of a fitted model with more than one site."""
    from causalsig.meta.fits import fit_batch
    from causalsig.meta.univariate import without_each

    data = result.inputs
    x, y, v = data.design, data.estimates, data.variances
    # The mixture's covariance is the one without a factor.
    interval = "wald" if result.interval == "mixture" else result.interval
    full = fit_batch(y[None], v[None], data.basis, result.method, interval, result.level)
    coefficients, covariance = full.coefficients[0], full.covariance[0]
    others = without_each(data, result.method, interval, result.level)
    tau2 = others.tau2 if result.k > 2 else np.zeros(result.k)
    factor = others.fits.factor
    prediction = np.einsum("ip,ip->i", x, others.coefficients)
    prediction_variance = np.einsum("ip,ipq,iq->i", x, others.covariance, x)
    plain = in_units_of_design(weighted_fit(y, v, data.basis, full.tau2[0]), data.basis)[1]
    hat = np.einsum("ip,pq,iq->i", x, plain, x) / (v + full.tau2[0])
    change = coefficients - others.coefficients
    # The coefficients' covariance on all sites at the tau² of the others.
    at_others = weighted_fit(y, v, data.basis, tau2)
    r_inverse = np.linalg.inv(data.basis.r)
    spread = np.diagonal(r_inverse @ at_others.gram_inverse @ r_inverse.T, axis1=1, axis2=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rstudent = (y - prediction) / np.sqrt((v + tau2) * factor + prediction_variance)
        dffits = (x @ coefficients - prediction) / np.sqrt(factor * hat * (tau2 + v))
        # By the covariance without its factor, which may be zero.
        distance = np.linalg.solve(plain[None], change[..., None])[..., 0]
        cooks = np.einsum("ip,ip->i", change, distance) / full.factor[0]
        ratio = np.linalg.det(others.covariance) / np.linalg.det(covariance)
        dfbetas = change / np.sqrt(factor[:, None] * spread)
    p, k = len(coefficients), result.k
    influential = np.abs(dffits) > 3.0 * np.sqrt(p / (k - p))
    influential |= chi_square_upper_tail(cooks, p) < 0.5
    influential |= (hat > 3.0 * p / k) | (np.abs(dfbetas) > 1.0).any(axis=1)
    influential.setflags(write=False)
    return Influence(
        rstudent=freeze(rstudent),
        dffits=freeze(dffits),
        cooks_distance=freeze(cooks),
        covariance_ratio=freeze(ratio),
        tau2_deleted=others.tau2,
        q_deleted=others.q,
        hat=freeze(hat),
        weight=freeze(100.0 * full.weights[0]),
        dfbetas=freeze(dfbetas),
        influential=influential,
    )


def cumulative(result: RandomEffects, order: Any) -> Cumulative:
    """Fits of the first sites in an order, from the first number that can be fitted."""
    from causalsig.meta.results import Cumulative
    from causalsig.meta.univariate import fit

    data = result.inputs
    chosen = np.arange(result.k) if order is None else as_floats("order", order)
    if chosen.shape != (result.k,) or not np.array_equal(np.sort(chosen), np.arange(result.k)):
        raise MetaError(
            "meta-shape",
            expected=f"an order of the sites: each of 0 to {result.k - 1} once",
            found=f"shape {chosen.shape}, or not a permutation",
            mend="Give numpy.argsort of what the sites are ordered by.",
        )
    places = chosen.astype(np.intp)
    p = data.design.shape[1]
    results = []
    for count in range(1 if p == 1 and data.intercept else p + 1, result.k + 1):
        first = places[:count]
        design = data.design[first]
        try:
            basis = checked_basis(design, data.names)
        except MetaError:
            # Too few different values of a moderator so far.
            continue
        some = MetaInputs(
            freeze(data.estimates[first]),
            freeze(data.variances[first]),
            freeze(design),
            basis,
            data.names,
            data.intercept,
        )
        results.append(fit(some, result.method, result.interval, result.level))
    return Cumulative(tuple(int(place) for place in places), tuple(results))
