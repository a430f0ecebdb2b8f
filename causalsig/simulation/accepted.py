"""Courses of contact that lead to acceptance within 28 days, for who is made to accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.acceptance import acceptance
from causalsig.simulation.attempts import (
    ACCEPTANCE_DAYS,
    NOT_REACHED,
    NOTHING_FOUND,
    Course,
    close_day,
    contact,
)
from causalsig.simulation.choice import Facts
from causalsig.simulation.policies import MESSAGE, NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.scenario import Scenario

_LIBRARY_SIZE: Final = 16_000


@dataclass(frozen=True, slots=True)
class AcceptedLibrary:
    """How contact goes when it leads to reach within 28 days, by version of care.

    Versions are the four methods in time and the four methods late. The second axis is the kind of episode:
    crisis or not, times two, plus hidden stress or not.

    Attributes
    ----------
    probability : (8, 4) float64
        Probability of being reached by day 28.
    first_day, reached_day : dict
        Days of simulated courses that were, by (version, kind).
    """

    probability: NDArray[np.float64]
    first_day: dict[tuple[int, int], NDArray[np.int64]]
    reached_day: dict[tuple[int, int], NDArray[np.int64]]


_LIBRARIES: dict[str, AcceptedLibrary] = {}


def accepted_library(scenario: Scenario) -> AcceptedLibrary:
    """Library of courses, simulated once a process for each set of parameters of contact."""
    traps = scenario.traps
    laws = (scenario.care, traps.escalation, traps.found_on_visit, traps.hidden_stress)
    known = "".join(law.model_dump_json() for law in laws)
    if known not in _LIBRARIES:
        _LIBRARIES[known] = _simulate_library(scenario)
    return _LIBRARIES[known]


def _simulate_library(scenario: Scenario) -> AcceptedLibrary:
    n = _LIBRARY_SIZE
    probability = np.zeros((8, 4))
    first: dict[tuple[int, int], NDArray[np.int64]] = {}
    reached: dict[tuple[int, int], NDArray[np.int64]] = {}
    no, substream = np.zeros(n, np.bool_), np.zeros(n, np.int64)
    alike = scenario.traps.hidden_stress.reach == 1.0 and scenario.traps.found_on_visit.known == 0.0
    for version in range(8):
        for kind in range(4):
            if alike and kind % 2:
                probability[version, kind] = probability[version, kind - 1]
                first[version, kind] = first[version, kind - 1]
                reached[version, kind] = reached[version, kind - 1]
                continue
            facts = _plain(n, crisis=kind >= 2, stress=kind % 2 == 1)
            method, late = np.full(n, version % 4), np.full(n, version >= 4)
            course, _ = contact(
                draws.LIBRARY, version * 4 + kind, facts, method, late, no, scenario, substream
            )
            inside = course.reached_day <= ACCEPTANCE_DAYS
            probability[version, kind] = inside.mean()
            first[version, kind] = course.first_day[inside]
            reached[version, kind] = course.reached_day[inside]
    return AcceptedLibrary(probability, first, reached)


def _kind(facts: Facts) -> NDArray[np.int64]:
    kind: NDArray[np.int64] = facts.crisis.astype(np.int64) * 2 + facts.stress
    return kind


def _plain(n: int, crisis: bool, stress: bool) -> Facts:
    """Episodes about which nothing is special."""
    no = np.zeros(n, np.bool_)
    return Facts(
        household=np.arange(n),
        contracts=np.ones(n, np.uint8),
        multiple=no,
        successive=no,
        rent_or_crisis=no,
        minor=no,
        repeat=no,
        youth=no,
        crisis=np.full(n, crisis),
        cents=np.ones(n),
        stress=np.full(n, stress),
    )


def versions_of_acceptance(
    facts: Facts, probability: NDArray[np.float64], scenario: Scenario
) -> NDArray[np.float64]:
    """Probability of each version of care together with acceptance by day 28, shape (m, 8)."""
    care = scenario.care
    contacted = probability[:, :NONE]
    share = contacted / contacted.sum(axis=1, keepdims=True)
    weight = np.hstack([contacted, probability[:, [NONE]] * care.late_share * share])
    reach = accepted_library(scenario).probability[:, _kind(facts)].T
    joint: NDArray[np.float64] = weight * reach * acceptance(facts, scenario)[:, None]
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
    kind = _kind(facts)
    for v, c in {*zip(version.tolist(), kind.tolist(), strict=True)}:
        rows = np.flatnonzero((version == v) & (kind == c))
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
        close_day=close_day(key, month, facts, yes, ~yes, reached_day, substream),
        first_method=method,
        found=np.full(len(version), NOTHING_FOUND),
    )
