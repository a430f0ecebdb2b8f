"""Gains of given rules leave where enough households decide them, once it is said who learned them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from causalsig.errors import ReleaseError
from causalsig.grouped import LEARNED, GivenRuleBlock, RuleBehind, RuleBlock, RuleGain, RuleLeaf
from causalsig.records import Refusal, SiteResult
from causalsig.release import EstimatesDocument, ReleaseIdentity, build_release
from causalsig.release.fields import ESTIMATES
from causalsig.release.given import given_entries, released_rules
from causalsig.release.given_entries import GivenRuleEntry
from causalsig.release.grouped_entries import RuleEntry
from causalsig.release.paths import leaves
from causalsig.release.rules import Limits
from causalsig.study.given_rules import GivenRule
from causalsig.study.models import Study
from causalsig.study.subgroups import Rules

LARGE = (3200, 3100, 2600, 2300, 5100)
OVER = ("best_single", "now", "letter", "home_visit")
SOUND = RuleBehind(240, 40, 0.02, 0.03, 90.0)
NAMES = ("rule-1", "rule-2")


def block(
    name: str = "rule-1", learned: bool | None = False, close: tuple[str, ...] = (), **behind: float
) -> Any:
    gains = tuple(RuleGain(over, 4.2 + k, 1.3, 200.0, 1.0, 7.0) for k, over in enumerate(OVER))
    shares = (("letter", 0.6, 0.4), ("home_visit", 0.4, 0.2))
    return GivenRuleBlock(
        name, "contact_method", "any_new_arrears_3m", gains, shares, replace(SOUND, **behind), close, learned
    )  # fmt: skip


@pytest.fixture
def asking(study: Study) -> Study:
    """The study with two given rules."""
    yes, no = ({"question": "creditor-rent", "holds": holds} for holds in (True, False))
    given = tuple(
        GivenRule.model_validate(
            {
                "name": name, "learned_under": "a" * 64, "learned_at": ["b" * 64],
                "leaves": [{"arm": arm, "when": [yes]}, {"arm": "letter", "when": [no]}],
            }
        )
        for name, arm in zip(NAMES, ("home_visit", "phone"), strict=True)
    )  # fmt: skip
    return study.model_copy(update={"rules": Rules(value_eur=400, given=given)})


@pytest.fixture
def limits(study: Study) -> Limits:
    return Limits.of(study)


@pytest.fixture
def release(
    make_site: Callable[..., SiteResult], asking: Study, identity: ReleaseIdentity
) -> Callable[..., EstimatesDocument]:
    def made(households: Any = LARGE, **changes: Any) -> EstimatesDocument:
        site = make_site(households=households)
        help_, contact = site.questions
        full = replace(site, questions=(help_, replace(contact, **changes)))
        return build_release(full, study=asking, identity=identity).document

    return made


def test_gains_come_back_to_half_a_step(release: Callable[..., EstimatesDocument]) -> None:
    document = release(given=(block(), block("rule-2", learned=True)))
    [first] = released_rules(document)
    assert first.name == NAMES[0]
    for k, gain in enumerate(first.gains):
        assert gain.over == OVER[k] and abs(gain.estimate - (4.2 + k)) <= gain.step / 2
        assert 1.3 <= gain.std_error <= 1.3 * 1.1
    values = document.model_dump(mode="json")
    assert {path for _, path, _ in leaves(values)} <= set(ESTIMATES)
    assert EstimatesDocument.model_validate_json(document.model_dump_json()) == document


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
    held = given_entries([block(**behind)], (), limits)
    assert not held.entries and held.held == given_entries([block()], (), limits).held


@pytest.mark.parametrize("learned", [True, None])
def test_where_it_was_learned_it_looks_like_a_rule_that_few_decide(
    learned: bool | None, limits: Limits
) -> None:
    # Any mark would tell which codes of two studies are one site; None: nobody has said who learned it.
    few, here = (
        given_entries([block(arm=199)], (), limits),
        given_entries([block(learned=learned)], (), limits),
    )
    assert here == few and not here.entries


def test_how_often_a_rule_would_use_an_arm_is_told_at_the_site_only(
    release: Callable[..., EstimatesDocument],
) -> None:
    about = ("contact_method", "any_new_arrears_3m")
    codes = ("rule-beyond-capacity", "rule-decides-nothing", "rule-question-missing", "rule-arm-missing")
    document = release(refusals=tuple(Refusal(code, *about) for code in codes))
    assert [one.code for one in document.questions[1].refusals] == list(codes[2:])


def test_of_two_rules_that_few_households_part_one_leaves(limits: Limits) -> None:
    near = block("rule-2", close=("rule-1",))
    names = [entry.name for entry in given_entries([block(), near], (), limits).entries]
    assert names == ["rule-1"]
    # The first one held back, or without numbers, tells nothing that could be subtracted.
    for first in (block(arm=199), block(learned=True)):
        names = [entry.name for entry in given_entries([first, near], (), limits).entries]
        assert names[-1] == "rule-2"
    found, none = (
        RuleEntry.model_construct(outcome="x", found=found, leaves=(), gains=()) for found in (True, False)
    )
    to_learned = block(close=(LEARNED,))
    assert not given_entries([to_learned], (found,), limits).entries
    assert given_entries([to_learned], (none,), limits).entries


def test_given_rules_leave_with_the_block_of_everybody(release: Callable[..., EstimatesDocument]) -> None:
    assert release(given=(block(),)).questions[1].given
    later = release(given=(replace(block(), outcome="any_new_arrears_6m"),))
    blocks = {(one.outcome, one.estimand) for one in later.questions[1].analyses}
    assert bool(later.questions[1].given) == (("any_new_arrears_6m", "ATE") in blocks)
    assert not release(given=(block(),), status="withheld", analyses=()).questions[1].given


def test_rules_beyond_the_budget_stay_the_first_ones_first(release: Callable[..., EstimatesDocument]) -> None:
    found: list[int] = []
    for size in (3000, 260, 240, 230, 220, 210, 200):
        question = release(households=(size,) * 5, given=(block(), block("rule-2"))).questions[1]
        names = [entry.name for entry in question.given]
        assert names == list(NAMES[: len(names)])
        over = [
            entry
            for entry in question.suppressions
            if (entry.what, entry.rule) == ("given", "release-parameters")
        ]
        assert len(over) + len(names) == 2 or not any(a.estimand == "ATE" for a in question.analyses)
        found.append(len(names))
    assert found[0] == 2 and found == sorted(found, reverse=True)


def test_names_and_arms_that_the_study_has_not_cannot_leave(
    release: Callable[..., EstimatesDocument],
) -> None:
    strange = replace(block().gains[2], over="accepted")
    for wrong in (
        block("rule-3"),
        replace(block(), gains=(*block().gains, strange)),
        replace(block(), outcome="no"),
    ):
        with pytest.raises(ReleaseError) as caught:
            release(given=(wrong,))
        assert caught.value.code == "release-other-name"


def test_an_entry_holds_together(release: Callable[..., EstimatesDocument]) -> None:
    document = release(given=(block(), block("rule-2")))
    first, _ = document.questions[1].given
    for changes in (
        {"gains": ()},
        {"gains": first.gains[:1]},
        {"gains": (*first.gains, first.gains[0])},
    ):
        with pytest.raises(ValidationError):
            GivenRuleEntry(**({name: getattr(first, name) for name in GivenRuleEntry.model_fields} | changes))
    values = document.model_dump(mode="json")
    for wrong, reason in (
        ({"schema_version": "0.2"}, r"what 0\.3 added"),
        ({"given": [values["questions"][1]["given"][0]] * 2}, "listed twice"),
    ):
        spoiled = json.loads(json.dumps(values))
        if "given" in wrong:
            spoiled["questions"][1] |= wrong
        else:
            spoiled |= wrong
        with pytest.raises(ValidationError, match=reason):
            EstimatesDocument.model_validate_json(json.dumps(spoiled))


def test_a_learned_rule_and_a_given_one_stand_beside_each_other(
    release: Callable[..., EstimatesDocument],
) -> None:
    from causalsig.diagnosed import RegionCondition

    yes, no = (RegionCondition("creditor=rent", None, holds) for holds in (True, False))
    gains = tuple(RuleGain(over, 4.2, 1.3, 200.0, 1.0, 7.0) for over in ("best_single", "now"))
    rule = RuleBlock(
        "contact_method", "any_new_arrears_3m", "ATE", "doubly_robust", True,
        (RuleLeaf((yes,), "home_visit", 300), RuleLeaf((no,), "letter", 900)), gains,
        (("letter", 0.6, 0.4), ("home_visit", 0.4, 0.2)), 12, SOUND,
    )  # fmt: skip
    question = release(rule=rule, given=(block(close=(LEARNED,)), block("rule-2"))).questions[1]
    assert question.rule[0].found and [entry.name for entry in question.given] == ["rule-2"]
