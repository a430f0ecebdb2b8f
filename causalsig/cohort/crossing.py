"""The cohort of Q3: episodes on a day with a rule, with scores, handling, outcomes and facts from before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.arms import METHODS, UNMAPPED, first_method
from causalsig.cohort.content import content_order
from causalsig.cohort.covariates import LOOK_BACK_COVARIATES, covariate_of, design_matrix
from causalsig.cohort.eligibility import EligibilityContext, apply_rules
from causalsig.cohort.handling import (
    HANDLINGS,
    NOBODY,
    Cutoff,
    Mask,
    Scores,
    assigned,
    cutoffs_of,
    pairs_at,
    rule_of_day,
)
from causalsig.cohort.history import Floats, Integers
from causalsig.cohort.outcomes import amounts_unknown, outcome_values
from causalsig.cohort.window import waves
from causalsig.records import AttritionRow, Refusal
from causalsig.study.models import ContactMethod

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from causalsig.cohort.facts import SiteFacts
    from causalsig.crossed import ScoreName
    from causalsig.sources.schema import Matching
    from causalsig.study.handling import HandlingRule
    from causalsig.study.inventory import Rule, Site
    from causalsig.study.models import Outcome, Study

QUESTION = "threshold"
RULE_VALID = "cohort-rule-valid"
ABOVE_THRESHOLD = "cohort-above-threshold"
NOT_BEFORE = frozenset({"calendar_month", "log_amount", "district"})
"""Covariates that are the day, the score itself or a list of places: nothing that could jump by itself."""
OF_THE_SCORE: Mapping[ScoreName, frozenset[str]] = MappingProxyType(
    {
        "amount": frozenset({"log_amount"}),
        "months": frozenset({"months_in_arrears"}),
        "signals": frozenset({"n_new_arrears", "n_creditors", "creditor_mix"}),
        "creditors": frozenset({"n_creditors", "n_new_arrears", "creditor_mix"}),
        "age": frozenset({"age_band"}),
    }
)
"""Covariates that follow from a score, or step with it: no fact beside it that ought not to jump."""
OTHERWISE_HANDLED = len(HANDLINGS)
"""Place of a first attempt by a method that the study's map leaves out."""


@dataclass(frozen=True, slots=True)
class CrossingCohort:
    """Episodes of one window of Q3, n of them.

    Attributes
    ----------
    rules : tuple of HandlingRule
    rule : (n,) int
        Place of the rule that was valid.
    scores : Scores
    assigned, handled : (n,) int
        Places among `HANDLINGS`: what the rule assigns, and the first attempt in fact; `OTHERWISE_HANDLED`
        for a method without an arm.
    households, time_zero : (n,) int
    household_keys : (n,) object
    outcomes : dict of (n,) float
    before : (n, p) float
        Facts settled before the score, and p names.
    attrition, refusals : tuples
    """

    rules: tuple[HandlingRule, ...]
    rule: Integers
    scores: Scores
    assigned: Integers
    handled: Integers
    households: Integers
    time_zero: Integers
    household_keys: NDArray[np.object_]
    outcomes: dict[str, Floats]
    before: Floats
    before_names: tuple[str, ...]
    attrition: tuple[AttritionRow, ...]
    refusals: tuple[Refusal, ...]

    @property
    def size(self) -> int:
        """Number of episodes n."""
        return len(self.rule)

    def followed(self) -> Mask:
        """Whether each episode was handled as the rule assigns, (n,)."""
        return followed(self.assigned, self.handled)


@dataclass(frozen=True, slots=True)
class Pivotal:
    """Episodes for whom one threshold decides alone between two handlings, whatever the period.

    Attributes
    ----------
    cutoff : Cutoff
    total : bool
        Whether an amount is the total.
    below, above : str
    periods : tuple of int
        Places of the rules that have this threshold and this pair.
    members : (n,) bool
    values : (n,) float
        The score.
    """

    cutoff: Cutoff
    total: bool
    below: str
    above: str
    periods: tuple[int, ...]
    members: Mask
    values: Floats


def followed(assigned: Integers, handled: Integers) -> Mask:
    """Whether what was done is what was assigned; "taken_up" is any attempt at all."""
    taken_up = HANDLINGS.index("taken_up")
    same = assigned == handled
    any_attempt = (assigned == taken_up) & (handled != HANDLINGS.index("none"))
    return np.asarray(same | any_attempt)


def crossing_cohort(
    known: SiteFacts,
    scores: Scores,
    extracted_on: date,
    study: Study,
    site: Site,
    matching: Matching,
    outcomes: Sequence[Outcome],
    *,
    from_day: int,
) -> CrossingCohort:
    """Build the cohort of outcomes that share a window.

    Unlike the other questions' it keeps episodes below the site's own amount: they are one of the two sides.

    Parameters
    ----------
    known : SiteFacts
    scores : Scores, of the same episodes
    extracted_on : date
    study : Study
        With a threshold question.
    site : Site
        Retention and rules.
    matching : Matching
    outcomes : sequence of Outcome, of one length
    from_day : int
        Day after time zero on which their window begins.
    """
    asked = study.questions.threshold
    assert asked is not None
    extracts = (*site.earlier_extracts, extracted_on)
    days = outcomes[0].days
    window = waves(extracts, site, matching, study.data, follow_up_from_day=from_day, horizon_days=days)[-1]
    everybody = site.model_copy(update={"rule": _no_threshold(site)})
    kept, rows, nobody = apply_rules(EligibilityContext(known, window, everybody, study.eligibility))
    rules = site.handling_rules
    place = rule_of_day(rules, known.facts.time_zero)
    left = kept & (place != NOBODY)
    told = _told(outcomes, known)
    refusals = [Refusal("cohort-amounts-unknown", QUESTION, one.id) for one in outcomes if one not in told]
    if not left.any():
        refusals.append(Refusal(nobody or "cohort-no-episodes", QUESTION))
    row = AttritionRow(
        RULE_VALID,
        len(np.unique(known.facts.households[kept])),
        len(np.unique(known.facts.households[left])),
        int(kept.sum()),
        int(left.sum()),
    )
    attrition = (*(one for one in rows if one.rule != ABOVE_THRESHOLD), row)
    window_of = (window.look_back, from_day)
    return _cohort(
        known, scores, study, rules, place, np.flatnonzero(left), told, window_of, attrition, refusals
    )


