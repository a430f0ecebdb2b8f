"""What pooling adds to the meta-analysis: lining up arms, rounding, rare risks, and who may see it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.errors import PoolError
from causalsig.meta import random_effects
from causalsig.pooling import pool_arms, pool_of_others
from causalsig.pooling.lineup import line_up
from causalsig.records import PooledContrast, PooledMean, PoolResult, ReleasedArms
from causalsig.study.models import Study

Make = Callable[..., ReleasedArms]
EXACT = 1e-12
"""The same sums in another order."""
CODES = tuple(letter * 64 for letter in "abcdefgh")
PRIMARY = "home_visit"
NORMAL = 1.959963984540054
"""Normal quantile at 0.975."""


def contrast(pool: PoolResult, arm: str = PRIMARY, outcome: str = "any_new_arrears_3m") -> PooledContrast:
    [found] = [row for row in pool.contrasts if (row.arm, row.outcome) == (arm, outcome)]
    return found


def mean(pool: PoolResult, arm: str) -> PooledMean:
    [found] = [row for row in pool.means if row.arm == arm]
    return found


def sites(make: Make, n: int, seed: int = 3, **changes: Any) -> list[ReleasedArms]:
    rng = np.random.default_rng(seed)
    return [
        make(
            CODES[at],
            tuple(0.3 + 0.03 * rng.standard_normal(5)),
            std_error=float(rng.uniform(0.015, 0.03)),
            **changes,
        )
        for at in range(n)
    ]


def by_hand(blocks: Sequence[ReleasedArms], arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Contrast with the reference arm and its variance at each site, from the block alone."""
    estimates, variances = [], []
    for block in blocks:
        a, r = block.arms.index(arm), block.arms.index(block.reference)
        v = block.covariance
        estimates.append(block.means[a] - block.means[r])
        rounding = (block.steps[a] ** 2 + block.steps[r] ** 2) / 12
        variances.append(v[a][a] + v[r][r] - 2 * v[a][r] + rounding)
    return np.array(estimates), np.array(variances)


def test_the_pool_of_one_site_is_that_site(study: Study, make_block: Make) -> None:
    block = make_block(CODES[0])
    pool = pool_arms([block], study, "d")
    [estimate], [variance] = by_hand([block], PRIMARY)
    found = contrast(pool)
    assert found.estimate == pytest.approx(estimate, abs=EXACT)
    assert found.std_error == pytest.approx(variance**0.5, abs=EXACT)
    assert found.sites == 1 and np.isnan(found.tau2)  # one site says nothing about differences between sites
    half = NORMAL * variance**0.5
    assert (found.conf_low, found.conf_high) == pytest.approx((estimate - half, estimate + half), abs=1e-9)
    assert mean(pool, "phone").estimate == pytest.approx(0.28, abs=EXACT)
    assert not found.publishable


def test_a_contrast_uses_the_joint_covariance_of_its_arms(study: Study, make_block: Make) -> None:
    blocks = sites(make_block, 6, correlation=0.4)
    found = contrast(pool_arms(blocks, study, "d"))
    estimates, variances = by_hand(blocks, PRIMARY)
    expected = random_effects(estimates, variances, tau2="REML", interval="knapp-hartung-floored")
    assert found.estimate == pytest.approx(float(expected.coefficients[0]), abs=1e-10)
    assert found.std_error == pytest.approx(float(expected.std_errors[0]), abs=1e-10)


def test_arms_that_move_together_make_a_sharper_contrast(study: Study, make_block: Make) -> None:
    together, apart = (
        contrast(pool_arms([make_block(code, correlation=r) for code in CODES], study, "d")).std_error
        for r in (0.75, 0.0)
    )
    assert together == pytest.approx(apart / 2, rel=1e-9)  # 2 V (1 - r) against 2 V


def test_rounding_to_the_grid_adds_its_variance(study: Study, make_block: Make) -> None:
    step = 1 / 64
    plain = contrast(pool_arms([make_block(CODES[0])], study, "d")).std_error
    rounded = contrast(pool_arms([make_block(CODES[0], step=step)], study, "d")).std_error
    assert rounded**2 - plain**2 == pytest.approx(2 * step**2 / 12, rel=1e-9)
    [lineup] = line_up([make_block(CODES[0], step=step)], {"contact_method": study_arms(study)})
    off_diagonal = ~np.eye(5, dtype=bool)
    assert np.diag(lineup.covariances[0]) == pytest.approx(0.02**2 + step**2 / 12, rel=1e-12)
    assert lineup.covariances[0][off_diagonal] == pytest.approx(0.1 * 0.02**2, rel=1e-12)


