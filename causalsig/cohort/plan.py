"""What is compared in one cohort: a question (or a secondary exposure of it) and outcomes of one window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from causalsig.cohort.arms import FEW, MANY
from causalsig.study.models import AcceptedHelp, ContactMethod

if TYPE_CHECKING:
    from causalsig.study.models import Outcome, Study

Exposure = Literal["question", "attempt_number", "attempt_sequence", "accepted_or_declined"]
SECONDARY: dict[str, tuple[Exposure, ...]] = {
    "accepted_help": ("accepted_or_declined",),
    "contact_method": ("attempt_number", "attempt_sequence"),
}
"""Secondary exposures of each question: described for the statistician, never released, never the answer."""


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """A question with those of its outcomes that share a window, and so a cohort.

    The plan that holds the primary outcome comes first.
    """

    question: str
    settings: ContactMethod | AcceptedHelp
    outcomes: tuple[Outcome, ...]
    exposure: Exposure = "question"

    @property
    def months(self) -> int:
        """Horizon of the plan's outcomes."""
        return self.outcomes[0].months

    @property
    def days(self) -> int:
        """Length of the outcome window in days."""
        return self.outcomes[0].days

    @property
    def from_day(self) -> int:
        """Day after time zero on which the outcome window begins, for every arm."""
        chosen = self.outcomes[0].from_day
        day = self.settings.follow_up_from_day if chosen is None else chosen
        if self.exposure in ("attempt_number", "attempt_sequence"):
            assert isinstance(self.settings, ContactMethod)
            # Attempts that are counted come before anything that counts as a return.
            return max(day, self.settings.attempts_by_day)
        return day

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms compared, in the study's order."""
        if self.exposure == "attempt_number":
            return (FEW, MANY)
        if self.exposure == "attempt_sequence":
            assert isinstance(self.settings, ContactMethod)
            return self.settings.sequences
        if self.exposure == "accepted_or_declined":
            return ("accepted", "declined")
        return tuple(self.settings.arms)

    @property
    def reference(self) -> str:
        """Arm the others are compared with."""
        if self.exposure == "question":
            return self.settings.reference
        return "declined" if self.exposure == "accepted_or_declined" else self.arms[0]

    @property
    def primary_contrast(self) -> tuple[str, str]:
        """Arm and reference of the one contrast that decides on the gates."""
        if self.exposure == "question":
            return self.settings.primary_contrast
        return next(arm for arm in self.arms if arm != self.reference), self.reference


def plan_cohorts(study: Study) -> tuple[CohortPlan, ...]:
    """One plan a question and outcome window; a question's primary outcome is in its first plan."""
    plans: list[CohortPlan] = []
    for question, settings in study.asked.items():
        windows: dict[tuple[int, int], list[Outcome]] = {}
        for name in settings.outcomes:
            outcome = study.outcome(name)
            windows.setdefault(_window(outcome, settings), []).append(outcome)
        primary = _window(study.outcome(settings.primary_outcome), settings)
        plans.extend(
            CohortPlan(question, settings, tuple(windows[window]))
            for window in (primary, *sorted(set(windows) - {primary}))
        )
    return tuple(plans)


def secondary_plans(study: Study) -> tuple[CohortPlan, ...]:
    """Plans of the secondary exposures, each with the outcomes of its question's primary window.

    Number and sequence of attempts follow from who was reached, and who is reached is decided after time
    zero: these cohorts describe. They have no place in a release.
    """
    found: list[CohortPlan] = []
    for plan in plan_cohorts(study):
        if plan.settings.primary_outcome in {outcome.id for outcome in plan.outcomes}:
            found += [
                CohortPlan(plan.question, plan.settings, plan.outcomes, exposure)
                for exposure in SECONDARY[plan.question]
            ]
    return tuple(found)


def _window(outcome: Outcome, settings: ContactMethod | AcceptedHelp) -> tuple[int, int]:
    """Months and first day of an outcome's window."""
    start = settings.follow_up_from_day if outcome.from_day is None else outcome.from_day
    return outcome.months, start
