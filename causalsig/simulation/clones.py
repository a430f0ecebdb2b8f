"""Clones of household-episodes that live under each arm while the factual months pass.

At every eligible episode each household is cloned once an arm. A clone shares its household's draws (common
random numbers), is forced into its arm at the index episode and gets the site's usual care afterwards, by the
month's realised cutoffs. The clone in the arm its household had in fact is that household, draw by draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from causalsig.simulation import accepted, attempts, choice, draws
from causalsig.simulation.arrears import State
from causalsig.simulation.policies import ARMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.arrears import Batch
    from causalsig.simulation.attempts import Course
    from causalsig.simulation.choice import Facts
    from causalsig.simulation.scenario import Scenario

Question = Literal["contact_method", "accepted_help", "threshold"]
QUESTION_ARMS: Final[dict[Question, tuple[str, ...]]] = {
    "contact_method": ARMS,
    "accepted_help": ("accepted", "not_accepted"),
}
CROSSING_ARMS: Final = ("not_crossing", "crossing")
FOLLOW_UP_FROM: Final[dict[Question, int]] = {"contact_method": 14, "accepted_help": 60, "threshold": 14}
"""Day after time zero from which signals count."""
SHORT, LONG = 91, 182
TALLIES: Final = ("new_3", "all_3", "new_6", "all_6")


def arms_of(question: Question) -> tuple[str, ...]:
    """Arms of a question, that about the site's own rule included."""
    return CROSSING_ARMS if question == "threshold" else QUESTION_ARMS[question]


@dataclass(frozen=True, slots=True)
class Birth:
    """Episodes of one month and where the tallies of their clones begin."""

    month: int
    zero: NDArray[np.int64]
    facts: Facts
    propensity: dict[Question, NDArray[np.float64]]
    received: dict[Question, NDArray[np.int64]]
    first_tally: dict[Question, int]


@dataclass(slots=True)
class Clones:
    """All clones alive; tallies are kept by the clone's number.

    Attributes
    ----------
    days : int
        Days of follow-up, 91 or 182.
    household, number, start : (n,) int64
        Parent, number, first day of follow-up.
    tally : (4, N) int32
        Signals in the window: new and all in 91 days, new and all in 182.
    births, crossings : list of Birth
        Those of the two questions, and those about the site's own rule.
    """

    days: int
    state: State = field(default_factory=lambda: State.empty(0))
    household: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    number: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    start: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    tally: NDArray[np.int32] = field(default_factory=lambda: np.zeros((len(TALLIES), 4096), np.int32))
    births: list[Birth] = field(default_factory=list)
    crossings: list[Birth] = field(default_factory=list)
    total: int = 0

    def count(self, batch: Batch) -> None:
        """Add a month's signals to the tallies of the clones whose window they fall in."""
        rows = batch.rows
        number = self.number[rows]
        at = batch.day - self.start[rows, None]
        long = batch.reported & (at >= 0) & (at < self.days)
        short = long & (at < SHORT)
        for tally, counts in zip(self.tally, (short & batch.new, short, long & batch.new, long), strict=True):
            tally[number] += counts.sum(axis=1, dtype=np.int32)

    def bury(self, tomorrow: int) -> None:
        """Let go of clones whose follow-up is complete before day ``tomorrow``."""
        alive = np.flatnonzero(self.start + self.days > tomorrow)
        if len(alive) < len(self.start):
            self.state = self.state.take(alive)
            self.household, self.number = self.household[alive], self.number[alive]
            self.start = self.start[alive]

    def give_birth(
        self,
        month: int,
        facts: Facts,
        zero: NDArray[np.int64],
        state: State,
        questions: tuple[Question, ...],
        propensity: dict[Question, NDArray[np.float64]],
        received: dict[Question, NDArray[np.int64]],
    ) -> Birth:
        """Clone the households of ``facts`` (rows of ``state``, before care) once an arm of each question."""
        parents, n = facts.household, len(facts.household)
        first_tally: dict[Question, int] = {}
        copies, starts = [], []
        begin = self.total
        for question in questions:
            first_tally[question] = self.total
            arms = len(arms_of(question))
            copies.append(np.tile(parents, arms))
            starts.append(np.tile(zero + FOLLOW_UP_FROM[question], arms))
            self.total += n * arms
        rows = np.concatenate(copies)
        self.state = self.state.join(state.take(rows))
        self.household = np.concatenate([self.household, rows])
        self.number = np.concatenate([self.number, np.arange(begin, self.total)])
        self.start = np.concatenate([self.start, *starts])
        while self.total > self.tally.shape[1]:
            self.tally = np.hstack([self.tally, np.zeros_like(self.tally)])
        return Birth(month, zero, facts, propensity, received, first_tally)


def forced_courses(
    key: int,
    month: int,
    facts: Facts,
    utility: NDArray[np.float64],
    probability: NDArray[np.float64],
    factual: Course,
    scenario: Scenario,
    questions: tuple[Question, ...],
) -> list[Course]:
    """Courses of the clones at their index episode, in the order in which they are born."""
    n = len(facts.household)
    repeated = facts.take(np.tile(np.arange(n), len(ARMS)))
    arm = np.repeat(np.arange(len(ARMS)), n)
    stream = np.zeros(len(arm), np.int64)
    method, late, desk = attempts.first_methods(
        key, month, repeated, arm, np.tile(probability, (len(ARMS), 1)), scenario.care, stream
    )
    contacted, _ = attempts.contact(key, month, repeated, method, late, desk, scenario, stream)
    if "accepted_help" not in questions:
        return [contacted]
    accepts = factual.accepted_in_time()
    helped = attempts.merge(
        factual,
        np.flatnonzero(~accepts),
        lambda rows: accepted.accepted_course(key, month, facts.take(rows), probability[rows], scenario),
    )
    declined = attempts.merge(
        factual,
        np.flatnonzero(accepts),
        lambda rows: _not_accepted(key, month, facts.take(rows), utility[rows], probability[rows], scenario),
    )
    return [contacted, helped, declined]


def _not_accepted(
    key: int,
    month: int,
    facts: Facts,
    utility: NDArray[np.float64],
    probability: NDArray[np.float64],
    scenario: Scenario,
) -> Course:
    """Second lives of episodes, in which help is not accepted by day 28 (nor later, if it happens again)."""
    stream = np.full(len(facts.household), draws.SUBSTREAM)
    arm = choice.choose(key, month, facts, utility, draws.SUBSTREAM)
    method, late, desk = attempts.first_methods(key, month, facts, arm, probability, scenario.care, stream)
    course, _ = attempts.contact(key, month, facts, method, late, desk, scenario, stream)
    return replace(course, accepted=course.accepted & ~course.accepted_in_time())