def study_arms(study: Study) -> tuple[str, ...]:
    return tuple(study.asked["contact_method"].arms)


def test_a_site_without_an_arm_still_gives_its_others(study: Study, make_block: Make) -> None:
    whole = sites(make_block, 6, estimand="ATE")
    without = ("letter", "message", "phone", "none")
    short = make_block(CODES[6], (0.30, 0.29, 0.26, 0.33), arms=without, estimand="ATE")
    pool = pool_arms([*whole, short], study, "d")
    assert contrast(pool, "home_visit").sites == 6 and contrast(pool, "phone").sites == 7
    assert mean(pool, "home_visit").sites == 6 and mean(pool, "none").sites == 7
    assert contrast(pool, "home_visit").estimate == contrast(pool_arms(whole, study, "d")).estimate
    estimates, variances = by_hand([*whole, short], "phone")
    expected = random_effects(estimates, variances, tau2="REML", interval="knapp-hartung-floored")
    assert contrast(pool, "phone").estimate == pytest.approx(float(expected.coefficients[0]), abs=1e-10)


def test_a_site_whose_arms_stand_in_another_order_is_lined_up_by_name(study: Study, make_block: Make) -> None:
    blocks = sites(make_block, 5)
    order = [3, 0, 4, 2, 1]
    block = blocks[2]
    turned = replace(
        block,
        arms=tuple(block.arms[i] for i in order),
        means=tuple(block.means[i] for i in order),
        covariance=tuple(tuple(block.covariance[i][j] for j in order) for i in order),
    )
    assert pool_arms([*blocks[:2], turned, *blocks[3:]], study, "d") == pool_arms(blocks, study, "d")


def test_an_ato_of_fewer_arms_is_another_estimand_and_refused(study: Study, make_block: Make) -> None:
    short = make_block(CODES[0], arms=("letter", "phone"), estimand="ATO")
    with pytest.raises(PoolError, match=r"pool-arm-set"):
        pool_arms([short], study, "d")
    pool_arms([replace(short, estimand="ATE")], study, "d")


def test_an_arm_the_study_does_not_have_is_refused(study: Study, make_block: Make) -> None:
    with pytest.raises(PoolError, match=r"pool-arm-set"):
        pool_arms([make_block(CODES[0], arms=("letter", "pigeon"), estimand="ATE")], study, "d")


def test_a_site_twice_is_refused_without_its_whole_code(study: Study, make_block: Make) -> None:
    with pytest.raises(PoolError, match=r"pool-site-twice") as caught:
        pool_arms([make_block(CODES[0]), make_block(CODES[1]), make_block(CODES[0])], study, "d")
    assert CODES[0] not in caught.value.message
    other = make_block(CODES[0], outcome="any_all_3m", primary=False)
    assert pool_arms([make_block(CODES[0]), other], study, "d").sites == 1


def test_the_pool_of_the_others_is_the_pool_made_without_the_site(study: Study, make_block: Make) -> None:
    blocks = sites(make_block, 7)
    for at, block in enumerate(blocks):
        others = pool_of_others(blocks, block.site, study, "d")
        without = pool_arms([*blocks[:at], *blocks[at + 1 :]], study, "d", kind="others")
        assert others == without and others.kind == "others" and others.sites == 6
    changed = [replace(blocks[0], means=(0.9, 0.1, 0.9, 0.1, 0.9)), *blocks[1:]]
    assert pool_of_others(changed, CODES[0], study, "d") == pool_of_others(blocks, CODES[0], study, "d")
    assert pool_of_others(changed, CODES[1], study, "d") != pool_of_others(blocks, CODES[1], study, "d")


def test_the_pool_of_the_others_does_not_tell_who_was_left_out(study: Study, make_block: Make) -> None:
    blocks = sites(make_block, 3)
    left_out = ((CODES[5], "pool-no-estimate"),)
    assert pool_arms(blocks, study, "d", left_out=left_out).left_out == left_out
    assert pool_of_others(blocks, CODES[0], study, "d").left_out == ()


