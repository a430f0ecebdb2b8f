"""No random payload that breaks a rule is written; the oracle that says so sees each rule that is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from causalsig.errors import CausalsigError
from causalsig.release import (
    cell_rules,
    contacts,
    crossed,
    grid,
    grouped,
    monitor_document,
    moved,
    private_draw,
    profile_document,
    rules,
    sift,
)
from causalsig.release.build import build_release
from causalsig.release.rules import Beyond, Limits
from evidence.claims import random_payloads
from evidence.claims._payload_cells import judge_monitor, judge_profile, random_monitor, random_profile
from evidence.claims._payload_crossed import judge_findings, random_findings
from evidence.claims._payload_judged import Judged, judge_site
from evidence.claims._payload_oracle import broken
from evidence.claims._payload_private import judge_private, random_private
from evidence.claims._payload_sealed import judge_contribution, random_contribution, random_withdrawal
from evidence.claims._payload_sites import IDENTITY, RARE, random_site, study_of
from evidence.claims._payload_tight import tight_site

MOST = 1500
"""Payloads in which a missing rule has to show."""


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(min_value=10**9, max_value=2 * 10**9))
def test_no_payload_that_breaks_a_rule_is_written(seed: int) -> None:
    draw, tally = Random(seed), random_payloads.Tally()
    tally.make(draw)
    if tally.kept:
        tally.change(draw)
    assert tally.wrong == {}


def test_a_replication_reaches_both_sides_and_ends_as_it_left() -> None:
    told = random_payloads.one(random_payloads.SEEDS.stop)
    assert told["wrong"] == {}
    assert sum(told["outcomes"].values()) >= random_payloads.A_SEED
    for rule in ("admission", "class-floor", "dominance", "effective-size", "nested", "numbers"):
        assert told["held"][f"estimates: {rule}"] > 0 and told["passed"][f"estimates: {rule}"] > 0


def first_wrong(make: Callable[[Random], tuple[Any, Any]], wanted: str) -> bool:
    """Say whether the oracle names a rule in one of many payloads; one that is refused writes nothing."""
    for seed in range(MOST):
        try:
            document, judged = make(Random(seed))
        except (CausalsigError, ValidationError):
            continue
        said = document.model_dump(mode="json")
        if wanted in judged(said).wrong or ("kind" in said and wanted in broken(said)):
            return True
    return False


def odd_site(draw: Random, odd: float = 0.2) -> tuple[Any, Any]:
    study, result = random_site(draw, odd)
    document = build_release(result, study=study, identity=IDENTITY).document
    return document, lambda said: judge_site(study, result, said)


def crossed_site(draw: Random) -> tuple[Any, Any]:
    study, found = study_of(draw.randrange(12)), random_findings(draw)
    [part] = crossed.thresholds_part(found, study, Limits.of(study))
    told = Judged()

    def judge(said: Any) -> Judged:
        judge_findings(study, found, said, told)
        return told

    return part, judge


def monitor(draw: Random) -> tuple[Any, Any]:
    floors, counts = random_monitor(draw)
    document = monitor_document.build_monitor(counts, identity=IDENTITY, floors=floors)
    return document, lambda said: judge_monitor(floors, counts, said)


def profile(draw: Random) -> tuple[Any, Any]:
    floors, counts = random_profile(draw)
    document = profile_document.build_profile(counts, identity=IDENTITY, floors=floors)
    return document, lambda said: judge_profile(floors, counts, said)


@pytest.mark.parametrize(
    "rule",
    ["pooling-gate", "arm-floor", "admission", "class-floor", "residual-df", "dominance", "effective-size"],
)
def test_the_oracle_sees_a_rule_of_blocks_that_is_missing(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [one for one in rules.rules() if one.code != f"release-{rule}"]
    assert len(left) == len(rules.rules()) - 1
    monkeypatch.setattr(rules, "rules", lambda: left)
    assert first_wrong(odd_site, rule)


UP = grid.two_digits_up


def too_low(value: float) -> tuple[int, int]:
    digits, exponent = UP(value)
    return max(digits - 1, 10), exponent


def site(draw: Random) -> tuple[Any, Any]:
    return odd_site(draw, odd=RARE)


def tight(draw: Random) -> tuple[Any, Any]:
    study, result = tight_site(draw)
    document = build_release(result, study=study, identity=IDENTITY).document
    return document, lambda said: judge_site(study, result, said)


CELL = cell_rules.rules()
NO_BUDGET = Beyond(frozenset(), frozenset(), False, False, False)
MISSING: dict[str, tuple[Any, str, Any, Any, str]] = {
    "nested": (sift, "nested_differences", lambda *_: frozenset(), odd_site, "nested"),
    "nested, before outcomes": (sift, "nested_not_admitted", lambda *_: frozenset(), odd_site,
                                "nested-admission"),
    "numbers": (sift, "beyond_budget", lambda *_: NO_BUDGET, tight, "numbers"),
    "group floors": (grouped, "_holds", lambda *_: True, site, "group-floor"),
    "rests of groups": (grouped, "_rests_hold", lambda *_: True, site, "group-rest"),
    "behind a rule": (grouped, "rests_on_enough", lambda *_: True, site, "rule-floor"),
    "contact floors": (contacts, "_sound", lambda part, _: {*range(len(part.with_arm))}, site,
                       "contact-floor"),
    "contact that follows": (contacts, "_crossed", lambda *_: False, odd_site, "contact-follows"),
    "error rounded down": (grid, "two_digits_up", too_low, odd_site,
                           "grid: an error that is not its own two digits, rounded up"),
    "bands": (grid, "band", lambda n: "300-999", odd_site, "bands: households of an arm"),
    "nested sides": (crossed, "_nested", lambda *_: frozenset(), crossed_site, "side-nested"),
    "bins told twice": (crossed, "_told_once", lambda blocks: {*range(len(blocks))}, crossed_site,
                        "bins-twice"),
    "sides": (crossed, "_broken", lambda *_: None, crossed_site, "side-class"),
    "moved": (moved, "_broken", lambda *_: None, crossed_site, "move-floor"),
    "cells": (cell_rules, "rules", lambda: CELL[1:], monitor, "cell-floor"),
    "classes": (cell_rules, "rules", lambda: [CELL[0], CELL[2]], monitor, "class-floor"),
    "signals of one household": (cell_rules, "rules", lambda: CELL[:2], monitor, "dominance"),
    "complement": (cell_rules, "_complement", lambda *_: 0, monitor, "follows"),
    "budget of cells": (cell_rules, "_keep_within", lambda *_: None, monitor, "numbers"),
    "codes": (profile_document, "sift_counts",
              lambda cells, *_: ([(c, grid.band(max(c.households, 10))) for c in cells], True), profile,
              "cell-floor"),
}  # fmt: skip
"""What is taken away, of whom, and what the oracle then has to say."""


@pytest.mark.parametrize("name", list(MISSING))
def test_the_oracle_sees_what_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, attribute, instead, make, wanted = MISSING[name]
    monkeypatch.setattr(module, attribute, instead)
    assert first_wrong(make, wanted)


@cache
def good() -> str:
    """Write one document with a block, a region and a later gate's figure."""
    for seed in range(MOST):
        study, result = random_site(Random(seed))
        document = build_release(result, study=study, identity=IDENTITY).document.model_dump(mode="json")
        [question, *_] = document["questions"]
        if any(b["primary"] and len(b["arms"]) > 2 for b in question["analyses"]) and question["regions"]:
            return json.dumps(document)
    raise AssertionError("no such document")


