"""Gains of rules that another study learned, as they leave: names of the study, numbers on grids."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from causalsig.release.grouped_entries import OnItsGrid
from causalsig.release.value_types import ArmCode, Closed
from causalsig.study.models import Slug


class GivenGainEntry(OnItsGrid):
    """What a given rule gains over something else, or over one arm for everybody, in euros an episode."""

    over: Literal["best_single", "now"] | ArmCode


class GivenRuleEntry(Closed):
    """Gains of one given rule; no entry where they are held back."""

    name: Slug
    outcome: Slug
    gains: tuple[GivenGainEntry, ...] = Field(min_length=2, max_length=8)

    @model_validator(mode="after")
    def _held_against_both(self) -> GivenRuleEntry:
        over = [entry.over for entry in self.gains]
        if len(set(over)) != len(over):
            raise ValueError("a gain of a given rule is listed twice")
        if not {"best_single", "now"} <= set(over):
            raise ValueError("a given rule is not held against the best single arm and against now")
        return self


def given_numbers(entry: GivenRuleEntry) -> int:
    """Count free numbers: a gain and its error each."""
    return 2 * len(entry.gains)
