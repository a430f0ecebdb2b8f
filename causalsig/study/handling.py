"""A site's own rule as data: which episodes it visits, calls, writes to or leaves alone, and since when.

A rule is a list of steps, read from the top: the first one that fits an episode says what follows. A step
fits when all conditions on one of its lines hold (AND within a line, OR between lines). Exceptions are steps
that are read before all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from causalsig.crossed import ScoreName
from causalsig.study.base import Closed

Handling = Literal["none", "letter", "message", "phone", "home_visit", "taken_up"]
"""First attempt by this method; "taken_up": by any method, as the municipality usually goes about it."""
FlagName = Literal["crisis", "rent"]
DistrictName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
SCORES: tuple[str, ...] = get_args(ScoreName)
WHOLE = frozenset({"signals", "creditors", "age"})


class Condition(Closed):
    """One condition: a score that is at least, or below, a number; a fact that holds; or a district."""

    score: ScoreName | FlagName | Literal["district"] = Field(
        description="amount (euro) · months (in arrears) · signals · creditors · age (years) · crisis · rent "
        "· district"
    )
    at_least: float | None = Field(default=None, gt=0, le=1_000_000, description="Holds from this score on.")
    below: float | None = Field(default=None, gt=0, le=1_000_000, description="Holds below this score.")
    among: tuple[DistrictName, ...] = Field(
        default=(), max_length=200, description="Districts, as the extract writes them; for district only."
    )

    @model_validator(mode="after")
    def _one_number(self) -> Condition:
        given = [number for number in (self.at_least, self.below) if number is not None]
        if (self.score == "district") != bool(self.among):
            raise ValueError("among names districts; give it for district, and for nothing else")
        if self.score not in SCORES and given:
            raise ValueError(f"{self.score} holds or does not hold; leave at_least and below out")
        if self.score in SCORES and len(given) != 1:
            raise ValueError("a score needs one number; give at_least or below, and not both")
        if self.score in WHOLE and given[0] != round(given[0]):
            raise ValueError("signals, creditors and years are whole; give a whole number")
        if self.score == "amount" and abs(given[0] * 100 - round(given[0] * 100)) > 1e-6:
            raise ValueError("an amount is in whole cents; give at most two decimals")
        return self

    @property
    def cutoff(self) -> float | None:
        """Score at which the condition begins or ceases to hold."""
        return self.at_least if self.below is None else self.below


class Step(Closed):
    """Whom a step fits, and what follows for them."""

    when: tuple[tuple[Condition, ...], ...] = Field(
        min_length=1, description="Lines of conditions: the step fits when all on one line hold."
    )
    handling: Handling

    @model_validator(mode="after")
    def _lines(self) -> Step:
        if any(not line for line in self.when):
            raise ValueError("a line of when is empty, and would fit everybody; write what must hold")
        return self


class HandlingRule(Closed):
    """What the municipality does, and with whom, while the rule is valid."""

    valid_from: date | None = Field(default=None, description="First day; none: before the data.")
    valid_to: date | None = Field(default=None, description="Last day; none: until now.")
    amount: Literal["total", "largest_signal"] = Field(
        default="total", description="Whether amount is all signals of an episode together, or the largest."
    )
    exceptions: tuple[Step, ...] = Field(default=(), description="Read first: who is handled otherwise.")
    steps: tuple[Step, ...] = Field(default=(), description="Read in order; the first that fits decides.")
    otherwise: Handling = Field(default="none", description="For whom no step fits.")
    highest_of_month: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Capacity decides: only so many a month, the highest first. Then there is no threshold.",
    )

    @model_validator(mode="after")
    def _decides(self) -> HandlingRule:
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            raise ValueError("valid_from lies after valid_to; swap them")
        if not self.steps and self.highest_of_month is None:
            raise ValueError(
                "the rule has no steps, so everybody is handled alike; add [[sites.handling.steps]]"
            )
        if self.steps and {step.handling for step in self.all_steps} == {self.otherwise}:
            raise ValueError("every step leads to the same handling as otherwise; say what the rule changes")
        return self

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Steps in the order in which they are read."""
        return (*self.exceptions, *self.steps)


def check_periods(rules: Sequence[HandlingRule]) -> None:
    """Refuse rules that are not in order of validity, or valid on one day together."""
    for earlier, later in pairwise(rules):
        if earlier.valid_to is None or later.valid_from is None or later.valid_from <= earlier.valid_to:
            raise ValueError(
                "two handling rules are valid on one day, or not in order; give each its valid_from and "
                "valid_to, the earliest first"
            )


def plain_rule(threshold_eur: int) -> HandlingRule:
    """Write "nothing is done below this total" as a rule."""
    line = (Condition(score="amount", at_least=float(threshold_eur)),)
    return HandlingRule(steps=(Step(when=(line,), handling="taken_up"),))