def blocks(document: Any) -> Any:
    return document["questions"][0]["analyses"][0]


EDITS: dict[str, Callable[[Any], None]] = {
    "closed: a text of no list in outcome": lambda d: blocks(d).update(outcome="Mevrouw Jansen"),
    "closed: a number that is no small integer in mean": lambda d: blocks(d)["arms"][0].update(mean=0.25),
    "grid: an estimate off the grid of its error": lambda d: blocks(d)["arms"][0].update(mean_exponent=-30),
    "grid: an error that has not two digits": lambda d: blocks(d)["arms"][0].update(std_error=100),
    "grid: correlations that are not positive definite": lambda d: blocks(d).update(
        correlations=[20] * len(blocks(d)["correlations"])
    ),
    "floors: looser than the house's": lambda d: d["floors"].update(min_households_cell=9),
    "arm-floor: a band below it": lambda d: blocks(d)["arms"][0].update(households="10-29"),
    "effective-size: a block below it": lambda d: blocks(d)["arms"][0].update(effective_size=8),
    "arm-floor: a region, a group or a leaf below it": lambda d: d["questions"][0]["regions"][0].update(
        households="under-10"
    ),
    "numbers: a question tells more than its households allow": lambda d: d["questions"][0][
        "analyses"
    ].extend([blocks(d)] * 200),
    "held: a block twice, or released and held back": lambda d: d["questions"][0]["analyses"].append(
        blocks(d)
    ),
    "held: effects of a question that is not estimated": lambda d: d["questions"][0].update(
        status="withheld"
    ),
}


@pytest.mark.parametrize("wanted", list(EDITS))
def test_the_oracle_sees_what_a_document_says_against_the_handbook(wanted: str) -> None:
    document = json.loads(good())
    assert broken(document) == []
    EDITS[wanted](document)
    assert wanted in broken(document)


def private(draw: Random) -> tuple[Any, Any]:
    study, result, document = random_private(draw)
    return document, lambda said: judge_private(study, result, said)


def test_the_oracle_sees_noise_of_another_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    smaller = private_draw.private_means
    monkeypatch.setattr(
        private_draw, "private_means", lambda *a, **b: smaller(*a, **(b | {"epsilon": 4 * b["epsilon"]}))
    )
    assert first_wrong(private, "privacy: less noise than its epsilon asks for")


def test_the_oracle_sees_what_stands_beside_noise() -> None:
    documents = (random_private(Random(seed))[2].model_dump(mode="json") for seed in range(MOST))
    said = next(one for one in documents if one["questions"][0]["private"])
    assert broken(said) == []
    question = said["questions"][0]
    for more in ({"attrition": [{"rule": "cohort-no-open-case", "before": "10-29", "after": "10-29"}]},
                 {"private": []}, {"status": "withheld"}):  # fmt: skip
        assert any("privacy: " in rule for rule in broken({**said, "questions": [question | more]}))
    assert "privacy: noise in a document that does not say what it spends" in broken({**said, "privacy": []})


def test_the_oracle_sees_a_word_without_its_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    def contribution(draw: Random) -> tuple[Any, Any]:
        document, words = random_contribution(draw)
        return document, lambda said: judge_contribution(words, said)

    assert not first_wrong(contribution, "masked: a word without a mask")
    monkeypatch.setattr("evidence.claims._payload_sealed.add_masks", lambda words, *_: words)
    assert first_wrong(contribution, "masked: a word without a mask")


def test_the_oracle_sees_a_reason_that_is_none_of_the_list() -> None:
    said = random_withdrawal(Random(1)).model_dump(mode="json")
    assert broken(said) == []
    assert broken(said | {"reason": "Mevrouw Jansen"}) and broken(said | {"remark": "x"})
