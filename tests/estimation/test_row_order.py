"""The same bytes whatever the order of the rows, also where covariates cannot tell rows apart."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.estimation import (
    Nuisance,
    difference_in_means,
    doubly_robust,
    entropy_balancing,
    fit_propensity,
    inverse_probability,
    local_average_effect,
    overlap_weighting,
    regression_standardisation,
    targeted_maximum_likelihood,
)

EVERY = (
    difference_in_means,
    inverse_probability,
    overlap_weighting,
    regression_standardisation,
    entropy_balancing,
    doubly_robust,
    targeted_maximum_likelihood,
)
R = np.random.default_rng(12)
N = 300
X = R.integers(0, 2, size=(N, 2)).astype(float)  # four kinds of rows
CODES = R.integers(0, 3, N)
Y = R.gamma(1.0, 100.0, size=(N, 2))
SEEN = R.random((N, 2)) < 0.9
HOUSEHOLDS = R.integers(0, 120, N)
LABELS = HOUSEHOLDS % 4
ORDERS = [np.random.default_rng(s).permutation(N) for s in range(3)]


def bytes_of(result):
    return (result.means.tobytes(), result.covariance.tobytes())


@pytest.mark.parametrize("estimator", EVERY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("households", [None, HOUSEHOLDS], ids=["rows", "households"])
@pytest.mark.parametrize("folds", [5, None, LABELS], ids=["drawn", "in-sample", "labels"])
def test_rows_that_covariates_cannot_tell_apart_give_one_answer(estimator, households, folds):
    def run(p):
        given = folds[p] if isinstance(folds, np.ndarray) else folds
        ids = None if households is None else households[p]
        return estimator(X[p], CODES[p], Y[p], observed=SEEN[p], households=ids, folds=given)

    first = run(np.arange(N))
    for p in ORDERS:
        again = run(p)
        assert bytes_of(again) == bytes_of(first)
        np.testing.assert_array_equal(np.sort(again.influence, axis=1), np.sort(first.influence, axis=1))


@pytest.mark.parametrize("nuisance", ["linear", Nuisance("linear", "linear", calibrated=True)])
def test_a_propensity_fitted_before_gives_one_answer_too(nuisance):
    def run(p):
        fitted = fit_propensity(X[p], CODES[p], nuisance=nuisance, repeats=2)
        full = doubly_robust(X[p], CODES[p], Y[p], propensity=fitted, estimand="ATO")
        return full, doubly_robust(X[p], CODES[p], Y[p], propensity=fitted, trim=("symmetric", 0.3))

    first = run(np.arange(N))
    assert 0 < first[1].n.sum() < N, "trimming decides between rows that held-out models tell apart"
    for p in ORDERS:
        assert [bytes_of(one) for one in run(p)] == [bytes_of(one) for one in first]


def test_time_to_event_gives_one_answer():
    period, event = R.integers(1, 7, N), R.integers(0, 3, N)

    def run(p):
        return doubly_robust(X[p], CODES[p], period[p], event=event[p], horizons=[2, 4])

    first = run(np.arange(N))
    assert all(bytes_of(run(p)) == bytes_of(first) for p in ORDERS)


@pytest.mark.parametrize("levels", [2, 3])
def test_an_instrument_gives_one_answer(levels):
    z, d = R.integers(0, levels, N), R.integers(0, 2, N)

    def run(p):
        found = local_average_effect(X[p], d[p], Y[p, 0], instrument=z[p])
        return found.estimate, found.std_error, found.p_value

    first = run(np.arange(N))
    assert all(run(p) == first for p in ORDERS)


def test_which_of_two_equal_rows_is_held_out_when_knows_nothing_of_the_outcome():
    """Over seeds, each fold holds large and small outcomes alike."""
    x, codes = np.zeros((N, 1)), np.arange(N) % 2
    y = np.arange(N, dtype=float)
    gaps = []
    for seed in range(60):
        found = doubly_robust(x, codes, y, seed=seed, folds=2)
        gaps.append(found.contrast(1, 0).estimate)
    # Without covariates every split gives the difference in means, up to the folds' own means.
    plain = difference_in_means(None, codes, y).contrast(1, 0)
    error = np.std(gaps) / np.sqrt(len(gaps))
    assert abs(np.mean(gaps) - plain.estimate) < 4 * error + 1e-9
