"""Thresholds leave above their floors, on their grids, and come back as they went."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from causalsig.crossed import (
    BinRow,
    CrossingEffect,
    FollowRow,
    FuzzyRow,
    HonestRow,
    JumpRow,
    ScoreBand,
    ThreeJumps,
    ThresholdBlock,
    ThresholdFindings,
)
from causalsig.errors import ReleaseError
from causalsig.records import Refusal, SiteResult, Verdict
from causalsig.release import EstimatesDocument, ReleaseIdentity, build_release
from causalsig.release.crossed import bin_entries, thresholds_entry
from causalsig.release.crossed_entries import BinEntry, crossing_numbers, mean_exponent
from causalsig.release.crossed_read import released_bin, released_thresholds
from causalsig.release.fields import ESTIMATES
from causalsig.release.grid import from_steps
from causalsig.release.paths import leaves
from causalsig.release.rules import Limits
from causalsig.study.models import Study

Make = Callable[..., SiteResult]


def jumps(estimate: float, error: float) -> ThreeJumps:
    row = JumpRow(estimate, error, estimate - 2 * error, estimate + 2 * error, 0.1)
    return ThreeJumps(row, row, row)


def handled(**changes: Any) -> FuzzyRow:
    values: dict[str, Any] = {
        "first_stage": jumps(0.5, 0.05), "f_statistic": 100.0,
        "covariance": ((0.0016, 0.0004), (0.0004, 0.0025)),
        "effect": jumps(-0.2, 0.08), "set_kind": "interval", "set_low": -0.4, "set_high": 0.0, "weak": False,
    }  # fmt: skip
    return FuzzyRow(**(values | changes))


def effect(**changes: Any) -> CrossingEffect:
    values: dict[str, Any] = {
        "outcome": "any_new_arrears_3m", "kind": "any", "months": 3, "primary": True,
        "crossing": jumps(-0.1, 0.04), "honest": None, "bandwidths": (0.613, 0.613, 0.94, 0.94),
        "effective_n": (300, 310), "households": (250, 260), "households_with": (50, 40),
        "households_without": (200, 220), "largest_share": 0.02, "two_largest_share": 0.03,
        "handled": handled(),
    }  # fmt: skip
    return CrossingEffect(**(values | changes))


def rows(count: int = 20, share: bool = True, **changes: Any) -> tuple[BinRow, ...]:
    found = []
    for place in range(count):
        distance = (place - count / 2 + 0.5) / count
        row = BinRow(63 + place, 61, distance, 0.2 + 0.003 * place, 0.16, None, None)
        found.append(replace(row, taken_up=0.4, covariance=0.01) if share else row)
    return tuple(replace(row, **changes) for row in found)


def block(**changes: Any) -> ThresholdBlock:
    values: dict[str, Any] = {
        "period": 1, "valid_from": None, "valid_to": date(2025, 3, 31), "score": "amount", "total": True,
        "scale": "log", "cutoff": 347.0, "below": "letter", "above": "home_visit", "episodes": (900, 800),
        "households": (800, 700), "followed": (0.93, 0.61), "one_pair": True,
        "verdicts": (Verdict("design", "gate-heaping", True, 1.2345, 3.0),), "donut": 0.0, "admitted": True,
        "low": False, "effects": (effect(),), "accepted": handled(), "bins": rows(),
        "bands": (ScoreBand(173.5, 347.0, 300, 280), ScoreBand(347.0, 694.0, 200, 190)), "refusals": (),
    }  # fmt: skip
    return ThresholdBlock(**(values | changes))


DAYS = {"any_new_arrears_3m": 14, "any_all_3m": 14}
LATE = dict.fromkeys(DAYS, 60)


def findings(*blocks: ThresholdBlock, status: Any = "estimated") -> ThresholdFindings:
    follows = (FollowRow(1, "2025-01", 400, 380, 333), FollowRow(1, "2025-02", 31, 29, 31))
    return ThresholdFindings(status, (), follows, blocks or (block(),), ())


@pytest.fixture
def limits(study: Study) -> Limits:
    return Limits.of(study)


@pytest.fixture
def release(make_site: Make, study: Study, identity: ReleaseIdentity) -> Callable[..., Any]:
    def build(found: ThresholdFindings) -> Any:
        return build_release(replace(make_site(), thresholds=found), study=study, identity=identity).document

    return build


def told(found: ThresholdFindings, limits: Limits) -> Any:
    (entry,) = thresholds_entry(found, limits, DAYS).crossings
    return entry


def test_a_threshold_comes_back_on_its_grid(release: Callable[..., Any]) -> None:
    document = EstimatesDocument.model_validate_json(release(findings()).model_dump_json())
    whole, ratio = released_thresholds(document)
    assert (whole.estimand, whole.below, whole.above) == ("E1", "letter", "home_visit")
    assert whole.cutoff_eur == 350.0  # two digits
    assert abs(whole.estimate + 0.1) <= whole.steps / 2 and whole.std_error == pytest.approx(0.04)
    assert whole.bandwidths == (0.61, 0.61, 0.94, 0.94)
    assert whole.jumps is not None and whole.jump_correlation == pytest.approx(0.2)
    assert ratio.estimand == "E2" and ratio.estimate == pytest.approx(whole.estimate / whole.jumps[1])
    y, d = whole.jumps
    errors = np.array([0.04, 0.05])
    covariance = np.outer(errors, errors) * np.array([[1.0, 0.2], [0.2, 1.0]])
    slope = np.array([1 / d, -y / d**2])
    assert ratio.std_error == pytest.approx(math.sqrt(slope @ covariance @ slope))
    assert len(whole.bins) == 20


def test_every_field_that_leaves_is_in_the_table(release: Callable[..., Any]) -> None:
    honest = effect(honest=HonestRow(-0.1, 0.04, 0.02, -0.2, 0.0, 0.6, 0.1), handled=None)
    document = release(findings(block(), block(effects=(honest,), bins=rows(share=False), period=2)))
    paths = {path for _, path, _ in leaves(document.model_dump(mode="json"))}
    assert paths - set(ESTIMATES) == set()
    mine = {path for path in ESTIMATES if path.startswith("thresholds") and ".moves[]." not in path}
    told = mine - paths
    assert told <= {
        "thresholds[].refusals[]", "thresholds[].crossings[].refusals[]", "thresholds[].crossings[].held[]",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"households": (29, 260)}, "release-arm-floor"),
        ({"households_with": (9, 40)}, "release-class-floor"),
        ({"households_without": (200, 9)}, "release-class-floor"),
        ({"largest_share": 0.51}, "release-dominance"),
        ({"two_largest_share": 0.68}, "release-dominance"),
        ({"crossing": jumps(-0.1, 0.0)}, "release-no-variance"),
        ({"crossing": jumps(9e3, 1e-3)}, "release-grid"),
    ],
)
def test_below_a_floor_nothing_of_the_threshold_is_a_number(
    limits: Limits, change: dict[str, Any], code: str
) -> None:
    entry = told(findings(block(effects=(effect(**change),))), limits)
    assert code in entry.held
    assert (entry.effects, entry.bins, entry.bands) == ((), (), ())


def test_another_outcome_stays_when_it_would_tell_few_households(limits: Limits) -> None:
    other = effect(outcome="any_all_3m", primary=False, households_with=(57, 60))
    entry = told(findings(block(effects=(effect(), other))), limits)
    assert [one.outcome for one in entry.effects] == ["any_new_arrears_3m"]
    assert entry.held == ("release-nested-difference",)
    apart = replace(other, households_with=(60, 60))
    assert len(told(findings(block(effects=(effect(), apart))), limits).effects) == 2


@pytest.mark.parametrize(
    ("changes", "days", "stays"),
    [
        ({"households": (200, 260)}, DAYS, True),
        ({"households": (199, 260)}, DAYS, False),
        ({"households": (399, 400)}, LATE, False),
        ({"households": (400, 400)}, LATE, True),
    ],
)
def test_another_outcome_stays_where_few_are_expected_between_whatever_came_out(
    limits: Limits, changes: dict[str, Any], days: dict[str, int], stays: bool
) -> None:
    primary = effect(**changes)
    other = replace(primary, outcome="any_all_3m", primary=False, households_with=(100, 110))

    def outcomes(*effects: CrossingEffect) -> list[str]:
        (entry,) = thresholds_entry(findings(block(effects=effects)), limits, days).crossings
        return [one.outcome for one in entry.effects]

    assert outcomes(primary, other) == ["any_new_arrears_3m", "any_all_3m"][: 1 + stays]
    # Of other households nothing can be subtracted.
    elsewhere = replace(other, households=(301, 302))
    assert len(outcomes(primary, elsewhere)) == 2


@pytest.mark.parametrize(
    "wrong", [{"households": 9}, {"variance": 0.0}, {"taken_up": 1.0}, {"taken_up": 0.0}]
)
def test_one_bin_below_its_floor_holds_the_table_back(limits: Limits, wrong: dict[str, Any]) -> None:
    spoilt = (*rows(19), replace(rows()[-1], **wrong))
    entry = told(findings(block(bins=spoilt)), limits)
    assert entry.bins == () and "release-cell-floor" in entry.held
    assert entry.effects  # the effect stands alone


def test_all_numbers_are_at_most_a_tenth_of_the_households(limits: Limits) -> None:
    entry = told(findings(block(bins=rows(40))), limits)
    assert entry.bins == () and "release-parameters" in entry.held
    entry = told(findings(block(bins=rows(22))), limits)
    assert entry.bins and crossing_numbers(entry) <= 0.1 * 1500
    small = told(findings(block(households=(40, 40), bins=())), limits)
    assert small.effects == () and "release-parameters" in small.held


def test_no_household_stands_in_two_tables_of_bins(limits: Limits) -> None:
    """Above 347 and below 900 are the same households: who knows both tables could take them apart."""
    higher = block(cutoff=900.0, below="home_visit", above="phone", households=(700, 790))
    entries = thresholds_entry(findings(higher, block()), limits, DAYS).crossings
    assert [bool(entry.bins) for entry in entries] == [False, True]
    assert entries[0].held == ("release-nested-difference",) and entries[0].effects
    later = replace(higher, period=2, valid_from=date(2025, 4, 1), valid_to=None)
    assert all(one.bins for one in thresholds_entry(findings(later, block()), limits, DAYS).crossings)
    young = replace(higher, cutoff=347.0, below="letter", above="message")
    assert all(one.bins for one in thresholds_entry(findings(young, block()), limits, DAYS).crossings)


def test_how_often_a_rule_was_followed_rests_on_an_arm_of_households(limits: Limits) -> None:
    entry = thresholds_entry(findings(), limits, DAYS)
    assert [(row.households, row.followed) for row in entry.follows] == [("300-999", 8), ("10-29", None)]
    assert told(findings(block(households=(29, 700), effects=(), bins=())), limits).followed == ()


def test_what_a_gate_withheld_carries_no_effect(release: Callable[..., Any]) -> None:
    shut = block(
        admitted=False, effects=(), bins=(), bands=(), accepted=None,
        refusals=(Refusal("gate-design-failed", "threshold"),),
    )  # fmt: skip
    document = release(findings(shut, status="withheld"))
    assert document.thresholds[0].status == "withheld"
    assert released_thresholds(document) == ()


def test_the_instrument_for_accepted_help_never_leaves(release: Callable[..., Any]) -> None:
    with_it, without = release(findings()), release(findings(block(accepted=None)))
    assert with_it.model_dump_json() == without.model_dump_json()


def test_dates_of_a_rule_stay(release: Callable[..., Any]) -> None:
    assert "2025-03-31" not in json.dumps(release(findings()).model_dump(mode="json"))


def test_a_document_of_an_earlier_version_has_no_thresholds(release: Callable[..., Any]) -> None:
    values = release(findings()).model_dump()
    with pytest.raises(ValidationError, match="earlier version"):
        EstimatesDocument.model_validate(values | {"schema_version": "0.2"})


def test_an_outcome_the_study_does_not_ask_cannot_leave(
    make_site: Make, study: Study, identity: ReleaseIdentity
) -> None:
    found = findings(block(effects=(effect(outcome="any_new_arrears_6m"),)))
    with pytest.raises(ReleaseError, match="does not name"):
        build_release(replace(make_site(), thresholds=found), study=study, identity=identity)


bins = st.lists(
    st.tuples(st.integers(10, 400), st.floats(0.02, 0.98), st.floats(0.05, 0.95)), min_size=2, max_size=40
)


@settings(max_examples=200, deadline=None)
@given(bins, st.integers(1, 39))
def test_bins_are_on_their_grids_and_their_sums_stray_by_a_step(
    drawn: list[tuple[int, float, float]], split: int
) -> None:
    left = min(split, len(drawn) - 1)
    made = [
        BinRow(n, n, (place - left + 0.5) / 40, mean, mean * (1 - mean), share, 0.0)
        for place, (n, mean, share) in enumerate(drawn)
    ]
    entries = bin_entries(made, "log")
    assert len(entries) == len(made)
    for row, entry in zip(made, entries, strict=True):
        assert entry.episodes % 5 == 0 and entry.episodes >= 10
        step = from_steps(1, mean_exponent(entry))
        back = released_bin(entry, "log")
        assert (back.distance < 0.0) == (row.distance < 0.0)
        assert abs(back.distance - row.distance) <= 2.0**-9
        assert back.variance == pytest.approx(row.variance, rel=0.06)
        assert back.mean >= 0.0 and entry.mean * step == back.mean
        assert back.taken_up is not None and 0.0 <= back.taken_up <= 1.0
    for side in (range(left - 1, -1, -1), range(left, len(made))):
        carried = sum(made[at].episodes for at in side) - sum(entries[at].episodes for at in side)
        least = sum(1 for at in side if entries[at].episodes == 10)
        assert abs(carried) <= 2.5 + 5.0 * least  # only a bin at the least can add more than a half of five


def test_a_bin_of_nine_cannot_be_written() -> None:
    values = bin_entries(rows(2), "log")[0].model_dump()
    for wrong in ({"episodes": 5}, {"episodes": 12}, {"variance": 0}):
        with pytest.raises(ValidationError):
            BinEntry.model_validate(values | wrong)
