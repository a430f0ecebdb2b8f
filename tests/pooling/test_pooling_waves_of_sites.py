"""Waves of one site: one estimate a site in the pool, by what each wave holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from causalsig.pooling import pool_arms
from causalsig.pooling.waves import one_block_a_site, together
from causalsig.records import ReleasedArms
from causalsig.study.models import Study

Make = Callable[..., ReleasedArms]
FIRST, SECOND = "a1" * 32, "b2" * 32


def test_waves_are_weighed_by_their_effective_sizes(make_block: Make) -> None:
    small = make_block(FIRST, std_error=0.04)
    large = make_block(FIRST, (0.20, 0.21, 0.22, 0.15, 0.26), std_error=0.02)
    found = together([small, large])
    np.testing.assert_allclose(found.means, 0.2 * np.array(small.means) + 0.8 * np.array(large.means))
    np.testing.assert_allclose(
        found.covariance, 0.04 * np.array(small.covariance) + 0.64 * np.array(large.covariance)
    )
    np.testing.assert_allclose(found.effective_sizes, np.add(small.effective_sizes, large.effective_sizes))
    assert found.household_bands[0] == (100, 298)


def test_the_order_of_arms_in_a_wave_does_not_matter(make_block: Make) -> None:
    one, other = make_block(FIRST), make_block(FIRST, (0.1, 0.2, 0.3, 0.4, 0.5))
    turn = [4, 2, 0, 1, 3]
    turned = replace(
        other,
        arms=tuple(other.arms[i] for i in turn),
        means=tuple(other.means[i] for i in turn),
        covariance=tuple(tuple(other.covariance[i][j] for j in turn) for i in turn),
    )
    assert together([one, turned]) == together([one, other])


def test_a_wave_that_lacks_an_arm_waits(make_block: Make) -> None:
    whole = make_block(FIRST, estimand="ATE")
    short = make_block(FIRST, arms=("letter", "phone"), estimand="ATE")
    assert one_block_a_site([short, whole]) == (whole,)


def test_a_site_with_two_waves_is_one_site_of_the_pool(study: Study, make_block: Make) -> None:
    blocks = [make_block(FIRST), make_block(FIRST), make_block(SECOND)]
    pool = pool_arms(one_block_a_site(blocks), study, "d")
    assert pool.sites == 2
    assert {row.sites for row in pool.contrasts} == {2}


@pytest.mark.parametrize("waves", [1, 2, 5])
def test_equal_waves_say_what_one_says_more_precisely(make_block: Make, waves: int) -> None:
    one = make_block(FIRST)
    found = together([one] * waves)
    np.testing.assert_allclose(found.means, one.means)
    np.testing.assert_allclose(found.covariance, np.array(one.covariance) / waves)
