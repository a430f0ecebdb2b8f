"""What is not there, and the estimator it would have come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Estimator = Literal["doubly_robust", "clone_censor_weight"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that is not there, and the stable code that says why."""

    code: str
    question: str
    outcome: str | None = None
    estimand: str | None = None
    arm: str | None = None
    estimator: Estimator | None = None
