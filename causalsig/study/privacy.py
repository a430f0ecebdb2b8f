"""The option of a differentially private release: how much privacy may be spent, and on what bounds."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field, model_validator

from causalsig.study.base import Closed


class Bounds(Closed):
    """Most that one household may add to a question's arm means, in the unit of its primary outcome."""

    accepted_help: float | None = Field(default=None, ge=0.1, le=1000)
    contact_method: float | None = Field(default=None, ge=0.1, le=1000)


class Privacy(Closed):
    """A release with noise whose size is stated; nothing but primary arm means leaves."""

    epsilon: float = Field(ge=0.01, le=10, description="What one release spends, over all its questions.")
    epsilon_budget: float = Field(
        ge=0.01, le=100, description="What all private releases of a site may spend, over all studies."
    )
    max_episodes: int = Field(
        default=2, ge=1, le=10, description="Episodes of a household that count whole; more count less each."
    )
    bounds: Bounds = Field(
        description="Sum over arms of a household's contributions; larger ones are cut off there."
    )

    @model_validator(mode="after")
    def _within_budget(self) -> Privacy:
        if self.epsilon > self.epsilon_budget:
            raise ValueError("epsilon is above epsilon_budget; no site could release")
        return self

    def check_asked(self, questions: Iterable[str]) -> None:
        """Refuse a question without a bound."""
        missing = [question for question in questions if getattr(self.bounds, question) is None]
        if missing:
            raise ValueError(f"privacy.bounds lacks the question {missing[0]!r}; every question needs one")
