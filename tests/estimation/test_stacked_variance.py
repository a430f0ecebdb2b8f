"""In-sample variances against the derivative to a case weight, every model refitted by another library."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import brentq, minimize

from causalsig.estimation import (
    doubly_robust,
    entropy_balancing,
    inverse_probability,
    regression_standardisation,
    targeted_maximum_likelihood,
)

REFIT = 1e-8  # both sides solve their scores to rounding
NUMERIC = 1e-5  # central differences of a refit, relative to the largest influence
ROWS = (0, 13, 57, 101)
FAMILIES = {"logistic": sm.families.Binomial(), "poisson": sm.families.Poisson()}


def draw(kind, censored, n=220):
    r = np.random.default_rng(17)
    x = np.column_stack([r.normal(size=n), r.random(n) < 0.4]).astype(float)
    a = (r.random(n) < 1 / (1 + np.exp(0.2 - 0.7 * x[:, 0] + 0.4 * x[:, 1]))).astype(int)
    eta = 0.3 + 0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * a
    y = {
        "least_squares": eta + r.normal(size=n),
        "logistic": (r.random(n) < 1 / (1 + np.exp(-eta))).astype(float),
        "poisson": r.poisson(np.exp(eta)).astype(float),
    }[kind]
    seen = r.random(n) > censored / (1 + np.exp(-x[:, 0]))
    return x, a, np.where(seen, y, np.nan), seen


def predict(kind, z, y, weight):
    """Weighted fit of one arm, predicted for everybody."""
    rows = weight > 0
    if kind == "least_squares":
        return z @ np.linalg.solve((z.T * weight) @ z, (z.T * weight)[:, rows] @ y[rows])
    model = sm.GLM(y[rows], z[rows], family=FAMILIES[kind], freq_weights=weight[rows])
    return model.predict(model.fit(tol=1e-14, maxiter=200).params, z)


def models(weight, x, a, y, seen, kind):
    z = np.column_stack([np.ones(len(x)), x])
    p = predict("logistic", z, a.astype(float), weight)
    pi = np.column_stack([1 - p, p])
    kappa = np.ones_like(pi)
    if not seen.all():
        kappa = np.column_stack(
            [predict("logistic", z, seen.astype(float), weight * (a == k)) for k in (0, 1)]
        )
    m = np.column_stack([predict(kind, z, y, weight * (a == k) * seen) for k in (0, 1)])
    return pi, kappa, m


def plain_augmented(weight, x, a, y, seen, kind, normalise=True):
    pi, kappa, m = models(weight, x, a, y, seen, kind)
    means = []
    for k in (0, 1):
        w = np.where((a == k) & seen, weight / (pi[:, k] * kappa[:, k]), 0.0)
        total = w.sum() if normalise else weight.sum()
        means.append(weight @ m[:, k] / weight.sum() + w @ (np.nan_to_num(y) - m[:, k]) / total)
    return np.array(means)


def plain_targeted(weight, x, a, y, seen, kind):
    low, high = (0.0, 1.0) if kind == "logistic" else (np.nanmin(y), np.nanmax(y))
    inside = (y - low) / (high - low)
    pi, kappa, m = models(weight, x, a, inside, seen, "logistic")
    means = []
    for k in (0, 1):
        w = np.where((a == k) & seen, weight / (pi[:, k] * kappa[:, k]), 0.0)
        logit = np.log(m[:, k] / (1 - m[:, k]))

        def moved(epsilon, logit=logit):
            return 1 / (1 + np.exp(-logit - epsilon))

        epsilon = brentq(lambda e, w=w, f=moved: w @ (np.nan_to_num(inside) - f(e)), -20, 20, xtol=1e-15)
        means.append(low + (high - low) * (weight @ moved(epsilon)) / weight.sum())
    return np.array(means)


def plain_standardised(weight, x, a, y, seen, kind, inside=None):
    m = models(weight, x, a, y, seen, kind)[2]
    share = weight * (np.ones(len(a)) if inside is None else inside)
    return share @ m / share.sum()


def plain_balanced(weight, x, a, y, seen, kind, inside=None):
    share = weight * (np.ones(len(a)) if inside is None else inside)
    gap = x - share @ x / share.sum()
    means = []
    for k in (0, 1):
        rows = (a == k) & seen

        def dual(at, rows=rows):
            w = weight[rows] * np.exp(gap[rows] @ at)
            return np.log(w.sum()), gap[rows].T @ w / w.sum()

        at = minimize(dual, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-10}).x
        for _ in range(4):  # Newton by differences of the gradient, to rounding
            jacobian = np.column_stack(
                [(dual(at + 1e-5 * e)[1] - dual(at - 1e-5 * e)[1]) / 2e-5 for e in np.eye(2)]
            )
            at = at - np.linalg.solve(jacobian, dual(at)[1])
        w = weight[rows] * np.exp(gap[rows] @ at)
        means.append(w @ y[rows] / w.sum())
    return np.array(means)


def check(result, plain, n):
    ones = np.ones(n)
    np.testing.assert_allclose(result.means, plain(ones), rtol=REFIT, atol=REFIT)
    scale = np.abs(result.influence - result.means).max()
    for i in ROWS:
        step = 1e-4 * (np.arange(n) == i)
        slope = n * (plain(ones + step) - plain(ones - step)) / 2e-4
        np.testing.assert_allclose(result.influence[i] - result.means, slope, atol=NUMERIC * scale)


KINDS = ("least_squares", "logistic", "poisson")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("censored", [0.0, 0.4])
@pytest.mark.parametrize("normalise", [True, False])
def test_doubly_robust(kind, censored, normalise):
    x, a, y, seen = draw(kind, censored)
    result = doubly_robust(x, a, y, observed=seen, folds=None, outcome_model=kind, normalise=normalise)
    check(result, lambda w: plain_augmented(w, x, a, y, seen, kind, normalise), len(a))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("censored", [0.0, 0.4])
def test_targeted_maximum_likelihood(kind, censored):
    x, a, y, seen = draw(kind, censored)
    result = targeted_maximum_likelihood(x, a, y, observed=seen, folds=None)
    check(result, lambda w: plain_targeted(w, x, a, y, seen, kind), len(a))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("estimand", ["ATE", ("ATT", 1), ("ATU", 1)])
def test_regression_standardisation(kind, estimand):
    x, a, y, seen = draw(kind, 0.4)
    inside = {"ATE": np.ones(len(a))}.get(estimand, (a == 1) if estimand[0] == "ATT" else (a == 0))
    result = regression_standardisation(x, a, y, observed=seen, estimand=estimand, outcome_model=kind)
    check(result, lambda w: plain_standardised(w, x, a, y, seen, kind, inside), len(a))


@pytest.mark.parametrize("estimand", ["ATE", ("ATT", 1), ("ATU", 1)])
@pytest.mark.parametrize("censored", [0.0, 0.4])
def test_entropy_balancing(estimand, censored):
    x, a, y, seen = draw("least_squares", censored)
    inside = {"ATE": np.ones(len(a))}.get(estimand, (a == 1) if estimand[0] == "ATT" else (a == 0))
    result = entropy_balancing(x, a, y, observed=seen, estimand=estimand)
    check(result, lambda w: plain_balanced(w, x, a, y, seen, "least_squares", inside), len(a))


def test_taking_the_propensity_as_known_overstates_the_variance():
    x, a, y, _ = draw("least_squares", 0.0, n=2000)
    result = inverse_probability(x, a, y, folds=None)
    z = np.column_stack([np.ones(len(x)), x])
    p = predict("logistic", z, a.astype(float), np.ones(len(x)))
    w = np.column_stack([(1 - a) / (1 - p), a / p])
    known = w / w.mean(axis=0) * (y[:, None] - result.means)
    naive = np.std(known[:, 1] - known[:, 0]) / np.sqrt(len(y))
    assert 1.04 < naive / result.contrast(1, 0).std_error < 1.5
