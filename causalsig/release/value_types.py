"""The kinds of value every document is made of: hashes, codes, bands and steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from causalsig.release import grid
from causalsig.release.vocabulary import check_code, check_rule
from causalsig.study.models import AcceptedArm, Method

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}((a|b|rc|\.dev)[0-9]{1,2})?$")]
Month = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
Code = Annotated[str, AfterValidator(check_code)]
RuleCode = Annotated[str, AfterValidator(check_rule)]
QuestionCode = Literal["contact_method", "accepted_help"]
ArmCode = Method | AcceptedArm
Band = Literal["under-10", "10-29", "30-99", "100-299", "300-999", "1000-2999", "3000+"]
ArmBand = Literal["30-99", "100-299", "300-999", "1000-2999", "3000+"]
"""Bands of an arm that may be estimated: the arm floor of 30 households is in the type."""
Steps = Annotated[int, Field(ge=-grid.MAX_MEAN_STEPS, le=grid.MAX_MEAN_STEPS)]
HalfDoublings = Annotated[int, Field(ge=10, le=40)]
"""From 2^5 = 32, the nearest to the floor of 30 households, to a million."""
Digits = Annotated[int, Field(ge=10, le=99)]
DecimalExponent = Annotated[int, Field(ge=grid.MIN_SE_EXPONENT, le=grid.MAX_SE_EXPONENT)]
Correlation = Annotated[int, Field(ge=-grid.CORRELATION_STEPS, le=grid.CORRELATION_STEPS)]


class Closed(BaseModel):
    """Unknown fields are errors, types are exact, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
