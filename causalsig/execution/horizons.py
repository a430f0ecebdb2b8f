"""A question's plans, one a horizon, as one result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from causalsig.records import QuestionResult, Refusal

if TYPE_CHECKING:
    from causalsig.cohort.build import CohortPlan


def of_outcomes(found: QuestionResult, plan: CohortPlan) -> QuestionResult:
    """Say of each outcome of a longer horizon what was said of its whole plan.

    Without the outcome it would read as if the question itself were refused.
    """
    refusals: list[Refusal] = []
    for refusal in found.refusals:
        outcomes = [outcome.id for outcome in plan.outcomes] if refusal.outcome is None else [refusal.outcome]
        refusals += [replace(refusal, outcome=outcome) for outcome in outcomes]
    return replace(found, refusals=tuple(refusals))


def merge_plans(parts: Sequence[QuestionResult]) -> QuestionResult:
    """One result a question: the first plan (with the primary outcome) decides status, flow and balance.

    A question that is withheld or refused carries no effect anywhere, whatever a longer horizon's gate said.
    A longer horizon's verdicts do not come along: a verdict names no outcome, so theirs would read as the
    question's. What they closed is told by outcome: by a refusal of every estimand the design gate withheld,
    and by an analysis that is not `pooled`.
    """
    first = parts[0]
    analyses = tuple(analysis for part in parts for analysis in part.analyses)
    return replace(
        first,
        analyses=analyses if first.status == "estimated" else (),
        hidden=first.hidden if first.status == "estimated" else None,
        components=first.components if first.status == "estimated" else None,
        rulers=first.rulers if first.status == "estimated" else (),
        falsification=first.falsification if first.status == "estimated" else None,
        groups=first.groups if first.status == "estimated" else None,
        rule=first.rule if first.status == "estimated" else None,
        given=first.given if first.status == "estimated" else (),
        refusals=tuple(dict.fromkeys(refusal for part in parts for refusal in part.refusals)),
    )
