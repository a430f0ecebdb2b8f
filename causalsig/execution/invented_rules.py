"""The rule of an invented municipality as its inventory would have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalsig.study.handling import Condition, HandlingRule, Step

if TYPE_CHECKING:
    from causalsig.simulation import SiteSpec
    from causalsig.simulation.rules import SiteRule

MOST_OF_A_MONTH = 100
"""Stands for a rank in an invented inventory: the generator cuts a share of the list, not a number."""


def handling_of(spec: SiteSpec) -> tuple[HandlingRule, ...]:
    """Write the rules of an invented municipality down; none where its plain threshold says it all."""
    if spec.rank_share is not None:
        return (HandlingRule(highest_of_month=MOST_OF_A_MONTH, otherwise="none"),)
    return tuple(map(_rule, spec.rules))


def _rule(rule: SiteRule) -> HandlingRule:
    amount = Condition(score="amount", at_least=rule.amount_cents / 100.0)
    others: list[tuple[Condition, ...]] = []
    if rule.signals:
        others.append((Condition(score="signals", at_least=float(rule.signals)),))
    if rule.rent_or_crisis:
        others += [(Condition(score="rent"),), (Condition(score="crisis"),)]
    if rule.combine == "or":
        when: tuple[tuple[Condition, ...], ...] = ((amount,), *others)
    else:
        flags = [line for line in others if line[0].score != "signals"] or [()]
        number = [one for line in others for one in line if one.score == "signals"]
        when = tuple((amount, *number, *line) for line in flags)
    return HandlingRule(
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
        steps=(Step(when=when, handling="taken_up"),),
    )
