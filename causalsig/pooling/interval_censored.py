"""Random effects where of some sites only a class is known: fewer than ten households had the outcome.

Site i has ``y_i ~ N(μ, s_i)`` with ``s_i = v_i + τ²``, and of a censored site only ``y_i ∈ C_i`` is known. By
Fisher's identity the score of what is observed is the expected score of what is not (Louis 1982,
doi:10.1111/j.2517-6161.1982.tb01203.x). With ``ŷ_i = E(y_i | C_i)`` and ``κ_i = ∂ŷ_i/∂μ``, which for a
normal is ``Var(y_i | C_i)/s_i``, between 0 and 1:

- the score in μ is ``(ŷ_i - μ)/s_i``, and its information ``(1 - κ_i)/s_i``;
- the score in τ² is ``½ [E((y_i - μ)² | C_i)/s_i² - 1/s_i] = ½ [(ŷ_i - μ)²/s_i² - (1 - κ_i)/s_i]``.

A normal *working observation*, as in iterated weighted least squares, with

    y*_i = μ + (ŷ_i - μ)/(1 - κ_i),    v*_i = s_i/(1 - κ_i) - τ²

has all three. So the estimates of μ and τ² that reproduce themselves are those of the censored likelihood
(for REML with its usual correction), and the weights, interval and prediction interval follow from the same
code as without censoring. v*_i is never below v_i: what is not known costs weight.

``ŷ_i`` is not taken from a normal: counts near ten are skewed, and a class is nearly always below the mean.
The other arm of the contrast is known, ``m ± √v_m``; with a flat prior of the site's own level, which is what
pooling differences assumes, the risk of the censored arm is ``θ ~ N(m + μ, v_m + τ²)`` within 0 to 1, the
number of households with the outcome is binomial, n is log-uniform where its released size says, and

    E(N/n | N < c) = Σ_j w_j θ_j P(N_{n-1} < c - 1 | θ_j) / Σ_j w_j P(N_n < c | θ_j).

For weighted means N/n stands for the arm's own: its expected gap from the risk is the same whatever the
weights, if they do not depend on outcomes. That raw and weighted risk of the arm are the same is assumed; how
much it matters where they are not is measured (claim ``suppression-bias``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from causalsig.meta import random_effects
from causalsig.meta.options import IntervalMethod, Tau2Method
from causalsig.meta.results import RandomEffects

Floats = NDArray[np.float64]

RISK_NODES, SIZE_NODES = 31, 5
MAX_STEPS = 60
TOLERANCE = 1e-4
"""Change of the mean in standard errors, and of τ in them, at which the working observations stand."""
STEP = 1e-4
"""Half-width of the difference that gives κ: a hundredth of a point of risk."""
MOST_LOST = 0.98
"""A class that says less than a fiftieth of what a mean does is taken to say that much."""
_Z, _W = np.polynomial.hermite_e.hermegauss(RISK_NODES)
_W = _W / _W.sum()


@dataclass(frozen=True, slots=True, eq=False)
class CensoredSites:
    """Sites with a class, for one contrast or one arm's level: ``y = sign · X + offset``.

    Attributes
    ----------
    sign, offset, offset_variance : (m,) arrays
        X is the share of the few in the censored arm; the offset is of the other arm, 0 or ±1 for a level.
    variances : (m,) array
        Of y had it been known, from effective sizes.
    below : (m,) array
        Fewer households than this are of the class.
    least, most : (m,) arrays
        Between which the number of households of the arm lies.
    """

    sign: Floats
    offset: Floats
    offset_variance: Floats
    variances: Floats
    below: Floats
    least: Floats
    most: Floats

    def expected(self, mean: float, tau2: float) -> Floats:
        """Expect y given its class, (m,), at a mean and a variance between sites."""
        spread = np.sqrt(self.offset_variance + tau2)
        centre = self.sign * (mean - self.offset)
        theta = centre[:, None] + spread[:, None] * _Z
        inside = (theta > 0.0) & (theta < 1.0)
        weights = np.where(inside, _W, 1e-12 * _W)[:, :, None]
        theta = np.clip(theta, 1e-6, 1.0 - 1e-6)[:, :, None]
        steps = (np.arange(SIZE_NODES) + 0.5) / SIZE_NODES
        n = (self.least[:, None] * (self.most / self.least)[:, None] ** steps)[:, None, :]
        c = self.below[:, None, None]
        # P(N < c) of a binomial is a beta tail, which holds for a size that is no integer too.
        few = (weights * betainc(n - c + 1.0, c, 1.0 - theta)).sum(axis=(1, 2))
        share = (weights * theta * betainc(n - c + 1.0, c - 1.0, 1.0 - theta)).sum(axis=(1, 2))
        return np.asarray(self.sign * share / few + self.offset)

    def working(self, mean: float, tau2: float) -> tuple[Floats, Floats]:
        """Working observations and their variances, (m,) each."""
        expected = self.expected(mean, tau2)
        lost = (self.expected(mean + STEP, tau2) - self.expected(mean - STEP, tau2)) / (2.0 * STEP)
        kept = 1.0 - np.clip(lost, 0.0, MOST_LOST)
        return mean + (expected - mean) / kept, (self.variances + tau2) / kept - tau2


def pool_with_classes(
    estimates: Floats,
    variances: Floats,
    classes: CensoredSites | None,
    *,
    tau2: Tau2Method,
    interval: IntervalMethod,
    level: float,
) -> RandomEffects:
    """Pool sites with estimates and sites with classes.

    Parameters
    ----------
    estimates, variances : (k,) arrays
        One site at least.
    classes : CensoredSites or None
        Of m other sites; they come last in the weights.
    tau2, interval, level
        As :func:`causalsig.meta.random_effects`, which does the rest.
    """
    if classes is None:
        return random_effects(estimates, variances, tau2=tau2, interval=interval, level=level)
    y, v = estimates, variances
    fitted = random_effects(y, v, tau2=tau2, interval="wald")
    for _ in range(MAX_STEPS):
        mean, between = float(fitted.coefficients[0]), float(np.nan_to_num(fitted.tau2))
        y, v = classes.working(mean, between)
        y, v = np.concatenate([estimates, y]), np.concatenate([variances, v])
        fitted = random_effects(y, v, tau2=tau2, interval="wald")
        error = float(fitted.std_errors[0])
        moved = abs(float(fitted.coefficients[0]) - mean)
        spread = abs(float(np.sqrt(fitted.tau2)) - float(np.sqrt(between)))
        if max(moved, spread) < TOLERANCE * error:
            break
    return random_effects(y, v, tau2=tau2, interval=interval, level=level)
