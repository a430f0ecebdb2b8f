"""What the municipality does with an episode: who is contacted how and when, who is reached, who accepts.

A method is chosen by the score through a multinomial logit: utility of a method = monthly intercept + slope x
score + Gumbel noise. The intercepts of a month are set so that the capacity of each method is filled, which
makes them the month's realised cutoffs. The true propensities are therefore exactly softmax in recorded
facts, and a working multinomial logit with those facts and the month is a correct model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.sites import ARMS, SHARES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from causalsig.simulation.scenario import Acceptance, Assignment, Care, Scenario
    from causalsig.simulation.sites import SiteSpec

LETTER, MESSAGE, PHONE, HOME_VISIT, NONE = range(len(ARMS))
NO_ATTEMPT: Final = -1
GRACE_DAYS: Final = 14
ACCEPTANCE_DAYS: Final = 28
MAXIMUM_ATTEMPTS: Final = 8
YOUTH_MESSAGE: Final = 1.5
VISIT_FOR_MULTIPLE: Final = 0.8
REFERENCE_CENTS: Final = 30_000.0
NOT_REACHED: Final = 10**6
_LIBRARY_SIZE: Final = 16_000


@dataclass(frozen=True, slots=True)
class Facts:
    """Episodes as the municipality sees them, all shape (m,).

    Attributes
    ----------
    household : int64
    multiple, successive, rent_or_crisis, minor, repeat, youth, crisis : bool
        Two or more signals; a signal at the address in the months before that the scenario looks at; a rent
        or crisis signal; minor children; every signal repeats an old arrear; recorded age under 27; a
        crisis signal.
    cents : float64
        Total arrears.
    stress : bool
        Hidden; moves the score and acceptance only in scenarios that say so.
    """

    household: NDArray[np.int64]
    multiple: NDArray[np.bool_]
    successive: NDArray[np.bool_]
    rent_or_crisis: NDArray[np.bool_]
    minor: NDArray[np.bool_]
    repeat: NDArray[np.bool_]
    youth: NDArray[np.bool_]
    crisis: NDArray[np.bool_]
    cents: NDArray[np.float64]
    stress: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Facts:
        """Return some episodes, in that order."""
        return Facts(*(getattr(self, name)[rows] for name in self.__slots__))


def utilities(facts: Facts, law: Assignment, spec: SiteSpec) -> NDArray[np.float64]:
    """Return the utility of each arm before the month's intercepts and noise, shape (m, 5)."""
    score = (
        law.multiple * facts.multiple
        + law.successive * facts.successive
        + law.rent_or_crisis * facts.rent_or_crisis
        + law.log_amount * np.log(facts.cents / REFERENCE_CENTS)
        + law.minor_children * facts.minor
        + law.stress * facts.stress
    )
    slopes = np.array((0.0, law.slope_message, law.slope_phone, law.slope_home_visit, law.slope_none))
    utility: NDArray[np.float64] = score[:, None] * slopes
    if spec.policy == "visit_for_multiple":
        utility[:, HOME_VISIT] += VISIT_FOR_MULTIPLE * facts.multiple
    if spec.youth_text_first:
        utility[:, MESSAGE] += YOUTH_MESSAGE * facts.youth
    share_none = max(1.0 - sum(SHARES[spec.policy]), 0.05)
    odds = spec.repeat_refused / ((1.0 - spec.repeat_refused) * share_none)
    utility[:, NONE] += np.log1p(odds) * facts.repeat
    return utility


