"""Of an arm with a class below the floor leaves that class; the rest of its block leaves as ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from causalsig.records import Analysis, QuestionResult, SiteResult
from causalsig.release import EstimatesDocument, ReleaseIdentity, build_release, grid, released_arms
from causalsig.release.build import released_censored
from causalsig.release.documents import QuestionEntry
from causalsig.release.fields import ESTIMATES
from causalsig.release.floors import question_numbers
from causalsig.release.paths import leaves
from causalsig.study.models import Study

Make = Callable[..., SiteResult]
FIVE = (420, 310, 260, 230, 510)
PRIMARY = ("any_new_arrears_3m", "ATO")


def few_in(block: Analysis, arm: int, few: int, side: str = "with") -> Analysis:
    """Let so few households of an arm be of one side."""
    other = {"with": "without", "without": "with"}[side]
    total = block.households_with[arm] + block.households_without[arm]
    counts = {side: few, other: total - few}
    changed = {
        f"households_{name}": tuple(
            counts[name] if at == arm else n for at, n in enumerate(getattr(block, f"households_{name}"))
        )
        for name in ("with", "without")
    }
    return replace(block, **changed)


def of_primary(site: SiteResult, change: Callable[[Analysis], Analysis]) -> SiteResult:
    """Change the primary block of the question of methods, and ask nothing else of the site."""
    question = site.questions[1]
    blocks = tuple(change(b) if (b.outcome, b.estimand) == PRIMARY else b for b in question.analyses)
    return replace(site, questions=(replace(question, analyses=blocks),))


@pytest.fixture
def released(study: Study, identity: ReleaseIdentity) -> Callable[[SiteResult], EstimatesDocument]:
    return lambda site: build_release(site, study=study, identity=identity).document


Released = Callable[[SiteResult], EstimatesDocument]


@pytest.mark.parametrize("side", ["with", "without"])
def test_an_arm_with_nine_households_leaves_as_that_class(
    make_site: Make, released: Released, side: str
) -> None:
    whole = released(of_primary(make_site(), lambda block: block))
    document = released(of_primary(make_site(), lambda block: few_in(block, 3, 9, side)))
    [block] = document.questions[0].censored
    [few] = block.classes
    assert (block.outcome, block.estimand) == PRIMARY and block.primary
    assert (few.arm, few.small) == ("home_visit", side)
    assert few.size == grid.half_doublings(FIVE[3])
    same = next(b for b in whole.questions[0].analyses if (b.outcome, b.estimand) == PRIMARY)
    assert block.arms == tuple(arm for arm in same.arms if arm.arm != "home_visit")
    assert PRIMARY not in {(b.outcome, b.estimand) for b in document.questions[0].analyses}
    assert [
        (one.rule, one.outcome, one.estimand)
        for one in document.questions[0].suppressions
        if one.rule == "release-class-floor"
    ] == [("release-class-floor", *PRIMARY)]
    places = list(leaves(document.model_dump(mode="json")))
    assert {path for _, path, _ in places} <= set(ESTIMATES)
    assert any(path.endswith("classes[].small") for _, path, _ in places)


def test_ten_households_of_each_side_leave_whole(make_site: Make, released: Released) -> None:
    document = released(of_primary(make_site(), lambda block: few_in(block, 3, 10)))
    assert document.questions[0].censored == ()
    assert PRIMARY in {(b.outcome, b.estimand) for b in document.questions[0].analyses}


def test_how_few_there_are_is_in_no_byte(make_site: Make, released: Released) -> None:
    made = [released(of_primary(make_site(), lambda b, few=few: few_in(b, 3, few))) for few in (0, 1, 9)]
    assert len({document.model_dump_json() for document in made}) == 1


def test_the_mean_of_such_an_arm_is_in_no_byte(make_site: Make, released: Released) -> None:
    def with_mean(value: float) -> Callable[[Analysis], Analysis]:
        def change(block: Analysis) -> Analysis:
            means, covariance = block.result.means.copy(), block.result.covariance.copy()
            means[3] = value
            covariance[3] *= 1.0 + value
            covariance[:, 3] *= 1.0 + value
            result = replace(block.result, means=means, covariance=covariance)
            return few_in(replace(block, result=result), 3, 4)

        return change

    made = [released(of_primary(make_site(), with_mean(value))) for value in (0.0, 0.01, 0.3)]
    assert len({document.model_dump_json() for document in made}) == 1


def listed(question: QuestionEntry) -> set[str]:
    """Rules that are said to hold the primary block back."""
    return {one.rule for one in question.suppressions if (one.outcome, one.estimand) == PRIMARY}


@pytest.mark.parametrize(
    ("changes", "result", "rule"),
    [
        ({"pooled": False}, {}, "release-pooling-gate"),
        ({}, {"effective_sample_size": np.array([300.0, 29.0, 200.0, 180.0, 400])}, "release-effective-size"),
    ],
    ids=("gate", "size"),
)
def test_what_another_rule_holds_back_leaves_not_even_as_a_class(
    make_site: Make, released: Released, changes: dict[str, Any], result: dict[str, Any], rule: str
) -> None:
    def change(block: Analysis) -> Analysis:
        return few_in(replace(block, result=replace(block.result, **result), **changes), 3, 4)

    [question] = released(of_primary(make_site(), change)).questions
    assert question.censored == () and listed(question) == {rule, "release-class-floor"}


def test_another_arm_with_a_dominant_household_keeps_its_block(make_site: Make, released: Released) -> None:
    def change(block: Analysis) -> Analysis:
        share = np.array([0.6, 0.1, 0.1, 0.1, 0.1])
        return few_in(replace(block, result=replace(block.result, largest_share=share)), 3, 4)

    [question] = released(of_primary(make_site(), change)).questions
    assert question.censored == () and listed(question) == {"release-class-floor"}


def test_rules_on_outcomes_of_the_few_hold_back_nothing_of_the_rest(
    make_site: Make, released: Released
) -> None:
    """One return is all of its arm's weighted sum, and none is no variance: neither is said of anybody."""

    def change(block: Analysis) -> Analysis:
        covariance = block.result.covariance.copy()
        covariance[3], covariance[:, 3] = 0.0, 0.0
        share = np.array([0.02, 0.02, 0.02, 1.0, 0.02])
        part = replace(block.result, covariance=covariance, largest_share=share, two_largest_share=share)
        return few_in(replace(block, result=part), 3, 1)

    [question] = released(of_primary(make_site(), change)).questions
    assert [len(block.arms) for block in question.censored] == [4]
    assert listed(question) == {"release-class-floor"}


