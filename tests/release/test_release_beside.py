"""What stands beside estimates: hidden causes, balance and regions leave in closed form, or are held back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from causalsig.diagnosed import (
    BalanceBlock,
    CovariateDifference,
    RegionCondition,
    SensitivityRow,
    UnusedRegion,
)
from causalsig.diagnostics.balance import fewest_by_covariate
from causalsig.diagnostics.questions import CUT_POINTS as ATLAS_POINTS
from causalsig.diagnostics.words import atlas_key
from causalsig.records import Analysis, QuestionResult, SiteResult, Verdict
from causalsig.release import EstimatesDocument, ReleaseIdentity, build_release, released_arms
from causalsig.release.beside import balance_entry, region_entries, released_balance
from causalsig.release.documents import VerdictEntry, released_numbers
from causalsig.release.fields import ESTIMATES
from causalsig.release.life import document_hash
from causalsig.release.paths import leaves
from causalsig.release.rules import Limits
from causalsig.release.strict_json import canonical
from causalsig.release.vocabulary import COVARIATES, CUT_POINTS, covariate_code
from causalsig.study.models import Disclosure, Study
from causalsig.texts import catalogue

Make = Callable[..., SiteResult]
LARGE = (3200, 3100, 2600, 2300, 5100)
"""Households an arm, enough for every number of a question to leave."""
TENTH = 1.1
"""Two significant digits, rounded up, lie at most a tenth above."""


def row(arm: str, **changes: Any) -> SensitivityRow:
    values = {
        "estimate": -0.03, "std_error": 0.02, "scale": 0.61, "scale_std_error": 0.031, "correlation": 0.12,
        "households": 2000, "robustness_value": 0.05, "robustness_value_of_interval": 0.01,
    }  # fmt: skip
    return SensitivityRow(arm=arm, reference="letter", **(values | changes))


def region(
    households: int = 400, outside: int = 900, question: str = "crisis", **changes: Any
) -> UnusedRegion:
    conditions = (RegionCondition("amount", 500.0, False), RegionCondition(question, None, True))
    return UnusedRegion("home_visit", changes.get("conditions", conditions), households, outside)


def balance(*rows: CovariateDifference) -> BalanceBlock:
    given = rows or (
        CovariateDifference("creditor=rent", 0.043, 0.07, 300),
        CovariateDifference("log_amount", -0.081, 0.05, 300),
        CovariateDifference("age=66+", 0.01, 0.09, 9),
        CovariateDifference("calendar_month=2026-01", 0.2, 0.1, 100),
        CovariateDifference("district=district 3", 0.2, 0.1, 100),
    )
    return BalanceBlock("doubly_robust", "ATO", "home_visit", "letter", given)


@pytest.fixture
def site(make_site: Make) -> SiteResult:
    made = make_site(households=LARGE)
    help_, contact = made.questions
    with_rows = tuple(
        replace(one, sensitivity=tuple(row(arm) for arm in one.result.arms if arm != "letter"))
        for one in contact.analyses
    )
    full = replace(contact, analyses=with_rows, regions=(region(),), components=balance())
    return replace(made, questions=(help_, full))


def contact(site: SiteResult, **changes: Any) -> SiteResult:
    """The same site with another answer to the contact question."""
    return replace(site, questions=(site.questions[0], replace(site.questions[1], **changes)))


@pytest.fixture
def release(study: Study, identity: ReleaseIdentity) -> Callable[[SiteResult], EstimatesDocument]:
    return lambda site: build_release(site, study=study, identity=identity).document


Release = Callable[[SiteResult], EstimatesDocument]


def test_components_come_back_to_half_a_step_and_never_surer(site: SiteResult, release: Release) -> None:
    blocks = [block for block in released_arms(release(site)) if block.sensitivity]
    assert [(b.question, b.outcome, b.estimand) for b in blocks] == [
        ("contact_method", "any_new_arrears_3m", "ATO")
    ]
    for found in blocks[0].sensitivity:
        given = row(found.arm)
        assert abs(found.scale - given.scale) <= found.step / 2 <= given.scale_std_error / 4 * TENTH
        assert given.scale_std_error <= found.scale_std_error <= given.scale_std_error * TENTH
        assert abs(found.correlation - given.correlation) <= 0.025
    assert {found.arm for found in blocks[0].sensitivity} == set(blocks[0].arms) - {"letter"}


def test_every_value_beside_the_estimates_has_its_row(site: SiteResult, release: Release) -> None:
    values = release(site).model_dump(mode="json")
    assert {path for _, path, _ in leaves(values)} <= set(ESTIMATES)


def test_balance_leaves_without_rare_facts_months_and_places(site: SiteResult, release: Release) -> None:
    document = release(site)
    [found] = released_balance(document)
    assert (found.arm, found.reference, found.estimand) == ("home_visit", "letter", "ATO")
    assert [name for name, *_ in found.rows] == ["creditor-rent", "log_amount"]
    for (_, difference, noise), planted in zip(found.rows, balance().rows, strict=False):
        assert planted.noise <= noise <= planted.noise * np.sqrt(2.0)
        assert abs(difference - planted.difference) <= noise / 4
    held = [(s.what, s.rule) for s in document.questions[1].suppressions]
    assert held == [("balance", "release-cell-floor")]
    assert "district" not in document.model_dump_json()


def test_nobody_and_a_few_look_the_same(site: SiteResult, release: Release) -> None:
    """Whether a fact is absent, or 9 households have it, is not in what was held back."""

    def told(*more: CovariateDifference) -> EstimatesDocument:
        rent = CovariateDifference("creditor=rent", 0.043, 0.07, 300)
        return release(contact(site, components=balance(rent, *more)))

    few = told(CovariateDifference("age=66+", 0.01, 0.09, 9))
    assert told() == few == told(CovariateDifference("age=66+", 0.0, 0.09, 0))
    held = [(s.what, s.rule) for s in few.questions[1].suppressions]
    assert held == [("balance", "release-cell-floor")]


@pytest.mark.parametrize("correlation", [1.0, 0.98, -1.0])
def test_a_contrast_never_follows_from_its_scale(
    site: SiteResult, release: Release, correlation: float
) -> None:
    told = tuple(
        replace(one, sensitivity=tuple(replace(r, correlation=correlation) for r in one.sensitivity))
        for one in site.questions[1].analyses
    )
    [block] = [b for b in released_arms(release(contact(site, analyses=told))) if b.sensitivity]
    assert {abs(found.correlation) for found in block.sensitivity} == {0.95}


COLUMNS = ("crisis", "log_amount", "amount=missing")


def read_off(x: np.ndarray, left: tuple[int, int], names: tuple[str, ...] = COLUMNS) -> tuple[str, ...]:
    """Covariates that leave of two arms of so many households, an episode each."""
    codes = np.repeat([0, 1], left)
    fewest = fewest_by_covariate(x, names, codes, np.arange(len(codes)), 2)
    rows = [CovariateDifference(name, -0.2, 0.09, n) for name, n in fewest.items()]
    limits = Limits(Disclosure(), 30.0)
    return tuple(
        row.covariate for entry in balance_entry(balance(*rows), limits).entries for row in entry.differences
    )


@pytest.mark.parametrize(("visited", "left"), [(0, False), (1, False), (4, False), (9, False), (10, True)])
def test_who_knows_one_arm_reads_no_small_count_of_the_other(visited: int, left: bool) -> None:
    """200 visited, 400 got a letter, 10 of these with the fact: the difference tells how many visited are."""
    fact = np.concatenate([np.arange(200) < visited, np.arange(400) < 10]).astype(float)
    for one in (fact, 1.0 - fact):
        x = np.column_stack([one, np.linspace(-1, 1, 600), np.tile([0.0, 1.0], 300)])
        assert ("crisis" in read_off(x, (200, 400))) is left


@pytest.mark.parametrize(("two", "left"), [(0, False), (9, False), (10, True)])
def test_facts_that_hold_each_other_are_not_subtracted(two: int, left: bool) -> None:
    """50 visited owe three creditors or more; two or more is that and those with exactly two."""
    three = np.concatenate([np.arange(200) < 50, np.arange(400) < 90]).astype(float)
    more = np.concatenate([np.arange(200) < 50 + two, np.arange(400) < 150]).astype(float)
    names = ("n_creditors>=2", "n_creditors>=3")
    found = read_off(np.column_stack([more, three]), (200, 400), names)
    assert found == ("n_creditors-from-2", *(["n_creditors-from-3"] if left else []))


@pytest.mark.parametrize(("known", "left"), [(6, False), (10, True)])
def test_a_number_that_few_of_an_arm_have_does_not_leave(known: int, left: bool) -> None:
    """Of the others the amount is unknown, and set to one value: the mean is that of the few."""
    missing = np.concatenate([np.arange(200) >= known, np.arange(400) >= 300]).astype(float)
    amount = np.where(missing == 1.0, 0.3, np.linspace(-2, 2, 600))
    x = np.column_stack([np.tile([0.0, 1.0], 300), amount, missing])
    assert read_off(x, (200, 400)) == (("crisis", "log_amount", "amount-missing") if left else ("crisis",))


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({}, 1),
        ({"households": 29}, 0),
        ({"outside": 29}, 0),
        ({"households": 30, "outside": 30}, 1),
        ({"question": "district=district 3"}, 0),
    ],
)
def test_a_region_leaves_when_it_and_what_is_outside_it_hold_the_floor(
    site: SiteResult, release: Release, change: dict[str, Any], left: int
) -> None:
    question = release(contact(site, regions=(region(**change),))).questions[1]
    assert len(question.regions) == left
    assert (("region", "release-cell-floor") in {(s.what, s.rule) for s in question.suppressions}) == (
        not left
    )
    if left:
        [found] = question.regions
        assert found.households in ("30-99", "300-999")
        assert [(c.question, c.value, c.holds) for c in found.conditions] == [
            ("amount", 500, False),
            ("crisis", None, True),
        ]


def test_where_households_chose_no_region_leaves(site: SiteResult, release: Release) -> None:
    """A region of 283 to 299 says that nobody there accepted help: no rule of work, but what they did."""
    chose = replace(region(290), arm="accepted")
    both = replace(site, questions=(replace(site.questions[0], regions=(chose,)), site.questions[1]))
    document = release(both)
    assert [len(one.regions) for one in document.questions] == [0, 1]
    values = document.model_dump(mode="json")
    values["questions"][0]["regions"] = [values["questions"][1]["regions"][0] | {"arm": "accepted"}]
    with pytest.raises(ValidationError, match="what households chose"):
        EstimatesDocument.model_validate_json(json.dumps(values))


def test_regions_beyond_the_most_are_listed() -> None:
    found = region_entries([region()] * 101, Limits(Disclosure(), 30.0))
    assert (len(found.entries), found.held) == (100, ("release-parameters",))


def test_where_the_design_gate_failed_regions_leave_and_nothing_else_beside(
    site: SiteResult, release: Release
) -> None:
    """An arm that is given by rule is why a gate closes, and no outcome is in it."""
    question = release(contact(site, status="withheld", analyses=())).questions[1]
    assert (question.analyses, question.balance) == ((), ())
    assert question.regions == release(site).questions[1].regions != ()
    small = release(contact(site, status="withheld", analyses=(), regions=(region(29),))).questions[1]
    assert small.regions == ()
    assert {(s.what, s.rule) for s in small.suppressions} == {("region", "release-cell-floor")}
    written = release(contact(site, status="withheld", analyses=())).model_dump(mode="json")
    written["questions"][1]["balance"] = release(site).model_dump(mode="json")["questions"][1]["balance"]
    with pytest.raises(ValidationError, match="not estimated"):
        EstimatesDocument.model_validate_json(json.dumps(written))


def test_of_a_refused_question_no_region_leaves(site: SiteResult, release: Release) -> None:
    document = release(contact(site, status="refused", analyses=()))
    assert document.questions[1].regions == ()
    written = document.model_dump(mode="json")
    written["questions"][1]["regions"] = release(site).model_dump(mode="json")["questions"][1]["regions"]
    with pytest.raises(ValidationError, match="refused question"):
        EstimatesDocument.model_validate_json(json.dumps(written))


def test_what_the_pooling_gate_stopped_leaves_nowhere(site: SiteResult, release: Release) -> None:
    stopped = tuple(replace(one, pooled=False) for one in site.questions[1].analyses)
    question = release(contact(site, analyses=stopped)).questions[1]
    assert (question.analyses, question.balance) == ((), ())
    assert {s.rule for s in question.suppressions} == {"release-pooling-gate"}


def follow_up(lost: int, arm: str = "message") -> Verdict:
    share = (120 - lost) / 120
    return Verdict("pooling", "gate-follow-up", share >= 0.8, share, 0.8, arm, "ATO")


def test_how_many_were_lost_from_sight_is_not_told(site: SiteResult, release: Release) -> None:
    """An arm of 100 to 133: 0.99 would say that one was lost, and 1.00 that none was."""

    def told(lost: int, arm: str = "message") -> VerdictEntry:
        return release(contact(site, verdicts=(follow_up(lost, arm),))).questions[1].verdicts[0]

    assert {told(lost, arm) for lost, arm in ((0, "letter"), (1, "message"), (9, "phone"), (23, "none"))} == {
        told(0)
    }
    assert (told(30).passed, told(30).value, told(30).arm) == (False, None, "message")
    for changes in ({"value": 99}, {"size": "100-299"}, {"arm": "message"}):
        values = release(contact(site, verdicts=(follow_up(1),))).model_dump(mode="json")
        values["questions"][1]["verdicts"][0].update(changes)
        with pytest.raises(ValidationError, match="only the answer leaves"):
            EstimatesDocument.model_validate_json(json.dumps(values))


def test_a_later_gate_tells_no_figure_of_a_block_that_is_held(site: SiteResult, release: Release) -> None:
    """A class of 9 holds the primary block; 2.8 times its standard error would leave beside it."""
    power = Verdict("solo", "gate-power", False, 0.1712, 0.05, None, "ATO")
    whole = contact(site, verdicts=(power,))
    assert release(whole).questions[1].verdicts[0].value == 17
    small = tuple(
        replace(one, households_with=(9, *one.households_with[1:])) if one.primary else one
        for one in whole.questions[1].analyses
    )
    held = release(contact(whole, analyses=small))
    [verdict] = held.questions[1].verdicts
    assert (verdict.passed, verdict.value, verdict.size) == (False, None, None)
    assert held.questions[1].analyses and not any(one.primary for one in held.questions[1].analyses)
    for figure in ({"value": 17}, {"size": "10-29"}):
        values = held.model_dump(mode="json")
        values["questions"][1]["verdicts"][0].update(figure)
        with pytest.raises(ValidationError, match="beside no primary block"):
            EstimatesDocument.model_validate_json(json.dumps(values))


def test_a_budget_that_is_short_holds_the_sensitivity_before_its_block(
    site: SiteResult, release: Release
) -> None:
    primary = next(one for one in site.questions[1].analyses if one.primary)

    def told(households: int) -> tuple[int, int, set[tuple[str, str]]]:
        result = replace(primary.result, households_total=households)
        one = replace(primary, result=result)
        found = release(contact(site, analyses=(one,), components=None)).questions[1]
        held = {(s.what, s.rule) for s in found.suppressions}
        return len(found.analyses), len(found.analyses[0].sensitivity), held

    both = 10 * released_numbers(5, 4)
    assert told(both) == (1, 4, set())
    assert told(both - 1) == (1, 0, {("sensitivity", "release-parameters")})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("analyses", 0, "sensitivity", 0, "scale"), 0.61),
        (("analyses", 0, "sensitivity", 0, "scale"), 0),
        (("analyses", 0, "sensitivity", 0, "scale_exponent"), -20),
        (("analyses", 0, "sensitivity", 0, "correlation"), 20),
        (("analyses", 0, "sensitivity", 0, "correlation"), -20),
        (("analyses", 0, "sensitivity", 0, "arm"), "letter"),
        (("analyses", 0, "sensitivity", 1, "arm"), "message"),
        (("regions", 0, "households"), "10-29"),
        (("regions", 0, "households"), 412),
        (("regions", 0, "conditions", 0, "value"), 437),
        (("regions", 0, "conditions", 1, "value"), 500),
        (("regions", 0, "conditions", 1, "question"), "district-3"),
        (("regions", 0, "conditions", 0, "month"), "2026-01"),
        (("balance", 0, "differences", 0, "difference"), 0.04),
        (("balance", 0, "differences", 0, "covariate"), "log_amount"),
        (("balance", 0, "differences", 0, "covariate"), "surname"),
        (("balance", 0, "reference"), "home_visit"),
        (("suppressions", 0, "what"), "remark"),
    ],
)
def test_what_the_schema_does_not_allow_beside_is_refused(
    site: SiteResult, release: Release, path: tuple[Any, ...], value: Any
) -> None:
    values = json.loads(release(site).model_dump_json())
    inner: Any = values["questions"][1]
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ValidationError):
        EstimatesDocument.model_validate_json(json.dumps(values))


def _as_first_version(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what 0.1 did not have."""
    values["schema_version"] = "0.1"
    for name in ("certificate", "thresholds"):
        del values[name]
    for question in values["questions"]:
        for name in ("regions", "balance", "groups", "rule", "given", "contacts", "censored"):
            del question[name]
        for block in question["analyses"]:
            del block["sensitivity"]
        for held in question["suppressions"]:
            del held["what"]
    return values


