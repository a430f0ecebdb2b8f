"""Groups and rules leave above their floors, by what they leave over too, and come back as they went."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from causalsig.cohort.groups import FAMILIES, groups_of
from causalsig.diagnosed import RegionCondition
from causalsig.grouped import (
    FamilyRest,
    GroupBlock,
    GroupEffect,
    RuleBehind,
    RuleBlock,
    RuleGain,
    RuleLeaf,
)
from causalsig.records import SiteResult
from causalsig.release import EstimatesDocument, ReleaseIdentity, build_release
from causalsig.release.fields import ESTIMATES
from causalsig.release.grouped import groups_entry, released_groups, rule_entry
from causalsig.release.grouped_entries import GROUPS, RuleEntry
from causalsig.release.paths import leaves
from causalsig.release.rules import Limits
from causalsig.study.models import Study

Make = Callable[..., SiteResult]
LARGE = (3200, 3100, 2600, 2300, 5100)
TENTH = 1.1


def effect(group: str, family: str = "creditor", **changes: Any) -> GroupEffect:
    values: dict[str, Any] = {
        "estimate": -0.031, "std_error": 0.017, "df": 300.0, "conf_low": -0.07, "conf_high": 0.01,
        "p_value": 0.2, "households": (600, 800), "fewest": 60,
        "effective_size": 300.0, "largest_share": 0.02, "two_largest_share": 0.03,
    }  # fmt: skip
    return GroupEffect(family=family, group=group, **(values | changes))


def rest(groups: tuple[str, ...], left: dict[tuple[str, ...], tuple[int, int]], family: str) -> FamilyRest:
    """What is left by the groups taken out; many where nothing is said."""
    arms, cells = [], []
    for place in range(2 ** len(groups)):
        out = tuple(name for bit, name in enumerate(groups) if place >> bit & 1)
        arm, cell = left.get(out, (400, 40))
        arms.append(arm)
        cells.append(cell)
    return FamilyRest(family, groups, tuple(arms), tuple(cells))


def block(*effects: GroupEffect, left: dict[tuple[str, ...], tuple[int, int]] | None = None) -> GroupBlock:
    given = effects or (
        effect("creditor_rent"),
        effect("creditor_water"),
        effect("first", "first_or_repeated"),
    )
    size, families = len(given), tuple(dict.fromkeys(one.family for one in given))
    errors = np.array([one.std_error for one in given])
    covariance = np.outer(errors, errors) * (0.3 * np.ones((size, size)) + 0.7 * np.eye(size))
    rests = tuple(
        rest(tuple(one.group for one in given if one.family == family), left or {}, family)
        for family in families
    )
    return GroupBlock(
        "contact_method", "any_new_arrears_3m", "ATO", "doubly_robust", "home_visit", "letter", given,
        tuple(tuple(row) for row in covariance.tolist()), (), rests, (), (), 0.95,
    )  # fmt: skip


SOUND = RuleBehind(240, 40, 0.02, 0.03, 90.0)


def rule(found: bool = True, households: int = 300, **behind: float) -> RuleBlock:
    yes, no = (RegionCondition("creditor=rent", None, holds) for holds in (True, False))
    gains = (
        RuleGain("best_single", 4.2, 1.3, 200.0, 1.0, 7.0),
        RuleGain("now", 9.1, 2.2, 200.0, 4.0, 14.0),
    )
    told = (RuleLeaf((yes,), "home_visit", households), RuleLeaf((no,), "letter", 900))
    shares = (("letter", 0.6, 0.4), ("home_visit", 0.4, 0.2))
    return RuleBlock(
        "contact_method", "any_new_arrears_3m", "ATE", "doubly_robust", found, told if found else (), gains,
        shares, 12, replace(SOUND, **behind),
    )  # fmt: skip


@pytest.fixture
def limits(study: Study) -> Limits:
    return Limits.of(study)


@pytest.fixture
def release(make_site: Make, study: Study, identity: ReleaseIdentity) -> Callable[..., EstimatesDocument]:
    def made(**changes: Any) -> EstimatesDocument:
        site = make_site(households=LARGE)
        help_, contact = site.questions
        full = replace(site, questions=(help_, replace(contact, **changes)))
        return build_release(full, study=study, identity=identity).document

    return made


def test_the_release_knows_the_cohorts_groups_and_no_others() -> None:
    n = 3
    nan, zero = np.full(n, np.nan), np.zeros(n)
    from causalsig.cohort.covariates import EpisodeFacts

    facts = EpisodeFacts(
        np.arange(n), np.arange(n), nan, nan, zero + 1, zero, zero, np.zeros((n, 4)), np.zeros((n, 6)),
        nan, nan, np.array([None] * n, dtype=object),
    )  # fmt: skip
    found = groups_of(tuple(FAMILIES), facts, None)  # type: ignore[arg-type]  # flags are there
    assert {family: tuple(groups) for family, groups in found.items()} == dict(GROUPS)


def test_effects_of_groups_come_back_to_half_a_step(release: Callable[..., EstimatesDocument]) -> None:
    document = release(groups=block())
    found = released_groups(document)
    assert [(one.family, one.groups) for one in found] == [
        ("creditor", ("creditor_rent", "creditor_water")),
        ("first_or_repeated", ("first",)),
    ]
    for one in found:
        for value, step, variance in zip(one.estimates, one.steps, np.diagonal(one.covariance), strict=True):
            assert abs(value + 0.031) <= step / 2 <= 0.017 / 4 * TENTH
            assert 0.017**2 <= variance <= (0.017 * TENTH) ** 2
    assert found[0].covariance[0][1] == pytest.approx(0.3 * found[0].covariance[0][0], rel=0.2)
    values = document.model_dump(mode="json")
    assert {path for _, path, _ in leaves(values)} <= set(ESTIMATES)
    assert EstimatesDocument.model_validate_json(document.model_dump_json()) == document


def test_a_group_below_a_floor_stays_and_so_does_one_that_tells_it(limits: Limits) -> None:
    few = effect("creditor_water", fewest=9)
    found = groups_entry(block(effect("creditor_rent"), few), limits)
    assert [one.group for one in found.entries[0].families[0].effects] == ["creditor_rent"]
    assert found.held == ("release-cell-floor",)
    # Whoever is in neither group is too few: the smaller of both stays as well.
    left = {("creditor_rent", "creditor_water"): (20, 12)}
    smaller = effect("creditor_water", households=(300, 400))
    found = groups_entry(block(effect("creditor_rent"), smaller, left=left), limits)
    assert [one.group for one in found.entries[0].families[0].effects] == ["creditor_rent"]
    # Nobody left over tells nothing.
    nobody = {("creditor_rent", "creditor_water"): (-1, -1)}
    found = groups_entry(block(effect("creditor_rent"), smaller, left=nobody), limits)
    assert len(found.entries[0].families[0].effects) == 2


def test_what_any_released_groups_leave_over_holds_the_floors(limits: Limits) -> None:
    rng = np.random.default_rng(1)
    names = GROUPS["age_band"]
    floors = limits.disclosure
    for _ in range(200):
        left = {
            out: (int(rng.integers(-1, 90)), int(rng.integers(0, 25)))
            for size in range(1, 5)
            for out in combinations(names, size)
        }
        effects = [
            effect(
                n, "age_band", households=(int(rng.integers(150, 500)), 600), fewest=int(rng.integers(5, 60))
            )
            for n in names
        ]
        found = groups_entry(block(*effects, left=left), limits)
        kept = [one.group for entry in found.entries for f in entry.families for one in f.effects]
        for size in range(1, len(kept) + 1):
            for out in combinations(kept, size):
                arm, cell = left[tuple(name for name in names if name in out)]
                assert arm < 0 or (arm >= floors.min_households_arm and cell >= floors.min_households_cell)
        by_name = {one.group: one for one in effects}
        assert all(by_name[name].fewest >= 10 and by_name[name].households[0] >= 200 for name in kept)


@pytest.mark.parametrize(
    "changes", [{"effective_size": 29.0}, {"largest_share": 0.51}, {"two_largest_share": 0.68}, {"fewest": 9}]
)
def test_a_group_that_one_household_decides_stays(changes: dict[str, float], limits: Limits) -> None:
    found = groups_entry(block(effect("creditor_rent"), effect("creditor_water", **changes)), limits)
    assert [one.group for one in found.entries[0].families[0].effects] == ["creditor_rent"]
    # Nothing held and something held look the same, but for the group that is not there.
    assert found.held == groups_entry(block(), limits).held == ("release-cell-floor",)


def test_sets_of_groups_that_differ_by_a_few_households_do_not_both_leave(limits: Limits) -> None:
    smaller = effect("creditor_water", households=(300, 400))
    given = block(effect("creditor_rent"), smaller, effect("first", "first_or_repeated"))
    close = ((("creditor_rent",), ("creditor_water",)), (("creditor_rent",), ("first", "repeated")))
    [entry] = groups_entry(replace(given, close=close), limits).entries
    told = [one.group for family in entry.families for one in family.effects]
    assert told == ["creditor_rent", "first"]  # of the second pair one has not been released anyway


def test_a_rule_leaves_when_found_and_otherwise_only_that_none_was(
    release: Callable[..., EstimatesDocument],
) -> None:
    [told] = release(rule=rule()).questions[1].rule
    assert told.found and [leaf.arm for leaf in told.leaves] == ["home_visit", "letter"]
    asked = [condition.question for leaf in told.leaves for condition in leaf.conditions]
    assert asked == ["creditor-rent"] * 2
    [none] = release(rule=rule(found=False)).questions[1].rule
    assert not none.found and not none.leaves and not none.gains
    with pytest.raises(ValidationError, match="has leaves"):
        RuleEntry(outcome="any_new_arrears_3m", found=False, leaves=told.leaves, gains=())
    twice = (told.leaves[0], *told.leaves)
    with pytest.raises(ValidationError, match="share households"):
        RuleEntry(outcome=told.outcome, found=True, leaves=twice, gains=told.gains)


@pytest.mark.parametrize(
    "behind",
    [
        {"arm": 199},
        {"cell": 9},
        {"largest_share": 0.51},
        {"two_largest_share": 0.68},
        {"effective_size": 29.0},
    ],
)
def test_a_rule_that_few_households_decide_stays(behind: dict[str, float], limits: Limits) -> None:
    held = rule_entry(rule(**behind), limits)
    assert not held.entries and held.held == rule_entry(rule(), limits).held
    assert not rule_entry(rule(households=29), limits).entries


def test_groups_and_rules_leave_with_the_block_they_are_of(release: Callable[..., EstimatesDocument]) -> None:
    later = "any_new_arrears_6m"
    document = release(groups=replace(block(), outcome=later), rule=replace(rule(), outcome=later))
    blocks = {(one.outcome, one.estimand) for one in document.questions[1].analyses}
    assert bool(document.questions[1].groups) == ((later, "ATO") in blocks)
    assert bool(document.questions[1].rule) == ((later, "ATE") in blocks)


def test_groups_and_rules_stay_behind_a_question_without_effects(
    release: Callable[..., EstimatesDocument],
) -> None:
    document = release(groups=block(), rule=rule(), status="withheld", analyses=())
    assert not document.questions[1].groups and not document.questions[1].rule
    few = release(groups=block()).model_dump(mode="json")
    few["schema_version"] = "0.2"
    with pytest.raises(ValidationError, match=r"what 0\.3 added"):
        EstimatesDocument.model_validate_json(json.dumps(few))