def test_a_number_of_signals_has_no_class(make_site: Make, released: Released) -> None:
    site = make_site()
    question = site.questions[1]
    blocks = tuple(few_in(b, 3, 4) if b.kind == "count" else b for b in question.analyses)
    [entry] = released(replace(site, questions=(replace(question, analyses=blocks),))).questions
    assert entry.censored == () and "count" not in {block.kind for block in entry.analyses}


def test_a_block_of_which_every_arm_has_a_class_still_says_so(make_site: Make, released: Released) -> None:
    def change(block: Analysis) -> Analysis:
        for arm in range(5):
            block = few_in(block, arm, 3)
        return block

    document = released(of_primary(make_site(), change))
    [block] = document.questions[0].censored
    assert (block.arms, block.correlations, len(block.classes)) == ((), (), 5)
    [read] = released_censored(document)
    assert (read.arms, len(read.classes)) == ((), 5)


def test_classes_come_back_with_the_floors_they_are_of(make_site: Make, released: Released) -> None:
    document = released(of_primary(make_site(), lambda block: few_in(block, 3, 9)))
    [block] = released_censored(document)
    [few] = block.classes
    assert (few.below, few.least, few.size_steps) == (10, 200, grid.half_doublings(FIVE[3]))
    assert block.arms == ("letter", "message", "phone", "none")
    assert block.site not in {one.site for one in released_arms(document) if one.primary}


def test_the_budget_does_not_look_at_outcomes(make_site: Make, released: Released) -> None:
    """A block takes as many numbers from what may leave, whether an arm of it has a class or not."""

    def kept(document: EstimatesDocument) -> set[tuple[str, str]]:
        [question] = document.questions
        return {(b.outcome, b.estimand) for b in (*question.analyses, *question.censored)}

    small = (205, 210, 220, 230, 240)
    site = make_site(households=small)
    whole = released(of_primary(site, lambda block: block))
    few = released(of_primary(site, lambda block: few_in(block, 3, 9)))
    assert kept(whole) == kept(few) and 1 < len(kept(whole)) < 8
    assert question_numbers(few.questions[0]) < question_numbers(whole.questions[0])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("classes", 0, "effective_size"), 40),
        (("classes", 0, "size"), 14),
        (("classes", 0, "arm"), "letter"),
        (("classes", 0, "small"), "both"),
        (("classes",), []),
        (("kind",), "count"),
        (("reference",), "text_message"),
        (("correlations",), [1, 2]),
        (("arms", 0, "mean_exponent"), -1),
    ],
)
def test_a_reader_refuses_what_cannot_be_true(
    make_site: Make, released: Released, path: tuple[Any, ...], value: Any
) -> None:
    document = released(of_primary(make_site(), lambda block: few_in(block, 3, 9)))
    values = json.loads(document.model_dump_json())
    inner: Any = values["questions"][0]["censored"][0]
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ValidationError):
        EstimatesDocument.model_validate_json(json.dumps(values))


def test_a_reader_refuses_a_block_that_is_there_twice(make_site: Make, released: Released) -> None:
    document = released(of_primary(make_site(), lambda block: few_in(block, 3, 9)))
    values = json.loads(document.model_dump_json())
    entry = values["questions"][0]["censored"][0]
    values["questions"][0]["censored"] = [entry, entry]
    with pytest.raises(ValidationError, match="released twice"):
        EstimatesDocument.model_validate_json(json.dumps(values))


def test_nothing_stands_beside_a_block_with_a_class(
    study: Study, make_site: Make, identity: ReleaseIdentity
) -> None:
    site = of_primary(make_site(), lambda block: few_in(block, 3, 9))
    [question] = build_release(site, study=study, identity=identity).document.questions
    assert not (question.balance or question.groups or question.rule or question.given)
    assert isinstance(site.questions[0], QuestionResult)
