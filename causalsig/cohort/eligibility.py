"""Eligibility: named rules on facts that exist whatever the arm, each with its attrition row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.records import AttritionRow

if TYPE_CHECKING:
    from causalsig.cohort.facts import SiteFacts
    from causalsig.cohort.window import EntryWindow
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


def entry_window(context: EligibilityContext) -> Mask:
    """Keep time zeros that are retained before and followed after to the end, for every arm alike."""
    day = context.site_facts.facts.time_zero
    first = np.datetime64(context.window.first, "D").astype(np.int64)
    last = np.datetime64(context.window.last, "D").astype(np.int64)
    return (day >= first) & (day <= last)


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


RULES: tuple[tuple[str, Callable[[EligibilityContext], Mask]], ...] = (
    ("cohort-entry-window", entry_window),
    ("cohort-linked", linked),
    ("cohort-above-threshold", above_threshold),
    ("cohort-no-open-case", no_open_case),
)


def apply_rules(context: EligibilityContext) -> tuple[Mask, tuple[AttritionRow, ...]]:
    """Apply the rules in order; one attrition row each, households counted once."""
    households = context.site_facts.facts.households
    kept = np.ones(len(households), dtype=bool)
    rows: list[AttritionRow] = []
    for name, rule in RULES:
        kept, row = _restrict(name, kept, rule(context), households)
        rows.append(row)
    if context.eligibility.first_episode_only:
        first = first_of_household(kept, households, context.site_facts.facts.time_zero)
        kept, row = _restrict("cohort-first-episode", kept, first, households)
        rows.append(row)
    return kept, tuple(rows)


def first_of_household(kept: Mask, households: NDArray[np.int64], time_zero: NDArray[np.int64]) -> Mask:
    """Mark each household's earliest episode among those kept."""
    rows = np.flatnonzero(kept)
    order = rows[np.lexsort((time_zero[rows], households[rows]))]
    first = np.ones(len(order), dtype=bool)
    first[1:] = households[order][1:] != households[order][:-1]
    mask = np.zeros(len(households), dtype=bool)
    mask[order[first]] = True
    return mask


def arm_defined(kept: Mask, in_an_arm: Mask, households: NDArray[np.int64]) -> tuple[Mask, AttritionRow]:
    """Leave out episodes whose first attempt is by a method that the study's map leaves out."""
    return _restrict("cohort-arm-defined", kept, in_an_arm, households)


def _restrict(
    name: str, kept: Mask, allowed: Mask, households: NDArray[np.int64]
) -> tuple[Mask, AttritionRow]:
    left = kept & allowed
    row = AttritionRow(
        rule=name,
        households_before=len(np.unique(households[kept])),
        households_after=len(np.unique(households[left])),
        episodes_before=int(kept.sum()),
        episodes_after=int(left.sum()),
    )
    return left, row
