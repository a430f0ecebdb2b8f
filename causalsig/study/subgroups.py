"""Groups whose effects are compared, and what a rule may ask: named before anybody sees an outcome."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from causalsig.study.base import Closed, Covariate
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
    """A rule for whom which method: learned on part of the households, valued on the others."""

    asks: tuple[Covariate, ...] = Field(
        min_length=1, description="Covariates a rule may ask; none of people's age, children or district."
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
    folds: int = Field(default=5, ge=2, le=20, description="Parts of the households; each is valued once.")

    @field_validator("asks")
    @classmethod
    def _about_arrears(cls, asks: tuple[Covariate, ...]) -> tuple[Covariate, ...]:
        personal = [name for name in asks if name in PERSONAL]
        if personal:
            raise ValueError(f"a rule must not ask {personal[0]}, which is about people; leave it out")
        return asks

    @model_validator(mode="after")
    def _possible(self) -> Rules:
        if any(not 0.0 <= cost <= 1_000_000 for cost in self.costs_eur.values()):
            raise ValueError("costs_eur has a cost below 0; give what a contact costs, in euros")
        if any(not 0.0 < share <= 1.0 for share in self.capacity.values()):
            raise ValueError("capacity is a share of the episodes; give a number above 0 and at most 1")
        return self