def softmax(utility: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    raised = np.exp(utility - utility.max(axis=1, keepdims=True))
    probability: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return probability


def capacity(spec: SiteSpec, scenario: Scenario, key: int, month: int) -> NDArray[np.float64]:
    """Share of the month's episodes each arm can have, (5,): policy, site capacity, shock of the month."""
    share = np.empty(5)
    share[:NONE] = SHARES[spec.policy]
    share[PHONE] *= spec.capacity_phone
    share[HOME_VISIT] *= spec.capacity_visit
    shock = draws.normals(key, month, draws.CAPACITY + np.arange(2), np.array([1 << 21]), 2)
    share[PHONE : HOME_VISIT + 1] *= np.exp(scenario.sites.capacity_shock * shock)
    share[:NONE] *= min(1.0, 0.88 / share[:NONE].sum())
    share[NONE] = 1.0 - share[:NONE].sum()
    return share


def cutoffs(
    utility: NDArray[np.float64], share: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the intercepts (5,), letter 0, that fill the month's capacity in expectation, from ``start``."""
    if not len(utility):
        return start
    intercept = start
    for _ in range(12):
        mean = softmax(utility + intercept).mean(axis=0)
        change = np.log(share / mean)
        intercept = intercept + change - change[LETTER]
        if np.abs(change).max() < 1e-3:
            break
    return intercept


def choose(
    key: int, month: int, facts: Facts, utility: NDArray[np.float64], substream: int = 0
) -> NDArray[np.int64]:
    """Arm of each episode: the highest utility with Gumbel noise, shape (m,)."""
    slot = draws.ASSIGN + substream + np.arange(5)
    noise = -np.log(-np.log(draws.uniforms(key, month, slot, facts.household[:, None])))
    arm: NDArray[np.int64] = (utility + noise).argmax(axis=1)
    return arm


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
    """

    has_case: NDArray[np.bool_]
    first_day: NDArray[np.int64]
    written_day: NDArray[np.int64]
    reached_day: NDArray[np.int64]
    accepted: NDArray[np.bool_]
    close_day: NDArray[np.int64]
    first_method: NDArray[np.int64]

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
    n = len(method)
    has_case = (method != NO_ATTEMPT) | desk
    attempted = np.flatnonzero(method != NO_ATTEMPT)
    uniform = draws.uniforms(key, month, draws.DELAY + substream, facts.household)
    day = np.where(method == NO_ATTEMPT, NOT_REACHED, first_delay(uniform, facts.crisis, late, scenario.care))
    first_day = day.copy()
    reached_day = np.full(n, NOT_REACHED)
    last_day = np.where(method == NO_ATTEMPT, 0, day)
    log: list[tuple[NDArray[np.int64], int, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]] = []
    current, rows = method.copy(), attempted
    for number in range(MAXIMUM_ATTEMPTS):
        if not len(rows):
            break
        luck = _attempt_draws(key, month, number, facts.household[rows], substream[rows])
        factor = np.where(facts.stress[rows], scenario.care.reach_factor_in_stress, 1.0)
        reached = luck[:, 0] < _reach(scenario.care)[current[rows]] * factor
        reached_day[rows[reached]] = day[rows[reached]]
        last_day[rows] = day[rows]
        if record:
            log.append((rows, number, day[rows], current[rows], reached))
        following = _next_method(current[rows], luck[:, 1], scenario.care)
        current[rows] = following
        day[rows] += 3 + (luck[:, 2] * 8).astype(np.int64)
        rows = rows[~reached & (following != NO_ATTEMPT)]
    accepted = (reached_day < NOT_REACHED) & (
        draws.uniforms(key, month, draws.ACCEPT + substream, facts.household)
        < acceptance(facts, scenario.acceptance)
    )
    close = _close_day(key, month, facts, accepted, desk, last_day, substream)
    course = Course(
        has_case=has_case,
        first_day=first_day,
        written_day=np.where((method == LETTER) | (method == MESSAGE), first_day, NOT_REACHED),
        reached_day=reached_day,
        accepted=accepted,
        close_day=np.where(has_case, close, 0),
        first_method=method,
    )
    return course, _attempt_rows(log) if record else None


def _attempt_draws(
    key: int, month: int, number: int, household: NDArray[np.int64], substream: NDArray[np.int64]
) -> NDArray[np.float64]:
    slot = draws.ATTEMPT + number * draws.ATTEMPT_SLOTS + np.arange(3)
    return draws.uniforms(key, month, slot + substream[:, None], household[:, None])


def _attempt_rows(
    log: list[tuple[NDArray[np.int64], int, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]],
) -> Attempts:
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


def _next_method(method: NDArray[np.int64], luck: NDArray[np.float64], care: Care) -> NDArray[np.int64]:
    """After an attempt without reach: escalate, try again, or stop."""
    escalate = np.array((care.letter_to_phone, care.letter_to_phone, care.phone_to_visit, 0.0))[method]
    again = np.array((care.letter_again, care.letter_again, care.phone_again, care.visit_again))[method]
    higher = np.array((PHONE, PHONE, HOME_VISIT, HOME_VISIT))[method]
    return np.where(luck < escalate, higher, np.where(luck < escalate + again, method, NO_ATTEMPT))


def acceptance(facts: Facts, law: Acceptance) -> NDArray[np.float64]:
    """Probability of accepting when reached, shape (m,)."""
    if law.by_stress:
        return np.where(facts.stress, law.in_stress, law.not_in_stress)
    logit = law.intercept + law.successive * facts.successive + law.multiple * facts.multiple
    probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logit))
    return probability


def _close_day(
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


@dataclass(frozen=True, slots=True)
class AcceptedLibrary:
    """How contact goes when it leads to reach within 28 days, by version of care.

    Versions are the four methods in time and the four methods late; crisis is the second axis.

    Attributes
    ----------
    probability : (8, 2) float64
        Probability of being reached by day 28 (outside hidden stress).
    first_day, reached_day : dict
        Days of simulated courses that were, by (version, crisis).
    """

    probability: NDArray[np.float64]
    first_day: dict[tuple[int, int], NDArray[np.int64]]
    reached_day: dict[tuple[int, int], NDArray[np.int64]]


_LIBRARIES: dict[str, AcceptedLibrary] = {}


def accepted_library(scenario: Scenario) -> AcceptedLibrary:
    """Library of courses, simulated once a process for each set of care parameters."""
    known = scenario.care.model_dump_json()
    if known not in _LIBRARIES:
        _LIBRARIES[known] = _simulate_library(scenario)
    return _LIBRARIES[known]


def _simulate_library(scenario: Scenario) -> AcceptedLibrary:
    n = _LIBRARY_SIZE
    probability = np.zeros((8, 2))
    first: dict[tuple[int, int], NDArray[np.int64]] = {}
    reached: dict[tuple[int, int], NDArray[np.int64]] = {}
    no, substream = np.zeros(n, np.bool_), np.zeros(n, np.int64)
    for version in range(8):
        for crisis in range(2):
            facts = Facts(np.arange(n), no, no, no, no, no, no, np.full(n, bool(crisis)), np.full(n, 1.0), no)
            method, late = np.full(n, version % 4), np.full(n, version >= 4)
            course, _ = contact(
                draws.LIBRARY, version * 2 + crisis, facts, method, late, no, scenario, substream
            )
            inside = course.reached_day <= ACCEPTANCE_DAYS
            probability[version, crisis] = inside.mean()
            first[version, crisis] = course.first_day[inside]
            reached[version, crisis] = course.reached_day[inside]
    return AcceptedLibrary(probability, first, reached)


def versions_of_acceptance(
    facts: Facts, probability: NDArray[np.float64], scenario: Scenario
) -> NDArray[np.float64]:
    """Probability of each version of care together with acceptance by day 28, shape (m, 8)."""
    care = scenario.care
    contacted = probability[:, :NONE]
    share = contacted / contacted.sum(axis=1, keepdims=True)
    weight = np.hstack([contacted, probability[:, [NONE]] * care.late_share * share])
    reach = accepted_library(scenario).probability[:, facts.crisis.astype(np.int64)].T
    if care.reach_factor_in_stress != 1.0:
        reach = reach * np.where(facts.stress, care.reach_factor_in_stress, 1.0)[:, None]
    joint: NDArray[np.float64] = weight * reach * acceptance(facts, scenario.acceptance)[:, None]
    return joint


def accepted_course(
    key: int, month: int, facts: Facts, probability: NDArray[np.float64], scenario: Scenario
) -> Course:
    """Courses in which help is accepted by day 28, drawn as they go among those who do accept."""
    library = accepted_library(scenario)
    total = versions_of_acceptance(facts, probability, scenario).cumsum(axis=1)
    luck = draws.uniforms(key, month, draws.SUBSTREAM * 2 + np.arange(2), facts.household[:, None])
    version = ((luck[:, 0] * total[:, -1])[:, None] > total[:, :-1]).sum(axis=1)
    first_day, reached_day = np.empty((2, len(version)), np.int64)
    crisis = facts.crisis.astype(np.int64)
    for v, c in {*zip(version.tolist(), crisis.tolist(), strict=True)}:
        rows = np.flatnonzero((version == v) & (crisis == c))
        pick = (luck[rows, 1] * len(library.first_day[v, c])).astype(np.int64)
        first_day[rows] = library.first_day[v, c][pick]
        reached_day[rows] = library.reached_day[v, c][pick]
    yes, method = np.ones(len(version), np.bool_), version % 4
    substream = np.zeros(len(version), np.int64)
    return Course(
        has_case=yes,
        first_day=first_day,
        written_day=np.where(method <= MESSAGE, first_day, NOT_REACHED),
        reached_day=reached_day,
        accepted=yes,
        close_day=_close_day(key, month, facts, yes, ~yes, reached_day, substream),
        first_method=method,
    )
