"""Clones of household-episodes that live under each arm while the factual months pass.

At every eligible episode each household is cloned once an arm. A clone shares its household's draws (common
random numbers), is forced into its arm at the index episode and gets the site's usual care afterwards, by the
month's realised cutoffs. The clone in the arm its household had in fact is that household, draw by draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from causalsig.simulation import care, draws
from causalsig.simulation.arrears import State
from causalsig.simulation.sites import ARMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.arrears import Batch
    from causalsig.simulation.care import Course, Facts
    from causalsig.simulation.scenario import Scenario

Question = Literal["contact_method", "accepted_help"]
QUESTION_ARMS: Final[dict[Question, tuple[str, ...]]] = {
    "contact_method": ARMS,
    "accepted_help": ("accepted", "not_accepted"),
}
FIRST_BATCH: Final[dict[Question, int]] = {"contact_method": 1, "accepted_help": 3}
"""First monthly batch of follow-up: from day 14, and from day 60, after a matching on the 15th."""
SHORT, LONG = 3, 6
TALLIES: Final = ("new_3", "all_3", "new_6", "all_6")


@dataclass(frozen=True, slots=True)
class Birth:
    """Episodes of one month and where the tallies of their clones begin."""

    month: int
    household: NDArray[np.int64]
    propensity: dict[Question, NDArray[np.float64]]
    received: dict[Question, NDArray[np.int64]]
    first_tally: dict[Question, int]


@dataclass(slots=True)
class Clones:
    """All clones alive; tallies are kept by the clone's number.

    Attributes
    ----------
    batches : int
        Batches of follow-up, 3 or 6.
    household, born, number, first : (n,) int64
        Parent, month of birth, number, first batch of follow-up.
    tally : (4, N) int32
        Signals in the window: new and all in three batches, new and all in six.
    """

    batches: int
    state: State = field(default_factory=lambda: State.empty(0))
    household: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    born: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    number: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    first: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    tally: NDArray[np.int32] = field(default_factory=lambda: np.zeros((len(TALLIES), 4096), np.int32))
    births: list[Birth] = field(default_factory=list)
    total: int = 0

    def count(self, month: int, batch: Batch) -> None:
        """Add a month's signals to the tallies of the clones whose window they fall in."""
        rows = batch.rows
        at = month - self.born[rows] - self.first[rows]
        number = self.number[rows]
        new, every = batch.new.sum(axis=1), batch.reported.sum(axis=1)
        short, long = (at >= 0) & (at < SHORT), at >= 0
        self.tally[0, number] += (new * short).astype(np.int32)
        self.tally[1, number] += (every * short).astype(np.int32)
        self.tally[2, number] += (new * long).astype(np.int32)
        self.tally[3, number] += (every * long).astype(np.int32)

    def bury(self, month: int) -> None:
        """Let go of clones whose follow-up is complete."""
        alive = np.flatnonzero(month - self.born - self.first < self.batches - 1)
        if len(alive) < len(self.born):
            self.state = self.state.take(alive)
            self.household, self.born = self.household[alive], self.born[alive]
            self.number, self.first = self.number[alive], self.first[alive]

    def give_birth(
        self,
        month: int,
        parents: NDArray[np.int64],
        state: State,
        questions: tuple[Question, ...],
        propensity: dict[Question, NDArray[np.float64]],
        received: dict[Question, NDArray[np.int64]],
    ) -> None:
        """Clone ``parents`` (rows of the factual ``state``, before care) once an arm of each question."""
        n = len(parents)
        first_tally: dict[Question, int] = {}
        copies, firsts = [], []
        start = self.total
        for question in questions:
            first_tally[question] = self.total
            arms = len(QUESTION_ARMS[question])
            copies.append(np.tile(parents, arms))
            firsts.append(np.full(n * arms, FIRST_BATCH[question]))
            self.total += n * arms
        rows = np.concatenate(copies)
        self.state = self.state.join(state.take(rows))
        self.household = np.concatenate([self.household, rows])
        self.born = np.concatenate([self.born, np.full(len(rows), month)])
        self.number = np.concatenate([self.number, np.arange(start, self.total)])
        self.first = np.concatenate([self.first, *firsts])
        while self.total > self.tally.shape[1]:
            self.tally = np.hstack([self.tally, np.zeros_like(self.tally)])
        self.births.append(Birth(month, parents, propensity, received, first_tally))


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
    method, late, desk = care.first_methods(
        key, month, repeated, arm, np.tile(probability, (len(ARMS), 1)), scenario.care, stream
    )
    contacted, _ = care.contact(key, month, repeated, method, late, desk, scenario, stream)
    if "accepted_help" not in questions:
        return [contacted]
    accepted = factual.accepted_in_time()
    helped = care.merge(
        factual,
        np.flatnonzero(~accepted),
        lambda rows: care.accepted_course(key, month, facts.take(rows), probability[rows], scenario),
    )
    declined = care.merge(
        factual,
        np.flatnonzero(accepted),
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
    arm = care.choose(key, month, facts, utility, draws.SUBSTREAM)
    method, late, desk = care.first_methods(key, month, facts, arm, probability, scenario.care, stream)
    course, _ = care.contact(key, month, facts, method, late, desk, scenario, stream)
    return replace(course, accepted=course.accepted & ~course.accepted_in_time())
