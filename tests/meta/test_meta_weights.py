"""Variances of rare proportions rescaled to the network's proportion."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.errors import MetaError
from causalsig.meta import covariances_by_effective_size, random_effects, rescale_covariances

EXACT = 1e-12


def binomial_network(seed: int, proportions: tuple[float, ...], sites: int = 300):  # type: ignore[no-untyped-def]
    """Counts of plain binomial arms: sizes (k, K), means (k, K), diagonal covariances (k, K, K)."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(200, 900, (sites, len(proportions)))
    means = np.maximum(rng.binomial(sizes, proportions), 1) / sizes
    covariances = np.eye(len(proportions)) * (means * (1 - means) / sizes)[:, None, :]
    return sizes, means, covariances


def test_plain_counts_pool_to_all_events_over_all_households() -> None:
    sizes, means, covariances = binomial_network(1, (0.03, 0.12))
    rescaled = rescale_covariances(means, covariances)
    truth = (sizes * means).sum(axis=0) / sizes.sum(axis=0)
    np.testing.assert_allclose(rescaled.pooled_means, truth, rtol=EXACT)
    assert rescaled.rescaled.all()
    for arm in range(2):
        pooled = random_effects(means[:, arm], rescaled.covariances[:, arm, arm], tau2="EE")
        np.testing.assert_allclose(pooled.coefficients[0], truth[arm], rtol=EXACT)


def test_estimated_variances_bias_the_pool_of_rare_outcomes_and_rescaled_ones_do_not() -> None:
    biases = []
    for seed in range(20):
        _, means, covariances = binomial_network(seed, (0.03,))
        rescaled = rescale_covariances(means, covariances)
        biases.append(
            [
                random_effects(means[:, 0], variances[:, 0, 0], tau2="EE").coefficients[0] / 0.03 - 1.0
                for variances in (covariances, rescaled.covariances)
            ]
        )
    estimated, pooled = np.mean(biases, axis=0)
    # 20 x 300 sites of 550 households at 3 %: a Monte Carlo standard error of 0.3 %.
    assert estimated < -0.04
    assert abs(pooled) < 0.01


def test_correlations_clustering_and_common_arms_stay() -> None:
    means = np.array([[0.05, 0.40, 0.10], [0.15, 0.50, 0.12], [0.08, 0.45, 0.06]])
    root = np.random.default_rng(3).normal(size=(3, 3, 3)) * 0.01
    covariances = root @ root.transpose(0, 2, 1)
    found = rescale_covariances(means, covariances)

    def correlations(matrices: np.ndarray) -> np.ndarray:
        deviations = np.sqrt(np.einsum("iaa->ia", matrices))
        return matrices / deviations[:, :, None] / deviations[:, None, :]

    np.testing.assert_allclose(correlations(found.covariances), correlations(covariances), rtol=1e-10)
    np.testing.assert_array_equal(found.covariances[:, 1, 1], covariances[:, 1, 1])
    np.testing.assert_array_equal(found.rescaled.all(axis=0), [True, False, True])
    p = found.pooled_means[0]
    expected = covariances[:, 0, 0] * p * (1 - p) / (means[:, 0] * (1 - means[:, 0]))
    np.testing.assert_allclose(found.covariances[:, 0, 0], expected, rtol=EXACT)


def test_an_outcome_and_its_complement_are_rescaled_alike() -> None:
    _, means, covariances = binomial_network(5, (0.04, 0.3), sites=9)
    found, complement = (rescale_covariances(each, covariances) for each in (means, 1.0 - means))
    np.testing.assert_allclose(found.covariances, complement.covariances, rtol=1e-10)


def test_one_site_is_the_identity() -> None:
    covariances = np.array([[[4e-4, 1e-5], [1e-5, 9e-4]]])
    found = rescale_covariances([[0.05, 0.08]], covariances)
    np.testing.assert_allclose(found.covariances, covariances, rtol=EXACT)


def test_missing_arms_stay_missing_and_means_outside_the_unit_interval_keep_their_variance() -> None:
    means = np.array([[0.05, np.nan], [-0.01, np.nan], [0.10, np.nan]])
    covariances = np.full((3, 2, 2), np.nan)
    covariances[:, 0, 0] = [1e-4, 2e-4, 3e-4]
    found = rescale_covariances(means, covariances)
    np.testing.assert_array_equal(found.rescaled, [[True, False], [False, False], [True, False]])
    assert found.covariances[1, 0, 0] == 2e-4
    assert np.isnan(found.covariances[:, 1, :]).all()
    assert np.isnan(found.pooled_means[1])


def weighted_network(seed: int, sites: int = 200):  # type: ignore[no-untyped-def]
    """Weighted means of a rare outcome: means (k, 1), covariances (k, 1, 1), effective sizes (k, 1)."""
    rng = np.random.default_rng(seed)
    weights = rng.lognormal(0.0, 0.7, (sites, 400))
    weights /= weights.sum(axis=1, keepdims=True)
    events = rng.random(weights.shape) < 0.08
    means = (weights * events).sum(axis=1)
    variances = (weights**2 * (events - means[:, None]) ** 2).sum(axis=1)
    return means[:, None], variances[:, None, None], 1.0 / (weights**2).sum(axis=1)[:, None]


def test_effective_sizes_remove_what_rescaling_leaves_with_unequal_weights() -> None:
    errors, correlations = [], []
    for seed in range(10):
        means, covariances, sizes = weighted_network(seed)
        rescaled = rescale_covariances(means, covariances).covariances
        by_size = covariances_by_effective_size(covariances, sizes)
        for each in (covariances, rescaled, by_size):
            pooled = random_effects(means[:, 0], each[:, 0, 0], tau2="EE").coefficients[0]
            errors.append(pooled / 0.08 - 1.0)
            correlations.append(np.corrcoef(means[:, 0], each[:, 0, 0])[0, 1])
    estimated, rescaled_error, size_error = np.reshape(errors, (10, 3)).mean(axis=0)
    # 10 x 200 sites with effective sizes around 240: a Monte Carlo standard error of 0.5 %.
    assert estimated < rescaled_error - 0.02 < size_error - 0.03
    assert abs(size_error) < 0.02
    assert abs(np.reshape(correlations, (10, 3)).mean(axis=0)[2]) < 0.08


def test_effective_sizes_keep_the_network_s_variance_and_each_site_s_correlations() -> None:
    root = np.random.default_rng(3).normal(size=(3, 2, 2)) * 0.01
    covariances = root @ root.transpose(0, 2, 1)
    sizes = np.array([[100.0, 50.0], [200.0, 80.0], [400.0, 20.0]])
    found = covariances_by_effective_size(covariances, sizes)
    variances = np.einsum("iaa->ia", found)
    np.testing.assert_allclose(variances * sizes, np.tile((variances * sizes)[0], (3, 1)), rtol=EXACT)
    before, after = (m[:, 0, 1] / np.sqrt(m[:, 0, 0] * m[:, 1, 1]) for m in (covariances, found))
    np.testing.assert_allclose(after, before, rtol=1e-10)
    np.testing.assert_allclose(covariances_by_effective_size(covariances[:1], sizes[:1]), covariances[:1])
    with pytest.raises(MetaError, match="effective sizes"):
        covariances_by_effective_size(covariances, -sizes)
    with pytest.raises(MetaError, match="arm means"):
        covariances_by_effective_size(covariances[:, :, :1], sizes)
