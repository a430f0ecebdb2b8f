"""What the models of the study and of its causal graph share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,47}$")]
Covariate = Literal[
    "calendar_month",
    "creditor_mix",
    "log_amount",
    "months_in_arrears",
    "n_creditors",
    "n_new_arrears",
    "crisis",
    "signals_m1_m3",
    "earlier_contacts",
    "earlier_methods",
    "earlier_reach",
    "earlier_acceptance",
    "age_band",
    "minor_children",
    "district",
]
CreditorGroup = Literal["rent", "energy", "water", "health_insurance"]
ExtraRule = Literal["amount_known", "new_arrears", "no_crisis", "one_creditor"]
"""Rules of eligibility a study may add; :mod:`causalsig.cohort.eligibility` says what each does."""


class Closed(BaseModel):
    """A table of the study file: unknown keys are errors, values cannot be changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, str_strip_whitespace=True)
