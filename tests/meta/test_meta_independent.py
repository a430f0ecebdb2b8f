"""Every estimator against a plain re-implementation with dense matrices and scipy's general optimisers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize, stats

from causalsig.meta import random_effects

FloatArray = NDArray[np.float64]
# minimize_scalar finds a smooth maximum no closer than the root of machine precision, relative.
OPTIMISER = 2e-6
# brentq is run to 1e-14; dense inverses lose a few digits more.
ROOT = 1e-8
# Dense and structured algebra differ by rounding only.
ALGEBRA = 1e-9


@st.composite
def pools(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Effects, variances over three orders of magnitude, and a design with or without a moderator."""
    k = draw(st.integers(4, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    v = 10.0 ** rng.uniform(-2.0, 1.0, k)
    spread = draw(st.sampled_from([0.0, 0.1, 1.0, 10.0]))
    y = rng.normal(1.0, np.sqrt(v + spread))
    columns = [np.ones(k)] if draw(st.booleans()) else [np.ones(k), rng.normal(size=k)]
    return y, v, np.column_stack(columns)


def projection(v: FloatArray, x: FloatArray, tau2: float) -> FloatArray:
    w = np.diag(1.0 / (v + tau2))
    return w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)


def log_likelihood(y: FloatArray, v: FloatArray, x: FloatArray, tau2: float, restricted: bool) -> float:
    w = np.diag(1.0 / (v + tau2))
    value = 0.5 * np.linalg.slogdet(w)[1] - 0.5 * y @ projection(v, x, tau2) @ y
    return float(value - 0.5 * np.linalg.slogdet(x.T @ w @ x)[1] * restricted)


def best_tau2(y: FloatArray, v: FloatArray, x: FloatArray, restricted: bool) -> float:
    def loss(tau2: float) -> float:
        return -log_likelihood(y, v, x, tau2, restricted)

    edges = np.concatenate([[0.0], np.geomspace(1e-4, 1e3, 60)])
    candidates = [0.0]
    for low, high in zip(edges[:-2], edges[2:], strict=True):
        candidates.append(
            optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
        )
    return float(min(candidates, key=loss))


def fitted(y: FloatArray, v: FloatArray, x: FloatArray, tau2: str, interval: str = "wald"):  # type: ignore[no-untyped-def]
    return random_effects(y, v, moderators=x[:, 1:] if x.shape[1] > 1 else None, tau2=tau2, interval=interval)


@settings(max_examples=25, deadline=None)
@given(pools(), st.booleans())
def test_likelihood_estimates_are_the_highest_maximum(
    pool: tuple[FloatArray, FloatArray, FloatArray], restricted: bool
) -> None:
    y, v, x = pool
    ours = fitted(y, v, x, "REML" if restricted else "ML")
    theirs = best_tau2(y, v, x, restricted)
    gain = log_likelihood(y, v, x, ours.tau2, restricted) - log_likelihood(y, v, x, theirs, restricted)
    assert gain >= -1e-9
    if abs(gain) < 1e-9 and ours.maxima == 1:
        assert abs(ours.tau2 - theirs) <= OPTIMISER * (theirs + v.min()) + 1e-6
    assert ours.converged
    assert ours.boundary == (ours.tau2 == 0.0)
    assert ours.score <= 0.0 if ours.boundary else abs(ours.score) * ours.tau2_std_error < 1e-8


@settings(max_examples=60, deadline=None)
@given(pools(), st.sampled_from(["EE", "DL", "HE", "HS", "SJ", "ML", "REML", "PM"]))
def test_coefficients_covariances_and_heterogeneity_follow_from_dense_algebra(
    pool: tuple[FloatArray, FloatArray, FloatArray], method: str
) -> None:
    y, v, x = pool
    k, p = x.shape
    ours = fitted(y, v, x, method, "knapp-hartung")
    w = np.diag(1.0 / (v + ours.tau2))
    inverse = np.linalg.inv(x.T @ w @ x)
    factor = y @ projection(v, x, ours.tau2) @ y / (k - p)
    np.testing.assert_allclose(ours.coefficients, inverse @ x.T @ w @ y, rtol=ALGEBRA, atol=1e-10)
    np.testing.assert_allclose(ours.covariance, factor * inverse, rtol=ALGEBRA, atol=1e-10)
    np.testing.assert_allclose(ours.q, y @ projection(v, x, 0.0) @ y, rtol=ALGEBRA)
    np.testing.assert_allclose(ours.q_p_value, stats.chi2.sf(ours.q, k - p), rtol=ALGEBRA)
    half = stats.t.ppf(0.975, k - p) * np.sqrt(np.diag(factor * inverse))
    np.testing.assert_allclose(ours.conf_high - ours.coefficients, half, rtol=ALGEBRA)
    if method != "EE":
        typical = (k - p) / np.trace(projection(v, x, 0.0))
        np.testing.assert_allclose(ours.i2, 100 * ours.tau2 / (ours.tau2 + typical), rtol=ALGEBRA)


@settings(max_examples=60, deadline=None)
@given(pools())
def test_paule_mandel_and_the_q_profile_solve_the_generalised_q(
    pool: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    y, v, x = pool
    df = len(y) - x.shape[1]

    def root(target: float) -> float | None:
        def excess(tau2: float) -> float:
            return float(y @ projection(v, x, tau2) @ y - target)

        return None if excess(0.0) < 0.0 else float(optimize.brentq(excess, 0.0, 1e9, xtol=1e-14, rtol=1e-14))

    ours = fitted(y, v, x, "PM")
    assert ours.boundary == (root(df) is None)
    np.testing.assert_allclose(ours.tau2, root(df) or 0.0, rtol=ROOT, atol=1e-10)
    interval = ours.tau2_interval()
    high = root(stats.chi2.ppf(0.025, df))
    assert interval.empty == (high is None)
    if high is not None:
        low = root(stats.chi2.ppf(0.975, df)) or 0.0
        np.testing.assert_allclose([interval.low, interval.high], [low, high], rtol=ROOT, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(pools(), st.floats(-5.0, 5.0), st.sampled_from([1e-3, 1.0, 1e3]))
def test_results_move_with_the_units_of_the_effects(
    pool: tuple[FloatArray, FloatArray, FloatArray], shift: float, scale: float
) -> None:
    y, v, x = pool
    order = np.argsort(y)
    plain, moved = (
        fitted(y, v, x, "REML"),
        fitted(scale * (y + shift)[order], scale**2 * v[order], x[order], "REML"),
    )
    np.testing.assert_allclose(moved.tau2, scale**2 * plain.tau2, rtol=1e-7, atol=1e-9 * scale**2)
    np.testing.assert_allclose(
        moved.coefficients[0], scale * (plain.coefficients[0] + shift), rtol=1e-7, atol=1e-8 * scale
    )
    np.testing.assert_allclose(moved.std_errors, scale * plain.std_errors, rtol=1e-7)
