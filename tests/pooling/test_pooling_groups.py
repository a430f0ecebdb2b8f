"""Groups over sites: a difference is compared within sites, and a group alone is not called publishable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from causalsig.errors import PoolError
from causalsig.grouped import ReleasedGroups
from causalsig.pooling.groups import groups_of_sites, pool_groups
from causalsig.study.models import Pooling

SITES = 12


def sites(apart: float = 0.0, seed: int = 1, between: float = 0.05) -> list[ReleasedGroups]:
    """Sites whose effects differ much between them, and by `apart` between two groups within each."""
    rng = np.random.default_rng(seed)
    covariance = np.array([[0.0004, 0.0002], [0.0002, 0.0004]])
    found = []
    for k in range(SITES):
        own = rng.normal(0.0, between)
        effects = rng.multivariate_normal([own, own + apart], covariance)
        found.append(
            ReleasedGroups(
                f"{k:064d}", "contact_method", "any_new_arrears_3m", "ATO", "doubly_robust", "home_visit",
                "letter", "first_or_repeated", ("first", "repeated"), tuple(effects.tolist()),
                tuple(tuple(row) for row in covariance.tolist()), (2.0**-8, 2.0**-8),
            )
        )  # fmt: skip
    return found


def test_a_difference_within_sites_is_seen_though_sites_differ_more() -> None:
    rows = groups_of_sites(sites(apart=0.04), Pooling())
    assert [row.group for row in rows] == ["first", "repeated"] and rows[0].sites == SITES
    assert rows[0].p_of_family is not None and rows[0].p_of_family < 0.01
    apart = rows[1].estimate - rows[0].estimate
    assert apart == pytest.approx(0.04, abs=0.02)
    # Apart from each other the intervals of both groups would hide it: sites differ by more.
    assert min(row.conf_high - row.conf_low for row in rows) > apart


def test_where_groups_are_alike_the_test_is_quiet() -> None:
    called = 0
    for seed in range(60):
        [first, _] = groups_of_sites(sites(seed=seed), Pooling())
        assert first.p_of_family is not None
        called += first.p_of_family < 0.05
    assert called <= 9  # 5 % of 60 is 3; ten or more come in one of 1,000 such runs


def test_a_group_few_sites_have_is_pooled_and_not_publishable() -> None:
    given = sites()
    few = [
        one if k < 4 else replace(one, groups=one.groups[:1], estimates=one.estimates[:1],
                                  covariance=((one.covariance[0][0],),), steps=one.steps[:1])
        for k, one in enumerate(given)
    ]  # fmt: skip
    first, repeated = groups_of_sites(few, Pooling())
    assert (first.sites, repeated.sites) == (SITES, 4)
    assert first.publishable and not repeated.publishable
    alone = [
        replace(one, groups=("first",), estimates=one.estimates[:1], covariance=((0.0004,),), steps=(0.0,))
        for one in given
    ]
    [only] = groups_of_sites(alone, Pooling())
    assert only.p_of_family is None


def test_a_site_given_twice_is_refused_and_families_are_apart() -> None:
    given = sites()
    with pytest.raises(PoolError) as caught:
        pool_groups([*given, given[0]])
    assert caught.value.code == "pool-site-twice"
    other = [replace(one, family="creditor", groups=("creditor_rent", "creditor_water")) for one in given]
    assert [pool.head.family for pool in pool_groups([*given, *other])] == ["creditor", "first_or_repeated"]
