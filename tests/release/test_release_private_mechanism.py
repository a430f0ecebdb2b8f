"""The mechanism of a private release: what one household can move, and that the noise is what it says."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.release.private_mechanism import (
    EPISODE,
    FOR_COUNTS,
    FOR_MEANS,
    FOR_SQUARES,
    GRID,
    PrivateSums,
    household_sums,
    laplace_variance,
    noise_scales,
    private_means,
    with_noise,
)
from causalsig.results import ArmMeans

DRAWS = 1000


def means_of(influence: np.ndarray, clusters: np.ndarray, households: tuple[int, ...]) -> ArmMeans:
    size = influence.shape[1]
    counts = np.asarray(households, dtype=np.int64)
    blank = np.ones(size)
    return ArmMeans(
        arms=tuple(range(size)), means=influence.mean(axis=0), covariance=np.eye(size), estimand="ATE",
        method="aipw", n=counts, households=counts, households_total=int(counts.sum()), followed=counts,
        effective_sample_size=blank, influence=influence, clusters=clusters, largest_share=blank,
        two_largest_share=blank, parameters=1,
    )  # fmt: skip


def difference(one: PrivateSums, other: PrivateSums, name: str) -> int:
    return int(np.abs(np.subtract(getattr(one, name), getattr(other, name))).sum())


@given(
    seed=st.integers(0, 2**31),
    arms=st.integers(2, 5),
    bound=st.floats(0.1, 50.0),
    cap=st.integers(1, 3),
    size=st.floats(0.01, 1e6),
)
@settings(max_examples=60, deadline=None)
def test_one_household_moves_no_sum_by_more_than_its_sensitivity(
    seed: int, arms: int, bound: float, cap: int, size: float
) -> None:
    r = np.random.default_rng(seed)
    clusters = r.integers(0, 20, size=60)
    influence = r.normal(size=(60, arms)) * size
    choices = {"centre": 0.2, "bound": bound, "max_episodes": cap}
    whole = household_sums(means_of(influence, clusters, (40,) * arms), **choices)
    left = clusters != clusters[0]
    without = household_sums(means_of(influence[left], clusters[left], (39,) * arms), **choices)
    assert difference(whole, without, "sums") <= GRID
    assert difference(whole, without, "squares") <= GRID
    assert abs(whole.episodes - without.episodes) <= cap * EPISODE
    assert difference(whole, without, "households") <= arms


def test_within_the_bound_the_sums_give_the_arm_means_back() -> None:
    r = np.random.default_rng(1)
    influence = 0.2 + r.uniform(-1, 1, size=(500, 3))
    sums = household_sums(
        means_of(influence, np.arange(500), (180, 160, 160)), centre=0.2, bound=4.0, max_episodes=2
    )
    found = private_means(sums, centre=0.2, bound=4.0, epsilon=1.0, max_episodes=2, unit=1e-9)
    np.testing.assert_allclose(found.means, influence.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.sampling_variances, influence.var(axis=0) / 500, rtol=1e-3)


def test_a_contribution_above_the_bound_is_cut_off_and_biases() -> None:
    influence = np.zeros((100, 2))
    influence[0] = (1000.0, 0.0)
    sums = household_sums(
        means_of(influence, np.arange(100), (50, 50)), centre=0.0, bound=5.0, max_episodes=1
    )
    assert 5.0 * sums.sums[0] / GRID == pytest.approx(5.0, rel=1e-5)


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
def test_the_noise_has_the_distribution_that_is_stated(epsilon: float) -> None:
    empty = PrivateSums((0, 0), (0, 0), 0, (0, 0))
    drawn = [with_noise(empty, epsilon=epsilon, max_episodes=2) for _ in range(DRAWS)]
    scales = noise_scales(epsilon, 2, 2)
    for values, scale in (
        ([one.sums[0] for one in drawn], scales.sums),
        ([one.squares[1] for one in drawn], scales.squares),
        ([one.episodes for one in drawn], scales.counts),
        ([one.households[0] * EPISODE for one in drawn], scales.counts),
    ):
        # Size is exponential with mean `scale`, and both signs are as likely: five standard errors each.
        size = np.abs(np.asarray(values, dtype=float)) / scale
        assert abs(size.mean() - 1.0) < 5.0 / np.sqrt(DRAWS)
        assert abs(np.mean(size > np.log(10.0)) - 0.1) < 5.0 * 0.3 / np.sqrt(DRAWS)
        assert abs(np.sign(values).mean()) < 5.0 / np.sqrt(DRAWS)
        own = (np.asarray(values, dtype=float) ** 2).mean() / laplace_variance(scale)
        assert abs(own - 1.0) < 5.0 * np.sqrt(5.0) / np.sqrt(DRAWS)


def test_arms_draw_noise_of_their_own() -> None:
    drawn = [with_noise(PrivateSums((0, 0), (0, 0), 0, (0, 0)), epsilon=1.0, max_episodes=1).sums
             for _ in range(DRAWS)]  # fmt: skip
    assert abs(np.corrcoef(np.asarray(drawn, dtype=float).T)[0, 1]) < 5.0 / np.sqrt(DRAWS)


def test_the_parts_of_epsilon_are_the_whole() -> None:
    assert abs(FOR_MEANS + FOR_SQUARES + FOR_COUNTS - 1.0) < 1e-12


def test_what_is_told_of_the_noise_is_what_means_vary_by() -> None:
    exact = PrivateSums((GRID * 10, 0), (GRID * 300, GRID * 300), 900 * EPISODE, (450, 450))
    choices = {"epsilon": 1.0, "max_episodes": 1}
    found = [
        private_means(with_noise(exact, **choices), centre=0.1, bound=5.0, unit=0.09, **choices)
        for _ in range(DRAWS)
    ]
    told = np.mean([one.noise_variances for one in found], axis=0)
    seen = np.var([one.means for one in found], axis=0)
    np.testing.assert_allclose(seen / told, 1.0, atol=5.0 * np.sqrt(5.0 / DRAWS))


def test_noise_touches_every_number() -> None:
    exact = PrivateSums((5, 6), (7, 8), 9, (10, 11))
    noisy = with_noise(exact, epsilon=0.1, max_episodes=1)
    assert {field.name for field in fields(exact)} == {"sums", "squares", "episodes", "households"}
    for _ in range(5):  # one of them may come out as it was, by chance; not five times
        if all(getattr(noisy, f.name) != getattr(exact, f.name) for f in fields(exact)):
            break
        noisy = with_noise(exact, epsilon=0.1, max_episodes=1)
    else:
        pytest.fail("a number left without noise")


def test_influence_that_is_no_number_is_refused() -> None:
    found = means_of(np.zeros((10, 2)), np.arange(10), (5, 5))
    with pytest.raises(ValueError, match="finite"):
        household_sums(
            replace(found, influence=np.full((10, 2), np.nan)), centre=0.0, bound=1.0, max_episodes=1
        )
