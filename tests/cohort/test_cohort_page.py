"""The page on cohorts names every rule, refusal and choice that there is."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from causalsig.cohort import eligibility
from causalsig.cohort.plan import SECONDARY
from causalsig.records import OutcomeKind
from causalsig.study.inventory import Agreement, Site
from causalsig.study.models import HORIZON_DAYS, Eligibility, Outcome

PAGE = (Path(__file__).parents[2] / "docs" / "cohort.md").read_text("utf-8")
RULES = (*eligibility.RULES, *eligibility.EXTRA_RULES.values())
CODES = {rule.code for rule in RULES} | {rule.nobody for rule in RULES}
CODES |= {eligibility.FIRST_EPISODE, eligibility.ARM_DEFINED, eligibility.OPTED_OUT}


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_rule_and_refusal_is_told(code: str) -> None:
    assert f"`{code}`" in PAGE


def test_every_choice_is_told() -> None:
    told_elsewhere = {"id", "open_case", "below_threshold"}
    choices = {*Outcome.model_fields, *Eligibility.model_fields} - told_elsewhere
    choices |= {"data_from", "data_until"} & set(Agreement.model_fields)
    choices |= {"creditor_agreements", "earlier_extracts", "opted_out_households"} & set(Site.model_fields)
    choices |= set(get_args(OutcomeKind)) | {name for names in SECONDARY.values() for name in names}
    assert sorted(name for name in choices if f"`{name}" not in PAGE and f"{name} =" not in PAGE) == []


def test_the_lengths_of_horizons_are_told_as_they_are() -> None:
    assert ", ".join(f"{months} months {days}" for months, days in HORIZON_DAYS.items()) in PAGE
