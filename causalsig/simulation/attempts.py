"""How contact goes: attempts, who is reached, when a case closes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from causalsig.simulation import draws
from causalsig.simulation.acceptance import acceptance
from causalsig.simulation.policies import HOME_VISIT, LETTER, MESSAGE, NONE, PHONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from causalsig.simulation.choice import Facts
    from causalsig.simulation.scenario import Care, Scenario

NO_ATTEMPT: Final = -1
GRACE_DAYS: Final = 14
ACCEPTANCE_DAYS: Final = 28
MAXIMUM_ATTEMPTS: Final = 8
NOT_REACHED: Final = 10**6
NOTHING_FOUND, KNOWN_IN_DEBT_HELP, NOT_RESIDENT = range(3)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts of cases, one row an attempt: case row, number, day after time zero, method, reached."""

    row: NDArray[np.int64]
    number: NDArray[np.int64]
    day: NDArray[np.int64]
    method: NDArray[np.int64]
    reached: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Course:
    """How contact went, all shape (m,); days count from time zero, ``NOT_REACHED`` is never.

    Attributes
    ----------
    has_case : bool
    first_day, written_day, reached_day : int64
        First attempt, first attempt in writing, day reached.
    accepted : bool
    close_day : int64
        0 without a case.
    first_method : int64
        ``NO_ATTEMPT`` when there is none.
    found : int64
        What a call or visit found out that ended the case: ``NOTHING_FOUND``, ``KNOWN_IN_DEBT_HELP`` or
        ``NOT_RESIDENT``.
    """

    has_case: NDArray[np.bool_]
    first_day: NDArray[np.int64]
    written_day: NDArray[np.int64]
    reached_day: NDArray[np.int64]
    accepted: NDArray[np.bool_]
    close_day: NDArray[np.int64]
    first_method: NDArray[np.int64]
    found: NDArray[np.int64]

    def accepted_in_time(self) -> NDArray[np.bool_]:
        """Say which episodes accepted by day 28."""
        return self.accepted & (self.reached_day <= ACCEPTANCE_DAYS)


def merge(course: Course, rows: NDArray[np.int64], other: Callable[[NDArray[np.int64]], Course]) -> Course:
    """``course`` with ``rows`` replaced by ``other(rows)``."""
    if not len(rows):
        return course
    instead = other(rows)
    merged = {}
    for name in Course.__slots__:
        merged[name] = getattr(course, name).copy()
        merged[name][rows] = getattr(instead, name)
    return Course(**merged)


