"""Mean shares of contact: each site once, beside everybody of the same sites, publishable when of enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from causalsig.contacted import PooledContactRow, ReleasedContact
from causalsig.errors import PoolError, ReleaseError
from causalsig.pooling.contacts import contacts_of_sites, one_part_a_wave
from causalsig.records import PoolResult
from causalsig.release.pool_document import build_pool_document, pool_result
from causalsig.study.models import Pooling

STEP = 2.0**-8


def site(code: str, visits: float, everybody: float = 0.2) -> tuple[ReleasedContact, ...]:
    band = (300, 999)
    return (
        ReleasedContact(code, "contact_method", "", "", band, (("letter", 0.5), ("home_visit", everybody))),
        ReleasedContact(code, "contact_method", "creditor", "creditor_rent", band, (("home_visit", visits),)),
    )


def sites(k: int) -> list[ReleasedContact]:
    return [part for i in range(k) for part in site(f"{i:02x}" * 32, 0.3 + 0.01 * i, 0.2 + 0.005 * i)]


def row_of(rows: tuple[PooledContactRow, ...], group: str, arm: str) -> PooledContactRow:
    return next(row for row in rows if (row.group, row.arm) == (group, arm))


def test_each_site_counts_once_beside_everybody_of_the_same_sites() -> None:
    alone = [part for part in site("ff" * 32, 0.0) if not part.group]  # it held its rent share back
    found = row_of(contacts_of_sites([*sites(8), *alone], Pooling()), "creditor_rent", "home_visit")
    assert found.sites == 8
    assert found.share == pytest.approx(0.335) and found.everybody == pytest.approx(0.2175)
    whole = row_of(contacts_of_sites([*sites(8), *alone], Pooling()), "", "home_visit")
    assert whole.sites == 9 and whole.share == whole.everybody


@pytest.mark.parametrize(("k", "shown", "to_one"), [(6, False, False), (7, True, True), (8, True, True)])
def test_a_mean_is_publishable_when_it_is_without_any_one_site_too(k: int, shown: bool, to_one: bool) -> None:
    rows = contacts_of_sites(sites(k), Pooling())
    assert all(row.publishable == shown for row in rows)
    others = contacts_of_sites(sites(k), Pooling(), without="00" * 32)
    assert all(row.publishable == to_one and row.sites == k - 1 for row in others)


def test_a_pool_comes_back_on_its_grid_and_one_of_the_others_holds_what_may_be_seen() -> None:
    empty = PoolResult("ab" * 32, "all", "REML, mixture", 0.95, 8, (), (), (), False)
    rows = contacts_of_sites(sites(8), Pooling())
    back = pool_result(build_pool_document(replace(empty, contacts=rows))).contacts
    assert [(r.group, r.arm, r.sites, r.publishable) for r in back] == [
        (r.group, r.arm, r.sites, r.publishable) for r in rows
    ]
    assert all(abs(a.share - b.share) <= STEP / 2 for a, b in zip(back, rows, strict=True))
    few = contacts_of_sites(sites(6), Pooling(), without="00" * 32)
    others = replace(empty, kind="others", sites=5, contacts=few)
    assert not build_pool_document(others).contacts
    claimed = tuple(replace(row, publishable=True, sites=6) for row in few)
    assert not any(
        entry.publishable for entry in build_pool_document(replace(empty, contacts=claimed)).contacts
    )
    strange = replace(rows[-1], group="creditor_of_somebody")
    with pytest.raises(ReleaseError, match="release schema"):
        build_pool_document(replace(empty, contacts=(strange,)))


def test_the_last_wave_of_a_site_stands() -> None:
    old, new = site("aa" * 32, 0.3), site("aa" * 32, 0.4)
    with pytest.raises(PoolError, match="one site"):
        contacts_of_sites([*old, *new], Pooling())
    assert one_part_a_wave([*old, *new]) == new
    # A group that the last wave held back is not taken from an earlier one.
    assert one_part_a_wave([*old, new[0]]) == new[:1]
