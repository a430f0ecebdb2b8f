r"""The mechanism of a private release: clipped household sums, discrete Laplace noise, and back to arm means.

Arm means are ``ψ_a = c + (1/n) Σ_g d_ga`` with ``d_ga = Σ_{i∈g} (φ_ia - c)`` over the episodes i of household
g, φ the influence values and c a public centre. The nuisance models inside φ are treated as fixed. Every
household's vector d_g is scaled down to ``Σ_a |d_ga| ≤ B``; so one household more or less moves

* the sums ``S_a = Σ_g d_ga`` together, over all arms, by B at most;
* the sums of squares ``Q_a = Σ_g d_ga²`` together by B², because ``Σ_a d_ga² ≤ (Σ_a |d_ga|)²``;
* the number of episodes by m, where a household with more than m counts each of its own for less, and the
  numbers of households of the K arms by K.

All are integers on a grid of B/2²⁰ (B²/2²⁰), so no float tells more than the noise hides; the noise is
opendp's discrete Laplace (Canonne, Kamath & Steinke 2020, arXiv:2004.00010) from the machine's secure source.
What follows from noisy numbers alone is free of cost (post-processing).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import ReleaseError
from causalsig.release.registry import rule as registered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.results import ArmMeans, Floats

GRID = 2**20
"""Steps of a bound: a household's sum is known to a millionth of it, far below the noise."""
FOR_MEANS, FOR_SQUARES, FOR_COUNTS = 0.65, 0.15, 0.20
"""Parts of a block's epsilon. A standard error may be rough: the pool takes it over all sites."""
_SHORTER = 1.0 - 2.0**-40
"""Scaled by this, a vector clipped to the bound lies inside it whatever the rounding."""


@dataclass(frozen=True, slots=True)
class PrivateSums:
    """Integers of one block, before or after noise.

    Attributes
    ----------
    sums : tuple of int, length K
        S_a in steps of B/2²⁰.
    squares : tuple of int, length K
        Q_a in steps of B²/2²⁰.
    episodes : int
        n, in 2⁻¹⁰ episodes where households have more than m.
    households : tuple of int, length K
    """

    sums: tuple[int, ...]
    squares: tuple[int, ...]
    episodes: int
    households: tuple[int, ...]


EPISODE = 2**10
"""Steps of one episode."""


@dataclass(frozen=True, slots=True, eq=False)
class PrivateMeans:
    """Arm means after noise, and what is known of their error.

    Attributes
    ----------
    means : (K,)
        In the outcome's unit.
    sampling_variances : (K,)
        Of the means before noise, themselves with noise; the pool averages them over sites.
    noise_variances : (K,)
        What the mechanism added; known, not estimated.
    households : (K,)
        With noise; at least the floor of an arm.
    """

    means: Floats
    sampling_variances: Floats
    noise_variances: Floats
    households: Floats


def household_sums(result: ArmMeans, *, centre: float, bound: float, max_episodes: int) -> PrivateSums:
    """Add up the clipped contributions of households.

    Parameters
    ----------
    result : ArmMeans
        Of one outcome: influence (n, K), clusters (n,).
    centre : float
        c: public, in the outcome's unit. Near the true risk it costs least.
    bound : float
        B: most that the contributions of a household add up to, over arms, in the outcome's unit.
    max_episodes : int
        m

    Raises
    ------
    ValueError
        The influence values are not (n, K) finite numbers.
    """
    influence = np.asarray(result.influence, dtype=np.float64)
    if influence.ndim != 2 or not np.isfinite(influence).all():
        raise ValueError("influence values of one outcome, all finite, are needed")
    _, codes = np.unique(result.clusters, return_inverse=True)
    own = np.bincount(codes)
    d = np.zeros((len(own), influence.shape[1]))
    np.add.at(d, codes, influence - centre)
    counted = np.minimum(1.0, max_episodes / own)
    d *= counted[:, None]
    length = np.abs(d).sum(axis=1)
    d *= (np.minimum(1.0, bound / np.maximum(length, bound)) * _SHORTER / bound)[:, None]
    steps = np.trunc(d * GRID).astype(np.int64)
    squares = steps * steps // GRID
    return PrivateSums(
        sums=tuple(steps.sum(axis=0).tolist()),
        squares=tuple(squares.sum(axis=0).tolist()),
        episodes=int(np.floor(own * counted * EPISODE + 0.5).astype(np.int64).sum()),
        households=tuple(int(one) for one in result.households),
    )


