"""Given rules in a pool's document: gains on their grids, and whether a rule travels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from causalsig.grouped import PooledGain, PooledRule
from causalsig.release import grid
from causalsig.release.pool_beside import MIN_SITES
from causalsig.release.pool_entries import Exponent, PoolSteps
from causalsig.release.value_types import ArmCode, Closed, DecimalExponent, Digits, QuestionCode
from causalsig.study.models import Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

BEST, NOW = "best_single", "now"


class PooledGainEntry(Closed):
    """What a rule gains over something else; ends of intervals rounded outward."""

    over: Literal["best_single", "now"] | ArmCode
    sites: Annotated[int, Field(ge=1, le=1000)]
    publishable: bool
    exponent: Exponent
    estimate: PoolSteps
    conf_low: PoolSteps
    conf_high: PoolSteps
    std_error: Digits
    std_error_exponent: DecimalExponent

    @model_validator(mode="after")
    def _holds(self) -> PooledGainEntry:
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.exponent != grid.step_exponent(std_error):
            raise ValueError("a gain is not on the grid its standard error declares")
        if self.publishable and self.sites <= MIN_SITES:
            raise ValueError("a gain of too few sites is called publishable")
        return self


class PooledRuleEntry(Closed):
    """One given rule over the sites that did not learn it."""

    name: Slug
    question: QuestionCode
    outcome: Slug
    gains: tuple[PooledGainEntry, ...] = Field(max_length=8)
    travels: bool

    @model_validator(mode="after")
    def _travels_by_its_gains(self) -> PooledRuleEntry:
        over = [entry.over for entry in self.gains]
        if len(set(over)) != len(over):
            raise ValueError("a gain of a rule is listed twice")
        told: dict[str, bool] = {entry.over: entry.conf_low >= 0 for entry in self.gains if entry.publishable}
        beats = told.get(BEST, False) and all(told[name] for name in told if name != NOW)
        if self.travels and not beats:
            raise ValueError("a rule is said to travel that does not beat every single arm")
        return self


def rule_entries(result: PoolResult) -> tuple[PooledRuleEntry, ...]:
    """Write the rules of the pool of all; publishable only beside a contrast of everybody that is.

    A gain whose interval is not defined stays out, and its rule does not travel.
    """
    shown = {
        (c.question, c.outcome)
        for c in result.contrasts
        if (c.estimand, c.estimator) == ("ATE", "doubly_robust") and c.publishable and c.sites >= MIN_SITES
    }
    return tuple(_entry(rule, (rule.question, rule.outcome) in shown) for rule in result.rules)


def decode_rules(entries: Iterable[PooledRuleEntry]) -> tuple[PooledRule, ...]:
    """Give the rules that entries stand for."""
    return tuple(
        PooledRule(
            entry.name,
            entry.question,
            entry.outcome,
            tuple(_decoded(gain) for gain in entry.gains),
            entry.travels,
        )
        for entry in entries
    )


def _entry(rule: PooledRule, beside: bool) -> PooledRuleEntry:
    defined = [gain for gain in rule.gains if math.isfinite(gain.conf_low) and gain.std_error > 0.0]
    return PooledRuleEntry(
        name=rule.name,
        question=rule.question,  # type: ignore[arg-type]  # pydantic checks it against the code list
        outcome=rule.outcome,
        gains=tuple(_gain(gain, beside) for gain in defined),
        travels=rule.travels and beside and len(defined) == len(rule.gains),
    )


def _gain(gain: PooledGain, beside: bool) -> PooledGainEntry:
    digits, decimal = grid.two_digits_up(gain.std_error)
    exponent = grid.step_exponent(grid.from_two_digits(digits, decimal))
    return PooledGainEntry(
        over=gain.over,  # type: ignore[arg-type]
        sites=gain.sites,
        publishable=gain.publishable and gain.sites > MIN_SITES and beside,
        exponent=exponent,
        estimate=grid.to_steps(gain.estimate, exponent),
        conf_low=math.floor(math.ldexp(gain.conf_low, -exponent)),
        conf_high=math.ceil(math.ldexp(gain.conf_high, -exponent)),
        std_error=digits,
        std_error_exponent=decimal,
    )


def _decoded(entry: PooledGainEntry) -> PooledGain:
    estimate, low, high = (
        grid.from_steps(steps, entry.exponent) for steps in (entry.estimate, entry.conf_low, entry.conf_high)
    )
    error = grid.from_two_digits(entry.std_error, entry.std_error_exponent)
    return PooledGain(entry.over, entry.sites, estimate, error, low, high, entry.publishable)
