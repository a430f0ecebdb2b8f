"""What a rule, an arm, a period and an outcome looked at, of one episode and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.arms import LONGEST_PERIOD, accepted_by_landmark, first_method
from causalsig.cohort.outcomes import outcome_values
from causalsig.cohort.person_periods import person_periods
from causalsig.study.models import AcceptedHelp

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort
    from causalsig.cohort.eligibility import EligibilityContext
    from causalsig.cohort.facts import SiteFacts
    from causalsig.cohort.plan import CohortPlan
    from causalsig.cohort.window import Span
    from causalsig.execution.trace_rows import Timeline
    from causalsig.study.models import ContactMethod, Outcome


@dataclass(frozen=True, slots=True)
class TracedPeriod:
    """One period at risk: what is known when it begins, and what ends it ("" when nothing does)."""

    first_day: int
    last_day: int
    known: tuple[str, ...]
    event: str


@dataclass(frozen=True, slots=True)
class TracedOutcome:
    """One outcome: its window (inclusive), whether the extract covers it, and the signals in it.

    Attributes
    ----------
    outcome : str
    first, last : datetime.date
    followed : bool
        The window ends before the extract.
    value : float
        As the cohort has it.
    days : tuple of int
        Days from time zero of the signals that count, those before the window included in ``before``.
    before : int
        Signals of the set between time zero and the window: neither outcome nor covariate.
    """

    outcome: str
    first: date
    last: date
    followed: bool
    value: float
    days: tuple[int, ...]
    before: int


Fact = Callable[["EligibilityContext", int, "Timeline", str], str]


def fact_of(code: str, context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    """Say what a rule looked at; of a rule that is not known here, nothing."""
    return FACTS[code](context, row, events, arm) if code in FACTS else ""


def _matched(context: EligibilityContext, row: int) -> date:
    day: date = context.site_facts.facts.time_zero[row].astype("datetime64[D]").astype(object)
    return day


def _span(name: str) -> Fact:
    def fact(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
        first, last = _ends(getattr(context.window, name))
        return f"matched on {_matched(context, row)}; allowed {first} to {last}"

    return fact


def _ends(span: Span) -> tuple[str, str]:
    first, last = span
    return (
        "the beginning" if first == date.min else str(first),
        "the end" if last == date.max else str(last),
    )


def _linked(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    if context.site_facts.unlinked[row]:
        return "passed on for contact, and no case is found"
    return "its case is found" if any(case.own for case in events.cases) else "not passed on for contact"


def _amount(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    amount = context.site_facts.facts.amount_eur[row]
    said = "unknown" if np.isnan(amount) else f"{amount:.2f} euro"
    return f"total {said}; the municipality's threshold is {context.site.rule.threshold_eur} euro"


def _open_case(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    zero = _matched(context, row)
    others = [
        case
        for case in events.cases
        if case.opened_on is not None
        and case.opened_on < zero
        and (case.closed_on is None or case.closed_on > zero)
        and not (case.own and context.site_facts.case[row] >= 0)
    ]
    if others:
        told = "; ".join(f"{case.case} open since {case.opened_on}" for case in others)
        return f"on that day: {told}"
    if context.site_facts.open_case[row]:
        return "it was added to a case that an earlier episode opened"
    return "no other case of the household was open"


def _creditors(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    return f"{context.site_facts.facts.n_creditors[row]:.0f} creditors"


def _new(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    return f"{context.site_facts.facts.n_new_arrears[row]:.0f} of its signals are new arrears"


def _crisis(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    return "a crisis signal" if context.site_facts.facts.crisis[row] else "no crisis signal"


def _first(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    facts = context.site_facts.facts
    earlier = (facts.households == facts.households[row]) & (facts.time_zero < facts.time_zero[row])
    return f"{int(earlier.sum())} earlier episodes of the household, whatever became of them"


def _arm(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    return f"arm: {arm}"


def _opted_out(context: EligibilityContext, row: int, events: Timeline, arm: str) -> str:
    return "who opted out is not in the source"


FACTS: Mapping[str, Fact] = MappingProxyType(
    {
        "cohort-not-opted-out": _opted_out,
        "cohort-entry-window": _span("retained"),
        "cohort-within-agreement": _span("agreed"),
        "cohort-not-released-before": _span("fresh"),
        "cohort-linked": _linked,
        "cohort-above-threshold": _amount,
        "cohort-no-open-case": _open_case,
        "cohort-amount-known": _amount,
        "cohort-reports-new-arrears": _new,
        "cohort-no-crisis": _crisis,
        "cohort-one-creditor": _creditors,
        "cohort-first-episode": _first,
        "cohort-arm-defined": _arm,
    }
)
"""Of each rule, the fact it looks at."""


def assigned_arm(known: SiteFacts, row: int, plan: CohortPlan, events: Timeline) -> tuple[str, str]:
    """Give the episode's arm as the cohort assigns it, and what it follows from."""
    settings, zero = plan.settings, known.facts.time_zero
    if isinstance(settings, AcceptedHelp):
        arms = accepted_by_landmark(
            known.facts.households, zero, known.history.accepted, known.undated_acceptance, settings
        )
        return str(arms.texts(np.array([row]))[0]), _why_accepted(known, row, settings)
    arms = first_method(known.case, zero, known.attempts, settings)
    return str(arms.texts(np.array([row]))[0]), _why_contact(events, settings)


