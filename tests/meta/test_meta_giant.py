"""One site with nearly all the weight: no digit is lost, beside exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from causalsig.errors import MetaError
from causalsig.meta import random_effects, two_level
from causalsig.meta.gls import constant_basis, score_terms
from causalsig.meta.mixture import confidence_distribution
from causalsig.meta.scan import scan_terms

# Roundings of sums of eight terms and their quotients; 1e-15 is what is seen.
ROUNDING = 1e-13
# What a bound is sought to, and what it can depend on the precision of a site that is precise anyway.
NO_MATTER = 1e-8
GIANTS = [1e-3, 1e-6, 1e-9, 1e-12, 1e-16, 1e-18, 1e-40, 1e-99]


def one_giant(variance: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    y, v = rng.normal(size=8), rng.uniform(0.1, 1.0, 8)
    v[3] = variance
    return y, v


class Exact:
    """The model at one tau², in fractions, from the definition of P."""

    def __init__(self, y: np.ndarray, v: np.ndarray, tau2: float | Fraction) -> None:
        effects = [Fraction(float(each)) for each in y]
        self.v = [Fraction(float(each)) + Fraction(tau2) for each in v]
        w = [1 / each for each in self.v]
        self.total = sum(w)
        self.mean = sum(a * b for a, b in zip(w, effects, strict=True)) / self.total
        sites = range(len(w))
        self.p = [[(w[i] if i == j else 0) - w[i] * w[j] / self.total for j in sites] for i in sites]
        py = self.times(effects)
        self.rss = sum(a * b for a, b in zip(effects, py, strict=True))
        self.y_pp_y = sum(each * each for each in py)
        self.y_ppp_y = sum(a * b for a, b in zip(py, self.times(py), strict=True))
        self.trace = sum(self.p[i][i] for i in sites)
        self.trace_square = self.trace_of_square([Fraction(1)] * len(w))

    def times(self, vector: list[Fraction]) -> list[Fraction]:
        return [sum((a * b for a, b in zip(row, vector, strict=True)), Fraction(0)) for row in self.p]

    def trace_of_square(self, s: list[Fraction]) -> Fraction:
        sites = range(len(s))
        return sum((self.p[i][j] ** 2 * s[i] * s[j] for i in sites for j in sites), Fraction(0))


def gap(value: float, exact: Fraction) -> float:
    return abs(float(Fraction(float(value)) / exact - 1))


@pytest.mark.parametrize("variance", GIANTS)
@pytest.mark.parametrize("tau2", [0.0, 0.3])
def test_score_and_its_parts_are_exact_to_rounding(variance: float, tau2: float) -> None:
    y, v = one_giant(variance)
    exact, basis = Exact(y, v, tau2), constant_basis(8)
    at = score_terms(y, v, basis, tau2, restricted=True)
    scanned = scan_terms(y[None], v[None], basis, np.array([[tau2]]), restricted=True)
    for name in ("y_pp_y", "trace", "y_ppp_y", "trace_square"):
        assert gap(getattr(at, name), getattr(exact, name)) < ROUNDING
        assert gap(getattr(scanned, name)[0, 0], getattr(exact, name)) < ROUNDING


@pytest.mark.parametrize("variance", GIANTS)
def test_moments_and_their_standard_error_are_exact_to_rounding(variance: float) -> None:
    y, v = one_giant(variance)
    found, exact = random_effects(y, v, tau2="DL", interval="knapp-hartung"), Exact(y, v, 0)
    tau2 = max(Fraction(0), (exact.rss - 7) / exact.trace)
    assert tau2 > 0
    assert gap(found.q, exact.rss) < ROUNDING
    assert gap(found.tau2, tau2) < ROUNDING
    spread = exact.trace_of_square([Fraction(float(each)) + tau2 for each in v])
    assert gap(found.tau2_std_error**2, 2 * spread / exact.trace**2) < ROUNDING
    assert gap(found.i2, 100 * tau2 / (tau2 + 7 / exact.trace)) < ROUNDING
    fitted = Exact(y, v, found.tau2)
    assert gap(found.coefficients[0], fitted.mean) < ROUNDING
    assert gap(found.covariance[0, 0], fitted.rss / 7 / fitted.total) < ROUNDING


@pytest.mark.parametrize("variance", GIANTS)
def test_restricted_likelihood_is_stationary_at_its_estimate(variance: float) -> None:
    y, v = one_giant(variance)
    found = random_effects(y, v)
    exact = Exact(y, v, found.tau2)
    assert found.tau2 > 0.0
    assert found.converged
    assert abs(float(exact.y_pp_y - exact.trace) / 2) * found.tau2_std_error < ROUNDING
    assert gap(found.tau2_std_error**2, 2 / exact.trace_square) < ROUNDING


def test_nothing_changes_once_a_site_is_precise_enough() -> None:
    results = [random_effects(*one_giant(variance)) for variance in GIANTS[3:]]
    for method in ("q-profile", "generalised-q", "profile-likelihood"):
        bounds = np.array([each.tau2_interval(method).high for each in results])
        assert np.abs(bounds / bounds[-1] - 1.0).max() < NO_MATTER
    for name in ("conf_low", "conf_high", "i2", "tau2"):
        values = np.array([np.ravel(getattr(each, name))[0] for each in results])
        assert np.abs(values / values[-1] - 1.0).max() < NO_MATTER
    lows = np.array([each.prediction_interval().low for each in results])
    assert np.abs(lows / lows[-1] - 1.0).max() < NO_MATTER


@pytest.mark.parametrize("variance", GIANTS)
def test_masses_of_the_mixture_add_to_one_without_scaling(variance: float) -> None:
    y, v = one_giant(variance)
    assert abs(confidence_distribution(y[None], v[None], constant_basis(8)).error[0]) < 1e-9


@pytest.mark.parametrize("method", ["HE", "HS", "SJ", "PM", "ML", "REML", "DL"])
@pytest.mark.parametrize("variance", GIANTS)
def test_every_estimator_and_method_has_finite_answers(method: str, variance: float) -> None:
    found = random_effects(*one_giant(variance), tau2=method, interval="knapp-hartung")  # type: ignore[arg-type]
    assert np.isfinite([found.tau2, found.tau2_std_error, found.i2, found.h2, found.q]).all()
    diagnostics = found.influence()
    assert np.isfinite(diagnostics.tau2_deleted).all()
    assert diagnostics.hat.sum() == pytest.approx(1.0)
    assert np.isfinite(found.shrunken("mixture").estimates).all()


def test_moderators_and_variances_ten_orders_apart_are_refused() -> None:
    y, v = one_giant(1e-11)
    with pytest.raises(MetaError, match="within a factor 1e\\+10"):
        random_effects(y, v, moderators=np.arange(8.0))
    y, v = one_giant(1e-9)
    assert random_effects(y, v, moderators=np.arange(8.0)).converged


def test_two_levels_refuse_variances_ten_orders_apart() -> None:
    y, v = one_giant(1e-11)
    with pytest.raises(MetaError, match="with two levels"):
        two_level(y, v, [0, 0, 1, 1, 2, 2, 3, 3])
    assert two_level(*one_giant(1e-9), [0, 0, 1, 1, 2, 2, 3, 3]).converged
