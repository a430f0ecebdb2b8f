"""Whose numbers an analysis is: the keys of its households, told to the ledger and kept in no result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.crossing import pivotal_sets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.cohort.crossing import CrossingCohort
    from causalsig.records import QuestionResult

Members = Callable[[str, Iterable[str]], None]
"""Called with the name of each analysis that can leave, and the keys of its households, each once."""


def tell_question(found: QuestionResult, cohort: Cohort, members: Members) -> None:
    """Name the households of the arms that were compared; of shares of contact alone all of the cohort."""
    arms = {arm for analysis in found.analyses for arm in analysis.result.arms}
    if arms or found.contacts is not None:
        rows = np.isin(cohort.treatment.astype(str), sorted(arms)) if arms else np.full(cohort.size, True)
        plan = cohort.plan
        members(f"{plan.question}:{plan.months}m{plan.from_day}", _names(cohort.household_keys, rows))


def tell_thresholds(cohorts: Sequence[CrossingCohort], members: Members) -> None:
    """Name the households that each threshold decides on, window by window: that is all that leaves of it."""
    for window, cohort in enumerate(cohorts):
        for place, pivotal in enumerate(pivotal_sets(cohort) if cohort.size else ()):
            members(f"threshold:{place}w{window}", _names(cohort.household_keys, pivotal.members))


def _names(keys: NDArray[np.object_], rows: NDArray[np.bool_]) -> list[str]:
    return sorted(set(keys[rows].astype(str).tolist()))
