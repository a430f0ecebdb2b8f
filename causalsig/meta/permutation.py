"""Permutation tests: exact p-values of a meta-analysis or meta-regression without a distribution for tau²."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, permutations, product
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.fits import Fits, fit_batch
from causalsig.meta.gls import orthonormal_basis
from causalsig.meta.inputs import freeze

if TYPE_CHECKING:
    from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]

# Statistics that differ by rounding only are equal (metafor's tolerance).
TIE = 1.5e-8
# Arrangements fitted at once.
PART = 512
# More arrangements than this are refused as exact: they would take minutes.
MOST = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class PermutationTest(ComparedByValue):
    """p-values over arrangements.

    Attributes
    ----------
    p_values : (p,)
        Share of arrangements whose |estimate / standard error| reaches the observed one, two sided. Without
        moderators an arrangement flips signs of effects (null: the distribution of true effects is symmetric
        around zero); with moderators it deals their rows to the sites anew (null: no association). Over a
        standard error of zero (Knapp-Hartung, all effects of an arrangement equal) the statistic is infinite,
        and zero for an estimate of zero.
    omnibus_p_value : float
        The same for the joint statistic of the moderators.
    arrangements : int
    exact : bool
        All arrangements, or drawn ones with the observed among them.
    """

    p_values: FloatArray
    omnibus_p_value: float
    arrangements: int
    exact: bool


def permutation_test(
    result: RandomEffects, *, draws: int | None = None, generator: np.random.Generator | None = None
) -> PermutationTest:
    """Permutation test of a fitted model.

    Parameters
    ----------
    result : RandomEffects
        Its estimator of tau² and interval method make the statistic; the mixture has none and takes
        Knapp-Hartung's.
    draws : int, optional
        Random arrangements; absent: every arrangement there is.
    generator : numpy.random.Generator
        Needed with `draws`.

    Raises
    ------
    MetaError
        ``meta-option``: more arrangements than can be tried, or draws without a generator.

    References
    ----------
    Higgins & Thompson (2004), doi:10.1002/sim.1752; Follmann & Proschan (1999),
    doi:10.1111/j.0006-341X.1999.00732.x.
    """
    data = result.inputs
    regression = data.design.shape[1] > 1 or not data.intercept
    total = factorial(result.k) if regression else 2**result.k
    if (draws is None and total > MOST) or (draws is not None and (draws < 1 or generator is None)):
        raise MetaError(
            "meta-option",
            expected=f"at most {MOST} arrangements, or a number of draws with a generator",
            found=f"{result.k} sites" if draws is None else "draws below one, or no generator",
            mend="Give draws=9999 and generator=numpy.random.default_rng(seed).",
        )
    observed, joint = _statistics(result, data.estimates[None], data.design[None])
    count, reached, reached_joint = 0, np.zeros(data.design.shape[1]), 0.0
    if draws is not None:
        count, reached, reached_joint = 1, reached + 1.0, 1.0
    for effects, designs in _arrangements(result, regression, draws, generator):
        some, some_joint = _statistics(result, effects, designs)
        reached += (some >= observed - TIE).sum(axis=0)
        reached_joint += float((some_joint >= joint - TIE).sum())
        count += len(some)
    return PermutationTest(freeze(reached / count), reached_joint / count, count, draws is None)


def _arrangements(
    result: RandomEffects, regression: bool, draws: int | None, generator: np.random.Generator | None
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Effects (B, k) and designs (B or 1, k, p) of parts of all arrangements."""
    y, x, k = result.inputs.estimates, result.inputs.design, result.k
    if draws is None:
        every = permutations(range(k)) if regression else product((1.0, -1.0), repeat=k)
        while part := list(islice(every, PART)):
            rows = np.array(part)
            yield (np.broadcast_to(y, rows.shape), x[rows]) if regression else (y * rows, x[None])
        return
    assert generator is not None
    for begin in range(0, draws, PART):
        size = min(PART, draws - begin)
        if regression:
            rows = generator.permuted(np.tile(np.arange(k), (size, 1)), axis=1)
            yield np.broadcast_to(y, rows.shape), x[rows]
        else:
            yield y * generator.choice((1.0, -1.0), (size, k)), x[None]


def _statistics(result: RandomEffects, y: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    """|estimate / standard error| (B, p), and the joint statistic (B,) of the moderators."""
    interval = "knapp-hartung" if result.interval == "mixture" else result.interval
    v = np.broadcast_to(result.inputs.variances, y.shape)
    basis = result.inputs.basis
    if len(design) > 1:
        found = orthonormal_basis(design)
        assert found is not None, "the columns of a permuted design are as independent as they were"
        basis = found
    fits = fit_batch(np.ascontiguousarray(y), np.ascontiguousarray(v), basis, result.method, interval, 0.95)
    first = 1 if result.inputs.intercept and design.shape[2] > 1 else 0
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.nan_to_num(np.abs(fits.coefficients / fits.std_errors), nan=0.0, posinf=np.inf)
        return each, _joint(fits, first)


def _joint(fits: Fits, first: int) -> FloatArray:
    coefficients, covariance = fits.coefficients[:, first:], fits.covariance[:, first:, first:]
    none = np.asarray(~covariance.any(axis=(1, 2)))
    safe = np.where(none[:, None, None], np.eye(covariance.shape[-1]), covariance)
    solved = np.linalg.solve(safe, coefficients[..., None])[..., 0]
    joint = (coefficients * solved).sum(axis=1)
    return np.where(none, np.where(coefficients.any(axis=1), np.inf, 0.0), joint)
