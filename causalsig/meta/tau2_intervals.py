"""Confidence intervals of tau²: Q-profile, generalised Q, profile likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.gls import Basis, log_likelihood, weighted_fit
from causalsig.meta.heterogeneity import generalised_q_roots
from causalsig.meta.intervals import chi_square_quantile
from causalsig.meta.options import Tau2IntervalMethod

if TYPE_CHECKING:
    from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]

# Nodes of the contour; its error falls as 3.9 to the minus this.
CONTOUR_NODES = 24
# Where a bound is sought: relative to the bound plus the smallest variance.
RELATIVE = 4e-15
# Steps of the profile's scan in log(tau² + smallest variance).
PROFILE_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Tau2Interval:
    """Confidence interval of tau².

    Attributes
    ----------
    low, high : float
        On the squared scale of the effects; nan when the set is empty or nothing can be estimated.
    empty : bool
        The effects agree better than chance allows at every tau² ≥ 0: no value is in the set. It is evidence
        for tau² = 0 and for variances that are too large, and is reported rather than turned into [0, 0].
    level : float
    method : str
    """

    low: float
    high: float
    empty: bool
    level: float
    method: Tau2IntervalMethod


def tau2_interval(result: RandomEffects, method: Tau2IntervalMethod) -> Tau2Interval:
    """Interval of tau² of a fitted model."""
    if result.k == 1:
        return Tau2Interval(np.nan, np.nan, False, result.level, method)
    data = result.inputs
    if method == "profile-likelihood":
        low, high = profile_likelihood(
            data.estimates, data.variances, data.basis, result.level, restricted=result.method != "ML"
        )
    else:
        bounds = q_profile if method == "q-profile" else generalised_q
        low, high = bounds(data.estimates, data.variances, data.basis, result.level)
    empty = bool(np.isnan(high))
    # The one ``numpy.nan``, so that equal results compare as equal.
    return Tau2Interval(*((np.nan, np.nan) if empty else (low, high)), empty, result.level, method)


def q_profile(y: FloatArray, v: FloatArray, basis: Basis, level: float) -> tuple[float, float]:
    """Values of tau² whose generalised Q lies between its chi-square quantiles; (nan, nan) for none.

    Source: Viechtbauer (2007), doi:10.1002/sim.2514. Q falls strictly in tau², so each bound is one root.
    """
    low, high = q_profile_batch(y[None], v[None], basis, level)
    return float(low[0]), float(high[0])


def q_profile_batch(
    y: FloatArray, v: FloatArray, basis: Basis, level: float
) -> tuple[FloatArray, FloatArray]:
    """Q-profile bounds (B,) of effects and variances (B, k)."""
    df, tail = basis.k - basis.p, 0.5 * (1.0 - level)
    high = generalised_q_roots(y, v, basis, chi_square_quantile(1.0 - tail, df))
    low = generalised_q_roots(y, v, basis, chi_square_quantile(tail, df))
    return np.where(np.isnan(high), np.nan, np.nan_to_num(low)), high


def generalised_q(y: FloatArray, v: FloatArray, basis: Basis, level: float) -> tuple[float, float]:
    """Invert the exact distribution of Q = y'P(0)y, with its fixed weights 1/v, at every tau².

    Source: Jackson (2013), doi:10.1002/jrsm.1081. Under tau² = t, Q is a sum of chi-squares with one degree
    of freedom times the eigenvalues of P(0)(V + tI) that are not zero. P(Q ≤ observed) falls in t.
    """
    slopes = _slopes(1.0 / v, basis)
    q = float(weighted_fit(y, v, basis, 0.0).rss)
    unit, tail = float(v.min()), 0.5 * (1.0 - level)

    def below(tau2: float) -> float:
        return _weighted_chi_square_cdf(1.0 + tau2 * slopes, q)

    if q == 0.0 or below(0.0) < tail:
        return np.nan, np.nan
    low = 0.0 if below(0.0) <= 1.0 - tail else _solve(lambda t: below(t) - (1.0 - tail), 0.0, unit)
    return low, _solve(lambda t: below(t) - tail, low, unit)


def _slopes(w: FloatArray, basis: Basis) -> FloatArray:
    """Eigenvalues of P(0) for weights w that are not zero: those of P(0)(V + tI) are 1 + t times them."""
    if basis.constant:
        # P itself, w - w²/W on its diagonal, without the difference where one site has the weight.
        place = int(w.argmax())
        others = np.where(np.arange(len(w)) == place, 0.0, w)
        total = w[place] + others.sum()
        rest = total - w
        rest[place] = others.sum()
        p = -np.outer(w, w / total)
        np.fill_diagonal(p, w * (rest / total))
        return np.asarray(np.maximum(np.linalg.eigvalsh(p)[1:], 0.0))
    projector, _ = np.linalg.qr(np.sqrt(w)[:, None] * basis.q)
    # P(0) = D K K' D with D = diag(√w) and K K' = I - projector: K from the full QR.
    full, _ = np.linalg.qr(projector, mode="complete")
    complement = full[:, basis.p :]
    return np.asarray(np.linalg.eigvalsh((complement.T * w) @ complement))


def profile_likelihood(
    y: FloatArray, v: FloatArray, basis: Basis, level: float, *, restricted: bool
) -> tuple[float, float]:
    """Smallest and largest tau² whose log-likelihood is within half a chi-square(1) quantile of the highest.

    Source: Hardy & Thompson (1996), doi:10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A.
    With two maxima the set can have a gap; these are its ends.
    """
    from causalsig.meta.maximum import maximum_likelihood

    best = float(maximum_likelihood(y[None], v[None], basis, restricted=restricted)[0][0])
    unit = float(v.min())

    def height(tau2: FloatArray | float) -> FloatArray:
        return log_likelihood(y, v, basis, tau2, restricted=restricted)

    floor = float(height(best)) - 0.5 * chi_square_quantile(1.0 - level, 1.0)

    def excess(tau2: float) -> float:
        return float(height(tau2)) - floor

    top = 2.0 * (best + float(v.max()))
    while excess(top) > 0.0:
        top *= 4.0
    points = int(np.ceil(np.log1p(top / unit) / PROFILE_STEP)) + 1
    grid = unit * np.expm1(np.linspace(0.0, np.log1p(top / unit), points))
    grid = np.sort(np.append(grid, best))
    inside = np.flatnonzero(height(grid) >= floor)
    first, last = int(inside[0]), int(inside[-1])
    low = 0.0 if first == 0 else _root(excess, float(grid[first - 1]), float(grid[first]), unit)
    return low, _root(excess, float(grid[last]), float(grid[last + 1]), unit)


def _solve(function: Callable[[float], float], low: float, unit: float) -> float:
    """Root of a falling function that is positive at `low`."""
    high = 2.0 * low + unit
    while function(high) > 0.0:
        high *= 4.0
    return _root(function, low, high, unit)


def _root(function: Callable[[float], float], low: float, high: float, unit: float) -> float:
    from scipy import optimize

    if function(low) == 0.0:
        return low
    return float(
        optimize.brentq(function, low, high, xtol=RELATIVE * (low + unit), rtol=RELATIVE, maxiter=500)
    )


def _weighted_chi_square_cdf(multipliers: FloatArray, q: float) -> float:
    """P(Σ multiplier · chi-square(1) ≤ q) by inverting its Laplace transform on a Talbot contour.

    The singularities of ``Π (1 + 2 λ_j s)^(-1/2) / s`` lie on the negative half axis, which it wraps.
    Contour: Trefethen, Weideman & Schmelzer (2006), doi:10.1007/s10543-006-0077-9.
    """
    angles = np.pi * (2.0 * np.arange(CONTOUR_NODES) + 1.0) / CONTOUR_NODES - np.pi
    bent = 0.6407 * angles
    cotangent = 1.0 / np.tan(bent)
    z = CONTOUR_NODES * (-0.6122 + 0.5017 * angles * cotangent + 0.2645j * angles)
    slope = CONTOUR_NODES * (0.5017 * (cotangent - bent / np.sin(bent) ** 2) + 0.2645j)
    s = z / q
    transform = np.exp(z - 0.5 * np.log1p(2.0 * s[:, None] * multipliers).sum(axis=1)) / s
    total = (transform * slope).sum() / (1j * CONTOUR_NODES * q)
    return float(np.clip(total.real, 0.0, 1.0))
