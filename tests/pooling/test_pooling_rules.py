"""A rule travels when it beats the best single arm and every single arm where it was not learned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalsig.errors import PoolError
from causalsig.grouped import PooledRule, ReleasedGain, ReleasedRule
from causalsig.meta import random_effects
from causalsig.pooling.rules import one_rule_a_wave, pool_rules
from causalsig.records import PooledContrast, PoolResult
from causalsig.release.paths import leaves
from causalsig.release.pool_document import build_pool_document, pool_result
from causalsig.release.pool_fields import POOL
from causalsig.release.pool_rules import PooledRuleEntry
from causalsig.study.given_rules import GivenRule
from causalsig.study.models import Study
from causalsig.study.read import read_study
from causalsig.study.subgroups import Rules

SITES = 9
OVER = ("best_single", "now", "letter", "home_visit")
STEP = 2.0**-2
ABOUT = ("contact_method", "any_new_arrears_3m")


@pytest.fixture(scope="module")
def study() -> Study:
    yes, no = ({"question": "creditor-rent", "holds": holds} for holds in (True, False))
    given = tuple(
        GivenRule.model_validate(
            {
                "name": name, "learned_under": "a" * 64, "learned_at": ["b" * 64],
                "leaves": [{"arm": arm, "when": [yes]}, {"arm": "letter", "when": [no]}],
            }
        )
        for name, arm in (("rule-1", "home_visit"), ("rule-2", "phone"))
    )  # fmt: skip
    default = read_study("vroegsignalering")
    return default.model_copy(update={"rules": Rules(value_eur=400, given=given)})


def sites(
    means: dict[str, float], name: str = "rule-1", count: int = SITES, seed: int = 1
) -> list[ReleasedRule]:
    rng = np.random.default_rng(seed)
    return [
        ReleasedRule(
            f"{k:064d}", *ABOUT, name,
            tuple(ReleasedGain(over, rng.normal(means.get(over, 8.0), 1.0), 1.0, STEP) for over in OVER),
        )
        for k in range(count)
    ]  # fmt: skip


def test_gains_are_pooled_with_the_error_of_rounding_at_a_level_shared_by_all_rules(study: Study) -> None:
    blocks = sites({})
    [found] = pool_rules(blocks, study)
    assert [gain.over for gain in found.gains] == list(OVER) and found.travels
    values = [block.gains[0].estimate for block in blocks]
    plain = random_effects(values, [1.0 + STEP**2 / 12.0] * SITES, tau2=study.pooling.tau2,
                           interval=study.pooling.interval, level=0.975)  # fmt: skip
    assert found.gains[0].estimate == pytest.approx(plain.coefficients[0])
    assert found.gains[0].conf_low == pytest.approx(plain.conf_low[0])
    assert found.gains[0].sites == SITES


@pytest.mark.parametrize(
    ("means", "travels"),
    [({}, True), ({"now": -5.0}, True), ({"best_single": 0.0}, False), ({"letter": 0.0}, False)],
)
def test_it_must_beat_the_best_single_arm_and_every_single_arm(
    means: dict[str, float], travels: bool, study: Study
) -> None:
    [found] = pool_rules(sites(means), study)
    assert found.travels is travels


def test_without_the_best_single_arm_nothing_travels(study: Study) -> None:
    blocks = [replace(block, gains=block.gains[1:]) for block in sites({})]
    [found] = pool_rules(blocks, study)
    assert all(gain.publishable and gain.conf_low > 0.0 for gain in found.gains) and not found.travels


def test_too_few_sites_say_nothing_and_an_arm_that_few_have_is_no_choice_everywhere(study: Study) -> None:
    [few] = pool_rules(sites({}, count=6), study)
    assert not few.travels and not any(gain.publishable for gain in few.gains)
    blocks = sites({"letter": -8.0})
    rare = [
        block if k < 3 else replace(block, gains=tuple(g for g in block.gains if g.over != "letter"))
        for k, block in enumerate(blocks)
    ]
    [found] = pool_rules(rare, study)
    assert found.travels and [gain.publishable for gain in found.gains] == [True, True, False, True]
    heavy = [
        block if k else replace(block, gains=tuple(replace(g, std_error=0.1) for g in block.gains))
        for k, block in enumerate(sites({}))
    ]
    assert not pool_rules(heavy, study)[0].travels  # one site is nearly all of the weight


def test_strange_rules_and_a_site_twice_are_refused_and_the_last_wave_counts(study: Study) -> None:
    blocks = sites({})
    for wrong, code in (([*blocks, blocks[0]], "pool-site-twice"), (sites({}, "rule-9"), "pool-other-rule")):
        with pytest.raises(PoolError) as caught:
            pool_rules(wrong, study)
        assert caught.value.code == code
    later = sites({}, seed=2)
    assert one_rule_a_wave([*blocks, *later]) == tuple(later)


def contrast(publishable: bool) -> PooledContrast:
    return PooledContrast(
        *ABOUT, "ATE", "any", 3, "home_visit", "letter", False, SITES, -0.02, 0.01, None, -0.04, 0.0, 0.05,
        0.0, (0.0, 0.1), 0.0, 8.0, 0.4, -0.05, 0.01, publishable, (),
    )  # fmt: skip


def document(rules: tuple[PooledRule, ...], publishable: bool = True, kind: Any = "all") -> Any:
    result = PoolResult(
        "a" * 64, kind, "REML, knapp-hartung-floored", 0.95, SITES, (contrast(publishable),), (), (), False,
        rules=rules,
    )  # fmt: skip
    return build_pool_document(result)


def test_rules_come_back_from_the_pools_document(study: Study) -> None:
    rules = pool_rules([*sites({}), *sites({"best_single": 0.0}, "rule-2")], study)
    written = document(rules)
    assert {path for _, path, _ in leaves(written.model_dump(mode="json"))} <= set(POOL)
    found = pool_result(written).rules
    assert [(rule.name, rule.travels) for rule in found] == [("rule-1", True), ("rule-2", False)]
    for before, after in zip(rules[0].gains, found[0].gains, strict=True):
        assert after.conf_low <= before.conf_low and after.conf_high >= before.conf_high
        assert after.estimate == pytest.approx(before.estimate, abs=0.1)
    hidden = pool_result(document(rules, publishable=False)).rules
    assert not any(rule.travels or gain.publishable for rule in hidden for gain in rule.gains)
    assert document(rules, kind="others").rules == ()


def test_a_document_cannot_say_that_a_rule_travels_which_does_not(study: Study) -> None:
    [_, second] = document(pool_rules([*sites({}), *sites({"letter": 0.0}, "rule-2")], study)).rules
    values = second.model_dump()
    with pytest.raises(ValueError, match="does not beat every single arm"):
        PooledRuleEntry.model_validate(values | {"travels": True})
    twice = values | {"gains": [*values["gains"], values["gains"][0]]}
    with pytest.raises(ValueError, match="listed twice"):
        PooledRuleEntry.model_validate(twice | {"gains": tuple(twice["gains"])})
