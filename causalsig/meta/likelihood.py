"""Random effects over sites that give likelihoods: small ones beside normal ones, in one quadrature.

The true effect of site i is ``θ_i ~ N(μ, τ²)``, and the site gives L_i(θ_i). Its share of the likelihood of
(μ, τ) is ``∫ L_i(θ) N(θ; μ, τ²) dθ``: closed for a normal, for others by adaptive Gauss-Hermite (Liu & Pierce
1994, doi:10.1093/biomet/81.3.624), centred on the highest point of the integrand. The posterior under a flat
prior of μ and a half-normal, half-Cauchy or uniform one of τ is a table of Gauss-Legendre panels; nothing is
drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.distributions import (
    DEPTH,
    NormalMixture,
    PanelDistribution,
    log_cosh,
    nodes_of,
)
from causalsig.meta.inputs import freeze
from causalsig.meta.mixture import Mixture
from causalsig.meta.options import check_option
from causalsig.meta.priors import TauPrior, check_scale, end_of_prior, log_prior
from causalsig.meta.site_likelihoods import EventClass, NormalLikelihood, ProfileLikelihood

FloatArray = NDArray[np.float64]
Site = NormalLikelihood | ProfileLikelihood | EventClass

HERMITE_NODES = 31
NEWTON_STEPS = 60
# Panels of the final table, and points of the scans that find its ends, in τ and in μ.
TAU_PANELS, MEAN_PANELS = 6, 10
TAU_SCAN, MEAN_SCAN = 40, 60
# A slope of a log-likelihood at its end under this leaves the mean open to that side.
FLAT = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class PooledLikelihood(ComparedByValue):
    """Posterior of the pool.

    Attributes
    ----------
    mean, tau : PanelDistribution
        Of μ and of τ: ``density``, ``cdf``, ``quantile``, ``interval``, ``mean``, ``std_dev``.
    new_site : NormalMixture
        Posterior predictive distribution of a new site's true effect.
    sites : int
    prior, scale
    """

    mean: PanelDistribution
    tau: PanelDistribution
    new_site: NormalMixture
    sites: int
    prior: TauPrior
    scale: float


def pool_likelihoods(
    sites: Sequence[Site], *, scale: float, prior: TauPrior = "half-normal"
) -> PooledLikelihood:
    """Pool normal sites, profile likelihoods and classes of events.

    Parameters
    ----------
    sites : sequence of NormalLikelihood, ProfileLikelihood and EventClass
        All on one scale of θ; that of `EventClass` is the log odds of a risk.
    scale : float
        Of the prior of τ, in units of θ.
    prior : {"half-normal", "half-cauchy", "uniform"}

    Returns
    -------
    PooledLikelihood

    Raises
    ------
    MetaError
        ``meta-empty``; ``meta-variance``; ``meta-prior-scale``; ``meta-no-maximum`` when the sites leave μ
        open to one side (all without events), where no flat prior gives an answer.
    """
    check_option("prior", prior, TauPrior)
    scale = check_scale(scale)
    _check(sites)
    centre, unit = _where(sites)
    tau_unit = min(scale, min(site.summary()[1] for site in sites))
    tau_ends = (0.0, float(np.arcsinh(end_of_prior(prior, scale) / tau_unit)))
    reach = 50.0 * unit + 50.0 * min(scale * 1e3, end_of_prior(prior, scale))
    mean_ends = (-float(np.arcsinh(reach / unit)), float(np.arcsinh(reach / unit)))

    tabled = [site.table() if isinstance(site, EventClass) else site for site in sites]

    def table(tau_u: FloatArray, mean_u: FloatArray) -> FloatArray:
        """Log posterior with respect to both u, (T, M)."""
        tau, mean = tau_unit * np.sinh(tau_u), centre + unit * np.sinh(mean_u)
        height = _log_likelihood(tabled, mean[None, :], tau[:, None])
        prior_tau = log_prior(tau, prior, scale) + log_cosh(tau_u)
        return np.asarray(height + prior_tau[:, None] + log_cosh(mean_u)[None, :])

    for _ in range(3):
        tau_grid = np.linspace(*tau_ends, TAU_SCAN + 1)
        tau_grid[0] = max(tau_grid[0], 1e-6)
        mean_grid = np.linspace(*mean_ends, MEAN_SCAN + 1)
        heights = table(tau_grid, mean_grid)
        tau_ends = _ends(tau_grid, heights.max(axis=1), tau_ends)
        mean_ends = _ends(mean_grid, heights.max(axis=0), mean_ends)
    tau_edges = np.linspace(*tau_ends, TAU_PANELS + 1)
    mean_edges = np.linspace(*mean_ends, MEAN_PANELS + 1)
    (tau_u, tau_w), (mean_u, mean_w) = nodes_of(tau_edges), nodes_of(mean_edges)
    heights = table(tau_u.ravel(), mean_u.ravel())
    joint = np.exp(heights - heights.max())
    joint /= tau_w.ravel() @ joint @ mean_w.ravel()
    mass = joint * np.outer(tau_w, mean_w)
    tau = np.repeat(tau_unit * np.sinh(tau_u.ravel()), mean_u.size)
    means = np.tile(centre + unit * np.sinh(mean_u.ravel()), tau_u.size)
    keep = mass.ravel() > mass.max() * 1e-18
    mixture = Mixture(
        freeze(mass.ravel()[keep] / mass.ravel()[keep].sum())[None],
        freeze(tau[keep] ** 2)[None],
        freeze(means[keep])[None, :, None],
        freeze(tau[keep])[None, :, None],
    )
    over_tau = (tau_w.ravel() @ joint).reshape(mean_u.shape)
    over_mean = (joint @ mean_w.ravel()).reshape(tau_u.shape)
    return PooledLikelihood(
        mean=PanelDistribution(freeze(mean_edges), freeze(over_tau), centre, unit),
        tau=PanelDistribution(freeze(tau_edges), freeze(over_mean), 0.0, tau_unit),
        new_site=NormalMixture(mixture),
        sites=len(sites),
        prior=prior,
        scale=scale,
    )


def _check(sites: Sequence[Site]) -> None:
    if not sites:
        raise MetaError("meta-empty", expected="at least one site", found="none", mend="Pool at least one.")
    left = right = False
    for site in sites:
        if isinstance(site, NormalLikelihood):
            if not (np.isfinite(site.estimate) and np.isfinite(site.variance) and site.variance > 0.0):
                raise MetaError(
                    "meta-variance",
                    expected="a finite estimate with a variance above zero",
                    found="another",
                    mend="Give the site's likelihood instead, or leave it out.",
                )
            left = right = True
        elif isinstance(site, EventClass):
            falls = site.ends
            left, right = left or falls[0], right or falls[1]
        else:
            left, right = left or site.slopes[0] > FLAT, right or site.slopes[-1] < -FLAT
    if not (left and right):
        raise MetaError(
            "meta-no-maximum",
            expected="a site that bounds the mean on either side",
            found="sites that all leave one side open",
            mend="Where no site had an event, report the upper bound of the risk instead of a pool.",
        )


def _where(sites: Sequence[Site]) -> tuple[float, float]:
    """Place and spread of the mean, roughly: only the units of the table depend on them."""
    places = np.array([site.summary() for site in sites])
    weights = places[:, 1] ** -2.0
    spread = float(
        np.average((places[:, 0] - np.average(places[:, 0], weights=weights)) ** 2, weights=weights)
    )
    return float(np.average(places[:, 0], weights=weights)), float(
        np.sqrt(1.0 / weights.sum() + spread / len(sites))
    )


def _ends(grid: FloatArray, heights: FloatArray, before: tuple[float, float]) -> tuple[float, float]:
    inside = np.flatnonzero(heights >= heights.max() - DEPTH)
    low = before[0] if inside[0] == 0 else float(grid[inside[0] - 1])
    high = before[1] if inside[-1] == len(grid) - 1 else float(grid[inside[-1] + 1])
    return low, high


def _log_likelihood(
    sites: Sequence[NormalLikelihood | ProfileLikelihood], mean: FloatArray, tau: FloatArray
) -> FloatArray:
    """Log-likelihood (T, M) of means (1, M) and τ (T, 1)."""
    total = np.zeros(np.broadcast_shapes(mean.shape, tau.shape))
    for site in sites:
        if isinstance(site, NormalLikelihood):
            variance = site.variance + tau * tau
            total += -0.5 * ((site.estimate - mean) ** 2 / variance + np.log(variance))
        else:
            total += _integrated(site, mean, tau)
    return total


def _integrated(site: ProfileLikelihood, mean: FloatArray, tau: FloatArray) -> FloatArray:
    """``log ∫ L(θ) N(θ; μ, τ²) dθ`` by adaptive Gauss-Hermite, (T, M)."""
    mean, tau = np.broadcast_arrays(mean, tau)
    precision = 1.0 / (tau * tau)
    theta = np.array(mean)
    low, high = np.full(theta.shape, -np.inf), np.full(theta.shape, np.inf)
    for _ in range(NEWTON_STEPS):
        _, first, second = site.at(theta)
        slope = first - (theta - mean) * precision
        curvature = precision - np.minimum(second, 0.0)
        low, high = np.where(slope > 0.0, theta, low), np.where(slope > 0.0, high, theta)
        new = theta + slope / curvature
        # Where the likelihood bends, Newton may jump past the top: then halve what is known to hold it.
        with np.errstate(invalid="ignore"):
            new = np.where((new < low) | (new > high), 0.5 * (low + high), new)
        step, theta = new - theta, new
        if np.abs(step * np.sqrt(curvature)).max() < 1e-3:
            break
    spread = 1.0 / np.sqrt(precision - np.minimum(site.at(theta)[2], 0.0))
    points, log_weights = _hermite()
    at = theta[..., None] + spread[..., None] * points
    standard = (at - mean[..., None]) / tau[..., None]
    inside = site.at(at)[0] - 0.5 * standard * standard + log_weights
    highest = inside.max(axis=-1)
    summed = np.log(np.exp(inside - highest[..., None]).sum(axis=-1))
    return np.asarray(highest + summed + np.log(spread / tau))


@cache
def _hermite() -> tuple[FloatArray, FloatArray]:
    """Points in standard deviations, and log weights with the normal density divided out."""
    points, weights = np.polynomial.hermite_e.hermegauss(HERMITE_NODES)
    logs = np.log(weights) - 0.5 * np.log(2.0 * np.pi) + 0.5 * points * points
    return np.asarray(points), np.asarray(logs)
