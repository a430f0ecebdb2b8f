"""Rules that another study learned, to be valued where they were not: who learned them, what they say.

A rule is given as it was released: by codes of the release's list and its fixed cut points, which mean the
same at every site. `causalsig study rules` writes them from releases.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, model_validator

from causalsig.study.base import Closed, Covariate, Slug
from causalsig.study.questions import Method

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Question = Literal[
    "creditor-rent",
    "creditor-energy",
    "creditor-water",
    "creditor-health_insurance",
    "amount",
    "amount-missing",
    "months",
    "months_in_arrears-missing",
    "n_creditors-from-2",
    "n_creditors-from-3",
    "n_new_arrears-from-1",
    "n_new_arrears-from-2",
    "crisis",
    "rent_or_crisis",
    "signal_m1",
    "signal_m2",
    "signal_m3",
    "signal_m1_to_m3",
    "signal_m1_to_m3-missing",
    "earlier_attempts-from-1",
    "earlier_attempts-from-3",
    "earlier_visit_or_call",
    "earlier_reached",
    "earlier_accepted",
]
"""What a given rule may ask: the release's list without people's age and children; nor the month, which is of
the years it was learned in. A test holds it to the release's and to the cohort's."""
CUTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"amount": (100, 250, 500, 1000, 2000, 5000), "months": (2, 3, 6, 12)}
)
_COVARIATE_OF: Mapping[str, Covariate] = MappingProxyType(
    {
        "creditor": "creditor_mix",
        "amount": "log_amount",
        "months": "months_in_arrears",
        "months_in_arrears": "months_in_arrears",
        "n_creditors": "n_creditors",
        "n_new_arrears": "n_new_arrears",
        "crisis": "crisis",
        "rent_or_crisis": "crisis",
        "signal_m1": "signals_m1_m3",
        "signal_m2": "signals_m1_m3",
        "signal_m3": "signals_m1_m3",
        "signal_m1_to_m3": "signals_m1_m3",
        "earlier_attempts": "earlier_contacts",
        "earlier_visit_or_call": "earlier_methods",
        "earlier_reached": "earlier_reach",
        "earlier_accepted": "earlier_acceptance",
    }
)
"""Covariate of a question, by what its code begins with."""


def covariate_asked(question: str) -> Covariate:
    """Name the study's covariate that a question is about."""
    return _COVARIATE_OF[question.split("-")[0]]


class GivenCondition(Closed):
    """One question and its answer; ``value`` is the cut point of an amount or of months: at least this."""

    question: Question
    value: int | None = Field(default=None, description="Cut point; none: a question of yes or no.")
    holds: bool

    @model_validator(mode="after")
    def _of_the_list(self) -> GivenCondition:
        if self.value not in CUTS.get(self.question, (None,)):
            raise ValueError(
                "a condition's value is none of the fixed cut points; amount and months have one of theirs, "
                "other questions have none"
            )
        return self


class GivenLeaf(Closed):
    """For whom the rule uses an arm: all conditions hold."""

    arm: Method
    when: tuple[GivenCondition, ...] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _can_hold_a_household(self) -> GivenLeaf:
        asked = [(one.question, one.value) for one in self.when]
        if len(set(asked)) != len(asked):
            raise ValueError("a leaf asks one question twice; ask it once")
        least = {one.question: one.value for one in self.when if one.holds and one.value is not None}
        most = [(one.question, one.value) for one in self.when if not one.holds and one.value is not None]
        if any(least.get(question, -1) >= value for question, value in most):
            raise ValueError("a leaf's conditions contradict each other; nobody is in it")
        return self

    @property
    def answers(self) -> frozenset[tuple[str, int | None, bool]]:
        """What is asked and answered, in no order."""
        return frozenset((one.question, one.value, one.holds) for one in self.when)


class GivenRule(Closed):
    """A rule that another study learned; its leaves part everybody."""

    name: Slug = Field(description="What releases and reports call it; each rule has its own.")
    learned_under: Digest = Field(description="Digest of the study that learned it.")
    learned_at: tuple[Digest, ...] = Field(
        min_length=1, description="Codes, under that study, of the sites where it passed."
    )
    leaves: tuple[GivenLeaf, ...] = Field(min_length=2, max_length=4)

    @model_validator(mode="after")
    def _parts_everybody(self) -> GivenRule:
        if len(set(self.learned_at)) != len(self.learned_at):
            raise ValueError("learned_at names a site twice; name each once")
        if len({leaf.arm for leaf in self.leaves}) < 2:
            raise ValueError("a given rule uses one arm for everybody; leave it out")
        flipped = [frozenset((q, v, not holds) for q, v, holds in leaf.answers) for leaf in self.leaves]
        if any(not self.leaves[b].answers & flipped[a] for a, b in combinations(range(len(flipped)), 2)):
            raise ValueError("two leaves of a given rule share households; copy the rule as it was printed")
        # Leaves that are apart hold everybody when they fill all answers to their questions.
        if sum(0.5 ** len(leaf.when) for leaf in self.leaves) != 1.0:
            raise ValueError("a given rule leaves somebody out; copy the rule as it was printed")
        return self

    @property
    def arms(self) -> frozenset[Method]:
        """Arms that it uses."""
        return frozenset(leaf.arm for leaf in self.leaves)

    @property
    def says(self) -> frozenset[tuple[frozenset[tuple[str, int | None, bool]], str]]:
        """What the rule says, whatever it is called and in whatever order it is written."""
        return frozenset((leaf.answers, leaf.arm) for leaf in self.leaves)


def given_toml(rules: tuple[GivenRule, ...]) -> str:
    """Write rules as they stand in a study file, below its ``[rules]``."""
    lines = []
    for rule in rules:
        codes = ", ".join(f'"{code}"' for code in rule.learned_at)
        lines += [
            "[[rules.given]]",
            f'name = "{rule.name}"',
            f'learned_under = "{rule.learned_under}"',
            f"learned_at = [{codes}]",
        ]
        for leaf in rule.leaves:
            when = ", ".join(_condition(one) for one in leaf.when)
            lines += ["[[rules.given.leaves]]", f'arm = "{leaf.arm}"', f"when = [{when}]"]
        lines.append("")
    return "\n".join(lines)


def _condition(one: GivenCondition) -> str:
    value = "" if one.value is None else f", value = {one.value}"
    return f'{{ question = "{one.question}"{value}, holds = {str(one.holds).lower()} }}'