def test_a_document_of_the_version_before_keeps_its_bytes(make_site: Make, release: Release) -> None:
    """What was signed and hashed as 0.1 is read, and hashed, as it was written."""
    old = canonical(_as_first_version(release(make_site()).model_dump(mode="json")))
    read = EstimatesDocument.model_validate_json(old)
    assert canonical(read.model_dump(mode="json")) == old and b"sensitivity" not in old
    assert document_hash(read) == document_hash(EstimatesDocument.model_validate_json(old))
    assert len(released_arms(read)) == 16 and released_balance(read) == ()


def test_a_document_of_the_version_before_holds_nothing_newer(site: SiteResult, release: Release) -> None:
    values = release(site).model_dump(mode="json") | {"schema_version": "0.1"}
    with pytest.raises(ValidationError, match=r"what 0\.2 added"):
        EstimatesDocument.model_validate_json(json.dumps(values))


def test_an_earlier_version_is_no_way_around_a_rule(make_site: Make, release: Release) -> None:
    values = _as_first_version(release(make_site()).model_dump(mode="json"))
    [question] = [one for one in values["questions"] if one["question"] == "contact_method"]
    question["verdicts"] = [
        {
            "tier": "solo",
            "code": "gate-power",
            "passed": True,
            "value": 12,
            "threshold": 80,
            "size": None,
            "arm": None,
            "estimand": None,
        }
    ]
    EstimatesDocument.model_validate_json(json.dumps(values))
    for block in question["analyses"]:
        block["primary"] = False
    with pytest.raises(ValidationError, match="no primary block"):
        EstimatesDocument.model_validate_json(json.dumps(values))


