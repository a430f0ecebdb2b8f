"""Pooled moved thresholds as they leave: on grids, never stronger, and nobody's answer but one's own."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from causalsig.errors import ReleaseError
from causalsig.moved import BandRow, MoveByOthers, PooledMove
from causalsig.records import PoolResult
from causalsig.release import grid
from causalsig.release.pool_document import PoolDocument, build_pool_document, pool_result

ROW = PooledMove(
    question="threshold", outcome="count_new_arrears_3m", kind="count", months=3, below="letter",
    above="home_visit", score="amount", part=0.75, sites=14,
    by_route=(("changed_band", 3), ("constant_bias", 11)), unanswered=2, estimate=-0.1234, std_error=0.0321,
    conf_low=-0.1929, conf_high=-0.0539, largest_bias=0.0, tau2=0.0023, prediction_low=-0.25,
    prediction_high=0.004, publishable=True, reasons=(),
)  # fmt: skip
BOUNDED = replace(ROW, part=1.5, largest_bias=0.0213, prediction_low=math.nan, prediction_high=math.nan)
NOTHING = replace(
    ROW, part=2.0, sites=0, by_route=(), unanswered=16, publishable=False, estimate=math.nan,
    std_error=math.nan, conf_low=math.nan, conf_high=math.nan, largest_bias=math.nan, tau2=math.nan,
    prediction_low=math.nan, prediction_high=math.nan, reasons=("estimation-no-route",),
    refusal="estimation-no-route",
)  # fmt: skip
MINE = MoveByOthers(
    question="threshold", outcome="count_new_arrears_3m", kind="count", months=3, below="letter",
    above="home_visit", score="amount", cutoff=1300.0, period=1, part=0.75, sites=9,
    band=BandRow("safe_cutoffs", -0.21, 0.043, 0.0123, -0.31, -0.11),
)  # fmt: skip


def pool(**changes: object) -> PoolResult:
    plain = PoolResult(
        study_digest="a" * 64, kind="all", method="REML, knapp-hartung-floored", level=0.95, sites=16,
        contrasts=(), means=(), left_out=(), demo=False, moves=(ROW, BOUNDED, NOTHING),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def back(result: PoolResult) -> PoolResult:
    """Write it, and read what was written."""
    text = build_pool_document(result).model_dump_json()
    return pool_result(PoolDocument.model_validate_json(text))


@pytest.mark.parametrize("given", [ROW, BOUNDED])
def test_moves_come_back_to_half_a_step_and_never_stronger(given: PooledMove) -> None:
    [found] = back(pool(moves=(given,))).moves
    step = 2.0 ** grid.step_exponent(0.033)
    assert abs(found.estimate - given.estimate) <= step / 2
    assert given.std_error <= found.std_error <= given.std_error * 1.1
    assert given.conf_low - step <= found.conf_low <= given.conf_low
    assert given.conf_high <= found.conf_high <= given.conf_high + step
    assert given.largest_bias <= found.largest_bias <= given.largest_bias * 1.1
    assert (found.part, found.by_route, found.unanswered) == (given.part, given.by_route, 2)
    assert math.isnan(found.prediction_low) == math.isnan(given.prediction_low)
    assert found.publishable and found.refusal is None


def test_without_a_route_a_code_says_so() -> None:
    [found] = back(pool(moves=(NOTHING,))).moves
    assert found.refusal == "estimation-no-route" and math.isnan(found.estimate) and not found.publishable


def test_writing_twice_changes_nothing() -> None:
    for result in (pool(), pool(kind="others", moves=(replace(ROW, sites=6),), moved_by_others=(MINE,))):
        once = build_pool_document(result)
        assert build_pool_document(pool_result(once), package_version=once.package_version) == once


def test_a_municipality_gets_what_is_publishable_without_routes_and_its_own_answers() -> None:
    hidden = replace(ROW, above="phone", publishable=False, reasons=("pool-dominant-site",))
    few = replace(MINE, sites=5, part=0.5)
    document = build_pool_document(pool(kind="others", moves=(ROW, hidden), moved_by_others=(MINE, few)))
    found = pool_result(document)
    [row], [mine] = found.moves, found.moved_by_others
    assert (row.above, row.by_route, row.unanswered) == ("home_visit", (), 0)
    assert (mine.part, mine.cutoff, mine.sites, mine.band.route) == (0.75, 1300.0, 9, "safe_cutoffs")
    assert mine.band.conf_low <= MINE.band.conf_low and mine.band.conf_high >= MINE.band.conf_high
    assert mine.band.largest_bias == 0.013


def test_the_pool_of_all_holds_nobodys_own_answer() -> None:
    assert back(pool(moved_by_others=(MINE,))).moved_by_others == ()
    own = build_pool_document(pool(kind="others", moves=(), moved_by_others=(MINE,))).model_dump()
    with pytest.raises(ValueError, match="municipality's own"):
        PoolDocument.model_validate(own | {"pool": "all"})


def test_of_all_a_row_is_of_enough_sites_without_any_one_of_them() -> None:
    [six] = back(pool(moves=(replace(ROW, sites=6),))).moves
    assert not six.publishable
    [seven] = back(pool(moves=(replace(ROW, sites=7),))).moves
    assert seven.publishable


@pytest.mark.parametrize(
    "changes",
    [
        {"moves": (replace(ROW, reasons=("pool-few-sites",)),)},
        {"moves": (replace(ROW, refusal="estimation-no-route"),)},
        {"moves": (replace(ROW, above="letter"),)},
        {"moves": (replace(ROW, part=1.0),)},
        {"moves": (replace(ROW, above="a name in free text"),)},
        {"moves": (replace(ROW, by_route=(("constant_bias", 1), ("constant_bias", 2))),)},
        {"kind": "others", "moves": (), "moved_by_others": (replace(MINE, below="home_visit"),)},
        {
            "kind": "others",
            "moves": (),
            "moved_by_others": (replace(MINE, band=replace(MINE.band, route="changed_band")),),
        },
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ReleaseError) as caught:
        build_pool_document(pool(**changes))
    assert caught.value.code == "release-schema"


def test_an_error_of_nothing_has_no_place_and_is_not_shown() -> None:
    [found] = back(pool(moves=(replace(ROW, std_error=1e-17, conf_low=-0.1234, conf_high=-0.1234),))).moves
    assert math.isnan(found.estimate) and not found.publishable
