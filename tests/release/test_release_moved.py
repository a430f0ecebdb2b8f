"""What another cutoff would do leaves above its floors, within the budget, and comes back as it went."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from causalsig.crossed import ScoreBand, ThresholdBlock
from causalsig.estimation.moving_results import band_effect
from causalsig.moved import BandRow, BasisRow, CostRow, MovedRow, PassedRoute
from causalsig.records import SiteResult
from causalsig.release import EstimatesDocument, ReleaseIdentity, build_release
from causalsig.release.crossed import thresholds_entry
from causalsig.release.crossed_entries import CrossingEntry, check_crossings, crossing_numbers
from causalsig.release.crossed_read import released_moves
from causalsig.release.fields import ESTIMATES
from causalsig.release.grid import from_steps
from causalsig.release.moved_entries import MoveEntry
from causalsig.release.paths import leaves
from causalsig.release.rules import Limits
from causalsig.study.models import Study
from tests.release.test_release_crossed import DAYS, block, effect, findings, rows

Make = Callable[..., SiteResult]
CUTOFF = 347.0
UNCHANGED = (
    PassedRoute("changed_band", "estimation-band-not-changed"),
    PassedRoute("changed_jumps", "estimation-band-not-changed"),
)
ELSEWHERE = (
    PassedRoute("constant_bias", "estimation-route-without-data"),
    PassedRoute("safe_cutoffs", "estimation-route-without-data"),
)


def band(**changes: Any) -> BandRow:
    values = {"route": "continuation", "estimate": -0.08, "std_error": 0.041, "largest_bias": 0.0173}
    values |= {"conf_low": -0.18, "conf_high": 0.02}
    return BandRow(**(values | changes))  # type: ignore[arg-type]


def basis(**changes: Any) -> BasisRow:
    values = {"households": 180, "households_with": 40, "households_without": 140}
    return BasisRow(**({"largest_share": 0.02, "two_largest_share": 0.03} | values | changes))  # type: ignore[arg-type]


def move(part: float, households: int, **changes: Any) -> MovedRow:
    values: dict[str, Any] = {
        "part": part, "to": part * CUTOFF, "outcome": "any_new_arrears_3m", "kind": "any", "months": 3,
        "episodes": households + 20, "households": households, "years": 1.25, "contacts_each": 0.5,
        "extra_contacts": 150.0, "band": band(), "change": -20.0, "change_low": -40.0, "change_high": 5.0,
        "passed": (*UNCHANGED, *ELSEWHERE), "code": None, "over_capacity": None,
        "cost": CostRow(5000.0, 123.456789, "interval", 50.0, 300.0, None), "basis": basis(),
    }  # fmt: skip
    return MovedRow(**(values | changes))


def refused(part: float, households: int) -> MovedRow:
    nothing: dict[str, Any] = dict.fromkeys(("band", "change", "change_low", "change_high", "cost", "basis"))
    last = PassedRoute("continuation", "estimation-beyond-bandwidth")
    passed = (*UNCHANGED, *ELSEWHERE, last)
    return replace(move(part, households), **nothing, passed=passed, code="estimation-no-route")


BANDS = (
    ScoreBand(0.5 * CUTOFF, 0.75 * CUTOFF, 150, 140),
    ScoreBand(0.75 * CUTOFF, CUTOFF, 200, 190),
    ScoreBand(CUTOFF, 1.5 * CUTOFF, 220, 210),
)
SEEN: dict[str, Any] = {"band": band(route="changed_band", largest_bias=0.0), "passed": ()}
MOVES = (refused(0.5, 320), move(0.75, 190), move(1.5, 210, **SEEN))


def moving(*moves: MovedRow, **changes: Any) -> ThresholdBlock:
    return block(**({"bands": BANDS, "moved": moves or MOVES} | changes))


@pytest.fixture
def limits(study: Study) -> Limits:
    return Limits.of(study)


@pytest.fixture
def release(make_site: Make, study: Study, identity: ReleaseIdentity) -> Callable[..., EstimatesDocument]:
    def build(*blocks: ThresholdBlock) -> EstimatesDocument:
        found = findings(*blocks)
        return build_release(replace(make_site(), thresholds=found), study=study, identity=identity).document

    return build


def told(limits: Limits, *moves: MovedRow, **changes: Any) -> dict[int, MoveEntry]:
    (entry,) = thresholds_entry(findings(moving(*moves, **changes)), limits, DAYS).crossings
    return {one.percent: one for one in entry.moves}


def test_a_moved_threshold_comes_back_on_its_grid(release: Callable[..., EstimatesDocument]) -> None:
    document = EstimatesDocument.model_validate_json(release(moving()).model_dump_json())
    far, near, up = released_moves(document)
    assert (far.part, near.part, up.part) == (0.5, 0.75, 1.5)
    assert (near.question, near.outcome, near.months) == ("threshold", "any_new_arrears_3m", 3)
    assert (near.below, near.above, near.score, near.cutoff) == ("letter", "home_visit", "amount", 350.0)
    assert near.band is not None and near.band.route == "continuation"
    assert abs(near.band.estimate + 0.08) <= near.steps / 2
    assert near.band.std_error == pytest.approx(0.041)
    assert near.band.largest_bias == pytest.approx(0.018)  # two digits, up
    again = band_effect(
        "continuation", (0.75, 1.0), near.band.estimate, near.band.std_error, level=0.95, episodes=1.0,
        largest_bias=near.band.largest_bias,
    )  # fmt: skip
    assert near.band.conf_low == pytest.approx(again.conf_low)
    assert near.band.conf_high == pytest.approx(again.conf_high)
    assert up.band is not None and up.band.largest_bias == 0.0
    half = 1.959964 * up.band.std_error
    assert up.band.conf_high - up.band.conf_low == pytest.approx(2 * half, rel=1e-6)
    assert far.band is None and far.steps == 0.0
    assert [(one.route, one.code) for one in far.passed] == [
        ("changed_band", "estimation-band-not-changed"),
        ("changed_jumps", "estimation-band-not-changed"),
        ("continuation", "estimation-beyond-bandwidth"),
    ]


def test_contacts_follow_from_counts_that_leave_already(release: Callable[..., EstimatesDocument]) -> None:
    """93 and 61 % followed: 0.9 + 0.6 - 1 contacts more each; 15 months; bands of 100 to 299."""
    far, near, up = released_moves(release(moving()))
    each = (0.9 + 0.6 - 1.0) * 12 / 15
    assert near.households == up.households == (100, 299)
    assert far.households == (200, 598)
    assert near.contacts == pytest.approx((100 * each, 299 * each))
    assert up.contacts == pytest.approx((-100 * each, -299 * each))
    open_ended = (*BANDS[:2], replace(BANDS[2], households=4000))
    *_, wide = released_moves(release(moving(bands=open_ended)))
    assert wide.households == (3000, None) and wide.contacts[1] is None


def test_every_field_that_leaves_is_in_the_table(release: Callable[..., EstimatesDocument]) -> None:
    small = move(1.5, 210, basis=basis(households=29))
    document = release(moving(), moving(*MOVES[:2], small, period=2))
    paths = {path for _, path, _ in leaves(document.model_dump(mode="json"))}
    mine = {path for path in ESTIMATES if ".moves[]." in path}
    assert paths - set(ESTIMATES) == set() and mine - paths == set()


def test_no_cost_and_no_count_of_its_own_leaves(release: Callable[..., EstimatesDocument]) -> None:
    dearer = tuple(
        replace(one, cost=None, extra_contacts=1.0, contacts_each=9.0, episodes=7, over_capacity=True)
        for one in MOVES
    )
    assert release(moving()).model_dump_json() == release(moving(*dearer)).model_dump_json()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"households": 9}, "release-cell-floor"),
        ({"households": 29}, "release-arm-floor"),
        ({"basis": basis(households=29)}, "release-arm-floor"),
        ({"basis": None}, "release-arm-floor"),
        ({"basis": basis(households_with=9)}, "release-class-floor"),
        ({"basis": basis(households_without=9)}, "release-class-floor"),
        ({"basis": basis(largest_share=0.51)}, "release-dominance"),
        ({"basis": basis(two_largest_share=0.68)}, "release-dominance"),
        ({"band": band(std_error=0.0)}, "release-no-variance"),
        ({"band": band(std_error=math.nan)}, "release-no-variance"),
        ({"band": band(estimate=9e3, std_error=1e-3)}, "release-grid"),
    ],
)
def test_below_a_floor_no_number_of_it_leaves(
    limits: Limits, release: Callable[..., EstimatesDocument], change: dict[str, Any], code: str
) -> None:
    spoilt = replace(MOVES[1], **change)
    entry = told(limits, MOVES[0], spoilt, MOVES[2])[75]
    assert (entry.held, entry.effect, entry.bias_bound) == (code, (), ())
    assert told(limits, MOVES[0], spoilt, MOVES[2])[150].effect  # the others do
    _, near, _ = released_moves(release(moving(MOVES[0], spoilt, MOVES[2])))
    assert near.band is None and (near.passed[-1].route, near.passed[-1].code) == ("continuation", code)


def test_a_band_within_a_band_does_not_tell_the_few_in_between(limits: Limits) -> None:
    for apart in (1, 9):
        few = told(limits, move(0.5, 199, basis=basis(apart=apart)), move(0.75, 190), MOVES[2])
        assert few[75].effect and few[50].held == "release-nested-difference"
    for apart in (None, 10):
        assert told(limits, move(0.5, 200, basis=basis(apart=apart)), move(0.75, 190), MOVES[2])[50].effect


def test_moved_thresholds_share_the_budget_and_the_furthest_goes_first(limits: Limits) -> None:
    share = 0.1 * 400
    small = {"households": (200, 200), "bins": (), "effects": (effect(handled=None),)}
    entry = thresholds_entry(findings(moving(move(0.5, 320), *MOVES[1:], **small)), limits, DAYS).crossings[0]
    assert all(one.effect for one in entry.moves) and crossing_numbers(entry) <= share
    # Of fourteen numbers two say how often it was followed, four the effect, three the bands: five are left.
    tight = small | {"households": (70, 70)}
    entry = thresholds_entry(findings(moving(move(0.5, 320), *MOVES[1:], **tight)), limits, DAYS).crossings[0]
    assert crossing_numbers(entry) <= 14
    assert [one.held for one in entry.moves] == ["release-parameters", None, None]
    assert "release-parameters" in entry.held


def test_bins_leave_room_for_them(limits: Limits) -> None:
    """Bins as many as their own budget allows: moved thresholds and another outcome still fit beside."""
    other = effect(outcome="any_all_3m", primary=False, households_with=(90, 90))
    most = int((0.1 * 1500 - 20 - 3 * 4) // 6)
    made = moving(move(0.5, 320), *MOVES[1:], bins=rows(most), effects=(effect(), other))
    entry = thresholds_entry(findings(made), limits, DAYS).crossings[0]
    assert len(entry.bins) == most and len(entry.effects) == 2
    assert all(one.effect for one in entry.moves)


def test_without_an_effect_of_its_own_a_threshold_tells_none_of_another(limits: Limits) -> None:
    for change in ({"effects": (effect(households=(29, 260)),)}, {"bands": ()}):
        (entry,) = thresholds_entry(findings(moving(**change)), limits, DAYS).crossings
        assert entry.moves == ()


def test_a_document_that_says_otherwise_is_turned_away(limits: Limits) -> None:
    whole = thresholds_entry(findings(moving()), limits, DAYS)
    values = whole.crossings[0].model_dump()
    far, near, up = values["moves"]
    for wrong, match in (
        ([far, up, near], "told twice"),
        ([near, near], "told twice"),
        ([near | {"percent": 80}], "no counted bands"),
        ([near | {"percent": 100}], "no counted bands"),
        ([near | {"route": None}], "no route"),
        ([near | {"held": "release-grid"}], "was held back"),
        ([near | {"effect": ()}], "beside no effect"),
        ([near | {"effect": (), "bias_bound": ()}], "neither the effect"),
        ([near | {"passed": near["passed"][::-1]}], "not in order"),
        ([up | {"passed": near["passed"]}], "not stronger"),
        ([near | {"route": "constant_bias"}], "changed_band"),
    ):
        with pytest.raises(ValidationError, match=match):
            CrossingEntry.model_validate(values | {"moves": tuple(wrong)})
    few = values | {"bands": tuple(one | {"households": "10-29"} for one in values["bands"])}
    changed = whole.model_copy(update={"crossings": (CrossingEntry.model_validate(few),)})
    check_crossings(whole, arm=30, cell=10, per_mille=100)
    with pytest.raises(ValueError, match="band of a moved threshold"):
        check_crossings(changed, arm=30, cell=10, per_mille=100)


def test_an_estimate_is_a_whole_number_of_steps(limits: Limits) -> None:
    entry = told(limits)[75]
    (jump,) = entry.effect
    assert jump.value == from_steps(jump.estimate, jump.estimate_exponent)
    assert 2.0**jump.estimate_exponent >= jump.error / 4 > 2.0 ** (jump.estimate_exponent - 1)


def test_a_bound_of_bias_too_small_for_its_digits_is_still_one(limits: Limits) -> None:
    entry = told(limits, move(0.75, 190, band=band(largest_bias=1e-15)))[75]
    assert entry.bias_bound[0].value >= 1e-15
