"""Where the inventory says that help is booked otherwise, the question about accepted help says so."""

from __future__ import annotations

from datetime import date

import pytest

from causalsig.codes import REMARKS
from causalsig.cohort import build_cohort, plan_cohorts
from causalsig.study.read import read_study
from tests.cohort.small_tables import MATCHING, signal, site, tables

STUDY = read_study("vroegsignalering")
Q1, _, Q2, _ = plan_cohorts(STUDY)
CODE = "cohort-acceptance-coded-otherwise"
SIGNALS = [signal(f"h{month}", date(2025, month, 5)) for month in range(1, 10)]


@pytest.mark.parametrize(
    ("coding", "told"), [("standard", False), ("talk_is_quick_fix", True), ("talk_is_declined", True)]
)
def test_the_remark_follows_the_inventory_and_speaks_of_accepted_help_only(coding: str, told: bool) -> None:
    entry = site(acceptance_coding=coding)
    helped = build_cohort(tables(SIGNALS), Q1, STUDY, entry, MATCHING)
    contact = build_cohort(tables(SIGNALS), Q2, STUDY, entry, MATCHING)
    assert helped.size > 0 and contact.size > 0
    assert (CODE in {refusal.code for refusal in helped.refusals}) == told
    assert CODE not in {refusal.code for refusal in contact.refusals}


def test_it_is_a_remark_and_no_reason_for_having_no_result() -> None:
    assert CODE in REMARKS
