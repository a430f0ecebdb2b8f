"""The confidence-distribution mixture: every tau² that the data allow, each with its own normal answer.

Under tau² = t the generalised Q statistic Q(t) = y'P(t)y is chi-square with k - p degrees of freedom whatever
the coefficients are, and it falls in t. So ``H(t) = P(chi-square ≥ Q(t))`` is an exact confidence
distribution of tau², with a point mass ``P(chi-square ≥ Q(0))`` at zero. Given t, the coefficients are normal
around their weighted fit, independent of Q(t); a new site's true effect adds t to the variance. Mixing the
normals over H gives distributions whose quantiles are the intervals here. Kin: Iyer, Wang & Mathew (2004),
doi:10.1198/016214504000001790; Nagashima, Noma & Furukawa (2019), doi:10.1177/0962280218773520. Nothing is
drawn: the mixing is a Gauss-Legendre rule in log(tau² + a unit of variance).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import Basis, trace_p, weighted_fit, y_pp_y
from causalsig.meta.heterogeneity import generalised_q_roots
from causalsig.meta.roots import falling_roots

FloatArray = NDArray[np.float64]

# Confidence mass beyond each end of the rule, which is put on the end itself.
TAIL = 1e-10
# Nodes of the rule up to so many degrees of freedom: the masses add to one within 1e-9 (a test holds it from
# 2 to 300 sites); few sites have the longest tails.
NODES = ((4, 96), (20, 64), (10**9, 48))
# The spread of sinh⁻¹((x - centre)/scale) a quantile is sought on; only sets what is a small step.
WINDOW = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Mixture(ComparedByValue):
    """Normal components, ``m`` quantities of each of ``B`` data sets.

    Attributes
    ----------
    mass : (B, N)
        Adds to one over N; the first is the mass at the lowest tau² (at zero, where the data allow zero).
    tau2 : (B, N)
    means, std_devs : (B, N, m)
    """

    mass: FloatArray
    tau2: FloatArray
    means: FloatArray
    std_devs: FloatArray

    def quantiles(self, probabilities: tuple[float, ...]) -> tuple[FloatArray, ...]:
        """Quantiles of each quantity, (B, m) for each probability."""
        mass, means, std_devs = self._flat()
        node = _median_node(mass)[:, None]
        tiny = np.finfo(np.float64).tiny
        centre = np.take_along_axis(means, node, axis=1)[:, 0]
        scale = np.maximum(np.take_along_axis(std_devs, node, axis=1)[:, 0], tiny)
        safe = np.maximum(std_devs, tiny)
        # With u the median component's standard score, x = centre + scale sinh(u) resolves both the middle
        # and tails that are heavier than Cauchy's.
        z = special.ndtri(np.repeat(probabilities, len(mass)))[:, None]
        count = len(probabilities)
        member = np.tile(np.arange(len(mass)), count)
        ends = np.tile(means, (count, 1)) + z * np.tile(std_devs, (count, 1))
        low = np.arcsinh((ends.min(axis=1) - centre[member]) / scale[member]) - 1e-9
        high = np.arcsinh((ends.max(axis=1) - centre[member]) / scale[member]) + 1e-9
        target = np.repeat(probabilities, len(mass))

        def missing(point: FloatArray, rows: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
            which = member[rows]
            x = centre[which] + scale[which] * np.sinh(point)
            standard = (x[:, None] - means[which]) / safe[which]
            below = np.einsum("ij,ij->i", mass[which], special.ndtr(standard))
            heights = np.exp(-0.5 * standard * standard) / safe[which]
            density = np.einsum("ij,ij->i", mass[which], heights) / np.sqrt(2.0 * np.pi)
            return target[rows] - below, -density * scale[which] * np.cosh(point)

        start = np.clip(np.arcsinh(z[:, 0]), low, high)
        root = falling_roots(missing, low, high, WINDOW - low, start)
        found = centre[member] + scale[member] * np.sinh(root)
        shape = (count, len(self.mass), self.means.shape[-1])
        return tuple(found.reshape(shape))

    def below(self, threshold: float) -> FloatArray:
        """P(quantity < threshold), (B, m)."""
        mass, means, std_devs = self._flat()
        with np.errstate(divide="ignore", invalid="ignore"):
            standard = (threshold - means) / std_devs
        inside = np.where(np.isnan(standard), 0.5, special.ndtr(standard))
        total = np.einsum("ij,ij->i", mass, inside)
        return np.asarray(total).reshape(len(self.mass), self.means.shape[-1])

    def _flat(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        count = self.means.shape[-1]
        nodes = self.mass.shape[1]
        mass = np.repeat(self.mass, count, axis=0)
        means = np.moveaxis(self.means, 2, 1).reshape(-1, nodes)
        return mass, means, np.moveaxis(self.std_devs, 2, 1).reshape(-1, nodes)


@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceDistribution(ComparedByValue):
    """Confidence distribution of tau².

    Attributes
    ----------
    tau2, mass : (B, N)
        Nodes and their masses, which add to one.
    error : (B,)
        One minus the sum of the masses before they were scaled: the error of the rule.
    """

    tau2: FloatArray
    mass: FloatArray
    error: FloatArray


def confidence_distribution(y: FloatArray, v: FloatArray, basis: Basis) -> ConfidenceDistribution:
    """Nodes and masses for effects and variances (B, k), k > p."""
    df = float(basis.k - basis.p)
    low = np.nan_to_num(generalised_q_roots(y, v, basis, 2.0 * float(special.gammainccinv(0.5 * df, TAIL))))
    high = generalised_q_roots(y, v, basis, 2.0 * float(special.gammaincinv(0.5 * df, TAIL)))
    # Effects that agree better than chance allows leave all mass at zero.
    high = np.maximum(np.nan_to_num(high), low)
    # Q(t) is Σ c_i²/(λ_i + t) with λ the variances among the error contrasts, none below 1/tr P(0); the
    # smallest variance itself can be anything where one site has all the weight.
    unit = np.maximum(v.min(axis=1), 1.0 / trace_p(weighted_fit(y, v, basis, 0.0), basis))
    length = np.log((high + unit) / (low + unit))
    points, weights = _rule(next(nodes for most, nodes in NODES if df <= most))
    growth = np.exp(length[:, None] * points)
    tau2 = np.concatenate(
        [low[:, None], (low + unit)[:, None] * growth - unit[:, None], high[:, None]], axis=1
    )
    tau2 = np.clip(tau2, low[:, None], high[:, None])
    fit = weighted_fit(y[:, None], v[:, None], basis.spread(), tau2)
    q, fall = fit.rss, y_pp_y(fit)
    at_ends = special.gammaincc(0.5 * df, 0.5 * q[:, [0, -1]])
    spread = length[:, None] > 0.0
    inside = np.where(spread, q[:, 1:-1], 1.0)
    log_density = (0.5 * df - 1.0) * np.log(inside) - 0.5 * inside
    log_density -= 0.5 * df * np.log(2.0) + special.gammaln(0.5 * df)
    inner = np.exp(log_density) * fall[:, 1:-1] * (tau2[:, 1:-1] + unit[:, None])
    inner = np.where(spread, inner * weights * length[:, None], 0.0)
    mass = np.concatenate([at_ends[:, :1], inner, 1.0 - at_ends[:, 1:]], axis=1)
    total = mass.sum(axis=1)
    return ConfidenceDistribution(tau2, mass / total[:, None], np.asarray(1.0 - total))


def known_tau2(tau2: FloatArray) -> ConfidenceDistribution:
    """All mass at tau² (B,): for a model that fixes it."""
    return ConfidenceDistribution(tau2[:, None], np.ones((len(tau2), 1)), np.zeros(len(tau2)))


def mixture_of_coefficients(
    y: FloatArray,
    v: FloatArray,
    basis: Basis,
    functionals: FloatArray,
    *,
    new_site: bool = False,
    given: ConfidenceDistribution | None = None,
) -> Mixture:
    """Mix the conditional normals of linear functions of the coefficients.

    Parameters
    ----------
    y, v : (B, k)
    functionals : (m, p)
        Rows of multipliers of the design's coefficients.
    new_site : bool
        Of a new site's true effect: tau² is added to the variance.
    given : ConfidenceDistribution, optional
        When it was worked out already.
    """
    found = given or confidence_distribution(y, v, basis)
    fit = weighted_fit(y[:, None], v[:, None], basis.spread(), found.tau2)
    # L β = (L r⁻¹) b with b the coefficients in the basis.
    in_basis = functionals @ np.linalg.inv(basis.spread().r)
    means = (in_basis @ fit.coefficients[..., None])[..., 0]
    variances = np.einsum("...mp,...pq,...mq->...m", in_basis, fit.gram_inverse, in_basis)
    if new_site:
        variances = variances + found.tau2[..., None]
    return Mixture(found.mass, found.tau2, np.asarray(means), np.sqrt(variances))


def _median_node(mass: FloatArray) -> NDArray[np.intp]:
    return np.asarray((np.cumsum(mass, axis=1) < 0.5).sum(axis=1).clip(max=mass.shape[1] - 1))


@cache
def _rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre points and weights on (0, 1)."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    return np.asarray(0.5 * (points + 1.0)), np.asarray(0.5 * weights)