def _no_threshold(site: Site) -> Rule:
    return site.rule.model_copy(update={"threshold_eur": 0})


def _told(outcomes: Sequence[Outcome], known: SiteFacts) -> list[Outcome]:
    return [outcome for outcome in outcomes if not amounts_unknown(outcome, known.signals)]


def _cohort(
    known: SiteFacts,
    scores: Scores,
    study: Study,
    rules: tuple[HandlingRule, ...],
    place: Integers,
    rows: Integers,
    outcomes: list[Outcome],
    window: tuple[bool, int],
    attrition: tuple[AttritionRow, ...],
    refusals: list[Refusal],
) -> CrossingCohort:
    """Encode the episodes of some rows; ``window`` says if there is a look-back, and the first day."""
    look_back, from_day = window
    facts, rule = known.facts.take(rows), place[rows]
    values = {
        one.id: outcome_values(one, facts.households, facts.time_zero, from_day, known.signals)
        for one in outcomes
    }
    gone = NOT_BEFORE if look_back else NOT_BEFORE | LOOK_BACK_COVARIATES
    names = tuple(name for name in study.covariates if name not in gone)
    before, columns = design_matrix(names, facts, known.history, study.data.look_back_days)
    own = scores.take(rows)
    given = np.full(len(rows), HANDLINGS.index("none"), dtype=np.int64)
    for number, one in enumerate(rules):
        here = rule == number
        given[here] = assigned(one, own.take(here))
    handled = _handled(known, study)[rows]
    order, households = content_order(
        facts.households, facts.time_zero, handled, [before, *values.values()], known.lives[rows]
    )
    return CrossingCohort(
        rules=rules,
        rule=rule[order],
        scores=own.take(order),
        assigned=given[order],
        handled=handled[order],
        households=households,
        time_zero=facts.time_zero[order],
        household_keys=known.household_keys[rows][order],
        outcomes={name: column[order] for name, column in values.items()},
        before=before[order],
        before_names=columns,
        attrition=attrition,
        refusals=tuple(refusals),
    )


def _handled(known: SiteFacts, study: Study) -> Integers:
    """Place among `HANDLINGS` of the first attempt on every episode within the grace period, (m,)."""
    asked, contact = study.questions.threshold, study.questions.contact_method
    assert asked is not None
    primary = {"outcomes": asked.outcomes, "primary_outcome": asked.primary_outcome}
    settings = ContactMethod(**primary) if contact is None else contact  # type: ignore[arg-type]
    settings = settings.model_copy(update={"grace_days": asked.grace_days})
    arms = first_method(known.case, known.facts.time_zero, known.attempts, settings)
    places = [OTHERWISE_HANDLED if name == UNMAPPED else HANDLINGS.index(name) for name in METHODS]
    found: Integers = np.array(places, dtype=np.int64)[arms.codes]
    return found


def pivotal_sets(cohort: CrossingCohort) -> tuple[Pivotal, ...]:
    """Every threshold with its pivotal set, one a pair of handlings; those of several periods together.

    A rule by capacity has none.
    """
    found: dict[tuple[object, ...], Pivotal] = {}
    for number, rule in enumerate(cohort.rules):
        if rule.highest_of_month is not None:
            continue
        here = cohort.rule == number
        for cutoff in cutoffs_of(rule):
            values = cohort.scores.of(cutoff.score, rule)
            total = rule.amount == "total"
            for (below, above), members in pairs_at(rule, cutoff, cohort.scores).items():
                key = (cutoff, total or cutoff.score != "amount", below, above)
                earlier = found.get(key)
                mask = members & here if earlier is None else earlier.members | (members & here)
                periods = (number,) if earlier is None else (*earlier.periods, number)
                found[key] = Pivotal(cutoff, total, below, above, periods, mask, values)
    return tuple(one for one in found.values() if one.members.any())


def facts_beside(cohort: CrossingCohort, pivotal: Pivotal) -> Mask:
    """Which columns of `before` are facts beside a threshold's score and vary in its pivotal set, (p,)."""
    of_the_score = OF_THE_SCORE[pivotal.cutoff.score]
    beside = [covariate_of(name) not in of_the_score for name in cohort.before_names]
    inside = cohort.before[pivotal.members]
    varies = inside.min(axis=0) < inside.max(axis=0)
    return np.asarray(varies & np.array(beside, dtype=bool))


def received(cohort: CrossingCohort, pivotal: Pivotal) -> tuple[Mask, Mask]:
    """Whether each episode got what the rule gives above a cutoff, and what it gives below: (n,) twice.

    Where above is "taken_up", any attempt but that of below counts.
    """
    below, above = (HANDLINGS.index(name) for name in (pivotal.below, pivotal.above))
    got = [followed(np.full(cohort.size, code, dtype=np.int64), cohort.handled) for code in (above, below)]
    return got[0] & (cohort.handled != below), got[1]
