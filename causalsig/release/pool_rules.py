"""Given rules in a pool's document: gains on their grids, and whether a rule travels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from causalsig.grouped import PooledGain, PooledRule
from causalsig.release.pool_beside import MIN_SITES
from causalsig.release.pool_entries import IntervalOnGrid, fits_grid, off_grid, on_grid
from causalsig.release.value_types import ArmCode, Closed, QuestionCode
from causalsig.study.models import Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

BEST, NOW = "best_single", "now"


class PooledGainEntry(IntervalOnGrid):
    """What a rule gains over something else."""

    over: Literal["best_single", "now"] | ArmCode
    sites: Annotated[int, Field(ge=1, le=1000)]
    publishable: bool

    @model_validator(mode="after")
    def _of_enough_sites(self) -> PooledGainEntry:
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
    defined = [gain for gain in rule.gains if fits_grid(gain)]
    return PooledRuleEntry(
        name=rule.name,
        question=rule.question,  # type: ignore[arg-type]  # pydantic checks it against the code list
        outcome=rule.outcome,
        gains=tuple(_gain(gain, beside) for gain in defined),
        travels=rule.travels and beside and len(defined) == len(rule.gains),
    )


def _gain(gain: PooledGain, beside: bool) -> PooledGainEntry:
    return PooledGainEntry(
        over=gain.over,  # type: ignore[arg-type]
        sites=gain.sites,
        publishable=gain.publishable and gain.sites > MIN_SITES and beside,
        **on_grid(gain),
    )


def _decoded(entry: PooledGainEntry) -> PooledGain:
    return PooledGain(entry.over, entry.sites, **off_grid(entry), publishable=entry.publishable)
