"""Whose numbers something is: the keys of its households, told to the ledger and kept in no result.

A set for each thing that is told of its own: a cohort, each of its arms, a group and its arms, the leaves of
a rule, a region, both sides of a threshold. Each episode is named by its household and its day: another wave
of a study is of other episodes, also where households come back. With the largest of them goes what is
counted of each episode: arm, covariates and outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from causalsig.cohort.crossing import pivotal_sets
from causalsig.diagnostics.questions import questions_of
from causalsig.recorded import Recorded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.cohort.crossing import CrossingCohort
    from causalsig.diagnosed import RegionCondition
    from causalsig.records import QuestionResult
    from causalsig.study.models import Outcome

    Rows = NDArray[np.bool_]

Members = Callable[[str, Iterable[tuple[str, int]]], None]
"""Called with the name of each set that something can be told of, and its episodes: household and day.

A name is ``question:window`` or ``question:window.part``."""


def tell_question(found: QuestionResult, cohort: Cohort, members: Members) -> None:
    """Name the episodes of the arms that were compared, else of all that were followed, and their parts."""
    arms = {arm for analysis in found.analyses for arm in analysis.result.arms}
    if not arms and found.contacts is None and not found.regions:
        return
    treatment, plan = cohort.treatment.astype(str), cohort.plan
    rows = np.isin(treatment, sorted(arms)) if arms else np.full(cohort.size, True)
    whole = f"{plan.question}:{plan.months}m{plan.from_day}"

    def tell(part: str, inside: Rows) -> None:
        members(f"{whole}{part}", _episodes(cohort.household_keys, cohort.time_zero, inside))

    def tell_recorded(part: str, inside: Rows) -> None:
        columns: dict[str, NDArray[np.generic]] = {
            "arm": _numbered(treatment),
            "covariates": cohort.covariates,
        }
        columns |= _outcomes(cohort.outcomes, plan.outcomes)
        members(f"{whole}{part}", _recorded(cohort, inside, columns, whole))

    if found.contacts is not None and not rows.all():
        tell("", rows)
        tell_recorded(".everybody", np.full(cohort.size, True))
    else:
        tell_recorded("", rows)
    parts = {f".{arm}": treatment == arm for arm in sorted(arms)}
    for part, inside in parts.items():
        tell(part, inside)
    if found.groups is not None or found.contacts is not None:
        for family, groups in cohort.groups.items():
            for group, inside in groups.items():
                tell(f".{family}.{group}", inside)
                for part, of_arm in parts.items():
                    tell(f".{family}.{group}{part}", inside & of_arm)
    asked = [leaf.conditions for leaf in found.rule.leaves] if found.rule is not None else []
    asked += [region.conditions for region in found.regions]
    for conditions, inside in _holding(dict.fromkeys(asked), cohort, rows):
        tell(f".{_named(conditions)}", inside)


def tell_thresholds(cohorts: Sequence[CrossingCohort], outcomes: Sequence[Outcome], members: Members) -> None:
    """Name the episodes that each threshold decides on, and those of either side of it, window by window."""
    for window, cohort in enumerate(cohorts):
        for pivotal in pivotal_sets(cohort) if cohort.size else ():
            cutoff = pivotal.cutoff
            of = f"{cutoff.score}-{'total' if pivotal.total else 'largest'}-{cutoff.value:g}"
            name = f"threshold:{window}.{of}.{pivotal.below}-{pivotal.above}"
            above = pivotal.members & (pivotal.values >= cutoff.value)
            below = pivotal.members & (pivotal.values < cutoff.value)
            columns: dict[str, NDArray[np.generic]] = {"score": pivotal.values, "handled": cohort.handled}
            columns["before"] = cohort.before
            columns |= _outcomes(cohort.outcomes, outcomes)
            members(name, _recorded(cohort, pivotal.members, columns, name))
            for part, rows in ((".above", above), (".below", below)):
                members(f"{name}{part}", _episodes(cohort.household_keys, cohort.time_zero, rows))


def _holding(
    asked: Iterable[tuple[RegionCondition, ...]], cohort: Cohort, rows: Rows
) -> Iterator[tuple[tuple[RegionCondition, ...], Rows]]:
    """Find the episodes for which all of some conditions hold, as they are asked of `rows`."""
    answers, questions, _ = questions_of(cohort.covariates[rows], cohort.covariate_names)
    places = {(one.question, one.value): place for place, one in enumerate(questions)}
    for conditions in asked:
        if {(one.question, one.value) for one in conditions} <= places.keys():
            inside = rows.copy()
            for one in conditions:
                inside[rows] &= answers[:, places[one.question, one.value]] == one.holds
            yield conditions, inside


def _named(conditions: Sequence[RegionCondition]) -> str:
    told = (f"{one.question}={one.value}" if one.value is not None else one.question for one in conditions)
    return "and".join(
        f"({name})" if one.holds else f"not({name})" for name, one in zip(told, conditions, strict=True)
    )


def _recorded(
    cohort: Cohort | CrossingCohort, rows: Rows, columns: Mapping[str, NDArray[np.generic]], of: str
) -> Recorded:
    return Recorded(
        _episodes(cohort.household_keys, cohort.time_zero, rows),
        {name: values[rows] for name, values in columns.items()},
        of,
    )


def _outcomes(
    values: Mapping[str, NDArray[np.float64]], outcomes: Sequence[Outcome]
) -> dict[str, NDArray[np.generic]]:
    """Name outcomes by what they count, whatever a study calls them: kind first, then of which signals."""
    counted = {
        one.id: f"outcome.{one.kind}/{one.signals}.{one.creditor or 'all'}"
        + (f".{one.cap_eur}" if one.kind == "amount" else "")
        for one in outcomes
    }
    return {counted[name]: found for name, found in values.items()}


def _numbered(names: NDArray[np.str_]) -> NDArray[np.int64]:
    """Give each name a number that is the same in every study."""
    distinct, place = np.unique(names, return_inverse=True)
    return np.array([crc32(name.encode()) for name in distinct.tolist()], dtype=np.int64)[place]


def _episodes(keys: NDArray[np.object_], days: NDArray[np.int64], rows: Rows) -> list[tuple[str, int]]:
    return list(zip(keys[rows].astype(str).tolist(), days[rows].tolist(), strict=True))
