"""Groups whose effects are compared, and what a rule may ask: named before anybody sees an outcome."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from causalsig.study.base import Closed, Covariate
from causalsig.study.given_rules import GivenRule, covariate_asked
from causalsig.study.questions import Method

Family = Literal["creditor", "age_band", "n_creditors", "first_or_repeated", "amount_band"]
PERSONAL: frozenset[Covariate] = frozenset({"age_band", "minor_children", "district"})
"""Facts of people and places, and not of arrears: a rule that asks them treats people by who they are."""


class Groups(Closed):
    """Families of groups; each parts the episodes by one thing known at time zero."""

    families: tuple[Family, ...] = Field(
        default=(), description="Families of groups whose effects are shown; none: no groups."
    )
    min_households: int = Field(
        default=30,
        ge=30,
        description="Households each arm of a group has, or the group is left out.",
    )

    @field_validator("families")
    @classmethod
    def _once(cls, families: tuple[Family, ...]) -> tuple[Family, ...]:
        if len(set(families)) != len(families):
            raise ValueError("families names one twice; name each once")
        return families


class Rules(Closed):
    """Rules for whom which method: one learned here and valued out of fold, given ones, or both."""

    asks: tuple[Covariate, ...] = Field(
        default=(),
        description="Covariates a rule may ask, none of people's age, children or district; none: no rule is "
        "learned.",
    )
    depth: Literal[1, 2] = Field(default=2, description="Questions on the way to an answer.")
    min_households_leaf: int = Field(
        default=30, ge=30, description="Households that every answer of a rule holds at least."
    )
    value_eur: float = Field(
        gt=0, le=1_000_000, description="What it is worth that one household does not return."
    )
    costs_eur: dict[Method, float] = Field(
        default_factory=dict,
        description="What one contact costs, by arm; nothing where not named.",
    )
    capacity: dict[Method, float] = Field(
        default_factory=dict, description="Largest share of the episodes an arm can be used for."
    )
    folds: int = Field(
        default=5, ge=2, le=20, description="Parts of the households; the first two fifths only teach."
    )
    given: tuple[GivenRule, ...] = Field(
        default=(), max_length=5, description="Rules that another study learned, to be valued elsewhere."
    )

    @field_validator("asks")
    @classmethod
    def _about_arrears(cls, asks: tuple[Covariate, ...]) -> tuple[Covariate, ...]:
        personal = [name for name in asks if name in PERSONAL]
        if personal:
            raise ValueError(f"a rule must not ask {personal[0]}, which is about people; leave it out")
        return asks

    @model_validator(mode="after")
    def _possible(self) -> Rules:
        if not self.asks and not self.given:
            raise ValueError("rules learns no rule and has none given; say what it asks")
        for said in ([rule.name for rule in self.given], [rule.says for rule in self.given]):
            if len(set(said)) != len(said):
                raise ValueError("a given rule is there twice; give each once, with a name of its own")
        if any(not 0.0 <= cost <= 1_000_000 for cost in self.costs_eur.values()):
            raise ValueError("costs_eur has a cost below 0; give what a contact costs, in euros")
        if any(not 0.0 < share <= 1.0 for share in self.capacity.values()):
            raise ValueError("capacity is a share of the episodes; give a number above 0 and at most 1")
        return self

    def check_within(
        self, covariates: tuple[Covariate, ...], arms: tuple[Method, ...], estimands: tuple[str, ...]
    ) -> None:
        """Raise ValueError where a rule asks, uses or needs what the study has not."""
        unknown = [name for name in self.asks if name not in covariates]
        if unknown:
            raise ValueError(f"a rule asks {unknown[0]}, which is none of the study's covariates; add it")
        if "ATE" not in estimands:
            raise ValueError(
                'a rule is for everybody and needs the "ATE" of contact_method; add it to [estimands]'
            )
        for rule in self.given:
            asked = sorted({covariate_asked(one.question) for leaf in rule.leaves for one in leaf.when})
            missing = [name for name in asked if name not in covariates]
            if missing:
                raise ValueError(
                    f"a given rule asks {missing[0]}, which is none of the study's covariates; add it"
                )
            if not rule.arms <= set(arms):
                raise ValueError("a given rule uses an arm that contact_method does not have; add the arm")
