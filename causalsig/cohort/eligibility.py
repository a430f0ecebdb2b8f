"""Eligibility: named rules on facts that exist whatever the arm, each with its attrition row.

A rule is a function of :class:`EligibilityContext` that says which episodes may stay. To add one, write the
function and give it a line in `RULES` (always applied) or in `EXTRA_RULES` (applied where a study names it),
a text for its code, and for an extra rule its name in :data:`causalsig.study.base.ExtraRule`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.events import distinct, first_of
from causalsig.records import AttritionRow

if TYPE_CHECKING:
    from causalsig.cohort.facts import SiteFacts
    from causalsig.cohort.window import EntryWindow, Span
    from causalsig.study.inventory import Site
    from causalsig.study.models import Eligibility

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class EligibilityContext:
    """What the rules may look at: nothing in it depends on the arm or on what happens after time zero."""

    site_facts: SiteFacts
    window: EntryWindow
    site: Site
    eligibility: Eligibility


@dataclass(frozen=True, slots=True)
class Rule:
    """One restriction.

    Attributes
    ----------
    code : str
        Of the attrition row.
    keep : callable
        Marks the episodes that may stay, (m,) bool.
    nobody : str
        Code of the refusal when this rule is the one that leaves nobody.
    """

    code: str
    keep: Callable[[EligibilityContext], Mask]
    nobody: str = "cohort-no-episodes"


def entry_window(context: EligibilityContext) -> Mask:
    """Keep time zeros that are retained before and followed after to the end, for every arm alike."""
    return _within(context, context.window.retained)


def within_agreement(context: EligibilityContext) -> Mask:
    """Leave out time zeros whose data, from look-back to horizon, no agreement covers to the full."""
    return _within(context, context.window.agreed)


def not_released_before(context: EligibilityContext) -> Mask:
    """Leave out time zeros that an earlier extract of the site has had in its window."""
    return _within(context, context.window.fresh)


def linked(context: EligibilityContext) -> Mask:
    """Leave out episodes that were passed on for contact but whose case cannot be found."""
    return ~context.site_facts.unlinked


def above_threshold(context: EligibilityContext) -> Mask:
    """Leave out episodes under the site's own amount; an unknown amount stays, in its own category."""
    amount = context.site_facts.facts.amount_eur
    return np.isnan(amount) | (amount >= context.site.rule.threshold_eur)


def no_open_case(context: EligibilityContext) -> Mask:
    """Leave out households that were already being helped in an open case."""
    return ~context.site_facts.open_case


def amount_known(context: EligibilityContext) -> Mask:
    """Leave out episodes with a signal whose amount is unknown."""
    return ~np.isnan(context.site_facts.facts.amount_eur)


def new_arrears(context: EligibilityContext) -> Mask:
    """Leave out episodes in which only old arrears were reported again."""
    return np.asarray(context.site_facts.facts.n_new_arrears >= 1, dtype=bool)


def no_crisis(context: EligibilityContext) -> Mask:
    """Leave out episodes with a crisis signal, for which no method but a visit is considered."""
    return np.asarray(context.site_facts.facts.crisis == 0, dtype=bool)


def one_creditor(context: EligibilityContext) -> Mask:
    """Leave out episodes with signals of several creditors."""
    return np.asarray(context.site_facts.facts.n_creditors < 2, dtype=bool)


RULES: tuple[Rule, ...] = (
    Rule("cohort-entry-window", entry_window, "cohort-no-entry-window"),
    Rule("cohort-within-agreement", within_agreement, "cohort-agreement-window"),
    Rule("cohort-not-released-before", not_released_before, "cohort-wave-window"),
    Rule("cohort-linked", linked),
    Rule("cohort-above-threshold", above_threshold),
    Rule("cohort-no-open-case", no_open_case),
)
EXTRA_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "amount_known": Rule("cohort-amount-known", amount_known),
        "new_arrears": Rule("cohort-reports-new-arrears", new_arrears),
        "no_crisis": Rule("cohort-no-crisis", no_crisis),
        "one_creditor": Rule("cohort-one-creditor", one_creditor),
    }
)
FIRST_EPISODE = "cohort-first-episode"
ARM_DEFINED = "cohort-arm-defined"
OPTED_OUT = "cohort-not-opted-out"