@given(st.floats(-2, 2), st.sampled_from([0.05, 0.2, 0.8]), st.booleans())
@settings(max_examples=200)
def test_a_check_that_failed_never_reads_as_passed(value: float, threshold: float, at_most: bool) -> None:
    from causalsig.release.build import _hundredths

    passed = value <= threshold if at_most else value >= threshold
    found = _hundredths(Verdict("solo", "gate-power", passed, value, threshold)) / 100.0
    if not passed:
        assert found > threshold if at_most else found < threshold
    assert abs(found - value) <= 0.015


def test_names_and_cut_points_are_those_of_the_atlas() -> None:
    points = {one.name: tuple(int(value) for value in one.values) for one in ATLAS_POINTS.values()}
    assert points == dict(CUT_POINTS)
    words = {key.split(".")[-1] for key in catalogue("en") if key.startswith("diagnostics.atlas.yes.")}
    assert words - {"amount", "months", "calendar_month", "other"} == set(COVARIATES) - set(ATLAS_POINTS)
    assert covariate_code("age=66+") == atlas_key("age=66+") == "age-66-plus"


def test_only_declared_blocks_carry_a_sensitivity(site: SiteResult, release: Release) -> None:
    question: QuestionResult = site.questions[1]
    assert all(one.sensitivity for one in question.analyses if isinstance(one, Analysis))
    told = [block for block in release(site).questions[1].analyses if block.sensitivity]
    assert [block.primary for block in told] == [True]


