"""A municipality's own floors: the stricter of both, floor by floor, and never looser than the house's."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from causalsig.study.digest import study_digest
from causalsig.study.models import Disclosure
from causalsig.study.read import read_study
from causalsig.study.site_policy import AT_LEAST, AT_MOST, SitePolicy, under_policy

STRICTER: dict[str, Any] = {name: getattr(Disclosure(), name) + 1 for name in AT_LEAST}
STRICTER |= {name: getattr(Disclosure(), name) / 2 for name in AT_MOST}


@pytest.mark.parametrize("name", [*AT_LEAST, *AT_MOST])
def test_the_stricter_of_both_holds(name: str) -> None:
    asked = SitePolicy.model_validate({name: STRICTER[name]})
    assert asked.tightened(Disclosure()) == Disclosure().model_copy(update={name: STRICTER[name]})
    stricter = Disclosure().model_copy(update={name: STRICTER[name] * (2 if name in AT_LEAST else 0.5)})
    assert asked.tightened(stricter) == stricter  # the study asks for more than the municipality


@pytest.mark.parametrize("name", [*AT_LEAST, *AT_MOST])
def test_a_looser_floor_than_the_house_cannot_be_written(name: str) -> None:
    looser = getattr(Disclosure(), name) * (0.5 if name in AT_LEAST else 1.5)
    with pytest.raises(ValidationError):
        SitePolicy.model_validate({name: looser})


def test_every_floor_of_a_study_can_be_tightened() -> None:
    """All but the declared risk: it is a guess of the study's, and a floor only by what it asks of an arm."""
    assert {*AT_LEAST, *AT_MOST} == set(Disclosure.model_fields) - {"expected_risk"}
    assert set(SitePolicy.model_fields) == {*AT_LEAST, *AT_MOST, "max_epsilon", "epsilon_budget"}


def test_the_study_stays_the_one_that_was_signed() -> None:
    study = read_study("vroegsignalering")
    run = under_policy(study, SitePolicy(min_households_cell=25))
    assert run.disclosure.min_households_cell == 25 and study.disclosure.min_households_cell == 10
    assert study_digest(run) == study_digest(study) and run.as_written is study
    assert under_policy(study, SitePolicy()) is study
    other = study.model_copy(update={"disclosure": run.disclosure})
    assert study_digest(other) != study_digest(study)  # a study that asks for it itself is another one
