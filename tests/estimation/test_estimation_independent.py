"""Every estimator against a plain re-implementation that shares no code with it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from causalsig.estimation import (
    doubly_robust,
    fit_propensity,
    inverse_probability,
    overlap_weighting,
    targeted_maximum_likelihood,
)
from causalsig.estimation.design import RIDGE
from causalsig.estimation.regressions import LARGEST_SHARE_OF_ROWS, RIDGE_GRID

PEER = 1e-6  # scikit-learn stops at a gradient of 1e-10; probabilities then agree to about 1e-8
NUMERIC = 2e-4  # central differences of a refit: relative to the largest influence
ARMS = ("bezoek", "brief", "geen")


def draw(n=600, seed=3, censored=0.0, rare=True):
    r = np.random.default_rng(seed)
    x = np.column_stack([r.normal(size=n), r.normal(size=n) * 50 + 200, r.random(n) < 0.3]).astype(float)
    if rare:
        x = np.column_stack([x, np.random.default_rng(seed + 100).random(n) < 0.04])
    eta = np.column_stack([0.6 * x[:, 0], 0.004 * x[:, 1], -0.5 * x[:, 2]])
    codes = (eta + r.gumbel(size=eta.shape)).argmax(axis=1)
    y = x[:, 0] * (codes == 0) + 0.01 * x[:, 1] + codes + r.normal(size=n)
    seen = r.random(n) > censored / (1 + np.exp(-x[:, 0]))
    households = r.integers(0, int(n * 0.7), n)
    return x, codes, y, seen, households


def scaled(x):
    """Columns of variance 1, or less where the fourth moment says that a few rows lie far out."""
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    for column in z.T:
        column *= min(1.0, (4.0 / np.mean(column**4)) ** 0.5)
    return z


def sklearn_probabilities(x, codes, train):
    z = scaled(x)
    # Our penalty is that of scikit-learn's symmetric form; with two classes it keeps one of the two.
    strength = 1 / RIDGE if len(set(codes)) > 2 else 2 / RIDGE
    model = LogisticRegression(C=strength, tol=1e-10, max_iter=5000).fit(z[train], codes[train])
    return model.predict_proba(z)


def plain_ridge(x, y, train):
    """Ridge on globally standardised columns by generalised cross-validation, without any shortcut."""
    z = scaled(x)
    a, b = z[train], y[train]
    n, centre = len(a), a.mean(axis=0)
    best = (np.inf, None)
    for share in RIDGE_GRID:
        inverse = np.linalg.inv((a - centre).T @ (a - centre) + n * share * np.eye(a.shape[1]))
        hat = (a - centre) @ inverse @ (a - centre).T + 1 / n
        used = np.trace(hat)
        criterion = np.sum((b - hat @ b) ** 2) / (n - used) ** 2
        if used <= LARGEST_SHARE_OF_ROWS * n and criterion < best[0]:
            slopes = inverse @ (a - centre).T @ b
            best = (criterion, b.mean() + (z - centre) @ slopes)
    return best[1]


def plain_doubly_robust(x, codes, y, seen, folds, estimand):
    n, arms = len(x), 3
    p, m, kappa = (np.empty((n, arms)) for _ in range(3))
    for f in np.unique(folds):
        held = folds == f
        p[held] = sklearn_probabilities(x, codes, ~held)[held]
        for a in range(arms):
            m[held, a] = plain_ridge(x, y, ~held & (codes == a) & seen)[held]
            kappa[held, a] = 1.0
            if not seen.all():
                kappa[held, a] = sklearn_probabilities(x, seen.astype(int), ~held & (codes == a))[held, 1]
    psi, phi = np.empty(arms), np.empty((n, arms))
    own = p[np.arange(n), codes]
    h = POPULATIONS[estimand](p)
    # The orthogonal term written out: Σ_k ∂h/∂π_k (1{A=k} - π_k), with the slope by differences.
    term = np.zeros(n)
    for k in range(arms):
        step = 1e-6 * np.eye(arms)[k]
        slope = (POPULATIONS[estimand](p + step) - POPULATIONS[estimand](p - step)) / 2e-6
        term += slope * ((codes == k) - p[:, k])
    for a in range(arms):
        w = np.where((codes == a) & seen, h / (own * kappa[:, a]), 0.0)
        r = np.sum(w * (y - m[:, a])) / w.sum()
        mu = np.sum((h + term) * m[:, a]) / np.sum(h + term)
        psi[a] = mu + r
        phi[:, a] = (
            psi[a] + (h + term) * (m[:, a] - mu) / np.mean(h + term) + w * (y - m[:, a] - r) / w.mean()
        )
    return psi, phi


@pytest.mark.parametrize("estimand", ["ATE", "ATO", "ATM", "entropy", ("ATT", "brief"), ("ATU", "brief")])
@pytest.mark.parametrize("censored", [0.0, 0.4])
def test_cross_fitted_doubly_robust_equals_the_formula_written_out(estimand, censored):
    x, codes, y, seen, households = draw(censored=censored)
    folds = households % 4
    labels = np.array(ARMS)[codes]
    result = doubly_robust(
        x,
        labels,
        np.where(seen, y, np.nan),
        households=households,
        observed=seen,
        folds=folds,
        estimand=estimand,
    )
    psi, phi = plain_doubly_robust(x, codes, y, seen, folds, estimand)
    np.testing.assert_allclose(result.means, psi, atol=PEER)
    np.testing.assert_allclose(result.influence, phi, atol=100 * PEER)
    sums = np.stack([(phi - psi)[households == g].sum(axis=0) for g in np.unique(households)])
    total = len(sums)
    covariance = total / (total - 1) * sums.T @ sums / len(x) ** 2
    np.testing.assert_allclose(result.covariance, covariance, rtol=1e-4)
    assert result.households_total == total


POPULATIONS = {
    "ATE": lambda p: np.ones(len(p)),
    "ATO": lambda p: 1 / (1 / p).sum(axis=1),
    "ATM": lambda p: p.min(axis=1),
    "entropy": lambda p: -(p * np.log(p)).sum(axis=1),
    ("ATT", "brief"): lambda p: p[:, 1],
    ("ATU", "brief"): lambda p: p[:, 0] + p[:, 2],
}


def weighted_means(w, x, codes, y, seen, estimand, augmented):
    """In-sample estimator with case weights w: every model refitted by a general optimiser."""
    z = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / x.std(axis=0)])
    y_one = np.eye(3)[codes]

    def logit(target, weight):
        k = target.shape[1]

        def objective(b):
            eta = np.column_stack([z @ b.reshape(k - 1, -1).T, np.zeros(len(z))])
            top = eta.max(axis=1)
            log_total = top + np.log(np.exp(eta - top[:, None]).sum(axis=1))
            p = np.exp(eta - log_total[:, None])
            gradient = -((weight[:, None] * (target - p))[:, :-1].T @ z).ravel()
            return -np.sum(weight * (np.sum(target * eta, axis=1) - log_total)), gradient

        b = minimize(objective, np.zeros((k - 1) * z.shape[1]), jac=True, method="BFGS").x
        # Two Newton steps by differences of the gradient bring the optimum to rounding.
        for _ in range(3):
            step = 1e-5
            jacobian = np.column_stack(
                [
                    (objective(b + step * e)[1] - objective(b - step * e)[1]) / (2 * step)
                    for e in np.eye(len(b))
                ]
            )
            b = b - np.linalg.solve(jacobian, objective(b)[1])
        eta = np.column_stack([z @ b.reshape(k - 1, -1).T, np.zeros(len(z))])
        return np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)

    p = logit(y_one, w)
    h = POPULATIONS[estimand](p)
    means = []
    for a in range(3):
        rows = (codes == a).astype(float)
        kappa = np.ones(len(x))
        if not seen.all():
            kappa = logit(np.column_stack([seen, ~seen]).astype(float), w * rows)[:, 0]
        m = np.zeros(len(x))
        if augmented:
            v = w * rows * seen
            m = z @ np.linalg.solve(z.T @ (z * v[:, None]), z.T @ (v * y))
        v = w * rows * seen * h / (p[:, a] * kappa)
        means.append(np.sum(w * h * m) / np.sum(w * h) + np.sum(v * (y - m)) / v.sum())
    return np.array(means)


@pytest.mark.parametrize(
    ("estimator", "estimand", "augmented"),
    [
        (inverse_probability, "ATE", False),
        (inverse_probability, ("ATT", "brief"), False),
        (inverse_probability, ("ATU", "brief"), False),
        (overlap_weighting, "ATO", False),
        (overlap_weighting, "ATM", False),
        (overlap_weighting, "entropy", False),
        (doubly_robust, "ATE", True),
        (doubly_robust, "ATO", True),
        (doubly_robust, "entropy", True),
        (doubly_robust, ("ATU", "brief"), True),
    ],
)
@pytest.mark.parametrize("censored", [0.0, 0.4])
def test_stacked_influence_is_the_derivative_to_a_case_weight(estimator, estimand, augmented, censored):
    x, codes, y, seen, _ = draw(n=200, seed=8, censored=censored, rare=False)
    result = estimator(
        x,
        np.array(ARMS)[codes],
        np.where(seen, y, np.nan),
        observed=seen,
        folds=None,
        estimand=estimand,
    )
    ones = np.ones(len(x))
    means = weighted_means(ones, x, codes, y, seen, estimand, augmented)
    np.testing.assert_allclose(result.means, means, atol=PEER)
    scale = np.abs(result.influence - result.means).max()
    for i in (0, 17, 101, 163):
        step = 1e-3 * (np.arange(len(x)) == i)
        slope = (
            weighted_means(ones + step, x, codes, y, seen, estimand, augmented)
            - weighted_means(ones - step, x, codes, y, seen, estimand, augmented)
        ) / 2e-3
        expected = len(x) * slope
        np.testing.assert_allclose(
            result.influence[i] - result.means, expected, atol=NUMERIC * scale, err_msg=str(i)
        )


def test_logistic_outcome_models_agree_with_scikit_learn():
    x, codes, y, _, households = draw()
    event = (y > np.median(y)).astype(float)
    folds = households % 4
    labels = np.array(ARMS)[codes]
    fitted = fit_propensity(x, labels, households=households, folds=folds)
    result = doubly_robust(
        x, labels, event, households=households, propensity=fitted, outcome_model="logistic"
    )
    p = fitted.probabilities[0]
    for a in range(3):
        m = np.empty(len(x))
        for f in np.unique(folds):
            train = (folds != f) & (codes == a)
            m[folds == f] = sklearn_probabilities(x, event.astype(int), train)[folds == f, 1]
        w = (codes == a) / p[:, a]
        expected = m.mean() + np.sum(w * (event - m)) / w.sum()
        assert result.means[a] == pytest.approx(expected, abs=PEER)


@pytest.mark.parametrize("estimand", ["ATE", "ATO", ("ATU", "brief")])
@pytest.mark.parametrize("censored", [0.0, 0.4])
def test_cross_fitted_targeted_means_equal_the_formula_written_out(estimand, censored):
    x, codes, y, seen, households = draw(censored=censored)
    event = (y > np.median(y)).astype(int)
    folds = households % 4
    labels = np.array(ARMS)[codes]
    fitted = fit_propensity(x, labels, households=households, folds=folds)
    result = targeted_maximum_likelihood(
        x, labels, event, observed=seen, households=households, propensity=fitted, estimand=estimand
    )
    p = fitted.probabilities[0]
    h = POPULATIONS[estimand](p)
    g = h.copy()
    for k in range(3):
        step = 1e-6 * np.eye(3)[k]
        slope = (POPULATIONS[estimand](p + step) - POPULATIONS[estimand](p - step)) / 2e-6
        g += slope * ((codes == k) - p[:, k])
    for a in range(3):
        m, kappa = np.empty(len(x)), np.ones(len(x))
        for f in np.unique(folds):
            held = folds == f
            m[held] = sklearn_probabilities(x, event, ~held & (codes == a) & seen)[held, 1]
            if not seen.all():
                kappa[held] = sklearn_probabilities(x, seen.astype(int), ~held & (codes == a))[held, 1]
        w = np.where((codes == a) & seen, h / (p[:, a] * kappa), 0.0)
        logit = np.log(m / (1 - m))

        def moved(epsilon, logit=logit):
            return 1 / (1 + np.exp(-logit - epsilon))

        epsilon = brentq(lambda e, w=w, f=moved: w @ (event - f(e)), -9, 9, xtol=1e-14)
        star = moved(epsilon)
        psi = g @ star / g.sum()
        phi = psi + g / g.mean() * (star - psi) + w / w.mean() * (event - star)
        assert result.means[a] == pytest.approx(psi, abs=PEER)
        np.testing.assert_allclose(result.influence[:, a], phi, atol=1000 * PEER)


def test_cross_fitted_poisson_models_agree_with_scikit_learn():
    x, codes, _, _, households = draw()
    z = scaled(x)
    count = (
        np.random.default_rng(4).poisson(np.exp(0.4 * z[:, 0] - 0.2 * z[:, 2] + 0.2 * codes)).astype(float)
    )
    folds = households % 4
    labels = np.array(ARMS)[codes]
    fitted = fit_propensity(x, labels, households=households, folds=folds)
    result = doubly_robust(
        x, labels, count, households=households, propensity=fitted, outcome_model="poisson"
    )
    for a in range(3):
        m = np.empty(len(x))
        for f in np.unique(folds):
            train = (folds != f) & (codes == a)
            # Theirs is a penalty on the mean of the deviances over two, ours on their sum.
            model = PoissonRegressor(alpha=RIDGE / train.sum(), solver="newton-cholesky", tol=1e-12)
            m[folds == f] = model.fit(z[train], count[train]).predict(z[folds == f])
        w = (codes == a) / fitted.probabilities[0][:, a]
        assert result.means[a] == pytest.approx(m.mean() + np.sum(w * (count - m)) / w.sum(), abs=PEER)


def test_the_variance_for_the_sample_leaves_out_what_covariates_add():
    x, codes, y, _, households = draw()
    folds = households % 4
    for estimand in ("ATE", "ATO"):
        options = {"households": households, "folds": folds, "estimand": estimand}
        own = doubly_robust(x, codes, y, target="sample", **options)
        whole = doubly_robust(x, codes, y, **options)
        p = fit_propensity(x, codes, households=households, folds=folds).probabilities[0]
        h = POPULATIONS[estimand](p)
        m = np.column_stack(
            [
                np.select(
                    [folds == f for f in range(4)],
                    [plain_ridge(x, y, (folds != f) & (codes == a)) for f in range(4)],
                )
                for a in range(3)
            ]
        )
        g = np.ones(len(x)) if estimand == "ATE" else (h / p[np.arange(len(x)), codes]) ** 2
        part = h[:, None] * (m - g @ m / g.sum()) / g.mean()
        np.testing.assert_allclose(whole.influence - own.influence, part - part.mean(axis=0), atol=100 * PEER)