def answers(*holds: tuple[str, int | None, str | None, bool]) -> dict[str, Any]:
    names = ("question", "value", "month", "holds")
    conditions = [dict(zip(names, one, strict=True)) for one in holds]
    return {"arm": "home_visit", "conditions": conditions, "households": "30-99"}


def fact(name: str, holds: bool = True) -> tuple[str, int | None, str | None, bool]:
    return name, None, None, holds


RENT, OLDER = fact("creditor-rent"), fact("age-66-plus")


@pytest.mark.parametrize(
    ("regions", "says"),
    [
        ([answers(RENT)] * 100, "share households"),
        ([answers(RENT), answers(OLDER)], "share households"),
        ([answers(RENT, RENT)], "twice"),
        ([answers(RENT, fact("creditor-rent", False))], "twice"),
        ([answers(("amount", 500, None, True), ("amount", 250, None, False))], "contradict"),
        ([answers(fact("n_creditors-from-3"), fact("n_creditors-from-2", False))], "contradict"),
        ([answers(*(("calendar_month", None, f"2026-0{m}", True) for m in (1, 2)))], "contradict"),
        ([answers(OLDER, fact("age-18-26"))], "contradict"),
        ([answers(("amount", 250, None, True), ("amount", 500, None, False))], None),
        ([answers(RENT), answers(fact("creditor-rent", False), OLDER)], None),
    ],
)  # fmt: skip
def test_regions_of_no_tree_are_refused(
    site: SiteResult, release: Release, regions: list[dict[str, Any]], says: str | None
) -> None:
    values = release(site).model_dump(mode="json")
    values["questions"][1]["regions"] = regions
    if says is None:
        assert EstimatesDocument.model_validate_json(json.dumps(values)).questions[1].regions
        values["floors"]["min_households_arm"] = 100  # a region of at most 99 lies below it
        says = "a region, a group or a leaf lies below"
    with pytest.raises(ValidationError, match=says):
        EstimatesDocument.model_validate_json(json.dumps(values))


