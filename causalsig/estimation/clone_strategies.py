"""The strategies that clones follow: a name and the event each asks for, and who is on which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.clone_weights import who_follows
from causalsig.estimation.inputs import Sample, read_sample
from causalsig.estimation.person_periods import LOST, NOTHING, Courses
from causalsig.results import Arm, Floats

_OTHER = "(none of the strategies)"


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


def in_summing_order(
    courses: Courses, arms: tuple[Arm, ...], events: tuple[int, ...], households: Any, further: Floats
) -> tuple[Sample, Courses]:
    """Check arms and households, and bring the courses in the summing order.

    Who follows no strategy has a code past the last arm. The covariates of the sample only fix that order:
    by household, then by the courses, and ``further`` (n, q) last, so that it moves equal courses only.
    """
    follows = who_follows(courses, events)
    for a, arm in enumerate(arms):
        if not (follows == a).any():
            raise EstimationError(
                "estimation-empty-arm",
                expected="episodes on every strategy",
                found=f"none on {arm}",
                mend="Leave the strategy out.",
                where="strategies",
            )
    labels = np.empty(len(arms) + 1, dtype=object)
    labels[:] = [*arms, _OTHER]
    others = len(arms) > 1 and bool(np.any(follows == len(arms)))
    names = labels if others else labels[:-1]
    content = np.column_stack([courses.ends, courses.outcome, courses.fingerprints, further])
    sample = read_sample(content, labels[follows], arms=names.tolist(), households=households)
    return sample, courses.take(sample.order)


def refuse_option(expected: str, found: str, where: str) -> None:
    """Say that an option of clone-censor-weight is not one it takes."""
    raise EstimationError(
        "estimation-option",
        expected=expected,
        found=found,
        mend="See clone_censor_weight for what it takes.",
        where=where,
    )
