"""The strategies that clones follow: a name and the event each asks for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.person_periods import LOST, NOTHING, Courses
from causalsig.results import Arm


def read_strategies(
    strategies: Mapping[Arm, int] | None, courses: Courses
) -> tuple[tuple[Arm, ...], tuple[int, ...]]:
    """Read arms and the event each asks for.

    Raises
    ------
    EstimationError
        ``estimation-option``.
    """
    if strategies is None:
        events = tuple(int(event) for event in np.unique(courses.outcome) if event != LOST)
        return events, events
    events = tuple(strategies.values())
    whole = all(isinstance(event, (int, np.integer)) and event >= NOTHING for event in events)
    if not whole or len(set(events)) < len(events):
        refuse_option("another event 0, 1, 2, ... for each strategy", "an event twice, or none", "strategies")
    return tuple(strategies), tuple(int(event) for event in events)


def refuse_option(expected: str, found: str, where: str) -> None:
    """Say that an option of clone-censor-weight is not one it takes."""
    raise EstimationError(
        "estimation-option",
        expected=expected,
        found=found,
        mend="See clone_censor_weight for what it takes.",
        where=where,
    )
