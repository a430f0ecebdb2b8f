"""One episode of invented data, row by row: what was known of it, and what each step made of that.

For whoever checks the chain by hand. Every step is asked of the functions that a run uses, so that a trace
cannot tell another story than the cohort.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.cohort.build import build_cohort, plan_window, site_facts
from causalsig.cohort.eligibility import EXTRA_RULES, RULES, EligibilityContext, apply_rules
from causalsig.cohort.plan import CohortPlan, plan_cohorts
from causalsig.errors import StudyError
from causalsig.execution.trace_facts import assigned_arm, fact_of, outcome_window, period_rows
from causalsig.execution.trace_rows import Timeline, TracedAttempt, TracedCase, TracedSignal, day_of, timeline

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort
    from causalsig.cohort.facts import SiteFacts
    from causalsig.execution.trace_facts import TracedOutcome, TracedPeriod
    from causalsig.sources.schema import Matching, SiteTables
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study

__all__ = [
    "EpisodeTrace",
    "PlanTrace",
    "Timeline",
    "TracedAttempt",
    "TracedCase",
    "TracedRule",
    "TracedSignal",
    "find_episode",
    "trace_episode",
]


@dataclass(frozen=True, slots=True)
class TracedRule:
    """One eligibility rule: its code, whether the episode passes it, and the fact that it looked at."""

    rule: str
    passed: bool
    fact: str


@dataclass(frozen=True, slots=True)
class PlanTrace:
    """What one cohort (a question and a horizon) makes of the episode.

    Attributes
    ----------
    question : str
    months : int
    first, last : datetime.date
        Entry window.
    rules : tuple of TracedRule
        In the order in which they are applied; a rule is asked even when an earlier one was not passed.
    arm, why : str
        Arm, and what it follows from.
    in_cohort : bool
        Whether the cohort has the episode.
    periods : tuple of TracedPeriod
        What had happened before each period until the arm is fixed; empty outside the cohort.
    covariates : tuple of (str, float)
        The episode's row of the design matrix; empty outside the cohort.
    outcomes : tuple of TracedOutcome
    """

    question: str
    months: int
    first: date
    last: date
    rules: tuple[TracedRule, ...]
    arm: str
    why: str
    in_cohort: bool
    periods: tuple[TracedPeriod, ...]
    covariates: tuple[tuple[str, float], ...]
    outcomes: tuple[TracedOutcome, ...]


@dataclass(frozen=True, slots=True)
class EpisodeTrace:
    """One episode, and what every cohort of the study makes of it.

    Attributes
    ----------
    municipality : str
    number, episodes : int
        The episode's place by day of matching, from 1, and how many there are.
    matched_on, period_start, period_end : datetime.date
        Day zero, and the period whose signals were matched.
    timeline : Timeline
        Signals, cases and attempts of the household, before and after.
    plans : tuple of PlanTrace
    """

    municipality: str
    number: int
    episodes: int
    matched_on: date
    period_start: date | None
    period_end: date | None
    timeline: Timeline
    plans: tuple[PlanTrace, ...]


def find_episode(tables: SiteTables, *, number: int | None = None, case: str | None = None) -> int:
    """Find the row of an episode.

    Parameters
    ----------
    tables : SiteTables
    number : int, optional
        Its place by day of matching, from 1; episodes of one day follow each other by household key.
    case : str, optional
        Key of the case it opened, or was added to.

    Raises
    ------
    StudyError
        ``cohort-trace-episode``: none or both are given, or there is no such episode.
    """
    episodes = tables.episodes
    if (number is None) == (case is None):
        raise _no_episode("a number or a case", "both" if number is not None else "neither")
    if case is not None:
        rows = np.flatnonzero((episodes["case_id"] == case).to_numpy(bool))
        if not len(rows):
            raise _no_episode("a case that an episode names", "a case without one")
        day = episodes["matched_on"].to_numpy("datetime64[D]")[rows]
        return int(rows[np.argmin(day)])
    assert number is not None
    if not 1 <= number <= len(episodes):
        raise _no_episode(f"a number from 1 to {len(episodes)}", "another number")
    return int(_by_day(tables)[number - 1])


def _by_day(tables: SiteTables) -> Any:
    """Rows of the episodes, by day of matching and household key."""
    episodes = tables.episodes
    keys = episodes["household_key"].to_numpy(object).astype(str)
    return np.lexsort((keys, episodes["matched_on"].to_numpy("datetime64[D]")))


def _no_episode(expected: str, found: str) -> StudyError:
    return StudyError(
        "cohort-trace-episode",
        expected=expected,
        found=found,
        mend="Give --episode with a number, or --case with the key of a case in this source.",
    )


def trace_episode(tables: SiteTables, row: int, study: Study, site: Site, matching: Matching) -> EpisodeTrace:
    """Explain one episode of canonical tables. Only ever of invented data; see `require_synthetic`.

    Parameters
    ----------
    tables : SiteTables
    row : int
        Of the episode; see :func:`find_episode`.
    study : Study
    site : Site
    matching : Matching
    """
    known = site_facts(tables)
    episode = tables.episodes.iloc[row]
    events = timeline(tables, row)
    return EpisodeTrace(
        municipality=tables.municipality,
        number=int(np.flatnonzero(_by_day(tables) == row)[0]) + 1,
        episodes=len(tables.episodes),
        matched_on=day_of(episode["matched_on"]),
        period_start=day_of(episode["period_start"]),
        period_end=day_of(episode["period_end"]),
        timeline=events,
        plans=tuple(
            _plan(tables, row, known, events, plan, study, site, matching) for plan in plan_cohorts(study)
        ),
    )


def _plan(
    tables: SiteTables,
    row: int,
    known: SiteFacts,
    events: Timeline,
    plan: CohortPlan,
    study: Study,
    site: Site,
    matching: Matching,
) -> PlanTrace:
    window = plan_window(plan, tables.extracted_on, site, matching, study)
    context = EligibilityContext(known, window, site, study.eligibility)
    cohort = build_cohort(tables, plan, study, site, matching, facts=known)
    place = _place(cohort, known, row)
    arm, why = assigned_arm(known, row, plan, events)
    return PlanTrace(
        question=plan.question,
        months=plan.months,
        first=window.first,
        last=window.last,
        rules=_rules(context, cohort, row, events, arm),
        arm=arm,
        why=why,
        in_cohort=place is not None,
        periods=() if place is None else period_rows(cohort, known, place),
        covariates=()
        if place is None
        else tuple(zip(cohort.covariate_names, map(float, cohort.covariates[place]), strict=True)),
        outcomes=tuple(
            outcome_window(outcome, known, row, plan.from_day, events, tables.extracted_on)
            for outcome in plan.outcomes
        ),
    )


def _place(cohort: Cohort, known: SiteFacts, row: int) -> int | None:
    """Place of the episode in a cohort; None when the cohort does not have it."""
    same = (cohort.household_keys == known.household_keys[row]) & (
        cohort.time_zero == known.facts.time_zero[row]
    )
    found = np.flatnonzero(same)
    return int(found[0]) if len(found) else None


def _rules(
    context: EligibilityContext, cohort: Cohort, row: int, events: Timeline, arm: str
) -> tuple[TracedRule, ...]:
    """Ask every rule that has a row in the cohort's attrition."""
    by_code = {rule.code: rule for rule in (*RULES, *EXTRA_RULES.values())}
    kept = apply_rules(context)[0]
    traced = []
    for step in cohort.attrition:
        if step.rule in by_code:
            passed = bool(by_code[step.rule].keep(context)[row])
        elif step.rule == "cohort-arm-defined":
            passed = arm in cohort.plan.arms
        elif step.rule == "cohort-not-opted-out":
            passed = True
        else:
            passed = bool(kept[row])
        traced.append(TracedRule(step.rule, passed, fact_of(step.rule, context, row, events, arm)))
    return tuple(traced)
