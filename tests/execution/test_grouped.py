"""Groups stand beside an answer behind the same gate; too small ones are left out beforehand."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
from causalsig.cohort.groups import FAMILIES
from causalsig.execution.analyse import answer
from causalsig.execution.grouped import MARGIN
from causalsig.release.rules import smallest_arm
from causalsig.study.subgroups import Groups

HIGHER = 300
"""Households, above the floor of these groups (200) and below the larger ones among them."""


@pytest.fixture(scope="module")
def made(city, study):
    whole = study.model_copy(update={"groups": Groups(families=tuple(FAMILIES))})
    plan = next(p for p in plan_cohorts(whole) if p.question == "contact_method" and p.months == 3)
    facts = site_facts(city.tables)
    cohort = build_cohort(city.tables, plan, whole, city.site, city.spec.matching, facts=facts)
    return cohort, whole


def test_groups_of_a_family_part_who_is_known(made):
    cohort, _ = made
    for family, groups in cohort.groups.items():
        members = np.stack(list(groups.values()))
        if family != "creditor":
            assert members.sum(axis=0).max() == 1, family
        assert members.any(axis=0).mean() > 0.5, family
    amount = cohort.covariates[:, cohort.covariate_names.index("log_amount")]
    high = cohort.groups["amount_band"]["amount_1000_up"]
    assert amount[high].min() >= np.log(1000.0) - 6.0 - 1e-9
    assert amount[~high].max() < np.log(1000.0) - 6.0


def test_effects_of_groups_stand_beside_the_answer(made):
    cohort, study = made
    found = answer(cohort, study)
    block = found.groups
    assert block is not None and (block.arm, block.reference) == cohort.plan.primary_contrast
    assert len(block.effects) > 5 and len(block.covariance) == len(block.effects)
    for effect, row in zip(block.effects, block.covariance, strict=True):
        place = block.effects.index(effect)
        assert row[place] == pytest.approx(effect.std_error**2, rel=1e-9)
        assert min(effect.households) >= MARGIN * smallest_arm(study.disclosure)
        assert effect.conf_low < effect.estimate < effect.conf_high
    assert {test.family for test in block.tests} <= set(FAMILIES)
    assert all(0.0 <= test.p_value <= 1.0 for test in block.tests)
    json.dumps(asdict(block), allow_nan=False)


def test_a_group_below_its_floor_is_left_out(made):
    cohort, study = made
    strict = study.model_copy(update={"groups": replace_floor(study.groups, HIGHER)})
    few, many = answer(cohort, strict).groups, answer(cohort, study).groups
    assert few is not None and many is not None
    assert set(many.left_out) < set(few.left_out)
    assert all(min(effect.households) >= HIGHER for effect in few.effects)
    assert min(min(effect.households) for effect in many.effects) < HIGHER


def test_without_groups_in_the_study_nothing_is_asked(made):
    cohort, study = made
    assert answer(replace(cohort, groups={}), study).groups is None


def replace_floor(groups: Groups, floor: int) -> Groups:
    return groups.model_copy(update={"min_households": floor})