@registered(
    "private",
    "release-private-noise",
    "Dwork, McSherry, Nissim & Smith 2006; noise of Canonne, Kamath & Steinke 2020",
)
def with_noise(sums: PrivateSums, *, epsilon: float, max_episodes: int) -> PrivateSums:
    """Draw the noise of a block, once: whoever draws again spends again.

    Parameters
    ----------
    sums : PrivateSums
    epsilon : float
        Of this block, over all its numbers.
    max_episodes : int

    Raises
    ------
    ReleaseError
        ``release-private-no-opendp`` when the package that draws is not installed.
    """
    arms = len(sums.sums)
    scales = noise_scales(epsilon, arms, max_episodes)
    counts = (sums.episodes, *(EPISODE * one for one in sums.households))
    together = EPISODE * (max_episodes + arms)
    noisy = _laplace(counts, together, scales.counts, FOR_COUNTS * epsilon)
    return replace(
        sums,
        sums=_laplace(sums.sums, GRID, scales.sums, FOR_MEANS * epsilon),
        squares=_laplace(sums.squares, GRID, scales.squares, FOR_SQUARES * epsilon),
        episodes=noisy[0],
        households=tuple(round(one / EPISODE) for one in noisy[1:]),
    )


@dataclass(frozen=True, slots=True)
class Scales:
    """Scale of the noise of sums, of squares (steps of 2⁻²⁰) and of counts (steps of 2⁻¹⁰)."""

    sums: float
    squares: float
    counts: float


def noise_scales(epsilon: float, arms: int, max_episodes: int) -> Scales:
    """Scale that each part of epsilon asks for: sensitivity over epsilon, a hair more for rounding."""
    more = 1.0 + 1e-12
    return Scales(
        sums=more * GRID / (FOR_MEANS * epsilon),
        squares=more * GRID / (FOR_SQUARES * epsilon),
        counts=more * EPISODE * (max_episodes + arms) / (FOR_COUNTS * epsilon),
    )


def laplace_variance(scale: float) -> float:
    """Variance of the discrete Laplace distribution, ``P(k) ∝ exp(-|k|/scale)``, in steps squared."""
    ratio = math.exp(-1.0 / scale)
    return 2.0 * ratio / (1.0 - ratio) ** 2


def private_means(
    noisy: PrivateSums,
    *,
    centre: float,
    bound: float,
    epsilon: float,
    max_episodes: int,
    unit: float,
    smallest: int = 30,
) -> PrivateMeans:
    """Turn noisy sums into arm means, their sampling variance, and the variance of the noise.

    Parameters
    ----------
    noisy : PrivateSums
        As :func:`with_noise` gave it, with the same `epsilon` and `max_episodes`.
    centre, bound : float
        As for :func:`household_sums`.
    unit : float
        A declared variance of one household's outcome: no arm has a sampling variance below a quarter of
        what this would give, since noise may make a sum of squares negative.
    smallest : int
        Households that an arm has at least, or it would not have been admitted.
    """
    arms = len(noisy.sums)
    scales = noise_scales(epsilon, arms, max_episodes)
    n = max(noisy.episodes / EPISODE, float(smallest * arms))
    off = bound * np.asarray(noisy.sums, dtype=np.float64) / (GRID * n)
    squares = bound**2 * np.asarray(noisy.squares, dtype=np.float64) / GRID
    households = np.maximum(np.asarray(noisy.households, dtype=np.float64), float(smallest))
    of_sums = bound**2 * laplace_variance(scales.sums) / (GRID * n) ** 2
    of_count = laplace_variance(scales.counts) / (EPISODE * n) ** 2
    return PrivateMeans(
        means=centre + off,
        sampling_variances=np.maximum(squares / n**2 - off**2 / n, unit / (4.0 * households)),
        noise_variances=of_sums + off**2 * of_count,
        households=households,
    )


def _laplace(values: Sequence[int], sensitivity: int, scale: float, epsilon: float) -> tuple[int, ...]:
    """Add discrete Laplace noise to each of integers that one household moves by `sensitivity` together."""
    draw = _measurement(scale)
    spent: float = draw.map(sensitivity)
    if spent > epsilon:
        raise ArithmeticError("the noise is smaller than its epsilon asks for")
    noisy: list[int] = draw(list(values))
    return tuple(noisy)


@lru_cache(maxsize=16)
def _measurement(scale: float) -> Any:
    dp = _opendp()
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    return dp.m.make_laplace(*space, scale=scale)


def _opendp() -> Any:
    try:
        import opendp.prelude as dp
    except ImportError:
        raise ReleaseError(
            "release-private-no-opendp",
            expected="opendp, which draws the noise",
            found="none installed",
            mend="Install causalsig with the extra dp: pip install 'causalsig[dp]'.",
        ) from None
    dp.enable_features("contrib")
    return dp
