"""Q3 at one site: its rules held against what happened, and each threshold behind its gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.crossing import QUESTION, CrossingCohort, Pivotal, pivotal_sets
from causalsig.cohort.handling import scores_of
from causalsig.cohort.instruments import accepted_before
from causalsig.crossed import FollowRow, FuzzyRow, ThresholdBlock, ThresholdFindings
from causalsig.errors import EstimationError
from causalsig.execution.crossed_block import (
    WITHHELD,
    CrossedSite,
    block_of,
    effects_of,
    gate_of,
    members_of,
    options_of,
    scored_of,
)
from causalsig.execution.crossed_numbers import fuzzy
from causalsig.execution.hidden import codes_of_households
from causalsig.execution.members import Members, tell_thresholds
from causalsig.execution.moved import with_moves
from causalsig.records import Refusal
from causalsig.release.rules import smallest_arm

if TYPE_CHECKING:
    from causalsig.cohort.facts import SiteFacts
    from causalsig.records import QuestionStatus
    from causalsig.sources.schema import Matching, SiteTables
    from causalsig.study.crossing import Threshold
    from causalsig.study.inventory import Site
    from causalsig.study.models import Outcome, Study

NO_RULE = "cohort-no-handling-rule"
RANK = "cohort-threshold-rank"


def threshold_findings(
    tables: SiteTables,
    study: Study,
    site: Site,
    matching: Matching,
    known: SiteFacts,
    members: Members | None = None,
) -> ThresholdFindings | None:
    """Answer Q3 at one site.

    The order is fixed, as for the other questions: who is pivotal, how many households are on either side
    (known before outcomes), the gate, and only then effects.

    Returns
    -------
    ThresholdFindings or None
        None when the study does not ask. Holds nothing of a single household but sums of bins.
    """
    if study.questions.threshold is None:
        return None
    if not site.handling_rules:
        return _refused(NO_RULE)
    made = CrossedSite(known, scores_of(tables, known), tables.extracted_on, study, site, matching)
    windows = _windows(study, made.asked)
    cohorts = [made.cohort(outcomes, day) for (_, day), outcomes in windows]
    if members is not None:
        tell_thresholds(cohorts, [one for _, outcomes in windows for one in outcomes], members)
    first = cohorts[0]
    refusals = [refusal for cohort in cohorts for refusal in cohort.refusals]
    if any(rule.highest_of_month is not None for rule in first.rules):
        refusals.append(Refusal(RANK, QUESTION))
    if not first.size:
        return ThresholdFindings("refused", first.attrition, (), (), tuple(dict.fromkeys(refusals)))
    helped = _helped(made)
    blocks = []
    pivotals = pivotal_sets(first)
    for pivotal in pivotals:
        block = block_of(pivotal, first, [o for _, found in windows[:1] for o in found], made)
        if block.effects:
            for cohort, (_, outcomes) in zip(cohorts[1:], windows[1:], strict=True):
                block = _longer(block, pivotal, cohort, outcomes, made)
            block = replace(block, accepted=_accepted(block, pivotal, helped, made))
        blocks.append(block)
    blocks = list(with_moves(blocks, pivotals, first, made))
    status: QuestionStatus = "refused"
    if any(block.effects for block in blocks):
        status = "estimated"
    elif any(not verdict.passed for block in blocks for verdict in block.verdicts):
        status = "withheld"
    return ThresholdFindings(
        status, first.attrition, _follows(first), tuple(blocks), tuple(dict.fromkeys(refusals))
    )


def refused_findings(study: Study, code: str) -> ThresholdFindings | None:
    """Refuse Q3 as a whole; None when the study does not ask."""
    return None if study.questions.threshold is None else _refused(code)


def _refused(code: str) -> ThresholdFindings:
    return ThresholdFindings("refused", (), (), (), (Refusal(code, QUESTION),))


def _windows(study: Study, asked: Threshold) -> list[tuple[tuple[int, int], list[Outcome]]]:
    """Outcomes by window (days, first day), that of the primary outcome first, and it the first of them."""
    found: dict[tuple[int, int], list[Outcome]] = {}
    names = dict.fromkeys((asked.primary_outcome, *asked.outcomes))
    for outcome in map(study.outcome, names):
        start = asked.follow_up_from_day if outcome.from_day is None else outcome.from_day
        found.setdefault((outcome.days, start), []).append(outcome)
    return list(found.items())


def _follows(cohort: CrossingCohort) -> tuple[FollowRow, ...]:
    """Hold each rule against what happened, month by month; a rule by capacity assigns nothing."""
    months = cohort.time_zero.astype("datetime64[D]").astype("datetime64[M]")
    followed = cohort.followed()
    rows = []
    for number, rule in enumerate(cohort.rules):
        if rule.highest_of_month is not None:
            continue
        for month in np.unique(months[cohort.rule == number]):
            here = (cohort.rule == number) & (months == month)
            rows.append(
                FollowRow(
                    period=number + 1,
                    month=str(month),
                    episodes=int(here.sum()),
                    households=len(np.unique(cohort.households[here])),
                    followed=int((here & followed).sum()),
                )
            )
    return tuple(rows)


def _same(pivotal: Pivotal, cohort: CrossingCohort) -> Pivotal | None:
    """Find the same threshold among the episodes of another window."""
    key = (pivotal.cutoff, pivotal.total, pivotal.below, pivotal.above)
    found = pivotal_sets(cohort) if cohort.size else ()
    return next((one for one in found if (one.cutoff, one.total, one.below, one.above) == key), None)


def _longer(
    block: ThresholdBlock,
    pivotal: Pivotal,
    cohort: CrossingCohort,
    outcomes: Sequence[Outcome],
    made: CrossedSite,
) -> ThresholdBlock:
    """Add the outcomes of another window, each behind the gate of its own episodes."""
    same = _same(pivotal, cohort)
    told = [one for one in outcomes if one.id in cohort.outcomes]
    refused = tuple(Refusal(WITHHELD, QUESTION, one.id) for one in told)
    if same is None or not told:
        return replace(block, refusals=(*block.refusals, *refused))
    scored, rows = scored_of(same, cohort), members_of(same)
    sides = [len(np.unique(scored.households[s])) for s in (~scored.above, scored.above)]
    try:
        if min(sides) < smallest_arm(made.study.disclosure):
            return replace(block, refusals=(*block.refusals, *refused))
        gate, _, table = gate_of(same, cohort, scored, told, made)
    except EstimationError as error:
        refused = tuple(Refusal(error.code, QUESTION, one.id) for one in told)
        return replace(block, refusals=(*block.refusals, *refused))
    if not gate.admitted:
        return replace(block, refusals=(*block.refusals, *refused))
    # A heap in either window makes the donut primary in both.
    options = options_of(same, made) | {"donut": max(block.donut, gate.donut)}
    effects, refusals = effects_of(scored, table, told, cohort, rows, options, made)
    return replace(block, effects=(*block.effects, *effects), refusals=(*block.refusals, *refusals))


def _helped(made: CrossedSite) -> CrossingCohort | None:
    """Build the cohort of accepted help's primary outcome, for crossing as an instrument."""
    asked = made.study.questions.accepted_help
    if asked is None or not made.asked.accepted_help:
        return None
    outcome = made.study.outcome(asked.primary_outcome)
    start = asked.follow_up_from_day if outcome.from_day is None else outcome.from_day
    return made.cohort([outcome], start)


def _accepted(
    block: ThresholdBlock, pivotal: Pivotal, cohort: CrossingCohort | None, made: CrossedSite
) -> FuzzyRow | None:
    """Crossing as an instrument for accepted help: beside monthly capacity, and like it never released.

    It assumes that what crossing brings (a call, a visit) helps only through help that is accepted.
    """
    asked = made.study.questions.accepted_help
    same = None if cohort is None or asked is None else _same(pivotal, cohort)
    if cohort is None or asked is None or same is None or asked.primary_outcome not in cohort.outcomes:
        return None
    rows, scored = members_of(same), scored_of(same, cohort)
    if scored.above.all() or not scored.above.any():
        return None
    codes = codes_of_households(made.known, cohort.household_keys)
    accepted = made.known.history.accepted
    helped = accepted_before(accepted, codes, cohort.time_zero, asked.follow_up_from_day)
    options = options_of(same, made) | {"donut": block.donut}
    values = cohort.outcomes[asked.primary_outcome][rows]
    return fuzzy(scored, values, helped[rows], options, None, smallest_f=made.asked.gates.smallest_f)