def apply_rules(context: EligibilityContext) -> tuple[Mask, tuple[AttritionRow, ...], str | None]:
    """Apply the rules in order; one attrition row each, households counted once.

    Returns
    -------
    kept : (m,) bool
    rows : tuple of AttritionRow
        A rule that the inventory gives no reason for (no agreement that narrows, no earlier extract, no
        opt-outs declared) has none. The rule ``cohort-first-episode`` comes after all others.
    nobody : str or None
        Code of the refusal when nobody is left, by the rule that took the last one.
    """
    households = context.site_facts.facts.households
    kept = np.ones(len(households), dtype=bool)
    rows: list[AttritionRow] = opted_out(context)
    nobody: str | None = None
    for rule in _asked(context):
        kept, row = _restrict(rule.code, kept, rule.keep(context), households)
        rows.append(row)
        if nobody is None and not row.episodes_after:
            nobody = rule.nobody
    if context.eligibility.first_episode_only:
        first = first_of_household(kept, households, context.site_facts.facts.time_zero)
        kept, row = _restrict(FIRST_EPISODE, kept, first, households)
        rows.append(row)
    return kept, tuple(rows), nobody


def opted_out(context: EligibilityContext) -> list[AttritionRow]:
    """Count the households that the provider removed from the source because a resident asked for it.

    They are in no table, so the inventory declares how many there were; their episodes are not known, and
    counted as one each.
    """
    removed = context.site.opted_out_households
    if removed is None:
        return []
    households = context.site_facts.facts.households
    left = distinct(households)
    return [AttritionRow(OPTED_OUT, left + removed, left, len(households) + removed, len(households))]


def first_of_household(kept: Mask, households: NDArray[np.int64], time_zero: NDArray[np.int64]) -> Mask:
    """Mark each household's earliest episode among those kept."""
    rows = np.flatnonzero(kept)
    mask = np.zeros(len(households), dtype=bool)
    mask[rows[first_of(households[rows], time_zero[rows])]] = True
    return mask


def arm_defined(kept: Mask, in_an_arm: Mask, households: NDArray[np.int64]) -> tuple[Mask, AttritionRow]:
    """Leave out episodes whose first attempt is by a method that the study's map leaves out."""
    return _restrict(ARM_DEFINED, kept, in_an_arm, households)


def _asked(context: EligibilityContext) -> list[Rule]:
    """Rules that apply here: all of `RULES` that the inventory gives a reason for, and the study's own."""
    from causalsig.cohort.window import agreed_data

    silent = set()
    if agreed_data(context.site) == (None, None):
        silent.add("cohort-within-agreement")
    if not context.site.earlier_extracts:
        silent.add("cohort-not-released-before")
    return [rule for rule in RULES if rule.code not in silent] + [
        EXTRA_RULES[name] for name in context.eligibility.also
    ]


def _within(context: EligibilityContext, span: Span) -> Mask:
    day = context.site_facts.facts.time_zero
    first, last = (np.datetime64(end, "D").astype(np.int64) for end in span)
    mask: Mask = (day >= first) & (day <= last)
    return mask


def _restrict(
    name: str, kept: Mask, allowed: Mask, households: NDArray[np.int64]
) -> tuple[Mask, AttritionRow]:
    left = kept & allowed
    row = AttritionRow(
        rule=name,
        households_before=distinct(households[kept]),
        households_after=distinct(households[left]),
        episodes_before=int(kept.sum()),
        episodes_after=int(left.sum()),
    )
    return left, row
