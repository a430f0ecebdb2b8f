"""A trace as lines of text, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from causalsig.execution.trace import EpisodeTrace, PlanTrace
    from causalsig.execution.trace_rows import Timeline

LOOK_BACK = 183
"""Days before time zero from which signals and attempts are listed; older ones are counted."""


def trace_lines(trace: EpisodeTrace) -> list[str]:
    """Write a trace as lines: what is known of the household, then what each cohort makes of it."""
    lines = [
        f"municipality {trace.municipality} (invented), episode {trace.number} of {trace.episodes}",
        f"matched on {trace.matched_on} (day 0), signals of {trace.period_start} to {trace.period_end}",
        "",
        *_timeline(trace.timeline),
    ]
    for plan in trace.plans:
        lines += ["", *_plan(plan)]
    return lines


def _timeline(events: Timeline) -> Iterator[str]:
    older = sum(signal.day < -LOOK_BACK for signal in events.signals)
    yield "signals of the household" + (f" ({older} older ones not listed)" if older else "")
    for signal in events.signals:
        if signal.day >= -LOOK_BACK:
            amount = "amount unknown" if signal.amount_eur is None else f"{signal.amount_eur:.2f} euro"
            new = {True: "new arrears", False: "repeated", None: "new or not unknown"}[signal.new_arrears]
            marks = [name for name, on in (("crisis", signal.crisis), ("of this episode", signal.own)) if on]
            told = ", ".join([signal.creditor, amount, new, *marks])
            yield f"  day {signal.day:>5}  {signal.on}  {told}"
    yield "cases"
    for case in events.cases:
        told = ", ".join([case.result or "no result", *(["of this episode"] if case.own else [])])
        yield f"  {case.case}  {case.opened_on} to {case.closed_on or 'open'}  {told}"
    yield "attempts"
    for attempt in events.attempts:
        if attempt.day >= -LOOK_BACK:
            reached = {True: "reached", False: "not reached", None: "reach unknown"}[attempt.reached]
            wants = {True: ", wants help", False: ", wants no help", None: ""}[attempt.wants_help]
            yield f"  day {attempt.day:>5}  {attempt.on}  {attempt.method}, {reached}{wants} ({attempt.case})"


def _plan(plan: PlanTrace) -> Iterator[str]:
    yield f"{plan.question}, {plan.months} months: entry window {plan.first} to {plan.last}"
    yield "  rules"
    for rule in plan.rules:
        yield f"    {'yes' if rule.passed else 'NO':<4} {rule.rule}: {rule.fact}"
    yield f"  arm        {plan.arm}: {plan.why}"
    yield f"  in cohort  {'yes' if plan.in_cohort else 'no'}"
    if plan.periods:
        yield "  before each period, until the arm is fixed"
        for period in plan.periods:
            known = ", ".join(name.removeprefix("since_") for name in period.known) or "nothing since day 0"
            ended = f"; then {period.event}" if period.event else ""
            yield f"    day {period.first_day:>3} to {period.last_day:>3}  {known}{ended}"
    if plan.covariates:
        yield "  covariates that are not 0"
        shown = [f"{name} {value:g}" for name, value in plan.covariates if value]
        for at in range(0, len(shown), 4):
            yield f"    {'; '.join(shown[at : at + 4])}"
    yield "  outcomes"
    for outcome in plan.outcomes:
        days = ", ".join(f"day {day}" for day in outcome.days) or "no signal"
        before = f"; {outcome.before} before the window, not counted" if outcome.before else ""
        late = "" if outcome.followed else "; the extract ends before the window does"
        window = f"{outcome.first} to {outcome.last}"
        yield f"    {outcome.outcome} = {outcome.value:g}  {window}: {days}{before}{late}"
