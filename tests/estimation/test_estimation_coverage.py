"""Intervals cover the truth as often as they say, with censoring, households of two and three arms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from causalsig.estimation import difference_in_means, doubly_robust, fit_propensity

REPLICATIONS = 200
EPISODES = 1000
PAIRS = ((1, 0), (2, 1))
BAND = (0.93, 0.97)
CHANCE = 1e-4  # a right estimator fails this test in one of ten thousand seeds


def draw(r, n):
    households = np.arange(n) // 2
    x = np.repeat(r.normal(size=(n // 2, 3)), 2, axis=0) * 0.7 + r.normal(size=(n, 3)) * 0.7
    eta = np.column_stack([np.zeros(n), 0.6 * x[:, 0] - 0.3 * x[:, 1], 0.5 * x[:, 2] - 0.4 * x[:, 0] - 0.3])
    p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    codes = (np.log(p) + r.gumbel(size=p.shape)).argmax(axis=1)
    m = np.column_stack([0.5 * x[:, 0], 0.2 + x[:, 0] - 0.3 * x[:, 1], 0.4 * x[:, 2] - 0.2])
    noise = np.repeat(r.normal(size=n // 2), 2) * 0.7 + r.normal(size=n) * 0.7
    seen = r.random(n) < 1 / (1 + np.exp(-1.5 - 0.5 * x[:, 0] + 0.5 * codes))
    return x, p, codes, m, m[np.arange(n), codes] + noise, seen, households


@pytest.fixture(scope="module")
def replications():
    r = np.random.default_rng(20260)
    _, p, _, m, *_ = draw(r, 400_000)
    h = 1 / (1 / p).sum(axis=1)
    truths = {"ATE": m.mean(axis=0), "ATO": h @ m / h.sum()}
    rows = []
    for _ in range(REPLICATIONS):
        x, _, codes, _, y, seen, households = draw(r, EPISODES)
        fitted = fit_propensity(x, codes, households=households)
        results = {
            e: doubly_robust(x, codes, y, observed=seen, estimand=e, propensity=fitted) for e in truths
        }
        results["naive"] = difference_in_means(None, codes, y, observed=seen, households=households)
        row = []
        for name, result in results.items():
            truth = truths.get(name, truths["ATE"])
            for a, b in PAIRS:
                one = result.contrast(a, b)
                gap = one.estimate - (truth[a] - truth[b])
                row.append(
                    (one.conf_low - one.estimate <= -gap <= one.conf_high - one.estimate, gap, one.std_error)
                )
        rows.append(row)
    return np.array(rows, dtype=float)


@pytest.mark.parametrize("column", range(4), ids=["ATE 1-0", "ATE 2-1", "ATO 1-0", "ATO 2-1"])
def test_doubly_robust_intervals_cover(replications, column):
    covered, gap, error = replications[:, column].T
    hits = int(covered.sum())
    assert binom.cdf(hits, REPLICATIONS, BAND[0]) > CHANCE
    assert binom.sf(hits - 1, REPLICATIONS, BAND[1]) > CHANCE
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(REPLICATIONS)
    # A standard deviation of 200 replications is known to 5 %.
    assert error.mean() / gap.std() == pytest.approx(1.0, abs=0.16)


def test_the_naive_comparison_does_not_cover(replications):
    assert replications[:, 4, 0].mean() < 0.5