def _why_accepted(known: SiteFacts, row: int, settings: AcceptedHelp) -> str:
    household, zero = known.facts.households[[row]], known.facts.time_zero[[row]]
    until = settings.landmark_day
    days = known.history.accepted.days_until(household, zero, zero + until + 1)
    if days[0] <= until:
        return f"help was accepted on day {days[0]}, by day {until}"
    if known.undated_acceptance[row]:
        return "the case says that help was accepted, and nothing says when"
    return f"no help was accepted from day 0 to day {until}"


def _why_contact(events: Timeline, settings: ContactMethod) -> str:
    attempts = [attempt for attempt in events.attempts if attempt.own]
    inside = [one for one in attempts if -LONGEST_PERIOD <= one.day <= settings.grace_days]
    mapped = [one for one in inside if settings.method_map.get(one.method) != "none"]
    if not mapped:
        return f"no attempt on its own case by day {settings.grace_days}"
    first = min(max(one.day, 0) for one in mapped)
    same_day = [one.method for one in mapped if max(one.day, 0) == first]
    tie = ", the more intensive one counts" if len(set(same_day)) > 1 else ""
    return f"first attempt on day {first}: {', '.join(dict.fromkeys(same_day))}{tie}"


def period_rows(cohort: Cohort, known: SiteFacts, place: int) -> tuple[TracedPeriod, ...]:
    """Give the rows of the period table of one episode of a cohort."""
    table = person_periods(cohort, known)
    since = [at for at, name in enumerate(table.names) if name.startswith("since_")]
    names = {event: arm for arm, event in table.strategies.items() if event}
    return tuple(
        TracedPeriod(
            first_day=int(table.edges[table.period[at]]),
            last_day=int(table.edges[table.period[at] + 1]) - 1,
            known=tuple(table.names[k] for k in since if table.covariates[at, k]),
            event=names.get(int(table.event[at]), ""),
        )
        for at in np.flatnonzero(table.episode == place)
    )


def outcome_window(
    outcome: Outcome, known: SiteFacts, row: int, from_day: int, events: Timeline, extracted_on: date
) -> TracedOutcome:
    """Give an outcome's window, its value as the cohort computes it, and the signals that are in it."""
    zero = known.facts.time_zero[[row]]
    value = outcome_values(outcome, known.facts.households[[row]], zero, from_day, known.signals)[0]
    counted = [
        signal
        for signal in events.signals
        if (outcome.signals == "all_signals" or signal.new_arrears)
        and (outcome.creditor is None or signal.creditor == outcome.creditor)
    ]
    start = int(zero[0]) + from_day
    last = start + outcome.days - 1
    return TracedOutcome(
        outcome=outcome.id,
        first=np.datetime64(start, "D").astype(object),
        last=np.datetime64(last, "D").astype(object),
        followed=bool(np.datetime64(last, "D") < np.datetime64(extracted_on, "D")),
        value=float(value),
        days=tuple(s.day for s in counted if from_day <= s.day < from_day + outcome.days),
        before=sum(0 < s.day < from_day and not s.own for s in counted),
    )