@lru_cache(maxsize=64)
def _delay_table(shape: float, mean: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grid of days and the gamma distribution function on it (trapezium rule; no scipy needed)."""
    day = np.linspace(0.0, 15.0 * mean, 6001)
    density = day ** (shape - 1.0) * np.exp(-day * shape / mean)
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return day, total / total[-1]


def first_delay(
    uniform: NDArray[np.float64], crisis: NDArray[np.bool_], late: NDArray[np.bool_], care: Care
) -> NDArray[np.int64]:
    """Days to the first attempt: gamma, cut at day 14 (before for who is in time, after for who is late)."""
    day, probability = _delay_table(care.delay_shape, care.delay_mean_days)
    cut = float(np.interp(GRACE_DAYS, day, probability))
    at = np.where(late, cut + uniform * (1.0 - cut), uniform * cut)
    gamma = np.ceil(np.interp(at, probability, day))
    in_time = np.where(crisis, 1.0 + np.floor(3.0 * uniform), np.clip(gamma, 1, GRACE_DAYS))
    return np.where(late, np.clip(gamma, GRACE_DAYS + 1, 90), in_time).astype(np.int64)


def first_methods(
    key: int,
    month: int,
    facts: Facts,
    arm: NDArray[np.int64],
    probability: NDArray[np.float64],
    care: Care,
    substream: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw the method of the first attempt, whether it comes late, and whether a desk check closed the case.

    Of the arm none a share is attempted late (usual care), a share is found at the desk to be known in debt
    help or no resident, and the rest is never taken up.
    """
    mix = draws.uniforms(key, month, draws.MIX + substream, facts.household)
    none = arm == NONE
    desk = none & (mix < care.desk_share)
    late = none & ~desk & (mix < care.desk_share + care.late_share)
    method = np.where(none, NO_ATTEMPT, arm)
    rows = np.flatnonzero(late)
    if len(rows):
        total = probability[rows, :NONE].cumsum(axis=1)
        slot = draws.LATE_METHOD + substream[rows]
        at = draws.uniforms(key, month, slot, facts.household[rows]) * total[:, -1]
        method[rows] = (at[:, None] > total[:, :-1]).sum(axis=1)
    return method, late, desk


def contact(
    key: int,
    month: int,
    facts: Facts,
    method: NDArray[np.int64],
    late: NDArray[np.bool_],
    desk: NDArray[np.bool_],
    scenario: Scenario,
    substream: NDArray[np.int64],
    record: bool = False,
) -> tuple[Course, Attempts | None]:
    """Let contact take its course from the first attempt to the close of the case."""
    uniform = draws.uniforms(key, month, draws.DELAY + substream, facts.household)
    day = np.where(method == NO_ATTEMPT, NOT_REACHED, first_delay(uniform, facts.crisis, late, scenario.care))
    tries = _Tries(day, method.copy(), _hidden_facts(key, month, facts, scenario))
    tries.run(key, month, facts, scenario, substream, record)
    accepted = (tries.reached_day < NOT_REACHED) & (
        draws.uniforms(key, month, draws.ACCEPT + substream, facts.household) < acceptance(facts, scenario)
    )
    has_case = (method != NO_ATTEMPT) | desk
    close = close_day(key, month, facts, accepted, desk, tries.last_day, substream)
    ended = tries.found != NOTHING_FOUND
    course = Course(
        has_case=has_case,
        first_day=day,
        written_day=np.where((method == LETTER) | (method == MESSAGE), day, NOT_REACHED),
        reached_day=tries.reached_day,
        accepted=accepted,
        close_day=np.where(has_case, np.where(ended, tries.last_day + 2, close), 0),
        first_method=method,
        found=tries.found,
    )
    return course, _attempt_rows(tries.log) if record else None


_Row = tuple[NDArray[np.int64], int, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]


class _Tries:
    """Attempts one after the other, each after the one before did not reach anybody."""

    def __init__(
        self, day: NDArray[np.int64], method: NDArray[np.int64], hidden: NDArray[np.int64] | None
    ) -> None:
        self.day, self.method, self.hidden = day.copy(), method, hidden
        self.reached_day = np.full(len(day), NOT_REACHED)
        self.last_day = np.where(method == NO_ATTEMPT, 0, day)
        self.found = np.full(len(day), NOTHING_FOUND)
        self.log: list[_Row] = []

    def run(
        self,
        key: int,
        month: int,
        facts: Facts,
        scenario: Scenario,
        substream: NDArray[np.int64],
        record: bool,
    ) -> None:
        """Try until somebody is reached, something is found out, or the municipality stops."""
        chance, factor = _reach(scenario.care), scenario.traps.hidden_stress.reach
        rows = np.flatnonzero(self.method != NO_ATTEMPT)
        for number in range(MAXIMUM_ATTEMPTS):
            if not len(rows):
                break
            method, day = self.method[rows], self.day[rows]
            luck = _attempt_draws(key, month, number, facts.household[rows], substream[rows], self.hidden)
            odds = chance[method]
            if factor != 1.0:
                odds = odds * np.where(facts.stress[rows], factor, 1.0)
            reached = luck[:, 0] < odds
            if self.hidden is not None:
                reached &= ~self._find_out(rows, method, luck[:, 3], scenario)
            self.reached_day[rows[reached]] = day[reached]
            self.last_day[rows] = day
            if record:
                self.log.append((rows, number, day, method, reached))
            following = _next_method(method, luck[:, 1], scenario)
            self.method[rows] = following
            self.day[rows] = day + 3 + (luck[:, 2] * 8).astype(np.int64)
            goes_on = ~reached & (following != NO_ATTEMPT) & (self.found[rows] == NOTHING_FOUND)
            rows = rows[goes_on]

    def _find_out(
        self,
        rows: NDArray[np.int64],
        method: NDArray[np.int64],
        luck: NDArray[np.float64],
        scenario: Scenario,
    ) -> NDArray[np.bool_]:
        """Say at which attempts it comes out that a household is known elsewhere or gone."""
        assert self.hidden is not None
        law = scenario.traps.found_on_visit
        chance = np.array((0.0, 0.0, law.by_phone, law.by_visit))[method]
        out: NDArray[np.bool_] = (self.hidden[rows] != NOTHING_FOUND) & (luck < chance)
        self.found[rows[out]] = self.hidden[rows[out]]
        return out


def _hidden_facts(key: int, month: int, facts: Facts, scenario: Scenario) -> NDArray[np.int64] | None:
    """Draw what is the matter with each household that only contact can bring out, (m,); None: nothing."""
    law = scenario.traps.found_on_visit
    if law.known + law.mismatch == 0.0:
        return None
    luck = draws.uniforms(key, month, draws.FOUND, facts.household)
    known = law.known * np.where(facts.stress, 2.0, 0.8)
    return np.where(
        luck < known,
        KNOWN_IN_DEBT_HELP,
        np.where(luck < known + law.mismatch, NOT_RESIDENT, NOTHING_FOUND),
    )


def _attempt_draws(
    key: int,
    month: int,
    number: int,
    household: NDArray[np.int64],
    substream: NDArray[np.int64],
    hidden: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    slots = 3 if hidden is None else 4
    slot = draws.ATTEMPT + number * draws.ATTEMPT_SLOTS + np.arange(slots)
    return draws.uniforms(key, month, slot + substream[:, None], household[:, None])


def _attempt_rows(log: list[_Row]) -> Attempts:
    if not log:
        empty = np.empty(0, np.int64)
        return Attempts(empty, empty, empty, empty, np.empty(0, np.bool_))
    numbers = [np.full(len(entry[0]), entry[1]) for entry in log]
    rows, _, days, methods, reached = zip(*log, strict=True)
    return Attempts(
        np.concatenate(rows),
        np.concatenate(numbers),
        np.concatenate(days),
        np.concatenate(methods),
        np.concatenate(reached),
    )


def _reach(care: Care) -> NDArray[np.float64]:
    return np.array((care.reach_letter, care.reach_message, care.reach_phone, care.reach_home_visit))


def _next_method(
    method: NDArray[np.int64], luck: NDArray[np.float64], scenario: Scenario
) -> NDArray[np.int64]:
    """After an attempt without reach: escalate, try again, or stop."""
    care, trap = scenario.care, scenario.traps.escalation
    escalate = np.array((trap.letter_to_phone, trap.letter_to_phone, trap.phone_to_visit, 0.0))[method]
    again = np.array((care.letter_again, care.letter_again, care.phone_again, care.visit_again))[method]
    higher = np.array((PHONE, PHONE, HOME_VISIT, HOME_VISIT))[method]
    return np.where(luck < escalate, higher, np.where(luck < escalate + again, method, NO_ATTEMPT))


def close_day(
    key: int,
    month: int,
    facts: Facts,
    accepted: NDArray[np.bool_],
    desk: NDArray[np.bool_],
    last_day: NDArray[np.int64],
    substream: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Day the case closes: median 30, 75 with help, a week at the desk; never before the last attempt."""
    spread = np.exp(0.4 * draws.normals(key, month, draws.CLOSE + substream, facts.household, 1))
    median = np.where(desk, 6.0, np.where(accepted, 75.0, 30.0))
    day: NDArray[np.float64] = np.maximum(np.ceil(median * spread), last_day + np.where(desk, 0, 2))
    return day.astype(np.int64)


def no_course(n: int) -> Course:
    """Courses of episodes nobody does anything about."""
    never, no = np.full(n, NOT_REACHED), np.zeros(n, np.bool_)
    nothing = np.zeros(n, np.int64)
    return Course(no, never, never, never, no, nothing, np.full(n, NO_ATTEMPT), nothing)