def covariates(count: int, difference: int, noise: int) -> list[dict[str, Any]]:
    return [{"covariate": name, "difference": difference, "noise": noise} for name in COVARIATES[:count]]


def test_balance_stands_beside_its_primary_block_only(site: SiteResult, release: Release) -> None:
    good = release(site).model_dump(mode="json")

    def refused(says: str, **changes: Any) -> None:
        values = json.loads(json.dumps(good))
        entry = values["questions"][1]
        entry["balance"][0].update(changes)
        if "analyses" in changes:
            del entry["balance"][0]["analyses"]
            entry["analyses"] = [one for one in entry["analyses"] if not one["primary"]]
        with pytest.raises(ValidationError, match=says):
            EstimatesDocument.model_validate_json(json.dumps(values))

    refused("no primary block", analyses=())
    refused("no primary block", estimand="ATE")
    refused("no primary block", arm="accepted")
    refused("noise", differences=covariates(32, 9999, 40))
    refused("larger than any", differences=covariates(32, 9999, 4))


def test_all_numbers_of_a_question_share_one_budget(make_site: Make, release: Release) -> None:
    """Every block by itself may leave: 20 numbers of at most 495 households."""
    values = release(make_site(households=LARGE)).model_dump(mode="json")
    block = next(one for one in values["questions"][1]["analyses"] if one["primary"])
    block["arms"] = [arm | {"households": "30-99"} for arm in block["arms"]]
    others = [block | {"outcome": name, "primary": False} for name in ("any_all_3m", "any_new_arrears_6m")]
    for more, fine in ((others[:1], True), (others, False)):
        values["questions"][1]["analyses"] = [block, *more]
        text = json.dumps(values)
        if fine:
            EstimatesDocument.model_validate_json(text)
        else:
            with pytest.raises(ValidationError, match="question releases more numbers"):
                EstimatesDocument.model_validate_json(text)
    values["questions"][1]["analyses"] = [block, others[0]]
    entry = {"estimator": "doubly_robust", "estimand": "ATO", "arm": "phone", "reference": "letter"}
    values["questions"][1]["balance"] = [entry | {"differences": covariates(16, 1, 8)}]
    with pytest.raises(ValidationError, match="question releases more numbers"):
        EstimatesDocument.model_validate_json(json.dumps(values))


def test_one_block_of_a_question_carries_a_sensitivity(site: SiteResult, release: Release) -> None:
    values = release(site).model_dump(mode="json")
    blocks = values["questions"][1]["analyses"]
    told = next(one for one in blocks if one["sensitivity"])
    next(one for one in blocks if not one["sensitivity"])["sensitivity"] = told["sensitivity"]
    with pytest.raises(ValidationError, match="more than one block"):
        EstimatesDocument.model_validate_json(json.dumps(values))
