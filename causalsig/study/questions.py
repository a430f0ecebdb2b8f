"""The questions a study may ask: their arms, the days that fix them, and what answers them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from pydantic import Field, field_validator, model_validator

from causalsig.records import Estimator
from causalsig.study.base import Closed, Slug
from causalsig.study.crossing import Threshold

Method = Literal["letter", "message", "phone", "home_visit", "none"]
AcceptedArm = Literal["accepted", "not_accepted"]
AcceptedMethod = Literal["clone_censor_weight", "landmark"]
ESTIMATOR_OF: Mapping[AcceptedMethod, Estimator] = MappingProxyType(
    {"clone_censor_weight": "clone_censor_weight", "landmark": "doubly_robust"}
)
METHOD_MAP: Mapping[str, Method] = MappingProxyType(
    {
        "letter": "letter",
        "email": "message",
        "text_message": "message",
        "phone": "phone",
        "home_visit": "home_visit",
        "card_left": "home_visit",
    }
)

SEQUENCES = ("letter", "letter>phone", "letter>home_visit", "phone", "phone>home_visit", "home_visit")
"""The steps of the escalation that municipalities describe: letter, then phone, then a visit."""


class ContactMethod(Closed):
    """Q2: arm a is a first attempt by method a within the grace period, then usual escalation."""

    arms: tuple[Method, ...] = ("letter", "message", "phone", "home_visit", "none")
    reference: Method = "letter"
    primary_contrast: tuple[Method, Method] = ("home_visit", "letter")
    grace_days: int = Field(default=14, ge=1, le=60)
    follow_up_from_day: int = Field(default=14, ge=0, le=120)
    outcomes: tuple[Slug, ...] = Field(min_length=1)
    primary_outcome: Slug
    method_map: dict[str, Method] = Field(
        default_factory=lambda: dict(METHOD_MAP),
        description="Recorded method to arm; a first attempt by a method not named here is left out.",
    )
    attempts_by_day: int = Field(
        default=28, ge=1, le=90, description="Secondary exposures: attempts are counted to this day."
    )
    sequences: tuple[str, ...] = Field(
        default=SEQUENCES,
        min_length=2,
        description="Secondary exposure: sequences that are arms.",
    )
    sensitivity: tuple[Literal["clone_censor_weight"], ...] = Field(
        default=(), max_length=1, description="Further ways to estimate the primary outcome, shown beside it."
    )
    period_days: int = Field(
        default=7, ge=1, le=60, description="Clone-censor-weight: length of a period of the grace period."
    )

    @field_validator("sequences")
    @classmethod
    def _sequences_of_methods(cls, sequences: tuple[str, ...]) -> tuple[str, ...]:
        for sequence in sequences:
            steps = sequence.split(">")
            known = set(steps) <= set(METHOD_MAP.values())
            if not known or len(steps) > 3 or any(a == b for a, b in pairwise(steps)):
                raise ValueError(
                    "a sequence is not one to three methods, each another one than the last; "
                    'write it as "letter>phone>home_visit"'
                )
        if len(set(sequences)) != len(sequences):
            raise ValueError("sequences names one twice; name each once")
        return sequences

    @model_validator(mode="after")
    def _consistent(self) -> ContactMethod:
        _check_arms(self.arms, self.reference, self.primary_contrast)
        _check_primary(self.outcomes, self.primary_outcome)
        if self.follow_up_from_day < self.grace_days:
            raise ValueError(
                "follow_up_from_day lies before the end of grace_days, so the arm would be defined by "
                "what happens in follow-up; set it to at least grace_days"
            )
        _check_periods(self.period_days, self.grace_days)
        outside = set(self.method_map.values()) - set(self.arms) - {"none"}
        if outside:
            raise ValueError("method_map names an arm that is not in arms; add the arm or drop the method")
        return self

    @property
    def estimator(self) -> Estimator:
        """What answers the question."""
        return "doubly_robust"

    @property
    def sensitivity_estimators(self) -> tuple[Estimator, ...]:
        """What stands beside the answer."""
        return self.sensitivity


class AcceptedHelp(Closed):
    """Q1: accepted by the landmark day against not accepted by it, then usual care.

    Clone-censor-weight follows what happens until that day. The landmark forms groups on it, by what was
    known at time zero.
    """

    arms: tuple[AcceptedArm, AcceptedArm] = ("accepted", "not_accepted")
    reference: AcceptedArm = "not_accepted"
    primary_contrast: tuple[AcceptedArm, AcceptedArm] = ("accepted", "not_accepted")
    method: AcceptedMethod = Field(default="clone_censor_weight", description="What answers the question.")
    sensitivity: tuple[AcceptedMethod, ...] = Field(
        default=(), max_length=1, description="Another way to estimate the primary outcome, shown beside it."
    )
    landmark_day: int = Field(default=28, ge=1, le=90)
    period_days: int = Field(
        default=7, ge=1, le=90, description="Clone-censor-weight: length of a period until landmark_day."
    )
    follow_up_from_day: int = Field(default=60, ge=0, le=180)
    outcomes: tuple[Slug, ...] = Field(min_length=1)
    primary_outcome: Slug

    @model_validator(mode="after")
    def _consistent(self) -> AcceptedHelp:
        _check_arms(self.arms, self.reference, self.primary_contrast)
        _check_primary(self.outcomes, self.primary_outcome)
        if self.follow_up_from_day < self.landmark_day:
            raise ValueError(
                "follow_up_from_day lies before landmark_day, so acceptance would depend on follow-up; "
                "set it to at least landmark_day"
            )
        if self.method in self.sensitivity:
            raise ValueError("sensitivity repeats method; leave it out there")
        _check_periods(self.period_days, self.landmark_day)
        return self

    @property
    def estimator(self) -> Estimator:
        """What answers the question."""
        return ESTIMATOR_OF[self.method]

    @property
    def sensitivity_estimators(self) -> tuple[Estimator, ...]:
        """What stands beside the answer."""
        return tuple(ESTIMATOR_OF[method] for method in self.sensitivity)


def _check_periods(period_days: int, grace_days: int) -> None:
    if period_days > grace_days:
        raise ValueError(
            "period_days is longer than the days in which an arm is entered; set it to fewer days"
        )


def _check_arms(arms: tuple[str, ...], reference: str, contrast: tuple[str, str]) -> None:
    if len(set(arms)) != len(arms) or len(arms) < 2:
        raise ValueError("arms must name at least two different arms")
    if reference not in arms:
        raise ValueError("reference is not one of arms; name one that is")
    if contrast[0] == contrast[1] or not set(contrast) <= set(arms):
        raise ValueError("primary_contrast must name two different arms out of arms")


def _check_primary(outcomes: tuple[str, ...], primary: str) -> None:
    if primary not in outcomes:
        raise ValueError("primary_outcome is not among the question's outcomes; add it there")


class Questions(Closed):
    """The questions the study asks; at least one."""

    contact_method: ContactMethod | None = None
    accepted_help: AcceptedHelp | None = None
    threshold: Threshold | None = Field(
        default=None, description="Q3: crossing a site's own threshold; none: not asked."
    )

    @model_validator(mode="after")
    def _any(self) -> Questions:
        if self.contact_method is None and self.accepted_help is None:
            raise ValueError("the study asks no question; add [questions.contact_method] or another")
        return self
