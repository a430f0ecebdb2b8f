"""Each rule holds back what it is for, says so by its code, and nothing that breaks a rule is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.errors import ReleaseError
from causalsig.records import Analysis, QuestionResult, SiteResult
from causalsig.release import ReleaseIdentity, admit_arms, build_release, released_arms, rules
from causalsig.release.build import CheckedRelease
from causalsig.release.documents import released_numbers
from causalsig.release.rules import Limits, beyond_budget
from causalsig.release.sift import sift
from causalsig.release.vocabulary import rule_codes
from causalsig.study.models import Disclosure, Study
from causalsig.texts import catalogue

Make = Callable[..., SiteResult]


def first_block(site: SiteResult) -> Analysis:
    return site.questions[0].analyses[0]


def with_result(analysis: Analysis, **changes: object) -> Analysis:
    return replace(analysis, result=replace(analysis.result, **changes))  # type: ignore[arg-type]


def broken(study: Study, analysis: Analysis) -> tuple[str, ...]:
    return rules.broken_rules(analysis, rules.Limits.of(study))


def test_a_sound_block_breaks_no_rule(study: Study, make_site: Make) -> None:
    assert broken(study, first_block(make_site())) == ()


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("release-arm-floor", {"households": np.array([29, 900])}),
        ("release-cell-floor", {"households": np.array([9, 900])}),
        ("release-admission", {"households": np.array([99, 900])}),
        ("release-residual-df", {"parameters": 1131}),
        ("release-parameters", {"households_total": 49, "parameters": 3}),
        ("release-dominance", {"largest_share": np.array([0.02, 0.501])}),
        ("release-dominance", {"two_largest_share": np.array([0.68, 0.03])}),
        ("release-effective-size", {"effective_sample_size": np.array([29.9, 500.0])}),
        ("release-no-variance", {"covariance": np.diag([0.0, 0.001])}),
        ("release-no-variance", {"means": np.array([np.nan, 0.2])}),
        ("release-grid", {"covariance": np.diag([1e-18, 0.001])}),
    ],
)
def test_a_rule_holds_back_what_it_is_for(
    study: Study, make_site: Make, code: str, changes: dict[str, object]
) -> None:
    assert code in broken(study, with_result(first_block(make_site()), **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"households": np.array([200, 900])},
        {"parameters": 1130},
        {"households_total": 50, "parameters": 3},
        {"largest_share": np.array([0.5, 0.5]), "two_largest_share": np.array([0.67, 0.67])},
        {"effective_sample_size": np.array([30.0, 30.0])},
    ],
)
def test_what_lies_on_the_floor_may_leave(study: Study, make_site: Make, changes: dict[str, object]) -> None:
    assert broken(study, with_result(first_block(make_site()), **changes)) == ()


@pytest.mark.parametrize("name", ["households_with", "households_without"])
def test_a_class_of_nine_households_holds_the_block_back(study: Study, make_site: Make, name: str) -> None:
    assert "release-class-floor" in broken(study, replace(first_block(make_site()), **{name: (9, 200)}))
    assert broken(study, replace(first_block(make_site()), **{name: (10, 200)})) == ()


def nested(site: SiteResult, difference: int) -> QuestionResult:
    """A question whose two nested outcomes differ by so many households in the first arm."""
    question = site.questions[0]
    with_new = {a.estimand: a.households_with for a in question.analyses if a.outcome == "any_new_arrears_3m"}
    blocks = []
    for block in question.analyses:
        if block.outcome == "any_all_3m":
            first, second = with_new[block.estimand]
            counts = (first + difference, second + 100)
            totals = [a + b for a, b in zip(block.households_with, block.households_without, strict=True)]
            without = tuple(total - count for total, count in zip(totals, counts, strict=True))
            block = replace(block, households_with=counts, households_without=without)
        blocks.append(block)
    return replace(question, analyses=tuple(blocks))


@pytest.mark.parametrize(("difference", "held"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_nested_outcome_that_tells_a_small_cell_is_held_back(
    study: Study, make_site: Make, identity: ReleaseIdentity, difference: int, held: bool
) -> None:
    release = build_release(make_site(nested(make_site(), difference)), study=study, identity=identity)
    assert held_as_nested(release) == ({("any_all_3m", "ATO"), ("any_all_3m", "ATE")} if held else set())
    assert "any_new_arrears_3m" in {block.outcome for block in released_arms(release.document)}


def held_as_nested(release: CheckedRelease) -> set[tuple[str | None, str | None]]:
    return {
        (entry.outcome, entry.estimand)
        for _, entry in release.suppressions
        if entry.rule == "release-nested-difference"
    }


@pytest.mark.parametrize("difference", [0, 40])
@pytest.mark.parametrize(("households", "cell", "held"), [(399, 10, True), (400, 10, False), (400, 11, True)])
def test_a_nested_outcome_is_admitted_on_households_and_not_on_what_came_out(
    study: Study,
    make_site: Make,
    identity: ReleaseIdentity,
    difference: int,
    households: int,
    cell: int,
    held: bool,
) -> None:
    floors = study.disclosure.model_copy(update={"min_households_cell": cell})
    stricter = study.model_copy(update={"disclosure": floors})
    site = make_site(nested(make_site(helped=(households, 900)), difference))
    release = build_release(site, study=stricter, identity=identity)
    assert held_as_nested(release) == ({("any_all_3m", "ATO"), ("any_all_3m", "ATE")} if held else set())


@pytest.mark.parametrize(("day", "held"), [(None, True), (59, False), (60, True)])
def test_where_returns_count_earlier_a_nested_outcome_needs_half_the_households(
    study: Study, make_site: Make, day: int | None, held: bool
) -> None:
    question = nested(make_site(helped=(200, 900)), 40)
    outcomes = tuple(outcome.model_copy(update={"from_day": day}) for outcome in study.outcomes)
    moved = study.model_copy(update={"outcomes": outcomes})
    found = sift(question, moved, Limits.of(moved))
    assert ("any_all_3m" in {analysis.outcome for analysis, _ in found.released}) is not held


def test_admission_of_a_nested_outcome_asks_not_what_held_the_primary_back(
    study: Study, make_site: Make
) -> None:
    question = nested(make_site(helped=(399, 900)), 40)
    one_household = [
        with_result(block, largest_share=np.array([0.02, 0.6]))
        if block.outcome == study.asked[question.question].primary_outcome
        else block
        for block in question.analyses
    ]
    found = sift(replace(question, analyses=tuple(one_household)), study, Limits.of(study))
    left = {analysis.outcome for analysis, _ in found.released}
    assert left and not left & {"any_new_arrears_3m", "any_all_3m"}


def test_admission_knows_no_outcome_and_names_every_arm_it_leaves_out() -> None:
    kept, refusals = admit_arms(
        {"letter": 100, "message": 99, "phone": 29, "home_visit": 5000},
        Disclosure(),
        question="contact_method",
    )
    assert kept == ("letter", "home_visit")
    assert [(item.arm, item.code) for item in refusals] == [
        ("message", "release-admission"),
        ("phone", "release-arm-floor"),
    ]
    assert {item.question for item in refusals} == {"contact_method"}


def test_one_arm_alone_is_no_comparison() -> None:
    kept, refusals = admit_arms({"letter": 500, "phone": 12}, Disclosure())
    assert kept == ()
    assert [item.code for item in refusals] == ["release-arm-floor", "release-no-admitted-arm"]


def test_admission_follows_the_declared_risk() -> None:
    assert admit_arms({"a": 250, "b": 250}, Disclosure(expected_risk=0.92))[0] == ("a", "b")
    assert admit_arms({"a": 249, "b": 250}, Disclosure(expected_risk=0.92))[0] == ()


@pytest.mark.parametrize("status", ["withheld", "refused"])
def test_a_question_that_is_not_estimated_carries_no_effect(
    study: Study, make_site: Make, identity: ReleaseIdentity, status: str
) -> None:
    question = replace(make_site().questions[0], status=status)  # type: ignore[arg-type]
    release = build_release(make_site(question), study=study, identity=identity)
    entry = release.document.questions[0]
    assert entry.analyses == () == released_arms(release.document)
    assert {item.rule for item in entry.suppressions} == {"release-not-estimated"}
    if status == "refused":
        assert all(verdict.value is None and verdict.size is None for verdict in entry.verdicts)


@pytest.mark.parametrize(
    "changes", [{"outcome": "any_debt_9m"}, {"estimand": "ATT"}, {"reference": "home_visit"}]
)
def test_a_name_the_study_does_not_list_cannot_leave(
    study: Study, make_site: Make, identity: ReleaseIdentity, changes: dict[str, str]
) -> None:
    question = make_site().questions[0]
    question = replace(question, analyses=(replace(question.analyses[0], **changes),))
    with pytest.raises(ReleaseError, match="release-other-name"):
        build_release(make_site(question), study=study, identity=identity)


def test_every_rule_has_a_text_in_both_languages_and_a_source() -> None:
    for language in ("nl", "en"):
        titles = catalogue(language)
        assert all(f"release.rules.{code}.title" in titles for code in rule_codes())
    assert all(rule.source and rule.code in rule_codes() for rule in rules.rules())


@settings(max_examples=200)
@given(data=st.data())
def test_no_payload_that_breaks_a_rule_is_written(
    study: Study, make_site: Make, identity: ReleaseIdentity, data: st.DataObject
) -> None:
    base = make_site().questions[data.draw(st.integers(0, 1))]
    blocks = tuple(data.draw(random_block(block)) for block in base.analyses[: data.draw(st.integers(1, 6))])
    release = build_release(make_site(replace(base, analyses=blocks)), study=study, identity=identity)
    left = {(block.outcome, block.estimand): block for block in released_arms(release.document)}
    held = {(entry.outcome, entry.estimand) for _, entry in release.suppressions}
    assert set(left) | held == {(block.outcome, block.estimand) for block in blocks}
    assert not set(left) & held
    for block in blocks:
        if (block.outcome, block.estimand) in left:
            assert_floors_hold(block)


@st.composite
def random_block(draw: st.DrawFn, block: Analysis) -> Analysis:
    size = len(block.result.arms)
    households = draw(st.lists(st.sampled_from([3, 29, 99, 100, 400, 5000]), min_size=size, max_size=size))
    share = draw(st.sampled_from([0.0, 0.05, 0.2, 0.95, 1.0]))
    with_event = tuple(int(n * share) for n in households)
    shares = draw(st.lists(st.floats(0, 1), min_size=size, max_size=size))
    scale = 10.0 ** draw(st.integers(-12, 3))
    result = replace(
        block.result,
        households=np.array(households),
        households_total=sum(households),
        parameters=draw(st.integers(0, 600)),
        covariance=block.result.covariance * scale,
        largest_share=np.array(shares),
        two_largest_share=np.minimum(np.array(shares) * draw(st.floats(1, 2)), 1.0),
        effective_sample_size=np.array(households) * draw(st.floats(0.05, 1)),
    )
    without = tuple(n - k for n, k in zip(households, with_event, strict=True))
    return replace(block, result=result, households_with=with_event, households_without=without)


def assert_floors_hold(block: Analysis) -> None:
    """The floors of disclosure.md, written down a second time."""
    result, size = block.result, len(block.result.arms)
    assert result.households.min() >= 100  # 30 households, and 20 expected at a risk of 0.2
    assert min(*block.households_with, *block.households_without) >= 10
    assert result.households_total - result.parameters >= 10
    assert 10 * (2 * size + size * (size - 1) // 2) <= result.households_total
    assert result.largest_share.max() <= 0.5 and result.two_largest_share.max() <= 0.67
    assert result.effective_sample_size.min() >= 30


def test_a_question_releases_numbers_of_at_most_a_tenth_of_its_households(make_site: Make) -> None:
    """The primary block goes first, then its estimand's other outcomes, then other estimands."""
    blocks = list(make_site().questions[0].analyses)
    numbers = released_numbers(len(blocks[0].result.arms))
    limits = Limits(Disclosure(), 30.0)

    def held(households: int) -> list[tuple[str, str, bool]]:
        changed = [with_result(block, households_total=households) for block in blocks]
        places = sorted(beyond_budget(changed, limits).blocks)
        return [(blocks[p].outcome, blocks[p].estimand, blocks[p].primary) for p in places]

    assert held(10 * numbers * len(blocks)) == []
    last = held(10 * numbers * len(blocks) - 1)
    assert len(last) == 1 and last[0][1] != next(b.estimand for b in blocks if b.primary)
    only_first = held(10 * numbers)
    assert len(only_first) == len(blocks) - 1 and not any(primary for *_, primary in only_first)
