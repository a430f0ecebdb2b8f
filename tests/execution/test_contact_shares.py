"""Contact by group is counted from the design, also where no effect may be told."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date

import numpy as np
import pytest

from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
from causalsig.execution.analyse import answer
from causalsig.execution.contacts import contact_block
from causalsig.records import SiteResult
from causalsig.release import ReleaseIdentity, build_release
from causalsig.release.contacts import released_contacts
from causalsig.report.gather import municipality_page
from causalsig.report.render import fairness_html
from causalsig.study.digest import study_digest
from causalsig.study.subgroups import Groups

FAMILIES = ("creditor", "age_band", "first_or_repeated")
DAY = date(2026, 9, 17)
IDENTITY = ReleaseIdentity("ab" * 32, "cd" * 32, "0.1.0", "ef" * 32)


@pytest.fixture(scope="module")
def made(invented, study):
    found = invented["9001"]
    whole = study.model_copy(update={"groups": Groups(families=FAMILIES)})
    plan = next(p for p in plan_cohorts(whole) if p.question == "contact_method" and p.months == 3)
    facts = site_facts(found.tables)
    cohort = build_cohort(found.tables, plan, whole, found.site, found.spec.matching, facts=facts)
    return cohort, whole


def test_shares_are_those_of_a_plain_count(made):
    cohort, study = made
    block = contact_block(cohort, study)
    assert block is not None
    json.dumps(asdict(block), allow_nan=False)
    treatment = cohort.treatment.astype(str)
    for one in (block.everybody, *block.groups):
        inside = np.ones(cohort.size, bool) if not one.group else cohort.groups[one.family][one.group]
        assert one.households == len(set(cohort.households[inside]))
        assert sum(one.shares) == pytest.approx(1.0)
        for arm, share, used, other in zip(
            block.arms, one.shares, one.with_arm, one.without_arm, strict=True
        ):
            assert share == pytest.approx(np.mean(treatment[inside] == arm))
            assert used == len(set(cohort.households[inside & (treatment == arm)]))
            assert other == len(set(cohort.households[inside & (treatment != arm)]))


def test_no_outcome_is_looked_at(made):
    cohort, study = made
    blind = replace(cohort, outcomes={name: np.full(cohort.size, np.nan) for name in cohort.outcomes})
    assert contact_block(blind, study) == contact_block(cohort, study)


def test_shares_leave_with_the_answer_and_with_one_that_a_gate_withheld(made):
    cohort, study = made
    found = answer(cohort, study)
    for result in (found, replace(found, status="withheld", analyses=(), groups=None, rule=None)):
        site = SiteResult("9001", study_digest(study), DAY, (result,), ())
        document = build_release(site, study=study, identity=IDENTITY).document
        told = released_contacts(document)
        assert told and told[0].group == ""
        assert all(0.0 < share < 1.0 for one in told for _, share in one.shares)
        page = municipality_page(document, None, study, name="Voorbeeldstad", written_on=DAY)
        html = fairness_html(page)
        assert "Eerste contact in Voorbeeldstad" in html and "Wat u hieruit niet mag afleiden" in html
        assert municipality_page(document, None, study, name="", written_on=DAY).own[0].contacts == told


def test_data_with_a_known_failure_are_not_counted(made):
    cohort, study = made
    assert answer(cohort, study).contacts is not None
    assert answer(cohort, study, failures=("source-signal-gap",)).contacts is None


def test_without_groups_in_the_study_nothing_is_counted(made):
    cohort, study = made
    assert contact_block(replace(cohort, groups={}), study) is None
    assert contact_block(replace(cohort, plan=replace(cohort.plan, question="accepted_help")), study) is None