def test_fewer_than_six_sites_are_for_the_statistician_only(study: Study, make_block: Make) -> None:
    same = [make_block(code) for code in CODES]
    five, six = (contrast(pool_arms(same[:n], study, "d")) for n in (5, 6))
    assert (five.publishable, five.reasons) == (False, ("pool-few-sites",))
    assert (six.publishable, six.reasons) == (True, ())


def test_one_or_two_sites_with_nearly_all_the_weight_are_told(study: Study, make_block: Make) -> None:
    small = [make_block(code, std_error=0.06) for code in CODES[:6]]
    one = contrast(pool_arms([*small, make_block(CODES[6], std_error=0.01)], study, "d"))
    assert one.reasons == ("pool-dominant-site", "pool-dominant-pair")
    pair = [make_block(code, std_error=0.015) for code in CODES[6:8]]
    two = contrast(pool_arms([*small, *pair], study, "d"))
    assert two.reasons == ("pool-dominant-pair",)
    three = [make_block(code, std_error=0.015) for code in CODES[5:8]]
    assert contrast(pool_arms([*small[:5], *three], study, "d")).reasons == ()


def test_arms_stand_in_the_order_of_the_study(study: Study, make_block: Make) -> None:
    pool = pool_arms(sites(make_block, 2), study, "d")
    assert [m.arm for m in pool.means] == list(study_arms(study))
    assert [c.arm for c in pool.contrasts] == list(study_arms(study))[1:]


@pytest.mark.parametrize("kind", ["any", "count"])
def test_a_site_weighs_by_its_effective_size_and_not_by_its_own_estimate(
    study: Study, make_block: Make, kind: str
) -> None:
    """A site that saw fewer events by chance must not weigh more for it."""
    risks, sizes = (0.06, 0.07, 0.06, 0.08, 0.075, 0.09), (100.0, 400.0, 100.0, 100.0, 800.0, 100.0)
    blocks = [
        make_block(
            code,
            (p,) * 5,
            std_error=(p * (1 - p) / size) ** 0.5,
            effective_sizes=(size,) * 5,
            kind=kind,
            outcome=f"{kind}_new_arrears_3m",
        )
        for code, p, size in zip(CODES, risks, sizes, strict=False)
    ]
    same = [replace(block, effective_sizes=(200.0,) * 5) for block in blocks]
    for given_blocks, weights in ((blocks, sizes), (same, None)):
        pool = pool_arms(given_blocks, study, "d")
        mean = next(m for m in pool.means if m.arm == "letter")
        assert mean.estimate == pytest.approx(np.average(risks, weights=weights), abs=1e-9)


def test_sites_that_say_nothing_about_the_reference_give_levels_only(study: Study, make_block: Make) -> None:
    blocks = [make_block(c, arms=("phone", "none"), means=(0.3, 0.4), estimand="ATE") for c in CODES[:6]]
    pool = pool_arms(blocks, study, "d")
    assert pool.contrasts == () and {m.arm for m in pool.means} == {"phone", "none"}


def test_no_blocks_make_an_empty_pool(study: Study) -> None:
    pool = pool_arms([], study, "d")
    assert (pool.sites, pool.contrasts, pool.means) == (0, (), ())


@given(seed=st.integers(0, 10_000), missing=st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_blocks_changes_nothing(
    study: Study, make_block: Make, seed: int, missing: int
) -> None:
    blocks = sites(make_block, 5, seed)
    short = ("letter", "message", "phone", "none")
    blocks += [
        make_block(c, arms=short if at < missing else study_arms(study), estimand="ATE", primary=False)
        for at, c in enumerate(CODES[:5])
    ]
    blocks += sites(make_block, 5, seed + 1, outcome="count_new_arrears_3m", kind="count", primary=False)
    shuffled = blocks.copy()
    random.Random(seed).shuffle(shuffled)
    one, other = pool_arms(blocks, study, "d"), pool_arms(shuffled, study, "d")
    assert set(one.contrasts) == set(other.contrasts) and set(one.means) == set(other.means)
    assert len(one.contrasts) == 12 and len(one.means) == 15
