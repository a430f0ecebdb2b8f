"""Few sites: a prior on the spread between them, and the posterior by quadrature.

The model is that of `random_effects` with a flat prior on the coefficients and a half-normal, half-Cauchy or
uniform prior on τ. Given τ everything is normal in closed form, and the posterior of τ is its prior times the
restricted likelihood: one integral in one dimension, done by Gauss-Legendre panels in sinh⁻¹(τ) over the part
where the posterior is not negligible. Nothing is drawn. Sources: Röver (2020), doi:10.18637/jss.v093.i06;
Röver et al. (2021), doi:10.1002/jrsm.1475, on the choice of prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.distributions import (
    NormalMixture,
    PanelDistribution,
    log_cosh,
    nodes_of,
    part_that_counts,
)
from causalsig.meta.gls import log_likelihood
from causalsig.meta.inputs import MetaInputs, as_floats, check_inputs, freeze
from causalsig.meta.mixture import ConfidenceDistribution, Mixture, mixture_of_coefficients
from causalsig.meta.options import check_level, check_option
from causalsig.meta.prediction import ShrunkenEstimates, shrunken_mixture
from causalsig.meta.priors import TauPrior, check_scale, end_of_prior, log_prior

FloatArray = NDArray[np.float64]

PANELS = 40
# Points of the grids that find where the posterior is: the second over what the first left.
SCAN = 400


@dataclass(frozen=True, slots=True, eq=False)
class BayesianRandomEffects(ComparedByValue):
    """Posterior of a random-effects model.

    Attributes
    ----------
    tau : PanelDistribution
        Of τ, with ``density``, ``cdf``, ``quantile``, ``interval``, ``mean`` and ``std_dev``.
    mean : NormalMixture
        Of the first coefficient (the pooled effect), with the same methods.
    coefficients : tuple of p NormalMixture
    shrunken : ShrunkenEstimates
        The sites' own true effects; arrays (k,), the interval at ``level``.
    log_evidence : float
        Log of the integrated restricted likelihood: to compare priors of τ on the same data.
    prior, scale, level
    names : tuple of p str
    inputs : MetaInputs
    """

    tau: PanelDistribution
    mean: NormalMixture
    coefficients: tuple[NormalMixture, ...]
    shrunken: ShrunkenEstimates
    log_evidence: float
    prior: TauPrior
    scale: float
    level: float
    names: tuple[str, ...]
    inputs: MetaInputs

    def new_site(self, moderators: Any = None) -> NormalMixture:
        """Posterior predictive distribution of a new site's true effect.

        Parameters
        ----------
        moderators : (q,) array-like, optional
            Of the new site, without the intercept.
        """
        data = self.inputs
        count = len(self.names) - data.intercept
        values = np.zeros(0) if moderators is None else np.atleast_1d(as_floats("moderators", moderators))
        if values.shape != (count,) or not np.isfinite(values).all():
            raise MetaError(
                "meta-shape",
                expected=f"{count} finite moderators of the new site",
                found="none" if moderators is None else f"shape {values.shape} or a missing value",
                mend="Give the new site's moderators in the model's order, without the intercept.",
            )
        point = np.concatenate([np.ones(int(data.intercept)), values])
        return NormalMixture(_mixed(data, _masses(self.tau), point[None], new_site=True))


def bayesian_random_effects(
    estimates: Any,
    variances: Any,
    *,
    scale: float,
    prior: TauPrior = "half-normal",
    moderators: Any = None,
    intercept: bool = True,
    level: float = 0.95,
) -> BayesianRandomEffects:
    """Pool estimates of a few sites with a prior on the spread between them.

    Parameters
    ----------
    estimates, variances, moderators, intercept
        As `random_effects`.
    scale : float
        Of the prior of τ, in units of the effects: the half-normal's standard deviation (its median is 0.67
        of it), the half-Cauchy's median, or the uniform's end.
    prior : {"half-normal", "half-cauchy", "uniform"}
        The half-Cauchy's tail is so heavy that with one or two sites the interval of a new site hardly ends.
    level : float
        Of the intervals of the shrunken estimates.

    Returns
    -------
    BayesianRandomEffects
        Also with one site: its own estimate is then the mean, with the prior's spread around it.

    Raises
    ------
    MetaError
        As `random_effects`; ``meta-prior-scale``.
    """
    check_option("prior", prior, TauPrior)
    scale, level = check_scale(scale), check_level(level)
    data = check_inputs(estimates, variances, moderators, bool(intercept))
    unit = min(scale, float(np.sqrt(data.variances.min())))

    def log_density(u: FloatArray) -> FloatArray:
        tau = unit * np.sinh(u)
        height = log_likelihood(data.estimates, data.variances, data.basis, tau * tau, restricted=True)
        return np.asarray(height + log_prior(tau, prior, scale) + np.log(unit) + log_cosh(u))

    tau, log_evidence = panels_of(log_density, float(np.arcsinh(end_of_prior(prior, scale) / unit)), unit)
    given = _masses(tau)
    every = np.eye(data.design.shape[1])
    coefficients = tuple(NormalMixture(_mixed(data, given, row[None])) for row in every)
    return BayesianRandomEffects(
        tau=tau,
        mean=coefficients[0],
        coefficients=coefficients,
        shrunken=shrunken_mixture(data, given, level),
        log_evidence=log_evidence,
        prior=prior,
        scale=scale,
        level=level,
        names=data.names,
        inputs=data,
    )


def panels_of(
    log_density: Callable[[FloatArray], FloatArray], end: float, unit: float
) -> tuple[PanelDistribution, float]:
    """Distribution of a τ = unit sinh(u) from its log density in u on (0, end), and its log mass."""
    low, high = 0.0, end
    for _ in range(2):
        grid = np.linspace(low, high, SCAN + 1)
        low, high = part_that_counts(grid, log_density(grid))
    edges = np.linspace(low, high, PANELS + 1)
    points, weights = nodes_of(edges)
    heights = log_density(points.ravel()).reshape(points.shape)
    top = float(heights.max())
    values = np.exp(heights - top)
    total = float((values * weights).sum())
    return PanelDistribution(freeze(edges), freeze(values / total), 0.0, unit), top + float(np.log(total))


def _masses(tau: PanelDistribution) -> ConfidenceDistribution:
    points, weights = nodes_of(tau.edges)
    squares = (tau.scale * np.sinh(points.ravel())) ** 2
    return ConfidenceDistribution(squares[None], (tau.values * weights).reshape(1, -1), np.zeros(1))


def _mixed(
    data: MetaInputs, given: ConfidenceDistribution, rows: FloatArray, *, new_site: bool = False
) -> Mixture:
    return mixture_of_coefficients(
        data.estimates[None], data.variances[None], data.basis, rows, new_site=new_site, given=given
    )
