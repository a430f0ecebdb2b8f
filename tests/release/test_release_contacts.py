"""Shares of contact leave where no few households decide them, alone or by whatever is added up."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from causalsig.contacted import ContactBlock, GroupContact, NearSets
from causalsig.errors import ReleaseError
from causalsig.execution.contacts import contact_block
from causalsig.records import QuestionResult, SiteResult
from causalsig.release import EstimatesDocument, ReleaseIdentity, build_release
from causalsig.release.contacts import contacts_entry, released_contacts, shown_cells
from causalsig.release.fields import ESTIMATES
from causalsig.release.paths import leaves
from causalsig.release.rate_grid import share_exponent
from causalsig.release.rules import Limits
from causalsig.study.models import Study
from causalsig.study.subgroups import Groups

Make = Callable[..., SiteResult]
LARGE = (3200, 3100, 2600, 2300, 5100)
ARMS = ("letter", "phone", "home_visit")
AMOUNTS = ("amount_below_250", "amount_250_500", "amount_500_1000")
EXACT = 1e-9
"""Nothing but rounding of the linear algebra."""


def contact(group: str, counts: tuple[int, ...], family: str = "amount_band") -> GroupContact:
    """A group in which every household has one episode."""
    total = sum(counts)
    shares = tuple(count / total for count in counts)
    return GroupContact(
        family if group else "", group, total, shares, counts, tuple(total - count for count in counts)
    )


def block(*rows: tuple[int, ...], near: tuple[NearSets, ...] = (), complete: bool = True) -> ContactBlock:
    groups = tuple(contact(name, counts) for name, counts in zip(AMOUNTS, rows, strict=False))
    everybody = contact("", tuple(int(n) for n in np.sum(rows, axis=0)))
    return ContactBlock("contact_method", ARMS, everybody, groups, near, ("amount_band",) if complete else ())


@pytest.fixture
def limits(study: Study) -> Limits:
    return Limits.of(study)


@pytest.fixture
def grouped(study: Study) -> Study:
    return study.model_copy(update={"groups": Groups(families=("amount_band", "creditor"))})


@pytest.fixture
def release(make_site: Make, grouped: Study, identity: ReleaseIdentity) -> Callable[..., EstimatesDocument]:
    def made(**changes: Any) -> EstimatesDocument:
        from causalsig.study.digest import study_digest

        site = make_site(households=LARGE)
        help_, asked = site.questions
        full = replace(site, questions=(help_, replace(asked, **changes)), study_digest=study_digest(grouped))
        return build_release(full, study=grouped, identity=identity).document

    return made


def test_shares_come_back_to_half_a_step_of_their_band(release: Callable[..., EstimatesDocument]) -> None:
    given = block((4000, 3000, 2000), (150, 90, 60), (70, 40, 30))
    document = release(contacts=given)
    found = released_contacts(document)
    assert [one.group for one in found] == ["", *AMOUNTS]
    for one, exact in zip(found, (given.everybody, *given.groups), strict=True):
        assert one.households[0] <= exact.households
        step = 2.0 ** share_exponent("300-999" if exact.households >= 300 else "100-299")
        if one.group:
            for (arm, share), (wanted, value) in zip(
                one.shares, zip(ARMS, exact.shares, strict=True), strict=True
            ):
                assert arm == wanted and abs(share - value) <= step / 2
    values = document.model_dump(mode="json")
    assert {path for _, path, _ in leaves(values)} <= set(ESTIMATES)
    assert EstimatesDocument.model_validate_json(document.model_dump_json()) == document


def test_a_small_cell_stays_with_another_of_its_group(limits: Limits) -> None:
    given = block((400, 300, 200), (150, 90, 4), (170, 140, 130), complete=False)
    shown = shown_cells(given, limits)
    assert shown["amount_250_500"] == {0}  # neither the visits nor the calls, which would tell the visits
    assert shown[""] == shown["amount_below_250"] == {0, 1, 2}
    # Nobody and a few look the same.
    none = block((400, 300, 200), (150, 90, 0), (170, 140, 130), complete=False)
    assert shown_cells(none, limits) == shown


def test_a_small_group_stays_and_so_does_what_tells_it(limits: Limits) -> None:
    given = block((400, 300, 200), (150, 90, 60), (12, 10, 7))
    assert shown_cells(given, limits)["amount_500_1000"] == set()
    few = NearSets(AMOUNTS[:2], (), ("home_visit",))
    shown = shown_cells(replace(given, near=(few,)), limits)
    # Visits, and calls too: visits alone would follow from the other two.
    assert shown["amount_250_500"] == {0} and shown["amount_below_250"] == {0, 1, 2}
    overlap = NearSets(AMOUNTS[:1], AMOUNTS[1:2], ("letter",))
    shown = shown_cells(replace(given, near=(overlap,)), limits)
    assert shown["amount_250_500"] == {1} and shown["amount_below_250"] == {0, 1, 2}


def test_an_arm_hidden_of_everybody_is_hidden_of_every_group(limits: Limits) -> None:
    shown = shown_cells(block((400, 300, 3), (150, 90, 2), (170, 140, 2)), limits)
    assert all(2 not in places for places in shown.values())
    assert shown[""] == {0}  # letters only: calls would tell the few visits


def test_no_small_cell_follows_from_what_is_shown(grouped: Study, limits: Limits) -> None:
    """Even to who knows every total exactly: no small cell is fixed by the sums that are released."""
    rng = np.random.default_rng(8)
    hidden_some = 0
    for _ in range(300):
        made = invented(rng, grouped)
        given = contact_block(made, grouped)  # type: ignore[arg-type]  # has what is counted
        assert given is not None
        shown = shown_cells(given, limits)
        names, size = [one.group for one in given.groups], len(given.arms)
        counts = {one.group: np.array(one.with_arm) for one in (given.everybody, *given.groups)}
        small = {
            (one.group, k)
            for one in given.groups
            for k in range(size)
            if min(one.with_arm[k], one.without_arm[k]) < limits.disclosure.min_households_cell
        }
        assert not small & {(name, k) for name in names for k in shown[name]}
        hidden_some += bool(small)
        for cell in sorted(small):
            assert not determined(cell, given, shown), (cell, counts, shown)
    assert hidden_some > 50


def determined(cell: tuple[str, int], given: ContactBlock, shown: dict[str, set[int]]) -> bool:
    """Say whether a hidden cell has one value only, by sums over groups and arms of the shown ones."""
    names = ["", *(one.group for one in given.groups), "rest"]
    size = len(given.arms)
    at = {(name, k): row * size + k for row, name in enumerate(names) for k in range(size)}
    rows = []

    def equation(cells: list[tuple[tuple[str, int], float]]) -> None:
        row = np.zeros(len(at))
        for one, weight in cells:
            row[at[one]] = weight
        rows.append(row)

    for name in names[:-1]:
        for k in shown[name]:
            equation([((name, k), 1.0)])
        if shown[name]:
            equation([((name, k), 1.0) for k in range(size)])
    for k in range(size):
        equation([(("", k), -1.0), *(((name, k), 1.0) for name in names[1:])])
        if given.complete:
            equation([(("rest", k), 1.0)])
    known = np.array(rows)
    wanted = np.zeros(len(at))
    wanted[at[cell]] = 1.0
    left = wanted - known.T @ np.linalg.lstsq(known.T, wanted, rcond=None)[0]
    return bool(np.abs(left).max() < EXACT**0.5)


@dataclass
class _Plan:
    question: str = "contact_method"


@dataclass
class _Invented:
    """What contact by group is counted from."""

    treatment: np.ndarray
    households: np.ndarray
    groups: dict[str, dict[str, np.ndarray]]
    arms: tuple[str, ...] = ARMS
    plan: _Plan = field(default_factory=_Plan)

    @property
    def size(self) -> int:
        return len(self.treatment)


def invented(rng: np.random.Generator, study: Study) -> _Invented:
    """One family that parts everybody or nearly, arms that are rare in some of its groups."""
    n, sizes = int(rng.integers(120, 900)), rng.dirichlet(np.full(3 + rng.integers(2), 0.7))
    band = rng.choice(len(sizes), size=n, p=sizes)
    odds = rng.dirichlet(np.full(3, 0.5), size=len(sizes))
    arm = np.array([rng.choice(3, p=odds[place]) for place in band])
    groups = {name: band == place for place, name in enumerate(AMOUNTS)}
    return _Invented(np.array(ARMS, dtype=object)[arm], np.arange(n), {"amount_band": groups})


def test_sets_that_differ_by_a_few_are_found_and_no_others() -> None:
    rng = np.random.default_rng(3)
    n = 400
    rent = rng.random(n) < 0.5
    water = rent.copy()
    water[np.flatnonzero(~rent)[:6]] = True  # rent, and six more
    arm = np.array(["letter", "phone"], dtype=object)[(rng.random(n) < 0.5).astype(int)]
    made = _Invented(arm, np.arange(n), {"creditor": {"creditor_rent": rent, "creditor_water": water}})
    found = contact_block(made, study_with_floor())  # type: ignore[arg-type]  # has what is counted
    assert found is not None
    pairs = {frozenset((one.one, one.other)) for one in found.near}
    assert frozenset((("creditor_rent",), ("creditor_water",))) in pairs
    assert frozenset((("creditor_rent",), ())) not in pairs
    for near in found.near:
        a, b = (
            np.any([made.groups["creditor"][name] for name in names], axis=0) if names else np.ones(n, bool)
            for names in (near.one, near.other)
        )
        apart = a ^ b
        for name in near.arms:
            inside = int((apart & (arm == name)).sum())
            assert min(inside, int(apart.sum()) - inside) < 10


def study_with_floor() -> Study:
    from causalsig.study.read import read_study

    return read_study("vroegsignalering")


def test_households_with_several_episodes_count_once() -> None:
    arm = np.array(["letter", "letter", "phone", "phone", "letter"], dtype=object)
    all_of = {"amount_band": {"amount_below_250": np.ones(5, dtype=bool)}}
    found = contact_block(_Invented(arm, np.array([1, 1, 1, 2, 3]), all_of), study_with_floor())  # type: ignore[arg-type]
    assert found is not None
    assert found.everybody.households == 3
    assert found.everybody.with_arm == (2, 2)  # the first has both
    assert found.everybody.without_arm == (2, 2)
    assert found.everybody.shares == (0.6, 0.4)


def test_families_leave_as_far_as_the_budget_goes(limits: Limits) -> None:
    given = block((400, 300, 200), (150, 90, 60), (70, 40, 30))
    room = int(limits.disclosure.max_parameter_share * given.everybody.households)
    assert len(contacts_entry(given, limits).entries[0].families) == 1
    some = contacts_entry(given, limits, room - 5)
    assert not some.entries[0].families and "release-parameters" in some.held
    assert not contacts_entry(given, limits, room).entries


def test_shares_stand_beside_a_withheld_answer_and_not_in_a_refused_one(
    release: Callable[..., EstimatesDocument],
) -> None:
    given = block((4000, 3000, 2000), (150, 90, 60), (70, 40, 30))
    assert release(contacts=given, status="withheld", analyses=()).questions[1].contacts
    refused = release(contacts=given, status="refused", analyses=(), verdicts=()).questions[1]
    assert not refused.contacts
    older = release(contacts=given).model_dump(mode="json")
    older["schema_version"] = "0.2"
    with pytest.raises(ValidationError, match=r"what 0\.3 added"):
        EstimatesDocument.model_validate_json(json.dumps(older))


def test_a_family_that_the_study_does_not_name_cannot_leave(
    make_site: Make, study: Study, identity: ReleaseIdentity
) -> None:
    site = make_site(households=LARGE)
    asked: QuestionResult = replace(site.questions[1], contacts=block((400, 300, 200)))
    with pytest.raises(ReleaseError, match="a name that it does not list"):
        build_release(replace(site, questions=(asked,)), study=study, identity=identity)


def test_every_subset_of_a_family_is_looked_at() -> None:
    rng = np.random.default_rng(5)
    made = invented(rng, study_with_floor())
    found = contact_block(made, study_with_floor())  # type: ignore[arg-type]  # has what is counted
    assert found is not None
    codes = {name: np.array([a == name for a in made.treatment]) for name in found.arms}
    told = {(near.one, name) for near in found.near if not near.other for name in near.arms}
    groups = made.groups["amount_band"]
    for size in range(1, len(groups) + 1):
        for names in combinations(groups, size):
            left = ~np.any([groups[name] for name in names], axis=0)
            for arm, used in codes.items():
                few = left.any() and min((left & used).sum(), (left & ~used).sum()) < 10
                assert ((names, arm) in told) == few
